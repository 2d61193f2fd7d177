"""What the cameras said when they were opened and configured, against the rig's file and the plan.

Pure functions; what a camera process says is `acquisition.camera.message`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING

from acquisition.exposure import Plan
from acquisition.health.finding import Finding as Check
from acquisition.preflight.limits import Limits
from acquisition.preflight.picture_checks import NAMES
from acquisition.rig import ROLES, Rig, Role

if TYPE_CHECKING:
    from acquisition.camera.message import CameraIdentity, Configured

_NS_PER_S = 1_000_000_000
_NS_PER_MINUTE = 60 * _NS_PER_S
_LEAST_SPAN_NS = 30 * _NS_PER_S


def serials(rig: Rig, identities: Mapping[Role, CameraIdentity]) -> Check:
    """Whether the cameras of the file answered, each in its role."""
    wrong = [
        f"{NAMES[role]} answers as {identities[role].serial}, rig.yaml says"
        f" {rig.camera(role).serial}"
        for role in ROLES
        if identities[role].serial != rig.camera(role).serial
    ]
    if len({(each.producer, each.serial) for each in identities.values()}) < len(ROLES):
        wrong.append("both roles are the same camera")
    if wrong:
        way = "put the serials that are printed on the cameras into rig.yaml; exchange the cables?"
        return Check("serials", "fault", "; ".join(wrong), way)
    told = [
        f"{NAMES[role]} {who.vendor} {who.model} {who.serial}"
        for role, who in ((role, identities[role]) for role in ROLES)
    ]
    return Check("serials", "ok", ", ".join(told))


def abilities(rig: Rig, identities: Mapping[Role, CameraIdentity], *, triggered: bool) -> Check:
    """Whether the cameras can do what the rig's file asks of them."""
    faults, warnings = [], []
    for role in ROLES:
        who, mode = identities[role], rig.camera(role).timing.exposure
        if triggered and not who.hardware_trigger:
            faults.append(f"{NAMES[role]} takes no hardware trigger")
        elif triggered and not (who.trigger_width if mode == "trigger_width" else who.timed):
            faults.append(f"{NAMES[role]} does not know the exposure mode {mode} of rig.yaml")
        if who.timestamps is False:
            warnings.append(f"{NAMES[role]} gives frames no time: one lost frame spoils a clip")
    if not triggered:
        warnings.append("no trigger: both cameras run freely, and no two frames are a pair")
    if faults:
        way = "set timing.exposure in rig.yaml to what the camera knows, or use another camera"
        return Check("cameras' abilities", "fault", "; ".join(faults + warnings), way)
    if warnings:
        way = "use cameras with a hardware trigger and timestamps where pairs must be certain"
        return Check("cameras' abilities", "warning", "; ".join(warnings), way)
    modes = " and ".join(sorted({rig.camera(role).timing.exposure for role in ROLES}))
    return Check("cameras' abilities", "ok", f"hardware trigger, {modes}")


def formats(configured: Mapping[Role, Configured]) -> Check:
    """Whether frames of both cameras can be compared."""
    first, second = (configured[role] for role in ROLES)
    kinds = [
        (each.bits, each.channels, "mosaic" if each.cfa else "no mosaic")
        for each in (first, second)
    ]
    told = " and ".join(
        f"{each.pixel_format} {each.width} × {each.height}" for each in (first, second)
    )
    way = "set the same pixel_format (Bayer or Mono) and region for both cameras in rig.yaml"
    if kinds[0] != kinds[1]:
        return Check("formats", "fault", f"{told}: the views are not of one kind", way)
    unlike = []
    if (first.width, first.height) != (second.width, second.height):
        unlike.append("the views are not of one size")
    if first.channels == 3:
        unlike.append("the cameras interpolate colour: no linear raw data")
    if unlike:
        return Check("formats", "warning", f"{told}: {'; '.join(unlike)}", way)
    return Check("formats", "ok", told)


def unknown(configured: Mapping[Role, Configured]) -> Check:
    """What could not be set or is not known of a camera."""
    gaps = [f"{NAMES[role]}: {gap}" for role in ROLES for gap in configured[role].without]
    if not gaps:
        return Check("settings", "ok", "all set, read back and equal")
    way = "make sure by the camera's manual that its pictures are linear and unprocessed"
    return Check("settings", "warning", "; ".join(gaps), way)


