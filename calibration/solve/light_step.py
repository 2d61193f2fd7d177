"""From flat fields and chart of both cameras to what their samples say of the same light."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from acquisition.picture.view import FrameFormat
from acquisition.rig import ROLES, Role
from bsd.errors import FoundBad
from calibration.bundle.document import FlatSolution, SettingPhotometry, Three
from calibration.geometry.view_map import ViewMap
from calibration.photometry.black_level import BlackLevel
from calibration.photometry.colour import ColourMatrix, colour_matrix
from calibration.photometry.flat import Flat, RatioFlat, flat_of, ratio_drift, ratio_flat
from calibration.photometry.gain import ChannelGains, channel_gains, three
from calibration.photometry.level import level_of
from calibration.photometry.linearity import check_same_light
from calibration.photometry.patches import ColourView, find_patches
from calibration.photometry.white import common_white, headroom_dn
from calibration.solve.camera_step import CameraLight
from calibration.solve.frames import statistics_of
from calibration.solve.material import Material, MissingClips, When
from calibration.solve.options import SolveOptions

Values = NDArray[np.float64]


@dataclass(frozen=True)
class SettingLight:
    """Both cameras at one setting.

    Attributes
    ----------
    photometry
        For the document, without ceilings.
    ratio, ratio_end, pixel_gain
        Arrays of the calibration.
    fault
        Why a flat field of the end that was recorded cannot be used.
    """

    photometry: SettingPhotometry
    ratio: NDArray[np.float32]
    ratio_end: NDArray[np.float32] | None
    pixel_gain: NDArray[np.float32] | None
    fault: str | None = None


def solve_setting(
    material: Material,
    setting: str,
    cameras: Mapping[Role, CameraLight],
    view_maps: Mapping[When, ViewMap],
    options: SolveOptions,
    known: Mapping[str, SettingPhotometry],
) -> SettingLight:
    """Flat fields, gains, colours and the common white of one setting.

    Parameters
    ----------
    known
        Settings that are solved: the colours come from that of the chart (see `chart_first`).

    Raises
    ------
    FoundBad
        A clip of the start is missing or not fit; the message names it.
    """
    start = _end_of(material, setting, "start", cameras, view_maps["start"])
    if start is None:
        raise MissingClips(
            f"{material.folder}: no flat field at {setting} at the start; record one with"
            " 'python -m acquisition.capture --purpose flat'"
        )
    end, fault = None, None
    try:
        end = _end_of(material, setting, "end", cameras, view_maps.get("end", view_maps["start"]))
    except FoundBad as error:
        fault = str(error)
    pixel_gain = start.flats["sharp"].pixel_gain
    if start.forms["sharp"][1]:
        pixel_gain = None  # colours that a camera made itself are of several pixels each
    colour = _colour(material, setting, cameras, view_maps["start"], start, known)
    return SettingLight(
        photometry=SettingPhotometry(
            exposures_us=start.exposures_us,
            start=start.solution,
            end=None if end is None else end.solution,
            colour=colour,
            white_dn=_lower(_white(cameras, each) for each in (start, end) if each is not None),
            ratio_drift=None if end is None else ratio_drift(start.ratio, end.ratio),
        ),
        ratio=start.ratio.ratio,
        ratio_end=None if end is None else end.ratio.ratio,
        pixel_gain=pixel_gain if options.pixel_gain else None,
        fault=fault,
    )


@dataclass(frozen=True)
class _End:
    """Flats of both views at one end of the session."""

    exposures_us: tuple[float, float]
    black: dict[Role, BlackLevel]
    flats: dict[Role, Flat]
    forms: dict[Role, tuple[FrameFormat, bool]]
    ratio: RatioFlat
    gains: ChannelGains
    solution: FlatSolution


def _end_of(
    material: Material,
    setting: str,
    when: When,
    cameras: Mapping[Role, CameraLight],
    view_map: ViewMap,
) -> _End | None:
    recordings = material.of("flat", when, setting)
    if not recordings:
        return None
    recording = recordings[-1]
    exposures = {role: recording.exposure_us(role) for role in ROLES}
    black: dict[Role, BlackLevel] = {}
    flats: dict[Role, Flat] = {}
    forms: dict[Role, tuple[FrameFormat, bool]] = {}
    for role in ROLES:
        camera = cameras[role]
        what = f"{material.folder}: {setting}, {role} camera"
        black[role] = camera.black_for(setting, when, exposures[role], what)
        found = statistics_of(recording, role, camera.linear)
        forms[role] = found.form, found.is_rgb
        flats[role] = flat_of(
            found, black[role], camera.photometry.saturation.clip_dn, camera.defects.mask
        )
        linearity = camera.photometry.linearity
        if linearity is not None and when == "start" and _is_same_light(material, setting):
            check_same_light(
                linearity,
                level_of(
                    found,
                    exposures[role],
                    black[role].values,
                    camera.photometry.saturation.clip_dn,
                    ~camera.defects.mask,
                ),
            )
    ratio = ratio_flat(flats["blurry"], flats["sharp"], view_map.grid())
    both = exposures["blurry"], exposures["sharp"]
    linearities = [cameras[role].photometry.linearity for role in ROLES]
    first, second = linearities
    gains = channel_gains(
        ratio,
        both,
        material.rig.nd_transmission,
        (_relative(black["blurry"], flats["blurry"]), _relative(black["sharp"], flats["sharp"])),
        None if first is None or second is None else (first, second),
    )
    solution = FlatSolution(
        utc=recording.begun.isoformat(timespec="milliseconds"),
        black=black,
        flat={role: flats[role].quality for role in ROLES},
        ratio=ratio.quality,
        gains=gains,
    )
    return _End(both, black, flats, forms, ratio, gains, solution)


def _is_same_light(material: Material, setting: str) -> bool:
    """Whether the series was recorded with this flat: it begins at the flat's setting.

    A flat of another setting may have had light of its own.
    """
    return material.of("series")[0].setting == setting


def _relative(black: BlackLevel, flat: Flat) -> float:
    return float(np.mean(black.sigmas) / np.mean(flat.quality.level_dn))


def _colour(
    material: Material,
    setting: str,
    cameras: Mapping[Role, CameraLight],
    view_map: ViewMap,
    start: _End,
    known: Mapping[str, SettingPhotometry],
) -> ColourMatrix:
    patches = None
    sources: tuple[str, ...] = (start.flats["blurry"].quality.source,)
    recordings = material.of("colour")
    if recordings and recordings[-1].setting in known:
        return _carried(known[recordings[-1].setting], start.gains)
    if recordings and recordings[-1].setting == setting:
        recording = recordings[-1]
        views = {}
        for role in ROLES:
            camera = cameras[role]
            black = camera.black_for(
                recording.setting, "start", recording.exposure_us(role), recording.name
            )
            views[role] = ColourView(
                statistics_of(recording, role, camera.linear),
                black,
                camera.defects.mask,
                camera.photometry.saturation.clip_dn,
            )
        patches = find_patches(views["blurry"], views["sharp"], view_map.grid(), start.ratio)
        sources = (*sources, recording.name)
    return colour_matrix(start.gains, start.flats["sharp"].quality.level_dn, patches, sources)


def _carried(solved: SettingPhotometry, gains: ChannelGains) -> ColourMatrix:
    """The colours of another setting: its rows scaled to this one's gains."""
    scale = np.array(gains.gain) / np.array(solved.start.gains.gain)
    first, second, third = (
        (float(a), float(b), float(c)) for a, b, c in solved.colour.array() * scale[:, None]
    )
    return solved.colour.model_copy(update={"matrix": (first, second, third)})


def chart_first(material: Material) -> list[str]:
    """The settings to solve, that of the colour chart before the others."""
    chart = [each.setting for each in material.of("colour")][-1:]
    return sorted(material.settings, key=lambda name: name not in chart)


def _lower(whites: Iterable[Values]) -> Three:
    return three(np.min(list(whites), axis=0))


def _white(cameras: Mapping[Role, CameraLight], start: _End) -> Values:
    """The lower of the levels at which C1, and C2 matched to it, clip."""
    tops: dict[Role, Values] = {}
    for role in ROLES:
        clip_dn = cameras[role].photometry.saturation.clip_dn
        form, is_rgb = start.forms[role]
        tops[role] = headroom_dn(clip_dn, start.black[role].values, form, rgb=is_rgb)
    return common_white(tops["blurry"], tops["sharp"], np.array(start.gains.gain), start.ratio)
