"""A capture from the terminal: preflight, calibration steps, scenes, and what the operator says."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from acquisition.capture import report as capture_report
from acquisition.capture.before_step import run_before_step
from acquisition.capture.interrupt import Interrupt
from acquisition.capture.live import LiveScreen, LiveState
from acquisition.capture.rehearsal import rehearse
from acquisition.clip.reader import Clip
from acquisition.engine.bookend import bookend_remarks
from acquisition.engine.monitor import Monitor
from acquisition.engine.shoot import Outcome, Shoot, TakeOrder, free_bytes
from acquisition.guide.check import check_clip
from acquisition.preflight import camera_checks
from acquisition.preflight.limits import Limits
from acquisition.preflight.live_watch import LiveWatch
from acquisition.preflight.preflight import Preflight
from bsd.errors import FoundBad

if TYPE_CHECKING:
    from rich.table import Table

    from acquisition.capture.page import CapturePage
    from acquisition.capture.prompt import Prompt
    from acquisition.engine.take_status import TakeStatus
    from acquisition.guide.check import StepCheck
    from acquisition.guide.step import Step
    from acquisition.health.finding import Finding as Check
    from acquisition.picture.measurement import PairMeasurement
    from acquisition.picture.registration import Offset
    from bsd.setting import Setting

_AFTER: Final = {"k": "go on", "r": "take it again", "n": "note", "q": "end here"}


@dataclass(frozen=True)
class CaptureOptions:
    """How a capture goes.

    Attributes
    ----------
    retries
        How often a discarded take is tried again without asking.
    countdown_s
        Before every scene.
    force
        Go on where the preflight finds a fault.
    before_step
        A program that is run before each calibration step and each scene, and told what comes.
    powered_minutes
        Since the cameras were switched on.
    """

    retries: int = 2
    countdown_s: int = 0
    force: bool = False
    before_step: Path | None = None
    powered_minutes: float | None = None


@dataclass
class CaptureRun:
    """One run of the verb.

    Parameters
    ----------
    shoot
        Session and devices, started.
    setting
        Of the scenes.
    prompt
        Asks the operator, or nobody.
    interrupt
        Ctrl-C.
    options
        How it goes.
    page
        The preview's page, where it is shown.
    """

    shoot: Shoot
    setting: Setting
    prompt: Prompt
    interrupt: Interrupt
    options: CaptureOptions = field(default_factory=CaptureOptions)
    limits: Limits = field(default_factory=Limits)
    page: CapturePage | None = None
    outcomes: list[Outcome] = field(init=False, default_factory=list)
    found: Preflight | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        self._screen = LiveScreen()
        self._monitor: Monitor | None = None
        self._offsets_seen = 0
        self._watch = LiveWatch(self.limits)
        self._title = ""
        self._order: TakeOrder | None = None
        self._seen: deque[PairMeasurement] = deque(maxlen=1)
        self.shoot.watch = self._show
        self.shoot.stop_asked = self._reason

    def _reason(self) -> str | None:
        """Why a take shall end: Ctrl-C ends the run, too, *Stop* on the page only the take."""
        reason = self.interrupt.reason()
        return self.page.reason() if reason is None and self.page is not None else reason

    # Before

    def check(self, frames: Sequence[int]) -> Preflight:
        """Look at everything; print what is to be known.

        Parameters
        ----------
        frames
            Of each clip to come, bookends included.

        Raises
        ------
        FoundBad
            Something would spoil the session, and nobody said to go on all the same.
        """
        with self.interrupt.held():
            minutes = self.options.powered_minutes
            found = rehearse(self.shoot, self.setting, frames, self.limits, minutes)
        self.interrupt.raise_if_asked()
        self.found = found
        capture_report.print_checks(found.checks)
        blurry = self.shoot.apparatus.configured["blurry"]
        self._watch = LiveWatch(self.limits, found.offset, (blurry.width, blurry.height))
        faults = [each for each in found.checks if each.status == "fault"]
        if faults and not self.options.force:
            raise FoundBad(
                f"preflight: {faults[0].name}: {faults[0].what}; {faults[0].remedy or 'mend it'}"
                + (f" (and {len(faults) - 1} more)" if len(faults) > 1 else "")
                + "; --force records all the same"
            )
        return found

    # Scenes

    def scenes(self, count: int, order: TakeOrder) -> None:
        """Record so many clips of scenes.

        Raises
        ------
        FoundBad
            A clip could not be recorded.
        """
        done = 0
        while done < count:
            self.prompt.say(f"scene {done + 1} of {count}: {self._next_name()}")
            if self.prompt.asks and order.bookend_frames:
                self.prompt.say("hold the rig still, then move, then hold it still again")
            self.prompt.wait("ready?")
            outcome = self._try(order)
            if outcome.clip is not None:
                self._look_at_bookends(outcome)
            answer = self._after(outcome)
            if answer == "q":
                return
            if answer == "r" and outcome.clip is not None:
                self.shoot.session.forget(outcome.clip.clip, "taken again")
                self.outcomes.remove(outcome)
            else:
                done += 1

    def steps(self, steps: Sequence[Step], *, notes: str = "", light: str = "") -> None:
        """Record calibration clips, each checked at once.

        Parameters
        ----------
        steps
            In their order.
        notes, light
            Free words, for each clip.

        Raises
        ------
        FoundBad
            A clip could not be recorded, or its check found a fault to the end.
        """
        faulty = []
        for number, step in enumerate(steps, 1):
            if step.prompt:
                self.prompt.say(f"{step.title}: {step.prompt}", "bold")
            self.prompt.say(f"calibration clip {number} of {len(steps)}: {step.name}")
            if step.prompt:
                self.prompt.wait("ready?")
            if not self._step(step, notes, light):
                faulty.append(step.name)
        if faulty:
            raise FoundBad(
                f"calibration: {', '.join(faulty)} found faulty (see above); record"
                f" {'it' if len(faulty) == 1 else 'them'} again with --step NAME"
            )

    def _step(self, step: Step, notes: str, light: str) -> bool:
        order = TakeOrder(step.plan(notes), step.setting, step=step, light=light)
        while True:
            outcome = self._try(order)
            if outcome.clip is None:
                return False
            check = self._check(step, outcome)
            if check.status != "fault" or not self.prompt.asks:
                return check.status != "fault"
            answer = self.prompt.choice(
                "not fit:", {"r": "take it again", "k": "keep it", "q": "end"}, "r"
            )
            if answer == "q":
                raise FoundBad(f"{step.name}: {'; '.join(check.remarks)}; ended by the operator")
            if answer == "k":
                return True
            self.shoot.session.forget(outcome.take.clip, "not fit, taken again")
            self.outcomes.remove(outcome)

    def _check(self, step: Step, outcome: Outcome) -> StepCheck:
        with Clip(outcome.take.final) as clip:
            check = check_clip(clip, step.purpose)
        self.shoot.session.checked(step, outcome.take, check)
        self.prompt.say(f"  {step.name}: {check.status}", capture_report.COLOURS[check.status])
        for remark in check.remarks:
            self.prompt.say(f"  {remark}")
        return check

    # One take, tried as often as is allowed

    def _try(self, order: TakeOrder) -> Outcome:
        for attempt in range(self.options.retries + 1):
            if self.options.before_step is not None:
                run_before_step(
                    self.options.before_step, order, self._next_name(), self.shoot.rate_hz
                )
            if not self.prompt.countdown(self.options.countdown_s, lambda: self.interrupt.asked):
                raise KeyboardInterrupt
            outcome = self._take(order)
            self.outcomes.append(outcome)
            if outcome.kept or not self.interrupt.asked:
                capture_report.tell_outcome(self.prompt, outcome, self._warnings)
            self.interrupt.raise_if_asked()
            if outcome.kept:
                return outcome
            if outcome.stop_session:
                raise FoundBad(f"{outcome.take.clip}: {outcome.why}; the policy ends the session")
            if attempt < self.options.retries:
                again = self.prompt.choice("again?", {"y": "yes", "q": "end here"}, "y")
                if again == "q":
                    raise FoundBad(f"{outcome.take.clip}: {outcome.why}; ended by the operator")
        raise FoundBad(
            f"{self._next_name()}: discarded {self.options.retries + 1} times, the last time"
            f" because: {outcome.why}; mend it and run the same command again"
        )

    def _take(self, order: TakeOrder) -> Outcome:
        shoot, plan = self.shoot, order.plan
        attempt = shoot.session.record.next_attempt(self._next_name())
        what = plan.step or plan.purpose
        self._title = f"{self._next_name()}.{attempt} {what} {order.setting.name}"
        self._seen.clear()
        with self.interrupt.held(), self._screen:
            shoot.prepare(order.setting)
            self._monitor = Monitor(
                shoot.apparatus.rings, shoot.apparatus.rig, shoot.apparatus.configured
            )
            if self.page is not None:
                self.page.begin(order)
            self._order, self._offsets_seen = order, 0
            outcome = shoot.take(order, keep_short=lambda: not self.interrupt.asked)
            if self.page is not None:
                self.page.end(outcome)
            return outcome

    def _next_name(self) -> str:
        return f"clip-{self.shoot.session.record.next_number:03d}"

    @property
    def _is_scene(self) -> bool:
        return self._order is None or self._order.step is None

    @property
    def _warnings(self) -> list[Check]:
        """Of light and optics in scenes only: a calibration clip has a check of its own."""
        warnings = list(self._watch.warnings) if self._is_scene else []
        warmth = camera_checks.temperature(self.shoot.temperatures.spans(), self.limits)
        return warnings if warmth.status == "ok" else [*warnings, warmth]

    def _fresh_offset(self) -> Offset | None:
        """Each offset once; cameras that run freely never show one moment, so there is none."""
        monitor = self._monitor
        if monitor is None or monitor.offsets == self._offsets_seen:
            return None
        self._offsets_seen = monitor.offsets
        return None if self.shoot.apparatus.free_running else monitor.offset

    def _show(self, status: TakeStatus) -> None:
        """Several times a second while a take runs."""
        if self._monitor is not None and status.phase == "running":
            seen = self._monitor.look()
            if seen is not None:
                self._seen.append(seen)
                if self._is_scene:
                    self._watch.feed(seen, self._fresh_offset())
        stand = self._warnings
        if self.page is not None and self._order is not None:
            self.page.progress(self._next_name(), self._order, status, stand)
        warnings = [f"{each.name}: {each.what}" for each in stand]
        self._screen.show(
            LiveState(
                self._title,
                status,
                self._seen[-1] if self._seen else None,
                self.shoot.apparatus.rig.host_clock == "real",
                free_bytes(self.shoot.session.folder),
                warnings,
            )
        )

    def _look_at_bookends(self, outcome: Outcome) -> None:
        with Clip(outcome.take.final) as clip:
            remarks = bookend_remarks(clip, self.limits)
        for remark in remarks:
            self.prompt.say(f"  warning: {remark}", "yellow")
            self.shoot.session.note(remark, outcome.take.clip)

    def _after(self, outcome: Outcome) -> str:
        """What the operator wants next."""
        while True:
            answer = self.prompt.choice(f"{outcome.take.clip}:", _AFTER, "k")
            if answer == "n":
                if text := self.prompt.text("note:"):
                    self.shoot.session.note(text, outcome.take.clip)
                continue
            return answer

    # After

    def summary(self) -> Table:
        """Clips of this run."""
        return capture_report.summary(self.outcomes)

    def as_fields(self) -> dict[str, Any]:
        """For ``--json``."""
        folder = self.shoot.session.folder
        return capture_report.as_fields(folder, self.found, self.outcomes)
