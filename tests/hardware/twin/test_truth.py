"""The truth beside a session, against what the cameras see."""

from pathlib import Path

import numpy as np
import pytest

from hardware.twin.light import light_seconds
from hardware.twin.optics import whole
from hardware.twin.renderer import Renderer
from hardware.twin.truth import Exposure, TruthRecord, TruthWriter, read_pictures
from hardware.twin.world_config import WorldConfig

pytestmark = pytest.mark.unit
MS = 1_000_000
PLAIN = {"shift_px": (0, 0), "rotation_mrad": 0, "scale": 1}
BLURRY = Exposure(frame_id=41, begin_ns=100 * MS, end_ns=116 * MS, temperature_c=31.5)
SHARP = Exposure(frame_id=42, begin_ns=107 * MS + 1000, end_ns=109 * MS + 1000)


def world(optics: dict | None = None, size: tuple[int, int] = (64, 48)) -> WorldConfig:
    sensor = {"width_px": size[0], "height_px": size[1]}
    noise = {"kind": "noise", "size_px": 128, "width_mm": 160.0}
    dot = {"kind": "dots", "columns": 1, "rows": 1, "pitch_mm": 30, "diameter_mm": 10}
    fast = {"velocity_mm_s": (900.0, 300.0, 0.0), "end_s": 0.2}
    return WorldConfig.model_validate(
        {
            "format_version": 1,
            "scene": {
                "number": 5,
                "layers": [
                    {"picture": noise, "distance_mm": 3000.0},
                    {"picture": dot, "centre_mm": (-90.0, -30.0), "motion": fast},
                ],
            },
            "rig_motion": {"shake": {"rotation_rms_mrad": (2, 2, 1)}},
            "light": {"components": [{"frequency_hz": 100, "modulation": 0.3}]},
            "optics": optics or {},
            "sensor_1": sensor,
            "sensor_2": sensor,
        }
    )


def test_with_perfect_alignment_the_truth_is_c2_unflipped() -> None:
    view = {
        "path": "reflected",
        "mirror": "horizontal",
        "spectral": ((0.9, 0.1, 0), (0, 1, 0), (0, 0.2, 0.7)),
    }
    renderer = Renderer(world({"alignment": PLAIN, "view_2": view}), threads=1)
    truth = renderer.sharp_truth(SHARP.begin_ns, SHARP.end_ns)
    seen = renderer.irradiance(2, SHARP.begin_ns, SHARP.end_ns)
    assert truth == pytest.approx(seen[:, ::-1], rel=1e-4, abs=1e-9)


def test_the_truth_has_c1s_geometry_when_alignment_is_off() -> None:
    renderer = Renderer(world(), threads=1)
    dark = [layer for layer in renderer.scene.layers if layer.config.distance_mm < 2500]
    renderer.scene.layers = dark  # the dot alone

    def centroid(image: np.ndarray) -> np.ndarray:
        y, x = np.mgrid[0 : image.shape[0], 0 : image.shape[1]]
        light = image[..., 1].astype(np.float64)
        return np.array([(light * x).sum(), (light * y).sum()]) / light.sum()

    h = renderer.homography(SHARP.begin_ns)
    c2 = centroid(renderer.irradiance(2, SHARP.begin_ns, SHARP.end_ns)[:, ::-1])
    moved = h @ [*c2, 1.0]
    truth = centroid(renderer.sharp_truth(SHARP.begin_ns, SHARP.end_ns))
    assert truth == pytest.approx(moved[:2] / moved[2], abs=0.01)
    assert np.abs(truth - c2).max() > 1.0  # the alignment is indeed off
    own = centroid(renderer.irradiance(1, SHARP.begin_ns, SHARP.end_ns))
    assert own == pytest.approx(truth, abs=0.01)


def test_a_mirrored_c1_gives_an_upright_truth() -> None:
    optics = {"alignment": PLAIN, "view_1": {"mirror": "vertical"}, "view_2": {"mirror": "none"}}
    renderer = Renderer(world(optics), threads=1)
    truth = renderer.sharp_truth(SHARP.begin_ns, SHARP.end_ns)
    seen = renderer.irradiance(2, SHARP.begin_ns, SHARP.end_ns)
    assert truth == pytest.approx(seen, rel=1e-4, abs=1e-9)


