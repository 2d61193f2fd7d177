"""A preview at work: the cameras run, the page is served, and takes are made as it asks."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Final

from acquisition.capture.rehearsal import rehearse
from acquisition.child import ChildLost
from acquisition.clip.reader import Clip
from acquisition.engine.bookend import bookend_remarks
from acquisition.engine.monitor import Monitor
from acquisition.engine.shoot import TakeOrder
from acquisition.preflight.limits import Limits
from acquisition.preflight.live_watch import LiveWatch
from acquisition.preview.board import Board, scenery
from acquisition.preview.checks import check_lines, refusal
from acquisition.preview.idle import IdleRun
from acquisition.preview.message import Leave, Note, StartTake, StopTake
from acquisition.preview.status import TakeLine
from acquisition.rig import ROLES
from acquisition.session.journal_entry import TakePlan
from bsd.errors import ToolkitError

if TYPE_CHECKING:
    from acquisition.capture.interrupt import Interrupt
    from acquisition.engine.apparatus import Apparatus
    from acquisition.engine.shoot import Outcome, Shoot
    from acquisition.engine.take_status import TakeStatus
    from acquisition.preview.process import News, PreviewProcess
    from bsd.setting import Setting

LOOK_S: Final = 1.0
AGAIN_S: Final = 3.0

_TURN_S: Final = 0.1
_ON_THE_PAGE: Final = frozenset({"clipping"})
"""Checks that the page makes itself, several times a second."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Drive:
    """How the cameras are to be driven: exposures, frames per second, still frames of a scene.

    `force`: record although the preflight finds a fault.
    """

    setting: Setting
    rate_hz: Fraction
    bookend_frames: int = 5
    force: bool = False


