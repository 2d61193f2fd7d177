"""The recorder's process: what it stores, what it refuses, how it fails and what it leaves."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from acquisition.child import ChildLost
from acquisition.clip.document import ClipTail
from acquisition.clip.reader import Clip
from acquisition.clip.recovery import recover
from acquisition.clip.sink import FrameShape
from acquisition.clip.writer import RESERVE_BYTES, seal
from acquisition.recorder.process import FallingBehind, RecorderProcess, SinkFailed
from acquisition.rig import ROLES, Role
from acquisition.ring import NO_TIME, FrameRing
from bsd.errors import EnvironmentFault, UserMistake
from tests.acquisition.clip.material import (
    FullSink,
    SlowSink,
    head,
    ledger,
    picture,
    pulses,
)
from tests.mounts import mounted

pytestmark = pytest.mark.unit

SHAPE = FrameShape(100, 200)
SHAPES = dict.fromkeys(ROLES, SHAPE)
PATIENCE_S = 20.0


def _rings(capacity_bytes: int) -> dict[Role, FrameRing]:
    made = {role: FrameRing(capacity_bytes) for role in ROLES}
    for ring in made.values():
        ring.lay_out(SHAPE.frame_bytes)
    return made


@pytest.fixture(scope="module")
def shared() -> Iterator[tuple[dict[Role, FrameRing], RecorderProcess]]:
    """One process for most tests."""
    rings = _rings(1_000_000)
    with RecorderProcess(rings) as recorder:
        yield rings, recorder


@pytest.fixture
def rings(shared: tuple[dict[Role, FrameRing], RecorderProcess]) -> dict[Role, FrameRing]:
    for ring in shared[0].values():
        ring.lay_out(SHAPE.frame_bytes)
    return shared[0]


@pytest.fixture
def recorder(
    shared: tuple[dict[Role, FrameRing], RecorderProcess], rings: dict[Role, FrameRing]
) -> Iterator[RecorderProcess]:
    """Alive at the begin of every test, and without a take behind it."""
    recorder = shared[1]
    recorder.revive()
    yield recorder
    recorder.abandon()


@pytest.fixture
def own_rings() -> dict[Role, FrameRing]:
    """For a recorder of one's own: a ring has one reader. 19 frames each."""
    return _rings(400_000)


def until(condition: Callable[[], bool]) -> None:
    limit_s = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < limit_s
        time.sleep(0.002)


def feed(rings: dict[Role, FrameRing], arming: int, numbers: range) -> None:
    """Put frames as fast as there is room."""
    for number in numbers:
        for role, ring in rings.items():
            until(lambda ring=ring: ring.used < ring.slots)  # type: ignore[misc]
            data = picture(role, number, SHAPE).reshape(-1)
            assert ring.put(arming, number, NO_TIME, time.monotonic_ns(), data)


def both(count: int) -> dict[Role, int]:
    return dict.fromkeys(ROLES, count)


def test_two_takes_in_a_row_are_stored_whole_and_apart(
    tmp_path: Path, rings: dict[Role, FrameRing], recorder: RecorderProcess
) -> None:
    for take, arming in enumerate((7, 8)):
        part = tmp_path / f"clip-00{take}.h5.part"
        recorder.begin(part, head(), SHAPES, arming)
        feed(rings, arming - 1, range(5))  # what a camera still had of the take before
        feed(rings, arming, range(60))
        recorder.pulses(pulses(60))
        progress = recorder.wait(both(60), PATIENCE_S)
        assert progress.stored == both(60)
        assert progress.stored_bytes == 120 * SHAPE.frame_bytes
        assert progress.foreign == 10
        assert progress.fault is None
        assert progress.write_mb_s > 1
        recorded = recorder.finish()
        assert recorded.part == part
        assert recorded.stored == both(60)
        assert recorded.fault is None
        assert recorded.overflow == both(0)
        clip_path = seal(part, ledger(60), ClipTail(verdict="good"))
        with Clip(clip_path) as clip:
            assert len(clip.pulses) == 60
            for role in ROLES:
                assert len(clip.frames(role)) == 60
                for number in (0, 31, 59):
                    assert (clip.frames(role)[number] == picture(role, number, SHAPE)).all()
                assert (clip.arrivals(role) == recorded.arrivals[role]).all()
                assert set(clip.arrivals(role)["arming"]) == {arming}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["clip-000.h5", "clip-001.h5"]


def test_without_a_take_the_rings_are_drained_and_nothing_is_kept(
    tmp_path: Path, rings: dict[Role, FrameRing], recorder: RecorderProcess
) -> None:
    feed(rings, 1, range(120))  # more than a ring holds
    until(lambda: not any(ring.used for ring in rings.values()))
    recorder.begin(tmp_path / "clip-000.h5.part", head(), SHAPES, 2)
    assert recorder.progress().stored == both(0)
    assert recorder.finish().stored == both(0)


