"""The virtual camera as harvesters sees it, from a process of its own; the test makes its edges."""

from __future__ import annotations

import importlib.util
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from bsd.errors import EnvironmentFault
from hardware.twin.optics import Region
from hardware.twin.producer_build import producer_path
from hardware.twin.wire import SOCKET_FILE, Server
from tests.hardware.twin.camera_bench import MS, Client, Stage, picture

pytestmark = [
    pytest.mark.rig,
    pytest.mark.skipif(
        importlib.util.find_spec("harvesters") is None, reason="needs harvesters and genicam"
    ),
]


class Rig(NamedTuple):
    stages: list[Stage]
    clients: list[Client]


@pytest.fixture
def rig() -> Iterator[Rig]:
    """Camera T001 with SFNC names, T002 as an older one; one consumer each."""
    with tempfile.TemporaryDirectory(prefix="bsd-") as folder:
        try:
            producer = producer_path(Path(folder))
        except EnvironmentFault as fault:
            pytest.skip(str(fault))
        stages = [Stage(serial="T001", number=1), Stage(serial="T002", number=2, guise="older")]
        cameras = [stage.camera for stage in stages]
        with Server(Path(folder) / SOCKET_FILE, cameras) as server:
            for camera in cameras:
                camera.plug_into(server)
            clients = [Client(producer, camera.serial) for camera in cameras]
            try:
                yield Rig(stages, clients)
            finally:
                for client in clients:
                    client.close()


@pytest.fixture
def sfnc(rig: Rig) -> tuple[Stage, Client]:
    assert rig.clients[0].ask("open") is True
    return rig.stages[0], rig.clients[0]


def armed(stage: Stage, client: Client, mode: str = "TriggerWidth") -> None:
    client.set_all([("TriggerSource", "Line1"), ("TriggerMode", "On"), ("ExposureMode", mode)])
    assert client.ask("start") is True


def test_triggered_frames_of_both_cameras(rig: Rig) -> None:
    for stage, client, timed in zip(rig.stages, rig.clients, (False, True), strict=True):
        assert client.ask("open") is True
        armed(stage, client, "Timed" if timed else "TriggerWidth")
        rises = [stage.pulse(16, 50) for _ in range(5)]
        assert stage.deliver_all() == [0, 1, 2, 3, 4]
        frames = client.fetch(5)
        assert [frame["id"] for frame in frames] == [0, 1, 2, 3, 4]
        assert [frame["ns"] for frame in frames] == [rise + 5_000 for rise in rises]
        assert [frame["sum"] for frame in frames] == [n * 64 * 48 for n in range(5)]
        assert client.ask("stop") is True
        assert client.ask("end") is True


def test_what_raises_is_what_real_cameras_raise(sfnc: tuple[Stage, Client]) -> None:
    _, client = sfnc
    assert client.raised("set", "Width", 63) == "OutOfRangeException"
    assert client.raised("set", "Width", 72) == "OutOfRangeException"
    assert client.raised("set", "OffsetX", 4) == "OutOfRangeException"
    assert client.raised("set", "ExposureTime", 1.0) == "OutOfRangeException"
    assert client.raised("set", "PixelFormat", "BayerRG16") == "InvalidArgumentException"
    assert client.raised("set", "PixelFormat", 17301505) == "TypeError"
    assert client.raised("set", "PixelFormat", "BayerGR8") == "AccessException"
    assert client.raised("set", "SensorWidth", 32) == "AccessException"
    assert client.raised("get", "ExposureTimeAbs") == "AttributeError"
    armed(*sfnc)
    for name, value in (("Width", 32), ("PixelFormat", "Mono8"), ("ReverseX", True)):
        assert client.raised("set", name, value) == "AccessException"
    assert client.raised("set", "ExposureTime", 500.0) == "AccessException"  # TriggerWidth
    assert client.ask("set", "Gain", 6.0) == 6.0
    assert client.ask("stop") is True
    assert client.ask("set", "Width", 32) == 32
    assert client.ask("limits", "OffsetX") == [0, 32]


