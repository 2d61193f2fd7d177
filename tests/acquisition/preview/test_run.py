"""What a preview does before and after takes, with devices that only pretend."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from acquisition.health.finding import Finding
from acquisition.preflight.preflight import Preflight
from acquisition.preview import run as preview_run
from acquisition.preview.board import Board
from acquisition.preview.message import Leave, Note, StartTake, StopTake
from acquisition.preview.run import Drive, PreviewRun
from bsd.errors import EnvironmentFault
from bsd.setting import Setting

if TYPE_CHECKING:
    from collections.abc import Callable

    from acquisition.preview.status import Status

pytestmark = pytest.mark.unit

WELL = Finding("devices", "ok", "as the rig says")
COLD = Finding("warm-up", "warning", "on for 2 minutes", "wait")
DARK = Finding("level", "fault", "C1 is dark", "take the cap off")


class Idle:
    def __init__(self, _: object) -> None:
        self.is_on = False

    def begin(self) -> None:
        self.is_on = True

    def end(self) -> None:
        self.is_on = False

    def hear(self) -> str | None:
        return None


class Page:
    """Asks for things, one list a turn, and keeps what it was shown; then ends."""

    def __init__(self, turns: list[list[Any]]) -> None:
        self.turns = turns
        self.shown: list[Status] = []

    def scenery(self, _: object) -> None:
        pass

    def show(self, status: Status) -> None:
        self.shown.append(status)

    def news(self, _: float = 0.0) -> list[Any]:
        return self.turns.pop(0) if self.turns else [Leave()]


class Shoot:
    """Takes fail; each hears one turn of the page while it runs."""

    def __init__(self, folder: Path) -> None:
        self.orders: list[Any] = []
        self.noted: list[tuple[str, str | None]] = []
        self.session = SimpleNamespace(
            folder=folder,
            record=SimpleNamespace(next_number=len(self.orders)),
            note=lambda text, clip: self.noted.append((text, clip)),
        )
        self.watch: Callable[[Any], None] = lambda _: None
        self.stop_asked: Callable[[], str | None] = lambda: None

    def take(self, order: Any, **_: object) -> Any:
        self.orders.append(order)
        self.watch(None)
        raise EnvironmentFault("no room")


def preview(
    monkeypatch: pytest.MonkeyPatch,
    folder: Path,
    turns: list[list[Any]],
    found: list[list[Finding]],
    *,
    force: bool = False,
) -> tuple[Shoot, Page, list[Any]]:
    """Serve to the end; the shoot, the page, and what each preflight was asked."""
    asked: list[Any] = []

    def rehearse(shoot: Any, setting: Setting, frames: list[int], _: object) -> Preflight:
        asked.append(frames)
        return Preflight(found[len(asked) - 1], [], None)

    monkeypatch.setattr(preview_run, "IdleRun", Idle)
    monkeypatch.setattr(preview_run, "rehearse", rehearse)
    monkeypatch.setattr(PreviewRun, "_configured", lambda _: None)
    monkeypatch.setattr(PreviewRun, "_look", lambda _: None)
    monkeypatch.setattr(Board, "take", lambda *_: None)
    view = SimpleNamespace(width=160, height=120)
    apparatus = SimpleNamespace(
        rig=SimpleNamespace(name="bench"), drive=object(), renew=list, configured={"blurry": view}
    )
    shoot, page = Shoot(folder), Page(turns)
    drive = Drive(Setting.parse("2ms16ms"), Fraction(15), force=force)
    interrupt = SimpleNamespace(asked=False)
    served: Any = (apparatus, page, shoot, drive, interrupt)
    PreviewRun(*served).serve()
    return shoot, page, asked


def test_a_fault_of_the_preflight_refuses_until_it_is_mended(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    start = StartTake(frames=20)
    turns: list[list[Any]] = [[start], [], [], [start], [], [], [start], [], []]
    shoot, page, asked = preview(monkeypatch, tmp_path, turns, [[WELL, COLD, DARK], [WELL, COLD]])
    assert asked == [[30], [30]]  # not a third time
    assert len(shoot.orders) == 2
    refused = "preflight: level: C1 is dark; take the cap off; mend it and start again"
    idle = [each for each in page.shown if each.take.state == "idle" and each.message]
    assert idle[0].message.startswith(refused)
    assert [each.name for each in idle[0].checks] == ["level", "warm-up"]
    assert [each.name for each in page.shown[-1].checks] == ["warm-up"]
    assert page.shown[-1].message == "no room"


def test_force_records_all_the_same(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    turns: list[list[Any]] = [[StartTake(frames=20)], [], [], []]
    shoot, page, _ = preview(monkeypatch, tmp_path, turns, [[DARK]], force=True)
    assert len(shoot.orders) == 1
    assert page.shown[-1].checks[0].status == "fault"


def test_a_stop_during_the_preflight_is_heard(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    turns: list[list[Any]] = [[StartTake(frames=20)], [StopTake()]]
    shoot, _, asked = preview(monkeypatch, tmp_path, turns, [[WELL]])
    assert (len(asked), shoot.orders) == (1, [])


def test_notes_of_a_take_that_failed_stay_out_of_the_next(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    start = StartTake(frames=20)
    turns: list[list[Any]] = [[start], [], [Note(text="a bird")], [], [start], [], []]
    shoot, _, _ = preview(monkeypatch, tmp_path, turns, [[WELL]])
    assert len(shoot.orders) == 2
    assert shoot.noted == [("a bird", None)]
