"""A camera's process against the virtual rig: configured, armed, disturbed, lost and back."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from acquisition.camera.configuration import CameraSettings
from acquisition.camera.fault import CameraFault, CameraLost, CameraStuck, CameraUnfit
from acquisition.camera.message import Lost, Running, Skipped
from acquisition.camera.process import CameraProcess
from acquisition.ring import FrameRing
from bsd.errors import ToolkitError, UserMistake
from tests.acquisition.camera.bench import (
    FAST,
    PERIOD_NS,
    PREPARED,
    TIMED,
    WIDTH,
    drained,
    gone,
    lost_reason,
    process,
    shoot,
    until,
)
from tests.hardware.twin.running_rig import Rig, Trigger, running_rig

pytestmark = pytest.mark.rig


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with running_rig(tmp_path_factory.mktemp("rig"), *PREPARED) as running:
        yield running


@pytest.fixture
def camera(rig: Rig) -> Iterator[CameraProcess]:
    """The blurry one, configured."""
    with process(rig) as started:
        started.configure(WIDTH)
        yield started


def fault(rig: Rig, kind: str, *words: str) -> None:
    done = rig.verb("fault", kind, "--camera", "blurry", *words)
    assert done.returncode == 0, done.stderr


def test_every_pulse_gives_a_frame(rig: Rig, camera: CameraProcess) -> None:
    rows = shoot(rig, camera, 7, 20)
    assert rows["index"].tolist() == rows["frame_id"].tolist() == list(range(20))
    assert set(rows["arming"]) == {7}
    assert set(rows["flags"]) == {1}
    assert np.abs(np.diff(rows["device_ns"]) - PERIOD_NS).max() < 2000
    assert (np.diff(rows["host_ns"]) > 0).all()
    assert rows["size"].tolist() == [160 * 120] * 20
    assert camera.news() == [Running(7)]
    assert camera.identity.timestamps is True


def test_what_it_is_and_how_it_stands(camera: CameraProcess) -> None:
    identity = camera.identity
    assert (identity.vendor, identity.serial) == ("BSD toolkit", "TW0001")
    assert (identity.hardware_trigger, identity.trigger_width, identity.timed) == (True,) * 3
    configured = camera.configure(
        WIDTH.model_copy(update={"pixel_format": "BayerRG12p", "extra": {"Gain": 1.5}})
    )
    assert (configured.dtype, configured.bits, configured.cfa) == ("uint16", 12, "RGGB")
    assert configured.frame_bytes == 160 * 120 * 2
    assert configured.slots == camera.ring.slots
    assert configured.gain_db == 1.5
    assert configured.exposure_us is None
    assert configured.temperature_c == 25.0
    assert configured.readback["TriggerMode[FrameStart]"] == "On"
    assert configured.without == [
        "its black level in DN of the frames is not told; dark frames measure it"
    ]
    latched = camera.latch()
    assert latched is not None
    assert latched[0] > 0
    status = camera.status()
    assert (status.state, status.access, status.temperature_c) == ("configured", 5, 25.0)


def test_twelve_bits_arrive_as_they_are(rig: Rig, camera: CameraProcess) -> None:
    """Packed and unpacked on the way, the same picture."""
    means = []
    for name in ("BayerRG8", "BayerRG12", "BayerRG12p"):
        configured = camera.configure(WIDTH.model_copy(update={"pixel_format": name}))
        camera.arm(1)
        with Trigger(rig.port) as trigger:
            trigger.run(1, FAST)
        camera.disarm(0.5)
        slot = camera.ring.take()
        assert slot is not None
        means.append(slot.data.view(configured.dtype).mean() / 2 ** (configured.bits - 8))
        camera.ring.release()
    assert means[1] == means[2]
    assert means[0] == pytest.approx(means[1], abs=0.6)


def test_the_older_names_do_as_well(rig: Rig) -> None:
    with process(rig, "sharp") as camera:
        assert camera.identity.trigger_width is False
        assert camera.identity.latch is True
        with pytest.raises(
            CameraUnfit, match=r"got 'Timed' \(it offers Timed\); say exposure: tim"
        ):
            camera.configure(WIDTH)
        settings = TIMED.model_copy(update={"extra": {"GainRaw": 12}})
        configured = camera.configure(settings)
        assert configured.readback["ExposureTimeAbs"] == configured.exposure_us == 2000.0
        assert (configured.readback["GainRaw"], configured.gain_db) == (12, None)
        assert any("global shutter" in words for words in configured.without)
        latched = camera.latch()
        assert latched is not None
        rows = shoot(rig, camera, 1, 5)
        assert rows["frame_id"].tolist() == list(range(5))
        assert (rows["device_ns"] > latched[0]).all()


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (WIDTH.model_copy(update={"line": "Line9"}), r"TriggerSource.*'Line9'.*Software, Line1"),
        (WIDTH.model_copy(update={"pixel_format": "Mono12"}), "PixelFormat: asked for 'Mono12'"),
        (WIDTH.model_copy(update={"pixel_format": "Mono13"}), "cannot be recorded; known"),
        (WIDTH.model_copy(update={"region": (0, 0, 164, 120)}), "Width: .* in steps of 8"),
        (WIDTH.model_copy(update={"extra": {"Gain": 99.0}}), r"Gain: asked for 99.0, .*0 to 24"),
        (WIDTH.model_copy(update={"extra": {"Brightness": 1}}), "no feature Brightness"),
        (TIMED.model_copy(update={"exposure_us": 3.0}), "ExposureTime: asked for 3.0, got 10000"),
    ],
)
def test_refusals_are_one_line_and_leave_it_usable(
    camera: CameraProcess, settings: CameraSettings, words: str
) -> None:
    with pytest.raises(ToolkitError, match=words) as caught:
        camera.configure(settings)
    assert "\n" not in str(caught.value)
    with pytest.raises(CameraFault, match="not configured"):
        camera.arm(1)
    camera.configure(WIDTH)
    camera.arm(1)
    with pytest.raises(CameraFault, match="is armed; disarm it"):
        camera.configure(WIDTH)
    assert camera.disarm(0.05).delivered == 0


def test_a_ring_that_is_too_small_is_a_mistake(rig: Rig) -> None:
    small = FrameRing(100_000)
    few = pytest.raises(UserMistake, match=r"holds 5 frames .* at least 8")
    with process(rig, ring=small) as camera, few:
        camera.configure(WIDTH)


def test_settings_found_are_given_back(rig: Rig) -> None:
    with process(rig) as camera:
        before = camera.snapshot()
        assert before["TriggerMode[TriggerSelector=FrameStart]"] == "Off"
        gain = WIDTH.model_copy(update={"extra": {"Gain": 2.0}, "region": (16, 8, 64, 32)})
        camera.configure(gain)
        assert camera.snapshot().items() >= {**before, "Gain": 0.0}.items()
    with process(rig) as camera:
        assert camera.snapshot() == before
        mine = {**before, "ExposureTime": 4000.0, "Width": 64, "OffsetX": 32}
        assert camera.restore(mine) == []
        assert camera.restore({"PixelFormat": "Mono12", "Gamma": 1.0}) == [
            "PixelFormat was 'Mono12', is 'BayerRG8'"
        ]
        camera.restore(mine)
    with process(rig) as camera:
        assert camera.snapshot() == mine
        camera.restore(before)


def test_twenty_armings_in_turn(rig: Rig, camera: CameraProcess) -> None:
    with Trigger(rig.port) as trigger:
        for arming in range(1, 21):
            camera.arm(arming)
            trigger.run(3, FAST if arming == 1 else {})
            tally = camera.disarm(0.5, frames=3)
            assert (tally.delivered, tally.incomplete, tally.overflow) == (3, 0, 0)
            assert tally.last_frame_id == 2
            rows = drained(camera.ring)
            assert rows["arming"].tolist() == [arming] * 3
            assert rows["index"].tolist() == [0, 1, 2]


def test_no_frame_of_one_arming_counts_for_the_next(rig: Rig, camera: CameraProcess) -> None:
    """Disarmed and armed again in the middle of the pulses, as fast as it goes."""
    latches, armings = [], range(1, 7)
    with Trigger(rig.port) as trigger:
        pulses = threading.Thread(target=trigger.run, args=(150, FAST))
        pulses.start()
        for arming in armings:
            camera.arm(arming)
            until(lambda: camera.status().delivered >= 5)
            camera.disarm(0.0)
            latched = camera.latch()
            assert latched is not None
            latches.append(latched[0])
        pulses.join()
    rows = drained(camera.ring)
    assert set(rows["arming"]) == set(armings)
    for arming, end_ns in zip(armings, latches, strict=True):
        of_it = rows[rows["arming"] == arming]
        assert of_it["index"].tolist() == list(range(len(of_it)))
        assert of_it["device_ns"].max() < end_ns
        assert (rows[rows["arming"] > arming]["device_ns"] > end_ns).all()


def test_a_missed_trigger_leaves_the_ids_consecutive(rig: Rig, camera: CameraProcess) -> None:
    fault(rig, "missed-trigger")
    rows = shoot(rig, camera, 1, 10)
    assert rows["frame_id"].tolist() == list(range(9))
    assert set(rows["skipped"]) == {0}


def test_incomplete_frames_are_counted_and_told(rig: Rig, camera: CameraProcess) -> None:
    fault(rig, "incomplete-frame", "--set", "count=2")
    camera.arm(1)
    with Trigger(rig.port) as trigger:
        trigger.run(10, FAST)
    tally = camera.disarm(0.5)
    rows = drained(camera.ring)
    assert (tally.delivered, tally.incomplete) == (8, 2)
    assert rows["frame_id"].tolist() == list(range(2, 10))
    assert rows["skipped"].tolist() == [2] + [0] * 7
    told = [news for news in camera.news() if isinstance(news, Skipped)]
    assert sum(news.incomplete for news in told) == 2


def test_a_full_ring_is_counted_and_told(rig: Rig) -> None:
    ring = FrameRing(160 * 120 * 9)
    with process(rig, ring=ring) as camera:
        assert camera.configure(WIDTH).slots == 8
        camera.arm(1)
        with Trigger(rig.port) as trigger:
            trigger.run(20, FAST)
        tally = camera.disarm(0.5)
        assert (tally.delivered, tally.overflow, ring.overflow) == (20, 12, 12)
        told = [news for news in camera.news() if isinstance(news, Skipped)]
        assert sum(news.overflow for news in told) == 12
        assert drained(ring)["frame_id"].tolist() == list(range(8))


def test_what_a_stall_holds_back_is_waited_for(rig: Rig, camera: CameraProcess) -> None:
    fault(rig, "stall", "--set", "stall_ms=700")
    rows = shoot(rig, camera, 1, 20)
    assert rows["frame_id"].tolist() == list(range(20))


def test_a_lost_camera_comes_back(rig: Rig, camera: CameraProcess) -> None:
    assert len(shoot(rig, camera, 1, 4)) == 4
    camera.arm(2)
    fault(rig, "device-lost")
    assert "camera TW0001: cannot be reached any more" in lost_reason(camera)
    assert camera.state == "lost"
    with pytest.raises(CameraLost, match="reconnect it"):
        camera.disarm()
    with pytest.raises(CameraLost, match="is not there; the producer lists TW0002"):
        camera.reconnect()
    fault(rig, "device-back")
    configured = camera.reconnect(patience_s=5)
    assert configured.readback["TriggerMode[FrameStart]"] == "On"
    assert camera.state == "configured"
    rows = shoot(rig, camera, 3, 4)
    assert rows["arming"].tolist() == [3] * 4


def test_a_loss_while_idle_is_told_too(rig: Rig, camera: CameraProcess) -> None:
    fault(rig, "device-lost", "--set", "back_after_ms=1500")
    lost_reason(camera)
    camera.reconnect(patience_s=8)
    assert len(shoot(rig, camera, 1, 2)) == 2


@pytest.mark.parametrize("how", ["producer", "kill"])
def test_a_crash_is_one_line_and_the_ring_serves_again(
    rig: Rig, camera: CameraProcess, how: str
) -> None:
    before = camera.snapshot()
    shoot(rig, camera, 1, 3)
    camera.arm(2)
    pid, generation = camera.pid, camera.ring.generation
    assert pid is not None
    if how == "producer":
        fault(rig, "producer-crash")
    else:
        os.kill(pid, signal.SIGKILL)
    reason = lost_reason(camera)
    assert ("signal 11" if how == "producer" else "signal 9") in reason
    assert "\n" not in reason
    assert camera.state == "lost"
    with pytest.raises(CameraLost):
        camera.status()
    camera.reconnect(patience_s=5)
    assert camera.ring.generation == generation + 1
    assert gone(pid)
    rows = shoot(rig, camera, 3, 3)
    assert rows["arming"].tolist() == [3] * 3
    assert camera.snapshot() == before


def test_a_producer_that_never_answers_is_ended_and_told(rig: Rig) -> None:
    """It waits inside the library, with the interpreter's lock: only the watchdog can act."""
    path = Path(f"/proc/{rig.process.pid}/task/{rig.process.pid}/children")
    simulators = [int(word) for word in path.read_text().split()]
    with process(rig, arm_s=0.5) as camera:
        camera.configure(WIDTH)
        pid = camera.pid
        assert pid is not None
        for simulator in simulators:
            os.kill(simulator, signal.SIGSTOP)
        try:
            with pytest.raises(CameraStuck, match=r"blurry camera TW0001: no answer for 2\.\d s"):
                camera.configure(WIDTH)
        finally:
            for simulator in simulators:
                os.kill(simulator, signal.SIGCONT)
        assert gone(pid)
        assert [type(news) for news in camera.news()] == [Lost]
        camera.reconnect(patience_s=5)
        assert len(shoot(rig, camera, 1, 2)) == 2


