"""Every fault of the transport, under every policy: what is kept, what is said, what comes next."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from acquisition.clip.reader import Clip
from acquisition.engine.apparatus import Apparatus
from acquisition.engine.shoot import Outcome, Shoot
from acquisition.ledger.joining import Policy
from acquisition.ledger.row import Verdict
from tests.acquisition.engine.bench import Mishap, fault, order, shooting
from tests.hardware.twin.running_rig import Rig

pytestmark = [pytest.mark.rig, pytest.mark.timeout(240)]

POLICIES: list[Policy] = ["discard_clip", "mark", "abort"]
LOSSES = {
    "missed-trigger": ("blurry", {"count": 2}, "missed"),
    "extra-frame": ("sharp", {}, "exposed by no pulse"),
    "incomplete-frame": ("sharp", {"count": 2}, "lost on the way"),
}


def good_take(shoot: Shoot, apparatus: Apparatus) -> None:
    """The next take is clean, and holds nothing of one before."""
    outcome = shoot.take(order(12))
    assert outcome.verdict == "good", outcome.findings
    assert outcome.findings == ()
    assert outcome.recording is not None
    arming = outcome.recording.expected.arming
    with Clip(outcome.take.final) as clip:
        assert (clip.pair_count, clip.tail.verdict) == (12, "good")
        for role in ("blurry", "sharp"):
            rows = clip.arrivals(role)
            assert set(rows["arming"]) == {arming}
            assert rows["frame_id"].tolist() == list(range(12))
            assert np.diff(rows["device_ns"]) == pytest.approx(1e9 / 60, rel=0.01)
    assert apparatus.recorder.progress().foreign == 0


def wait_for(condition: Callable[[], bool], limit_s: float = 10.0) -> None:
    until = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < until, "it does not come"
        time.sleep(0.02)


def after(shoot: Shoot, outcome: Outcome) -> list[str]:
    """The journal's words on a take."""
    return [
        entry.kind
        for entry in shoot.session.record.entries
        if (getattr(entry, "clip", None), getattr(entry, "attempt", None))
        == (outcome.take.clip, outcome.take.attempt)
    ]


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("kind", LOSSES)
def test_a_lost_frame_is_named_and_never_paired(
    rig: Rig, apparatus: Apparatus, tmp_path: Path, kind: str, policy: Policy
) -> None:
    role, fields, said = LOSSES[kind]
    with shooting(tmp_path / "s", rig, apparatus, policy) as shoot:
        shoot.watch = Mishap(8, lambda: fault(rig, kind, role, **fields))
        outcome = shoot.take(order(30))
        assert any(said in finding for finding in outcome.findings), outcome.findings
        assert outcome.recording is not None
        rows = outcome.recording.ledger.rows
        lost = 2 if kind != "extra-frame" else 0
        assert outcome.pairs == 30 - lost
        prefix = "c1" if role == "blurry" else "c2"
        odd = rows[rows["verdict"] != Verdict.PAIRED]
        assert (odd[f"{prefix}_index"] == -1).sum() == lost
        assert outcome.kept == (policy == "mark")
        assert outcome.stop_session == (policy == "abort")
        if policy == "mark":
            assert outcome.verdict == "marked"
            assert after(shoot, outcome) == ["take_begun", "take_judged", "take_sealed"]
            with Clip(outcome.take.final) as clip:
                assert clip.pair_count == 30 - lost
                assert clip.tail.findings == list(outcome.findings)
                stamps = [
                    (int(r["c1_device_ns"]), int(r["c2_device_ns"])) for r, _, _ in clip.pairs()
                ]
            steps = np.diff(np.array(stamps), axis=0)
            assert np.abs(steps[:, 0] - steps[:, 1]).max() < 2000  # each of the pulse of the other
        else:
            assert after(shoot, outcome) == ["take_begun", "take_judged", "take_discarded"]
            assert not outcome.take.final.exists()
            assert not outcome.take.part.exists()
        good_take(shoot, apparatus)


def test_a_stall_loses_nothing(rig: Rig, apparatus: Apparatus, tmp_path: Path) -> None:
    with shooting(tmp_path / "s", rig, apparatus) as shoot:
        shoot.watch = Mishap(4, lambda: fault(rig, "stall", "sharp", stall_ms=600))
        outcome = shoot.take(order(30))
        assert (outcome.verdict, outcome.pairs) == ("good", 30), outcome.findings


def test_a_camera_that_goes_silent_ends_the_take(
    rig: Rig, apparatus: Apparatus, tmp_path: Path
) -> None:
    with shooting(tmp_path / "s", rig, apparatus) as shoot:
        shoot.watch = mishap = Mishap(4, lambda: fault(rig, "missed-trigger", "sharp", count=1000))
        outcome = shoot.take(order(900))
        assert not outcome.kept
        assert "sharp camera TW0002: gave no frame for 1." in outcome.why
        assert 50 < mishap.seen[-1].pulses < 400
        fault(rig, "device-lost", "sharp")  # the count of triggers to miss goes with its power
        wait_for(lambda: apparatus.cameras["sharp"].state == "lost")
        fault(rig, "device-back", "sharp")
        shoot.watch = lambda _: None
        good_take(shoot, apparatus)


