"""A session at work: orders in, clips that carry what they must out."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from acquisition.clip.reader import Clip
from acquisition.engine.apparatus import Apparatus
from acquisition.engine.shoot import TakeOrder
from acquisition.session.journal_entry import TakePlan
from bsd.errors import EnvironmentFault
from bsd.setting import Setting
from tests.acquisition.engine.bench import FAST, Mishap, order, session_of, shooting
from tests.hardware.twin.running_rig import Rig
from tests.mounts import mounted

pytestmark = [pytest.mark.rig, pytest.mark.timeout(240)]


def test_a_clip_tells_where_it_comes_from(rig: Rig, apparatus: Apparatus, tmp_path: Path) -> None:
    with shooting(tmp_path / "s", rig, apparatus) as shoot:
        plan = TakePlan(purpose="scene", frames=10, setting=FAST.name, motion="pan", notes="a, b")
        outcome = shoot.take(TakeOrder(plan, FAST, 5, light="lamp"))
        assert outcome.kept
        assert outcome.clip is not None
        uuid, consent = shoot.session.uuid, shoot.session.record.consent
    with Clip(outcome.take.final) as clip:
        head = clip.head
        assert (head.session, head.name, head.take) == (uuid, "clip-000", 1)
        assert (head.motion, head.notes, head.light) == ("pan", "a, b", "lamp")
        assert consent is not None
        assert head.consent == consent.summary()
        assert (head.frames_asked, head.bookend_frames, head.rate_hz) == (10, 5, "60")
        assert head.arming == outcome.recording.expected.arming  # type: ignore[union-attr]
        assert set(clip.arrivals("blurry")["arming"]) == {head.arming}
        assert head.cameras["sharp"].identity["serial"] == rig.serials[1]
        assert head.cameras["sharp"].temperature_c == pytest.approx(25.0, abs=1)
        assert head.trigger is not None
        assert head.plan is not None
        assert clip.tail.counts["paired"] == 20
        assert clip.tail.temperatures_c["blurry"] == pytest.approx(25.0, abs=1)


def test_the_setting_changes_between_takes(rig: Rig, apparatus: Apparatus, tmp_path: Path) -> None:
    with shooting(tmp_path / "s", rig, apparatus) as shoot:
        for name in ("1ms8ms", "0.5ms4ms", "1ms8ms"):
            outcome = shoot.take(order(6, setting=Setting.parse(name)))
            assert outcome.verdict == "good", outcome.findings
            with Clip(outcome.take.final) as clip:
                assert clip.head.setting == Setting.parse(name)


def test_a_short_take_counts_only_where_it_is_wanted(
    rig: Rig, apparatus: Apparatus, tmp_path: Path
) -> None:
    with shooting(tmp_path / "s", rig, apparatus, "mark") as shoot:
        for wanted in (False, True):
            asked = threading.Event()
            shoot.watch = Mishap(15, asked.set)
            shoot.stop_asked = lambda asked=asked: "enough" if asked.is_set() else None  # type: ignore[misc]
            outcome = shoot.take(order(600), keep_short=lambda wanted=wanted: wanted)  # type: ignore[misc]
            assert outcome.kept == wanted, outcome
            assert not outcome.stop_session
        assert outcome.take.clip == "clip-000"
        assert outcome.take.attempt == 2
        assert outcome.pairs > 10


def test_a_rehearsal_leaves_no_trace(rig: Rig, apparatus: Apparatus, tmp_path: Path) -> None:
    folder = tmp_path / "s"
    with shooting(folder, rig, apparatus) as shoot:
        entries = len(shoot.session.record.entries)
        with shoot.rehearsal(FAST, 6) as (recording, clip):
            assert recording.ledger.paired == 6
            assert len(list(clip.pairs())) == 6
        assert len(shoot.session.record.entries) == entries
    assert not list(folder.glob("*.h5*")) + list(folder.glob(".*.h5*"))


def test_no_room_is_said_before_anything_begins(
    rig: Rig, apparatus: Apparatus, tmp_path: Path
) -> None:
    with (
        mounted(tmp_path / "small", "size=8m") as small,
        session_of(small / "s", rig.file) as session,
        shooting(tmp_path / "s", rig, apparatus) as shoot,
    ):
        shoot.session = session
        with pytest.raises(EnvironmentFault, match="8 MB are free, the take needs 28 MB"):
            shoot.take(order(600))
        assert session.record.attempts == {}


@pytest.mark.parametrize("policy", ["discard_clip", "mark"])
def test_a_disk_that_fills_seals_nothing(
    rig: Rig, apparatus: Apparatus, tmp_path: Path, policy: str
) -> None:
    with (
        mounted(tmp_path / "small", "size=32m") as small,
        session_of(small / "s", rig.file) as session,
        shooting(tmp_path / "s", rig, apparatus, policy) as shoot,  # type: ignore[arg-type]
    ):
        shoot.session = session
        other = small / "other"
        shoot.watch = Mishap(8, lambda: other.write_bytes(b"x" * (27 << 20)))
        outcome = shoot.take(order(300))
        assert (outcome.verdict, outcome.kept) == ("discarded", False)
        assert "no space left on the disk; free some" in outcome.why
        assert list((small / "s").glob("*.h5*")) == []
        assert session.record.open_takes == []
        other.unlink()
        shoot.watch = lambda _: None
        assert shoot.take(order(8)).verdict == "good"
