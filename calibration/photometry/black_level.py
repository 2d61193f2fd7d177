"""The level of no light, by exposure and by place of the 2 × 2 cell.

Rounding to whole DN biases a mean by up to exp(−2π²σ²)/π where the spread σ of what is rounded
(noise and fixed pattern, DN) is small: 0.1 DN at σ = 0.24 DN. Below that the level is a bound, not
a value. (First term of the Fourier series of the rounding error under Gaussian dither.)
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bsd.document import Part
from calibration.photometry.defects import hot_pixels
from calibration.photometry.faults import MissingDark, NotDark
from calibration.photometry.position import POSITIONS, cells
from calibration.photometry.statistics import PixelStatistics

Four = tuple[float, float, float, float]

LEAST_DITHER_DN: Final = 0.24
_DARK_MOST: Final = 0.15
_LEAK_SHARE: Final = 0.002
_BLOCKS: Final = 8
_SAME_EXPOSURE: Final = 0.002
CUT_MOST: Final = 0.001
"""Share of samples at 0 above which noise is cut off there, and the mean is too high."""

_NO_DITHER_DN: Final = 0.1
_UNTOLD_DN12: Final = 0.05


class BlackLevel(Part):
    """Black level of one camera at one exposure.

    Attributes
    ----------
    exposure_us
        Predicted optical exposure of the dark clip.
    value_dn, sigma_dn
        By place of the upright cell; the sigma holds the bias of rounding too.
    is_bound
        The value is only known to within `bound_dn`, since noise does not dither the rounding or
        is cut off at 0.
    bound_dn
        Largest bias of rounding.
    dark_noise_dn
        Temporal noise of a pixel without that of rounding, mean of the places.
    fixed_pattern_dn
        Spread of the pixels' own levels (DSNU), hot ones left out.
    drift_dn
        Last quarter of the frames less the first, mean of the places.
    cut_share
        Share of samples that are 0.
    frames
        Of the clip.
    source
        Its name.
    """

    exposure_us: float
    value_dn: Four
    sigma_dn: Four
    is_bound: bool
    bound_dn: float
    dark_noise_dn: float
    fixed_pattern_dn: float
    drift_dn: float
    cut_share: float
    frames: int
    source: str

    @property
    def values(self) -> NDArray[np.float64]:
        """`value_dn` as (4,) float64."""
        return np.array(self.value_dn)

    @property
    def sigmas(self) -> NDArray[np.float64]:
        """`sigma_dn` as (4,) float64."""
        return np.array(self.sigma_dn)


def measure_black(dark: PixelStatistics, exposure_us: float) -> BlackLevel:
    """Black level from a dark clip.

    Parameters
    ----------
    dark
        All of its frames.
    exposure_us
        Predicted optical exposure.

    Raises
    ------
    NotDark
        It stands above 15 % of full scale, or is uneven by more than 0.2 % of it.
    """
    _check_dark(dark)
    usable = ~hot_pixels(dark)
    planes = [_picked(plane, keep) for plane, keep in _planes(dark, dark.mean, usable)]
    spreads = [_picked(plane, keep) for plane, keep in _planes(dark, dark.variance, usable)]
    temporal = float(np.mean([spread.mean() for spread in spreads]))
    fixed = float(np.mean([plane.var() for plane in planes])) - temporal / dark.count
    noise = math.sqrt(max(0.0, temporal - 1 / 12))
    bias = rounding_bias_dn(math.sqrt(max(0.0, temporal + max(0.0, fixed) - 1 / 12)))
    cut = float(dark.histogram[:, 0].sum() / dark.histogram.sum())
    between = dark.frame_means.std(axis=0, ddof=1) if dark.count > 1 else np.zeros(POSITIONS)
    sigma = [
        math.sqrt(
            plane.var() / plane.size
            + between[place] ** 2 / dark.count
            + bias**2 / 2  # a sinusoid of unknown phase
        )
        for place, plane in enumerate(planes)
    ]
    return BlackLevel(
        exposure_us=exposure_us,
        value_dn=four([plane.mean() for plane in planes]),
        sigma_dn=four(sigma),
        is_bound=bias >= rounding_bias_dn(LEAST_DITHER_DN) or cut > CUT_MOST,
        bound_dn=bias,
        dark_noise_dn=noise,
        fixed_pattern_dn=math.sqrt(max(0.0, fixed)),
        drift_dn=_drift(dark.frame_means),
        cut_share=cut,
        frames=dark.count,
        source=dark.name,
    )


def rounding_bias_dn(spread_dn: float) -> float:
    """Largest bias that rounding leaves in a mean, of samples with a Gaussian spread; DN."""
    if spread_dn < _NO_DITHER_DN:
        return 0.5
    return math.exp(-2 * (math.pi * spread_dn) ** 2) / math.pi


def black_of(levels: Sequence[BlackLevel], exposure_us: float, what: str) -> BlackLevel:
    """The black level of a setting: measured at its very exposure.

    Raises
    ------
    MissingDark
        No dark clip has this exposure; names `what` needs it.
    """
    for level in levels:
        if abs(level.exposure_us / exposure_us - 1) <= _SAME_EXPOSURE:
            return level
    there = ", ".join(f"{level.exposure_us / 1000:g} ms" for level in levels) or "none"
    raise MissingDark(
        f"{what}: no dark clip at its exposure of {exposure_us / 1000:g} ms (there: {there});"
        " record one with 'python -m acquisition.capture --purpose dark'"
    )


def black_at(levels: Sequence[BlackLevel], exposure_us: float) -> NDArray[np.float64]:
    """Black level (4,) at any exposure: on the line through those measured, or the only one.

    Dark current grows with the exposure; a level of a series has no dark clip of its own.
    """
    if not levels:
        raise MissingDark("black level: there is no dark clip; record one at each setting")
    times = np.array([level.exposure_us for level in levels])
    values = np.array([level.value_dn for level in levels])
    if np.ptp(times) <= _SAME_EXPOSURE * times.max():
        return np.asarray(values.mean(axis=0))
    slope, origin = np.polyfit(times, values, 1)
    return np.asarray(origin + slope * exposure_us)


def series_sigma(levels: Sequence[BlackLevel], bits: int) -> NDArray[np.float64]:
    """Sigma (4,) of `black_at` over a series, DN: with one dark exposure dark current adds to it.

    What dark current adds between the shortest exposure and the longest is told by dark clips at
    two exposures only; without, 0.05 DN of 12 bit are allowed for (5 e/s over 16 ms are 0.03 DN at
    2.5 e/DN).
    """
    sigma = np.max([level.sigma_dn for level in levels], axis=0)
    times = [level.exposure_us for level in levels]
    if max(times) - min(times) > _SAME_EXPOSURE * max(times):
        return np.asarray(sigma)
    return np.asarray(np.hypot(sigma, _UNTOLD_DN12 * 2.0 ** (bits - 12)))


def four(values: Sequence[float] | NDArray[np.float64]) -> Four:
    """Four numbers as a tuple of floats."""
    first, second, third, fourth = (float(value) for value in values)
    return first, second, third, fourth


def _planes(
    dark: PixelStatistics, picture: NDArray[np.float32], usable: NDArray[np.bool_]
) -> list[tuple[NDArray[np.float32], NDArray[np.bool_]]]:
    kept = np.repeat(usable[..., None], 3, axis=2) if dark.is_rgb else usable
    return list(zip(cells(picture), cells(kept), strict=True))


def _picked(plane: NDArray[np.float32], keep: NDArray[np.bool_]) -> NDArray[np.float64]:
    return plane[keep].astype(np.float64)


def _check_dark(dark: PixelStatistics) -> None:
    white = dark.form.white_dn
    planes = cells(dark.mean)
    level = float(np.median(np.concatenate([plane.ravel() for plane in planes]))) / white
    if level > _DARK_MOST:
        raise NotDark(
            f"{dark.name}: the dark clip stands at {level:.0%} of full scale; put the cap on, or"
            " set gamma 1 and a lower black level in the camera, and take it again"
        )
    for plane in planes:
        blocks = _block_means(plane)
        uneven = float(np.ptp(blocks)) / white
        if uneven > _LEAK_SHARE:
            raise NotDark(
                f"{dark.name}: the dark clip is uneven by {uneven:.2%} of full scale, light comes"
                " in; cover the rig and the splitter's open side, and take it again"
            )


def _block_means(plane: NDArray[np.float32]) -> NDArray[np.float64]:
    """Means of 8 × 8 blocks; what stands far out (hot pixels) is left out of each."""
    found = []
    for rows in np.array_split(plane, min(_BLOCKS, plane.shape[0])):
        for block in np.array_split(rows, min(_BLOCKS, plane.shape[1]), axis=1):
            low, high = np.percentile(block, (5, 95))
            found.append(block[(block >= low) & (block <= high)].mean(dtype=np.float64))
    return np.array(found)


def _drift(frame_means: NDArray[np.float64]) -> float:
    quarter = max(1, len(frame_means) // 4)
    means = frame_means.mean(axis=1)
    return float(means[-quarter:].mean() - means[:quarter].mean())
