"""What is published of the sessions and calibrations that a tree is made from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from acquisition.clip.document import ClipHead
from acquisition.rig import ROLES
from calibration.bundle.calibration import Calibration
from dataset.build.inspection_job import read_calibration
from dataset.build.plan import (
    PlannedCalibration,
    PlannedCamera,
    PlannedClip,
    PlannedSession,
    PlannedTolerance,
)
from dataset.build.published_tree import PublishedTree
from dataset.build.selection import Selection
from dataset.build.source import SessionFacts

_DAY = 10  # characters of an ISO date


def planned_sessions(
    before: PublishedTree | None, selection: Selection, new: Sequence[PlannedClip]
) -> tuple[PlannedSession, ...]:
    """Published sessions as they were published, then those of new clips."""
    old = before.plan.sessions if before else ()
    known = {each.session for each in old}
    facts = {each.facts.session: each.facts for each in selection.sessions}
    added: dict[str, PlannedSession] = {}
    for clip in new:
        if clip.session not in known and clip.session not in added:
            head = selection.clips[clip.identity].clip.head
            added[clip.session] = _session(facts[clip.session], head)
    return (*old, *added.values())


def planned_calibrations(
    before: PublishedTree | None, selection: Selection, new: Sequence[PlannedClip]
) -> tuple[PlannedCalibration, ...]:
    """Published calibrations as they were published, then those of new clips."""
    old = before.plan.calibrations if before else ()
    known = {each.sha256 for each in old}
    added: dict[str, PlannedCalibration] = {}
    for clip in new:
        used = selection.clips[clip.identity].clip
        calibration = read_calibration(used.calibration)
        if calibration.sha256 not in known and calibration.sha256 not in added:
            added[calibration.sha256] = _calibration(calibration, used.setting.name)
    return (*old, *added.values())


def _session(facts: SessionFacts, head: ClipHead) -> PlannedSession:
    told = head.rig.get("optics")
    optics: dict[str, Any] = dict(told) if isinstance(told, dict) else {}
    transmission = optics.get("nd_transmission")
    return PlannedSession(
        session=facts.session,
        name=facts.name,
        recorded_on=facts.created_utc[:_DAY],
        lens=str(optics.get("lens", "")),
        nd_transmission=None if transmission is None else float(transmission),
        cameras=tuple(_camera(head, role) for role in ROLES),
    )


def _camera(head: ClipHead, role: Any) -> PlannedCamera:
    camera = head.cameras[role]
    names = (camera.identity.get("vendor"), camera.identity.get("model"))
    configured: dict[str, Any] = dict(camera.configured)
    return PlannedCamera(
        role=role,
        model=" ".join(str(name) for name in names if name) or "not told",
        pixel_format=str(configured.get("pixel_format", "")),
        bits=int(configured.get("bits") or 0),
    )


def _calibration(calibration: Calibration, setting: str) -> PlannedCalibration:
    """Hash, session, and every figure that has to do with the setting."""
    return PlannedCalibration(
        sha256=calibration.sha256,
        session=calibration.session,
        tolerances=tuple(
            PlannedTolerance(
                item=item.name,
                value=item.value,
                limit=item.limit,
                unit=item.unit,
                note=item.text,
            )
            for item in calibration.document.items
            if item.setting in ("", setting)
        ),
        ceilings_db=_ceilings(calibration, setting),
    )


def _ceilings(calibration: Calibration, setting: str) -> dict[str, float]:
    found = calibration.document.settings[setting].ceilings
    if found is None:
        return {}
    told = {"systematic": found.systematic_db, "total": found.total_db}
    return {name: value for name, value in told.items() if value is not None}
