"""The camera without a consumer: registers, acquisitions, deliveries and faults."""

from __future__ import annotations

import threading
import time
from typing import cast

import numpy as np
import pytest

from hardware.twin.delivery import packed
from hardware.twin.device import AccessDenied, InvalidAddress, InvalidValue
from hardware.twin.frame import FrameSink
from hardware.twin.optics import Region
from hardware.twin.world_config import SensorConfig
from tests.hardware.twin.camera_bench import MS, Sink, Stage, picture, small_sensor

pytestmark = pytest.mark.unit


@pytest.fixture
def stage() -> Stage:
    return Stage()


@pytest.fixture
def sink(stage: Stage) -> Sink:
    kept = Sink()
    stage.camera.start_stream(cast(FrameSink, kept))
    return kept


def test_registers_refuse_what_goes_past_the_description(stage: Stage) -> None:
    for name, value in (("Width", 63), ("Width", 128), ("OffsetX", 4), ("PixelFormat", 1)):
        with pytest.raises(InvalidValue):
            stage.write(name, value)
    for bad in (float("nan"), float("inf"), 5.0):
        with pytest.raises(InvalidValue):
            stage.write("ExposureTime", bad)
    with pytest.raises(InvalidValue, match="not available"):
        stage.write("PixelFormat", "BayerGR8")
    with pytest.raises(AccessDenied):
        stage.write("PayloadSize", 1)
    with pytest.raises(AccessDenied):
        stage.read("AcquisitionStart")
    with pytest.raises(InvalidAddress):
        stage.camera.read(0x10, 8)
    with pytest.raises(InvalidAddress):
        stage.camera.read(0x1_0000, 3)
    stage.write("TLParamsLocked", 1)
    with pytest.raises(AccessDenied, match="while frames flow"):
        stage.write("Width", 32)


def test_a_reversed_region_lies_on_the_other_side_of_the_sensor(stage: Stage) -> None:
    for name, value in (("Width", 24), ("OffsetX", 4), ("Height", 10), ("OffsetY", 8)):
        stage.write(name, value)
    stage.write("ReverseX", 1)
    stage.write("ReverseY", 1)
    stage.triggered()
    stage.pulse(2, 20)
    (request,) = stage.camera.take()
    assert request.region == Region(64 - 24 - 4, 48 - 10 - 8, 24, 10)
    assert request.picture.offset_px == (4, 8)
    assert request.pixel_format.name == "BayerBG8"
    raw = np.arange(240, dtype=np.uint16).reshape(10, 24)
    assert np.array_equal(packed(request.picture, raw), raw[::-1, ::-1])


def test_an_odd_sensor_is_cut_to_what_keeps_the_phase() -> None:
    stage = Stage(SensorConfig(width_px=101, height_px=51))
    sizes = [stage.whole(n) for n in ("SensorWidth", "WidthMax", "SensorHeight", "HeightMax")]
    assert sizes == [101, 96, 51, 50]
    stage.write("ReverseX", 1)
    stage.triggered()
    stage.pulse(2, 20)
    region = stage.camera.take()[0].region
    assert (region.x % 2, region.y % 2) == (0, 0)


def test_frames_carry_id_stamp_size_and_format(stage: Stage, sink: Sink) -> None:
    stage.write("PixelFormat", "BayerRG12")
    stage.triggered()
    rises = [stage.pulse(2, 20) for _ in range(3)]
    assert stage.deliver_all(4095) == [0, 1, 2]
    for number, (header, data) in enumerate(sink.frames):
        assert (header.frame_id, header.timestamp_ns) == (number, rises[number] + 5_000)
        assert (header.width, header.height, header.pixel_format) == (64, 48, 0x01100011)
        assert header.filled == header.payload_size == len(data) == 64 * 48 * 2
        assert data == b"\xff\x0f" * (64 * 48)


