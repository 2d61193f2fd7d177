"""Who a camera is while its trigger is off, and what of its standing has changed."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest

from acquisition.camera.configuration import CameraSettings
from acquisition.camera.description import changes, identity
from acquisition.camera.feature import Value
from acquisition.camera.message import Configured
from acquisition.camera.process import CameraProcess
from acquisition.rig import Rig
from acquisition.ring import FrameRing
from tests.acquisition.camera.fake_tree import Fake, FakeTree, camera
from tests.acquisition.small_clips import RIG_FIELDS

pytestmark = pytest.mark.unit

STOOD = Configured(
    640, 480, "BayerRG8", "uint8", 8, 1, "RGGB", 640 * 480, 64,
    {"Gain": 0.0, "Gain[All]": 0.0, "BlackLevel": 32.0, "PayloadSize": 307_200},
    None, 0.0, 40.0, 2000.0,
)  # fmt: skip


def _identity(tree: FakeTree) -> Any:
    device = SimpleNamespace(tree=tree, information=lambda name: name)
    return identity(cast("Any", device), "7", "vendor.cti")


def test_a_mode_that_is_offered_only_under_a_trigger_counts() -> None:
    mode = Fake("Timed", "choice", ["Timed"], hidden=["TriggerWidth"])
    assert _identity(camera(ExposureMode=mode)).trigger_width is True
    mode = Fake("Timed", "choice", ["Timed"])
    assert _identity(camera(ExposureMode=mode)).trigger_width is False


def test_only_what_moves_the_pictures_values_is_a_change() -> None:
    cooler = replace(STOOD, temperature_c=30.0, black_level_dn=4.0, slots=32)
    assert changes(STOOD, cooler) == []
    other = replace(
        STOOD,
        readback={**STOOD.readback, "BlackLevel": 0.0, "PayloadSize": 1},
        pixel_format="BayerRG12",
        exposure_us=10_000.0,
    )
    assert changes(STOOD, other) == [
        "pixel_format was 'BayerRG8', is 'BayerRG12'",
        "BlackLevel was 32.0, is 0.0",
        "exposure_us was 2000.0, is 10000.0",
    ]
    assert len(changes(STOOD, other, exposure=False)) == 2


def test_a_gain_that_is_told_no_more_is_a_change() -> None:
    readback = {key: value for key, value in STOOD.readback.items() if key != "Gain[All]"}
    assert changes(STOOD, replace(STOOD, readback=readback)) == ["Gain[All] was 0.0, is None"]


def test_a_camera_that_was_set_to_follow_the_pulse_can(monkeypatch: pytest.MonkeyPatch) -> None:
    """Even one that told of no such mode while its trigger was off."""
    rig = Rig.from_fields(RIG_FIELDS, "rig.yaml")
    process = CameraProcess(rig.camera("sharp"), "sharp", FrameRing(1 << 20))
    process._identity = _identity(camera(ExposureMode=Fake("Timed", "choice", ["Timed"])))
    assert process.identity.trigger_width is False
    asked = {"timed": "Timed", "trigger_width": "TriggerWidth"}
    for exposure, mode in asked.items():
        readback = {**STOOD.readback, "ExposureMode": mode}
        answer: tuple[Configured, dict[str, Value]] = (replace(STOOD, readback=readback), {})
        monkeypatch.setattr(process, "_ask", lambda *_, answer=answer: answer)
        process.configure(
            CameraSettings.model_validate(
                {"trigger": "hardware", "exposure": exposure, "exposure_us": 2000}
            )
        )
        assert process.identity.trigger_width is (exposure == "trigger_width")