def test_misuse_is_named(rig: Rig) -> None:
    camera = process(rig)
    assert camera.state == "closed"
    for use in (camera.status, camera.latch, lambda: camera.arm(1)):
        with pytest.raises(CameraLost, match="not running; start it"):
            use()
    with pytest.raises(CameraFault, match="not started"):
        camera.snapshot()
    with pytest.raises(CameraFault, match="never configured"):
        camera.reconnect()
    with camera:
        assert camera.state == "open"
        with pytest.raises(CameraFault, match="running already"):
            camera.start()
        with pytest.raises(CameraFault, match="not armed"):
            camera.disarm()
        with pytest.raises(CameraLost, match="end the program that has it"):
            process(rig, frame_s=0.2).start()
    camera.close()
    assert camera.state == "closed"


def test_frames_come_at_the_rate_of_the_pulses(rig: Rig, camera: CameraProcess) -> None:
    """A smoke test: 250 Hz for a second, none lost."""
    camera.arm(1, 250)
    program = {"W1": 2000, "W2": 1000, "D2": 500, "PN": 2_000_000, "PD": 250}
    with Trigger(rig.port) as trigger:
        trigger.run(250, program)
    tally = camera.disarm(0.5, frames=250)
    assert (tally.delivered, tally.incomplete, tally.underrun) == (250, 0, 0)
    assert np.diff(drained(camera.ring)["device_ns"]).mean() == pytest.approx(4e6, abs=1000)