def test_settings_reach_the_request(stage: Stage) -> None:
    for name, value in (("Gain", 6.0), ("BlackLevel", 160.0), ("TriggerDelay", 100.0)):
        stage.write(name, value)
    stage.triggered("Timed", ExposureTime=2000.0)
    rise = stage.pulse(1, 30)
    stage.write("PixelFormat" if not stage.camera.is_acquiring else "Gain", 12.0)
    stage.pulse(1, 30)
    first, second = stage.camera.take()
    assert first.begin_ns == rise + 100_000 + 5_000
    assert (first.exposure_us, first.commanded_us) == (2000.0, 2000.0)
    assert (first.gain_db, second.gain_db) == (6.0, 12.0)
    assert first.black_level_dn == 10.0
    assert (first.acquisition, first.number, second.number) == (1, 0, 1)


def test_each_acquisition_counts_from_0_and_forgets_the_last(stage: Stage, sink: Sink) -> None:
    stage.triggered()
    stage.pulse(2, 20)
    stage.deliver_all()
    stage.pulse(2, 20)
    (late,) = stage.camera.take()
    stage.do("AcquisitionStop")
    stage.do("AcquisitionStart")
    assert not stage.camera.wants(late)
    assert stage.camera.deliver(late, picture(late, 1)) is None
    stage.pulse(2, 20)
    assert stage.deliver_all() == [0]
    assert sink.ids == [0, 0]
    assert stage.camera.acquisition == 2


def test_pulses_before_the_start_do_not_count(stage: Stage, sink: Sink) -> None:
    stage.pulse(2, 20)
    stage.triggered()
    stage.pulse(2, 20)
    stage.do("AcquisitionStop")
    stage.pulse(2, 20)
    stage.deliver_all()
    assert sink.ids == [0]


def test_multi_frame_ends_by_itself(stage: Stage, sink: Sink) -> None:
    stage.write("AcquisitionMode", "MultiFrame")
    stage.write("AcquisitionFrameCount", 2)
    stage.triggered()
    for _ in range(4):
        stage.pulse(2, 20)
    assert stage.deliver_all() == [0, 1]
    assert not stage.camera.is_acquiring
    stage.write("Width", 32)  # no longer locked
    stage.do("AcquisitionStart")
    stage.pulse(2, 20)
    assert stage.deliver_all() == [0]


def test_free_run_follows_the_rate(stage: Stage) -> None:
    stage.write("ExposureTime", 2000.0)
    stage.write("AcquisitionFrameRateEnable", 1)
    stage.write("AcquisitionFrameRate", 100.0)
    assert stage.real("ResultingFrameRate") == 100.0
    stage.do("AcquisitionStart")
    stage.wait(98)
    begins = [request.begin_ns - 1_000 * MS - 5_000 for request in stage.camera.take()]
    assert begins == [n * 10 * MS for n in range(10)]
    stage.write("AcquisitionFrameRateEnable", 0)
    assert stage.real("ResultingFrameRate") == pytest.approx(200.0)


def test_software_trigger(stage: Stage) -> None:
    stage.write("TriggerMode", "On")  # TriggerSource is Software at power-up
    stage.do("AcquisitionStart")
    stage.pulse(2, 20)
    stage.do("TriggerSoftware")
    at_ns = stage.now_ns
    stage.wait(30)
    assert [request.trigger_ns for request in stage.camera.take()] == [at_ns]


def test_gamma_bends_what_is_delivered(stage: Stage) -> None:
    stage.write("Gamma", 0.5)
    stage.triggered()
    stage.pulse(2, 20)
    (request,) = stage.camera.take()
    raw = np.zeros((48, 64), np.uint16)
    raw[0, :4] = (0, 64, 128, 255)
    expected = np.round(np.sqrt(raw[0, :4] / 255.0) * 255)
    assert packed(request.picture, raw)[0, :4].tolist() == expected.tolist()


def test_a_picture_that_does_not_fit_is_refused(stage: Stage, sink: Sink) -> None:
    stage.triggered()
    stage.pulse(2, 20)
    (request,) = stage.camera.take()
    with pytest.raises(ValueError, match="expected"):
        stage.camera.deliver(request, np.zeros((48, 32), np.uint16))
    with pytest.raises(ValueError, match="at most 255"):
        stage.camera.deliver(request, picture(request, 256))
    assert stage.camera.deliver(request, picture(request, 255)) == 0


