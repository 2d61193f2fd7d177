"""Geometry and shading against closed forms in float64."""

import numpy as np
import pytest
from pydantic import ValidationError

from hardware.twin.optics import (
    Region,
    apply,
    camera_at,
    distort,
    dust,
    homography_c2_to_c1,
    polarised_gain,
    throughput,
    undistort,
    vignetting,
)
from hardware.twin.rays import sample_rays
from hardware.twin.renderer import Renderer
from hardware.twin.world_config import (
    AlignmentConfig,
    DriftConfig,
    OpticsConfig,
    SensorConfig,
    SplitterConfig,
    ViewConfig,
    WorldConfig,
)

pytestmark = pytest.mark.unit
SMALL = SensorConfig(width_px=64, height_px=48)
BARREL = (-0.08, 0.02)


def world(optics: OpticsConfig, **fields: object) -> WorldConfig:
    return WorldConfig.model_validate(
        {"format_version": 1, "optics": optics, "sensor_1": SMALL, "sensor_2": SMALL, **fields}
    )


def two_lenses(**fields: object) -> OpticsConfig:
    plain = AlignmentConfig(shift_px=(0, 0), rotation_mrad=0, scale=1)
    return OpticsConfig.model_validate({"kind": "two_lenses", "alignment": plain, **fields})


def test_distortion_and_its_inverse() -> None:
    points = np.random.default_rng(3).uniform(-0.5, 0.5, (500, 2))
    bent = distort(points, BARREL)
    r2 = points[:, 0] ** 2 + points[:, 1] ** 2
    assert bent[:, 0] == pytest.approx(points[:, 0] * (1 - 0.08 * r2 + 0.02 * r2 * r2))
    assert undistort(bent, BARREL) == pytest.approx(points, abs=1e-13)


def test_homography_is_the_stated_similarity() -> None:
    align = AlignmentConfig(shift_px=(3.3, -2.1), rotation_mrad=10, scale=1.02)
    h = homography_c2_to_c1(world(OpticsConfig(alignment=align)), 0)
    middle = np.array([31.5, 23.5])
    assert apply(h, middle) == pytest.approx([34.8, 21.4])
    moved = apply(h, np.array([51.5, 23.5])) - apply(h, middle)
    assert np.hypot(*moved) == pytest.approx(20.4)
    assert np.arctan2(moved[1], moved[0]) == pytest.approx(0.01)  # clockwise as seen: y is down


def test_shared_lens_homography_holds_under_distortion() -> None:
    view = ViewConfig(distortion=BARREL)
    optics = OpticsConfig(view_1=view, view_2=view.model_copy(update={"path": "reflected"}))
    w = world(optics)
    points = np.array([[0.0, 0.0], [63, 0], [10, 40.5], [63, 47]])
    moved = apply(homography_c2_to_c1(w, 0), points)
    rays_2 = camera_at(w, 2, 0).rays(points)
    assert camera_at(w, 1, 0).rays(moved) == pytest.approx(rays_2, abs=1e-12)


def test_pixels_undo_rays() -> None:
    for kind in ("shared", "two"):
        view = ViewConfig(distortion=BARREL)
        optics = (
            OpticsConfig(view_1=view, view_2=view)
            if kind == "shared"
            else two_lenses(view_2=ViewConfig(distortion=BARREL, focal_scale=1.01))
        )
        camera = camera_at(world(optics), 2, 0)
        points = np.random.default_rng(5).uniform(0, 60, (50, 2))
        assert camera.pixels(camera.rays(points)) == pytest.approx(points, abs=1e-9)


@pytest.mark.parametrize("mirror", ["none", "horizontal", "vertical"])
def test_sample_rays_agree_with_the_point_path(mirror: str) -> None:
    view = ViewConfig.model_validate({"distortion": BARREL, "mirror": mirror})
    camera = camera_at(world(OpticsConfig(view_1=view, view_2=view)), 2, 0)
    samples = sample_rays(camera, Region(8, 4, 16, 12), 6, threads=1)
    assert samples.x.shape == (12 * 4 + 12, 16 * 4 + 12)
    for row, column in [(0, 0), (6, 6), (30, 50), (59, 75)]:
        raw = np.array([8 + (column - 6 + 0.5) / 4 - 0.5, 4 + (row - 6 + 0.5) / 4 - 0.5])
        slope = camera.rays(camera.upright(raw))
        got = np.array([samples.x[row, column], samples.y[row, column]])
        assert np.abs(got - slope).max() * camera.focal_px < 1e-4  # pixels, float32


