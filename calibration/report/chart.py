"""Charts as SVG text: deterministic, ink as ``currentColor``, legible in light and dark.

Curves differ by colour, dash and marker; the colours are mid-tones of the palette of Okabe and Ito
(Color Universal Design, 2008). Text stays text. Filled maps are vectors too: a page takes no
pictures inside a chart.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from acquisition.rig import Role

INK: Final = "#010203"
"""Written by matplotlib, replaced by ``currentColor``."""

VIEW_COLOURS: Final[dict[Role, str]] = {"blurry": "#2b83d6", "sharp": "#d9640c"}
LIMIT_COLOUR: Final = "#c0392b"
QUIET_COLOUR: Final = "#7a7fd1"
VIEW_NAMES: Final[dict[Role, str]] = {"blurry": "C1, blurry", "sharp": "C2, sharp"}

_WIDE_IN: Final = 4.8
_MANY: Final = 2000.0  # from here on ticks at 1, 2 and 5 of each decade would touch

_STYLE: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "bsd-calibration",
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 9,
    "axes.labelsize": 9,
    "axes.titlesize": 9,
    "axes.unicode_minus": True,
    "axes.facecolor": "none",
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "text.color": INK,
    "grid.color": INK,
    "grid.alpha": 0.13,
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "legend.labelcolor": INK,
    "text.parse_math": False,
    "text.usetex": False,
}


class Chart:
    """A chart under construction.

    Attributes
    ----------
    figure, axes
        To draw on.
    """

    def __init__(self, height_in: float) -> None:
        self.figure = Figure(figsize=(_WIDE_IN, height_in), layout="constrained")
        self.figure.patch.set_alpha(0.0)
        self.axes: Axes = self.figure.add_subplot()
        self.svg = ""

    def legend(self, columns: int = 3) -> None:
        """What the curves are called, above the chart."""
        handles, labels = self.axes.get_legend_handles_labels()
        if handles:
            self.figure.legend(handles, labels, loc="outside upper left", ncols=columns)


@contextmanager
def chart(height_in: float = 2.9, *, grid: bool = True) -> Iterator[Chart]:
    """A chart to draw on; its `svg` is there when the block ends. Equal drawings, equal text."""
    with mpl.rc_context(_STYLE):
        made = Chart(height_in)
        if grid:
            made.axes.grid(visible=True)
        yield made
        buffer = io.StringIO()
        empty = {"Date": None, "Creator": None, "Format": None, "Type": None}
        made.figure.savefig(buffer, format="svg", metadata=empty)
        made.svg = buffer.getvalue().replace(INK, "currentColor")


@contextmanager
def view_chart(shape: tuple[int, int], extra_in: float = 0.0) -> Iterator[Chart]:
    """A chart over a view (height, width) in pixels, y downwards, pixels square."""
    height, width = shape
    with chart(0.55 + 4.0 * min(1.6, height / width) + extra_in, grid=False) as made:
        axes = made.axes
        axes.set_aspect("equal")
        axes.set_xlim(-0.5, width - 0.5)
        axes.set_ylim(height - 0.5, -0.5)
        axes.set_xlabel("x, px of C1")
        axes.set_ylabel("y, px of C1")
        for side in ("top", "right"):
            axes.spines[side].set_visible(True)
        yield made


def plain_log(made: Chart, *, x: bool = False, y: bool = False) -> None:
    """Logarithmic axes whose ticks read 0.5 and not 5e-1; after the curves are drawn."""
    label = FuncFormatter(lambda value, _place: f"{value:g}")
    for wanted, name in ((x, "x"), (y, "y")):
        if not wanted:
            continue
        getattr(made.axes, f"set_{name}scale")("log")
        low, high = getattr(made.axes, f"get_{name}lim")()
        steps = (1.0, 2.0, 5.0) if high / low < _MANY else (1.0,)
        axis = getattr(made.axes, f"{name}axis")
        axis.set_major_locator(LogLocator(subs=steps, numticks=24))
        axis.set_major_formatter(label)
        axis.set_minor_formatter(NullFormatter())