def test_ready_bytes_are_sent_as_they_are(stage: Stage) -> None:
    sent = []

    class Kept(Sink):
        def send(self, _header: object, pixels: np.ndarray) -> bool:
            sent.append(pixels)
            return True

    stage.camera.start_stream(cast(FrameSink, Kept()))
    stage.triggered()
    stage.pulse(2, 20)
    (request,) = stage.camera.take()
    ready = packed(request.picture, picture(request, 5))
    assert stage.camera.deliver_ready(request, ready) == 0
    assert sent[0] is ready


def test_incomplete_and_dropped_frames_use_up_ids(stage: Stage, sink: Sink) -> None:
    stage.triggered()
    stage.camera.incomplete()
    for _ in range(4):
        stage.pulse(2, 20)
    requests = stage.camera.take()
    ids = []
    for number, request in enumerate(requests):
        if number == 2:
            stage.camera.drop()
        ids.append(stage.camera.deliver(request, picture(request, 1)))
    assert ids == [0, 1, None, 3]
    assert sink.ids == [0, 1, 3]
    assert [h.filled for h, _ in sink.frames] == [1536, 3072, 3072]
    assert {h.payload_size for h, _ in sink.frames} == {3072}


def test_a_consumer_that_takes_no_frames_holds_up_no_time(stage: Stage) -> None:
    """A stall's frames leave by a thread of their own: marks go on while the socket is full."""
    gate = threading.Event()

    class Stuck(Sink):
        def send(self, header: object, pixels: np.ndarray) -> bool:
            gate.wait(20)
            return super().send(header, pixels)  # type: ignore[arg-type]

    stuck = Stuck()
    stage.camera.start_stream(cast(FrameSink, stuck))
    stage.triggered()
    stage.camera.stall(30)
    rises = [stage.pulse(2, 8) for _ in range(2)]
    assert stage.deliver_all() == [0, 1]
    for _ in range(50):
        stage.wait(1)
    assert stuck.frames == []
    gate.set()
    until = time.monotonic() + 10
    while len(stuck.frames) < 2 and time.monotonic() < until:
        stage.wait(1)
        time.sleep(0.001)
    assert [header.timestamp_ns - 5_000 for header, _ in stuck.frames] == rises


def test_a_consumer_that_has_gone_is_noticed(stage: Stage, sink: Sink) -> None:
    stage.triggered()
    stage.pulse(2, 20)
    stage.pulse(2, 20)
    first, second = stage.camera.take()
    sink.open = False
    assert stage.camera.deliver(first, picture(first, 1)) is None
    stage.camera.stop_stream()
    assert stage.camera.deliver(second, picture(second, 1)) is None


def test_closing_stops_and_unlocks(stage: Stage) -> None:
    stage.write("TLParamsLocked", 1)
    stage.triggered()
    stage.camera.close()
    assert not stage.camera.is_acquiring
    stage.write("Width", 32)
    stage.pulse(2, 20)
    assert stage.camera.take() == []


def test_the_clock_keeps_its_reading_when_its_rate_changes(stage: Stage, sink: Sink) -> None:
    stage.triggered()
    rise = stage.pulse(2, 20)
    stage.camera.drift(500.0)
    stage.deliver_all()
    assert sink.frames[0][0].timestamp_ns == rise + 5_000  # exposed before the change
    at_ns = stage.now_ns
    stage.wait(1_000)
    stage.do("TimestampLatch")
    assert stage.whole("TimestampLatchValue") == at_ns + 1_000 * MS + 500_000


def test_a_camera_that_nobody_plugged_in_cannot_be_lost(stage: Stage) -> None:
    with pytest.raises(RuntimeError, match="plug_into"):
        stage.camera.lose()


def test_an_unplugged_camera_misses_what_happens_meanwhile() -> None:
    stage = Stage(small_sensor())

    class Plug:
        lost = False

        def lose(self, _device: object) -> None:
            self.lost = True

        def restore(self, _device: object) -> None:
            self.lost = False

    plug = Plug()
    stage.camera.plug_into(plug)
    stage.triggered()
    stage.pulse(2, 20)
    stage.camera.lose()
    assert plug.lost
    stage.pulse(2, 20)
    stage.camera.restore()
    assert not plug.lost
    stage.pulse(2, 20)
    assert stage.camera.take() == []
    assert stage.camera.acquisition == 1
