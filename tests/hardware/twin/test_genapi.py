"""The description, read by the reference implementation of GenApi over the camera's registers."""

from __future__ import annotations

import importlib.util
import itertools
import xml.etree.ElementTree as ET
from typing import Any

import pytest

from hardware.twin.feature import Action, Choice, Integer, Real, Text
from hardware.twin.feature_catalogue import features_of
from hardware.twin.genapi import registers
from tests.hardware.twin.camera_bench import Stage, small_sensor

pytestmark = [
    pytest.mark.rig,
    pytest.mark.skipif(importlib.util.find_spec("genicam") is None, reason="needs genicam"),
]

KINDS = {
    "sfnc": {},
    "older": {"guise": "older"},
    "mono": {"sensor": small_sensor(colour="mono")},
}


class Nodes:
    """A camera's node map, connected to its registers without any transport."""

    def __init__(self, stage: Stage) -> None:
        from genicam import genapi

        class Port(genapi.AbstractPort):  # type: ignore[misc]
            def read(self, address: int, length: int) -> bytes:
                return stage.camera.read(address, length)

            def write(self, address: int, data: bytes) -> None:
                stage.camera.write(address, bytes(data))

            def get_access_mode(self) -> int:
                return int(genapi.EAccessMode.RW)

        self.stage = stage
        self.map: Any = genapi.NodeMap()
        self.map.load_xml_from_string(stage.camera.xml().decode())
        self._port = Port()
        self.map.connect(self._port, "Device")

    def __getitem__(self, name: str) -> Any:
        return getattr(self.map, name)

    def writable(self, name: str) -> bool:
        from genicam import genapi

        mode = self[name].node.get_access_mode()
        return bool(mode in (genapi.EAccessMode.RW, genapi.EAccessMode.WO))


@pytest.fixture(params=list(KINDS))
def nodes(request: pytest.FixtureRequest) -> Nodes:
    return Nodes(Stage(**KINDS[request.param]))


@pytest.fixture
def sfnc() -> Nodes:
    return Nodes(Stage())


def test_every_feature_is_there_and_says_what_its_register_does(nodes: Nodes) -> None:
    stage = nodes.stage
    for feature in features_of(stage.camera.config):
        assert nodes.map.has_node(feature.name)
        assert nodes.writable(feature.name) == (feature.access == "RW"), feature.name
        if isinstance(feature, Action):
            continue
        value = nodes[feature.name].value
        match feature:
            case Integer():
                assert value == stage.whole(feature.name)
            case Real():
                assert value == stage.real(feature.name)
            case Choice():
                assert feature.entries[value] == stage.whole(feature.name)
            case Text():
                assert value == feature.default
        if isinstance(feature, Integer | Real) and feature.access == "RW":
            assert nodes[feature.name].min <= value <= nodes[feature.name].max


def test_the_tree_leads_to_every_feature(nodes: Nodes) -> None:
    tree = {c.node.name: [f.node.name for f in c.features] for c in nodes["Root"].features}
    wanted = [feature.name for feature in features_of(nodes.stage.camera.config)]
    assert [name for names in tree.values() for name in names] == wanted
    assert {"DeviceControl", "ImageFormatControl", "AcquisitionControl"} <= set(tree)


def test_names_and_addresses_are_unique_and_point_somewhere(nodes: Nodes) -> None:
    camera = nodes.stage.camera
    places = registers(features_of(camera.config))
    spans = sorted((place.address, place.address + place.length) for place in places)
    assert all(a[1] <= b[0] for a, b in itertools.pairwise(spans))
    space = "{http://www.genicam.org/GenApi/Version_1_1}"
    root = ET.fromstring(camera.xml())  # noqa: S314 - our own text
    named = [element.get("Name") for element in root]
    assert len(named) == len(set(named))
    for kind in ("pFeature", "pValue", "pMin", "pMax", "pIsLocked", "pIsAvailable", "pSelected"):
        for element in root.iter(space + kind):
            assert element.text in named
    assert root.get("SchemaMinorVersion") == "1"


