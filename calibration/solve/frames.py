"""Frames of a calibration clip, as linear samples: of encoded ones after their response."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from acquisition.clip.format import frame_format
from acquisition.clip.reader import Clip
from acquisition.ledger.row import PREFIX, TakePart, Verdict
from acquisition.picture.view import FrameFormat
from acquisition.rig import Role
from calibration.photometry.response import Curve
from calibration.photometry.statistics import PixelStatistics, gather
from calibration.solve.material import Recording

LINEAR_BITS: Final = 16
"""Depth that encoded samples are brought to, so that nothing of their darkest is lost."""


@dataclass(frozen=True)
class Linear:
    """Samples of one camera whose response is known.

    Attributes
    ----------
    codes
        (256, 3) uint16, linear light of each code.
    """

    codes: NDArray[np.uint16]

    @classmethod
    def of(cls, curve: Curve) -> Linear:
        """From a curve that is 1 at its last code."""
        top = 2**LINEAR_BITS - 1
        return cls(np.floor(curve.astype(np.float64) * top + 0.5).astype(np.uint16))

    @property
    def clip_dn(self) -> int:
        """Linear sample of the lowest code that counts as clipped, least channel."""
        return int(self.codes[FrameFormat(cfa=None, bits=8).clip_dn].min())

    @property
    def curve(self) -> NDArray[np.float32]:
        """What `PairModel.response` holds: DN of the linear samples by code."""
        return self.codes.astype(np.float32)


def form_of(recording: Recording, role: Role, linear: Linear | None) -> FrameFormat:
    """How the samples that `frames_of` gives are read."""
    form = frame_format(recording.head, role)
    if linear is None:
        return replace(form, black_dn=0.0)
    return FrameFormat(cfa=None, bits=LINEAR_BITS, black_dn=0.0, flip=form.flip)


def frames_of(recording: Recording, role: Role, linear: Linear | None) -> Iterator[NDArray[Any]]:
    """Frames as delivered, or their linear light; one after another, bookends left out."""
    prefix = PREFIX[role]
    with Clip(recording.path) as clip:
        frames = clip.frames(role)
        for row in clip.ledger:
            if row["verdict"] != Verdict.PAIRED or row["part"] != TakePart.SCENE:
                continue
            frame = frames[int(row[f"{prefix}_index"])]
            yield frame if linear is None else _linear(frame, linear)


def statistics_of(recording: Recording, role: Role, linear: Linear | None) -> PixelStatistics:
    """Mean and variance of every pixel."""
    name = f"{recording.name} {role}"
    return gather(frames_of(recording, role, linear), form_of(recording, role, linear), name)


def _linear(frame: NDArray[Any], linear: Linear) -> NDArray[np.uint16]:
    return np.stack([linear.codes[:, c][frame[..., c]] for c in range(3)], axis=-1)
