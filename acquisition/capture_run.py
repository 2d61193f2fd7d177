"""A capture from the terminal: preflight, calibration steps, scenes, and what the operator says."""

from __future__ import annotations

import os
import subprocess
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from rich.table import Table

from acquisition import guide, preflight
from acquisition.bookend import bookend_remarks
from acquisition.clip import Clip
from acquisition.clip_format import frame_format
from acquisition.estimate import estimated_bytes
from acquisition.interrupt import Interrupt
from acquisition.journal_entry import TakePlan
from acquisition.limits import Limits
from acquisition.live import LiveScreen, LiveState
from acquisition.live_watch import LiveWatch
from acquisition.monitor import Monitor
from acquisition.preflight import Burst, Check, Preflight, Situation
from acquisition.rig import ROLES
from acquisition.shoot import Outcome, Shoot, TakeOrder, free_bytes
from acquisition.step_check import check_clip
from bsd import command
from bsd.errors import EnvironmentFault, FoundBad, ToolkitError, UserMistake

if TYPE_CHECKING:
    from acquisition.guide_step import Step
    from acquisition.measurement import PairMeasurement
    from acquisition.prompt import Prompt
    from acquisition.step_check import StepCheck
    from acquisition.take import TakeStatus
    from bsd.setting import Setting

BURST_FRAMES: Final = 12
HOOK_S: Final = 600.0

