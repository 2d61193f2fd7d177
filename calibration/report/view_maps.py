"""Maps over C1's view: residuals, uncertainty, drift, the ratio flat, what C2 covers."""

from __future__ import annotations

from itertools import pairwise
from typing import Final

import numpy as np
from matplotlib.contour import QuadContourSet
from matplotlib.patches import Polygon
from matplotlib.ticker import FuncFormatter
from numpy.typing import NDArray

from bsd.page import cell_text
from calibration.geometry.uncertainty import MapUncertainty
from calibration.geometry.view_map import ViewMap, view_points
from calibration.report.chart import INK, VIEW_COLOURS, Chart, view_chart

Values = NDArray[np.float64]

_LEVELS: Final = 11
_MOST_CELLS: Final = 96
_ARROW_SHARE: Final = 0.07
_BORDER_STEPS: Final = 32
_BAR_IN: Final = 0.6
_LEAST_PX: Final = 1e-9
_NONE: Final = 1e-12


def round_scale(length_px: float, width_px: float) -> float:
    """How many times arrows are drawn longer than they are: 1, 2 or 5 times a power of ten.

    Parameters
    ----------
    length_px
        Of a long arrow, such as the 95th percentile.
    width_px
        Of the view; that arrow becomes 7 % of it at most.
    """
    return _floor(_ARROW_SHARE * width_px / max(length_px, _LEAST_PX))


def arrow_map(at: Values, shift_px: Values, shape: tuple[int, int]) -> tuple[str, float]:
    """Shifts as arrows from where they were found.

    Parameters
    ----------
    at, shift_px
        (n, 2) float64 px of C1, (x, y).
    shape
        Of C1's view, (height, width).

    Returns
    -------
    svg, scale
        The chart, and how many times longer than true its arrows are.
    """
    length = np.hypot(shift_px[:, 0], shift_px[:, 1])
    long_px = float(np.percentile(length, 95)) if len(length) else 0.0
    scale = round_scale(long_px, shape[1])
    with view_chart(shape, extra_in=0.2) as made:
        arrows = made.axes.quiver(
            at[:, 0],
            at[:, 1],
            shift_px[:, 0],
            shift_px[:, 1],
            angles="xy",
            scale_units="xy",
            scale=1.0 / scale,
            units="inches",
            width=0.014,
            headwidth=4.5,
            color=VIEW_COLOURS["blurry"],
        )
        made.axes.scatter(at[:, 0], at[:, 1], s=1.5, color=VIEW_COLOURS["blurry"], linewidth=0)
        _margin(made, shape)
        key_px = _floor(max(long_px, _LEAST_PX))
        made.axes.quiverkey(
            arrows, 0.86, 1.045, key_px, f"{key_px:g} px", labelpos="W", coordinates="axes"
        )
    return made.svg, scale


def uncertainty_map(uncertainty: MapUncertainty, shape: tuple[int, int]) -> str:
    """Standard error of the map per coordinate, as filled contours with a bar."""
    sigma = uncertainty.array()
    low, high = float(sigma.min()), float(sigma.max())
    if high - low < 1e-9:
        high = low + 1e-6
    with view_chart(shape, extra_in=_BAR_IN) as made:
        filled = made.axes.contourf(
            np.array(uncertainty.x_px),
            np.array(uncertainty.y_px),
            sigma,
            levels=np.linspace(low, high, _LEVELS),
            cmap="viridis",
            antialiased=False,
        )
        _bar(made, filled, "standard error of a coordinate, px", ".2g")
    return made.svg


def ratio_reach(ratios: list[NDArray[np.float32]]) -> float:
    """How far the scale of a set of ratio maps reaches about 1, so that all share one.

    Parameters
    ----------
    ratios
        Of any shape, mean 1; NaN where there is none.
    """
    most = max(float(np.nanquantile(np.abs(ratio - 1.0), 0.999)) for ratio in ratios)
    return _ceiling(max(most, 1e-4))


