"""Pictures of a still target: the mean of a clip's frames, upright, linear, nothing interpolated.

What is measured is measured on the samples of one colour where they lie. Interpolated pictures
serve only to find the board, and whoever compares the views as a whole.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from acquisition.picture.view import CHANNELS, Cfa, Flip, Frame, FrameFormat
from bsd.errors import UserMistake

Channel = Literal["R", "G", "B", "Y"]
Plane = NDArray[np.float32]
Mask = NDArray[np.bool_]

_TURNED: Final[dict[Flip, tuple[slice, slice]]] = {
    "none": (slice(None), slice(None)),
    "horizontal": (slice(None), slice(None, None, -1)),
    "vertical": (slice(None, None, -1), slice(None)),
}
_TENT: Final = np.array([[0.25, 0.5, 0.25]], dtype=np.float32)


@dataclass(frozen=True)
class BoardPicture:
    """A still picture of a target.

    Attributes
    ----------
    samples
        Upright, float32, DN above the black level: a mosaic or a plain picture (H, W), or (H, W, 3)
        RGB.
    cfa
        Of the upright mosaic; None where there is none.
    saturated
        (H, W) bool: clipped in any of the frames.
    """

    samples: Plane
    cfa: Cfa | None
    saturated: Mask

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width."""
        return self.samples.shape[0], self.samples.shape[1]

    @property
    def channels(self) -> tuple[Channel, ...]:
        """What it holds: red, green and blue, or "Y" alone."""
        return ("R", "G", "B") if self.cfa or self.samples.ndim == 3 else ("Y",)

    def plane(self, channel: Channel) -> tuple[Plane, Mask]:
        """Samples (H, W) float32 and where they are of this colour and not clipped, (H, W) bool."""
        if self.samples.ndim == 3:
            return self.samples[..., CHANNELS.index(channel)], ~self.saturated
        if self.cfa is None:
            return self.samples, ~self.saturated
        own = np.zeros(self.shape, dtype=np.bool_)
        for index, colour in enumerate(self.cfa):
            if colour == channel:
                own[index // 2 :: 2, index % 2 :: 2] = True
        return self.samples, own & ~self.saturated

    @cached_property
    def luminance(self) -> Plane:
        """(H, W) float32, (R + 2 G + B) / 4 of the nearest samples.

        On a mosaic a 3 × 3 tent holds the colours in these shares in every phase, so that nothing
        of the mosaic is left and nothing is moved.
        """
        if self.samples.ndim == 3:
            mixed = cv2.transform(self.samples, np.array([[0.25, 0.5, 0.25]], dtype=np.float32))
            return np.asarray(mixed, dtype=np.float32)
        if self.cfa is None:
            return self.samples
        return _tented(self.samples)

    def interpolated(self, channel: Channel) -> Plane:
        """One colour at every pixel, (H, W) float32, bilinear on a mosaic."""
        if self.samples.ndim == 3 or self.cfa is None:
            return self.plane(channel)[0]
        own = np.zeros(self.shape, dtype=np.float32)
        for index, colour in enumerate(self.cfa):
            if colour == channel:
                own[index // 2 :: 2, index % 2 :: 2] = 1.0
        return np.asarray(_tented(self.samples * own) / _tented(own), dtype=np.float32)


def board_picture(frames: Iterable[Frame], form: FrameFormat) -> BoardPicture:
    """The mean of frames as delivered, upright and less the black level.

    Parameters
    ----------
    frames
        (H, W) mosaic or plain, or (H, W, 3) RGB, uint8 or uint16, of a scene at rest.
    form
        How to read them.

    Raises
    ------
    UserMistake
        No frame.
    """
    total: NDArray[np.float64] = np.zeros(0)
    clipped: Mask = np.zeros(0, dtype=np.bool_)
    count = 0
    for frame in frames:
        if not count:
            total = np.zeros(frame.shape, dtype=np.float64)
            clipped = np.zeros(frame.shape, dtype=np.bool_)
        total += frame
        clipped[frame >= form.clip_dn] = True
        count += 1
    if not count:
        raise UserMistake("target clip: holds no frame; record the step again")
    return from_mean((total / count - form.black_dn).astype(np.float32), clipped, form)


def from_mean(mean: Plane, saturated: Mask, form: FrameFormat) -> BoardPicture:
    """A picture from a mean as delivered, DN above black, and where any frame was clipped."""
    height, width = (side // 2 * 2 for side in mean.shape[:2])  # so that a mosaic keeps a phase
    rows, columns = _TURNED[form.flip]
    upright = np.ascontiguousarray(mean[:height, :width][rows, columns], dtype=np.float32)
    clipped = saturated[:height, :width][rows, columns]
    if clipped.ndim == 3:
        clipped = np.asarray(clipped.any(axis=2))
    return BoardPicture(upright, form.upright_cfa, np.ascontiguousarray(clipped))


def plain_picture(
    picture: NDArray[np.uint8] | NDArray[np.uint16] | Plane, clip_dn: float | None = None
) -> BoardPicture:
    """A grey picture (H, W) that is upright already; from `clip_dn` on it is clipped."""
    grey = np.ascontiguousarray(picture, dtype=np.float32)
    if grey.ndim != 2:
        raise ValueError(f"a grey picture (H, W) is needed, not {grey.shape}")
    return BoardPicture(grey, None, grey >= (np.inf if clip_dn is None else clip_dn))


def _tented(samples: Plane) -> Plane:
    # REFLECT_101 keeps the phase of a mosaic.
    made = cv2.sepFilter2D(samples, cv2.CV_32F, _TENT, _TENT, borderType=cv2.BORDER_REFLECT_101)
    return np.asarray(made, dtype=np.float32)