def test_finish_stores_what_waits_in_the_rings(
    tmp_path: Path, rings: dict[Role, FrameRing], recorder: RecorderProcess
) -> None:
    recorder.begin(tmp_path / "clip-000.h5.part", head(), SHAPES, 2)
    feed(rings, 2, range(40))
    assert recorder.finish().stored == both(40)


def test_waiting_ends_when_nothing_more_comes(
    tmp_path: Path, rings: dict[Role, FrameRing], recorder: RecorderProcess
) -> None:
    recorder.begin(tmp_path / "clip-000.h5.part", head(), SHAPES, 2)
    feed(rings, 2, range(3))
    assert recorder.wait(both(4), idle_s=0.1).stored == both(3)
    assert recorder.wait(both(4), idle_s=9, limit_s=0.05).stored == both(3)


def test_abandoning_leaves_no_file(
    tmp_path: Path, rings: dict[Role, FrameRing], recorder: RecorderProcess
) -> None:
    part = tmp_path / "clip-000.h5.part"
    recorder.begin(part, head(), SHAPES, 2)
    feed(rings, 2, range(3))
    recorder.abandon()
    recorder.abandon()
    assert list(tmp_path.iterdir()) == []
    recorder.begin(part, head(), SHAPES, 3)  # and the next take has its name
    assert recorder.finish().stored == both(0)


def test_orders_out_of_turn_are_refused_and_the_recorder_goes_on(
    tmp_path: Path, rings: dict[Role, FrameRing], recorder: RecorderProcess
) -> None:
    with pytest.raises(UserMistake, match="no clip is being recorded; begin one first"):
        recorder.finish()
    first, second = tmp_path / "clip-000.h5.part", tmp_path / "clip-001.h5.part"
    recorder.begin(first, head(), SHAPES, 2)
    with pytest.raises(UserMistake, match=r"clip-000\.h5\.part: is being recorded"):
        recorder.begin(second, head(), SHAPES, 2)
    assert not second.exists()
    feed(rings, 2, range(3))
    assert recorder.finish().stored == both(3)
    with pytest.raises(UserMistake, match="exists already"):
        recorder.begin(first, head(), SHAPES, 2)
    with pytest.raises(UserMistake, match="no such file or folder"):
        recorder.begin(tmp_path / "nowhere/a.h5.part", head(), SHAPES, 2)


def test_frames_of_another_size_stop_the_take_by_name(
    tmp_path: Path, rings: dict[Role, FrameRing], recorder: RecorderProcess
) -> None:
    recorder.begin(tmp_path / "a.h5.part", head(), both_shapes(FrameShape(50, 50)), 2)
    feed(rings, 2, range(1))
    recorder.wait(both(1), PATIENCE_S)
    assert "frames of 20000 bytes, the clip was begun for 2500" in (recorder.finish().fault or "")


def both_shapes(shape: FrameShape) -> dict[Role, FrameShape]:
    return dict.fromkeys(ROLES, shape)


def test_a_full_disk_is_told_at_once_and_the_rings_go_on_draining(
    tmp_path: Path, rings: dict[Role, FrameRing], recorder: RecorderProcess
) -> None:
    room = 60 * SHAPE.frame_bytes
    with mounted(tmp_path / "disk", f"size={RESERVE_BYTES + room}") as disk:
        part = disk / "clip-000.h5.part"
        recorder.begin(part, head(), SHAPES, 2)
        feed(rings, 2, range(200))  # does not stall although nothing more is stored
        (news,) = recorder.news(PATIENCE_S)
        assert isinstance(news, SinkFailed)
        assert news.text == (
            f"{part}: no space left on the disk; free some or choose another folder, then run again"
        )
        assert recorder.progress().fault == news.text
        until(lambda: not any(ring.used for ring in rings.values()))
        assert [ring.overflow for ring in rings.values()] == [0, 0]
        recorded = recorder.finish()
        assert recorded.fault == news.text
        assert recorded.trouble == [news.text]
        assert 20 < recorded.stored["blurry"] < 60
        with Clip(seal(part, ledger(0), ClipTail(verdict="discarded"))) as clip:
            for role, count in recorded.stored.items():
                assert len(clip.frames(role)) == count
                last = picture(role, count - 1, SHAPE)
                assert (clip.frames(role)[count - 1] == last).all()
        recorder.begin(tmp_path / "clip-001.h5.part", head(), SHAPES, 3)
        assert recorder.progress().fault is None
        feed(rings, 3, range(5))
        assert recorder.finish().stored == both(5)


