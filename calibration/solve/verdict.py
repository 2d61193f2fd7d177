"""Every figure of a calibration that has a limit, and what comes of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from acquisition.rig import ROLES, Role
from calibration.bundle.document import (
    CameraPhotometry,
    FlatSolution,
    Geometry,
    Item,
    MapSolution,
    SettingPhotometry,
)
from calibration.bundle.rig import CalibratedRig
from calibration.photometry.linearity import OFFSET_MOST_US, Linearity
from calibration.solve.options import SolveOptions


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
    return (
        *_order(faults),
        *_geometry(geometry, rig, options, faults),
        *(item for role in ROLES for item in _camera(role, cameras[role], options)),
        *(
            item
            for name, setting in settings.items()
            for item in _setting(name, setting, rig, options, faults)
        ),
    )


def _order(faults: Mapping[str, str]) -> Iterator[Item]:
    if "order" in faults:
        yield _failed("order of the clips", faults["order"])


def _failed(name: str, text: str, *, setting: str = "", unit: str = "") -> Item:
    return Item(
        name=name, setting=setting, value=None, limit=None, unit=unit, passed=False, text=text
    )


def _item(
    name: str,
    value: float | None,
    limit: float | None,
    unit: str,
    text: str,
    *,
    setting: str = "",
) -> Item:
    passed = None if value is None or limit is None else bool(abs(value) <= limit)
    return Item(
        name=name, setting=setting, value=value, limit=limit, unit=unit, passed=passed, text=text
    )


def _geometry(
    geometry: Geometry, rig: CalibratedRig, options: SolveOptions, faults: Mapping[str, str]
) -> Iterator[Item]:
    limits = options.geometry
    ends: list[tuple[str, MapSolution]] = [("start", geometry.start)]
    if geometry.end is not None:
        ends.append(("end", geometry.end))
    for when, found in ends:
        residual = found.residual
        yield _item(
            f"map residual, {when}",
            residual.rms_px,
            limits.residual_rms_px,
            "px",
            residual.text(),
        )
        yield _item(
            f"map residual 95 %, {when}",
            residual.p95_px,
            limits.residual_p95_px,
            "px",
            "95th percentile of held-out points",
        )
        yield _item(
            f"map uncertainty, {when}",
            found.uncertainty.rms_px,
            None,
            "px",
            f"one sigma per coordinate over the view, {found.uncertainty.max_px:.2g} px at most",
        )
        for channel, each in found.per_channel.items():
            yield _item(f"residual in {channel}, {when}", each.rms_px, None, "px", each.text())
    if "end" in faults:
        yield _failed("drift of the map", f"end: {faults['end']}", unit="px RMS")
    elif geometry.drift is None:
        text = "the target was not recorded at the end: what moved since the start is not known"
        yield _item("drift of the map", None, limits.drift_px, "px RMS", text)
    else:
        yield _item(
            "drift of the map",
            geometry.drift.rms_px,
            limits.drift_px,
            "px RMS",
            geometry.drift.text(),
        )
    if geometry.parallax is None and "near" in faults:
        # Behind one lens there is no parallax that could be missed.
        text = f"near: {faults['near']}"
        yield _failed("parallax", text, unit="m").model_copy(
            update={"passed": None if rig.lens == "shared_lens" else False}
        )
    elif geometry.parallax is None:
        yield _item("parallax", None, None, "m", "no near target: parallax is not known")
    else:
        yield _item(
            "parallax",
            geometry.parallax.below_limit_from_mm / 1000.0,
            None,
            "m",
            geometry.parallax.text(),
        )


def _camera(role: Role, found: CameraPhotometry, options: SolveOptions) -> Iterator[Item]:
    defects = found.defects
    yield _item(
        f"defects, {role}",
        100.0 * defects.total / defects.pixels,
        options.defect_percent,
        "%",
        f"{defects.hot} hot, {defects.noisy} noisy, {defects.dead} dead of {defects.pixels} pixels",
    )
    linearity = found.linearity
    if linearity is None:
        text = "no exposure series: linearity, exposure offset and noise are not known"
        yield _item(f"linearity, {role}", None, None, "%", text)
        return
    yield _item(
        f"linearity, {role}",
        linearity.nonlinearity_percent,
        1.0,
        "%",
        f"{linearity.levels_used} of {len(linearity.exposures_us)} levels used",
    )
    yield _offset(role, found, linearity, options.offset_us)
    noise = found.noise
    if noise is not None:
        bound = "at most " if noise.is_bound else ""
        yield _item(
            f"system gain, {role}",
            1.0 / noise.gain_dn_per_e,
            None,
            "e⁻/DN",
            f"dark noise {bound}{noise.dark_noise_dn:.2f} DN",
        )


def _offset(role: Role, found: CameraPhotometry, line: Linearity, limit_us: float) -> Item:
    """Broken only where the offset is beyond the limit by more than twice its standard error."""
    sure_us = 2.0 * line.offset_sigma_us
    text = f"real less predicted exposure, ± {line.offset_sigma_us:.2f} µs"
    passed: bool | None = abs(line.offset_us) - sure_us <= limit_us
    if passed and sure_us > limit_us:
        passed = None
        text = f"not known better than ± {sure_us:.1f} µs; record at 12 bit"
    if abs(line.offset_us) > OFFSET_MOST_US and passed is False:
        text += (
            "; more than a camera's timing: look for light in the dark clip, or a lamp that drifts"
        )
    elif found.rig_advice is not None:
        text += f"; in rig.yaml set {found.rig_advice}"
    return _item(f"exposure offset, {role}", line.offset_us, limit_us, "µs", text).model_copy(
        update={"passed": passed}
    )


def _setting(
    name: str,
    found: SettingPhotometry,
    rig: CalibratedRig,
    options: SolveOptions,
    faults: Mapping[str, str],
) -> Iterator[Item]:
    for role in ROLES:
        black = found.start.black[role]
        bound = f" (a bound: ± {black.bound_dn:.2f} DN)" if black.is_bound else ""
        yield _item(
            f"black level, {role}",
            float(np.mean(black.value_dn)),
            None,
            "DN",
            f"dark noise {black.dark_noise_dn:.2f} DN, ± {max(black.sigma_dn):.3f} DN{bound}",
            setting=name,
        )
        yield _item(
            f"flat field, {role}",
            100.0 * found.start.flat[role].sigma,
            None,
            "%",
            f"falls to {found.start.flat[role].shading_range:.2f} of its peak; pixels differ by"
            f" {100 * found.start.flat[role].prnu:.2f} %",
            setting=name,
        )
    gains = found.start.gains
    worst = max(gains.relative, key=lambda value: abs(value - 1.0))
    yield _item(
        "C1 over C2",
        100.0 * (worst - 1.0),
        options.gain_percent,
        "%",
        "off the nominal exposure × ND transmission; corrected. R, G, B: "
        + ", ".join(f"{value:.4f}" for value in gains.gain),
        setting=name,
    )
    yield _item(
        "ratio flat",
        100.0 * found.start.ratio.sigma,
        None,
        "%",
        f"{found.start.ratio.least:.3f} to {found.start.ratio.most:.3f} over the view",
        setting=name,
    )
    colour = found.colour
    yield _item(
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
        yield _failed("drift of the gains", f"end: {faults[name]}", setting=name, unit="%")
        return
    if found.end is None:
        text = "no flat field at the end: what changed since the start is not known"
        yield _item("drift of the gains", None, options.gain_drift_percent, "%", text, setting=name)
        return
    change = np.array(found.end.gains.gain) / np.array(found.start.gains.gain) - 1.0
    yield _item(
        "drift of the gains",
        100.0 * float(np.abs(change).max()),
        options.gain_drift_percent,
        "%",
        "start against end, interpolated below the limit",
        setting=name,
    )
    if found.ratio_drift is not None:
        yield _item(
            "drift of the ratio flat",
            found.ratio_drift.rms_percent,
            options.gain_drift_percent,
            "% RMS",
            f"start against end over the common view, 95 % below"
            f" {found.ratio_drift.p95_percent:.2f} %; interpolated below the limit",
            setting=name,
        )
    for role in ROLES:
        moved = _black_drift(found.start, found.end, role)
        yield _item(
            f"drift of the black level, {role}",
            moved,
            options.black_drift_dn * 2.0 ** (rig.cameras[role].bits - 12),
            "DN",
            "start against end, interpolated below the limit",
            setting=name,
        )


def _black_drift(start: FlatSolution, end: FlatSolution, role: Role) -> float:
    change = np.array(end.black[role].value_dn) - np.array(start.black[role].value_dn)
    return float(np.abs(change).max())
