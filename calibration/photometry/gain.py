"""How C1's level stands to C2's by channel, and what that says of filter and exposures."""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from bsd.document import Part
from calibration.photometry.flat import RatioFlat
from calibration.photometry.linearity import Linearity

Three = tuple[float, float, float]
_RATIO_MOST: Final = 0.05


class ChannelGains(Part):
    """C1 over C2, from one flat field in both views.

    Attributes
    ----------
    gain
        By channel: aligned C2, divided by the ratio flat, times this is C1.
    sigma
        Absolute, by channel: noise, black levels.
    nominal
        (exposure of C1 × ND transmission) / exposure of C2, as planned and written on the filter.
    relative
        `gain` over `nominal`: 1 where filter, splitter and both sensors are as ideal ones.
    exposure_ratio, exposure_ratio_sigma
        Effective exposure C1 / C2, with the offsets that the series tells; None without a series.
    transmission
        `gain` over the effective exposure ratio: ND filter × splitter × sensors; None without.
    is_within
        Whether `relative` is within 5 % of 1, as a preflight asks.
    sources
        Clips.
    """

    gain: Three
    sigma: Three
    nominal: float
    relative: Three
    exposure_ratio: float | None = None
    exposure_ratio_sigma: float | None = None
    transmission: Three | None = None
    is_within: bool
    sources: tuple[str, str]


def channel_gains(
    flat: RatioFlat,
    exposures_us: tuple[float, float],
    nd_transmission: float,
    black_sigma: tuple[float, float],
    linearities: tuple[Linearity, Linearity] | None = None,
) -> ChannelGains:
    """Gains of a setting.

    Parameters
    ----------
    flat
        Ratio flat of this setting.
    exposures_us
        Predicted, of C1 and C2.
    nd_transmission
        As written on C1's filter.
    black_sigma
        Sigma of the black level of C1 and C2, relative to the flat's level.
    linearities
        Of C1 and C2.
    """
    gain = 1 / flat.level_ratio
    sigma = gain * math.hypot(*black_sigma, flat.quality.sigma)
    nominal = exposures_us[0] * nd_transmission / exposures_us[1]
    relative = gain / nominal
    ratio = ratio_sigma = None
    transmission: Three | None = None
    if linearities is not None:
        real = [time + line.offset_us for time, line in zip(exposures_us, linearities, strict=True)]
        ratio = real[0] / real[1]
        parts = [line.offset_sigma_us / t for line, t in zip(linearities, real, strict=True)]
        ratio_sigma = ratio * math.hypot(*parts)
        transmission = three(gain / ratio)
    return ChannelGains(
        gain=three(gain),
        sigma=three(sigma),
        nominal=nominal,
        relative=three(relative),
        exposure_ratio=ratio,
        exposure_ratio_sigma=ratio_sigma,
        transmission=transmission,
        is_within=bool((np.abs(relative - 1) <= _RATIO_MOST).all()),
        sources=flat.quality.sources,
    )


def three(values: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> Three:
    """Three numbers as a tuple of floats."""
    first, second, third = (float(value) for value in values)
    return first, second, third
