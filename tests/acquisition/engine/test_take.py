"""One take on the virtual rig: its counts, its status, and ends from outside."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest

from acquisition.clip.document import ClipHead
from acquisition.engine.apparatus import Apparatus
from acquisition.engine.shoot import Shoot
from acquisition.engine.take import TakeStatus, record
from bsd.errors import EnvironmentFault, ToolkitError
from tests.acquisition.engine.bench import FAST, Mishap, order, shooting
from tests.hardware.twin.running_rig import Rig
from tests.mounts import mounted

pytestmark = [pytest.mark.rig, pytest.mark.timeout(240)]


def head_of(shoot: Shoot, frames: int, bookend: int = 0) -> ClipHead:
    return shoot._document(
        FAST, name="clip-000", purpose="scene", frames_asked=frames, bookend_frames=bookend
    )


def test_every_pulse_and_frame_is_counted(rig: Rig, apparatus: Apparatus, tmp_path: Path) -> None:
    seen: list[TakeStatus] = []
    with shooting(tmp_path / "s", rig, apparatus) as shoot:
        shoot.prepare(FAST)
        part = tmp_path / "clip-000.h5.part"
        made = record(apparatus, part, head_of(shoot, 40, 5), watch=seen.append)
    assert (made.ledger.paired, len(made.pulses), made.expected.pulses) == (50, 50, 50)
    assert made.trouble == []
    assert made.stopped is None
    assert made.fault is None
    for tally in made.tallies.values():
        assert tally is not None
        assert (tally.delivered, tally.incomplete, tally.overflow) == (50, 0, 0)
    ticks = np.diff(made.pulses["ticks"].astype(np.int64)) * apparatus.tick_ns
    assert ticks.mean() == pytest.approx(1e9 / 60, rel=1e-4)
    assert seen[0].phase == "arming"
    assert seen[-1].phase == "closing"
    assert (seen[-1].pulses, seen[-1].asked) == (50, 50)
    assert dict(seen[-1].stored) == {"blurry": 50, "sharp": 50}
    assert seen[-1].stored_bytes == 100 * 160 * 120
    assert all(not any(each.overflow.values()) for each in seen)
    running = [each for each in seen if each.phase == "running" and each.pulses > 30]
    assert running[-1].rate_hz["sharp"] > 0  # exactly, without a rig: test_take_status
    assert part.exists()


def test_a_stop_finishes_the_frame_under_way(
    rig: Rig, apparatus: Apparatus, tmp_path: Path
) -> None:
    asked = threading.Event()
    with shooting(tmp_path / "s", rig, apparatus) as shoot:
        shoot.prepare(FAST)
        made = record(
            apparatus,
            tmp_path / "clip-000.h5.part",
            head_of(shoot, 3000),
            watch=Mishap(10, asked.set),
            stop_asked=lambda: "enough" if asked.is_set() else None,
        )
    assert (made.stopped, made.stop_was_asked) == ("enough", True)
    assert made.expected.completed is not None
    counts = set(made.expected.completed.values())
    assert len(counts) == 1
    assert not made.expected.cut
    assert made.ledger.paired == counts.pop() < 200


def test_what_cannot_begin_leaves_nothing(rig: Rig, apparatus: Apparatus, tmp_path: Path) -> None:
    with shooting(tmp_path / "s", rig, apparatus) as shoot:
        shoot.prepare(FAST)
        with (
            mounted(tmp_path / "ro", "size=1m,ro") as readonly,
            pytest.raises(EnvironmentFault, match="read-only"),
        ):
            record(apparatus, readonly / "clip-000.h5.part", head_of(shoot, 5))
        assert not any(apparatus.is_armed(role) for role in ("blurry", "sharp"))
        part = tmp_path / "clip-000.h5.part"
        apparatus.cameras["sharp"].arm(99)  # somebody armed it already
        with pytest.raises(ToolkitError, match="armed"):
            record(apparatus, part, head_of(shoot, 5))
        assert not part.exists()
        assert not any(apparatus.is_armed(role) for role in ("blurry", "sharp"))
        outcome = shoot.take(order(8))
        assert (outcome.verdict, outcome.pairs) == ("good", 8), outcome.findings


def test_an_onlooker_that_fails_ends_the_take_in_order(
    rig: Rig, apparatus: Apparatus, tmp_path: Path
) -> None:
    def fail() -> None:
        raise RuntimeError("a defect of an onlooker")

    with shooting(tmp_path / "s", rig, apparatus) as shoot:
        shoot.watch = Mishap(5, fail)
        with pytest.raises(RuntimeError, match="onlooker"):
            shoot.take(order(600))
        assert "RuntimeError" in shoot.session.record.discarded[0].why
        assert apparatus.trigger is not None
        assert apparatus.trigger.status().state == "idle"
        shoot.watch = lambda _: None
        assert shoot.take(order(8)).verdict == "good"