def test_a_sink_that_fails_in_its_own_words(
    tmp_path: Path, own_rings: dict[Role, FrameRing]
) -> None:
    with RecorderProcess(own_rings, FullSink) as recorder:
        part = tmp_path / "clip-000.h5.part"
        recorder.begin(part, head(), SHAPES, 2)
        feed(own_rings, 2, range(20))
        progress = recorder.wait(both(20), PATIENCE_S)
        assert sum(progress.stored.values()) == 5
        assert "no space left" in (progress.fault or "")
        recorder.abandon()
        assert not part.exists()


def test_a_slow_disk_overflows_the_ring_and_nothing_else(
    tmp_path: Path, own_rings: dict[Role, FrameRing]
) -> None:
    with RecorderProcess(own_rings, SlowSink) as recorder:
        part = tmp_path / "clip-000.h5.part"
        recorder.begin(part, head(), SHAPES, 2)
        offered = 40  # a ring holds 19
        for number in range(offered):
            for role, ring in own_rings.items():
                ring.put(2, number, NO_TIME, 0, picture(role, number, SHAPE).reshape(-1))
        (news,) = recorder.news(PATIENCE_S)
        assert isinstance(news, FallingBehind)
        assert str(part) in news.text
        assert "MB/s, less than the cameras give, and the ring of the" in news.text
        progress = recorder.wait(both(offered), 1.0)
        recorded = recorder.finish()
        for role in ROLES:
            lost = progress.overflow[role]
            assert lost > 0
            assert recorded.stored[role] + lost == offered
            assert recorded.overflow[role] == lost
            ids = recorded.arrivals[role]["frame_id"].astype(int)
            assert (np.diff(ids) > 0).all()
        words = "frames found the ring full and are lost"
        assert [words in line for line in recorded.trouble] == [False, True, True]
        assert recorder.news() == []


@pytest.mark.parametrize("least", [1, 60])
def test_a_killed_recorder_loses_nothing_that_it_had_told(
    tmp_path: Path, rings: dict[Role, FrameRing], recorder: RecorderProcess, least: int
) -> None:
    part = tmp_path / "clip-000.h5.part"
    recorder.begin(part, head(), SHAPES, 2)
    number = 0
    while min(recorder.progress().stored.values()) < least:
        feed(rings, 2, range(number, number + 1))
        number += 1
    assert recorder.pid is not None
    os.kill(recorder.pid, signal.SIGKILL)
    until(lambda: not recorder.alive)
    told = dict(zip(ROLES, (int(each) for each in recorder._counters[:2]), strict=True))
    with pytest.raises(ChildLost):
        recorder.finish()
    with pytest.raises(ChildLost):
        recorder.progress()
    assert recorder.revive()
    assert not recorder.revive()
    saved = recover(part)
    with Clip(saved.path) as clip:
        for role in ROLES:
            assert len(clip.frames(role)) >= told[role] >= least
            for index, frame in enumerate(clip.frames(role)):
                assert (frame == picture(role, index, SHAPE)).all()
    for ring in rings.values():
        assert ring.lay_out(SHAPE.frame_bytes, patience_s=2.0)  # nothing is held by the dead one
    recorder.begin(part, head(), SHAPES, 3)
    feed(rings, 3, range(4))
    assert recorder.finish().stored == both(4)


def test_abandoning_after_a_kill_removes_the_part(
    tmp_path: Path, rings: dict[Role, FrameRing], recorder: RecorderProcess
) -> None:
    recorder.begin(tmp_path / "clip-000.h5.part", head(), SHAPES, 2)
    assert recorder.pid is not None
    os.kill(recorder.pid, signal.SIGKILL)
    until(lambda: not recorder.alive)
    recorder.abandon()
    assert list(tmp_path.iterdir()) == []


def test_closing_in_the_middle_of_a_take_leaves_a_whole_part(
    tmp_path: Path, rings: dict[Role, FrameRing], recorder: RecorderProcess
) -> None:
    part = tmp_path / "clip-000.h5.part"
    recorder.begin(part, head(), SHAPES, 2)
    feed(rings, 2, range(6))
    recorder.wait(both(6), PATIENCE_S)
    recorder.close()
    recorder.close()
    assert recover(part).stored == both(6)


def test_a_read_only_folder_is_refused(tmp_path: Path, recorder: RecorderProcess) -> None:
    with (
        mounted(tmp_path / "disk", "size=1m,ro") as disk,
        pytest.raises(EnvironmentFault, match="the file system is read-only"),
    ):
        recorder.begin(disk / "clip-000.h5.part", head(), SHAPES, 2)
