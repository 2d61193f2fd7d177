"""A camera's clock: the times that frames carry, and a reading beside the host's."""

from __future__ import annotations

import time
from typing import Any, Final

from acquisition.arrival import NO_TIME
from acquisition.camera.feature import FeatureTree

_NS: Final = 1_000_000_000
_TICK_RATES: Final = (
    "GevTimestampTickFrequency",
    "DeviceTimestampFrequency",
    "TimestampTickFrequency",
)
_LATCHES: Final = (
    ("TimestampLatch", "TimestampLatchValue"),
    ("GevTimestampControlLatch", "GevTimestampValue"),
)


class FrameClock:
    """Reads frames' times in ns; how, is found out at the first frame of an arming.

    Parameters
    ----------
    tree
        Tells the clock's rate where a producer gives ticks only.
    faults
        What a producer raises that gives no times.
    """

    def __init__(self, tree: FeatureTree, faults: tuple[type[Exception], ...]) -> None:
        self._tree = tree
        self._faults = faults
        self._field: str | None = None  # not yet known
        self._ticks_hz = _NS

    def read(self, buffer: Any) -> int:
        """Time of a GenTL buffer in ns of the camera's clock, or `NO_TIME`."""
        if self._field is None:
            self._field = self._find_out(buffer)
        if not self._field:
            return NO_TIME
        ticks = int(getattr(buffer, self._field))
        return ticks if self._ticks_hz == _NS else ticks * _NS // self._ticks_hz

    def _find_out(self, buffer: Any) -> str:
        for field in ("timestamp_ns", "timestamp"):
            try:
                told = int(getattr(buffer, field))
            except self._faults:
                continue
            if told <= 0:  # a producer without a clock may say 0
                continue
            if field == "timestamp_ns":
                return field
            self._ticks_hz = tick_rate_hz(self._tree)
            return field if self._ticks_hz else ""
        return ""


def tick_rate_hz(tree: FeatureTree) -> int:
    """Ticks per second of a clock that does not count ns; 0 where it is not told."""
    for name in _TICK_RATES:
        if tree.has(name):
            return int(tree.read(name))
    return 0


def latch(tree: FeatureTree) -> tuple[int, int, int] | None:
    """The camera's clock in ns, and the host's before and after; None where it has no latch."""
    for command, reading in _LATCHES:
        if not (tree.has(command) and tree.has(reading)):
            continue
        before_ns = time.monotonic_ns()
        tree.run(command)
        after_ns = time.monotonic_ns()
        ticks = int(tree.read(reading))
        rate_hz = (tick_rate_hz(tree) if reading.startswith("Gev") else 0) or _NS
        return ticks * _NS // rate_hz, before_ns, after_ns
    return None
