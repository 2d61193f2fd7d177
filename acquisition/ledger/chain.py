r"""Frames of one camera that stand whole periods apart by its own clock: the chain of its pulses.

Nothing is known of the clock's beginning, and of its rate only that it is within `RATE_MOST` of
the trigger's. So a frame is never compared with where it should be, only with frames near it: two
frames at :math:`d_i < d_j` are *linked* where for one whole number :math:`m`

.. math:: m T r_{low} - e \le d_j - d_i \le m T r_{high} + e

with the period :math:`T`, the local rate :math:`r` (running medians of the single steps before
and after, so that a clock may bend) and the tolerance :math:`e` = 6 robust standard deviations of
the single steps, at least `TOLERANCE_LEAST_NS` (`TOLERANCE_FEW_NS` where frames are few), at most
T/8. A link counts only where all of this is less than T/4, so that :math:`m` is beyond doubt: the
frame could be off by as much again and still be nearer to its own pulse than to the next. The
largest series of linked frames is the chain; others are off the grid.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Whole = NDArray[np.int64]
    Real = NDArray[np.float64]

RATE_MOST: Final = 6e-3
"""A ceramic resonator is within 5000 ppm, a camera's crystal within 100."""

TOLERANCE_LEAST_NS: Final = 50_000.0
"""Cameras latch within microseconds, sensors begin at their next line: some tens."""

TOLERANCE_FEW_NS: Final = 250_000.0
"""The same where fewer than `_WINDOW_LEAST` single steps do not show how much stamps jitter."""

_BEND: Final = 30e-6  # how far a rate may wander within one window
_WINDOW_LEAST, _WINDOW_MOST = 15, 101
_SERIES_KEPT: Final = 8  # so many of the newest series may go on
_JUMPED: Final = 3  # so many linked frames beside the chain are no disturbances


@dataclass(frozen=True)
class Chain:
    """The frames of one camera's pulses, or why there is no telling.

    Attributes
    ----------
    frames
        (C,) positions of the chain's frames, ascending.
    slots
        (C,) pulses from the chain's first frame to each, ascending from 0.
    beside
        Positions of frames off the grid.
    doubtful
        Positions of frames whose time cannot be used, or that compete for one pulse.
    tolerance_ns, jitter_ns
        The tolerance, and the robust standard deviation of a single step.
    broken
        Why the frames make no chain, or None.
    broken_at
        Position of the first frame that breaks it.
    """

    frames: Whole
    slots: Whole
    beside: Whole
    doubtful: Whole
    tolerance_ns: float
    jitter_ns: float
    broken: str | None = None
    broken_at: int | None = None

    @property
    def span(self) -> int:
        """Pulses from the first to the last frame, both counted."""
        return int(self.slots[-1]) + 1 if len(self.slots) else 0


def chain_frames(device_ns: Whole, period_ns: float) -> Chain:
    """Find the chain.

    Parameters
    ----------
    device_ns
        (F,) stamps in the order of arrival, modulo 2^64.
    period_ns
        Mean period by the trigger's clock.
    """
    # Differences modulo 2^64, then small: exact in float64 for 100 days.
    since = (device_ns - device_ns[:1]).astype(np.float64) if len(device_ns) else np.empty(0)
    wild = _wild(since)
    kept = np.flatnonzero(~wild)
    times = since[kept]
    backward = np.flatnonzero(np.diff(times) < 0)
    if len(backward):
        return _broken("its clock went back", int(kept[backward[0] + 1]), len(device_ns))
    links = _Links(times, period_ns)
    # Of frames at nearly the same time the first stands for all, until the chain is known.
    lone = np.flatnonzero(np.diff(times, prepend=-np.inf) > 2 * links.tolerance_ns)
    if len(lone) < len(times):
        links = _Links(times[lone], period_ns)
    series = _series(links)
    if not series:
        return _nothing(np.flatnonzero(wild))
    series.sort(key=lambda one: -len(one[0]))
    frames, slots = lone[series[0][0]], series[0][1]
    broken = _what_breaks(series, len(lone))
    if broken is not None:
        return _broken(broken[0], int(kept[lone[broken[1]]]), len(device_ns))
    beside = np.setdiff1d(np.arange(len(times)), frames, assume_unique=True)
    rivals = _rivals(times, frames, beside, links.tolerance_ns)
    doubtful = np.sort(np.concatenate([np.flatnonzero(wild), kept[rivals]]))
    return Chain(
        frames=kept[frames],
        slots=slots,
        beside=np.setdiff1d(kept[beside], doubtful),
        doubtful=doubtful,
        tolerance_ns=links.tolerance_ns,
        jitter_ns=links.jitter_ns,
    )


