"""A device's clock on the host's time, from round trips that bound each moment on both sides.

A time query is answered with the tick count at which its last byte had arrived. That moment lies
after the query was sent and its bytes had passed the wire, and before the reply was received less
the time of its bytes: each query is a gate that the true line (host time over device time) passes
through. The line is the middle of the widest straight strip that leaves no gate. A slow round
trip is a wide gate: it says little and spoils nothing, so no latency has to be symmetric or usual.
(The bounds are those of Moon, Skelly and Towsley, INFOCOM 1999, taken on both sides.)
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from acquisition.trigger.line import BYTE_NS, TICKS_BITS

DRIFT_MAX_PPM = 6000.0  # a ceramic resonator is within 5000
WINDOW = 600  # a minute at 10 Hz: longer, and temperature bends the line

_STEPS = 50  # searches end within 2e-11 of a slope: a nanosecond in a minute


@dataclass(frozen=True)
class ClockLine:
    """Host time as a straight function of a device's ticks.

    Attributes
    ----------
    ticks, host_ns_at
        The newest query's count and the host time that it stands for.
    tick_ns
        Nominal length of a tick.
    drift_ppm
        Rate of the device's clock against the host's; positive where the device is fast.
    residual_ns
        Largest distance of the line outside any query's bounds; 0 where it keeps them all.
    uncertainty_ns
        Half the range of host times that the queries allow at the newest one, and the residual.
    samples
        Number of queries.
    """

    ticks: int
    host_ns_at: int
    tick_ns: int
    drift_ppm: float
    residual_ns: float
    uncertainty_ns: float
    samples: int

    @property
    def offset_ns(self) -> int:
        """Host time at tick 0."""
        return self.host_ns(0)

    def host_ns(self, ticks: int) -> int:
        """Host time of a tick count that lies within 2^47 ticks of the newest query."""
        device_ns = _unwrapped(ticks, self.ticks) * self.tick_ns - self.ticks * self.tick_ns
        # Whole nanoseconds stay integers; only the small drift part is a float.
        return self.host_ns_at + device_ns + round(device_ns * (self._host_per_device - 1))

    def ticks_at(self, host_ns: int) -> int:
        """The tick that is counted at a host time."""
        elapsed_ns = host_ns - self.host_ns_at
        device_ns = elapsed_ns + round(elapsed_ns * self.drift_ppm * 1e-6)
        return self.ticks + device_ns // self.tick_ns

    @property
    def _host_per_device(self) -> float:
        return 1 / (1 + self.drift_ppm * 1e-6)


class ClockFit:
    """Collects queries and fits the line.

    Parameters
    ----------
    tick_ns
        Nominal length of a device's tick.
    window
        Number of newest queries that are kept.
    byte_ns
        Time of a byte on the wire; 0 where the line is not a real UART.
    """

    def __init__(self, tick_ns: int, *, window: int = WINDOW, byte_ns: int = BYTE_NS) -> None:
        self.tick_ns = tick_ns
        self._byte_ns = byte_ns
        self._gates: deque[tuple[int, int, int]] = deque(maxlen=window)

    def __len__(self) -> int:
        return len(self._gates)

    def add(
        self,
        sent_ns: int,
        received_ns: int,
        ticks: int,
        *,
        command_bytes: int = 0,
        reply_bytes: int = 0,
    ) -> None:
        """Take in one query.

        Parameters
        ----------
        sent_ns, received_ns
            Host time before the query was sent and after its reply was read.
        ticks
            The device's count when the query's last byte had arrived.
        command_bytes, reply_bytes
            Lengths on the wire.

        Raises
        ------
        ValueError
            The reply came before the query, or the count went back (the device began anew: so
            must the fit).
        """
        earliest_ns = sent_ns + command_bytes * self._byte_ns
        latest_ns = received_ns - reply_bytes * self._byte_ns
        if earliest_ns > latest_ns:  # the bytes did not pass a real wire
            earliest_ns, latest_ns = sent_ns, received_ns
        if earliest_ns > latest_ns:
            raise ValueError(f"reply at {received_ns} ns, before its query at {sent_ns} ns")
        if self._gates:
            last = self._gates[-1][2]
            ticks = _unwrapped(ticks, last)
            if ticks < last:
                raise ValueError(f"count {ticks} after {last}: the device began anew")
        self._gates.append((earliest_ns, latest_ns, ticks))

    def line(self) -> ClockLine:
        """The line through what has been taken in.

        Raises
        ------
        ValueError
            Nothing has been taken in.
        """
        if not self._gates:
            raise ValueError("no query has been answered yet")
        host_zero, _, ticks = self._gates[-1]
        strip = _Strip(
            np.array([(t - ticks) * self.tick_ns for _, _, t in self._gates], dtype=np.float64),
            # The count is of whole ticks: it began up to one tick before the moment itself.
            np.array([e - host_zero - self.tick_ns for e, _, _ in self._gates], dtype=np.float64),
            np.array([late - host_zero for _, late, _ in self._gates], dtype=np.float64),
        )
        excess, offset_ns = strip.middle()
        residual_ns = max(0.0, -strip.width(excess) / 2)
        early_ns, late_ns = strip.range_now()
        return ClockLine(
            ticks=ticks,
            host_ns_at=host_zero + round(offset_ns),
            tick_ns=self.tick_ns,
            drift_ppm=1e6 * (1 / (1 + excess) - 1),
            residual_ns=residual_ns,
            uncertainty_ns=max(offset_ns - early_ns, late_ns - offset_ns) + residual_ns,
            samples=len(self._gates),
        )


class _Strip:
    """Straight strips between lower and upper ends of gates, by their slope less one.

    The width of the strip of a slope is concave in the slope, and so is its upper end; searches
    by thirds find their maxima.
    """

    def __init__(
        self,
        device_ns: NDArray[np.float64],
        early_ns: NDArray[np.float64],
        late_ns: NDArray[np.float64],
    ) -> None:
        self._device_ns = device_ns
        self._early_ns = early_ns - device_ns
        self._late_ns = late_ns - device_ns
        self._limit = DRIFT_MAX_PPM * 1e-6
        self._widest = _peak(self.width, -self._limit, self._limit)

    def low(self, excess: float) -> float:
        """Lower end of the strip at the newest gate, in ns."""
        return float(np.max(self._early_ns - excess * self._device_ns))

    def high(self, excess: float) -> float:
        """Upper end of the strip at the newest gate, in ns."""
        return float(np.min(self._late_ns - excess * self._device_ns))

    def width(self, excess: float) -> float:
        """Width of the strip; negative where no line of this slope keeps all gates."""
        return self.high(excess) - self.low(excess)

    def middle(self) -> tuple[float, float]:
        """Slope less one and height at the newest gate of the widest strip's middle line."""
        # Few gates allow many slopes equally well: take the middle of them.
        excess = sum(self._slopes(self.width(self._widest) - 1.0)) / 2
        return excess, (self.low(excess) + self.high(excess)) / 2

    def range_now(self) -> tuple[float, float]:
        """Lowest and highest value at the newest gate over all lines that keep the gates."""
        if self.width(self._widest) < 0:
            _, middle = self.middle()
            return middle, middle
        slopes = self._slopes(0.0)
        highest = _peak(self.high, *slopes)
        lowest = _peak(lambda slope: -self.low(slope), *slopes)
        return self.low(lowest), self.high(highest)

    def _slopes(self, width: float) -> tuple[float, float]:
        """Least and greatest slope whose strip is at least so wide."""
        return (
            _edge(lambda slope: self.width(slope) >= width, self._widest, -self._limit),
            _edge(lambda slope: self.width(slope) >= width, self._widest, self._limit),
        )


def _peak(function: Callable[[float], float], low: float, high: float) -> float:
    """Where a concave function is largest."""
    for _ in range(_STEPS):
        third = (high - low) / 3
        if function(low + third) < function(high - third):
            low += third
        else:
            high -= third
    return (low + high) / 2


def _edge(holds: Callable[[float], bool], inside: float, limit: float) -> float:
    """How far from `inside` towards `limit` a condition holds."""
    if holds(limit):
        return limit
    for _ in range(_STEPS):
        middle = (inside + limit) / 2
        if holds(middle):
            inside = middle
        else:
            limit = middle
    return inside


def _unwrapped(ticks: int, near: int) -> int:
    """The count whose last 48 bits are `ticks` that lies nearest to `near`."""
    half = 1 << (TICKS_BITS - 1)
    return near + (ticks - near + half) % (2 * half) - half
