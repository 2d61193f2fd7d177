"""A camera behind a process: what the rest of a capture sees of it."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import replace
from typing import Any, Final

from acquisition.camera.configuration import CameraSettings
from acquisition.camera.fault import CameraFault, CameraLost, CameraStuck
from acquisition.camera.feature import Value
from acquisition.camera.message import (
    Arm,
    Ask,
    CameraIdentity,
    CameraStatus,
    Configure,
    Configured,
    Disarm,
    Latch,
    Lost,
    News,
    Opened,
    Order,
    Restore,
    Running,
    State,
    Tally,
)
from acquisition.camera.service import Opening, serve
from acquisition.child import Child, ChildLost
from acquisition.managed import Managed
from acquisition.rig import Camera, Role
from acquisition.ring import FrameRing
from bsd.errors import ToolkitError

EXPECTED_HZ: Final = 200.0
"""Frames per second for which buffers are made where nobody says otherwise."""

_NICENESS: Final = -5
_SLACK_S: Final = 2.0
_START_S: Final = 20.0


class CameraProcess(Managed):
    """One camera in a process of its own. A context manager: starts, and gives it back at the end.

    Parameters
    ----------
    camera
        Of the rig file.
    role
        For messages.
    ring
        Where its frames go.
    arm_s, frame_s
        The rig's timeouts.
    """

    def __init__(
        self,
        camera: Camera,
        role: Role,
        ring: FrameRing,
        *,
        arm_s: float = 10.0,
        frame_s: float = 2.0,
    ) -> None:
        self.camera = camera
        self.role: Role = role
        self.ring = ring
        self.name = f"{role} camera {camera.serial}"
        self._arm_s = arm_s
        self._frame_s = frame_s
        self._child: Child | None = None
        self._state: State = "closed"
        self._identity: CameraIdentity | None = None
        self._snapshot: dict[str, Value] | None = None
        self._settings: CameraSettings | None = None
        self._news: deque[News] = deque()

    @property
    def pid(self) -> int | None:
        """Process number while there is a process."""
        return self._child.pid if self._child is not None else None

    @property
    def state(self) -> State:
        """As far as it has told."""
        self._listen(0.0)
        return self._state

    def start(self, patience_s: float = 0.0) -> CameraIdentity:
        """Spawn the process and open the camera.

        Parameters
        ----------
        patience_s
            How long the camera may take to be listed and free.

        Raises
        ------
        CameraFault
            It is running already; `CameraLost` where it is not there.
        """
        if self._child is not None and self._child.alive:
            raise CameraFault(f"{self.name}: its process is running already; close it first")
        opening = Opening(
            self.camera.producer,
            self.camera.serial,
            dict(self.camera.settings),
            self._snapshot,
            max(patience_s, self._frame_s),
        )
        stuck_s = self._arm_s + _SLACK_S
        self._child = Child(
            self.name, serve, (opening, self.ring), stuck_s=stuck_s, niceness=_NICENESS
        )
        self._news.clear()
        self._state = "closed"
        try:
            opened: Opened = self._child.start(stuck_s + opening.patience_s + _START_S)
        except ChildLost as fault:
            raise CameraLost(str(fault)) from fault
        if self._snapshot is None:
            self._snapshot = opened.snapshot
        self._identity = opened.identity
        self._state = "open"
        return opened.identity

    def configure(self, settings: CameraSettings) -> Configured:
        """Set everything and read it back; lays the ring out.

        Raises
        ------
        CameraUnfit
            Names the feature, what was asked and what was got.
        UserMistake
            A setting that does not exist, or a ring too small.
        CameraLost
            It is gone.
        """
        self._settings = settings
        configured: Configured
        configured, self._snapshot = self._ask(Configure(settings), self._arm_s)
        self._state = "configured"
        if self._identity is not None and configured.readback.get("ExposureMode") == "TriggerWidth":
            self._identity = replace(self._identity, trigger_width=True)  # so it can
        return configured

    def arm(self, arming: int, rate_hz: float | None = None) -> None:
        """Begin to take frames; returns when the camera has acknowledged.

        Parameters
        ----------
        arming
            Number that every frame carries.
        rate_hz
            Frames per second to come; buffers for at least a second of them are made.
        """
        self._ask(Arm(arming, rate_hz or EXPECTED_HZ), self._arm_s)
        self._state = "armed"

    def disarm(self, settle_s: float | None = None, frames: int | None = None) -> Tally:
        """Stop; frames that are still under way are handed over first.

        Parameters
        ----------
        settle_s
            With a trigger: all is there when no frame has come for so long; None: the rig's
            ``frame_s``.
        frames
            And as soon as so many have come since the arming: the pulses that were sent.

        Raises
        ------
        CameraLost
            It was lost; what came before that is in the ring.
        """
        settle_s = self._frame_s if settle_s is None else settle_s
        limit_s = self._arm_s + 5 * settle_s
        tally: Tally = self._ask(Disarm(settle_s, frames), limit_s)
        self._state = "configured"
        if self._identity is not None and tally.timestamps is not None:
            self._identity = replace(self._identity, timestamps=tally.timestamps)
        return tally

    def status(self) -> CameraStatus:
        """How it is now."""
        status: CameraStatus = self._ask(Ask(), self._arm_s)
        self._state = status.state
        return status

    def latch(self) -> tuple[int, int, int] | None:
        """The camera's clock in ns, and the host's before and after; None where it has none."""
        latched: tuple[int, int, int] | None = self._ask(Latch(), self._arm_s)
        return latched

    @property
    def identity(self) -> CameraIdentity:
        """Who it is; `timestamps` is known after the first frames."""
        if self._identity is None:
            raise CameraFault(f"{self.name}: is not started")
        return self._identity

    def snapshot(self) -> dict[str, Value]:
        """The settings that were found when it was first opened; they are given back at the end."""
        if self._snapshot is None:
            raise CameraFault(f"{self.name}: is not started")
        return dict(self._snapshot)

    def restore(self, snapshot: dict[str, Value]) -> list[str]:
        """Set it as a snapshot says, and so again at the end; what could not be, in words."""
        left: list[str] = self._ask(Restore(snapshot), self._arm_s)
        self._snapshot = dict(snapshot)
        self._state = "open"
        return left

    def reconnect(self, patience_s: float = 0.0) -> Configured:
        """After a loss or crash: a new process, configured as before; the same ring.

        A new one, because a producer that lost its device keeps what it held, and can be loaded
        only once in a process.

        Raises
        ------
        CameraLost
            The camera is still not there; try again.
        """
        if self._settings is None:
            raise CameraFault(f"{self.name}: was never configured; start and configure it")
        self.kill()
        self.start(patience_s)
        return self.configure(self._settings)

    def news(self, timeout_s: float = 0.0) -> list[News]:
        """What it has told since the last call; waits for the first if there is none."""
        if not self._news:
            self._listen(timeout_s)
        found = list(self._news)
        self._news.clear()
        return found

    def close(self) -> None:
        """Settings restored, camera closed, process ended; again is no error.

        Raises
        ------
        CameraLost
            The process could not end in good order.
        """
        child, self._child = self._child, None
        self._state = "closed"
        if child is None:
            return
        try:
            child.close()
        except ChildLost as fault:
            raise CameraLost(str(fault)) from fault

    def kill(self) -> None:
        """End the process in good order if it can, else by force; its faults are of no interest."""
        child, self._child = self._child, None
        self._state = "closed"
        if child is None:
            return
        try:
            child.close(self._arm_s)
        except ToolkitError:
            return  # it was killed then
        finally:
            child.kill()

    def _ask(self, order: Order, timeout_s: float) -> Any:
        if self._child is None:
            raise CameraLost(f"{self.name}: its process is not running; start it")
        limit_s = timeout_s + _SLACK_S
        began_s = time.monotonic()
        try:
            answer = self._child.ask(order, limit_s)
        except ChildLost as fault:
            lost = CameraLost(str(fault))
            silent_s = time.monotonic() - began_s
            if silent_s > self._arm_s + _SLACK_S / 2:  # ended by its watchdog or from here
                lost = CameraStuck(
                    f"{self.name}: no answer for {silent_s:.1f} s, its process was ended;"
                    " reconnect it"
                )
            self._lose(str(lost))
            raise lost from fault
        self._listen(0.0)
        return answer

    def _listen(self, timeout_s: float) -> None:
        if self._child is None:
            return
        try:
            heard: list[News] = self._child.news(timeout_s)
        except ToolkitError as fault:
            self._lose(str(fault))
            return
        for news in heard:
            if isinstance(news, Lost):
                self._lose(news.reason)
                continue
            if isinstance(news, Running) and self._state == "armed":
                self._state = "running"
            self._news.append(news)

    def _lose(self, reason: str) -> None:
        if self._state != "lost":
            self._state = "lost"
            self._news.append(Lost(reason))
