"""Every figure of a calibration that has a limit, and what comes of it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Final

import numpy as np

from acquisition.rig import ROLES, Role
from calibration.bundle.document import (
    CameraPhotometry,
    Geometry,
    Item,
    MapSolution,
    SettingPhotometry,
)
from calibration.bundle.rig import CalibratedRig
from calibration.photometry.black_level import CUT_MOST, BlackLevel
from calibration.solve.camera_items import camera_items
from calibration.solve.judgement import failed, judged, unusable
from calibration.solve.options import SolveOptions
from calibration.solve.way_out import way_out

_ORDER: Final = "order of the clips"


def judge(
    geometry: Geometry,
    cameras: Mapping[Role, CameraPhotometry],
    settings: Mapping[str, SettingPhotometry],
    rig: CalibratedRig,
    options: SolveOptions,
    faults: Mapping[str, str] | None = None,
) -> tuple[Item, ...]:
    """All items, geometry first.

    Parameters
    ----------
    faults
        What was recorded and cannot be used: ``end`` and ``near`` of the targets, ``order`` of the
        clips, and by setting the flat field of the end.
    """
    faults = faults or {}
    items = (
        *_order(faults),
        *_geometry(geometry, rig, options, faults),
        *(item for role in ROLES for item in camera_items(role, cameras[role], options)),
        *(
            item
            for name, setting in settings.items()
            for item in _setting(name, setting, rig, options, faults)
        ),
    )
    return tuple(_mended(item) for item in items)


def _mended(item: Item) -> Item:
    """With its way out, where it failed and does not tell one itself."""
    if item.passed is not False or item.name == _ORDER:
        return item
    return item.model_copy(update={"way_out": way_out(item.name, unusable=item.unusable)})


def _order(faults: Mapping[str, str]) -> Iterator[Item]:
    if "order" in faults:
        yield failed(_ORDER, faults["order"])


def _geometry(
    geometry: Geometry, rig: CalibratedRig, options: SolveOptions, faults: Mapping[str, str]
) -> Iterator[Item]:
    limits = options.geometry
    ends: list[tuple[str, MapSolution]] = [("start", geometry.start)]
    if geometry.end is not None:
        ends.append(("end", geometry.end))
    for when, found in ends:
        residual = found.residual
        yield judged(
            f"map residual, {when}",
            residual.rms_px,
            limits.residual_rms_px,
            "px",
            residual.text(),
        )
        yield judged(
            f"map residual 95 %, {when}",
            residual.p95_px,
            limits.residual_p95_px,
            "px",
            "95th percentile of held-out points",
        )
        yield judged(
            f"map uncertainty, {when}",
            found.uncertainty.rms_px,
            None,
            "px",
            f"one sigma per coordinate over the view, {found.uncertainty.max_px:.2g} px at most",
        )
        for channel, each in found.per_channel.items():
            yield judged(f"residual in {channel}, {when}", each.rms_px, None, "px", each.text())
    if "end" in faults:
        yield unusable("drift of the map", faults["end"], unit="px RMS")
    elif geometry.drift is None:
        text = "the target was not recorded at the end: what moved since the start is not known"
        yield judged("drift of the map", None, limits.drift_px, "px RMS", text)
    else:
        yield judged(
            "drift of the map",
            geometry.drift.rms_px,
            limits.drift_px,
            "px RMS",
            geometry.drift.text(),
        )
    if geometry.parallax is None and "near" in faults:
        # Behind one lens there is no parallax that could be missed.
        yield unusable("parallax", faults["near"], unit="m").model_copy(
            update={"passed": None if rig.lens == "shared_lens" else False}
        )
    elif geometry.parallax is None:
        yield judged("parallax", None, None, "m", "no near target: parallax is not known")
    else:
        yield judged(
            "parallax",
            geometry.parallax.below_limit_from_mm / 1000.0,
            None,
            "m",
            geometry.parallax.text(),
        )


def _setting(
    name: str,
    found: SettingPhotometry,
    rig: CalibratedRig,
    options: SolveOptions,
    faults: Mapping[str, str],
) -> Iterator[Item]:
    for role in ROLES:
        black, flat = found.start.black[role], found.start.flat[role]
        noise = f"dark noise {black.dark_noise_dn:.2f} DN"
        sigma = f"± {max(black.sigma_dn):.3f} DN (one σ)"
        if black.is_bound:
            noise = "dark noise hidden by rounding"
            sigma = f"a bound, ± {black.bound_dn:.2f} DN"
        if black.cut_share > CUT_MOST:
            noise = (
                f"{100 * black.cut_share:.2g} % of the samples are cut off at 0, which hides level"
                " and noise: raise the camera's black level"
            )
        yield judged(
            f"black level, {role}",
            float(np.mean(black.value_dn)),
            None,
            "DN",
            f"{sigma}; {noise}",
            setting=name,
        )
        yield judged(
            f"flat field, {role}",
            100.0 * flat.sigma,
            None,
            "%",
            f"its standard error; falls to {flat.shading_range:.2f} of its peak; pixels differ by"
            f" {100 * flat.prnu:.2f} %",
            setting=name,
        )
    gains = found.start.gains
    worst = max(gains.relative, key=lambda value: abs(value - 1.0))
    yield judged(
        "C1 over C2",
        100.0 * (worst - 1.0),
        options.gain_percent,
        "%",
        "off the nominal exposure × ND transmission, corrected below the limit; R, G, B: "
        + ", ".join(
            f"{value:.4f} ± {sigma:.4f}"
            for value, sigma in zip(gains.gain, gains.sigma, strict=True)
        ),
        setting=name,
    )
    yield judged(
        "ratio flat",
        100.0 * found.start.ratio.sigma,
        None,
        "%",
        f"its standard error over the view{_at_most(found.start.ratio.sigma_most)}; it goes from"
        f" {found.start.ratio.least:.3f} to {found.start.ratio.most:.3f}",
        setting=name,
    )
    colour = found.colour
    yield judged(
        "colours",
        colour.held_out_percent,
        None,
        "%",
        f"full matrix from {colour.patches} patches, held out"
        if colour.kind == "full"
        else f"a diagonal: {colour.reason}",
        setting=name,
    )
    yield from _drifts(name, found, rig, options, faults)


def _drifts(
    name: str,
    found: SettingPhotometry,
    rig: CalibratedRig,
    options: SolveOptions,
    faults: Mapping[str, str],
) -> Iterator[Item]:
    if name in faults:
        yield unusable("drift of the gains", faults[name], setting=name, unit="%")
        return
    if found.end is None:
        text = "no flat field at the end: what changed since the start is not known"
        yield judged(
            "drift of the gains", None, options.gain_drift_percent, "%", text, setting=name
        )
        return
    change = np.array(found.end.gains.gain) / np.array(found.start.gains.gain) - 1.0
    yield judged(
        "drift of the gains",
        100.0 * float(np.abs(change).max()),
        options.gain_drift_percent,
        "%",
        "start against end, interpolated below the limit",
        setting=name,
    )
    if found.ratio_drift is not None:
        yield judged(
            "drift of the ratio flat",
            found.ratio_drift.rms_percent,
            options.gain_drift_percent,
            "% RMS",
            f"start against end over the common view, 95 % below"
            f" {found.ratio_drift.p95_percent:.2f} %; interpolated below the limit",
            setting=name,
        )
    for role in ROLES:
        limit = options.black_drift_dn * 2.0 ** (rig.cameras[role].bits - 12)
        yield _black_drift(name, found.start.black[role], found.end.black[role], role, limit)


def _black_drift(
    setting: str, start: BlackLevel, end: BlackLevel, role: Role, limit_dn: float
) -> Item:
    """Where rounding hides the levels, their drift is not known better than they are."""
    change = np.abs(end.values - start.values)
    worst = int(change.argmax())
    moved_dn, sure_dn = (
        float(change[worst]),
        2.0 * math.hypot(start.sigmas[worst], end.sigmas[worst]),
    )
    text = f"start against end, ± {sure_dn / 2:.2g} DN (one σ), interpolated below the limit"
    passed: bool | None = moved_dn <= limit_dn
    if sure_dn > limit_dn and moved_dn - sure_dn <= limit_dn:
        passed = None
        text = f"start against end, not known better than ± {sure_dn:.2g} DN (two σ);"
        text += " record at 12 bit"
    name = f"drift of the black level, {role}"
    item = judged(name, moved_dn, limit_dn, "DN", text, setting=setting)
    return item.model_copy(update={"passed": passed})


def _at_most(sigma: float | None) -> str:
    return "" if sigma is None else f", {100 * sigma:.2f} % where it is known least"