def test_the_region_couples_size_and_offset(sfnc: Nodes) -> None:
    assert (sfnc["Width"].max, sfnc["Width"].inc, sfnc["OffsetX"].max) == (64, 8, 0)
    sfnc["Width"].value = 24
    assert (sfnc["OffsetX"].max, sfnc["OffsetX"].inc) == (40, 4)
    sfnc["OffsetX"].value = 20
    assert sfnc["Width"].max == 44
    sfnc["Height"].value = 10
    assert (sfnc["OffsetY"].max, sfnc["OffsetY"].inc) == (38, 2)
    assert sfnc["PayloadSize"].value == 240
    sfnc["PixelFormat"].value = "BayerRG12p"
    assert sfnc["PayloadSize"].value == 360


@pytest.mark.parametrize(
    ("name", "value", "error"),
    [
        ("Width", 63, "OutOfRangeException"),
        ("Width", 72, "OutOfRangeException"),
        ("Width", 0, "OutOfRangeException"),
        ("OffsetX", 4, "OutOfRangeException"),
        ("ExposureTime", 19.0, "OutOfRangeException"),
        ("Gain", 24.2, "OutOfRangeException"),
        ("PixelFormat", "Mono12", "InvalidArgumentException"),
        ("PixelFormat", "BayerGB8", "AccessException"),
        ("ExposureAuto", "Continuous", "InvalidArgumentException"),
        ("TriggerSource", 1, "TypeError"),
        ("SensorWidth", 32, "AccessException"),
        ("ExposureTimeAbs", 100.0, "AttributeError"),
    ],
)
def test_a_wrong_value_raises_what_real_cameras_raise(
    sfnc: Nodes, name: str, value: object, error: str
) -> None:
    with pytest.raises(Exception) as raised:  # noqa: PT011 - told by name
        getattr(sfnc.map, name).value = value
    assert type(raised.value).__name__ == error


def test_locks_while_frames_flow(sfnc: Nodes) -> None:
    locked = ("Width", "Height", "OffsetX", "OffsetY", "PixelFormat", "ReverseX", "UserSetLoad")
    free = ("Gain", "BlackLevel", "TriggerMode", "ExposureTime", "AcquisitionFrameRate")
    sfnc["TLParamsLocked"].value = 1
    assert [sfnc.writable(name) for name in (*locked, *free)] == [False] * 7 + [True] * 5
    sfnc["TLParamsLocked"].value = 0
    sfnc["AcquisitionStart"].execute()
    assert [sfnc.writable(name) for name in (*locked, *free)] == [False] * 7 + [True] * 5
    sfnc["AcquisitionStop"].execute()
    assert all(sfnc.writable(name) for name in locked)


def test_the_width_of_the_trigger_locks_the_exposure_time(sfnc: Nodes) -> None:
    sfnc["ExposureMode"].value = "TriggerWidth"
    assert not sfnc.writable("ExposureTime")
    sfnc["ExposureMode"].value = "Timed"
    assert sfnc.writable("ExposureTime")


def test_settings_are_rounded_as_the_sensor_can() -> None:
    nodes = Nodes(Stage(exposure_step_ns=9_700))
    assert nodes["ExposureTime"].min == pytest.approx(29.1)
    nodes["ExposureTime"].value = 16_000.0
    assert nodes["ExposureTime"].value == pytest.approx(1649 * 9.7)
    nodes["Gain"].value = 3.14
    assert nodes["Gain"].value == pytest.approx(3.1)


def test_a_mono_camera_knows_no_mosaic() -> None:
    nodes = Nodes(Stage(sensor=small_sensor(colour="mono")))
    assert list(nodes["PixelFormat"].symbolics) == ["Mono8", "Mono12", "Mono12p"]
    assert nodes["PixelColorFilter"].value == "None"
    assert not nodes.map.has_node("BalanceWhiteAuto")


def test_temperature_and_clock_are_read_live() -> None:
    nodes = Nodes(Stage(clock_offset_ns=777, clock_drift_ppm=100.0))
    assert nodes["DeviceTemperature"].value == 25.0
    assert nodes["TimestampLatchValue"].value == 0
    nodes["TimestampLatch"].execute()
    assert nodes["TimestampLatchValue"].value == 777 + 1_000_100_000
    nodes.stage.wait(10)
    assert nodes["TimestampLatchValue"].value == 777 + 1_000_100_000
    nodes["TimestampReset"].execute()
    nodes.stage.wait(10)
    nodes["TimestampLatch"].execute()
    assert nodes["TimestampLatchValue"].value == 10_001_000