_COLOURS: Final = {"ok": "green", "warning": "yellow", "fault": "bold red"}
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
    """

    shoot: Shoot
    setting: Setting
    prompt: Prompt
    interrupt: Interrupt
    options: CaptureOptions = field(default_factory=CaptureOptions)
    limits: Limits = field(default_factory=Limits)
    outcomes: list[Outcome] = field(init=False, default_factory=list)
    found: Preflight | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        self._screen = LiveScreen()
        self._monitor: Monitor | None = None
        self._watch = LiveWatch(self.limits)
        self._state: LiveState | None = None
        self._title = ""
        self._seen: deque[PairMeasurement] = deque(maxlen=1)
        self._reported: set[str] = set()
        self.shoot.watch = self._show
        self.shoot.stop_asked = self.interrupt.reason

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
            found = self._preflight(frames)
        self.interrupt.raise_if_asked()
        self.found = found
        self._print_checks(found.checks)
        self._watch = LiveWatch(self.limits, found.offset, self._size_px())
        faults = [each for each in found.checks if each.status == "fault"]
        if faults and not self.options.force:
            raise FoundBad(
                f"preflight: {faults[0].name}: {faults[0].what}; {faults[0].remedy or 'mend it'}"
                + (f" (and {len(faults) - 1} more)" if len(faults) > 1 else "")
                + "; --force records all the same"
            )
        return found

    def _preflight(self, frames: Sequence[int]) -> Preflight:
        shoot, apparatus = self.shoot, self.shoot.apparatus
        shoot.prepare(self.setting)
        burst, temperatures = None, self._temperatures()
        with shoot.rehearsal(self.setting, BURST_FRAMES) as (recording, clip):
            forms = {role: frame_format(clip.head, role) for role in ROLES}
            if clip.head.sync == "trigger":
                pairs = [(blurry, sharp) for _, blurry, sharp in clip.pairs()]
                views = {
                    "blurry": [pair[0] for pair in pairs],
                    "sharp": [pair[1] for pair in pairs],
                }
            else:
                views = {role: list(clip.frames(role))[:BURST_FRAMES] for role in ROLES}
            if all(views.values()):
                burst = Burst({role: views[role] for role in ROLES}, forms)
            rehearsed = self._rehearsed(recording)
        for role, seen in self._temperatures().items():
            temperatures[role] = [*temperatures[role], *seen]
        drive = apparatus.drive
        situation = Situation(
            rig=apparatus.rig,
            rate_hz=float(shoot.rate_hz),
            plan=None if drive is None else drive.plan,
            identities={role: apparatus.cameras[role].identity for role in ROLES},
            configured=apparatus.configured,
            folder=shoot.session.folder,
            session_bytes=estimated_bytes(
                frames, {role: apparatus.configured[role].frame_bytes for role in ROLES}
            ),
            burst=burst,
            powered_minutes=self.options.powered_minutes,
            temperatures=temperatures,
        )
        found = preflight.run(situation, self.limits)
        return replace(found, checks=[*found.checks, rehearsed])

    def _rehearsed(self, recording: Any) -> Check:
        ledger = recording.ledger
        lines = [*recording.trouble, *(finding.text for finding in ledger.findings)]
        if ledger.good:
            return Check("rehearsal", "ok", f"{ledger.paired} pairs, every frame accounted for")
        if self.shoot.apparatus.free_running:
            return Check("rehearsal", "warning", "; ".join(lines[:2]))
        remedy = "look at the camera, its cable and the trigger line, then start again"
        return Check("rehearsal", "fault", "; ".join(lines[:2]) or "not all is paired", remedy)

    def _temperatures(self) -> dict[Any, list[tuple[int, float | None]]]:
        cameras = self.shoot.apparatus.cameras
        return {
            role: [(time.monotonic_ns(), cameras[role].status().temperature_c)] for role in ROLES
        }

    def _size_px(self) -> tuple[int, int]:
        blurry = self.shoot.apparatus.configured["blurry"]
        return blurry.width, blurry.height

    def _print_checks(self, checks: Sequence[Check]) -> None:
        console = command.err()
        width = max(len(each.name) for each in checks)
        for each in checks:
            console.print(f"{each.status:7}", style=_COLOURS[each.status], end="  ")
            console.print(f"{each.name:{width}}  {each.what}", markup=False)
            if each.remedy:
                console.print(f"{'':{width + 9}}  → {each.remedy}", markup=False)

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
            done += 1
            if self._after(outcome) == "r":
                if outcome.clip is not None:
                    self.shoot.session.forget(outcome.clip.clip, "taken again")
                    self.outcomes.remove(outcome)
                done -= 1

    def steps(self, steps: Sequence[Step]) -> None:
        """Record calibration clips, each checked at once.

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
            if not self._step(step):
                faulty.append(step.name)
        if faulty:
            raise FoundBad(
                f"calibration: {', '.join(faulty)} found faulty (see above); record"
                f" {'it' if len(faulty) == 1 else 'them'} again with --step NAME"
            )

    def _step(self, step: Step) -> bool:
        order = TakeOrder(step.plan(), step.setting, step=step)
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
                raise KeyboardInterrupt
            if answer == "k":
                return True

    def _check(self, step: Step, outcome: Outcome) -> StepCheck:
        with Clip(outcome.take.final) as clip:
            check = check_clip(clip, step.purpose)
        self.shoot.session.checked(step, outcome.take, check)
        self.prompt.say(f"  {step.name}: {check.status}", _COLOURS[check.status])
        for remark in check.remarks:
            self.prompt.say(f"  {remark}")
        return check

    # One take, tried as often as is allowed

    def _try(self, order: TakeOrder) -> Outcome:
        for attempt in range(self.options.retries + 1):
            self._run_hook(order)
            if not self.prompt.countdown(self.options.countdown_s, lambda: self.interrupt.asked):
                raise KeyboardInterrupt
            outcome = self._take(order)
            self._report(outcome)
            if outcome.kept:
                self.outcomes.append(outcome)
                return outcome
            if outcome.stop_session:
                raise FoundBad(f"{outcome.take.clip}: {outcome.why}; the policy ends the session")
            if attempt < self.options.retries:
                again = self.prompt.choice("again?", {"y": "yes", "q": "end here"}, "y")
                if again == "q":
                    raise KeyboardInterrupt
        raise FoundBad(
            f"{self._next_name()}: discarded {self.options.retries + 1} times, the last time"
            f" because: {outcome.why}; mend it and run the same command again"
        )

    def _take(self, order: TakeOrder) -> Outcome:
        shoot, plan = self.shoot, order.plan
        attempt = shoot.session.record.next_attempt(self._next_name())
        what = plan.step or plan.purpose
        self._title = f"{self._next_name()}.{attempt} {what} {order.setting.name}"
        self._reported.clear()
        with self.interrupt.held(), self._screen:
            shoot.prepare(order.setting)
            self._monitor = Monitor(
                shoot.apparatus.rings, shoot.apparatus.rig, shoot.apparatus.configured
            )
            outcome = shoot.take(order)
        self.interrupt.raise_if_asked()
        return outcome

    def _next_name(self) -> str:
        return f"clip-{self.shoot.session.record.next_number:03d}"

    def _show(self, status: TakeStatus) -> None:
        """Several times a second while a take runs."""
        if self._monitor is not None and status.phase == "running":
            seen = self._monitor.look()
            if seen is not None:
                self._seen.append(seen)
                self._watch.feed(seen)
        warnings = [f"{each.name}: {each.what}" for each in self._watch.warnings]
        self._state = LiveState(
            self._title,
            status,
            self._seen[-1] if self._seen else None,
            self.shoot.apparatus.rig.host_clock == "real",
            free_bytes(self.shoot.session.folder),
            warnings,
        )
        self._screen.show(self._state)

    def _report(self, outcome: Outcome) -> None:
        say = self.prompt.say
        name = f"{outcome.take.clip}.{outcome.take.attempt}"
        if not outcome.kept:
            say(f"{name}: discarded: {outcome.why}", "bold red")
        else:
            seconds = outcome.recording.elapsed_s if outcome.recording else 0.0
            say(f"{name}: {outcome.verdict}, {outcome.pairs} pairs, {seconds:.1f} s", "green")
        for finding in outcome.findings[:5]:
            if finding != outcome.why:
                say(f"  {finding}")
        if len(outcome.findings) > 5:
            say(f"  and {len(outcome.findings) - 5} more; see python -m acquisition.inspect")
        for warning in self._watch.warnings:
            say(f"  warning: {warning.name}: {warning.what}", "yellow")

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
            if answer == "q":
                raise KeyboardInterrupt
            return answer

    def _run_hook(self, order: TakeOrder) -> None:
        """The laboratory's own program puts things in place."""
        if self.options.before_step is None:
            return
        plan = order.plan
        told = {
            "BSD_PURPOSE": plan.purpose,
            "BSD_STEP": plan.step or "",
            "BSD_WHEN": plan.when or "",
            "BSD_DISTANCE_MM": "" if plan.distance_mm is None else f"{plan.distance_mm:g}",
            "BSD_SETTING": order.setting.name,
            "BSD_CLIP": self._next_name(),
        }
        program = str(self.options.before_step.resolve())
        try:
            subprocess.run(  # noqa: S603  the operator's own program, no shell
                [program, plan.step or plan.purpose],
                env=os.environ | told,
                check=True,
                timeout=HOOK_S,
                stdin=subprocess.DEVNULL,
            )
        except OSError as error:
            raise UserMistake(
                f"--before-step {program}: cannot be run: {error.strerror}"
            ) from error
        except subprocess.SubprocessError as error:
            raise EnvironmentFault(f"--before-step {program}: {error}") from error

    # After

    def summary(self) -> Table:
        """Clips of this run."""
        table = Table(box=None, padding=(0, 2))
        for column in ("clip", "purpose", "verdict", "pairs"):
            table.add_column(column)
        for outcome in self.outcomes:
            clip = outcome.clip
            if clip is not None:
                table.add_row(
                    clip.clip, clip.plan.step or clip.plan.purpose, outcome.verdict,
                    str(outcome.pairs),
                )  # fmt: skip
        return table

    def as_fields(self) -> dict[str, Any]:
        """For ``--json``."""
        return {
            "session": str(self.shoot.session.folder),
            "preflight": None if self.found is None else self.found.as_fields(),
            "clips": [
                {
                    "clip": outcome.take.clip,
                    "attempt": outcome.take.attempt,
                    "verdict": outcome.verdict,
                    "pairs": outcome.pairs,
                    "findings": list(outcome.findings),
                }
                for outcome in self.outcomes
            ],
        }


