"""One take: arm both, acknowledge, pulses, drain, reconcile.

The pulses start only when both cameras have acknowledged their arming, and the cameras stop only
when the frames of the last pulse had their time to arrive. What comes out is a part file with all
that arrived, and the ledger that says what belongs together; whether it is kept is decided by
whoever asked for it.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from acquisition.arrival import NO_TIME
from acquisition.camera.message import Lost
from acquisition.engine.apparatus import Apparatus
from acquisition.engine.pulse_log import PulseLog
from acquisition.engine.recording import Recording
from acquisition.engine.take_status import Phase, TakeGauge, TakeStatus, Watch
from acquisition.ledger.joining import Expected, reconcile
from acquisition.pulse_program import NS_PER_S
from acquisition.rig import ROLES, Role
from acquisition.trigger.message import Happened
from bsd.errors import ToolkitError, UserMistake

if TYPE_CHECKING:
    from fractions import Fraction

    import numpy as np
    from numpy.typing import NDArray

    from acquisition.camera.message import Tally
    from acquisition.clip.document import ClipHead

__all__ = ["Phase", "Recording", "StopAsked", "TakeStatus", "Watch", "record"]

StopAsked = Callable[[], str | None]
"""Tells why the take shall end now, or None."""

_TURN_S: Final = 0.05
_SETTLE_S: Final = 0.2
"""How long a frame without a pulse may come after the last one, to be found out."""
_AHEAD_S: Final = 1.0
_AHEAD_SHARE: Final = 0.1
"""How far one free-running camera may be ahead of the other when it has all of its frames."""

log = logging.getLogger(__name__)


def record(
    apparatus: Apparatus,
    part: Path,
    head: ClipHead,
    *,
    watch: Watch = lambda _: None,
    stop_asked: StopAsked = lambda: None,
) -> Recording:
    """Record one take into `part`.

    Parameters
    ----------
    apparatus
        Started, and driven as `head` says.
    part
        The file to make.
    head
        What the clip tells of itself; says how many frames and bookends.
    watch
        Told of the progress, several times a second.
    stop_asked
        Asked as often; the frame under way is finished.

    Raises
    ------
    ToolkitError
        Nothing is known of what was recorded: a device did not arm, the file could not be made,
        the recorder died. Only after its death a part is left, which can be recovered.
    """
    take = _Take(apparatus, part, head, watch, stop_asked)
    try:
        take.begin()
        take.run()
        return take.finish()
    except BaseException:
        take.give_up()
        raise


class _Take:
    def __init__(
        self,
        apparatus: Apparatus,
        part: Path,
        head: ClipHead,
        watch: Watch,
        stop_asked: StopAsked,
    ) -> None:
        self._apparatus = apparatus
        self._part = part
        self._head = head
        self._stop_asked = stop_asked
        self._asked = head.frames_asked + 2 * head.bookend_frames
        self._triggered = apparatus.trigger is not None
        self._gauge = TakeGauge(apparatus, self._asked if self._triggered else 0, watch)
        self._log = PulseLog()
        self._arming = 0
        self._trigger_is_gone = False
        self._is_stored = True
        self._trouble: list[str] = []
        self._stopped: str | None = None
        self._stop_was_asked = False

    def begin(self) -> None:
        """Open the file, then arm: a camera that is armed has somebody who takes its frames."""
        apparatus = self._apparatus
        self._arming = apparatus.next_arming()
        self._forget_old_news()
        head = self._head.model_copy(update={"arming": self._arming})
        apparatus.recorder.begin(self._part, head, apparatus.configured, self._arming)
        self._look("arming")
        apparatus.arm(self._arming)
        if self._triggered:
            apparatus.run(self._asked)

    def run(self) -> None:
        """Until the pulses are over, or, without a trigger, until both have enough frames."""
        while self._log.done is None if self._triggered else not self._gauge.has(self._asked):
            self._turn("running")
            if self._stopped is None:
                reason = self._stop_asked()
                if reason is not None:
                    self._stop_was_asked = True
                    self._stop(reason)
            if self._stopped is not None and (not self._triggered or self._trigger_is_gone):
                break

    def finish(self) -> Recording:
        """Drain, disarm, close the file, join pulses and frames."""
        if self._triggered:
            self._drain()
        tallies = {role: self._disarm(role) for role in ROLES}
        self._look("closing")
        recorded = self._apparatus.recorder.finish()
        pulses = self._log.rows
        expected = self._expected(recorded.arrivals)
        ledger = reconcile(expected, pulses, recorded.arrivals, self._apparatus.anchors)
        self._apparatus.anchors = dict(ledger.anchors)
        trouble = [*self._trouble, *self._log.trouble, *recorded.trouble]
        return Recording(
            self._part,
            ledger,
            pulses,
            expected,
            tallies,
            list(dict.fromkeys(trouble)),
            self._stopped,
            self._stop_was_asked,
            self._gauge.elapsed_s,
            recorded.fault,
        )

    def give_up(self) -> None:
        """Whatever happened: no pulses, cameras disarmed, no file of a recorder that lives."""
        trigger, recorder = self._apparatus.trigger, self._apparatus.recorder
        quiet: list[Callable[[], object]] = [] if trigger is None else [trigger.abort]
        quiet += [partial(self._disarm, role) for role in ROLES]
        if recorder.alive:
            quiet.append(recorder.abandon)
        for step in quiet:
            try:
                step()
            except ToolkitError as fault:
                log.debug("while a take was given up: %s", fault)

    # The turns

    def _turn(self, phase: Phase) -> None:
        self._hear_trigger()
        for role in ROLES:
            self._hear_camera(role)
        if self._gauge.is_due:
            self._look(phase)

    def _hear_trigger(self) -> None:
        trigger = self._apparatus.trigger
        if trigger is None or self._trigger_is_gone:
            time.sleep(_TURN_S)
            return
        try:
            messages = trigger.messages(_TURN_S)
        except ToolkitError as fault:
            self._trigger_is_gone = True
            self._stop(str(fault))
            return
        for message in messages:
            wrong = self._log.note(message.event) if isinstance(message, Happened) else None
            if wrong is not None:
                self._stop(wrong)
        rows = self._log.fresh()
        if len(rows):
            self._tell_recorder(rows)

    def _tell_recorder(self, rows: NDArray[np.void]) -> None:
        try:
            self._apparatus.recorder.pulses(rows)
        except ToolkitError as fault:
            self._stop(str(fault))

    def _hear_camera(self, role: Role) -> None:
        for each in self._apparatus.cameras[role].news():
            if isinstance(each, Lost):
                named = each.reason.startswith(role)
                self._stop(each.reason if named else f"{role} {each.reason}")

    def _look(self, phase: Phase) -> None:
        try:
            due = None if self._triggered else self._asked
            fault = self._gauge.look(phase, len(self._log), due)
        except ToolkitError as error:
            fault = str(error)
        if fault is not None:
            self._is_stored = False
            self._stop(fault)
        elif phase == "running":
            self._look_for_silence()
            if not self._triggered:
                self._look_for_laggard()

    def _look_for_silence(self) -> None:
        """A camera that gives nothing spoils the take: no need to wait for its end."""
        if self._stopped is not None:
            return
        cameras, limit_s = self._apparatus.cameras, self._apparatus.rig.timeouts.frame_s
        limit_s += self._period_s()
        silent = [role for role in ROLES if self._gauge.silent_s(role) > limit_s]
        if not silent:
            return
        names = " and ".join(cameras[role].name for role in silent)
        text = f"{names}: gave no frame for {limit_s:.1f} s"
        if self._triggered:
            self._stop(f"{text} while pulses went on; look at its trigger line and its cable")
        else:
            self._stop(f"{text} though no trigger is waited for; look at its mode and its cable")

    def _look_for_laggard(self) -> None:
        """Free-running cameras of unlike rates: the faster one shall not fill the disk."""
        if self._stopped is not None:
            return
        asked, stored = self._asked, self._gauge.stored
        margin = max(math.ceil(_AHEAD_S / self._period_s()), math.ceil(_AHEAD_SHARE * asked))
        slow, fast = sorted(ROLES, key=lambda role: stored[role])
        if stored[slow] < asked and stored[fast] >= asked + margin:
            cameras = self._apparatus.cameras
            self._stop(
                f"{cameras[slow].name}: gave {stored[slow]} of {asked} frames while"
                f" {cameras[fast].name} gave {stored[fast]}; choose a --rate that both reach"
            )

    # The end

    def _stop(self, reason: str) -> None:
        """End the take early; the first reason is the one that is told."""
        if reason not in self._trouble:
            self._trouble.append(reason)
        if self._stopped is not None:
            return
        self._stopped = reason
        trigger = self._apparatus.trigger
        if trigger is not None and self._log.done is None and not self._trigger_is_gone:
            try:
                trigger.stop()
            except ToolkitError as fault:
                self._trouble.append(str(fault))
                self._trigger_is_gone = True

    def _drain(self) -> None:
        """Until each camera has told of all pulses, or none of its frames came for `frame_s`."""
        wanted = self._log.count
        frame_s = self._apparatus.rig.timeouts.frame_s
        seen, seen_s = dict(self._gauge.stored), time.monotonic()
        while self._is_stored:
            self._turn("draining")
            now_s = time.monotonic()
            if self._gauge.stored != seen:
                seen, seen_s = dict(self._gauge.stored), now_s
            armed = [role for role in ROLES if self._apparatus.is_armed(role)]
            rest_s = _SETTLE_S if self._gauge.has(wanted, armed) else frame_s
            if not armed or now_s - seen_s > rest_s:
                return

    def _disarm(self, role: Role) -> Tally | None:
        if not self._apparatus.is_armed(role):
            return None
        try:
            return self._apparatus.cameras[role].disarm(_SETTLE_S)
        except ToolkitError as fault:
            self._trouble.append(str(fault))
            return None

    def _forget_old_news(self) -> None:
        """What was told before this take belongs to nobody."""
        if self._apparatus.trigger is not None:
            self._apparatus.trigger.messages()
        for role in ROLES:
            self._apparatus.cameras[role].news()

    def _period_s(self) -> float:
        return float(self._period_ticks() * self._apparatus.tick_ns) / NS_PER_S

    def _period_ticks(self) -> Fraction:
        drive = self._apparatus.drive
        if drive is None:
            raise UserMistake("a take needs cameras that are configured; set the drive first")
        if drive.plan is not None:
            return drive.plan.program.period_ticks
        return NS_PER_S / (self._apparatus.tick_ns * drive.rate_hz)

    def _expected(self, arrivals: Mapping[Role, NDArray[np.void]]) -> Expected:
        drive, done, head = self._apparatus.drive, self._log.done, self._head
        plan = None if drive is None else drive.plan
        exposures = {} if plan is None else {"blurry": plan.blurry, "sharp": plan.sharp}
        stamped = {role: bool((arrivals[role]["device_ns"] != NO_TIME).any()) for role in ROLES}
        return Expected(
            pulses=None if done is None else min(done.n1, done.n2),
            frames=head.frames_asked,
            bookend=head.bookend_frames,
            tick_ns=self._apparatus.tick_ns,
            period=self._period_ticks(),
            exposure_begin_ns={role: exposures[role].begin_ns if plan else 0 for role in ROLES},
            timestamps=stamped,
            sync="none" if plan is None else "trigger",
            exposure_ns={role: exposures[role].width_ns for role in ROLES} if plan else {},
            completed=None if done is None else {"blurry": done.n1, "sharp": done.n2},
            cut=done is None or bool(done.cut) or done.cut is None,
            arming=self._arming,
        )
