"""The page beside a capture: shown while takes run, listened to, and missed without harm."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from acquisition.capture.interrupt import Interrupt
from acquisition.capture.page import CapturePage
from acquisition.child import ChildLost
from acquisition.health.finding import Finding
from acquisition.preview.message import Leave, Note, StopTake
from tests.hardware.twin.running_rig import SMALL, running_rig

pytestmark = pytest.mark.rig


class Server:
    """Stands in for the page's process: says what it is told to, or is dead."""

    def __init__(self) -> None:
        self.asked: list[Any] = []
        self.is_dead = False

    def _live(self) -> None:
        if self.is_dead:
            raise ChildLost("preview: its process died (signal 9); start it again")

    def revive(self) -> bool:
        self._live()
        return False

    def scenery(self, _scenery: object) -> None:
        self._live()

    def show(self, _status: object) -> None:
        self._live()

    def news(self, _timeout_s: float) -> list[Any]:
        self._live()
        asked, self.asked = self.asked, []
        return asked


def page(server: Server, interrupt: Interrupt, notes: list[tuple[str, str | None]]) -> CapturePage:
    session = SimpleNamespace(folder=Path.cwd(), note=lambda text, clip: notes.append((text, clip)))
    rig = SimpleNamespace(name="bench", host_clock="real")
    configured = {role: SimpleNamespace(frame_bytes=9) for role in ("blurry", "sharp")}
    apparatus = SimpleNamespace(rig=rig, configured=configured, trigger=None)
    shoot = SimpleNamespace(apparatus=apparatus, session=session, rate_hz=15)
    return CapturePage(server, shoot, interrupt)  # type: ignore[arg-type]


def status() -> Any:
    both = {"blurry": 3, "sharp": 3}
    return SimpleNamespace(
        phase="running", pulses=3, asked=10, stored=both, fill=dict.fromkeys(both, 0.0),
        overflow=dict.fromkeys(both, 0), stored_bytes=9, rate_hz=dict.fromkeys(both, 15.0),
        elapsed_s=0.2,
    )  # fmt: skip


ORDER: Any = SimpleNamespace(
    plan=SimpleNamespace(purpose="scene", frames=10),
    pulses=10,
    bookend_frames=0,
    setting=SimpleNamespace(name="2ms16ms"),
)


def outcome(clip: str) -> Any:
    return SimpleNamespace(
        take=SimpleNamespace(clip=clip), kept=True, pairs=3, why="", verdict="good", findings=(),
    )  # fmt: skip


def test_stop_and_notes_are_heard_while_a_take_runs() -> None:
    server, interrupt, notes = Server(), Interrupt(), []
    shown = page(server, interrupt, notes)
    server.asked = [Note(text="a car came by")]
    shown.progress("clip-004", ORDER, status())
    assert shown.reason() is None
    server.asked = [StopTake()]
    shown.progress("clip-004", ORDER, status())
    assert shown.reason() == "stopped on the page"
    assert interrupt.reason() is None  # the run goes on
    shown.end(outcome("clip-004"))
    shown.end(outcome("clip-004"))
    assert notes == [("a car came by", "clip-004")]


def test_end_on_the_page_is_ctrl_c() -> None:
    server, interrupt = Server(), Interrupt()
    shown = page(server, interrupt, [])
    server.asked = [Leave()]
    shown.progress("clip-004", ORDER, status())
    assert interrupt.reason() == "interrupted"
    assert shown.reason() is None


def test_a_stop_ends_one_take_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("acquisition.capture.page.scenery", lambda *_, **__: None)
    server, notes = Server(), []
    shown = page(server, Interrupt(), notes)
    server.asked = [StopTake()]
    shown.progress("clip-004", ORDER, status())
    server.asked = [StopTake(), Note(text="between the takes")]  # pressed again, too late
    shown.begin(ORDER)
    assert shown.reason() is None
    shown.progress("clip-005", ORDER, status())
    assert shown.reason() is None
    shown.end(outcome("clip-005"))
    assert notes == [("between the takes", "clip-005")]


def test_warnings_come_and_go_on_the_page() -> None:
    server, told = Server(), []
    server.show = told.append  # type: ignore[method-assign]
    shown = page(server, Interrupt(), [])
    moved = Finding("alignment", "warning", "C2 lies off its place", "is a mount loose?")
    bright = Finding("clipping", "warning", "C1 clips", "less light")
    shown.progress("clip-004", ORDER, status(), [bright, moved])
    shown.progress("clip-004", ORDER, status())
    assert [each.warnings for each in told] == [("C2 lies off its place; is a mount loose?",), ()]


def test_a_page_that_died_stops_nothing() -> None:
    server, interrupt = Server(), Interrupt()
    shown = page(server, interrupt, [])
    server.is_dead = True
    shown.progress("clip-004", ORDER, status())
    assert not interrupt.asked


@pytest.mark.timeout(240)
def test_the_verb_serves_the_page_with_its_token_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tmp_path / "r"
    run.mkdir(mode=0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(run))
    with running_rig(tmp_path, "--prepared", "300", "--engine", "host", *SMALL) as rig:
        words = ["--rig", str(rig.file), "--setting", "2ms16ms", "--frames", "20", "--no-persons"]
        capture = subprocess.Popen(
            [sys.executable, "-m", "acquisition.capture", *words, "--out", str(tmp_path / "s"),
             "-y", "--preview", "--operator", "test"],
            stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, env=dict(os.environ),
        )  # fmt: skip
        assert capture.stderr is not None
        said = ""
        while (found := re.search(r"preview: (\S+)", said)) is None:
            line = capture.stderr.readline()
            assert line, said
            said += line
        with urllib.request.urlopen(found[1], timeout=10) as answer:  # noqa: S310  its own page
            assert b"<html" in answer.read().lower()
        with pytest.raises(urllib.error.HTTPError, match="403"):
            urllib.request.urlopen(found[1].partition("?")[0], timeout=10)  # noqa: S310
        _, rest = capture.communicate(timeout=150)
        assert capture.returncode == 0, rest
        assert "good, 30 pairs" in rest