def ratio_map(ratio: NDArray[np.float32], reach: float) -> str:
    """One channel of a ratio flat in per cent, between 1 ∓ `reach`.

    Parameters
    ----------
    ratio
        (H1, W1) float32, mean 1; NaN is left blank.
    """
    height, width = ratio.shape
    step = -(-max(height, width) // _MOST_CELLS)
    thinned = _block_means(ratio, step)
    x = (np.arange(thinned.shape[1]) + 0.5) * width / thinned.shape[1] - 0.5
    y = (np.arange(thinned.shape[0]) + 0.5) * height / thinned.shape[0] - 0.5
    x[[0, -1]], y[[0, -1]] = (0, width - 1), (0, height - 1)  # so that the borders are filled
    percent = np.clip(100.0 * (thinned - 1.0), -100.0 * reach, 100.0 * reach)
    with view_chart((height, width), extra_in=_BAR_IN) as made:
        filled = made.axes.contourf(
            x,
            y,
            np.ma.masked_invalid(percent),
            levels=np.linspace(-100.0 * reach, 100.0 * reach, _LEVELS),
            cmap="PuOr",
            antialiased=False,
        )
        _bar(made, filled, "C2/C1 off its mean, %", "+.3g")
    return made.svg


def coverage_map(view_map: ViewMap) -> tuple[str, float]:
    """Where C2's border lies in C1's view.

    Returns
    -------
    svg, share
        The chart, and the share of C1's pixels that C2 sees, 0 to 1.
    """
    height, width = view_map.shape_1
    border = view_map.to_c1(_border(view_map.shape_2))
    with view_chart(view_map.shape_1, extra_in=0.25) as made:
        axes = made.axes
        own = _border(view_map.shape_1)
        axes.add_patch(
            Polygon(
                border.tolist(),
                facecolor=VIEW_COLOURS["sharp"],
                alpha=0.25,
                label="seen by C2",
                hatch="////",
            )
        )
        axes.plot(*border.T, color=VIEW_COLOURS["sharp"], linewidth=1.6, label="C2's border")
        axes.plot(
            *own.T,
            color=VIEW_COLOURS["blurry"],
            linestyle=(0, (5, 1.6)),
            linewidth=1.4,
            label="C1's border",
        )
        both = np.vstack([own, border])
        low, high = both.min(axis=0), both.max(axis=0)
        margin = 0.03 * max(width, height)
        axes.set_xlim(low[0] - margin, high[0] + margin)
        axes.set_ylim(high[1] + margin, low[1] - margin)
        made.legend()
    return made.svg, float(covered(view_map).mean())


def covered(view_map: ViewMap) -> NDArray[np.bool_]:
    """(H1, W1) bool: pixels of C1 that lie inside C2's view."""
    grid = view_map.grid()
    last = np.array(view_map.shape_2[::-1]) - 1
    return np.asarray(((grid >= 0) & (grid <= last)).all(axis=2))


def drift_shifts(start: ViewMap, end: ViewMap) -> tuple[Values, Values]:
    """Places (n, 2) over C1's view, and by how many px the end's map puts them elsewhere."""
    at = view_points(start.shape_1)
    return at, end.to_c1(start.to_c2(at)) - at


def _margin(made: Chart, shape: tuple[int, int]) -> None:
    """Room around the view, for arrows that begin at its border."""
    height, width = shape
    room = _ARROW_SHARE * width
    border = _border(shape)
    made.axes.plot(*border.T, color=INK, linewidth=0.6, linestyle="dotted")
    made.axes.set_xlim(-room, width - 1 + room)
    made.axes.set_ylim(height - 1 + room, -room)


def _bar(made: Chart, filled: QuadContourSet, label: str, spec: str) -> None:
    """A colour bar below the view, its numbers with a true minus sign."""
    ticks = FuncFormatter(
        lambda value, _place: cell_text(float(value), spec) if abs(value) > _NONE else "0"
    )
    bar = made.figure.colorbar(
        filled, ax=made.axes, location="bottom", aspect=32, pad=0.03, format=ticks
    )
    bar.set_label(label)


def _border(shape: tuple[int, int]) -> Values:
    """The outline of a view through the centres of its border pixels, closed: (n, 2) px."""
    right, bottom = shape[1] - 1.0, shape[0] - 1.0
    corners = np.array([[0, 0], [right, 0], [right, bottom], [0, bottom], [0, 0]])
    share = np.linspace(0.0, 1.0, _BORDER_STEPS, endpoint=False)[:, None]
    sides = [a + share * (b - a) for a, b in pairwise(corners)]
    return np.vstack([*sides, corners[:1]])


def _block_means(picture: NDArray[np.float32], step: int) -> Values:
    """Means of step × step blocks without their NaN; NaN where nothing is left."""
    height, width = (side // step * step for side in picture.shape)
    blocks = picture[:height, :width].reshape(height // step, step, width // step, step)
    known = np.isfinite(blocks)
    total = np.where(known, blocks, 0.0).sum(axis=(1, 3), dtype=np.float64)
    count = known.sum(axis=(1, 3))
    return np.asarray(np.where(count > 0, total / np.maximum(count, 1), np.nan))


def _floor(value: float) -> float:
    """The nearest lower of 1, 2, 5 times a power of ten."""
    return float(max(step for step in _round_numbers(value) if step <= value * (1.0 + 1e-9)))


def _ceiling(value: float) -> float:
    """The nearest upper of the same."""
    return float(min(step for step in _round_numbers(value) if step >= value * (1.0 - 1e-9)))


def _round_numbers(value: float) -> list[float]:
    power = 10.0 ** np.floor(np.log10(value))
    return [float(step * power) for step in (0.5, 1.0, 2.0, 5.0, 10.0)]
