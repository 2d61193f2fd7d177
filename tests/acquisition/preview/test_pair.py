"""The newest frames of both rings, and whether they belong together."""

import threading
import time

import numpy as np
import pytest

from acquisition.preview.pair import Onlooker
from acquisition.preview.status import Role, Scenery, ViewScenery
from acquisition.ring import COMPLETE, NO_ID, TRUNCATED, FrameRing

pytestmark = pytest.mark.unit

VIEW = ViewScenery(width=8, height=6, cfa="RGGB")
BOTH = Scenery(blurry=VIEW, sharp=VIEW)


@pytest.fixture
def rings() -> dict[Role, FrameRing]:
    made: dict[Role, FrameRing] = {"blurry": FrameRing(1 << 16), "sharp": FrameRing(1 << 16)}
    for ring in made.values():
        ring.lay_out(48)
    return made


def put(ring: FrameRing, number: int, arming: int = 1, flags: int = COMPLETE) -> None:
    frame = np.full(48, number, np.uint8)
    assert ring.put(arming, number, 0, time.monotonic_ns(), frame, flags)


def looking(rings: dict[Role, FrameRing], scenery: Scenery = BOTH) -> Onlooker:
    onlooker = Onlooker(rings)
    onlooker.set_scenery(scenery)
    return onlooker


def test_nothing_without_cameras_or_frames(rings: dict[Role, FrameRing]) -> None:
    assert Onlooker(rings).pair() is None
    assert looking(rings).pair() is None


def test_one_camera_alone_is_shown_and_said(rings: dict[Role, FrameRing]) -> None:
    put(rings["sharp"], 0)
    pair = looking(rings).pair()
    assert pair is not None
    assert set(pair.seen) == {"sharp"}
    assert pair.text == "no frame of C1 yet"
    assert not pair.together


def test_both_of_one_pulse(rings: dict[Role, FrameRing]) -> None:
    for ring in rings.values():
        put(ring, 0)
        put(ring, 1)
    pair = looking(rings).pair()
    assert pair is not None
    assert (pair.together, pair.text) == (True, "")
    assert pair.seen["blurry"].frame[0, 0] == 1


def test_waits_a_moment_for_the_frame_that_is_on_its_way(rings: dict[Role, FrameRing]) -> None:
    onlooker = looking(rings)
    for ring in rings.values():
        put(ring, 0)
    assert onlooker.pair() is not None
    put(rings["sharp"], 1)
    late = threading.Timer(0.003, put, (rings["blurry"], 1))
    late.start()
    pair = onlooker.pair()
    late.join()
    assert pair is not None
    assert [seen.number for seen in pair.seen.values()] == [1, 1]


def test_a_camera_behind_is_named(rings: dict[Role, FrameRing]) -> None:
    onlooker = looking(rings)
    for ring in rings.values():
        put(ring, 0)
    onlooker.pair()
    for number in (1, 2, 3):
        put(rings["blurry"], number)
    pair = onlooker.pair()
    assert pair is not None
    assert pair.text == "C2 is 3 frames behind C1"


def test_ids_go_on_over_lost_frames(rings: dict[Role, FrameRing]) -> None:
    onlooker = looking(rings)
    for ring in rings.values():
        put(ring, 10)
    onlooker.pair()
    put(rings["blurry"], 12)  # 11 was lost: index 1, and yet the third frame
    for number in (11, 12):
        put(rings["sharp"], number)
    pair = onlooker.pair()
    assert pair is not None
    assert pair.together


def test_without_ids_frames_are_counted(rings: dict[Role, FrameRing]) -> None:
    for ring in rings.values():
        for _ in range(2):
            ring.put(1, NO_ID, 0, 0, np.zeros(48, np.uint8))
    pair = looking(rings).pair()
    assert pair is not None
    assert pair.together
    assert pair.seen["sharp"].number == 1


def test_frames_of_two_runs_are_no_pair(rings: dict[Role, FrameRing]) -> None:
    put(rings["blurry"], 0, arming=1)
    put(rings["sharp"], 0, arming=2)
    pair = looking(rings).pair()
    assert pair is not None
    assert pair.text == "these two frames are not of one run of the trigger"


def test_free_running_cameras_are_never_a_pair(rings: dict[Role, FrameRing]) -> None:
    for ring in rings.values():
        put(ring, 0)
    pair = looking(rings, BOTH.model_copy(update={"triggered": False})).pair()
    assert pair is not None
    assert "run freely" in pair.text
    assert not pair.together


def test_an_incomplete_frame_is_said(rings: dict[Role, FrameRing]) -> None:
    put(rings["blurry"], 0)
    put(rings["sharp"], 0, flags=TRUNCATED)
    pair = looking(rings).pair()
    assert pair is not None
    assert pair.text == "C2: the frame is incomplete"


def test_frames_of_another_size_than_told_are_left_alone(rings: dict[Role, FrameRing]) -> None:
    for ring in rings.values():
        put(ring, 0)
    other = VIEW.model_copy(update={"width": 16})
    assert looking(rings, Scenery(blurry=other, sharp=other)).pair() is None


def test_the_stamp_changes_with_a_frame_and_with_a_layout(rings: dict[Role, FrameRing]) -> None:
    onlooker = looking(rings)
    stamps = [onlooker.stamp()]
    put(rings["blurry"], 0)
    stamps.append(onlooker.stamp())
    rings["sharp"].lay_out(48)
    stamps.append(onlooker.stamp())
    assert len(set(stamps)) == 3