@pytest.mark.parametrize("policy", POLICIES)
def test_late_arming(rig: Rig, apparatus: Apparatus, tmp_path: Path, policy: Policy) -> None:
    with shooting(tmp_path / "s", rig, apparatus, policy) as shoot:
        good_take(shoot, apparatus)
        fault(rig, "late-arming", "sharp", delay_ms=150)
        outcome = shoot.take(order(30))
        assert outcome.verdict == ("marked" if policy == "mark" else "discarded")
        assert any("not ready yet" in finding for finding in outcome.findings), outcome.findings
        assert outcome.pairs in range(15, 29)
        good_take(shoot, apparatus)


def test_a_drifting_clock_is_told(rig: Rig, apparatus: Apparatus, tmp_path: Path) -> None:
    with shooting(tmp_path / "s", rig, apparatus) as shoot:
        good_take(shoot, apparatus)
        shoot.watch = Mishap(20, lambda: fault(rig, "clock-drift", "sharp", drift_ppm=1500))
        outcome = shoot.take(order(90))
        fault(rig, "clock-drift", "sharp", drift_ppm=0)
        shoot.watch = lambda _: None
        assert any("clock" in finding for finding in outcome.findings), outcome.findings
        assert not outcome.kept
        good_take(shoot, apparatus)


@pytest.mark.parametrize("policy", POLICIES)
def test_a_camera_lost_in_the_middle_comes_back(
    rig: Rig, apparatus: Apparatus, tmp_path: Path, policy: Policy
) -> None:
    with shooting(tmp_path / "s", rig, apparatus, policy) as shoot:
        good_take(shoot, apparatus)  # joins the clocks: else it is open which frames came
        shoot.watch = Mishap(20, lambda: fault(rig, "device-lost", "sharp", back_after_ms=700.0))
        outcome = shoot.take(order(300))
        assert any("sharp camera TW0002: cannot be reached" in each for each in outcome.findings)
        assert outcome.kept == (policy == "mark")
        assert outcome.stop_session == (policy == "abort")
        assert outcome.recording is not None
        assert 20 <= outcome.pairs < 250
        assert 20 < len(outcome.recording.pulses) < 250  # they were stopped
        assert outcome.recording.tallies["sharp"] is None
        shoot.watch = lambda _: None
        good_take(shoot, apparatus)


def test_a_producer_that_crashes_takes_one_process_only(
    rig: Rig, apparatus: Apparatus, tmp_path: Path
) -> None:
    with shooting(tmp_path / "s", rig, apparatus) as shoot:
        before = apparatus.cameras["blurry"].pid
        shoot.watch = Mishap(8, lambda: fault(rig, "producer-crash", "blurry"))
        outcome = shoot.take(order(120))
        assert not outcome.kept
        assert "blurry camera TW0001: its process died (signal 11)" in outcome.why
        shoot.watch = lambda _: None
        good_take(shoot, apparatus)
        assert apparatus.cameras["blurry"].pid != before


def killed(pid_of: Callable[[], int | None]) -> Callable[[], None]:
    def kill() -> None:
        pid = pid_of()
        assert pid is not None
        os.kill(pid, signal.SIGKILL)

    return kill


def test_a_recorder_that_is_killed_is_revived_and_its_frames_are_kept(
    rig: Rig, apparatus: Apparatus, tmp_path: Path
) -> None:
    with shooting(tmp_path / "s", rig, apparatus) as shoot:
        shoot.watch = Mishap(12, killed(lambda: apparatus.recorder.pid))
        outcome = shoot.take(order(120))
        assert not outcome.kept
        assert "recorder: its process died (signal 9)" in outcome.why
        assert not outcome.take.part.exists()
        with Clip(outcome.take.discarded) as clip:
            assert clip.tail.verdict == "recovered"
            assert len(clip.frames("sharp")) >= 8
        shoot.watch = lambda _: None
        good_take(shoot, apparatus)


def test_the_triggers_process_killed_in_the_middle(
    rig: Rig, apparatus: Apparatus, tmp_path: Path
) -> None:
    with shooting(tmp_path / "s", rig, apparatus) as shoot:
        assert apparatus.trigger is not None
        trigger = apparatus.trigger
        shoot.watch = Mishap(8, killed(lambda: trigger.pid))
        outcome = shoot.take(order(120))
        assert not outcome.kept
        assert "the trigger process ended" in outcome.why
        shoot.watch = lambda _: None
        good_take(shoot, apparatus)


def test_a_camera_process_killed_in_the_middle(
    rig: Rig, apparatus: Apparatus, tmp_path: Path
) -> None:
    with shooting(tmp_path / "s", rig, apparatus) as shoot:
        shoot.watch = Mishap(8, killed(lambda: apparatus.cameras["sharp"].pid))
        outcome = shoot.take(order(120))
        assert not outcome.kept
        assert "sharp camera TW0002: its process died (signal 9)" in outcome.why
        shoot.watch = lambda _: None
        good_take(shoot, apparatus)
