"""From dark clips, flat fields, series and chart to what a sample says of the light."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from acquisition.picture.view import FrameFormat
from acquisition.rig import ROLES, Rig, Role
from calibration.bundle.document import CameraPhotometry, FlatSolution, SettingPhotometry, Three
from calibration.geometry.view_map import ViewMap
from calibration.photometry.black_level import (
    BlackLevel,
    black_at,
    black_of,
    measure_black,
    series_sigma,
)
from calibration.photometry.colour import ColourMatrix, colour_matrix
from calibration.photometry.defects import Defects, find_defects
from calibration.photometry.flat import Flat, RatioFlat, flat_of, ratio_flat
from calibration.photometry.gain import ChannelGains, channel_gains, three
from calibration.photometry.linearity import (
    Level,
    check_same_light,
    fit_series,
    level_of,
    rig_advice,
)
from calibration.photometry.noise import NoiseModel, NoNoiseModel, photon_transfer
from calibration.photometry.patches import ColourView, find_patches
from calibration.photometry.response import Response
from calibration.photometry.saturation import Saturation, find_saturation
from calibration.photometry.statistics import PixelStatistics
from calibration.photometry.steadiness import check_steady
from calibration.photometry.white import common_white, headroom_dn
from calibration.solve.frames import Linear, statistics_of
from calibration.solve.material import Material, MissingClips, Recording, When
from calibration.solve.options import SolveOptions

Values = NDArray[np.float64]
_CLIPPED_MOST = 0.001


@dataclass(frozen=True)
class CameraLight:
    """One camera without the other.

    Attributes
    ----------
    black
        Levels of all dark clips, (setting, when) → level.
    defects
        Of all settings together.
    photometry
        For the document.
    linear
        Of a camera that delivers encoded colour.
    """

    black: Mapping[tuple[str, When], BlackLevel]
    defects: Defects
    photometry: CameraPhotometry
    linear: Linear | None

    def black_for(self, setting: str, when: When, exposure_us: float, what: str) -> BlackLevel:
        """Of this end of the session, else of the other one.

        Raises
        ------
        MissingDark
            There is none at the exposure.
        """
        other: When = "start" if when == "end" else "end"
        known = [
            self.black[setting, each] for each in (when, other) if (setting, each) in self.black
        ]
        return black_of(known, exposure_us, what)


@dataclass(frozen=True)
class SettingLight:
    """Both cameras at one setting.

    Attributes
    ----------
    photometry
        For the document, without ceilings.
    ratio, ratio_end, pixel_gain
        Arrays of the calibration.
    """

    photometry: SettingPhotometry
    ratio: NDArray[np.float32]
    ratio_end: NDArray[np.float32] | None
    pixel_gain: NDArray[np.float32] | None


def solve_camera(
    material: Material,
    role: Role,
    rig: Rig,
    response: tuple[Linear, Response] | None = None,
) -> CameraLight:
    """Black level, defects, saturation, linearity and noise of one camera.

    Raises
    ------
    FoundBad
        A clip is missing or not fit; the message names it.
    """
    linear = None if response is None else response[0]
    darks = {
        (each.setting, each.when): (statistics_of(each, role, linear), each.exposure_us(role))
        for each in material.of("dark")
    }
    if not darks:
        raise MissingClips(
            f"{material.folder}: no dark clip; record one with 'python -m acquisition.capture"
            " --purpose dark'"
        )
    black = {key: measure_black(found, exposure) for key, (found, exposure) in darks.items()}
    longest = max(darks.values(), key=lambda pair: pair[1])[0]
    recorded = material.of("flat")
    flats = [statistics_of(each, role, linear) for each in recorded]
    for found, each in zip(flats, recorded, strict=True):
        # Before anything rests on it: frames of changing light look like a sensor that clips.
        check_steady(found, black_at(list(black.values()), each.exposure_us(role)))
    defects = _defects(material, role, longest, flats, linear)
    usable = ~defects.mask
    series = [(statistics_of(each, role, linear), each) for each in material.of("series")]
    charts = [statistics_of(each, role, linear) for each in material.of("colour")]
    reference = max(black.values(), key=lambda level: level.exposure_us)
    lit = [*flats, *(found for found, _ in series), *charts]
    if lit and linear is None:
        saturation = find_saturation(lit, reference, usable)
    else:  # noise says nothing of a full well behind a camera's own processing
        saturation = _nominal(longest.form.clip_dn if linear is None else linear.clip_dn)
    levels = [
        level_of(
            found,
            each.exposure_us(role),
            black_at(list(black.values()), each.exposure_us(role)),
            saturation.clip_dn,
            usable,
        )
        for found, each in series
    ]
    what = f"{role} camera"
    sigma = series_sigma(list(black.values()), longest.form.bits)
    linearity = fit_series(levels, sigma, what) if levels else None
    return CameraLight(
        black=black,
        defects=defects,
        photometry=CameraPhotometry(
            saturation=saturation,
            linearity=linearity,
            noise=_noise(series, levels, reference, what),
            defects=defects.counts,
            response=None if response is None else response[1],
            rig_advice=None
            if linearity is None
            else rig_advice(linearity, role, rig.camera(role).timing),
        ),
        linear=linear,
    )


def _defects(
    material: Material,
    role: Role,
    longest: PixelStatistics,
    flats: list[PixelStatistics],
    linear: Linear | None,
) -> Defects:
    """Of encoded samples by their codes: what is one step near black is many linear ones."""
    if linear is None:
        return find_defects(longest, flats[0] if flats else None)
    dark = max(material.of("dark"), key=lambda each: each.exposure_us(role))
    lit = [statistics_of(each, role, None) for each in material.of("flat")[:1]]
    return find_defects(statistics_of(dark, role, None), lit[0] if lit else None)


def _nominal(clip_dn: int) -> Saturation:
    return Saturation(
        clip_dn=clip_dn,
        level_dn=None,
        sigma_dn=None,
        is_measured=False,
        pixels=0,
        sources=(),
    )


def _noise(
    series: list[tuple[PixelStatistics, Recording]],
    levels: list[Level],
    black: BlackLevel,
    what: str,
) -> NoiseModel | None:
    used = [
        (level, found)
        for level, (found, _) in zip(levels, series, strict=True)
        if level.clipped_share <= _CLIPPED_MOST
    ]
    signals = np.array([float(level.signal_dn.mean()) for level, _ in used])
    variances = np.array([float(found.variance.mean(dtype=np.float64)) for _, found in used])
    try:
        return photon_transfer(signals, variances, black.dark_noise_dn**2 + 1 / 12, what)
    except NoNoiseModel:
        return None


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
        A clip is missing or not fit; the message names it.
    """
    start = _end_of(material, setting, "start", cameras, view_maps["start"])
    if start is None:
        raise MissingClips(
            f"{material.folder}: no flat field at {setting} at the start; record one with"
            " 'python -m acquisition.capture --purpose flat'"
        )
    end = _end_of(material, setting, "end", cameras, view_maps.get("end", view_maps["start"]))
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
        ),
        ratio=start.ratio.ratio,
        ratio_end=None if end is None else end.ratio.ratio,
        pixel_gain=pixel_gain if options.pixel_gain else None,
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
