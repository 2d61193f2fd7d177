"""One take: arm both, acknowledge, pulses, drain, reconcile.

The pulses start only when both cameras have acknowledged their arming, and the cameras stop only
when the frames of the last pulse had their time to arrive. What comes out is a part file with all
that arrived, and the ledger that says what belongs together; whether it is kept is decided by
whoever asked for it.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

import numpy as np

from acquisition.apparatus import Apparatus
from acquisition.arrival import NO_TIME
from acquisition.camera.message import Lost
from acquisition.ledger import Expected, Ledger, reconcile
from acquisition.ledger_row import PULSE
from acquisition.pulse_program import NS_PER_S
from acquisition.rig import ROLES, Role
from acquisition.trigger_event import Done, Late, Pulse, PulsesMissing, Started
from acquisition.trigger_message import Happened
from bsd.errors import ToolkitError, UserMistake

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from acquisition.camera.message import Tally
    from acquisition.clip_document import ClipHead
    from acquisition.recorder_message import Progress

Phase = Literal["arming", "running", "draining", "closing"]

_TURN_S: Final = 0.05
_LOOK_S: Final = 0.2
_SETTLE_S: Final = 0.2
"""How long a frame without a pulse may come after the last one, to be found out."""


@dataclass(frozen=True)
class TakeStatus:
    """A take under way, several times a second.

    Attributes
    ----------
    pulses, asked
        Pulses told so far, and how many there will be; 0 without a trigger.
    stored
        Frames in the file.
    fill
        Share of each ring in use.
    overflow
        Frames that found no room in the ring.
    stored_bytes
        In the file.
    rate_hz
        Frames per second over the last seconds by the host's clock, of each camera.
    elapsed_s
        Since the begin.
    """

    phase: Phase
    pulses: int
    asked: int
    stored: Mapping[Role, int]
    fill: Mapping[Role, float]
    overflow: Mapping[Role, int]
    stored_bytes: int
    rate_hz: Mapping[Role, float]
    elapsed_s: float


@dataclass
class Recording:
    """What a take left: the part file, and what is known of it.

    Attributes
    ----------
    part
        The clip file, closed but not sealed.
    ledger
        Pulses and frames joined.
    pulses
        As the controller told them.
    expected
        What should have been.
    tallies
        What each camera says that it delivered; None where it could not say.
    trouble
        Faults and remarks, one line each, in their order; the first is what ended the take early.
    stopped
        Why it ended before its count, in words; None where it did not.
    stop_was_asked
        Whether somebody wanted that, and nothing had failed.
    elapsed_s
        By the host's clock.
    """

    part: Path
    ledger: Ledger
    pulses: NDArray[np.void]
    expected: Expected
    tallies: Mapping[Role, Tally | None]
    trouble: list[str] = field(default_factory=list)
    stopped: str | None = None
    stop_was_asked: bool = False
    elapsed_s: float = 0.0


Watch = Callable[[TakeStatus], None]
StopAsked = Callable[[], str | None]
"""Tells why the take shall end now, or None."""


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
        Nothing was recorded: a device did not arm, or the file could not be made. No part is left.
    """
    take = _Take(apparatus, part, head, watch, stop_asked)
    take.begin()
    try:
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
        self._watch = watch
        self._stop_asked = stop_asked
        self._asked = head.frames_asked + 2 * head.bookend_frames
        self._pulses: list[tuple[int, int]] = []
        self._forwarded = 0
        self._arming = 0
        self._overflow_before: dict[Role, int] = {}
        self._done: Done | None = None
        self._trigger_is_gone = False
        self._trouble: list[str] = []
        self._stopped: str | None = None
        self._stop_was_asked = False
        self._begun_s = time.monotonic()
        self._looked_s = 0.0
        self._progress: Progress | None = None
        self._history: deque[tuple[float, dict[Role, int]]] = deque(maxlen=16)

    def begin(self) -> None:
        """Open the file, then arm: a camera that is armed has somebody who takes its frames."""
        apparatus = self._apparatus
        self._arming = arming = apparatus.next_arming()
        self._drain_messages()
        self._overflow_before = {role: ring.overflow for role, ring in apparatus.rings.items()}
        apparatus.recorder.begin(self._part, self._head, apparatus.configured, arming)
        try:
            self._look("arming", at_once=True)
            apparatus.arm(arming)
            if apparatus.trigger is not None:
                apparatus.run(self._asked)
        except BaseException:
            self.give_up()
            raise

    def run(self) -> None:
        """Until the pulses are over, or, without a trigger, until both have enough frames."""
        triggered = self._apparatus.trigger is not None
        while self._done is None if triggered else not self._has(self._asked):
            self._turn("running")
            reason = self._stop_asked() if self._stopped is None else None
            if reason is not None:
                self._stop_was_asked = True
                self._stop(reason)
            if self._stopped is not None and not triggered:
                break
            if self._stopped is not None and self._trigger_is_gone:
                break

    def finish(self) -> Recording:
        """Drain, disarm, close the file, join pulses and frames."""
        tallies: dict[Role, Tally | None] = {}
        self._drain()
        for role in ROLES:
            tallies[role] = self._disarm(role)
        self._look("closing", at_once=True)
        recorded = self._apparatus.recorder.finish()
        self._trouble += recorded.trouble
        pulses = np.array(self._pulses, dtype=PULSE)
        expected = self._expected(recorded.arrivals)
        ledger = reconcile(expected, pulses, recorded.arrivals, self._apparatus.anchors)
        self._apparatus.anchors = dict(ledger.anchors)
        return Recording(
            self._part,
            ledger,
            pulses,
            expected,
            tallies,
            self._trouble,
            self._stopped,
            self._stop_was_asked,
            time.monotonic() - self._begun_s,
        )

    def give_up(self) -> None:
        """Whatever happened: no pulses, cameras disarmed, no file."""
        trigger = self._apparatus.trigger
        quiet: list[Callable[[], object]] = [] if trigger is None else [trigger.abort]
        quiet += [partial(self._disarm, role) for role in ROLES]
        quiet.append(self._apparatus.recorder.abandon)
        for step in quiet:
            try:
                step()
            except ToolkitError as fault:
                self._trouble.append(str(fault))

    # The turns

    def _turn(self, phase: Phase) -> None:
        self._hear_trigger()
        for role in ROLES:
            self._hear_camera(role)
        self._look(phase)

    def _hear_trigger(self) -> None:
        trigger = self._apparatus.trigger
        if trigger is None:
            time.sleep(_TURN_S)
            return
        try:
            messages = trigger.messages(_TURN_S)
        except ToolkitError as fault:
            self._stop(str(fault))
            self._trigger_is_gone = True
            return
        for message in messages:
            if isinstance(message, Happened):
                self._note(message.event)
        if len(self._pulses) > self._forwarded:
            rows = np.array(self._pulses[self._forwarded :], dtype=PULSE)
            self._forwarded = len(self._pulses)
            self._apparatus.recorder.pulses(rows)

    def _note(self, event: object) -> None:
        match event:
            case Pulse(n=n, ticks=ticks):
                self._pulses.append((n, ticks))
            case PulsesMissing(first=first, last=last):
                self._trouble.append(f"trigger: the words of pulses {first} to {last} were lost")
            case Late(cause=cause, channel=channel, n=n):
                self._stop(f"trigger: {cause} at pulse {n}, channel {channel}")
            case Done():
                self._done = event
                if event.cause not in ("count", "stop"):
                    self._stopped = self._stopped or f"trigger: the run ended by '{event.cause}'"
                    self._trouble.append(f"trigger: the run ended by '{event.cause}'")
            case Started():
                pass

    def _hear_camera(self, role: Role) -> None:
        camera = self._apparatus.cameras[role]
        try:
            news = camera.news()
        except ToolkitError as fault:
            self._stop(str(fault))
            return
        for each in news:
            if isinstance(each, Lost):
                self._stop(f"{role} camera: {each.reason}")

    def _look(self, phase: Phase, *, at_once: bool = False) -> None:
        now_s = time.monotonic()
        if now_s - self._looked_s < _LOOK_S and not at_once:
            return
        self._looked_s = now_s
        try:
            self._progress = self._apparatus.recorder.progress()
        except ToolkitError as fault:
            self._stop(str(fault))
            return
        progress = self._progress
        if progress.fault is not None:
            self._stop(progress.fault)
        stored = dict(progress.stored)
        self._history.append((now_s, stored))
        self._watch(
            TakeStatus(
                phase=phase,
                pulses=len(self._pulses),
                asked=0 if self._apparatus.trigger is None else self._asked,
                stored=stored,
                fill=progress.fill,
                overflow={
                    role: count - self._overflow_before.get(role, 0)
                    for role, count in progress.overflow.items()
                },
                stored_bytes=progress.stored_bytes,
                rate_hz=self._rates(),
                elapsed_s=now_s - self._begun_s,
            )
        )

    def _rates(self) -> dict[Role, float]:
        (first_s, first), (last_s, last) = self._history[0], self._history[-1]
        span_s = last_s - first_s
        return {role: (last[role] - first[role]) / span_s if span_s else 0.0 for role in ROLES}

    # The end

    def _stop(self, reason: str) -> None:
        """End the take early; the first reason is the one that is told."""
        if reason not in self._trouble:
            self._trouble.append(reason)
        if self._stopped is not None:
            return
        self._stopped = reason
        if self._apparatus.trigger is not None and self._done is None:
            try:
                self._apparatus.trigger.stop()
            except ToolkitError as fault:
                self._trouble.append(str(fault))
                self._trigger_is_gone = True

    def _has(self, frames: int) -> bool:
        return self._progress is not None and all(
            self._progress.stored[role] >= frames for role in ROLES
        )

    def _drain(self) -> None:
        """Until each camera has told of all pulses, or none of its frames came for `frame_s`."""
        wanted = self._pulse_count()
        frame_s = self._apparatus.rig.timeouts.frame_s
        last, last_s = None, time.monotonic()
        while self._progress is not None and self._progress.fault is None:
            self._turn("draining")
            stored = dict(self._progress.stored)
            now_s = time.monotonic()
            if stored != last:
                last, last_s = stored, now_s
            enough = all(count >= wanted for count in stored.values())
            if now_s - last_s > (_SETTLE_S if enough else frame_s):
                return
            if not any(self._apparatus.is_armed(role) for role in ROLES):
                return

    def _disarm(self, role: Role) -> Tally | None:
        camera = self._apparatus.cameras[role]
        if not self._apparatus.is_armed(role):
            return None
        try:
            return camera.disarm(_SETTLE_S)
        except ToolkitError as fault:
            self._trouble.append(str(fault))
            return None

    def _drain_messages(self) -> None:
        """What was told before this take belongs to nobody."""
        if self._apparatus.trigger is not None:
            self._apparatus.trigger.messages()
        for role in ROLES:
            self._apparatus.cameras[role].news()

    def _pulse_count(self) -> int:
        if self._done is not None:
            return max(self._done.n1, self._done.n2)
        return len(self._pulses)

    def _expected(self, arrivals: Mapping[Role, NDArray[np.void]]) -> Expected:
        apparatus, head, done = self._apparatus, self._head, self._done
        drive = apparatus.drive
        if drive is None:
            raise UserMistake("a take needs cameras that are configured; set the drive first")
        plan = drive.plan
        exposures = {} if plan is None else {"blurry": plan.blurry, "sharp": plan.sharp}
        period = (
            NS_PER_S / (apparatus.tick_ns * drive.rate_hz)
            if plan is None
            else plan.program.period_ticks
        )
        stamped = {role: (arrivals[role]["device_ns"] != NO_TIME).all() for role in ROLES}
        return Expected(
            pulses=None if done is None else min(done.n1, done.n2),
            frames=head.frames_asked,
            bookend=head.bookend_frames,
            tick_ns=apparatus.tick_ns,
            period=period,
            exposure_begin_ns={role: exposures[role].begin_ns if plan else 0 for role in ROLES},
            timestamps={role: bool(stamped[role]) for role in ROLES},
            sync="none" if plan is None else "trigger",
            exposure_ns={role: exposures[role].width_ns for role in ROLES} if plan else {},
            completed=None if done is None else {"blurry": done.n1, "sharp": done.n2},
            cut=done is None or bool(done.cut) or done.cut is None,
            arming=self._arming,
        )
