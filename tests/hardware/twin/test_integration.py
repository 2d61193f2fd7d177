"""The exposure's integral: against closed forms, and against a slow renderer in float64."""

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, map_coordinates

from bsd.errors import UserMistake
from hardware.twin import steps
from hardware.twin.integration import blur_radius, pixel_weights
from hardware.twin.optics import Region, camera_at
from hardware.twin.renderer import Renderer
from hardware.twin.world_config import WorldConfig

pytestmark = pytest.mark.unit
MM_PER_PX = 2000.0 / 1600.0  # at 2 m
STILL = {"shake": {"rotation_rms_mrad": (0, 0, 0)}}
EVEN = {
    "path": "transmitted",
    "mirror": "none",
    "nd_transmission": 1.0,
    "natural_vignetting": False,
    "psf_sigma_px": 0.5,
}
MS = 1_000_000
DRAWN = 0.4**2 / 4
"""Variance in px² of a drawn target's texels of 0.4 px: their area (t²/12) and the linear
interpolation between them (t²/6)."""


def world(layers: list[dict], size: tuple[int, int] = (96, 64), **fields: object) -> WorldConfig:
    """C1 sees all light and no vignetting; C2 is the same, aligned and unmirrored."""
    sensor = {"width_px": size[0], "height_px": size[1]}
    plain = {
        "format_version": 1,
        "scene": {"layers": layers},
        "rig_motion": STILL,
        "sensor_1": sensor,
        "sensor_2": sensor,
        "optics": {
            "alignment": {"shift_px": (0, 0), "rotation_mrad": 0, "scale": 1},
            "splitter": {"transmitted": 1.0, "reflected": 0.0},
            "view_1": EVEN,
            "view_2": EVEN,
        },
    }
    return WorldConfig.model_validate({**plain, **fields})


def pairs(bounds: np.ndarray) -> list[tuple[int, int]]:
    return [(int(a), int(b)) for a, b in pairwise(bounds)]


def one_dot(diameter_px: float = 6.0, **fields: object) -> dict:
    size = diameter_px * MM_PER_PX
    picture = {"kind": "dots", "columns": 1, "rows": 1, "pitch_mm": 3 * size, "diameter_mm": size}
    return {"picture": {**picture, "light": 1.0}, "distance_mm": 2000.0, **fields}


def flat(**fields: object) -> dict:
    return {"picture": {"kind": "flat", "reflectance": (0.2, 0.5, 0.8)}, **fields}