def test_dust_and_ghost_stay_out_of_the_truth() -> None:
    dirty = {"dust_spots": 8, "dust_depth": 0.5, "ghost_share": 0.1}
    clean, soiled = (
        Renderer(world({"splitter": splitter}), threads=1).sharp_truth(100 * MS, 102 * MS)
        for splitter in ({}, dirty)
    )
    assert np.array_equal(clean, soiled)


def write(folder: Path, renderer: Renderer, pair: int = 7) -> Path:
    seen = tuple(
        renderer.irradiance(camera, one.begin_ns, one.end_ns)
        for camera, one in ((1, BLURRY), (2, SHARP))
    )
    regions = (whole(renderer.world.sensor_1), whole(renderer.world.sensor_2))
    return TruthWriter(folder, renderer).write(
        pair, BLURRY, SHARP, seen=(seen[0], seen[1]), regions=regions
    )


def test_record_and_pictures_come_back(tmp_path: Path) -> None:
    renderer = Renderer(world(), threads=1)
    path = write(tmp_path / "truth", renderer)
    record = TruthRecord.read(path)
    assert sorted(p.name for p in path.parent.iterdir()) == [
        "00000007.json",
        "00000007.npz",
        "world.yaml",
    ]
    assert (record.pair, record.scene, record.blurry.frame_id) == (7, 5, 41)
    assert record.centre_offset_ns == 1000.0
    assert record.blurry.temperature_c == 31.5
    light = light_seconds(renderer.world.light, SHARP.begin_ns, SHARP.end_ns)
    assert record.sharp.light_seconds == light
    assert record.blurry.throughput == pytest.approx(0.5 * 0.125)
    assert record.blurry.way_px > record.sharp.way_px > 0
    assert np.array(record.homography_c2_to_c1) == pytest.approx(
        renderer.homography(SHARP.begin_ns)
    )
    assert record.region_1 == (0, 0, 64, 48)
    pictures = read_pictures(path)
    sharp = renderer.irradiance(2, SHARP.begin_ns, SHARP.end_ns)
    assert np.array_equal(pictures["sharp"], sharp)
    assert pictures["truth"].shape == (48, 64, 3)
    assert WorldConfig.read(path.parent / "world.yaml") == renderer.world


def test_the_world_beside_the_truth_makes_the_same_pictures(tmp_path: Path) -> None:
    path = write(tmp_path, Renderer(world(), seed=77, threads=2))
    again = Renderer(WorldConfig.read(tmp_path / "world.yaml"), threads=1)
    blurry = again.irradiance(1, BLURRY.begin_ns, BLURRY.end_ns)
    assert np.array_equal(blurry, read_pictures(path)["blurry"])


def test_offsets_of_a_shared_lens_vanish_and_of_two_lenses_follow_depth(tmp_path: Path) -> None:
    shared = TruthRecord.read(write(tmp_path / "a", Renderer(world(), threads=1)))
    assert [layer.offset_px for layer in shared.layers] == [
        pytest.approx((0.0, 0.0), abs=1e-6),
        pytest.approx((0.0, 0.0), abs=1e-6),
    ]
    lenses = {"kind": "two_lenses", "alignment": PLAIN, "view_2": {"pupil_mm": (0, 2.0, 0)}}
    still = world(lenses).model_copy(
        update={"rig_motion": WorldConfig().rig_motion.model_copy(update={"end_s": 0.0})}
    )
    record = TruthRecord.read(write(tmp_path / "b", Renderer(still, threads=1)))
    for layer in record.layers:
        expected = 1600 * 2.0 / layer.distance_mm
        assert layer.offset_px == pytest.approx((0.0, expected), abs=1e-6)


def test_a_failed_write_leaves_no_half_file(tmp_path: Path) -> None:
    renderer = Renderer(world(), threads=1)
    (tmp_path / "00000007.npz").mkdir()
    with pytest.raises(OSError, match="00000007"):
        write(tmp_path, renderer)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["00000007.npz", "world.yaml"]
