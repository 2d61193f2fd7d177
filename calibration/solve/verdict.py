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
from calibration.solve.options import SolveOptions


def judge(
    geometry: Geometry,
    cameras: Mapping[Role, CameraPhotometry],
    settings: Mapping[str, SettingPhotometry],
    rig: CalibratedRig,
    options: SolveOptions,
) -> tuple[Item, ...]:
    """All items, geometry first."""
    return (
        *_geometry(geometry, options),
        *(item for role in ROLES for item in _camera(role, cameras[role], options)),
        *(
            item
            for name, setting in settings.items()
            for item in _setting(name, setting, rig, options)
        ),
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


def _geometry(geometry: Geometry, options: SolveOptions) -> Iterator[Item]:
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
            f"one sigma per coordinate over the view, {found.uncertainty.max_px:.3f} px at most",
        )
        for channel, each in found.per_channel.items():
            yield _item(f"residual in {channel}, {when}", each.rms_px, None, "px", each.text())
    if geometry.drift is None:
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
    if geometry.parallax is None:
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
    advice = "" if found.rig_advice is None else f"; in rig.yaml set {found.rig_advice}"
    yield _item(
        f"exposure offset, {role}",
        linearity.offset_us,
        options.offset_us,
        "µs",
        f"real less predicted exposure, ± {linearity.offset_sigma_us:.2f} µs{advice}",
    )
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


def _setting(
    name: str, found: SettingPhotometry, rig: CalibratedRig, options: SolveOptions
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
    yield from _drifts(name, found, rig, options)


def _drifts(
    name: str, found: SettingPhotometry, rig: CalibratedRig, options: SolveOptions
) -> Iterator[Item]:
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
