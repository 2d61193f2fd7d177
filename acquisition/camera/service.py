"""What a camera's process does: obeys orders, hands frames over, watches the device."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from acquisition.camera import snapshot
from acquisition.camera.configuration import configure
from acquisition.camera.description import described, identity, number
from acquisition.camera.fault import CameraFault, CameraLost
from acquisition.camera.feature import Refused, Value
from acquisition.camera.flow import Flow
from acquisition.camera.message import (
    Arm,
    Ask,
    CameraStatus,
    Configure,
    Configured,
    Disarm,
    Latch,
    Lost,
    Opened,
    Restore,
    Running,
    Skipped,
    State,
)
from bsd.errors import ToolkitError

if TYPE_CHECKING:
    from acquisition.camera.configuration import CameraSettings
    from acquisition.camera.genicam import GenicamCamera
    from acquisition.child import Desk, Given
    from acquisition.ring import FrameRing

_IDLE_S: Final = 0.2
_TURN_S: Final = 0.02
_WATCH_S: Final = 0.5
_TELL_S: Final = 0.25
_REST_S: Final = 0.05
_RESTLESS_S: Final = 1.0


@dataclass(frozen=True)
class Opening:
    """What a camera's process is started with.

    Attributes
    ----------
    extras
        The rig's settings, whose values belong into a snapshot.
    snapshot
        Settings to give back at the end; None: those found.
    patience_s
        How long the camera may take to be listed and free.
    """

    producer: str
    serial: str
    extras: dict[str, Value]
    snapshot: dict[str, Value] | None
    patience_s: float


@dataclass
class _Settling:
    """A disarming under way: frames are still taken.

    It ends when `frames` have come and a moment of rest, when none has come for `settle_s`, or,
    where a camera never rests, a while later.
    """

    given: Given
    frames: int | None
    settle_s: float
    last_s: float = field(default_factory=time.monotonic)
    limit_s: float = field(init=False)

    def __post_init__(self) -> None:
        self.limit_s = self.last_s + 4 * self.settle_s + _RESTLESS_S

    def over(self, seen: int) -> bool:
        """Whether it is, with so many frames seen since the arming."""
        now_s = time.monotonic()
        all_came = self.frames is not None and seen >= self.frames
        rest_s = min(_REST_S, self.settle_s) if all_came else self.settle_s
        return now_s >= min(self.limit_s, self.last_s + rest_s)


def serve(desk: Desk, opening: Opening, ring: FrameRing) -> None:
    """Body of the process."""
    from acquisition.camera.genicam import GenicamCamera

    camera = GenicamCamera(opening.producer, opening.serial, opening.patience_s, desk.turn)
    try:
        service = CameraService(desk, camera, ring, opening)
        found = identity(camera, opening.serial, opening.producer)
        desk.ready(Opened(found, service.snapshot))
        try:
            while True:
                service.turn()
        finally:
            service.leave()
    except Refused as refusal:
        raise CameraFault(f"{camera.name}: {refusal}; open it with its vendor's viewer") from None
    finally:
        desk.turn()
        camera.destroy()


class CameraService:
    """One camera, its orders and its frames."""

    def __init__(
        self, desk: Desk, camera: GenicamCamera, ring: FrameRing, opening: Opening
    ) -> None:
        self._desk = desk
        self._camera = camera
        self._ring = ring
        taken = opening.snapshot
        self.snapshot = snapshot.take(camera.tree, opening.extras) if taken is None else taken
        self._changed = taken is not None
        self._state: State = "open"
        self._triggered = False
        self._frame_bytes = 0
        self._flow = Flow(camera, ring, 0, 0)
        self._settling: _Settling | None = None
        self._told = (0, 0)
        self._told_s = 0.0
        self._watched_s = time.monotonic()

    @property
    def _streaming(self) -> bool:
        return self._state in ("armed", "running")

    def turn(self) -> None:
        """One order, or frames of a moment."""
        given = self._desk.next(0.0 if self._streaming else _IDLE_S)
        if given is not None:
            self._carry_out(given)
        elif self._streaming:
            try:
                self._stream()
            except CameraLost as fault:
                self._lose(str(fault))
        self._watch()

    def leave(self) -> None:
        """Stop, and give the settings back."""
        self._desk.turn()
        if self._state == "lost":
            return
        try:
            if self._streaming:
                self._camera.stop()
            self._desk.turn()
            if self._changed:
                self._restore(self.snapshot)
        except (CameraFault, Refused) as fault:
            logging.getLogger(__name__).warning("%s: not restored: %s", self._camera.name, fault)

    def _carry_out(self, given: Given) -> None:
        try:
            if isinstance(given.order, Disarm):
                self._settle(given, given.order)
            else:
                given.answer(self._obey(given.order))
        except CameraLost as fault:
            self._lose(str(fault))
            given.fail(fault)
        except Refused as refusal:
            given.fail(CameraFault(f"{self._camera.name}: {refusal}"))
        except ToolkitError as fault:
            given.fail(fault)

    def _obey(self, order: object) -> object:
        match order:
            case Ask():
                return self._status()
            case _ if self._state == "lost":
                raise CameraLost(f"{self._camera.name}: was lost; reconnect it")
            case Configure(settings):
                return self._configure(settings), self.snapshot
            case Arm(arming, rate_hz):
                self._arm(arming, rate_hz)
                return None
            case Latch():
                return self._camera.latch()
            case Restore(values):
                self._must_not_stream("restored")
                self._state = "open"
                return self._restore(values)
        raise CameraFault(f"{self._camera.name}: unknown order {order!r}")

    def _must_not_stream(self, what: str) -> None:
        if self._streaming:
            raise CameraFault(f"{self._camera.name}: is armed; disarm it before it is {what}")

    def _configure(self, settings: CameraSettings) -> Configured:
        self._must_not_stream("configured")
        tree = self._camera.tree
        self._state = "open"
        self._changed = True
        self.snapshot = {**snapshot.take(tree, settings.extra), **self.snapshot}
        readback, without = configure(tree, settings, self._camera.name)
        configured = described(tree, self._ring, readback, without)
        self._triggered = settings.trigger == "hardware"
        self._frame_bytes = configured.frame_bytes
        self._state = "configured"
        return configured

    def _arm(self, arming: int, rate_hz: float) -> None:
        self._must_not_stream("armed again")
        if self._state != "configured":
            raise CameraFault(f"{self._camera.name}: is not configured; configure it first")
        self._camera.start(rate_hz)
        self._flow = Flow(self._camera, self._ring, arming, self._frame_bytes)
        self._told = (0, 0)
        self._state = "armed"

    def _stream(self) -> None:
        came = self._flow.take(_TURN_S)
        if self._state == "armed" and self._flow.delivered:
            self._state = "running"
            self._desk.tell(Running(self._flow.arming))
        self._tell_skipped()
        if self._settling is not None:
            if came:
                self._settling.last_s = time.monotonic()
            if self._settling.over(self._flow.delivered + self._flow.incomplete):
                self._disarm(self._settling)

    def _settle(self, given: Given, order: Disarm) -> None:
        if self._state == "lost":
            raise CameraLost(f"{self._camera.name}: was lost; reconnect it")
        if not self._streaming or self._settling is not None:
            raise CameraFault(f"{self._camera.name}: is not armed, or is being disarmed")
        if not self._triggered:  # it would not rest by itself
            self._camera.halt()
        settle_s = order.settle_s if self._triggered else min(order.settle_s, _REST_S)
        self._settling = _Settling(given, order.frames, settle_s)

    def _disarm(self, settling: _Settling) -> None:
        if self._triggered:
            self._camera.halt()
            self._flow.take(_REST_S)
        underrun = self._camera.stop()
        self._state = "configured"
        self._settling = None
        self._tell_skipped(at_once=True)
        settling.given.answer(self._flow.tally(underrun))

    def _tell_skipped(self, *, at_once: bool = False) -> None:
        now = (self._flow.incomplete, self._flow.overflow)
        if now == self._told or not (at_once or time.monotonic() > self._told_s + _TELL_S):
            return
        self._desk.tell(Skipped(self._flow.arming, now[0] - self._told[0], now[1] - self._told[1]))
        self._told, self._told_s = now, time.monotonic()

    def _watch(self) -> None:
        if self._state == "lost" or time.monotonic() < self._watched_s + _WATCH_S:
            return
        self._watched_s = time.monotonic()
        if self._camera.gone:
            self._lose(f"{self._camera.name}: cannot be reached any more; check cable and power")

    def _lose(self, reason: str) -> None:
        if self._state == "lost":
            return
        self._state = "lost"
        self._desk.tell(Lost(reason))
        if self._settling is not None:
            self._settling.given.fail(CameraLost(reason))
            self._settling = None

    def _status(self) -> CameraStatus:
        lost = self._state == "lost"
        return CameraStatus(
            state=self._state,
            delivered=self._flow.delivered,
            incomplete=self._flow.incomplete,
            overflow=self._flow.overflow,
            rate_hz=self._flow.rate_hz,
            temperature_c=None if lost else number(self._camera.tree, "DeviceTemperature"),
            access=self._camera.access(),
        )

    def _restore(self, values: dict[str, Value]) -> list[str]:
        left = snapshot.give_back(self._camera.tree, values)
        for words in left:
            logging.getLogger(__name__).warning("%s: not restored: %s", self._camera.name, words)
        return left
