"""Before a session records: everything that would spoil it, found while it can still be mended.

Checks are pure functions of what was found out (`camera_checks`, `picture_checks`,
`storage_checks`); here they are put in order.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from acquisition.exposure import Plan
from acquisition.health.finding import Finding as Check
from acquisition.health.finding import good
from acquisition.picture.measurement import PairMeasurement, measure_pair
from acquisition.picture.registration import Offset, register_frames
from acquisition.picture.stillness import stillness_of
from acquisition.picture.view import FrameFormat
from acquisition.preflight import camera_checks, picture_checks, storage_checks
from acquisition.preflight.disk_speed import write_speed
from acquisition.preflight.limits import Limits
from acquisition.rig import ROLES, Rig, Role

if TYPE_CHECKING:
    from acquisition.camera.message import CameraIdentity, Configured
    from acquisition.picture.view import Frame

__all__ = ["Burst", "Check", "Limits", "Preflight", "Situation", "run"]


@dataclass(frozen=True)
class Burst:
    """Some pairs that were recorded to look at them: frame n of both belongs to one pulse.

    Attributes
    ----------
    frames
        Role → frames (H, W) or (H, W, 3) as delivered; at least three pairs to judge flicker.
    forms
        Role → how to read them.
    """

    frames: Mapping[Role, Sequence[Frame]]
    forms: Mapping[Role, FrameFormat]

    def measure(self) -> list[PairMeasurement]:
        """Every pair."""
        forms = self.forms["blurry"], self.forms["sharp"]
        both = zip(self.frames["blurry"], self.frames["sharp"], strict=False)
        return [measure_pair(*pair, forms) for pair in both]

    def offset(self) -> Offset | None:
        """How the views of the first pair lie to each other."""
        forms = self.forms["blurry"], self.forms["sharp"]
        both = zip(self.frames["blurry"], self.frames["sharp"], strict=False)
        return next((register_frames(*pair, forms) for pair in both), None)


@dataclass(frozen=True)
class Situation:
    """What a preflight is asked about.

    Attributes
    ----------
    rig
        The rig's file.
    rate_hz
        Frames per second.
    plan
        The pulses; None where the cameras run freely.
    identities, configured
        What the cameras said.
    folder
        Where clips will go; it exists.
    session_bytes
        Estimate of all clips to come.
    burst
        Pairs to look at; None leaves the pictures out.
    powered_minutes
        Since the cameras were switched on, as the operator says or the journal knows.
    temperatures
        Role → (host time in ns, °C or None), in the order of time.
    """

    rig: Rig
    rate_hz: float
    plan: Plan | None
    identities: Mapping[Role, CameraIdentity]
    configured: Mapping[Role, Configured]
    folder: Path
    session_bytes: int
    burst: Burst | None = None
    powered_minutes: float | None = None
    temperatures: Mapping[Role, Sequence[tuple[int, float | None]]] = field(default_factory=dict)


@dataclass(frozen=True)
class Preflight:
    """What was found.

    Attributes
    ----------
    checks
        In the order of the table.
    pairs
        Measurements of the burst.
    offset
        How the views lie to each other: the reference of `live_watch.LiveWatch`.
    """

    checks: list[Check]
    pairs: list[PairMeasurement]
    offset: Offset | None

    @property
    def good(self) -> bool:
        """Whether nothing is a fault; warnings are allowed."""
        return good(self.checks)

    def as_fields(self) -> dict[str, Any]:
        """For JSON: the journal, ``--json``."""
        return {
            "good": self.good,
            "checks": [asdict(each) for each in self.checks],
            "pairs": [each.as_fields() for each in self.pairs],
            "offset": None if self.offset is None else self.offset._asdict(),
        }


def run(
    situation: Situation,
    limits: Limits | None = None,
    measure_speed: Callable[[Path, int, float], float] | None = write_speed,
) -> Preflight:
    """Check everything; takes as long as the disk's test does, some seconds.

    Parameters
    ----------
    situation
        What is known.
    limits
        Thresholds.
    measure_speed
        Measures the disk; None leaves it out.
    """
    limits = limits or Limits()
    checks = _cameras(situation, limits)
    rate_bytes = situation.rate_hz * sum(situation.configured[role].frame_bytes for role in ROLES)
    checks += storage_checks.examine(
        situation.folder, situation.session_bytes, rate_bytes, limits, measure_speed
    )
    if situation.burst is None:
        return Preflight(checks, [], None)
    pairs = situation.burst.measure()
    offset = situation.burst.offset()
    checks += picture_checks.examine(pairs, limits)
    checks.append(_views(offset))
    checks.append(_still(situation.burst, limits))
    return Preflight(checks, pairs, offset)


def _cameras(situation: Situation, limits: Limits) -> list[Check]:
    rig, configured, made = situation.rig, situation.configured, situation.plan
    checks = [
        camera_checks.serials(rig, situation.identities),
        camera_checks.abilities(rig, situation.identities, triggered=made is not None),
        camera_checks.formats(configured),
        camera_checks.unknown(configured),
    ]
    if made is not None:
        checks += [
            camera_checks.exposures(made, rig, configured),
            camera_checks.readout(made, rig),
        ]
    return [
        *checks,
        camera_checks.rings(configured, situation.rate_hz, limits),
        camera_checks.host_clock(rig),
        camera_checks.warmup(situation.powered_minutes, limits),
        camera_checks.temperature(situation.temperatures, limits),
    ]


def _views(offset: Offset | None) -> Check:
    """How the views lie to each other: for the record, the calibration measures it."""
    if offset is None:
        return Check("views", "ok", "their offset cannot be told from this picture")
    (x, y), (x_error, y_error) = offset.shift_px, offset.shift_error_px
    return Check(
        "views",
        "ok",
        f"C2 lies ({x:+.2f} ± {x_error:.2f}, {y:+.2f} ± {y_error:.2f}) px,"
        f" {offset.rotation_mrad:+.2f} mrad, scale {offset.scale:.4f} in C1",
    )


def _still(burst: Burst, limits: Limits) -> Check:
    """Whether rig and scene stood still: else focus and offset are rough."""
    found = [each for each in stillness_of(burst.frames["sharp"], burst.forms["sharp"]) if each]
    if not found:
        return Check("stillness", "ok", "not judged: no detail, or fewer than two frames")
    worst = max(found, key=lambda each: max(each.length_px, each.worst_px))
    text = f"C2 moved {max(worst.length_px, worst.worst_px):.2f} px from frame to frame"
    if worst.is_still(limits.still_px) is False:
        return Check("stillness", "ok", f"{text}: focus and offset are rough; bookends must stand")
    return Check("stillness", "ok", f"{text} (bookends: less than {limits.still_px:g})")
