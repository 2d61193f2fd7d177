"""What a pair of raw frames tells about light and focus: pure functions of arrays.

All values are linear, with the black level taken off, of blocks of 16 × 16 pixels; clipped blocks
are left out of whatever is compared. The unit of a level is a share of full scale (white less
black). How the views lie to each other is `acquisition.picture.registration`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from acquisition.picture.blocks import Blocks, Map, blocks, part_sums
from acquisition.picture.focus import focus
from acquisition.picture.view import Frame, FrameFormat
from bsd.errors import UserMistake

LEAST_LEVEL_SHARE: Final = 0.005
"""Of full scale: darker blocks tell no ratio."""

FLAT_SPREAD: Final = 0.02
"""A view is flat where most blocks lie within so much of a smooth surface; dirt may lie farther."""

_FLAT_EXTREME: Final = 0.2

_LEAST_BLOCKS: Final = 8
_SIGMA_OF_MAD: Final = 1.4826


@dataclass(frozen=True)
class ChannelLevel:
    """One channel of one frame.

    Attributes
    ----------
    mean_dn
        Mean less black level.
    share
        The same in shares of full scale.
    clipped_share
        Share of samples that are clipped, 0 to 1.
    """

    mean_dn: float
    share: float
    clipped_share: float


@dataclass(frozen=True)
class ViewMeasurement:
    """One frame.

    Attributes
    ----------
    channels
        "R", "G", "B"; of a plain picture "Y".
    focus, focus_floor, focus_grid
        `acquisition.picture.focus.Focus`, per cent.
    flat
        Whether the view shows one even surface.
    """

    channels: dict[str, ChannelLevel]
    focus: float | None
    focus_floor: float
    focus_grid: list[list[float | None]]
    flat: bool

    @property
    def level(self) -> float:
        """Mean over the channels, share of full scale."""
        return sum(each.share for each in self.channels.values()) / len(self.channels)

    @property
    def clipped_share(self) -> float:
        """Of the channel that is clipped most."""
        return max(each.clipped_share for each in self.channels.values())


@dataclass(frozen=True)
class Ratio:
    """C1 over C2, linear: sum over sum of the blocks, and its standard error."""

    value: float
    error: float


@dataclass(frozen=True)
class PairMeasurement:
    """Both frames of one pulse.

    Attributes
    ----------
    blurry, sharp
        C1 and C2.
    ratios
        Channel → C1/C2 as far as the views have unclipped light to compare; else left out.
    ratio_grid
        Ratio of the green (or only) channel by parts of the view, None where there is none.
    dirt
        Deepest local deviation of the ratio from a smooth surface, a share (0.05: 5 %), with the
        share of blocks that deviate; None unless both views are flat.
    """

    blurry: ViewMeasurement
    sharp: ViewMeasurement
    ratios: dict[str, Ratio]
    ratio_grid: list[list[float | None]]
    dirt: tuple[float, float] | None

    @property
    def ratio(self) -> Ratio | None:
        """Of the green (or only) channel."""
        return self.ratios.get("G", self.ratios.get("Y"))

    @property
    def flat(self) -> bool:
        """Whether both views show one even surface."""
        return self.blurry.flat and self.sharp.flat

    def as_fields(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


class Flicker(NamedTuple):
    """How the light changes from frame to frame.

    Attributes
    ----------
    ratio_spread
        Of ln(C1/C2), by the differences of frames that follow each other: their root mean square
        over √2. Of five frames or more the largest difference is left out, so that one step (a
        lamp is switched) is no flicker.
    floor
        What a moving scene may make of it: the mean error of one ratio.
    level_spread
        The same of the logarithm of C2's level.
    """

    ratio_spread: float
    floor: float
    level_spread: float


def measure_view(frame: Frame, form: FrameFormat) -> ViewMeasurement:
    """Measure one frame (H, W) or (H, W, 3) as delivered; about 2 ms for 1280 × 720.

    Raises
    ------
    UserMistake
        It is smaller than a block.
    """
    return _measure(blocks(frame, form))


def measure_pair(
    blurry: Frame, sharp: Frame, forms: tuple[FrameFormat, FrameFormat]
) -> PairMeasurement:
    """Measure both frames of one pulse, and compare them.

    Parameters
    ----------
    blurry, sharp
        Frames of C1 and C2 as delivered. Unlike sizes are compared from the upper left corner.
    forms
        How to read each.

    Raises
    ------
    UserMistake
        A frame is smaller than a block, or one is a mosaic and the other is not.
    """
    return compare(blocks(blurry, forms[0]), blocks(sharp, forms[1]))


def compare(blurry: Blocks, sharp: Blocks) -> PairMeasurement:
    """As `measure_pair`, for those who need the blocks, too."""
    if blurry.means.keys() != sharp.means.keys():
        raise UserMistake(
            "one camera delivers a mosaic or colours and the other does not: they cannot be"
            " compared; set the same pixel_format for both in the rig's file"
        )
    first, second = _measure(blurry), _measure(sharp)
    rows, columns = (min(pair) for pair in zip(blurry.shape, sharp.shape, strict=True))
    blurry, sharp = blurry.part(rows, columns), sharp.part(rows, columns)
    ratios = {}
    for name in blurry.means:
        lit = _lit(blurry, sharp, name)
        if (found := _ratio(blurry.means[name], sharp.means[name], lit)) is not None:
            ratios[name] = found
    lit = _lit(blurry, sharp, "G" if "G" in sharp.means else "Y")
    return PairMeasurement(
        first,
        second,
        ratios,
        _by_parts(blurry, sharp, lit),
        _dirt(blurry, sharp, lit) if first.flat and second.flat else None,
    )


def flicker(pairs: Sequence[PairMeasurement]) -> Flicker | None:
    """How the light changes over pairs that follow each other; None of fewer than three."""
    ratios = [pair.ratio for pair in pairs if pair.ratio is not None]
    levels = [math.log(pair.sharp.level) for pair in pairs if pair.sharp.level > 0]
    if min(len(ratios), len(levels)) < 3:
        return None
    logs = [math.log(each.value) for each in ratios]
    floor = float(np.mean([each.error / each.value for each in ratios]))
    return Flicker(_jitter(logs), floor, _jitter(levels))


def _jitter(values: list[float]) -> float:
    steps = np.sort(np.diff(values) ** 2)
    if len(steps) > 3:
        steps = steps[:-1]
    return math.sqrt(float(steps.mean()) / 2)


def _measure(seen: Blocks) -> ViewMeasurement:
    score = focus(seen)
    channels = {}
    for name, means in seen.means.items():
        mean = float(means.mean())
        channels[name] = ChannelLevel(
            mean, mean / seen.full_scale, float(seen.clipped[name].mean())
        )
    return ViewMeasurement(channels, score.score, score.floor, score.grid, _is_flat(seen))


def _is_flat(seen: Blocks) -> bool:
    means = seen.luminance.astype(np.float64)
    usable = ~seen.any_clipped
    if (
        usable.sum() < _LEAST_BLOCKS
        or usable.shape[1] < 2
        or means[usable].mean() < LEAST_LEVEL_SHARE * seen.full_scale
    ):
        return False
    steps = np.abs(np.diff(means, axis=1))[usable[:, 1:] & usable[:, :-1]]
    if np.median(steps) > 3.0 * FLAT_SPREAD * means[usable].mean():  # the rule, and quick
        return False
    rest = np.abs(means[usable] / _surface(means, usable)[usable] - 1.0)
    middle, most = np.quantile(rest, (0.5, 0.95))
    return bool(middle < FLAT_SPREAD and most < _FLAT_EXTREME)


def _lit(blurry: Blocks, sharp: Blocks, name: str) -> NDArray[np.bool_]:
    """Blocks that tell a ratio. Asked of the sum, so that neither view is preferred at edges."""
    light = blurry.means[name] + sharp.means[name]
    clipped = blurry.any_clipped | sharp.any_clipped
    return np.asarray(~clipped & (light > 2.0 * LEAST_LEVEL_SHARE * sharp.full_scale))


def _ratio(blurry: Map, sharp: Map, lit: NDArray[np.bool_]) -> Ratio | None:
    """Sum over sum, so that what the views' offset moves between blocks cancels.

    The error is that of a jackknife over the parts of the view.
    """
    if lit.sum() < _LEAST_BLOCKS:
        return None
    sums = np.stack([part_sums(each * lit).ravel() for each in (blurry, sharp)])
    total = sums.sum(axis=1)
    if min(total) <= 0:
        return None
    value = float(total[0] / total[1])
    rest = total[:, None] - sums
    if rest.shape[1] < 2 or rest.min() <= 0:
        return Ratio(value, value)
    left_out = rest[0] / rest[1]
    variance = (left_out.size - 1) * float(np.var(left_out))
    return Ratio(value, math.sqrt(variance))


def _by_parts(blurry: Blocks, sharp: Blocks, lit: NDArray[np.bool_]) -> list[list[float | None]]:
    """Ratio of sums over the parts of the view."""
    first, second, count = (
        part_sums(each) for each in (blurry.luminance * lit, sharp.luminance * lit, lit)
    )
    told = (count > 0) & (second > 0)
    grid = first / np.where(told, second, 1.0)
    return [
        [float(value) if good else None for value, good in zip(*row, strict=True)]
        for row in zip(grid, told, strict=True)
    ]


def _dirt(blurry: Blocks, sharp: Blocks, lit: NDArray[np.bool_]) -> tuple[float, float]:
    """(deepest, share) of the blocks that stand out of a smooth surface by five sigma."""
    first, second = (each.luminance.astype(np.float64) for each in (blurry, sharp))
    usable = lit & (second > 0)
    quotient = np.where(usable, first / np.where(usable, second, 1.0), 1.0)
    if usable.sum() < _LEAST_BLOCKS:
        return 0.0, 0.0
    rest = np.abs(quotient[usable] / _surface(quotient, usable)[usable] - 1.0)
    out = rest > 5.0 * _SIGMA_OF_MAD * np.median(rest)
    return (float(rest[out].max()) if out.any() else 0.0), float(out.mean())


def _surface(values: NDArray[np.float64], usable: NDArray[np.bool_]) -> NDArray[np.float64]:
    """A quadratic surface through most of the values; few that stand out do not bend it."""
    terms = _terms(*values.shape)
    kept = usable.ravel().copy()
    flat = values.ravel()
    surface = np.full_like(flat, np.median(flat[kept]))
    for _ in range(3):
        chosen = terms[kept]
        if len(chosen) < terms.shape[1]:
            break
        normal = chosen.T @ chosen + 1e-9 * len(chosen) * np.eye(terms.shape[1])
        surface = terms @ np.linalg.solve(normal, chosen.T @ flat[kept])
        rest = np.abs(flat - surface)
        kept = usable.ravel() & (rest <= 3.0 * _SIGMA_OF_MAD * np.median(rest[kept]) + 1e-12)
    return np.asarray(np.maximum(surface, 1e-12)).reshape(values.shape)


@lru_cache(maxsize=8)
def _terms(rows: int, columns: int) -> NDArray[np.float64]:
    """(rows · columns, 6): Legendre's polynomials up to the second degree."""
    y, x = (np.linspace(-1, 1, length) if length > 1 else np.zeros(1) for length in (rows, columns))
    y, x = (each.ravel() for each in np.meshgrid(y, x, indexing="ij"))
    return np.stack([np.ones_like(x), x, y, 1.5 * x * x - 0.5, x * y, 1.5 * y * y - 0.5], axis=1)
