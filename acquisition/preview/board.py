"""What the page is told: devices, take and disk, put into the words of `status`."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from acquisition.preview.status import (
    CameraLine,
    Disk,
    Scenery,
    Status,
    Sync,
    TakeLine,
    Verdict,
    ViewScenery,
)
from acquisition.rig import ROLES, Rig, Role

if TYPE_CHECKING:
    from acquisition.camera.message import Configured
    from acquisition.engine.shoot import Outcome, TakeOrder
    from acquisition.engine.take_status import TakeStatus
    from acquisition.preview.idle import IdleCounts

NAMES: Final[dict[Role, str]] = {"blurry": "C1", "sharp": "C2"}

_UNDER_WAY_S: Final = 0.5
_UNDER_WAY: Final = 3
_COMPUTED: Final = 24
"""Frames that a computed rig may have under way."""


def scenery(rig: Rig, configured: Mapping[Role, Configured], *, triggered: bool) -> Scenery:
    """Both views as the cameras were configured."""
    return Scenery(
        blurry=_view(rig, "blurry", configured["blurry"]),
        sharp=_view(rig, "sharp", configured["sharp"]),
        triggered=triggered,
    )


def _view(rig: Rig, role: Role, found: Configured) -> ViewScenery:
    camera = rig.camera(role)
    return ViewScenery.model_validate(
        {
            "serial": camera.serial,
            "pixel_format": found.pixel_format,
            "width": found.width,
            "height": found.height,
            "bits": found.bits,
            "channels": found.channels,
            "cfa": found.cfa,
            "flip": camera.flip,
            "black_level_dn": found.black_level_dn or 0.0,
        }
    )


@dataclass
class Board:
    """The status as it grows; `status` is what the page is to show now.

    Attributes
    ----------
    rig, rate_hz
        Rates by the host's clock mean nothing where the rig says so.
    folder
        Where takes go; None where none can be made.
    frame_bytes
        Of a pair; 0 before the cameras are configured.
    """

    rig: Rig
    rate_hz: float
    folder: Path | None
    frame_bytes: int = 0
    status: Status = field(default_factory=Status)

    def change(self, **fields: Any) -> None:
        """Replace fields of the status."""
        self.status = self.status.model_copy(update=fields)

    def idle(self, counts: IdleCounts, fill: Mapping[Role, float]) -> None:
        """Between takes."""
        for role in ROLES:
            seen = counts.cameras[role]
            line = CameraLine(
                state="configured" if seen.state == "open" else seen.state,
                rate_hz=seen.rate_hz if self._is_real else None,
                temperature_c=seen.temperature_c,
                lost=seen.incomplete + seen.overflow,
                ring_fill=fill[role],
            )
            self.change(**{role: line})
        delivered = {role: counts.cameras[role].delivered for role in ROLES}
        self.change(sync=self._sync(counts.pulses, delivered), disk=self._disk(None))

    def lost(self, states: Mapping[Role, str], message: str) -> None:
        """Something went away; the program tries to bring it back."""
        for role in ROLES:
            if states[role] in ("lost", "closed"):
                line = getattr(self.status, role)
                self.change(**{role: line.model_copy(update={"state": "lost", "rate_hz": None})})
        self.change(message=message, sync=Sync())

    def take(self, name: str, order: TakeOrder, seen: TakeStatus) -> None:
        """While a take runs."""
        states = {"arming": "starting", "running": "recording"}
        done = seen.pulses if seen.asked else min(seen.stored.values())
        self.change(
            take=TakeLine.model_validate(
                {
                    "state": states.get(seen.phase, "finishing"),
                    "name": name,
                    "purpose": order.plan.purpose,
                    "done": done,
                    "asked": order.pulses,
                    "prompt": _prompt(order, done),
                }
            ),
            sync=self._sync(seen.pulses if seen.asked else None, seen.stored),
            disk=self._disk(seen.stored_bytes / 1e6 / seen.elapsed_s if seen.elapsed_s else None),
        )
        for role in ROLES:
            line = getattr(self.status, role)
            fresh = {
                "state": "running" if seen.stored[role] else "armed",
                "rate_hz": seen.rate_hz[role] if self._is_real else None,
                "frames": seen.stored[role],
                "lost": seen.overflow[role],
                "ring_fill": min(1.0, seen.fill[role]),
            }
            self.change(**{role: line.model_copy(update=fresh)})

    def outcome(self, outcome: Outcome, remarks: tuple[str, ...]) -> None:
        """After a take."""
        text = f"{outcome.pairs} pairs" if outcome.kept else outcome.why
        verdict = outcome.verdict
        self.change(
            verdict=Verdict.model_validate(
                {
                    "name": outcome.take.clip,
                    "verdict": verdict,
                    "text": text,
                    "findings": (*outcome.findings[:20], *remarks),
                }
            )
        )

    @property
    def _is_real(self) -> bool:
        return self.rig.host_clock == "real"

    def _sync(self, pulses: int | None, came: Mapping[Role, int]) -> Sync:
        """By counts; the ledger of a take has the last word."""
        if pulses is None:
            return Sync(state="free", text="no two frames are claimed to be a pair")
        under_way = _UNDER_WAY + round(_UNDER_WAY_S * self.rate_hz)
        if not self._is_real:
            under_way += _COMPUTED
        short = {role: pulses - came[role] for role in ROLES}
        worst = max(ROLES, key=lambda role: abs(short[role]))
        text = f"{pulses} pulses, {came['blurry']} + {came['sharp']} frames"
        if not pulses:
            return Sync()
        if short[worst] > under_way:
            return Sync(
                state="out_of_step", text=f"{NAMES[worst]} is {short[worst]} frames short; {text}"
            )
        if short[worst] < -under_way:
            return Sync(
                state="out_of_step", text=f"{NAMES[worst]} gave frames without a pulse; {text}"
            )
        return Sync(state="in_step", text=text)

    def _disk(self, write_mb_s: float | None) -> Disk:
        if self.folder is None:
            return Disk()
        free = shutil.disk_usage(self.folder).free
        per_s = self.frame_bytes * self.rate_hz
        return Disk(free_bytes=free, left_s=free / per_s if per_s else None, write_mb_s=write_mb_s)


def _prompt(order: TakeOrder, done: int) -> str:
    """What the operator does now."""
    still = order.bookend_frames
    if not still:
        return order.plan.purpose
    if done < still:
        return "hold the rig still"
    return "move" if done < still + order.plan.frames else "hold the rig still again"