def test_parallax_of_two_lenses() -> None:
    optics = two_lenses(view_2=ViewConfig(pupil_mm=(1.0, 0.0, 0.0)))
    for distance, expected in [(2000.0, 0.8), (16000.0, 0.1)]:
        layer = {"picture": {"kind": "dots"}, "distance_mm": distance}
        renderer = Renderer(world(optics, scene={"layers": [layer]}), threads=1)
        point = np.array([20.0, 10.0])
        offset = renderer.layer_map(0, point, 0) - point
        # C2's pupil lies to the right: the same thing appears farther right to C1.
        assert offset == pytest.approx([expected, 0.0], abs=1e-9)


def test_vignetting_is_cos4_of_the_field_angle() -> None:
    wide = OpticsConfig(focal_mm=0.4)  # 80 px: 64 × 48 pixels see 26 degrees to the corner
    points = np.array([[31.5, 23.5], [63.0, 47.0], [31.5, 0.0]])
    got = vignetting(world(wide), 1, points, 0)
    radius = np.array([0.0, np.hypot(31.5, 23.5), 23.5])
    assert got == pytest.approx(np.cos(np.arctan(radius / 80.0)) ** 4, abs=1e-12)
    lossy = OpticsConfig(view_1=ViewConfig(natural_vignetting=False, edge_loss=0.3))
    assert vignetting(world(lossy), 1, points, 0) == pytest.approx(
        [1.0, 0.7, 1 - 0.3 * 23.5**2 / (31.5**2 + 23.5**2)]
    )


def test_nd_ratio_and_split() -> None:
    optics = OpticsConfig(
        splitter=SplitterConfig(transmitted=0.52, reflected=0.43),
        view_1=ViewConfig(nd_transmission=0.125, nd_error=0.008),
    )
    w = world(optics)
    assert throughput(w, 1) == pytest.approx(0.52 * 0.126)
    assert throughput(w, 2) == pytest.approx(0.43)


def test_polarisation_takes_from_one_view_what_the_other_gains() -> None:
    splitter = SplitterConfig(transmitted=0.5, reflected=0.4, polarisation_contrast=0.1)
    w = world(OpticsConfig(splitter=splitter))
    for polarisation in (-1.0, 0.0, 0.5):
        through = 0.5 * polarised_gain(w, 1, polarisation)
        back = 0.4 * polarised_gain(w, 2, polarisation)
        assert back == pytest.approx(0.4 * (1 + 0.1 * polarisation))
        assert through + back == pytest.approx(0.9)


def test_alignment_drifts_with_its_time_constant() -> None:
    drift = DriftConfig(shift_px=(2.0, 0.0), time_constant_s=100)
    w = world(OpticsConfig(drift=drift))
    middle = np.array([31.5, 23.5])
    at = [apply(homography_c2_to_c1(w, int(t * 1e9)), middle)[0] for t in (0, 100, 1e5)]
    assert at[1] - at[0] == pytest.approx(2 * (1 - np.exp(-1)))
    assert at[2] - at[0] == pytest.approx(2.0)


def test_dust_lies_elsewhere_in_either_view_and_on_the_sensor() -> None:
    splitter = SplitterConfig(dust_spots=5, dust_depth=0.4, dust_radius_px=6)
    w = world(OpticsConfig(splitter=splitter))
    all_1, all_2 = (dust(w, camera, Region(0, 0, 64, 48), 9) for camera in (1, 2))
    assert 0.1 < all_1.min() < 0.95
    assert all_1.max() == 1.0
    assert np.abs(all_1 - all_2).max() > 0.05
    part = dust(w, 1, Region(10, 6, 20, 12), 9)
    assert part == pytest.approx(all_1[6:18, 10:30], abs=1e-6)


def test_one_lens_cannot_have_two_distortions() -> None:
    with pytest.raises(ValidationError, match="both views need the same distortion"):
        OpticsConfig(view_1=ViewConfig(distortion=BARREL))