def test_an_older_camera_has_other_names_and_habits(rig: Rig) -> None:
    client = rig.clients[1]
    client.ask("open")
    for name in ("ExposureTime", "Gain", "BlackLevel", "ReverseX", "DeviceSerialNumber"):
        assert client.ask("has", name) is False
    assert client.ask("choices", "ExposureMode") == ["Timed"]
    assert client.ask("get", "DeviceID") == "T002"
    assert client.ask("set", "ExposureTimeAbs", 16000.0) == 16000.0
    assert client.ask("set", "GainRaw", 60) == 60
    client.ask("set", "TriggerMode", "On")
    assert client.raised("set", "TriggerSource", "Line1") == "AccessException"
    client.ask("set", "TriggerMode", "Off")
    armed(rig.stages[1], client, "Timed")
    rig.stages[1].pulse(0.1, 30)
    request = rig.stages[1].camera.take()[0]
    assert request.end_ns - request.begin_ns == 16 * MS
    assert request.gain_db == 6.0
    assert request.black_level_dn is None


@pytest.mark.parametrize("name", ["Mono8", "BayerRG8", "BayerRG12", "BayerRG12p", "RGB8"])
def test_pixels_arrive_as_they_were_delivered(sfnc: tuple[Stage, Client], name: str) -> None:
    stage, client = sfnc
    client.set_all(
        [("Width", 32), ("Height", 40), ("OffsetX", 12), ("OffsetY", 6), ("PixelFormat", name)]
    )
    armed(stage, client)
    stage.pulse(2, 20)
    (request,) = stage.camera.take()
    most = 2**request.pixel_format.bits - 1
    shape = (40, 32, 3) if name == "RGB8" else (40, 32)
    pixels = np.random.default_rng(4).integers(0, most + 1, shape).astype(np.uint16)
    assert stage.camera.deliver(request, pixels) == 0
    frame = client.ask("fetch")
    assert frame["format"] == name
    assert (frame["size"], frame["offset"]) == ([32, 40], [12, 6])
    assert frame["filled"] == client.ask("get", "PayloadSize")
    assert frame["dtype"] == ("uint16" if most > 255 else "uint8")
    assert frame["first"] == pixels.ravel()[:12].tolist()
    assert frame["sum"] == int(pixels.sum())


def test_reversing_a_mosaic_renames_its_format(sfnc: tuple[Stage, Client]) -> None:
    stage, client = sfnc
    client.set_all([("PixelFormat", "BayerRG12p"), ("ReverseX", True)])
    assert client.ask("get", "PixelFormat") == "BayerGR12p"
    assert client.ask("get", "PixelColorFilter") == "BayerGR"
    assert "BayerRG12p" not in client.ask("choices", "PixelFormat")
    client.set_all([("ReverseY", True), ("Width", 32), ("OffsetX", 4)])
    assert client.ask("get", "PixelFormat") == "BayerBG12p"
    armed(stage, client)
    stage.pulse(2, 20)
    (request,) = stage.camera.take()
    assert request.region == Region(28, 0, 32, 48)
    columns = np.arange(28, 60, dtype=np.uint16)
    stage.camera.deliver(request, np.tile(columns, (48, 1)))
    assert client.ask("fetch")["first"] == columns[::-1][:12].tolist()


def test_a_missed_trigger_leaves_the_ids_consecutive(sfnc: tuple[Stage, Client]) -> None:
    stage, client = sfnc
    armed(stage, client)
    rises = []
    for number in range(5):
        if number == 2:
            stage.camera.miss_trigger()
        rises.append(stage.pulse(2, 30))
    stage.deliver_all()
    frames = client.fetch(4)
    assert [frame["id"] for frame in frames] == [0, 1, 2, 3]
    assert [frame["ns"] - 5_000 for frame in frames] == [rises[n] for n in (0, 1, 3, 4)]
    assert client.ask("fetch", 0.2) is None


def test_an_extra_frame_comes_between_two_pulses(sfnc: tuple[Stage, Client]) -> None:
    stage, client = sfnc
    armed(stage, client)
    rises = [stage.pulse(2, 30)]
    stage.camera.extra_frame()
    rises += [stage.pulse(2, 30), stage.pulse(2, 30)]
    stage.deliver_all()
    frames = client.fetch(4)
    assert [frame["id"] for frame in frames] == [0, 1, 2, 3]
    stamps = [frame["ns"] for frame in frames]
    assert [stamps[n] - 5_000 for n in (0, 1, 3)] == rises
    assert rises[1] + 5 * MS < stamps[2] < rises[2]


