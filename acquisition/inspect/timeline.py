"""A clip over time as SVG text: pulses and both cameras' frames, every loss by its kind.

Each kind of loss has a lane of its own with its name and count, so that nothing depends on colour,
and a mark is at least so wide that one frame in 54,000 is seen. Ink is ``currentColor``: the chart
follows the page's theme. Equal input gives equal text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

COLOURS: Final = ("#7a7fd1", "#2b83d6", "#d9640c")
"""Of pulses, C1 and C2: mid-tones of the palette of Okabe and Ito."""

_LOSS: Final = "#c0392b"
_QUIET: Final = "#8a8f98"
_WIDTH: Final = 640
_LEFT: Final = 150
_RIGHT: Final = 24
_LANE: Final = 20
_LOSS_LANE: Final = 14
_PLOT: Final = _WIDTH - _LEFT - _RIGHT
_BINS: Final = 480
_LEAST_MARK: Final = 2.5


@dataclass(frozen=True)
class Lane:
    """What one device did over time.

    Attributes
    ----------
    label
        Name and count.
    good_s
        Times at which all was well, in s.
    losses
        Kind → times at which it was not.
    colour
        Of what was well.
    quiet
        Kinds that are no fault of this device.
    """

    label: str
    good_s: NDArray[np.float64]
    losses: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    colour: str = COLOURS[0]
    quiet: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Band:
    """A quantity over time, drawn as its least and largest value and its mean by bins."""

    label: str
    time_s: NDArray[np.float64]
    value: NDArray[np.float64]
    colour: str = COLOURS[0]


def timeline(lanes: Sequence[Lane], span_s: tuple[float, float]) -> str:
    """Lanes above one axis of time.

    Parameters
    ----------
    lanes
        From the top down.
    span_s
        Begin and end of the axis; a span of nothing is widened to 1 s.
    """
    span_s = (span_s[0], max(span_s[1], span_s[0] + 1e-3))
    parts: list[str] = []
    top = 8.0
    for lane in lanes:
        parts.append(_label(lane.label, top + _LANE / 2))
        parts += _runs(lane, top, span_s)
        top += _LANE + 4
        for kind, times_s in lane.losses.items():
            parts.append(_label(f"{kind} · {len(times_s)}", top + _LOSS_LANE / 2, quiet=True))
            colour = _QUIET if kind in lane.quiet else _LOSS
            parts += _marks(times_s, top, span_s, colour)
            top += _LOSS_LANE + 2
        top += 6
    parts += _axis(top, span_s)
    return _svg(parts, top + 34)


def bands(curves: Sequence[Band], span_s: tuple[float, float], unit: str) -> str:
    """Quantities above one axis of time, each in a strip of its own with its own scale."""
    span_s = (span_s[0], max(span_s[1], span_s[0] + 1e-3))
    parts: list[str] = []
    top, height = 8.0, 64.0
    for curve in curves:
        most = float(np.abs(curve.value).max()) or 1.0
        parts.append(_label(curve.label, top + height / 2))
        for share, text in ((0.0, f"+{most:.3g} {unit}"), (1.0, f"−{most:.3g} {unit}")):
            y = top + 4 + share * (height - 8)
            parts.append(_text(_LEFT - 6, y + 3, text, size=9, anchor="end", opacity=0.75))
        middle = top + height / 2
        parts.append(_rule(_LEFT, middle, _LEFT + _PLOT, middle, 0.3))
        parts.append(_envelope(curve, top, height, most, span_s))
        top += height + 12
    parts += _axis(top, span_s)
    return _svg(parts, top + 34)


def _runs(lane: Lane, top: float, span_s: tuple[float, float]) -> list[str]:
    """What was well, neighbouring bins in one bar: its height is the share of the fullest bins."""
    bins = _bins(lane.good_s, span_s, _bin_count(lane))
    usual = max(1.0, float(np.quantile(bins[bins > 0], 0.9)) if (bins > 0).any() else 1.0)
    share = np.minimum(1.0, np.round(4 * bins / usual) / 4)
    share[(bins > 0) & (share == 0)] = 0.25
    edges = [0, *(np.flatnonzero(np.diff(share)) + 1).tolist(), len(share)]
    drawn = []
    for begin, end in pairwise(edges):
        if share[begin] == 0:
            continue
        height = _LANE * float(share[begin])
        left, right = (_LEFT + _PLOT * each / len(share) for each in (begin, end))
        drawn.append(_rect(left, top + _LANE - height, right - left, height, lane.colour))
    return drawn


def _bin_count(lane: Lane) -> int:
    """Few frames have a bin each, so that none shares one with a gap."""
    count = len(lane.good_s) + sum(len(each) for each in lane.losses.values())
    return int(min(_BINS, max(1, count)))


def _marks(
    times_s: NDArray[np.float64], top: float, span_s: tuple[float, float], colour: str
) -> list[str]:
    bins = _bins(times_s, span_s, _BINS)
    drawn = [_rule(_LEFT, top + _LOSS_LANE, _LEFT + _PLOT, top + _LOSS_LANE, 0.15)]
    width = max(_LEAST_MARK, _PLOT / _BINS)
    for place in np.flatnonzero(bins).tolist():
        x = min(_LEFT + _PLOT * place / _BINS, _LEFT + _PLOT - width)
        drawn.append(_rect(x, top + 2, width, _LOSS_LANE - 2, colour))
    return drawn


def _envelope(
    curve: Band, top: float, height: float, most: float, span_s: tuple[float, float]
) -> str:
    place = _places(curve.time_s, span_s, _BINS)
    used = np.unique(place)
    x = _LEFT + _PLOT * (used + 0.5) / _BINS
    scale = (height / 2 - 4) / most
    middle = top + height / 2
    low = np.full(_BINS, np.inf)
    high = np.full(_BINS, -np.inf)
    np.minimum.at(low, place, curve.value)
    np.maximum.at(high, place, curve.value)
    counts = np.bincount(place, minlength=_BINS)
    means = np.bincount(place, curve.value, _BINS)[used] / counts[used]
    upper = _points(x, middle - scale * high[used])
    lower = _points(x[::-1], middle - scale * low[used][::-1])
    line = _points(x, middle - scale * means)
    return (
        f'<polygon points="{upper} {lower}" fill="{curve.colour}" fill-opacity="0.3"'
        f' stroke="{curve.colour}" stroke-width="0.8" stroke-opacity="0.6"/>'
        f'<polyline points="{line}" fill="none" stroke="{curve.colour}" stroke-width="1.2"/>'
    )


def _axis(top: float, span_s: tuple[float, float]) -> list[str]:
    length_s = span_s[1] - span_s[0]
    step_s = _step(length_s)
    drawn = [_rule(_LEFT, top, _LEFT + _PLOT, top, 0.8)]
    for number in range(int(length_s / step_s + 1e-9) + 1):
        x = _LEFT + _PLOT * number * step_s / length_s
        drawn.append(_rule(x, top, x, top + 4, 0.8))
        drawn.append(_text(x, top + 15, _clock(number * step_s, step_s), anchor="middle"))
    name = "time since the first pulse" + ("" if step_s >= 60 else ", s")
    drawn.append(_text(_LEFT + _PLOT / 2, top + 30, name, anchor="middle", opacity=0.75))
    return drawn


def _step(length_s: float) -> float:
    """Distance of the labels: round, at most nine of them."""
    for step_s in (
        *(base * 10.0**power for power in range(-4, 1) for base in (1, 2, 5)),
        *(20.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1200.0, 1800.0, 3600.0),
    ):
        if length_s / step_s <= 8:
            return step_s
    return 3600.0 * int(length_s / (8 * 3600.0) + 1)


def _clock(time_s: float, step_s: float) -> str:
    if step_s < 60:
        return f"{time_s:.10g}"
    hours, minutes = divmod(round(time_s / 60), 60)
    return f"{hours}:{minutes:02d} h" if hours else f"{minutes} min"


def _places(
    times_s: NDArray[np.float64], span_s: tuple[float, float], count: int
) -> NDArray[np.intp]:
    share = (times_s - span_s[0]) / (span_s[1] - span_s[0])
    return np.asarray(np.clip((share * count).astype(np.intp), 0, count - 1))


def _bins(
    times_s: NDArray[np.float64], span_s: tuple[float, float], count: int
) -> NDArray[np.int64]:
    return np.asarray(np.bincount(_places(times_s, span_s, count), minlength=count))


def _points(x: NDArray[np.float64], y: NDArray[np.float64]) -> str:
    return " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x.tolist(), y.tolist(), strict=True))


def _rect(x: float, y: float, width: float, height: float, colour: str) -> str:
    return (
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" fill="{colour}"/>'
    )


def _rule(x1: float, y1: float, x2: float, y2: float, opacity: float) -> str:
    return (
        f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="currentColor"'
        f' stroke-opacity="{opacity}" stroke-width="0.8"/>'
    )


def _label(text: str, y: float, *, quiet: bool = False) -> str:
    if not quiet:
        return _text(0, y + 4, text)
    return _text(_LEFT - 8, y + 4, text, size=10, anchor="end", opacity=0.85)


def _text(
    x: float, y: float, text: str, *, size: int = 11, anchor: str = "start", opacity: float = 1.0
) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}"'
        f' fill="currentColor" fill-opacity="{opacity}">{escape(text)}</text>'
    )


def _svg(parts: Sequence[str], height: float) -> str:
    body = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height:.0f}"'
        f' font-family="sans-serif">\n{body}\n</svg>'
    )