def choose_steps(
    run: CaptureRun, *, guided: str | None, purpose: str, when: str, step: str | None
) -> list[Step]:
    """The calibration steps that a command line asks for.

    Raises
    ------
    UserMistake
        There is none of that name or purpose.
    """
    shoot = run.shoot
    rig = None if shoot.apparatus.free_running else shoot.apparatus.rig
    start = guide.start_steps(run.setting, shoot.rate_hz, rig)
    end = guide.end_steps(run.setting)
    if guided is not None:
        return guide.due(start if guided == "start" else end, shoot.session.record)
    every = start if when == "start" else end
    found = [each for each in every if step in (None, each.name) and purpose in ("", each.purpose)]
    if not found:
        names = ", ".join(each.name for each in every)
        raise UserMistake(
            f"--step {step or purpose}: no such step at the {when}; there are {names}"
        )
    return found


def scene_order(
    setting: Setting, frames: int, bookend: int, *, motion: str, notes: str, light: str,
    purpose: str = "scene",
) -> TakeOrder:  # fmt: skip
    """An order for a clip of a scene."""
    plan = TakePlan(
        purpose=purpose, frames=frames, setting=setting.name, motion=motion, notes=notes
    )
    return TakeOrder(plan, setting, bookend if purpose == "scene" else 0, light=light)


__all__ = ["CaptureOptions", "CaptureRun", "ToolkitError", "choose_steps", "scene_order"]