@dataclass
class _Open:
    """A series that may go on: runs of neighbours as (begin, end, slot of the begin)."""

    runs: list[tuple[int, int, int]] = field(default_factory=list)
    frames: int = 0


class _Links:
    """Which frames are whole periods apart."""

    def __init__(self, times: Real, period_ns: float) -> None:
        self.times = times
        self.period_ns = period_ns
        steps = np.diff(times)
        counts = np.rint(steps / period_ns)
        loose = counts * period_ns * RATE_MOST + period_ns / 16
        single = np.flatnonzero((counts == 1) & (np.abs(steps - counts * period_ns) <= loose))
        self._low, self._high = self._rates(single, steps[single] / period_ns, len(steps))
        middle = (self._low + self._high)[single] / 2
        self.jitter_ns = _spread(steps[single] - period_ns * middle) if len(single) > 4 else 0.0
        least_ns = TOLERANCE_FEW_NS if len(single) < _WINDOW_LEAST else TOLERANCE_LEAST_NS
        self.tolerance_ns = min(max(6 * self.jitter_ns, least_ns), period_ns / 8)
        self._times = times.tolist()  # single numbers are quicker outside arrays
        self._lows, self._highs = self._low.tolist(), self._high.tolist()

    def _rates(self, single: Whole, rates: Real, links: int) -> tuple[Real, Real]:
        """Least and greatest local rate at each link: of the single steps before, and after."""
        if len(single) < 3:
            return np.full(links, 1 - RATE_MOST), np.full(links, 1 + RATE_MOST)
        window = int(np.clip(round(1e9 / self.period_ns), _WINDOW_LEAST, _WINDOW_MOST))
        window = min(window, len(single))
        medians = np.median(sliding_window_view(rates, window), axis=1)
        noise = 3.75 * _spread(rates - np.median(rates)) / np.sqrt(window)
        at = np.searchsorted(single, np.arange(links))
        before = medians[np.clip(at - window, 0, len(medians) - 1)]
        after = medians[np.clip(at, 0, len(medians) - 1)]
        margin = _BEND + min(noise, RATE_MOST)
        low = np.clip(np.minimum(before, after) - margin, 1 - RATE_MOST, 1 + RATE_MOST)
        high = np.clip(np.maximum(before, after) + margin, 1 - RATE_MOST, 1 + RATE_MOST)
        return low, high

    def neighbours(self) -> Whole:
        """Whole periods from each frame to the next; 0 where they are not linked."""
        low, high, period = self._low, self._high, self.period_ns
        steps = np.diff(self.times)
        counts = np.rint(steps / (period * (low + high) / 2))
        slack = counts * (high - low) / 2 * period + self.tolerance_ns
        apart = np.abs(steps - counts * period * (low + high) / 2)
        fits = (counts >= 1) & (apart <= slack) & (slack <= period / 4)
        return np.where(fits, counts, 0).astype(np.int64)

    def between(self, first: int, second: int) -> int:
        """Whole periods from one frame to a later one; 0 where they are not linked."""
        low = min(self._lows[first], self._lows[second - 1])
        high = max(self._highs[first], self._highs[second - 1])
        step = self._times[second] - self._times[first]
        count = round(step / (self.period_ns * (low + high) / 2))
        slack = count * (high - low) / 2 * self.period_ns + self.tolerance_ns
        middle = count * self.period_ns * (low + high) / 2
        fits = count >= 1 and abs(step - middle) <= slack <= self.period_ns / 4
        return count if fits else 0


