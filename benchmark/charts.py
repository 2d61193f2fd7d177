"""Charts of a report as SVG text: deterministic, legible in light and dark, safe for colour blind.

Ink (text, axes, grid) is ``currentColor``, so a chart inside a page follows the page's theme.
Lines differ by colour and by dash; the colours are mid-tones of the Okabe and Ito palette
(Color Universal Design, 2008) that stand out on white and on black alike. Text stays text.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogFormatter
from numpy.typing import ArrayLike

_INK = "#010203"  # written by matplotlib, replaced by currentColor (it leaves black out)
_COLOURS = ("#2b83d6", "#d9640c", "#0d9e78", "#b8669a", "#a98600", "#7a7fd1")
_DASHES = ("solid", (0, (5, 1.6)), (0, (1.2, 1.4)), (0, (6, 1.5, 1.2, 1.5)))
_ABOVE, _BELOW = _COLOURS[0], _COLOURS[1]
_INCHES_WIDE = 4.8

_STYLE: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "bsd",
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 9,
    "axes.labelsize": 9,
    "axes.titlesize": 9,
    "axes.unicode_minus": True,
    "text.parse_math": False,
    "text.usetex": False,
}


@dataclass(frozen=True)
class Line:
    """One curve of a chart.

    Attributes
    ----------
    label
        Its name in the legend.
    x, y
        Equally long; a y that is not finite is a gap.
    low, high
        Ends of an interval about y, drawn as a band; both or none.
    role
        Number of its colour and dash: the same role looks the same in every chart.
    """

    label: str
    x: ArrayLike
    y: ArrayLike
    low: ArrayLike | None = None
    high: ArrayLike | None = None
    role: int = 0


@dataclass(frozen=True)
class Bar:
    """One row of a bar chart: name, value, and a whisker's two ends (or none)."""

    label: str
    value: float
    low: float | None = None
    high: float | None = None


class _PlainLog(LogFormatter):
    """Labels the ticks that matplotlib would label, as 0.02 and not as 2e-02."""

    def __call__(self, x: float, pos: int | None = None) -> str:
        return f"{x:g}" if super().__call__(x, pos) else ""


def line_chart(
    lines: Sequence[Line],
    x_label: str,
    y_label: str,
    *,
    log_y: bool = False,
    zero_line: bool = False,
) -> str:
    """Curves over one axis.

    Parameters
    ----------
    lines
        At least one, each with at least one point.
    x_label, y_label
        What the axes show, with units.
    log_y
        Logarithmic scale; values must be above zero.
    zero_line
        Draw y = 0: above and below it mean different things.

    Returns
    -------
    str
        An SVG file's text; equal input gives equal text.
    """
    if not lines:
        raise ValueError("a chart needs at least one line")
    with mpl.rc_context(_STYLE):
        figure, axes = _blank(height_in=2.9)
        if log_y:
            axes.set_yscale("log")
            for ticks in (axes.yaxis.set_major_formatter, axes.yaxis.set_minor_formatter):
                ticks(_PlainLog(labelOnlyBase=False))
        if zero_line:
            axes.axhline(0.0, color=_INK, linewidth=0.8)
        for line in lines:
            _draw(axes, line)
        axes.set_xlabel(x_label)
        axes.set_ylabel(y_label)
        axes.grid(color=_INK, alpha=0.13, linewidth=0.6)
        if len(lines) > 1:
            _legend(figure, axes)
        return _svg(figure)


def bar_chart(
    bars: Sequence[Bar],
    value_label: str,
    *,
    mean: Bar | None = None,
) -> str:
    """Horizontal bars from zero, best first as given; colour and side tell the sign.

    Parameters
    ----------
    bars
        At least one.
    value_label
        What the values are, with the unit.
    mean
        Drawn as a line with its interval as a band behind the bars.

    Returns
    -------
    str
        An SVG file's text; equal input gives equal text.
    """
    if not bars:
        raise ValueError("a chart needs at least one bar")
    with mpl.rc_context(_STYLE):
        figure, axes = _blank(height_in=0.75 + 0.24 * len(bars) + (0.25 if mean else 0.0))
        places = np.arange(len(bars))[::-1]
        values = np.array([bar.value for bar in bars])
        colours = [_ABOVE if value >= 0 else _BELOW for value in values]
        axes.barh(places, values, height=0.62, color=colours)
        for place, bar in zip(places, bars, strict=True):
            if bar.low is not None and bar.high is not None:
                axes.plot([bar.low, bar.high], [place, place], color=_INK, linewidth=1.1)
        if mean is not None:
            _draw_mean(axes, mean)
        axes.axvline(0.0, color=_INK, linewidth=0.8)
        axes.set_yticks(places, [bar.label for bar in bars])
        axes.set_ylim(-0.7, len(bars) - 0.3)
        axes.set_xlabel(value_label)
        axes.grid(axis="x", color=_INK, alpha=0.13, linewidth=0.6)
        if mean is not None:
            _legend(figure, axes)
        return _svg(figure)


def _blank(height_in: float) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(_INCHES_WIDE, height_in), layout="constrained")
    figure.patch.set_alpha(0.0)
    axes = figure.add_subplot()
    axes.set_facecolor("none")
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set(color=_INK, linewidth=0.8)
    axes.tick_params(which="both", color=_INK, labelcolor=_INK, width=0.8)
    axes.set_axisbelow(True)
    axes.xaxis.label.set_color(_INK)
    axes.yaxis.label.set_color(_INK)
    return figure, axes


def _draw(axes: Axes, line: Line) -> None:
    x, y = np.asarray(line.x, dtype=float), np.asarray(line.y, dtype=float)
    colour = _COLOURS[line.role % len(_COLOURS)]
    axes.plot(
        x,
        y,
        color=colour,
        linestyle=_DASHES[line.role % len(_DASHES)],
        linewidth=1.7,
        label=line.label,
        marker="o" if np.isfinite(y).sum() < 12 else "",
        markersize=3.5,
    )
    if line.low is not None and line.high is not None:
        low, high = np.asarray(line.low, dtype=float), np.asarray(line.high, dtype=float)
        axes.fill_between(x, low, high, color=colour, alpha=0.13, linewidth=0)
        for edge in (low, high):
            axes.plot(x, edge, color=colour, alpha=0.45, linewidth=0.7)


def _draw_mean(axes: Axes, mean: Bar) -> None:
    axes.axvline(mean.value, color=_COLOURS[2], linewidth=1.5, linestyle=_DASHES[1])
    axes.lines[-1].set_label(mean.label)
    if mean.low is not None and mean.high is not None:
        axes.axvspan(mean.low, mean.high, color=_COLOURS[2], alpha=0.16, linewidth=0, zorder=0.4)


def _legend(figure: Figure, axes: Axes) -> None:
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(
        handles,
        labels,
        loc="outside upper left",
        ncols=3,
        frameon=False,
        labelcolor=_INK,
        handlelength=2.2,
        columnspacing=1.4,
        borderaxespad=0.2,
    )


def _svg(figure: Figure) -> str:
    buffer = io.StringIO()
    empty = {"Date": None, "Creator": None, "Format": None, "Type": None}
    figure.savefig(buffer, format="svg", metadata=empty)
    return buffer.getvalue().replace(_INK, "currentColor")
