"""rig.yaml: the page's example is read as it stands, and mistakes are named."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from acquisition.rig import Rig
from bsd.errors import UserMistake

pytestmark = pytest.mark.unit

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "rig.md"


def _example() -> dict[str, Any]:
    block = re.search(r"```yaml\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert block
    fields: dict[str, Any] = yaml.safe_load(block[1])
    return fields


def test_the_pages_example_is_a_rig(tmp_path: Path) -> None:
    rig = Rig.from_fields(_example(), "rig.md")
    assert rig.camera("sharp").flip == "horizontal"
    assert rig.camera("blurry").timing.fall_delay_ns == 40_000
    rig.write(tmp_path / "rig.yaml")
    assert Rig.read(tmp_path / "rig.yaml") == rig


@pytest.mark.parametrize("text", ["22123456", "0022", "12_34", "2.50", "1:30", "2024-01-02", "on"])
def test_a_serial_without_quotes_is_told_how_to_write_it(text: str) -> None:
    fields = _example()
    fields["cameras"]["blurry"]["serial"] = yaml.safe_load(f"serial: {text}")["serial"]
    with pytest.raises(UserMistake) as told:
        Rig.from_fields(fields, "rig.yaml")
    words = "serial is a text: put it in quotes as it is printed on the camera"
    assert str(told.value) == f"rig.yaml: field 'cameras.blurry': {words}"


def test_one_camera_cannot_play_both_roles() -> None:
    fields = _example()
    fields["cameras"]["sharp"]["serial"] = "22123456"
    with pytest.raises(UserMistake, match="same camera, serial '22123456'"):
        Rig.from_fields(fields, "rig.yaml")


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("optics", "nd_transmission"), 12.5),
        (("cameras", "sharp", "flip"), "upside-down"),
        (("timeouts", "frame_s"), 0),
        (("cameras", "blurry", "gain"), 3),
        (("cameras", "blurry", "region"), [0, -2, 640, 480]),
        (("cameras", "sharp", "region"), [0, 0, 0, 480]),
        (("cameras", "sharp", "region"), [640, 480]),
    ],
)
def test_a_wrong_field_is_named(path: tuple[str, ...], value: object) -> None:
    fields = _example()
    place = fields
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    with pytest.raises(UserMistake, match=re.escape(".".join(path))):
        Rig.from_fields(fields, "rig.yaml")


def test_a_region_is_read_and_may_be_absent(tmp_path: Path) -> None:
    fields = _example()
    del fields["cameras"]["sharp"]["region"]
    rig = Rig.from_fields(fields, "rig.yaml")
    assert rig.camera("blurry").region == (320, 180, 1280, 720)
    assert rig.camera("sharp").region is None
    rig.write(tmp_path / "rig.yaml")
    assert Rig.read(tmp_path / "rig.yaml") == rig