def _series(links: _Links) -> list[tuple[Whole, Whole]]:
    """Frames linked with each other, and their slots from the first of them."""
    total = len(links.times)
    if not total:
        return []
    counts = links.neighbours()
    starts = np.concatenate([[0], np.flatnonzero(counts == 0) + 1])
    ends = np.append(starts[1:], total)
    since = np.concatenate([[0], np.cumsum(counts)])  # slots, as far as all are linked
    found: list[_Open] = []
    largest = _Open()
    for begin, end in zip(starts.tolist(), ends.tolist(), strict=True):
        known = {id(one): one for one in (largest, *found[-_SERIES_KEPT:]) if one.runs}
        for one in sorted(known.values(), key=lambda one: -one.frames):
            last_begin, last_end, slot = one.runs[-1]
            apart = links.between(last_end - 1, begin)
            if apart:
                slot += int(since[last_end - 1] - since[last_begin]) + apart
                break
        else:
            one, slot = _Open(), 0
            found.append(one)
        one.runs.append((begin, end, slot))
        one.frames += end - begin
        largest = max(largest, one, key=lambda one: one.frames)
    return [
        (
            np.concatenate([np.arange(begin, end) for begin, end, _ in one.runs]),
            np.concatenate(
                [since[begin:end] - since[begin] + slot for begin, end, slot in one.runs]
            ),
        )
        for one in found
    ]


def _what_breaks(series: list[tuple[Whole, Whole]], total: int) -> tuple[str, int] | None:
    """Why the largest series, which comes first, is not the chain, and from which frame on."""
    frames = series[0][0]
    for others, _ in series[1:]:
        if len(others) >= _JUMPED and (others[0] > frames[-1] or others[-1] < frames[0]):
            return "its clock jumped", int(max(others[0], frames[0]))
        if 2 * len(others) > len(frames):
            return "its frames make two series", int(max(others[0], frames[0]))
    if 2 * len(frames) <= total:
        return "its frames are not periods apart", 0
    return None


def _wild(times: Real) -> NDArray[np.bool_]:
    """Single frames whose time is not between those of their neighbours, which are in order."""
    wild = np.zeros(len(times), dtype=bool)
    if len(times) > 2:
        before, here, after = times[:-2], times[1:-1], times[2:]
        wild[1:-1] = (before < after) & ((here < before) | (here > after))
    return wild


def _rivals(times: Real, frames: Whole, beside: Whole, tolerance_ns: float) -> Whole:
    """Frames beside the chain that might be one of its frames, and those frames."""
    at = np.searchsorted(times[frames], times[beside])
    rivals: list[int] = []
    for step in (-1, 0):
        near = frames[np.clip(at + step, 0, len(frames) - 1)]
        close = np.abs(times[near] - times[beside]) <= 2 * tolerance_ns
        rivals += [*near[close].tolist(), *beside[close].tolist()]
    return np.unique(np.array(rivals, dtype=np.int64))


def _spread(values: Real) -> float:
    """Standard deviation that a few strays do not move."""
    return float(1.4826 * np.median(np.abs(values - np.median(values))))


def _broken(reason: str, position: int, total: int) -> Chain:
    nothing = _nothing(np.arange(total))
    return Chain(
        nothing.frames,
        nothing.slots,
        nothing.beside,
        nothing.doubtful,
        nothing.tolerance_ns,
        nothing.jitter_ns,
        reason,
        position,
    )


def _nothing(doubtful: Whole) -> Chain:
    empty = np.empty(0, dtype=np.int64)
    return Chain(empty, empty, empty, doubtful, TOLERANCE_LEAST_NS, 0.0)