class PreviewRun:
    """Serves until the page or the keyboard ends it.

    Parameters
    ----------
    apparatus
        Started.
    page
        Started.
    shoot
        Makes takes; None: only a look.
    drive
        Setting, rate and bookends.
    interrupt
        Ctrl-C.
    """

    def __init__(
        self,
        apparatus: Apparatus,
        page: PreviewProcess,
        shoot: Shoot | None,
        drive: Drive,
        interrupt: Interrupt,
    ) -> None:
        self._apparatus = apparatus
        self._page = page
        self._shoot = shoot
        self._drive = drive
        self._interrupt = interrupt
        self._idle = IdleRun(apparatus)
        folder = None if shoot is None else shoot.session.folder
        self._board = Board(apparatus.rig, float(drive.rate_hz), folder)
        self._board.change(
            rig=apparatus.rig.name,
            session="" if folder is None else folder.name,
            setting=drive.setting.name,
            rate_hz=float(drive.rate_hz),
            take=TakeLine(state="none" if shoot is None else "busy"),
        )
        self._monitor: Monitor | None = None
        self._offsets = 0
        self._watch = LiveWatch(Limits())
        self._retry_s = self._look_s = 0.0
        self._last_clip: str | None = None
        self._notes: list[str] = []
        self._rehearsed = False
        self._stop_asked = self._leave = False
        self._page_is_lost = self._is_lost = False

    def serve(self) -> None:
        """Until it is ended; what is lost is brought back."""
        try:
            while not (self._leave or self._interrupt.asked):
                self._keep_running()
                self._look()
                self._show()
                for news in self._news(_TURN_S):
                    self._obey(news)
        finally:
            self._idle.end()

    # Between takes

    def _keep_running(self) -> None:
        """Begin the idle run, or begin it again when something was lost."""
        if self._idle.is_on:
            reason = self._trouble(self._idle.hear)
            if reason is None:
                return
            self._say_lost(reason)
        if time.monotonic() < self._retry_s:
            return
        self._retry_s = time.monotonic() + AGAIN_S
        self._idle.end()
        fault = self._trouble(self._begin)
        if fault is None:
            if self._is_lost:  # what is said of a take stays
                self._board.change(message="")
            self._is_lost = False
            self._board.change(take=self._ready)
        else:
            self._say_lost(fault)

    def _begin(self) -> None:
        apparatus, drive = self._apparatus, self._drive
        apparatus.renew()
        if apparatus.drive is None:
            apparatus.set_drive(drive.setting, drive.rate_hz)
        self._configured()
        self._idle.begin()

    def _configured(self) -> None:
        """Tell the page what the frames are now."""
        apparatus = self._apparatus
        found = apparatus.configured
        self._tell(
            lambda: self._page.scenery(
                scenery(apparatus.rig, found, triggered=apparatus.trigger is not None)
            )
        )
        self._board.frame_bytes = sum(each.frame_bytes for each in found.values())
        self._monitor = Monitor(apparatus.rings, apparatus.rig, found)

    def _say_lost(self, reason: str) -> None:
        self._retry_s = max(self._retry_s, time.monotonic() + _TURN_S)
        self._is_lost = True
        log.warning("%s", reason)
        states = {role: self._apparatus.cameras[role].state for role in ROLES}
        self._board.lost(states, reason)
        if self._shoot is not None:
            self._board.change(take=TakeLine(state="busy"))
        self._idle.end()
        self._show()

    def _look(self) -> None:
        """Counts, temperatures, light: once a second."""
        if not self._idle.is_on or time.monotonic() < self._look_s:
            return
        self._look_s = time.monotonic() + LOOK_S
        try:
            counts = self._idle.counts()
        except ToolkitError as fault:
            self._say_lost(str(fault))
            return
        rings = self._apparatus.rings
        fill = {role: min(1.0, rings[role].used / max(1, rings[role].slots)) for role in ROLES}
        self._board.idle(counts, fill)
        self._warn()

    def _warn(self) -> None:
        monitor = self._monitor
        if monitor is not None and (seen := monitor.look()) is not None:
            is_new = monitor.offsets != self._offsets and self._apparatus.trigger is not None
            self._offsets = monitor.offsets
            self._watch.feed(seen, monitor.offset if is_new else None)
        found = [each for each in self._watch.warnings if each.name not in _ON_THE_PAGE]
        self._board.change(warnings=tuple(f"{each.what}; {each.remedy}" for each in found))

    @property
    def _ready(self) -> TakeLine:
        return TakeLine(state="none" if self._shoot is None else "idle")

    # What the page asks for

    def _obey(self, news: News) -> None:
        match news:
            case StartTake():
                self._take(news)
            case StopTake():
                self._stop_asked = True
            case Note(text=text):
                self._note(text)
            case Leave():
                self._leave = True

    def _note(self, text: str) -> None:
        if self._shoot is None:
            return
        fault = self._trouble(lambda: self._shoot_note(text))
        self._board.change(message=fault or "")

    def _shoot_note(self, text: str) -> None:
        if self._shoot is not None:
            self._shoot.session.note(text, self._last_clip)

    def _take(self, asked: StartTake) -> None:
        """Count down, record, show what became of it."""
        shoot = self._shoot
        if shoot is None or not self._idle.is_on:
            return
        order = self._order(asked)
        name = f"clip-{shoot.session.record.next_number:03d}"
        self._stop_asked = False
        self._notes.clear()
        self._board.change(message="", verdict=None)
        if not (self._rehearsed or self._rehearse(shoot, name, order)):
            return
        if not self._count_down(asked.countdown_s, name, order):
            self._board.change(take=self._ready)
            return
        self._board.change(take=TakeLine(state="starting", name=name, asked=order.pulses))
        self._show()
        self._idle.end()
        shoot.watch = lambda seen: self._progress(name, order, seen)
        shoot.stop_asked = self._reason
        try:
            outcome = shoot.take(order, keep_short=lambda: not self._interrupt.asked)
        except ToolkitError as fault:
            for text in self._notes:
                shoot.session.note(text, None)  # written for a take that is not there
            self._board.change(message=str(fault))
        else:
            self._finished(outcome)
        self._board.change(take=TakeLine(state="busy"))
        self._retry_s = 0.0

    def _rehearse(self, shoot: Shoot, name: str, order: TakeOrder) -> bool:
        """Before the first take: the preflight. Whether recording may go on, the cameras running.

        After a fault the next start looks again, so that what is mended counts.
        """
        line = TakeLine(state="starting", name=name, prompt="the preflight looks at the rig first")
        self._board.change(take=line, checks=())
        self._show()
        self._idle.end()
        shoot.watch = lambda _: None
        shoot.stop_asked = self._reason_heard
        why_not = self._trouble(lambda: self._preflight(shoot, order))
        why_not = why_not or self._trouble(self._begin)
        if why_not is None and self._reason_heard() is None:
            self._rehearsed = True
            return True
        self._board.change(message=why_not or "", take=TakeLine(state="busy"))
        self._retry_s = 0.0
        return False

    def _preflight(self, shoot: Shoot, order: TakeOrder) -> str | None:
        """Put what it finds on the page; why no take may begin, None where one may."""
        limits = Limits()
        found = rehearse(shoot, self._drive.setting, [order.pulses], limits)
        lines = check_lines(found.checks)
        self._board.change(checks=lines)
        blurry = self._apparatus.configured["blurry"]
        self._watch = LiveWatch(limits, found.offset, (blurry.width, blurry.height))
        return None if self._drive.force else refusal(lines)

    def _order(self, asked: StartTake) -> TakeOrder:
        plan = TakePlan(
            purpose=asked.purpose,
            frames=asked.frames,
            setting=self._drive.setting.name,
            motion=asked.motion,
            notes=asked.notes,
        )
        return TakeOrder(plan, self._drive.setting, self._drive.bookend_frames)

    def _count_down(self, seconds: int, name: str, order: TakeOrder) -> bool:
        """Whether nobody stopped it; the pictures go on meanwhile."""
        prompt = "hold the rig still" if order.bookend_frames else ""
        until_s = time.monotonic() + seconds
        while (left_s := until_s - time.monotonic()) > 0:
            line = TakeLine(
                state="countdown",
                name=name,
                purpose=order.plan.purpose,
                asked=order.pulses,
                countdown_s=round(left_s, 1),
                prompt=prompt,
            )
            self._board.change(take=line)
            self._show()
            if (reason := self._trouble(self._idle.hear)) is not None:
                self._say_lost(reason)
                return False
            for news in self._news(_TURN_S):
                if not isinstance(news, StartTake):
                    self._obey(news)
            if self._stop_asked or self._leave or self._interrupt.asked:
                return False
        return True

    def _progress(self, name: str, order: TakeOrder, seen: TakeStatus) -> None:
        """Called while a take runs; a preview that died is left for later."""
        self._board.take(name, order, seen)
        self._show()
        self._reason_heard()
        if self._monitor is not None and seen.phase == "running":
            self._warn()

    def _reason(self) -> str | None:
        if self._interrupt.asked:
            return "interrupted"
        return "stopped by the operator" if self._stop_asked or self._leave else None

    def _reason_heard(self) -> str | None:
        """The same, and the page is listened to: nothing else does so meanwhile."""
        for news in self._news(0.0):
            if isinstance(news, Note):
                self._notes.append(news.text)
            elif not isinstance(news, StartTake):
                self._obey(news)
        return self._reason()

    def _finished(self, outcome: Outcome) -> None:
        remarks: list[str] = []
        notes, self._notes = self._notes, []
        self._last_clip = outcome.take.clip if outcome.kept else None
        if outcome.kept:
            with Clip(outcome.take.final) as clip:
                remarks = bookend_remarks(clip)
        for text in (*notes, *remarks):
            self._note(text)
        self._board.outcome(outcome, tuple(remarks))
        if outcome.stop_session:
            self._leave = True

    # The page

    def _show(self) -> None:
        self._tell(lambda: self._page.show(self._board.status))

    def _news(self, timeout_s: float) -> list[News]:
        """From the page; where its process is gone, it is started again unless a take runs."""
        if self._page_is_lost:
            if self._board.status.take.state in ("starting", "recording", "finishing"):
                return []
            self._page_is_lost = self._trouble(self._page.revive) is not None
            time.sleep(timeout_s)
            return []
        try:
            return self._page.news(timeout_s)
        except ChildLost as fault:
            self._lose_page(fault)
            return []

    def _tell(self, what: Callable[[], None]) -> None:
        if self._page_is_lost:
            return
        try:
            what()
        except ChildLost as fault:
            self._lose_page(fault)

    def _lose_page(self, fault: ChildLost) -> None:
        self._page_is_lost = True
        log.warning("%s; the page is served again in a moment", fault)

    def _trouble(self, work: Callable[[], object]) -> str | None:
        """What went wrong, or what `work` says of it; None where all is well."""
        try:
            said = work()
        except ToolkitError as fault:
            return str(fault)
        return said if isinstance(said, str) else None