def test_incomplete_and_dropped_frames_leave_gaps(sfnc: tuple[Stage, Client]) -> None:
    stage, client = sfnc
    armed(stage, client)
    for fault in (None, stage.camera.incomplete, None, stage.camera.drop, None):
        if fault is not None:
            fault()
        stage.pulse(2, 30)
        stage.deliver_all()
    # harvesters hands an incomplete buffer back to the producer and returns nothing
    assert [frame and frame["id"] for frame in client.fetch(4)] == [0, None, 2, 4]


def test_a_stall_delays_frames_and_loses_none(sfnc: tuple[Stage, Client]) -> None:
    stage, client = sfnc
    armed(stage, client)
    stage.pulse(2, 30)
    stage.deliver_all()
    assert client.ask("fetch")["id"] == 0
    stage.camera.stall(100)
    rises = [stage.pulse(2, 30) for _ in range(3)]
    assert stage.deliver_all() == [1, 2, 3]
    assert client.ask("fetch", 0.2) is None
    stage.wait(10)
    frames = client.fetch(3)
    assert [frame["id"] for frame in frames] == [1, 2, 3]
    assert [frame["ns"] - 5_000 for frame in frames] == rises


def test_a_camera_armed_late_acknowledges_and_loses_the_first(sfnc: tuple[Stage, Client]) -> None:
    stage, client = sfnc
    stage.camera.arm_late(50)
    armed(stage, client)
    rises = [stage.pulse(2, 30) for _ in range(4)]
    stage.deliver_all()
    frames = client.fetch(2)
    assert [frame["id"] for frame in frames] == [0, 1]
    assert [frame["ns"] - 5_000 for frame in frames] == rises[2:]


def test_a_drifting_clock_shows_in_the_timestamps(sfnc: tuple[Stage, Client]) -> None:
    stage, client = sfnc
    armed(stage, client)
    stage.camera.drift(1000.0)
    begin_ns = stage.now_ns
    rises = [stage.pulse(2, 30) for _ in range(3)]
    stage.deliver_all()
    for frame, rise_ns in zip(client.fetch(3), rises, strict=True):
        passed = rise_ns + 5_000 - begin_ns
        assert frame["ns"] - begin_ns == round(passed * 1.001)
    client.ask("do", "TimestampLatch")
    assert client.ask("get", "TimestampLatchValue") == begin_ns + round(96 * MS * 1.001)


def test_a_lost_camera_comes_back_as_after_power_up(sfnc: tuple[Stage, Client]) -> None:
    stage, client = sfnc
    client.ask("set", "Gain", 12.0)
    armed(stage, client)
    stage.pulse(2, 30)
    (late,) = stage.camera.take()
    stage.camera.lose()
    assert client.ask("fetch", 0.2) is None
    assert client.ask("status") == 3
    assert client.raised("get", "Gain") in ("IoException", "RuntimeException", "AccessException")
    assert client.raised("stop") == "IoException"
    assert not stage.camera.wants(late)
    assert stage.camera.deliver(late, picture(late, 1)) is None
    assert client.ask("destroy") is True
    stage.now_ns += 500 * MS
    stage.camera.restore()
    assert client.ask("open") is True
    assert client.ask("get", "Gain") == 0.0
    assert client.ask("get", "TriggerMode") == "Off"
    armed(stage, client)
    stage.pulse(2, 30)
    assert stage.deliver_all() == [0]
    assert client.ask("fetch")["ns"] == 5_000  # its clock began anew when it was plugged in


def test_a_crash_of_the_producer_takes_the_consumer_along(sfnc: tuple[Stage, Client]) -> None:
    stage, client = sfnc
    assert stage.camera.crash() is False
    armed(stage, client)
    assert stage.camera.crash() is True
    client.process.wait(timeout=20)
    assert client.process.returncode == -signal.SIGSEGV


def test_settings_survive_a_consumer_and_locks_do_not(rig: Rig) -> None:
    stage, client = rig.stages[0], rig.clients[0]
    client.ask("open")
    client.ask("set", "Gain", 3.0)
    armed(stage, client)
    client.process.kill()
    client.process.wait(timeout=20)
    again = Client(Path(client.process.args[2]), "T001")  # type: ignore[index]
    rig.clients.append(again)
    assert again.ask("open") is True
    assert again.ask("get", "Gain") == 3.0
    assert again.ask("get", "TLParamsLocked") == 0
    assert again.ask("set", "Width", 32) == 32
    again.ask("do", "UserSetLoad")
    assert (again.ask("get", "Gain"), again.ask("get", "Width")) == (0.0, 64)
