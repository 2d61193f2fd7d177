"""Flat field of each view, C2's pixel gains, and the ratio flat C2/C1 in C1's geometry."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from bsd.document import Part
from calibration.photometry.black_level import BlackLevel
from calibration.photometry.defects import mended
from calibration.photometry.faults import DarkFlat, SaturatedFlat, UnlikeClips
from calibration.photometry.position import by_channel, cells, spread
from calibration.photometry.shading import Shading, shading_of
from calibration.photometry.shading_spread import shading_spread
from calibration.photometry.statistics import PixelStatistics
from calibration.photometry.steadiness import check_steady

CLIPPED_MOST: Final = 0.001
LEAST_LEVEL: Final = 0.15
"""Of the brightest channel, share of full scale."""

LEAST_CHANNEL: Final = 0.02
_LEAST_WEIGHT: Final = 0.2
"""Below, a pixel's gain is more noise than its own."""


class FlatQuality(Part):
    """What a flat field was like.

    Attributes
    ----------
    level_dn
        Mean over the view by channel, DN above black.
    flicker
        Relative spread of the frames' means.
    clipped_share
        Largest of the places.
    pixel_sigma
        Relative spread of pixels about the smooth field (PRNU with the noise that is left).
    prnu
        The same without the noise that is left.
    shading_range
        Smallest over largest level of the green channel.
    sigma
        Relative standard error of the field without the pixels' own sensitivities, RMS over the
        view.
    frames, source
        Of the clip.
    """

    level_dn: tuple[float, float, float]
    flicker: float
    clipped_share: float
    pixel_sigma: float
    prnu: float
    shading_range: float
    sigma: float
    frames: int
    source: str


@dataclass(frozen=True)
class Flat:
    """One view's flat field.

    Attributes
    ----------
    shading
        Smooth, in DN above black.
    pixel_gain
        (H, W) or (H, W, 3) float32, mean about 1: what a signal above black is divided by to take
        out the pixels' own sensitivities; None where noise hides them.
    spread
        (H, W) float32: relative standard error of the shading, place by place.
    quality
        Numbers of it.
    """

    shading: Shading
    pixel_gain: NDArray[np.float32] | None
    spread: NDArray[np.float32]
    quality: FlatQuality


class RatioQuality(Part):
    """What the ratio flat is like.

    Attributes
    ----------
    least, most
        Of the normalised ratio, over the common view.
    sigma
        Relative standard error, RMS over the common view; the map's is not in it.
    sigma_most
        The same where it is largest: at the edges of dust. None: not told by that version.
    covered_share
        Share of C1's view that C2 sees.
    sources
        Clips.
    """

    least: float
    most: float
    sigma: float
    covered_share: float
    sources: tuple[str, str]
    sigma_most: float | None = None


@dataclass(frozen=True)
class RatioFlat:
    """How much more C2 sees than C1, place by place and by channel.

    Attributes
    ----------
    ratio
        (H1, W1, 3) float32, mean 1 by channel over the common view: aligned C2 is divided by it.
    level_ratio
        (3,) float64, C2/C1: the means that were divided out.
    covered
        (H1, W1) bool: where C2 sees what C1 does; elsewhere the ratio is that of the border.
    quality
        Numbers of it.
    """

    ratio: NDArray[np.float32]
    level_ratio: NDArray[np.float64]
    covered: NDArray[np.bool_]
    quality: RatioQuality


class RatioDrift(Part):
    """How the ratio flat has changed between two flat fields.

    Attributes
    ----------
    rms_percent, p95_percent
        Of end over start, less 1, over the common view; the channel with the most.
    """

    rms_percent: float
    p95_percent: float


def ratio_drift(start: RatioFlat, end: RatioFlat) -> RatioDrift:
    """One ratio flat against another where C2 sees what C1 does in both."""
    both = start.covered & end.covered
    change = 100.0 * np.abs(end.ratio[both] / start.ratio[both] - 1.0).astype(np.float64)
    return RatioDrift(
        rms_percent=float(np.sqrt((change**2).mean(axis=0)).max()),
        p95_percent=float(np.percentile(change, 95, axis=0).max()),
    )


