"""Where a recorder's bytes go: a clip file, or what a test puts in its place."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

from acquisition.clip.document import ClipHead
from acquisition.rig import Role


class Delivered(Protocol):
    """What is known of a camera's frames, such as `acquisition.camera.message.Configured`."""

    @property
    def width(self) -> int:
        """In pixels."""

    @property
    def height(self) -> int:
        """In pixels."""

    @property
    def channels(self) -> int:
        """1 or 3."""

    @property
    def dtype(self) -> str:
        """``uint8`` or ``uint16``."""


@dataclass(frozen=True)
class FrameShape:
    """Size and type of one camera's frames.

    Attributes
    ----------
    height, width
        In pixels.
    channels
        1: samples (H, W); 3: RGB (H, W, 3).
    dtype
        ``uint8`` or ``uint16``.
    """

    height: int
    width: int
    channels: int = 1
    dtype: str = "uint8"

    @classmethod
    def of(cls, delivered: Delivered) -> Self:
        """The same, of a camera as configured."""
        return cls(delivered.height, delivered.width, delivered.channels, delivered.dtype)

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the array."""
        size = (self.height, self.width)
        return size if self.channels == 1 else (*size, self.channels)

    @property
    def frame_bytes(self) -> int:
        """Of one frame."""
        return math.prod(self.shape) * np.dtype(self.dtype).itemsize


class Sink(Protocol):
    """Takes the frames of one take. Made by an `OpenSink`; every call may raise.

    What it raises is the machine's fault (`OSError` or `bsd.errors.ToolkitError`), after which
    nothing but `close` is called.
    """

    def append(self, role: Role, arrival: np.void, data: NDArray[np.uint8]) -> None:
        """Store a frame; it survives a kill of this process from here on.

        Parameters
        ----------
        role
            Its camera.
        arrival
            A record of `acquisition.arrival.ARRIVAL`.
        data
            The frame's bytes; not to be kept, the caller uses the memory again.
        """

    def pulses(self, rows: NDArray[np.void]) -> None:
        """Store rows of `acquisition.ledger.row.PULSE`."""

    def close(self) -> None:
        """Everything is on the disk when this returns. Called once, in a thread of its own."""


OpenSink = Callable[[Path, ClipHead, Mapping[Role, FrameShape]], Sink]
"""Makes a sink; must be picklable, since the recorder's process calls it."""
