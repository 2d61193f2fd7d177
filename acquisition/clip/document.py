"""What a clip tells of itself: its head, known before the first frame, and its tail."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Annotated, Any, ClassVar, Literal
from uuid import uuid4

from pydantic import BeforeValidator, Field, JsonValue, model_validator

from acquisition.rig import ROLES, Role
from bsd.document import Document, Part
from bsd.provenance import toolkit_version
from bsd.setting import Setting

Purpose = Literal["scene", "bookend", "dark", "flat", "series", "colour", "target", "sync"]
Sync = Literal["trigger", "none"]
Compression = Literal["none", "bitshuffle-lz4"]
ClipVerdict = Literal["good", "marked", "discarded", "recovered", "free-running"]

_TEXT = 4000


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _finite(value: Any) -> Any:
    """None for what is no number; JSON has no NaN, and a camera may tell one."""
    if isinstance(value, dict):
        return {name: _finite(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


class ClipCamera(Part):
    """A camera as it stood when the clip began; None for numbers that are not finite.

    Attributes
    ----------
    identity
        Vendor, model, serial number and what it can do, as it told.
    configured
        Format, size and every setting, as read back.
    temperature_c
        None where the camera tells none.
    """

    identity: Annotated[dict[str, JsonValue], BeforeValidator(_finite)]
    configured: Annotated[dict[str, JsonValue], BeforeValidator(_finite)]
    temperature_c: Annotated[float | None, BeforeValidator(_finite)] = None


class ClipHead(Document):
    """Written before the first frame and never again.

    Attributes
    ----------
    uuid
        Of this file: no other one has it, not even another attempt at the same take.
    name, session, take
        ``clip-000``; the session's uuid; 1 for the first attempt at this name.
    purpose
        What it was recorded for.
    step
        Step of the session's guide, such as one level of a series; empty where there is none.
    distance_mm
        Of the target; required for the purpose ``target``.
    setting
        Exposures; None where they are not those of a setting.
    rate_hz
        Frames per second, a fraction such as ``15`` or ``30000/1001``.
    frames_asked, bookend_frames
        Frames of the scene; still frames before it and as many behind it.
    sync
        ``none``: no trigger drove the cameras, and no pair is claimed.
    arming
        Number that every frame of this clip carries.
    plan, rig
        The exposure plan and the rig file, as dumped; no plan without a trigger.
    cameras, trigger
        What stood on the bench; no trigger where there was none.
    tick_ns
        Unit of the pulses' times.
    host_clock
        As in the rig file.
    motion, light, notes, consent
        What the operator said.
    """

    upgrades: ClassVar = {}

    format: Literal["bsd-clip"] = "bsd-clip"
    format_version: int = 1
    uuid: str = Field(default_factory=lambda: str(uuid4()), min_length=1)
    name: str = Field(min_length=1)
    session: str = ""
    take: int = Field(default=1, ge=1)
    purpose: Purpose
    step: str = ""
    distance_mm: float | None = Field(default=None, gt=0)
    setting: Setting | None = None
    rate_hz: str = Field(pattern=r"^[0-9]+(\.[0-9]+)?(/[1-9][0-9]*)?$", max_length=40)
    frames_asked: int = Field(ge=1)
    bookend_frames: int = Field(default=0, ge=0)
    sync: Sync
    arming: int = Field(default=0, ge=0)
    plan: dict[str, JsonValue] | None = None
    rig: dict[str, JsonValue]
    cameras: dict[Role, ClipCamera]
    trigger: dict[str, JsonValue] | None = None
    tick_ns: int | None = Field(default=None, ge=1, le=1_000_000_000)
    host_clock: Literal["real", "none"] = "real"
    compression: Compression = "none"
    created_utc: str = Field(default_factory=_now)
    toolkit_version: str = Field(default_factory=toolkit_version)
    operator: str = ""
    motion: str = Field(default="", max_length=_TEXT)
    light: str = Field(default="", max_length=_TEXT)
    notes: str = Field(default="", max_length=_TEXT)
    consent: str = Field(default="", max_length=_TEXT)

    @model_validator(mode="after")
    def _both_cameras_are_told(self) -> ClipHead:
        if missing := [role for role in ROLES if role not in self.cameras]:
            raise ValueError(f"cameras: the {missing[0]} camera is missing")
        return self

    @model_validator(mode="after")
    def _target_has_a_distance(self) -> ClipHead:
        if self.purpose == "target" and self.distance_mm is None:
            raise ValueError("a clip of the purpose 'target' needs distance_mm")
        return self


class ClipTail(Part):
    """Written when the clip is sealed.

    Attributes
    ----------
    verdict
        ``recovered``: its recorder was killed, nothing pairs its frames. ``free-running``: there
        was no trigger.
    findings
        What the ledger found, one line each.
    counts
        By name: pulses, pairs, frames of each camera, what was lost.
    temperatures_c
        At the end, where known.
    motion, notes
        As the operator left them after the take.
    """

    verdict: ClipVerdict
    findings: list[str] = Field(default_factory=list)
    counts: dict[str, int] = Field(default_factory=dict)
    temperatures_c: Annotated[dict[Role, float | None], BeforeValidator(_finite)] = Field(
        default_factory=dict
    )
    motion: str = Field(default="", max_length=_TEXT)
    notes: str = Field(default="", max_length=_TEXT)
    sealed_utc: str = Field(default_factory=_now)