def moments(image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Centroid (x, y) and variances of an image on a dark ground."""
    light = image[..., 1].astype(np.float64)
    y, x = np.mgrid[0 : light.shape[0], 0 : light.shape[1]]
    centre = np.array([(light * x).sum(), (light * y).sum()]) / light.sum()
    spread = np.array([(light * (x - centre[0]) ** 2).sum(), (light * (y - centre[1]) ** 2).sum()])
    return centre, spread / light.sum()


def test_a_flat_gives_reflectance_times_light_times_time() -> None:
    renderer = Renderer(world([flat()]), threads=1)
    image = renderer.irradiance(1, 0, 16 * MS)
    assert image.shape == (64, 96, 3)
    assert image.reshape(-1, 3).min(axis=0) == pytest.approx([0.0032, 0.008, 0.0128], rel=1e-5)
    assert image.reshape(-1, 3).max(axis=0) == pytest.approx([0.0032, 0.008, 0.0128], rel=1e-5)


def test_split_filter_and_colour_scale_the_light() -> None:
    swap = ((0, 0.5, 0), (1, 0, 0), (0, 0, 0.25))
    optics = {
        "splitter": {"transmitted": 0.52, "reflected": 0.4},
        "view_1": {**EVEN, "nd_transmission": 0.125, "nd_error": -0.02},
        "view_2": {**EVEN, "path": "reflected", "spectral": swap},
    }
    renderer = Renderer(world([flat()], optics=optics), threads=1)
    blurry, sharp = (renderer.irradiance(c, 0, 2 * MS)[30, 40] for c in (1, 2))
    scene = np.array([0.2, 0.5, 0.8]) * 0.002
    assert blurry == pytest.approx(scene * 0.52 * 0.125 * 0.98, rel=1e-5)
    assert sharp == pytest.approx(0.4 * np.array(swap) @ scene, rel=1e-5)


def test_psf_and_pixel_widths_add_in_quadrature() -> None:
    for sigma, defocus in [(0.0, 0.0), (0.5, 0.0), (0.5, 1.2)]:
        view = {**EVEN, "psf_sigma_px": sigma, "defocus_sigma_px": defocus}
        w = world([one_dot()], optics=world([]).optics.model_dump() | {"view_1": view})
        _, spread = moments(Renderer(w, threads=1).irradiance(1, 0, MS))
        disc = 3.0**2 / 4  # variance of a disc along one axis: r²/4
        pixel = (1 - 1 / 4**2) / 12 + DRAWN  # four samples stand for the pixel's width
        assert spread == pytest.approx(disc + pixel + sigma**2 + defocus**2, rel=0.01)


@pytest.mark.parametrize("velocity_px_ms", [0.25, 1.0, 2.0])
def test_a_moving_dot_has_its_centroid_and_streak(velocity_px_ms: float) -> None:
    motion = {"velocity_mm_s": (velocity_px_ms * MM_PER_PX * 1000, 0, 0)}
    begin, end = 3 * MS, 19 * MS
    w = world([one_dot(4.0, motion=motion, centre_mm=(-20.0, 7.3))], size=(112, 40))
    renderer = Renderer(w, threads=1)
    centre, spread = moments(renderer.irradiance(1, begin, end))
    start = np.array([55.5, 19.5]) + np.array([-20.0, 7.3]) / MM_PER_PX
    assert centre == pytest.approx(start + np.array([velocity_px_ms * 11.0, 0]), abs=0.005)
    length = velocity_px_ms * 16
    across = 2.0**2 / 4 + (1 - 1 / 16) / 12 + DRAWN + 0.25
    assert spread[1] == pytest.approx(across, rel=0.01)
    midpoints = 1 - 1 / np.ceil(length / 0.45) ** 2  # of n steps, for a whole line
    assert spread[0] - spread[1] == pytest.approx(length**2 / 12 * midpoints, abs=0.012)
    assert np.sqrt(12 * (spread[0] - spread[1])) == pytest.approx(length, abs=0.03)
    assert renderer.blur_px(begin, end) == pytest.approx(length, rel=1e-6)


def test_flicker_reaches_the_picture_with_its_sinc() -> None:
    light = {"components": [{"frequency_hz": 100.0, "modulation": 0.3}]}
    renderer = Renderer(world([flat()], size=(8, 8), light=light), threads=1)
    levels = [
        renderer.irradiance(1, t, t + 2 * MS)[4, 4, 0] / 0.0004 for t in range(0, 10 * MS, 250_000)
    ]
    swing = 0.3 * np.sin(np.pi * 0.2) / (np.pi * 0.2)
    assert (max(levels) - min(levels)) / 2 == pytest.approx(swing, rel=1e-3)
    whole = renderer.irradiance(1, 1234567, 1234567 + 10 * MS)[4, 4, 0]
    assert whole == pytest.approx(0.2 * 0.010, rel=1e-5)  # a whole period: no flicker


def test_light_counts_where_the_object_was_when_it_shone() -> None:
    light = {"components": [{"frequency_hz": 50.0, "modulation": 1.0}]}
    motion = {"velocity_mm_s": (MM_PER_PX * 1000, 0, 0)}
    w = world([one_dot(4.0, motion=motion, centre_mm=(-20, 0))], size=(112, 40), light=light)
    centre, _ = moments(Renderer(w, threads=1).irradiance(1, 0, 16 * MS))
    t = (np.arange(160_000) + 0.5) * 1e-7
    weight = 1 + np.cos(2 * np.pi * 50 * t)
    expected = 55.5 - 16.0 + 1000 * (weight * t).sum() / weight.sum()
    assert centre[0] == pytest.approx(expected, abs=0.005)


def test_no_step_moves_by_more_than_half_a_pixel() -> None:
    shake = {"shake": {"rotation_rms_mrad": (8, 8, 5)}}
    motion = {"velocity_mm_s": (2000, -500, 0), "begin_s": 0.108}
    w = world([flat(), one_dot(motion=motion)], rig_motion=shake)
    renderer = Renderer(w, threads=1)
    camera = camera_at(w, 1, 0)
    y, x = np.mgrid[0:64:8, 0:96:8] + 0.0
    view = camera.rays(np.stack([x, y], axis=-1).reshape(-1, 2))
    coarse = view[[0, 11, 84, 95, 50]]

    def from_ray(time_ns: int) -> np.ndarray:
        pose = renderer.scene.rig.pose(time_ns)
        return np.stack([one.from_ray(pose, (0, 0, 0), time_ns) for one in renderer.scene.layers])

    bounds = steps.step_bounds(from_ray, coarse, 1600.0, 100 * MS, 116 * MS)
    assert (bounds[0], bounds[-1]) == (100 * MS, 116 * MS)
    ways = [steps.way_px(from_ray(a), from_ray(b), view, 1600.0) for a, b in pairs(bounds)]
    assert max(ways) <= 0.5
    assert len(ways) < 2.5 * sum(ways) + 2  # nor many more than needed


def test_motion_beyond_all_measure_is_refused() -> None:
    w = world([one_dot(motion={"velocity_mm_s": (1e9, 0, 0)})])
    with pytest.raises(UserMistake, match="slow the motion down"):
        Renderer(w, threads=1).irradiance(1, 0, 16 * MS)


def test_weights_are_a_mean() -> None:
    for sigma in (0.0, 0.5, 2.0):
        weights = pixel_weights(sigma)
        assert weights.sum() == pytest.approx(1.0, abs=1e-6)
        assert len(weights) == 2 * blur_radius(sigma) + 4


def test_ghost_is_the_picture_again_moved() -> None:
    optics = world([]).optics.model_dump()
    optics["splitter"] |= {"ghost_share": 0.05, "ghost_shift_px": (12.0, -3.0)}
    plain = Renderer(world([one_dot()]), threads=1).irradiance(1, 0, MS)
    ghosted = Renderer(world([one_dot()], optics=optics), threads=1).irradiance(1, 0, MS)
    extra = (ghosted - plain)[:-3, 12:]
    assert extra == pytest.approx(0.05 * plain[3:, :-12], abs=1e-9)


def test_same_picture_from_any_number_of_threads_and_any_region() -> None:
    scene = {"picture": {"kind": "noise", "size_px": 64, "width_mm": 70.0}}
    w = world([scene], rig_motion={"shake": {"rotation_rms_mrad": (6, 6, 3)}})
    one, three = (Renderer(w, threads=n).irradiance(2, MS, 9 * MS) for n in (1, 3))
    assert np.array_equal(one, three)
    part = Renderer(w, threads=1).irradiance(2, MS, 9 * MS, Region(20, 10, 40, 30))
    # Steps differ a little: the way is measured over the region.
    assert part == pytest.approx(one[10:40, 20:60], rel=2e-3)


def test_both_cameras_may_be_rendered_at_once() -> None:
    scene = {"picture": {"kind": "noise", "size_px": 64, "width_mm": 70.0}}
    w = world([scene], rig_motion={"shake": {"rotation_rms_mrad": (6, 6, 3)}})
    alone = [Renderer(w, threads=1).irradiance(camera, MS, 5 * MS) for camera in (1, 2)]
    renderer = Renderer(w, threads=1)
    with ThreadPoolExecutor(2) as pool:
        jobs = [pool.submit(renderer.irradiance, k % 2 + 1, MS, 5 * MS) for k in range(6)]
        for k, job in enumerate(jobs):
            assert np.array_equal(job.result(), alone[k % 2])


def test_against_a_slow_renderer_in_float64() -> None:
    """Mirrored noise behind a disc, rotating rig, by scipy's own interpolation and filters."""
    back = {"picture": {"kind": "noise", "size_px": 32, "width_mm": 60.0}, "distance_mm": 3000.0}
    spin = {"rotation_mrad_s": (0.0, 0.0, 2000.0)}
    w = world([one_dot(10.0), back], size=(40, 32), rig_motion=STILL | spin)
    renderer = Renderer(w, threads=1)
    begin, end = 10 * MS, 14 * MS
    got = renderer.irradiance(1, begin, end)
    n, margin = 4, 8
    columns = (np.arange(-margin, 40 * n + margin) + 0.5) / n - 0.5
    rows = (np.arange(-margin, 32 * n + margin) + 0.5) / n - 0.5
    x, y = np.meshgrid((columns - 19.5) / 1600, (rows - 15.5) / 1600)
    total = np.zeros((*x.shape, 3))
    passes = 40
    for k in range(passes):
        angle = 2.0 * (begin + (k + 0.5) / passes * (end - begin)) * 1e-9
        u = np.cos(angle) * x - np.sin(angle) * y
        v = np.sin(angle) * x + np.cos(angle) * y
        seen = np.zeros((*x.shape, 3))
        for layer, extent, distance in zip(
            renderer.scene.layers[::-1], ("reflect", "constant"), (3000.0, 2000.0), strict=True
        ):
            texture = layer.texture.rgba.astype(np.float64)
            to = layer.texture.to_texel
            at = [v * distance * to[1, 1] + to[1, 2], u * distance * to[0, 0] + to[0, 2]]
            rgba = [map_coordinates(texture[..., c], at, order=1, mode=extent) for c in range(4)]
            seen = np.stack(rgba[:3], axis=-1) + (1 - rgba[3][..., None]) * seen
        total += seen * (end - begin) * 1e-9 / passes
    blurred = gaussian_filter(total, (2.0, 2.0, 0), truncate=4.0)[margin:-margin, margin:-margin]
    expected = blurred.reshape(32, n, 40, n, 3).mean(axis=(1, 3))
    assert np.abs(got - expected).max() < 2e-3 * expected.max()
    assert np.abs(got - expected).mean() < 2e-4 * expected.max()
