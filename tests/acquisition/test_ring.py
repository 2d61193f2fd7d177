"""The ring between two processes, held against a queue and against its own bytes."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import deque
from pathlib import Path

import numpy as np
import pytest

from acquisition.ring import (
    ARRIVAL,
    COMPLETE,
    LEAST_SLOTS,
    NO_ID,
    NO_TIME,
    TRUNCATED,
    FrameRing,
)
from bsd.errors import EnvironmentFault, UserMistake
from tests.acquisition.ring_process import (
    PATIENCE_S,
    die_holding,
    die_writing,
    pattern,
    spawned,
    write_constants,
    write_patterns,
)

pytestmark = pytest.mark.unit


def filled(ring: FrameRing, count: int, arming: int = 1) -> None:
    for number in range(count):
        assert ring.put(arming, number, number, number, np.full(ring.frame_bytes, number, np.uint8))


def test_a_layout_holds_what_fits_beside_one_line_of_metadata_each() -> None:
    ring = FrameRing(100_000)
    assert ring.generation == ring.slots == 0
    assert ring.lay_out(1000) == 100_000 // (1024 + 64)
    assert ring.generation == 1
    assert ring.frame_bytes == 1000


@pytest.mark.parametrize("frame_bytes", [100_000 // 8, 10**9, 0])
def test_fewer_than_eight_frames_are_refused_with_the_way_out(frame_bytes: int) -> None:
    with pytest.raises(UserMistake, match=f"at least {LEAST_SLOTS} are needed; give it more"):
        FrameRing(100_000).lay_out(frame_bytes)


def test_more_memory_than_the_machine_has_is_refused() -> None:
    with pytest.raises(EnvironmentFault, match="make the ring smaller"):
        FrameRing(1 << 50)


def test_what_is_put_is_what_is_taken() -> None:
    ring = FrameRing(100_000)
    ring.lay_out(600)
    data = np.arange(300, dtype=np.uint16) * 200
    assert ring.put(3, NO_ID, NO_TIME, 2**62, data, COMPLETE, skipped=4)
    slot = ring.take()
    assert slot is not None
    assert slot.arrival.dtype == ARRIVAL
    assert slot.arrival.item() == (3, COMPLETE, 0, NO_ID, NO_TIME, 2**62, 600, 4)
    assert (slot.data.view(np.uint16) == data).all()
    assert ring.used == 1
    ring.release()
    assert ring.used == 0
    assert ring.take() is None


def test_a_truncated_frame_is_filled_up_with_zeros() -> None:
    ring = FrameRing(100_000)
    slots = ring.lay_out(1000)
    filled(ring, slots)
    for _ in range(slots):
        ring.take()
        ring.release()
    ring.put(1, 0, 0, 0, np.full(300, 9, np.uint8), TRUNCATED)
    slot = ring.take()
    assert slot is not None
    assert slot.arrival["size"] == 300
    assert slot.arrival["flags"] == TRUNCATED
    assert (slot.data[:300] == 9).all()
    assert not slot.data[300:].any()


def test_a_full_ring_refuses_and_the_next_arrival_says_how_many_were_lost() -> None:
    ring = FrameRing(20_000)
    slots = ring.lay_out(1000)
    filled(ring, slots)
    frame = np.zeros(1000, np.uint8)
    assert not ring.put(1, 90, 0, 0, frame)
    assert not ring.put(1, 91, 0, 0, frame, skipped=5)
    assert ring.overflow == 2
    assert ring.used == slots
    ring.take()
    ring.release()
    assert ring.put(1, 92, 0, 0, frame, skipped=1)
    for _ in range(slots - 1):
        ring.take()
        ring.release()
    last = ring.take()
    assert last is not None
    assert last.arrival["frame_id"] == 92
    assert last.arrival["index"] == slots  # of those that found room
    assert last.arrival["skipped"] == 2 + 5 + 1


def test_every_arming_counts_from_zero_and_owes_nothing_to_the_one_before() -> None:
    ring = FrameRing(20_000)
    slots = ring.lay_out(1000)
    filled(ring, slots)
    assert not ring.put(1, 90, 0, 0, np.zeros(1000, np.uint8))
    for _ in range(slots):
        ring.take()
        ring.release()
    filled(ring, 2, arming=2)
    slot = ring.take()
    assert slot is not None
    assert slot.arrival["arming"] == 2
    assert slot.arrival["index"] == 0
    assert slot.arrival["skipped"] == 0


def test_a_frame_larger_than_laid_out_for_is_refused() -> None:
    ring = FrameRing(100_000)
    with pytest.raises(EnvironmentFault, match="configure the camera again"):
        ring.put(1, 0, 0, 0, np.zeros(10, np.uint8))
    ring.lay_out(1000)
    with pytest.raises(EnvironmentFault, match="a frame of 1002 bytes, laid out for 1000"):
        ring.put(1, 0, 0, 0, np.zeros(501, np.uint16))


def test_a_frame_stays_the_reader_s_until_it_is_released() -> None:
    ring = FrameRing(20_000)
    slots = ring.lay_out(1000)
    filled(ring, slots)
    first, again = ring.take(), ring.take()
    assert first is not None
    assert again is not None
    assert first.arrival["frame_id"] == again.arrival["frame_id"] == 0
    assert not ring.put(1, 99, 0, 0, np.full(1000, 255, np.uint8))
    assert (first.data == 0).all()


def test_any_order_of_calls_is_that_of_a_queue() -> None:
    random = np.random.default_rng(11)
    ring = FrameRing(40_000)
    slots = ring.lay_out(512)
    queue: deque[int] = deque()
    number = lost = 0
    for _ in range(5000):
        if random.random() < 0.51:
            stored = ring.put(1, number, 0, 0, pattern(number, 512))
            assert stored == (len(queue) < slots)
            queue.extend([number] if stored else [])
            lost += not stored
            number += 1
        else:
            slot = ring.take()
            assert (slot is None) == (not queue)
            if slot is not None:
                assert slot.arrival["frame_id"] == queue.popleft()
                assert (slot.data == pattern(int(slot.arrival["frame_id"]), 512)).all()
                ring.release()
        assert ring.used == len(queue)
    assert lost > 0
    assert ring.overflow == lost


def test_onlookers_copy_the_newest_and_take_nothing_away() -> None:
    ring = FrameRing(20_000)
    ring.lay_out(1000)
    assert ring.newest() is None
    filled(ring, 3)
    found = ring.newest()
    assert found is not None
    arrival, frame = found
    assert arrival["frame_id"] == 2
    assert (frame == 2).all()
    assert ring.used == 3
    frame[:] = 77
    again = ring.newest()
    assert again is not None
    assert (again[1] == 2).all()


def test_a_new_layout_drops_what_was_unread_and_a_late_release_changes_nothing() -> None:
    ring = FrameRing(40_000)
    ring.lay_out(1000)
    filled(ring, 5)
    ring.take()
    ring._count[9] = 0  # the reader let go, and its last word comes late
    slots = ring.lay_out(2000)
    assert ring.used == ring.overflow == ring.written == 0
    assert ring.take() is None
    filled(ring, 2)
    ring.release()
    assert ring.used == 2
    slot = ring.take()
    assert slot is not None
    assert slot.arrival["index"] == 0
    assert slot.data.size == 2000
    assert slots == 40_000 // (2048 + 64)


def test_a_layout_waits_for_a_reader_that_holds_a_frame() -> None:
    ring = FrameRing(20_000)
    ring.lay_out(1000)
    filled(ring, 1)
    assert ring.take() is not None
    with pytest.raises(EnvironmentFault, match="its reader has held a frame"):
        ring.lay_out(1000, patience_s=0.01)
    assert ring.take() is not None  # nothing was cut anew
    ring.release()
    assert ring.lay_out(1000, patience_s=0.01)


def test_two_processes_hand_over_every_frame_in_order() -> None:
    ring = FrameRing(2_000_000)
    frames, size = 1500, 40_000
    writer = spawned(write_patterns, ring, frames, size)
    limit_s = time.monotonic() + PATIENCE_S
    number = 0
    while number < frames:
        slot = ring.take()
        if slot is None:
            assert time.monotonic() < limit_s
            time.sleep(0.0002)
            continue
        assert slot.arrival["frame_id"] == number
        assert slot.arrival["index"] == number
        assert (slot.data == pattern(number, size)).all()
        ring.release()
        number += 1
    writer.join(PATIENCE_S)
    assert writer.exitcode == 0
    assert ring.written == frames


def test_an_onlooker_never_sees_a_torn_frame() -> None:
    ring = FrameRing(9 * 200_064)
    assert ring.lay_out(200_000) <= 9
    writer = spawned(write_constants, ring, 8000, 200_000)
    seen: set[int] = set()
    while writer.is_alive():
        found = ring.newest()
        if found is None:
            continue
        arrival, frame = found
        assert frame.min() == frame.max() == arrival["frame_id"] % 251
        assert arrival["index"] == arrival["device_ns"] == arrival["frame_id"]
        seen.add(int(arrival["frame_id"]))
    writer.join(PATIENCE_S)
    assert writer.exitcode == 0
    assert len(seen) > 20


def test_a_writer_that_died_is_followed_by_one_that_lays_out_anew() -> None:
    ring = FrameRing(100_000)
    dead = spawned(die_writing, ring, 1000)
    dead.join(PATIENCE_S)
    assert dead.exitcode == -signal.SIGKILL
    assert ring.take() is None  # in the middle of a layout
    assert ring.newest() is None
    follower = spawned(write_patterns, ring, 10, 500)
    follower.join(PATIENCE_S)
    assert ring.generation > 1
    for number in range(10):
        slot = ring.take()
        assert slot is not None
        assert (slot.data == pattern(number, 500)).all()
        ring.release()


def test_a_reader_that_died_holding_a_frame_is_let_go_by_its_parent() -> None:
    ring = FrameRing(100_000)
    ring.lay_out(1000)
    filled(ring, 2)
    dead = spawned(die_holding, ring)
    dead.join(PATIENCE_S)
    assert dead.exitcode == -signal.SIGKILL
    with pytest.raises(EnvironmentFault, match="its reader has held a frame"):
        ring.lay_out(1000, patience_s=0.01)
    ring.release()
    slot = ring.take()
    assert slot is not None
    assert slot.arrival["frame_id"] == 0  # not taken by the dead one
    ring.release()
    assert ring.lay_out(1000)


_PARENT = """
import os, sys, time
from acquisition.ring import FrameRing
from tests.acquisition.ring_process import sleep_beside, spawned
if __name__ == "__main__":
    rings = [FrameRing(5_000_000) for _ in range(2)]
    for ring in rings:
        ring.lay_out(10_000)
    children = [spawned(sleep_beside, ring) for ring in rings]
    print(*(child.pid for child in children), flush=True)
    time.sleep(60)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_nothing_is_left_when_all_processes_are_killed(tmp_path: Path) -> None:
    script = tmp_path / "parent.py"
    script.write_text(_PARENT)
    private = tmp_path / "tmp"
    private.mkdir()
    root = str(Path(__file__).resolve().parents[2])
    environment = os.environ | {"TMPDIR": str(private), "PYTHONPATH": root}
    parent = subprocess.Popen(
        [sys.executable, str(script)], stdout=subprocess.PIPE, text=True, env=environment
    )
    assert parent.stdout is not None
    pids = [int(word) for word in parent.stdout.readline().split()]
    assert len(pids) == 2
    for pid in (parent.pid, *pids):
        os.kill(pid, signal.SIGKILL)
    parent.wait(PATIENCE_S)
    parent.stdout.close()
    assert list(private.iterdir()) == []
    names = [path.name for path in Path("/dev/shm").glob("*")]  # noqa: S108
    assert not [name for name in names if any(str(pid) in name for pid in (parent.pid, *pids))]
    assert Path(tempfile.gettempdir()) != private