def exposures(plan: Plan, rig: Rig, configured: Mapping[Role, Configured]) -> Check:
    """Whether ``timed`` cameras are set to the exposures of the plan."""
    wrong = []
    for role, wanted in zip(ROLES, (plan.blurry, plan.sharp), strict=True):
        found_us = configured[role].exposure_us
        if wanted.commanded_us is None or found_us is None:
            continue
        step_us = rig.camera(role).timing.exposure_step_ns / 1000
        if not math.isclose(found_us, wanted.commanded_us, abs_tol=step_us / 2 + 1e-6):
            wrong.append(f"{NAMES[role]} exposes {found_us:g} us, {wanted.commanded_us:g} planned")
    if wrong:
        way = "set timing.exposure_step_ns in rig.yaml to the camera's step, then run again"
        return Check("exposures", "fault", "; ".join(wrong), way)
    return Check("exposures", "ok", plan.summary())


def readout(plan: Plan, rig: Rig) -> Check:
    """How much of the period exposure and readout leave; that they fit is the plan's business."""
    period_ns = float(Fraction(_NS_PER_S) / plan.program.rate_hz)
    spare = {}
    for role, exposure in zip(ROLES, (plan.blurry, plan.sharp), strict=True):
        gap_ns = 1000 * rig.camera(role).timing.gap_us
        spare[role] = (period_ns - exposure.width_ns - gap_ns) / 1e6
    role = min(ROLES, key=lambda each: spare[each])
    text = (
        f"exposure and readout leave {spare[role]:.2f} of {period_ns / 1e6:.2f} ms ({NAMES[role]})"
    )
    if spare[role] < 0:
        way = "a lower --rate, a shorter setting or a smaller region"
        return Check("readout", "fault", text, way)
    return Check("readout", "ok", text)


def rings(configured: Mapping[Role, Configured], rate_hz: float, limits: Limits) -> Check:
    """Whether the shared memory holds the frames of a stall."""
    seconds = {role: configured[role].slots / rate_hz for role in ROLES}
    role = min(ROLES, key=lambda each: seconds[each])
    text = (
        f"the ring of {NAMES[role]} holds {seconds[role]:.1f} s ({configured[role].slots} frames)"
    )
    if seconds[role] >= limits.ring_s:
        return Check("rings", "ok", text)
    way = "a smaller region, a lower --rate, or more shared memory for the rings"
    return Check("rings", "warning", f"{text}, less than {limits.ring_s:g} s", way)


def host_clock(rig: Rig) -> Check:
    """Whether rates by the host's clock mean anything."""
    if rig.host_clock == "real":
        return Check("host clock", "ok", "the devices run in the host's time")
    return Check("host clock", "ok", "none: this rig is computed, rates by the host mean nothing")


def warmup(powered_minutes: float | None, limits: Limits) -> Check:
    """Whether the cameras have been on for long enough."""
    if powered_minutes is None:
        way = f"wait {limits.warmup_minutes:.0f} minutes after power-on; say since when they are on"
        return Check("warm-up", "warning", "not known since when the cameras are on", way)
    text = f"the cameras have been on for {powered_minutes:.0f} minutes"
    if powered_minutes >= limits.warmup_minutes:
        return Check("warm-up", "ok", text)
    rest = math.ceil(limits.warmup_minutes - powered_minutes)
    way = f"wait {rest} minutes: levels and alignment drift until the cameras are warm"
    return Check("warm-up", "warning", f"{text}, less than {limits.warmup_minutes:.0f}", way)


def temperature(
    readings: Mapping[Role, Sequence[tuple[int, float | None]]], limits: Limits
) -> Check:
    """Whether the cameras' temperatures stand.

    Parameters
    ----------
    readings
        Role → (host time in ns, °C) in the order of time; half a minute is needed to judge.
    """
    told, moving = [], []
    for role in ROLES:
        known = [(at, value) for at, value in readings.get(role, ()) if value is not None]
        if not known:
            continue
        text = f"{NAMES[role]} {known[-1][1]:.1f} °C"
        span_ns = known[-1][0] - known[0][0]
        if span_ns >= _LEAST_SPAN_NS:
            slope = (known[-1][1] - known[0][1]) * _NS_PER_MINUTE / span_ns
            text += f" ({slope:+.2f} °C a minute)"
            if abs(slope) > limits.drift_c_per_minute:
                moving.append(text)
        told.append(text)
    if not told:
        return Check("temperature", "ok", "the cameras do not tell it")
    if moving:
        way = f"wait until it changes less than {limits.drift_c_per_minute:g} °C a minute"
        return Check("temperature", "warning", ", ".join(told), way)
    return Check("temperature", "ok", ", ".join(told))
