"""What a run does about its takes: offsets and warmth are watched, a stop on the page keeps."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from acquisition.capture import run
from acquisition.capture.interrupt import Interrupt
from acquisition.capture.run import CaptureRun
from acquisition.engine.temperature import TemperatureLog
from acquisition.picture.measurement import measure_pair
from acquisition.picture.registration import Offset
from acquisition.preflight.live_watch import LiveWatch
from bsd.setting import Setting
from tests.acquisition.twin_pictures import FORMS, pairs, world

pytestmark = pytest.mark.unit

S = 1_000_000_000


def offset_at(x_px: float) -> Offset:
    return Offset((x_px, 0.0), 0.0, 1.0, (0.01, 0.01), 0.01, 1e-5, 0.9)


class Shown:
    """Stands in for the terminal's picture of a take."""

    def __init__(self) -> None:
        self.states: list[Any] = []

    def show(self, state: Any) -> None:
        self.states.append(state)

    def __enter__(self) -> Shown:
        return self

    def __exit__(self, *_: object) -> None:
        pass


class Shoot:
    """Stands in for a session; `during` happens while a take runs."""

    def __init__(self, folder: Path, during: Callable[[], None] = lambda: None) -> None:
        rig = SimpleNamespace(host_clock="real", name="bench")
        self.apparatus = SimpleNamespace(rig=rig, rings={}, configured={}, free_running=False)
        record = SimpleNamespace(next_number=0, next_attempt=lambda _: 1)
        self.session = SimpleNamespace(folder=folder, record=record)
        self.temperatures = TemperatureLog()
        self.watch: Callable[[Any], None] = lambda _: None
        self.stop_asked: Callable[[], str | None] = lambda: None
        self.during = during
        self.heard: list[tuple[str | None, bool]] = []

    def prepare(self, _setting: object) -> None:
        pass

    def take(self, _order: object, *, keep_short: Callable[[], bool] = lambda: False) -> Any:
        self.during()
        self.heard.append((self.stop_asked(), keep_short()))
        return SimpleNamespace(clip=None)


ORDER: Any = SimpleNamespace(
    plan=SimpleNamespace(step=None, purpose="scene"), setting=Setting.parse("2ms16ms"), step=None
)
RUNNING: Any = SimpleNamespace(phase="running")


def made(shoot: Shoot, page: Any = None, interrupt: Interrupt | None = None) -> CaptureRun:
    prompt: Any = SimpleNamespace()
    setting = Setting.parse("2ms16ms")
    fields: Any = shoot
    capture = CaptureRun(fields, setting, prompt, interrupt or Interrupt(), page=page)
    capture._screen = Shown()  # type: ignore[assignment]
    return capture


def test_a_view_that_moved_is_told_while_the_take_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = SimpleNamespace(offset=None, offsets=0)
    pair = measure_pair(*pairs(world(), 1)[0], FORMS)
    looks.look = lambda: pair
    monkeypatch.setattr(run, "Monitor", lambda *_: looks)
    shoot = Shoot(tmp_path)
    capture = made(shoot)
    capture._watch = LiveWatch(capture.limits, offset_at(0.0))

    def during() -> None:
        for number in range(12):
            looks.offset, looks.offsets = offset_at(3.0), 1 + number // 3
            shoot.watch(RUNNING)

    shoot.during = during
    capture._take(ORDER)
    last = capture._screen.states[-1]  # type: ignore[attr-defined]
    assert any("alignment: C2 lies (+3.00" in line for line in last.warnings), last.warnings
    assert len(capture._watch._offsets) == 4  # each offset once
    shoot.apparatus.free_running = True
    looks.offsets += 1
    shoot.watch(RUNNING)
    assert len(capture._watch._offsets) == 4  # never of one moment


@pytest.mark.parametrize("key", ["page", "Ctrl-C"])
def test_a_stop_on_the_page_keeps_and_an_interrupt_does_not(
    key: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "Monitor", lambda *_: None)
    pressed: list[str] = []
    page = SimpleNamespace(
        begin=lambda _: None,
        end=lambda _: None,
        reason=lambda: "stopped on the page" if pressed else None,
    )
    interrupt = Interrupt()

    def during() -> None:
        if key == "page":
            pressed.append(key)
        else:
            interrupt.asked = True

    shoot = Shoot(tmp_path, during)
    made(shoot, page, interrupt)._take(ORDER)
    wanted = ("stopped on the page", True) if key == "page" else ("interrupted", False)
    assert shoot.heard == [wanted]


def test_a_camera_that_warms_up_is_told(tmp_path: Path) -> None:
    shoot = Shoot(tmp_path)
    capture = made(shoot)
    shoot.temperatures.note("sharp", 0, 30.0)
    shoot.temperatures.note("sharp", 20 * S, 31.0)
    assert capture._warnings == []
    shoot.temperatures.note("sharp", 120 * S, 32.0)
    (found,) = capture._warnings
    assert (found.name, found.what) == ("temperature", "C2 (sharp) 32.0 °C (+1.00 °C a minute)")
    shoot.watch(RUNNING)
    (state,) = capture._screen.states  # type: ignore[attr-defined]
    assert state.warnings == ["temperature: C2 (sharp) 32.0 °C (+1.00 °C a minute)"]
