"""When a take without a trigger ends: with enough frames, or with a word on who gave none."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from types import SimpleNamespace
from typing import Any

import pytest

from acquisition.engine import take, take_status
from acquisition.rig import ROLES

pytestmark = pytest.mark.unit

FRAME_S = 2.0
GIVEN_UP_S = 600.0


class Clock:
    """Time that passes only in sleep."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def monotonic(self) -> float:
        return self.now_s

    def sleep(self, seconds: float) -> None:
        self.now_s += seconds
        assert self.now_s < 100.0 + GIVEN_UP_S, "the take does not end"


def apparatus(clock: Clock, frames: Callable[[str, float], int]) -> Any:
    """Cameras that have given ``frames(role, seconds)`` frames."""
    none = dict.fromkeys(ROLES, 0)

    def progress() -> Any:
        stored = {role: frames(role, clock.now_s - 100.0) for role in ROLES}
        return SimpleNamespace(
            stored=stored, used=none, overflow=none, fill=none, stored_bytes=0, fault=None
        )

    return SimpleNamespace(
        trigger=None,
        recorder=SimpleNamespace(progress=progress),
        rings={role: SimpleNamespace(overflow=0) for role in ROLES},
        cameras={role: SimpleNamespace(name=f"{role} (X {role})", news=list) for role in ROLES},
        rig=SimpleNamespace(timeouts=SimpleNamespace(frame_s=FRAME_S)),
        drive=SimpleNamespace(plan=None, rate_hz=Fraction(10)),
        tick_ns=500,
    )


def run(
    monkeypatch: pytest.MonkeyPatch, frames: Callable[[str, float], int], asked: int = 50
) -> tuple[str | None, float]:
    """Why it was stopped, and when."""
    clock = Clock()
    monkeypatch.setattr(take, "time", clock)
    monkeypatch.setattr(take_status, "time", clock)
    head: Any = SimpleNamespace(frames_asked=asked, bookend_frames=0)
    under_way = take._Take(apparatus(clock, frames), None, head, lambda _: None, lambda: None)  # type: ignore[arg-type]
    under_way.run()
    return under_way._stopped, clock.now_s - 100.0


def test_both_give_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    stopped, seconds = run(monkeypatch, lambda _, at_s: int(10 * at_s))
    assert stopped is None
    assert seconds == pytest.approx(5.0, abs=0.3)


def test_a_camera_that_gives_nothing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    stopped, seconds = run(
        monkeypatch, lambda role, at_s: int(10 * at_s) if role == "blurry" else 0, asked=500
    )
    assert stopped is not None
    assert stopped.startswith("sharp (X sharp): gave no frame for 2.1 s though no trigger")
    assert seconds == pytest.approx(FRAME_S + 0.1, abs=0.5)


def test_neither_gives_anything(monkeypatch: pytest.MonkeyPatch) -> None:
    stopped, _ = run(monkeypatch, lambda _, __: 0)
    assert stopped is not None
    assert stopped.startswith("blurry (X blurry) and sharp (X sharp): gave no frame")


def test_one_that_falls_silent_late(monkeypatch: pytest.MonkeyPatch) -> None:
    stopped, seconds = run(
        monkeypatch,
        lambda role, at_s: int(10 * at_s) if role == "sharp" else min(30, int(10 * at_s)),
        asked=200,
    )
    assert stopped is not None
    assert stopped.startswith("blurry (X blurry): gave no frame")
    assert seconds == pytest.approx(3.0 + FRAME_S, abs=0.6)


def test_a_slow_camera_does_not_let_the_other_fill_the_disk(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stopped, seconds = run(
        monkeypatch, lambda role, at_s: int((10 if role == "blurry" else 2) * at_s)
    )
    assert stopped is not None
    assert stopped.startswith("sharp (X sharp): gave 12 of 50 frames while blurry (X blurry) gave")
    assert seconds == pytest.approx(6.0, abs=0.3)  # 50 asked and a second's worth more


def test_a_camera_that_lags_a_little_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    stopped, seconds = run(
        monkeypatch, lambda role, at_s: int((10 if role == "blurry" else 9.3) * at_s), asked=300
    )
    assert stopped is None
    assert seconds == pytest.approx(300 / 9.3, abs=0.4)
