"""All of photometry for one setting: from statistics of its clips to what corrects a pair.

Everything that does not fit is refused by name (`calibration.photometry.faults`); what is lacking
but can be lived without is a note.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from acquisition.clip.document import ClipHead
from acquisition.rig import ROLES, Rig, Role
from bsd.document import Part
from bsd.errors import UserMistake
from calibration.photometry.black_level import BlackLevel, black_at, black_of, measure_black
from calibration.photometry.colour import ColourMatrix, colour_matrix
from calibration.photometry.defects import DefectCounts, Defects, find_defects
from calibration.photometry.faults import MissingDark
from calibration.photometry.flat import (
    Flat,
    FlatQuality,
    RatioFlat,
    RatioQuality,
    flat_of,
    ratio_flat,
)
from calibration.photometry.gain import ChannelGains, Three, channel_gains, three
from calibration.photometry.linearity import (
    Linearity,
    check_same_light,
    fit_series,
    level_of,
    rig_advice,
)
from calibration.photometry.patches import ColourView, Patches, find_patches
from calibration.photometry.saturation import Saturation, find_saturation
from calibration.photometry.statistics import PixelStatistics
from calibration.photometry.white import common_white, headroom_dn


@dataclass(frozen=True)
class Exposed:
    """A clip of one camera, and its predicted optical exposure."""

    statistics: PixelStatistics
    exposure_us: float


@dataclass(frozen=True)
class CameraClips:
    """What photometry needs of one camera.

    Attributes
    ----------
    dark
        Dark clips: one at the exposure of the flat, others where there are.
    flat
        At the setting.
    series
        Levels of the exposure series.
    chart
        Colour chart; None where it was left out.
    """

    dark: Sequence[Exposed]
    flat: Exposed
    series: Sequence[Exposed]
    chart: Exposed | None = None


class CameraPhotometry(Part):
    """What was found of one camera at one setting."""

    black: BlackLevel
    defects: DefectCounts
    saturation: Saturation
    linearity: Linearity
    flat: FlatQuality
    light_change_percent: float
    rig_advice: str | None


class Photometry(Part):
    """Photometry of one setting, without its arrays.

    Attributes
    ----------
    setting
        Name.
    cameras
        By role.
    ratio, gains, colour
        Of the pair.
    white_dn
        Common white in C1's DN above black, by channel.
    notes
        What is lacking or should be known, one line each.
    """

    setting: str
    cameras: dict[Role, CameraPhotometry]
    ratio: RatioQuality
    gains: ChannelGains
    colour: ColourMatrix
    white_dn: Three
    notes: tuple[str, ...]


@dataclass(frozen=True)
class PhotometrySolution:
    """Photometry of one setting.

    Attributes
    ----------
    document
        Its numbers.
    black_dn
        Role → (4,) float32 by upright place.
    defects
        Role → (H, W) bool, upright.
    pixel_gain_2
        (H2, W2) or (H2, W2, 3) float32, or None.
    ratio
        (H1, W1, 3) float32.
    covered
        (H1, W1) bool: where C2 sees what C1 does.
    matrix
        (3, 3) float64: C1 = matrix · (C2 / ratio).
    white_dn
        (3,) float64.
    flats
        Role → flat field, for the report.
    patches
        Of the chart, for the report; None without.
    """

    document: Photometry
    black_dn: dict[Role, NDArray[np.float32]]
    defects: dict[Role, NDArray[np.bool_]]
    pixel_gain_2: NDArray[np.float32] | None
    ratio: NDArray[np.float32]
    covered: NDArray[np.bool_]
    matrix: NDArray[np.float64]
    white_dn: NDArray[np.float64]
    flats: dict[Role, Flat]
    patches: Patches | None = None


@dataclass
class _Camera:
    """One camera on the way."""

    black: BlackLevel
    defects: Defects
    saturation: Saturation
    linearity: Linearity
    flat: Flat
    light_change: float
    chart: ColourView | None = field(default=None)


def exposure_us(head: ClipHead, role: Role) -> float:
    """What the plan of a clip predicts of a camera's optical exposure.

    Raises
    ------
    UserMistake
        It was recorded without a trigger, so that no exposure is predicted.
    """
    plan = head.plan or {}
    told = plan.get(role)
    if isinstance(told, dict):
        begin, end = told.get("begin_ns"), told.get("end_ns")
        if isinstance(begin, int) and isinstance(end, int) and end > begin:
            return (end - begin) / 1000
    raise UserMistake(
        f"{head.name}: its plan does not tell the exposure of the {role} camera (recorded without"
        " a trigger?); record calibration clips with the trigger"
    )


def solve_photometry(
    setting: str, clips: Mapping[Role, CameraClips], grid: NDArray[np.float32], rig: Rig
) -> PhotometrySolution:
    """Photometry of one setting.

    Parameters
    ----------
    setting
        Name, such as ``2ms16ms``.
    clips
        Of both cameras.
    grid
        (H1, W1, 2) float32: upright C2 pixel (x, y) of each upright C1 pixel.
    rig
        Its ND filter and delays.

    Raises
    ------
    PhotometryFault
        A clip is missing or not fit; the message names it.
    """
    blurry, sharp = (_camera(setting, role, clips[role]) for role in ROLES)
    ratio = ratio_flat(blurry.flat, sharp.flat, grid)
    gains = channel_gains(
        ratio,
        (clips["blurry"].flat.exposure_us, clips["sharp"].flat.exposure_us),
        rig.optics.nd_transmission,
        (_relative_black(blurry), _relative_black(sharp)),
        (blurry.linearity, sharp.linearity),
    )
    patches, sources = _patches(blurry, sharp, grid, ratio)
    colour = colour_matrix(gains, sharp.flat.quality.level_dn, patches, sources)
    white = common_white(
        _headroom(blurry, clips["blurry"]),
        _headroom(sharp, clips["sharp"]),
        np.array(gains.gain),
        ratio,
    )
    cameras: dict[Role, _Camera] = {"blurry": blurry, "sharp": sharp}
    document = Photometry(
        setting=setting,
        cameras={role: _told(made, role, rig) for role, made in cameras.items()},
        ratio=ratio.quality,
        gains=gains,
        colour=colour,
        white_dn=three(white),
        notes=tuple(_notes(cameras, gains, colour)),
    )
    return PhotometrySolution(
        document=document,
        black_dn={role: made.black.values.astype(np.float32) for role, made in cameras.items()},
        defects={role: made.defects.mask for role, made in cameras.items()},
        pixel_gain_2=sharp.flat.pixel_gain,
        ratio=ratio.ratio,
        covered=ratio.covered,
        matrix=colour.array(),
        white_dn=white,
        flats={role: made.flat for role, made in cameras.items()},
        patches=patches,
    )


def _camera(setting: str, role: Role, clips: CameraClips) -> _Camera:
    """Everything that one camera tells alone."""
    what = f"{setting}, {role} camera"
    if not clips.dark:
        raise MissingDark(
            f"{what}: there is no dark clip; record one with 'python -m acquisition.capture"
            " --purpose dark'"
        )
    flat = clips.flat.statistics
    for other in (*clips.dark, *clips.series, *([clips.chart] if clips.chart else [])):
        flat.require_like(other.statistics)
    levels = [measure_black(dark.statistics, dark.exposure_us) for dark in clips.dark]
    black = black_of(levels, clips.flat.exposure_us, what)
    dark = clips.dark[levels.index(black)]
    defects = find_defects(dark.statistics, flat)
    usable = ~defects.mask
    lit = [flat, *(level.statistics for level in clips.series)]
    if clips.chart:
        lit.append(clips.chart.statistics)
    saturation = find_saturation(lit, black, usable)
    made = flat_of(flat, black, saturation.clip_dn, defects.mask)
    series = [
        level_of(
            level.statistics,
            level.exposure_us,
            black_at(levels, level.exposure_us),
            saturation.clip_dn,
            usable,
        )
        for level in clips.series
    ]
    linearity = fit_series(series, black.sigmas, what)
    flat_level = level_of(flat, clips.flat.exposure_us, black.values, saturation.clip_dn, usable)
    change = check_same_light(linearity, flat_level)
    chart = None
    if clips.chart:
        at = black_of(levels, clips.chart.exposure_us, clips.chart.statistics.name)
        chart = ColourView(clips.chart.statistics, at, defects.mask, saturation.clip_dn)
    return _Camera(black, defects, saturation, linearity, made, change, chart)


def _patches(
    blurry: _Camera, sharp: _Camera, grid: NDArray[np.float32], ratio: RatioFlat
) -> tuple[Patches | None, tuple[str, ...]]:
    if blurry.chart is None or sharp.chart is None:
        return None, ()
    sources = (blurry.chart.statistics.name, sharp.chart.statistics.name)
    return find_patches(blurry.chart, sharp.chart, grid, ratio), sources


def _headroom(made: _Camera, clips: CameraClips) -> NDArray[np.float64]:
    seen = clips.flat.statistics
    return headroom_dn(made.saturation.clip_dn, made.black.values, seen.form, rgb=seen.is_rgb)


def _relative_black(camera: _Camera) -> float:
    return float(camera.black.sigmas.mean()) / min(camera.flat.quality.level_dn)


def _told(made: _Camera, role: Role, rig: Rig) -> CameraPhotometry:
    return CameraPhotometry(
        black=made.black,
        defects=made.defects.counts,
        saturation=made.saturation,
        linearity=made.linearity,
        flat=made.flat.quality,
        light_change_percent=100 * made.light_change,
        rig_advice=rig_advice(made.linearity, role, rig.camera(role).timing),
    )


def _notes(cameras: Mapping[Role, _Camera], gains: ChannelGains, colour: ColourMatrix) -> list[str]:
    notes = []
    for role, made in cameras.items():
        if made.black.is_bound:
            notes.append(
                f"{role}: noise is too small, or cut off, to tell the black level better than"
                f" {made.black.bound_dn:.2f} DN: it is a bound; record with more bits"
            )
        if not made.saturation.is_measured:
            notes.append(
                f"{role}: no clip reaches saturation; samples from {made.saturation.clip_dn} DN on"
                " count as clipped"
            )
        if made.linearity.left_out:
            notes.append(f"{role}: {len(made.linearity.left_out)} levels of the series are clipped")
    if not gains.is_within:
        notes.append(
            f"C1/C2 is {min(gains.relative):.3f} to {max(gains.relative):.3f} of what exposures and"
            " ND filter should make it; calibration takes it out, at a loss of range"
        )
    if colour.kind == "diagonal":
        notes.append(f"colour: a diagonal between the views, since {colour.reason}")
    return notes