def flat_of(
    flat: PixelStatistics, black: BlackLevel, clip_dn: float, defects: NDArray[np.bool_]
) -> Flat:
    """One view's flat field.

    Parameters
    ----------
    flat
        Of the clip.
    black
        At its exposure.
    clip_dn
        Samples from here on are clipped.
    defects
        (H, W) bool upright.

    Raises
    ------
    SaturatedFlat, DarkFlat, FlickeringLight
        The clip is not fit.
    """
    clipped = float(flat.share_from(clip_dn).max())
    if clipped > CLIPPED_MOST:
        raise SaturatedFlat(
            f"{flat.name}: {clipped:.1%} of the samples of a channel are clipped (from"
            f" {clip_dn:g} DN on); less light on the flat field, and take it again"
        )
    signal = mended(flat.mean, defects) - spread(black.values, flat.mean)
    level = by_channel(
        np.array([plane.mean(dtype=np.float64) for plane in cells(signal)]),
        flat.form,
        rgb=flat.is_rgb,
    )
    _check_light(flat, level)
    steady = check_steady(flat, black.values)
    shading = shading_of(signal, flat.form)
    gain, prnu = _pixel_gain(flat, signal, shading, defects)
    spread_by_place = shading_spread(shading, flat.form)
    green = shading.level_dn[..., 1]
    return Flat(
        shading,
        gain,
        spread_by_place,
        FlatQuality(
            level_dn=(float(level[0]), float(level[1]), float(level[2])),
            flicker=steady,
            clipped_share=clipped,
            pixel_sigma=shading.pixel_sigma,
            prnu=prnu,
            shading_range=float(green.min() / green.max()),
            sigma=float(np.sqrt((spread_by_place.astype(np.float64) ** 2).mean())),
            frames=flat.count,
            source=flat.name,
        ),
    )


def ratio_flat(blurry: Flat, sharp: Flat, grid: NDArray[np.float32]) -> RatioFlat:
    """C2's smooth flat, carried to C1, over C1's.

    Parameters
    ----------
    blurry, sharp
        Flats of C1 and C2, of the same surface in the same light.
    grid
        (H1, W1, 2) float32: upright C2 pixel (x, y) of each upright C1 pixel.

    Raises
    ------
    UnlikeClips
        The grid is not of C1's size, or C2 sees nothing of what C1 sees.
    """
    first, second = blurry.shading.level_dn, sharp.shading.level_dn
    if grid.shape[:2] != first.shape[:2]:
        raise UnlikeClips(
            f"{blurry.quality.source}: is {first.shape[1]}x{first.shape[0]}, the map between the"
            f" views {grid.shape[1]}x{grid.shape[0]}; solve geometry from clips of the same region"
        )
    limits = np.array([second.shape[1] - 1, second.shape[0] - 1], dtype=np.float32)
    covered = np.asarray(((grid >= 0) & (grid <= limits)).all(axis=2))
    if not covered.any():
        raise UnlikeClips(f"{sharp.quality.source}: the map leads nowhere into this view")
    x, y = (np.ascontiguousarray(grid[..., axis]) for axis in (0, 1))
    carried, spread_2 = (
        cv2.remap(plane, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        for plane in (second, sharp.spread)
    )
    sigma = np.hypot(blurry.spread, spread_2)[covered].astype(np.float64)
    quotient = np.asarray(carried, dtype=np.float64) / np.maximum(first, 1e-6)
    level_ratio = quotient[covered].mean(axis=0)
    ratio = (quotient / level_ratio).astype(np.float32)
    common = ratio[covered]
    return RatioFlat(
        ratio=ratio,
        level_ratio=level_ratio,
        covered=covered,
        quality=RatioQuality(
            least=float(common.min()),
            most=float(common.max()),
            sigma=float(np.sqrt((sigma**2).mean())),
            sigma_most=float(sigma.max()),
            covered_share=float(covered.mean()),
            sources=(blurry.quality.source, sharp.quality.source),
        ),
    )


def _check_light(flat: PixelStatistics, level: NDArray[np.float64]) -> None:
    shares = level / flat.form.white_dn
    if shares.max() < LEAST_LEVEL:
        raise DarkFlat(
            f"{flat.name}: the brightest channel stands at {shares.max():.1%} of full scale,"
            f" {LEAST_LEVEL:.0%} are needed; more light on the flat field, and take it again"
        )
    if shares.min() < LEAST_CHANNEL:
        raise DarkFlat(
            f"{flat.name}: the darkest channel stands at {shares.min():.1%} of full scale,"
            f" {LEAST_CHANNEL:.0%} are needed; take a light that has all colours"
        )


def _pixel_gain(
    flat: PixelStatistics,
    signal: NDArray[np.float32],
    shading: Shading,
    defects: NDArray[np.bool_],
) -> tuple[NDArray[np.float32] | None, float]:
    """Each pixel's sensitivity, drawn towards 1 by what noise is in it (Wiener), and PRNU."""
    smooth = np.maximum(shading.by_place, 1e-6)
    relative = signal / smooth - 1
    noise = (flat.variance / smooth**2)[~defects]
    temporal = float(noise.mean(dtype=np.float64)) / flat.count
    own = shading.pixel_sigma**2 - temporal
    if own <= 0:
        return None, 0.0
    weight = own / shading.pixel_sigma**2
    if weight < _LEAST_WEIGHT:
        return None, math.sqrt(own)
    gain = 1 + weight * relative
    gain[defects] = 1.0
    return gain.astype(np.float32), math.sqrt(own)
