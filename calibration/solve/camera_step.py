"""One camera without the other: black level, defects, saturation, linearity and noise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from acquisition.rig import Rig, Role
from calibration.bundle.document import CameraPhotometry
from calibration.photometry.black_level import (
    BlackLevel,
    black_at,
    black_of,
    measure_black,
    series_sigma,
)
from calibration.photometry.defects import Defects, find_defects
from calibration.photometry.level import Level, level_of
from calibration.photometry.linearity import fit_series, rig_advice
from calibration.photometry.noise import NoiseModel, NoNoiseModel, photon_transfer
from calibration.photometry.response import Response
from calibration.photometry.saturation import Saturation, SaturationSearch
from calibration.photometry.statistics import PixelStatistics
from calibration.photometry.steadiness import check_steady
from calibration.photometry.stray_light import check_no_light
from calibration.solve.frames import Linear, statistics_of
from calibration.solve.material import Material, MissingClips, When

_CLIPPED_MOST: Final = 0.001


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
class _Step:
    """A level of the series, its share of clipped samples still to be told.

    `histogram` holds no picture: see `_without_pictures`. `variance_dn2` is the mean in time.
    """

    level: Level
    histogram: PixelStatistics
    variance_dn2: float

    def clipped_from(self, clip_dn: float) -> Level:
        share = float(self.histogram.share_from(clip_dn).max())
        return replace(self.level, clipped_share=share)


def solve_camera(
    material: Material,
    role: Role,
    rig: Rig,
    response: tuple[Linear, Response] | None = None,
) -> CameraLight:
    """Black level, defects, saturation, linearity and noise of one camera.

    One clip's pictures are held at a time, besides those of the longest dark clip.

    Raises
    ------
    FoundBad
        A clip is missing or not fit; the message names it.
    """
    linear = None if response is None else response[0]
    what = f"{role} camera"
    black, longest = _blacks(material, role, linear)
    levels_of_black = list(black.values())
    reference = max(levels_of_black, key=lambda level: level.exposure_us)
    flat = _flat(material, role, linear, levels_of_black)
    defects = _defects(material, role, longest, flat, linear)
    form = longest.form
    del longest
    search = SaturationSearch(form, reference, ~defects.mask)
    if flat is not None and linear is None:
        search.add(flat)
    del flat
    steps = _steps(material, role, linear, levels_of_black, defects, search)
    for each in material.of("colour") if linear is None else ():
        search.add(statistics_of(each, role, None))
    # Noise says nothing of a full well behind a camera's own processing.
    saturation = search.found() if linear is None else _nominal(linear.clip_dn)
    levels = [step.clipped_from(saturation.clip_dn) for step in steps]
    sigma = series_sigma(levels_of_black, form.bits)
    linearity = fit_series(levels, sigma, what) if levels else None
    noise = _noise(steps, levels, reference, what)
    check_no_light(levels_of_black, form.bits, what, linearity, noise)
    return CameraLight(
        black=black,
        defects=defects,
        photometry=CameraPhotometry(
            saturation=saturation,
            linearity=linearity,
            noise=noise,
            defects=defects.counts,
            response=None if response is None else response[1],
            rig_advice=None
            if linearity is None or response is not None  # which was made from the same exposures
            else rig_advice(linearity, role, rig.camera(role).timing),
        ),
        linear=linear,
    )


def _blacks(
    material: Material, role: Role, linear: Linear | None
) -> tuple[dict[tuple[str, When], BlackLevel], PixelStatistics]:
    """Levels of all dark clips, and the pictures of the one with the longest exposure."""
    black: dict[tuple[str, When], BlackLevel] = {}
    longest: tuple[float, PixelStatistics] | None = None
    for each in material.of("dark"):
        found, exposure_us = statistics_of(each, role, linear), each.exposure_us(role)
        black[each.setting, each.when] = measure_black(found, exposure_us)
        if longest is None or exposure_us > longest[0]:
            longest = exposure_us, found
    if longest is None:
        raise MissingClips(
            f"{material.folder}: no dark clip; record one with 'python -m acquisition.capture"
            " --purpose dark'"
        )
    return black, longest[1]


def _flat(
    material: Material, role: Role, linear: Linear | None, black: list[BlackLevel]
) -> PixelStatistics | None:
    """The first flat field. All of the start are checked before anything rests on them.

    Frames of changing light look like a sensor that clips.
    """
    first = None
    for each in material.of("flat", "start"):
        found = statistics_of(each, role, linear)
        check_steady(found, black_at(black, each.exposure_us(role)))
        first = found if first is None else first
    return first


def _steps(
    material: Material,
    role: Role,
    linear: Linear | None,
    black: list[BlackLevel],
    defects: Defects,
    search: SaturationSearch,
) -> list[_Step]:
    steps = []
    for each in material.of("series"):
        found, exposure_us = statistics_of(each, role, linear), each.exposure_us(role)
        if linear is None:
            search.add(found)
        level = level_of(
            found, exposure_us, black_at(black, exposure_us), found.form.clip_dn, ~defects.mask
        )
        variance = float(found.variance.mean(dtype=np.float64))
        steps.append(_Step(level, _without_pictures(found), variance))
    return steps


def _without_pictures(found: PixelStatistics) -> PixelStatistics:
    nothing: NDArray[np.float32] = np.zeros((0, 0), dtype=np.float32)
    return replace(found, mean=nothing, variance=nothing)


def _defects(
    material: Material,
    role: Role,
    longest: PixelStatistics,
    flat: PixelStatistics | None,
    linear: Linear | None,
) -> Defects:
    """Of encoded samples by their codes: what is one step near black is many linear ones."""
    if linear is None:
        return find_defects(longest, flat)
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
    steps: list[_Step], levels: list[Level], black: BlackLevel, what: str
) -> NoiseModel | None:
    used = [
        (level, step.variance_dn2)
        for level, step in zip(levels, steps, strict=True)
        if level.clipped_share <= _CLIPPED_MOST
    ]
    signals = np.array([float(level.signal_dn.mean()) for level, _ in used])
    variances = np.array([variance for _, variance in used])
    try:
        return photon_transfer(signals, variances, black.dark_noise_dn**2 + 1 / 12, what)
    except NoNoiseModel:
        return None
