"""The preview's page beside a capture from the terminal: to look at, to end a take or the run."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from acquisition.child import ChildLost
from acquisition.preview.board import Board, scenery
from acquisition.preview.message import Leave, Note, StopTake
from acquisition.preview.status import TakeLine

if TYPE_CHECKING:
    from acquisition.capture.interrupt import Interrupt
    from acquisition.engine.shoot import Outcome, Shoot, TakeOrder
    from acquisition.engine.take_status import TakeStatus
    from acquisition.health.finding import Finding as Check
    from acquisition.preview.process import PreviewProcess

_ITS_OWN: Final = "clipping"
"""Told by the page itself, of what it shows."""

log = logging.getLogger(__name__)


class CapturePage:
    """Shows takes as they run. A page that dies is missed, and the takes go on.

    Parameters
    ----------
    process
        The server, started.
    shoot
        Whose takes are shown.
    interrupt
        What *End* on the page sets, as Ctrl-C does. *Stop* ends the take only: see `reason`.
    """

    def __init__(self, process: PreviewProcess, shoot: Shoot, interrupt: Interrupt) -> None:
        self._process = process
        self._shoot = shoot
        self._interrupt = interrupt
        apparatus, folder = shoot.apparatus, shoot.session.folder
        self._board = Board(apparatus.rig, float(shoot.rate_hz), folder)
        self._notes: list[str] = []
        self._stop_asked = False
        self._board.change(
            rig=apparatus.rig.name,
            session=folder.name,
            rate_hz=float(shoot.rate_hz),
            take=TakeLine(state="busy"),
        )

    def reason(self) -> str | None:
        """Why the take under way shall end, for `acquisition.engine.take.StopAsked`."""
        return "stopped on the page" if self._stop_asked else None

    def begin(self, order: TakeOrder) -> None:
        """The cameras are configured for a take; a *Stop* from before it meant another."""
        apparatus = self._shoot.apparatus
        found = apparatus.configured
        self._board.frame_bytes = sum(each.frame_bytes for each in found.values())
        self._board.change(setting=order.setting.name, verdict=None)
        try:
            self._process.revive()
            self._process.scenery(
                scenery(apparatus.rig, found, triggered=apparatus.trigger is not None)
            )
        except ChildLost as fault:
            log.warning("%s; the take goes on without its page", fault)
        self._hear()
        self._stop_asked = False
        self._show()

    def progress(
        self, name: str, order: TakeOrder, status: TakeStatus, warnings: Sequence[Check] = ()
    ) -> None:
        """Several times a second while the take runs; `warnings` are those that stand now."""
        told = [each for each in warnings if each.name != _ITS_OWN]
        self._board.change(warnings=tuple(f"{each.what}; {each.remedy}" for each in told))
        self._board.take(name, order, status)
        self._show()
        self._hear()

    def _hear(self) -> None:
        try:
            asked = self._process.news(0.0)
        except ChildLost:  # told when the next take begins
            return
        if any(isinstance(each, StopTake) for each in asked):
            self._stop_asked = True
        if any(isinstance(each, Leave) for each in asked):
            self._interrupt.asked = True
        self._notes += [each.text for each in asked if isinstance(each, Note)]

    def end(self, outcome: Outcome) -> None:
        """The take was judged; what was noted on the page meanwhile belongs to its clip."""
        clip = outcome.take.clip if outcome.kept else None
        for text in self._notes:
            self._shoot.session.note(text, clip)
        self._notes.clear()
        self._board.outcome(outcome, ())
        self._board.change(take=TakeLine(state="busy"))
        self._show()

    def _show(self) -> None:
        try:
            self._process.show(self._board.status)
        except ChildLost as fault:
            log.debug("%s", fault)
