"""What the frames of a still clip say together: mean and variance of every pixel, in one pass.

Sums are kept in whole numbers, so that nothing depends on the order of the frames, and memory on
their number neither: about 20 bytes a pixel.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from acquisition.clip.format import frame_format
from acquisition.clip.reader import Clip
from acquisition.picture.view import Frame, FrameFormat, unflip
from acquisition.rig import Role
from bsd.errors import UserMistake
from calibration.photometry.faults import UnlikeClips
from calibration.photometry.position import POSITIONS, cells


@dataclass(frozen=True)
class PixelStatistics:
    """Frames of one camera that saw the same.

    Attributes
    ----------
    name
        Of the clip and the camera, for messages and sources; no folder, since it is kept.
    form
        How the frames are to be read.
    count
        Frames.
    mean, variance
        (H, W) or (H, W, 3) float32, upright, sides even, DN and DN² (divisor count − 1; 0 where
        there is one frame). Black level included.
    frame_means
        (count, 4) float64: mean of every frame by place of the cell, DN.
    histogram
        (4, 2^bits) int64: how often each sample occurs, by place.
    """

    name: str
    form: FrameFormat
    count: int
    mean: NDArray[np.float32]
    variance: NDArray[np.float32]
    frame_means: NDArray[np.float64]
    histogram: NDArray[np.int64]

    @property
    def is_rgb(self) -> bool:
        """Whether the camera delivered RGB."""
        return self.mean.ndim == 3

    def share_from(self, level_dn: float) -> NDArray[np.float64]:
        """Share of samples at or above a level, (4,), 0 to 1."""
        begin = max(0, int(np.ceil(level_dn)))
        above = self.histogram[:, begin:].sum(axis=1)
        return np.asarray(above / np.maximum(1, self.histogram.sum(axis=1)))

    def require_like(self, other: PixelStatistics) -> None:
        """Raise `UnlikeClips` where the other's frames are of another size or format."""
        same = self.mean.shape == other.mean.shape and (
            (self.form.cfa, self.form.bits, self.form.flip)
            == (other.form.cfa, other.form.bits, other.form.flip)
        )
        if not same:
            raise UnlikeClips(
                f"{other.name}: {_told(other)}, but {self.name} has {_told(self)}; calibrate with"
                " clips of one rig and one pixel format"
            )


def gather(frames: Iterable[Frame], form: FrameFormat, name: str) -> PixelStatistics:
    """Mean, variance and histogram of frames as a camera delivers them.

    Parameters
    ----------
    frames
        (H, W) or (H, W, 3) uint8 or uint16, all of one size; read one after another.
    form
        How to read them.
    name
        Of the clip, for messages.

    Raises
    ------
    UserMistake
        There is no frame.
    UnlikeClips
        A frame of another size.
    """
    total = _Total(form, name)
    for frame in frames:
        total.add(frame)
    return total.finished()


def of_clip(clip: Clip, role: Role) -> PixelStatistics:
    """Statistics of all frames of one camera; see `gather`."""
    form = frame_format(clip.head, role)
    return gather(clip.frames(role), form, f"{clip.path.name} ({role})")


class _Total:
    """Running sums."""

    def __init__(self, form: FrameFormat, name: str) -> None:
        self._form, self._name = form, name
        self._count = 0
        self._sum = np.zeros((0, 0), dtype=np.uint64)
        self._squares = np.zeros((0, 0), dtype=np.uint64)
        self._means: list[list[float]] = []
        self._histogram = np.zeros((POSITIONS, form.white_dn + 1), dtype=np.int64)

    def add(self, frame: Frame) -> None:
        upright = np.ascontiguousarray(unflip(frame, self._form))
        if not self._count:
            self._sum = np.zeros(upright.shape, dtype=np.uint64)
            self._squares = np.zeros(upright.shape, dtype=np.uint64)
        elif upright.shape != self._sum.shape:
            raise UnlikeClips(
                f"{self._name}: frame {self._count} is of another size than the first; take the"
                " clip again"
            )
        self._count += 1
        self._sum += upright.astype(np.uint64)
        self._squares += np.multiply(upright, upright, dtype=np.uint64)
        self._means.append([])
        for place, plane in enumerate(cells(upright)):
            counted = np.bincount(plane.ravel(), minlength=self._form.white_dn + 1)
            known = counted[: self._form.white_dn + 1]
            known[-1] += counted[self._form.white_dn + 1 :].sum()
            self._histogram[place] += known
            self._means[-1].append(float(plane.mean(dtype=np.float64)))

    def finished(self) -> PixelStatistics:
        if not self._count:
            raise UserMistake(f"{self._name}: has no frame; take the clip again")
        mean = self._sum / self._count
        variance = np.zeros_like(mean)
        if self._count > 1:
            variance = (self._squares - mean * self._sum) / (self._count - 1)
        return PixelStatistics(
            name=self._name,
            form=self._form,
            count=self._count,
            mean=mean.astype(np.float32),
            variance=np.maximum(variance, 0).astype(np.float32),
            frame_means=np.array(self._means),
            histogram=self._histogram,
        )


def _told(statistics: PixelStatistics) -> str:
    height, width = statistics.mean.shape[:2]
    kind = "RGB" if statistics.is_rgb else statistics.form.cfa or "mono"
    return f"{width}x{height} {kind} of {statistics.form.bits} bit"
