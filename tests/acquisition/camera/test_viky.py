"""Another maker's producer: no trigger, no exposure, no times, and still a camera."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from acquisition.camera.configuration import CameraSettings
from acquisition.camera.fault import CameraLost, CameraUnfit
from acquisition.camera.process import CameraProcess
from acquisition.camera_timing import CameraTiming
from acquisition.rig import Camera
from acquisition.ring import NO_TIME, FrameRing
from tests.acquisition.camera.bench import drained, until

pytestmark = pytest.mark.rig

FREE = CameraSettings(
    trigger="none",
    exposure="timed",
    exposure_us=2000,
    rate_hz=50,
    pixel_format="Mono8",
    region=(0, 0, 200, 120),
)


def viky(serial: str) -> CameraProcess:
    found = importlib.util.find_spec("genicam")
    assert found is not None
    assert found.origin is not None
    camera = Camera(
        producer=str(Path(found.origin).parent / "viky.cti"),
        serial=serial,
        pixel_format="Mono8",
        timing=CameraTiming(exposure="timed", readout_us=1000),
    )
    return CameraProcess(camera, "blurry", FrameRing(32 << 20), frame_s=0.5)


def test_two_run_freely_and_say_what_they_lack() -> None:
    with viky("0") as red, viky("VikyTL_DEV_blue") as blue:
        assert red.identity.vendor == "Machine Vision Games Ltd."
        assert (red.identity.hardware_trigger, red.identity.latch) == (False, False)
        before = red.snapshot()
        for camera in (red, blue):
            configured = camera.configure(FREE)
            assert (configured.pixel_format, configured.cfa) == ("Mono8", None)
            assert configured.readback["AcquisitionFrameRate"] == 50.0
            assert configured.exposure_us is None
            assert "its exposure cannot be set to 2000 us" in configured.without
            camera.arm(3)
        for camera in (red, blue):
            until(lambda camera=camera: camera.status().delivered >= 10)  # type: ignore[misc]
            tally = camera.disarm(1.0)
            assert (tally.timestamps, tally.incomplete) == (False, 0)
            assert tally.delivered >= 10
            rows = drained(camera.ring)
            assert set(rows["device_ns"]) == {NO_TIME}
            assert set(np.diff(rows["frame_id"])) == {1}
            assert set(rows["arming"]) == {3}
            assert camera.latch() is None
    with viky("0") as red:
        assert red.snapshot() == before


def test_a_trigger_is_refused() -> None:
    hardware = CameraSettings(
        trigger="hardware", exposure="timed", exposure_us=2000, pixel_format="Mono8"
    )
    with viky("1") as camera:
        with pytest.raises(CameraUnfit, match=r"camera 1: has no TriggerMode: .* without trigger"):
            camera.configure(hardware)
        with pytest.raises(CameraUnfit, match=r"'BayerRG8', got '\w+' \(it offers"):
            camera.configure(FREE.model_copy(update={"pixel_format": "BayerRG8"}))


def test_an_unknown_camera_or_producer_is_named() -> None:
    with pytest.raises(CameraLost, match="camera 9: is not there; the producer lists 0, 1, 2"):
        viky("9").start()
    camera = viky("0").camera.model_copy(update={"producer": "/nowhere/some.cti"})
    with pytest.raises(CameraLost, match=r"no producer at /nowhere/some\.cti"):
        CameraProcess(camera, "blurry", FrameRing(1 << 20)).start()
