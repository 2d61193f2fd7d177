"""The devices of a rig, together: both cameras, the trigger, and the recorder behind them.

Everything runs in processes of its own. This object belongs to one thread, starts them, keeps
their numbers in step (see `Apparatus.next_arming`) and ends them, whatever happened.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

from acquisition.camera.configuration import CameraSettings
from acquisition.camera.description import changes
from acquisition.camera.fault import CameraUnfit
from acquisition.camera.process import CameraProcess
from acquisition.exposure import Plan, parse_rate, plan
from acquisition.recorder.process import RecorderProcess
from acquisition.rig import ROLES, Rig, Role
from acquisition.ring import FrameRing
from acquisition.trigger.process import TriggerProcess
from bsd.errors import ToolkitError, UserMistake

if TYPE_CHECKING:
    from fractions import Fraction

    from acquisition.camera.message import CameraIdentity, Configured
    from acquisition.ledger.joining import Anchor
    from acquisition.trigger.link import Identity
    from bsd.setting import Setting

RING_BYTES: Final = 256 << 20
"""Of each camera; at 1280 × 720 × 8 bit and 120 fps more than two seconds."""

TICK_NS: Final = 500
"""Of the project's own controller: what a plan is made with before one has answered."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Drive:
    """How the cameras are made to expose.

    Attributes
    ----------
    setting
        Exposures of both.
    rate_hz
        Frames per second, exact.
    plan
        The pulses; None where the cameras run freely.
    """

    setting: Setting
    rate_hz: Fraction
    plan: Plan | None

    @property
    def is_triggered(self) -> bool:
        """Whether a controller's pulses expose the frames."""
        return self.plan is not None


