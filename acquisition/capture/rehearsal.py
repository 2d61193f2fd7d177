"""A short take before a session, looked at by the preflight; it is no part of the session."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from acquisition.clip.format import frame_format
from acquisition.preflight import preflight
from acquisition.preflight.preflight import Burst, Check, Preflight, Situation
from acquisition.rig import ROLES, Role
from acquisition.session.estimate import estimated_bytes

if TYPE_CHECKING:
    from acquisition.clip.reader import Clip
    from acquisition.engine.recording import Recording
    from acquisition.engine.shoot import Shoot
    from acquisition.preflight.limits import Limits
    from bsd.setting import Setting

BURST_FRAMES: Final = 12


def rehearse(
    shoot: Shoot,
    setting: Setting,
    frames: Sequence[int],
    limits: Limits,
    powered_minutes: float | None = None,
) -> Preflight:
    """Record a burst, look at it and at everything else.

    Parameters
    ----------
    shoot
        Session and devices.
    setting
        Of the scenes.
    frames
        Of each clip to come, bookends included.
    limits
        Thresholds.
    powered_minutes
        Since the cameras were switched on.

    Raises
    ------
    ToolkitError
        The devices cannot be prepared.
    """
    shoot.prepare(setting)
    apparatus = shoot.apparatus
    temperatures = {role: [_temperature(shoot, role)] for role in ROLES}
    with shoot.rehearsal(setting, BURST_FRAMES) as (recording, clip):
        burst = _burst(clip)
        rehearsed = _check(recording, free_running=apparatus.free_running)
    for role in ROLES:
        temperatures[role].append(_temperature(shoot, role))
    drive = apparatus.drive
    situation = Situation(
        rig=apparatus.rig,
        rate_hz=float(shoot.rate_hz),
        plan=None if drive is None else drive.plan,
        identities={role: apparatus.cameras[role].identity for role in ROLES},
        configured=apparatus.configured,
        folder=shoot.session.folder,
        session_bytes=estimated_bytes(
            frames, {role: apparatus.configured[role].frame_bytes for role in ROLES}
        ),
        burst=burst,
        powered_minutes=powered_minutes,
        temperatures=temperatures,
    )
    found = preflight.run(situation, limits)
    return replace(found, checks=[*found.checks, rehearsed])


def _burst(clip: Clip) -> Burst | None:
    """Pairs where there are pairs, else the first frames of both; None where one saw nothing."""
    forms = {role: frame_format(clip.head, role) for role in ROLES}
    if clip.head.sync == "trigger":
        pairs = [(blurry, sharp) for _, blurry, sharp in clip.pairs()]
        views = {"blurry": [pair[0] for pair in pairs], "sharp": [pair[1] for pair in pairs]}
    else:
        views = {role: list(clip.frames(role))[:BURST_FRAMES] for role in ROLES}
    return Burst({role: views[role] for role in ROLES}, forms) if all(views.values()) else None


def _check(recording: Recording, *, free_running: bool) -> Check:
    if recording.ledger.good and not free_running:
        text = f"{recording.ledger.paired} pairs, every frame accounted for"
        return Check("rehearsal", "ok", text)
    text = "; ".join(recording.lines[:2]) or "not all is paired"
    if free_running and recording.ledger.good:
        return Check("rehearsal", "warning", text)
    remedy = "look at the camera, its cable and the trigger line, then start again"
    return Check("rehearsal", "fault", text, remedy)


def _temperature(shoot: Shoot, role: Role) -> tuple[int, float | None]:
    status = shoot.apparatus.cameras[role].status()
    return time.monotonic_ns(), status.temperature_c
