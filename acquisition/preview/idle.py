"""The cameras between takes: pulses without an end, frames that nobody stores, only looked at.

The recorder goes on emptying the rings, as it does between takes, so nothing fills up.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from acquisition.camera.message import Lost
from acquisition.engine.pulse_log import PulseLog
from acquisition.rig import ROLES, Role
from acquisition.trigger.event import Pulse
from acquisition.trigger.message import Happened
from bsd.errors import ToolkitError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from acquisition.camera.message import CameraStatus
    from acquisition.engine.apparatus import Apparatus

_SETTLE_S: Final = 0.1
_STOP_S: Final = 2.0
_TURN_S: Final = 0.05


@dataclass(frozen=True)
class IdleCounts:
    """How an idle run stands.

    Attributes
    ----------
    pulses
        Told by the trigger; None without one.
    cameras
        As they say themselves.
    """

    pulses: int | None
    cameras: Mapping[Role, CameraStatus]


class IdleRun:
    """Frames for the preview, from `begin` to `end`.

    Parameters
    ----------
    apparatus
        Started and driven.
    """

    def __init__(self, apparatus: Apparatus) -> None:
        self._apparatus = apparatus
        self._pulses = 0
        self.is_on = False

    def begin(self) -> None:
        """Arm both cameras, then start the pulses.

        Raises
        ------
        ToolkitError
            A device refuses or is gone.
        """
        apparatus = self._apparatus
        self._pulses = 0
        self.hear()
        self.is_on = True
        apparatus.arm(apparatus.next_arming())
        if apparatus.trigger is not None:
            apparatus.run(0)

    def hear(self) -> str | None:
        """Take in what the devices tell; why the run is over, None where it goes on.

        Raises
        ------
        ToolkitError
            The trigger's process ended.
        """
        reason = None
        trigger = self._apparatus.trigger
        if trigger is not None:
            log = PulseLog()
            for message in trigger.messages():
                if isinstance(message, Happened):
                    if isinstance(message.event, Pulse):
                        self._pulses = message.event.n + 1
                    reason = log.note(message.event) or reason
            if log.done is not None:
                reason = reason or f"trigger: the pulses ended by '{log.done.cause}'"
        for role in ROLES:
            for news in self._apparatus.cameras[role].news():
                if isinstance(news, Lost):
                    reason = news.reason
        return reason

    def counts(self) -> IdleCounts:
        """Ask the cameras how they are.

        Raises
        ------
        ToolkitError
            One is gone.
        """
        cameras = {role: self._apparatus.cameras[role].status() for role in ROLES}
        return IdleCounts(None if self._apparatus.trigger is None else self._pulses, cameras)

    def end(self) -> None:
        """Stop the pulses, then the cameras; what is gone already is left alone."""
        if not self.is_on:
            return
        self.is_on = False
        trigger = self._apparatus.trigger
        if trigger is not None:
            try:
                trigger.stop()
                self._await_done()
            except ToolkitError:
                pass  # `Apparatus.renew` finds out and brings it back
        for role in ROLES:
            if self._apparatus.is_armed(role):
                try:
                    self._apparatus.cameras[role].disarm(_SETTLE_S)
                except ToolkitError:
                    continue  # it is lost now, and renewed before anything else

    def _await_done(self) -> None:
        trigger = self._apparatus.trigger
        limit_s = time.monotonic() + _STOP_S
        log = PulseLog()
        while trigger is not None and log.done is None and time.monotonic() < limit_s:
            for message in trigger.messages(_TURN_S):
                if isinstance(message, Happened):
                    log.note(message.event)
