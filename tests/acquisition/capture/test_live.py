"""A take in the terminal: what a picture and a line say."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
from rich.console import Console

from acquisition.capture import live
from acquisition.capture.live import LiveScreen, LiveState, line, picture
from acquisition.engine.take_status import TakeStatus
from acquisition.picture.measurement import measure_pair
from acquisition.picture.view import FrameFormat

pytestmark = pytest.mark.unit

STATUS = TakeStatus(
    phase="running",
    pulses=40,
    asked=160,
    stored={"blurry": 39, "sharp": 38},
    fill={"blurry": 0.02, "sharp": 0.6},
    overflow={"blurry": 0, "sharp": 3},
    stored_bytes=200_000_000,
    rate_hz={"blurry": 15.02, "sharp": 14.98},
    elapsed_s=20.0,
)
STATE = LiveState("clip-000.1 scene 2ms16ms", STATUS, None, True, 36_000_000_000, ("dark: no",))


def shown(state: LiveState) -> str:
    console = Console(file=io.StringIO(), width=120)
    console.print(picture(state))
    text: str = console.file.getvalue()  # type: ignore[attr-defined]
    return text


def test_the_picture_holds_what_an_operator_needs() -> None:
    text = shown(STATE)
    for word in ("clip-000.1", "pulse 40 of 160", "15.02", "14.98", "39", "38", "60%", "3",
                 "200 MB stored", "36.0 GB free, for 1 h 00 min", "! dark: no"):  # fmt: skip
        assert word in text


def test_the_hosts_clock_means_nothing_on_a_computed_rig() -> None:
    assert "15.02" not in shown(replace(STATE, host_clock=False))


def test_measurements_appear_as_soon_as_there_are_some() -> None:
    frame = np.full((64, 64), 128, np.uint8)
    form = FrameFormat(cfa=None, bits=8, black_dn=0.0, flip="none")
    seen = measure_pair(frame, frame, (form, form))
    text = shown(replace(STATE, seen=seen))
    assert "50.2%" in text
    assert "C1/C2 1.000" in text
    assert "C1/C2 1.000" in line(replace(STATE, seen=seen))


def test_one_line_says_the_same() -> None:
    assert line(STATE) == (
        "clip-000.1 scene 2ms16ms: running, pulse 40 of 160; stored 39 + 38; no room for 3;"
        " ring 60%; dark: no"
    )
    free = replace(STATE, status=replace(STATUS, asked=0, pulses=0))
    assert "running, frame 38;" in line(free)


def test_a_log_gets_a_line_every_ten_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    now_s = [100.0]
    monkeypatch.setattr(live.time, "monotonic", lambda: now_s[0])
    file = io.StringIO()
    with LiveScreen(Console(file=file, width=200)) as screen:
        for now_s[0] in (101.0, 110.5, 111.0, 119.0, 121.0):
            screen.show(STATE)
    assert len(file.getvalue().splitlines()) == 2


@pytest.mark.parametrize(
    ("seconds", "said"), [(59, "0 min"), (3661, "1 h 01 min"), (3 * 86400, "3 days")]
)
def test_durations(seconds: float, said: str) -> None:
    assert live._duration(seconds) == said
