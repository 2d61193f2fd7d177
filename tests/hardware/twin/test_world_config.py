"""What a file leaves out is the default world's; what makes no sense is refused in words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import yaml

from bsd.errors import UserMistake
from hardware.twin.pictures import raster
from hardware.twin.pictures_config import PictureFile
from hardware.twin.studio import with_scene
from hardware.twin.world_config import OpticsConfig, SceneConfig, ViewConfig, WorldConfig

pytestmark = pytest.mark.unit
DEFAULT = WorldConfig()
GUIDE = Path(__file__).resolve().parents[3] / "docs" / "how-to" / "virtual-rig.md"


def world(**fields: object) -> WorldConfig:
    return WorldConfig.from_fields({"format_version": 1, **fields}, "world.yaml")


@pytest.mark.parametrize(
    ("fields", "same_as"),
    [
        ({}, []),
        ({"optics": {}}, []),
        ({"optics": {"view_1": {"nd_error": 0.04}}}, ["optics.view_1.nd_error=0.04"]),
        ({"optics": {"view_2": {"edge_loss": 0.1}}}, ["optics.view_2.edge_loss=0.1"]),
        ({"scene": {"number": 3}}, ["scene.number=3"]),
        ({"rig_motion": {"begin_s": 2}}, ["rig_motion.begin_s=2"]),
        ({"rig_motion": {"shake": {"seed": 4}}}, ["rig_motion.shake.seed=4"]),
        ({"camera_1": {"guise": "older"}}, ["camera_1.guise=older"]),
        ({"camera_2": {"name": "left"}}, ["camera_2.name=left"]),
        ({"sensor_1": {"timing": {"readout_us": 9}}}, ["sensor_1.timing.readout_us=9"]),
    ],
)
def test_a_file_changes_only_what_it_says(fields: dict[str, Any], same_as: list[str]) -> None:
    assert world(**fields) == DEFAULT.override(same_as)


def test_lists_and_whole_groups_are_replaced_whole() -> None:
    flat = {"picture": {"kind": "flat"}}
    assert world(scene={"layers": [flat]}).scene.layers[0].picture.kind == "flat"
    assert len(world(scene={"layers": [flat]}).scene.layers) == 1
    assert world(scene={"layers": []}).scene.layers == ()
    assert world(light={"components": [{"frequency_hz": 100}]}).light.components[0].modulation == 0
    assert world(optics=OpticsConfig(view_2=ViewConfig())).optics.view_2.mirror == "none"
    assert SceneConfig.preset("dark").layers == ()
    with pytest.raises(UserMistake, match=r"unknown field 'optics\.view_1\.nd'"):
        world(optics={"view_1": {"nd": 1}})


def test_optics_by_themselves_fall_back_to_the_same_views() -> None:
    optics = OpticsConfig.model_validate({"view_1": {"nd_error": 0.1}, "view_2": {}})
    assert optics.view_1 == ViewConfig(nd_transmission=0.125, nd_error=0.1)
    assert optics.view_2 == ViewConfig(path="reflected", mirror="horizontal")


def test_example_of_the_guide_is_the_rig_of_the_papers(tmp_path: Path) -> None:
    text = GUIDE.read_text().split("```yaml\n")[1].split("```")[0]
    (tmp_path / "world.yaml").write_text(text)
    read = WorldConfig.read(tmp_path / "world.yaml")
    assert (read.optics, read.rig_motion) == (DEFAULT.optics, DEFAULT.rig_motion)
    assert read.sensor_1.width_px == 1280
    assert len(read.scene.layers) == 2
    named = read.scene.layers[1].picture
    assert isinstance(named, PictureFile)
    assert named.path == str(tmp_path / "my-photograph.png")


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        (
            {"optics": {"splitter": {"transmitted": 0.9, "reflected": 0.9}}},
            r"'optics\.splitter': .*1\.8 of the light.*at most 1",
        ),
        ({"light": {"components": []}}, r"'light': .*no lamp.*scene\.cap"),
        ({"sensor_1": {"ambient_c": -400}}, r"'sensor_1\.ambient_c': .*-100.*-400"),
        ({"sensor_2": {"warmup_c": 5000}}, r"'sensor_2\.warmup_c': .*100.*5000"),
        (
            {"sensor_1": {"timing": {"exposure_offset_ns": -50_000_000}}},
            r"'sensor_1\.timing\.exposure_offset_ns': .*-1000000.*-50000000",
        ),
        ({"camera_1": {"serial": "Ж" * 50}}, r"'camera_1\.serial'"),
        ({"camera_1": {"serial": "A" * 51}}, r"'camera_1\.serial': .*50"),
        ({"camera_1": {"serial": "TW 1\n"}}, r"'camera_1\.serial'"),
    ],
)
def test_what_makes_no_sense_is_refused(fields: dict[str, Any], words: str) -> None:
    with pytest.raises(UserMistake, match=words):
        world(**fields)


def test_splitter_may_pass_all_the_light() -> None:
    split = world(optics={"splitter": {"transmitted": 0.9, "reflected": 0.1}}).optics.splitter
    assert split.transmitted + split.reflected == pytest.approx(1.0)


def test_longest_serial_fits_the_producers_list() -> None:
    serial = world(camera_1={"serial": "A" * 50}).camera_1.serial
    assert len(f"bsd-twin-{serial}".encode()) <= 63


def _picture(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A picture and a world that names it, in a folder which is not the present one."""
    (folder / "here").mkdir()
    (folder / "elsewhere").mkdir()
    monkeypatch.chdir(folder / "elsewhere")
    cv2.imwrite(str(folder / "here" / "grey.png"), np.full((4, 6), 188, np.uint8))
    layers = [{"picture": {"kind": "file", "path": "grey.png", "width_mm": 6}}]
    fields = {"format": "bsd-world", "format_version": 1, "scene": {"layers": layers}}
    path = folder / "here" / "world.yaml"
    path.write_text(yaml.safe_dump(fields))
    return path


def test_pictures_lie_beside_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = _picture(tmp_path, monkeypatch)
    read = WorldConfig.read(Path("../here/world.yaml"))
    picture = read.scene.layers[0].picture
    assert isinstance(picture, PictureFile)
    assert Path(picture.path).is_absolute()
    rgba, _ = raster(picture, 0.1, 0)
    assert rgba.shape == (4, 6, 4)
    assert rgba[..., 0] == pytest.approx(0.503, abs=1e-3)  # sRGB 188
    read.write(tmp_path / "elsewhere" / "world.yaml")  # as beside the truth
    assert WorldConfig.read(tmp_path / "elsewhere" / "world.yaml") == read
    assert WorldConfig.read(path).override(["seed=0"]).scene.layers[0].picture == PictureFile(
        path=str(path.parent / "grey.png"), width_mm=6
    )


def test_pictures_of_an_assignment_lie_in_the_present_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    layers = "scene.layers=[{picture: {kind: file, path: a.png}}, {picture: {kind: flat}}]"
    placed = with_scene(DEFAULT, "dark").override([layers]).scene.layers
    assert placed[0].picture == PictureFile(path=str(tmp_path / "a.png"))
    assert placed[1].picture.kind == "flat"