@dataclass
class Apparatus:
    """A rig's devices. A context manager: starts them all, and leaves nothing behind.

    Parameters
    ----------
    rig
        What stands on the bench.
    free_running
        Without a trigger: the cameras run by themselves, and no pair is claimed.
    ring_bytes
        Shared memory between each camera and the recorder.
    """

    rig: Rig
    free_running: bool = False
    ring_bytes: int = RING_BYTES
    cameras: dict[Role, CameraProcess] = field(init=False, default_factory=dict)
    rings: dict[Role, FrameRing] = field(init=False, default_factory=dict)
    identities: dict[Role, CameraIdentity] = field(init=False, default_factory=dict)
    configured: dict[Role, Configured] = field(init=False, default_factory=dict)
    anchors: dict[Role, Anchor] = field(init=False, default_factory=dict)
    trigger: TriggerProcess | None = field(init=False, default=None)
    controller: Identity | None = field(init=False, default=None)
    drive: Drive | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        timeouts = self.rig.timeouts
        self.rings = {role: FrameRing(self.ring_bytes) for role in ROLES}
        self.cameras = {
            role: CameraProcess(
                self.rig.camera(role),
                role,
                self.rings[role],
                arm_s=timeouts.arm_s,
                frame_s=timeouts.frame_s,
            )
            for role in ROLES
        }
        self.recorder = RecorderProcess(self.rings)
        if not self.free_running:
            port = self.rig.trigger
            self.trigger = TriggerProcess(port.port, port.name, reply_s=timeouts.reply_s)
        self._arming = 0

    @property
    def tick_ns(self) -> int:
        """Of the controller's clock."""
        return TICK_NS if self.controller is None else self.controller.tick_ns

    def start(self) -> None:
        """Start all processes at once and wait until each device is open.

        Raises
        ------
        ToolkitError
            The first fault; what had started was ended again.
        """
        starts: list[Callable[[], None]] = [self.recorder.start, self._start_trigger]
        starts += [partial(self._start_camera, role) for role in ROLES]
        try:
            with ThreadPoolExecutor(len(starts), "start") as pool:
                for started in [pool.submit(start) for start in starts]:
                    started.result()
        except BaseException:
            self.close()
            raise

    def set_drive(self, setting: Setting, rate_hz: Fraction | float | str) -> Drive:
        """Plan the exposures and configure both cameras and the controller for them.

        Raises
        ------
        ImpossibleExposure, UserMistake
            The plan cannot be made.
        ToolkitError
            A device refuses it.
        """
        rate = parse_rate(rate_hz)
        made = None if self.free_running else self.plan(setting, rate)
        self.drive = None  # until all are set alike
        drive = Drive(setting, rate, made)
        for role in ROLES:
            self.configured[role] = self.cameras[role].configure(self._settings(role, drive))
        if made is not None:
            self._trigger().configure(made.program)
        self.drive = drive
        return drive

    def plan(self, setting: Setting, rate_hz: Fraction) -> Plan:
        """The pulses for a setting and a rate with this rig."""
        cameras = self.rig.cameras
        return plan(
            setting,
            rate_hz,
            "centre",
            cameras.blurry.timing,
            cameras.sharp.timing,
            self.tick_ns,
        )

    def next_arming(self) -> int:
        """A number that no frame carries yet; frames of one arming never count for another."""
        self._arming += 1
        return self._arming

    def arm(self, arming: int) -> None:
        """Arm both cameras; returns when both have acknowledged."""
        rate_hz = None if self.drive is None else float(self.drive.rate_hz)
        for role in ROLES:
            self.cameras[role].arm(arming, rate_hz)

    def is_armed(self, role: Role) -> bool:
        """Whether a camera takes frames now."""
        return self.cameras[role].state in ("armed", "running")

    def run(self, pulses: int) -> int:
        """Start pulses; 0: until stopped. The cameras must be armed."""
        return self._trigger().run(pulses)

    def renew(self) -> list[Role]:
        """Bring back what was lost: cameras, recorder, controller; the cameras concerned.

        Raises
        ------
        CameraUnfit
            A camera came back with another gain, black level, format or exposure.
        ToolkitError
            It does not come back.
        """
        renewed: list[Role] = []
        self.recorder.revive()
        for role in ROLES:
            camera = self.cameras[role]
            if camera.state in ("lost", "closed"):
                before = self.configured.get(role)
                now = camera.reconnect(self.rig.timeouts.arm_s)
                changed = changes(before, now, exposure=self.drive is not None) if before else []
                if changed:
                    camera.kill()  # so that the next try compares again
                    raise CameraUnfit(
                        f"{camera.name}: came back otherwise than it went:"
                        f" {', '.join(changed)}; put what it shall be into its settings in"
                        " rig.yaml, or set it as it was"
                    )
                self.configured[role] = now
                self.anchors.pop(role, None)  # its clock may count anew
                renewed.append(role)
        if self.trigger is not None and not self._trigger_lives():
            with suppress(ToolkitError):
                self.trigger.close()
            self._start_trigger()
            self.anchors.clear()
            self.drive = None  # it has forgotten its program
        return renewed

    def close(self) -> None:
        """Outputs low, cameras as they were found, processes ended; again is no error."""
        parts: list[tuple[str, Callable[[], None]]] = []
        if self.trigger is not None:
            parts.append(("trigger", self.trigger.close))
        parts += [(f"camera {self.rig.camera(role).serial}", self.cameras[role].close)
                  for role in ROLES]  # fmt: skip
        parts.append(("recorder", self.recorder.close))
        for name, close in parts:
            try:
                close()
            except ToolkitError as fault:
                log.warning("%s: %s", name, fault)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _start_camera(self, role: Role) -> None:
        self.identities[role] = self.cameras[role].start()

    def _start_trigger(self) -> None:
        if self.trigger is not None:
            self.controller = self.trigger.start()

    def _trigger(self) -> TriggerProcess:
        if self.trigger is None:
            raise UserMistake("this capture runs freely and has no trigger")
        return self.trigger

    def _trigger_lives(self) -> bool:
        if self.trigger is None:
            return True
        try:
            self.trigger.status()
        except ToolkitError:
            return False
        return True

    def _settings(self, role: Role, drive: Drive) -> CameraSettings:
        camera = self.rig.camera(role)
        if drive.plan is not None:
            exposure = drive.plan.blurry if role == "blurry" else drive.plan.sharp
            return CameraSettings(
                trigger="hardware",
                exposure=camera.timing.exposure,
                exposure_us=exposure.commanded_us,
                pixel_format=camera.pixel_format,
                region=camera.region,
                extra=camera.settings,
            )
        setting = drive.setting
        return CameraSettings(
            trigger="none",
            exposure="timed",
            exposure_us=float(setting.blurry_us if role == "blurry" else setting.sharp_us),
            rate_hz=float(drive.rate_hz),
            pixel_format=camera.pixel_format,
            region=camera.region,
            extra=camera.settings,
        )
