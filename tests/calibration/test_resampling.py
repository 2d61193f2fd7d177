"""Resampling against closed forms, SciPy in float64, and itself without the short cuts."""

import cv2
import numpy as np
import pytest
from scipy import integrate, ndimage

from calibration.bands import Bands
from calibration.resampling import REACH_PX, Resampler, coefficients, scaled_grid

pytestmark = pytest.mark.unit

SHAPE = (70, 700)  # wider than a tile of the loops


def turned(shape=SHAPE, angle_mrad=9.0, scale=1.004, shift=(2.3, -1.7)):
    """A similarity about the middle, as a map (H, W, 2) float32."""
    y, x = np.mgrid[0 : shape[0], 0 : shape[1]].astype(np.float64)
    cx, cy = (shape[1] - 1) / 2, (shape[0] - 1) / 2
    cos, sin = np.cos(angle_mrad / 1e3), np.sin(angle_mrad / 1e3)
    u = scale * (cos * (x - cx) - sin * (y - cy)) + cx + shift[0]
    v = scale * (sin * (x - cx) + cos * (y - cy)) + cy + shift[1]
    return np.stack([u, v], axis=-1).astype(np.float32)


def wild(shape, source, seed=5, margin=0.0):
    """Random positions: no two neighbours belong together."""
    generator = np.random.default_rng(seed)
    x = generator.uniform(margin, source[1] - 1 - margin, shape)
    y = generator.uniform(margin, source[0] - 1 - margin, shape)
    return np.stack([x, y], axis=-1).astype(np.float32)


def ramps(x, y):
    return np.stack([0.5 * x + 0.3 * y, -0.2 * x + 2 * y - 100, 3 * x - y], axis=-1)


def keys(t):
    t = np.abs(t)
    near = 1.5 * t**3 - 2.5 * t**2 + 1
    far = -0.5 * t**3 + 2.5 * t**2 - 4 * t + 2
    return np.where(t < 1, near, np.where(t < 2, far, 0.0))


def keys_reference(image, map_xy):
    """Float64, one pixel at a time, borders mirrored."""
    padded = np.pad(image.astype(np.float64), ((4, 4), (4, 4), (0, 0)), mode="reflect")
    x, y = (map_xy[..., axis].astype(np.float64) + 4 for axis in (0, 1))
    out = np.zeros((*map_xy.shape[:2], 3))
    left, top = np.floor(x).astype(int), np.floor(y).astype(int)
    for j in range(-1, 3):
        for i in range(-1, 3):
            weight = keys(y - (top + j)) * keys(x - (left + i))
            out += weight[..., None] * padded[top + j, left + i]
    return out


@pytest.mark.parametrize("kernel", ["keys", "spline"])
@pytest.mark.parametrize("area_px", [0.0, 1.7])
@pytest.mark.parametrize("shape", ["turned", "wild"])
def test_ramps_stay_ramps(kernel, area_px, shape):
    y, x = np.mgrid[0 : SHAPE[0], 0 : SHAPE[1]].astype(np.float32)
    map_xy = turned() if shape == "turned" else wild(SHAPE, SHAPE)
    made = Resampler(map_xy, SHAPE, kernel, area_px=area_px).resample(ramps(x, y))
    at = map_xy.astype(np.float64)
    deep = 14 if kernel == "spline" else 3
    inside = (at >= deep).all(-1) & (at <= np.array(SHAPE[::-1]) - 1 - deep).all(-1)
    assert inside.mean() > 0.5
    error = np.abs(made - ramps(at[..., 0], at[..., 1]))[inside]
    assert error.max() < 1e-3
    assert made.dtype == np.float32


def test_opencvs_cubic_moves_a_ramp():
    """The reason for a kernel of our own: the same map, the same ramp."""
    _, x = np.mgrid[0 : SHAPE[0], 0 : SHAPE[1]].astype(np.float32)
    map_xy = turned(angle_mrad=0, scale=1, shift=(0.25, 0.0))
    theirs = cv2.remap(x, map_xy[..., 0].copy(), map_xy[..., 1].copy(), cv2.INTER_CUBIC)
    assert np.abs(theirs - map_xy[..., 0])[5:-5, 5:-5].max() > 0.02


@pytest.mark.parametrize("map_xy", [turned(), wild((40, 300), SHAPE), turned(shift=(-6.0, 5.0))])
def test_keys_is_the_float64_reference(map_xy):
    image = np.random.default_rng(6).normal(100, 300, (*SHAPE, 3)).astype(np.float32)
    resampler = Resampler(map_xy, SHAPE)
    made = resampler.resample(image)
    inside = resampler.inside
    reference = keys_reference(image, np.clip(map_xy, 0, np.array(SHAPE[::-1]) - 1))
    np.testing.assert_allclose(made[inside], reference[inside], atol=1e-3)
    assert made.min() < -100  # negatives are kept
    assert np.isfinite(made).all()


@pytest.mark.parametrize("map_xy", [turned(), wild((40, 300), SHAPE)])
def test_spline_is_scipys(map_xy):
    image = np.random.default_rng(7).normal(100, 300, (*SHAPE, 3)).astype(np.float32)
    resampler = Resampler(map_xy, SHAPE, "spline")
    made = resampler.resample(image)
    places = np.moveaxis(map_xy.astype(np.float64)[..., ::-1], 2, 0)
    for channel in range(3):
        truth = ndimage.map_coordinates(
            image[..., channel].astype(np.float64), places, order=3, mode="mirror"
        )
        np.testing.assert_allclose(
            made[..., channel][resampler.inside], truth[resampler.inside], atol=2e-3
        )


def test_coefficients_are_scipys():
    plane = np.random.default_rng(8).normal(0, 100, (1, 40, 50)).astype(np.float32)
    truth = ndimage.spline_filter(plane[0].astype(np.float64), 3, mode="mirror")
    np.testing.assert_allclose(coefficients(plane)[0], truth, atol=2e-3)


@pytest.mark.parametrize("kernel", ["keys", "spline"])
def test_an_area_is_the_integral_of_the_surface(kernel):
    """By quadrature over the square, of an image that varies along x only."""
    line = np.random.default_rng(9).normal(0, 100, 60)
    image = np.repeat(np.broadcast_to(line, (20, 60))[..., None], 3, axis=2).astype(np.float32)
    side = 2.4
    centre = np.float32(30.37)
    map_xy = np.full((1, 1, 2), [centre, 10.2], dtype=np.float32)
    made = Resampler(map_xy, (20, 60), kernel, area_px=side).resample(image)[0, 0, 0]
    weights = ndimage.spline_filter1d(line, 3, mode="mirror") if kernel == "spline" else line

    def surface(u):
        if kernel == "keys":
            return sum(weights[i] * float(keys(u - i)) for i in range(60))
        return float(
            ndimage.map_coordinates(weights, [[u]], order=3, mode="mirror", prefilter=False)[0]
        )

    ends = float(centre) - side / 2, float(centre) + side / 2
    knots = [u for u in range(60) if ends[0] < u < ends[1]]
    truth = integrate.quad(surface, *ends, points=knots)[0] / side
    assert made == pytest.approx(truth, abs=2e-3)


def test_half_a_pixel_is_not_forgotten():
    """Halving averages 2 × 2 pixels whose middle lies at 2 u + 1/2."""
    grid = scaled_grid((10, 20), 0.5)
    assert grid.shape == (10, 20, 2)
    assert grid[3, 7].tolist() == [14.5, 6.5]
    y, x = np.mgrid[0:20, 0:40].astype(np.float32)
    made = Resampler(grid, (20, 40), area_px=2.0).resample(ramps(x, y))
    means = ramps(x, y).reshape(10, 2, 20, 2, 3).mean(axis=(1, 3))
    np.testing.assert_allclose(made[2:-2, 2:-2], means[2:-2, 2:-2], atol=1e-3)


def test_smaller_pixels_do_not_alias():
    """A wave above the new Nyquist frequency is mostly gone."""
    wave = 100 * np.cos(2 * np.pi * 0.4 * np.arange(200))
    image = np.broadcast_to(wave[None, :, None], (20, 200, 3)).astype(np.float32)
    made = Resampler(scaled_grid((8, 80), 0.4), (20, 200), area_px=2.5).resample(image)
    point = Resampler(scaled_grid((8, 80), 0.4), (20, 200)).resample(image)
    assert made[:, 4:-4].std() < 0.25 * point[:, 4:-4].std()


def test_gain_and_matrix_follow_in_the_same_pass():
    generator = np.random.default_rng(10)
    image = generator.normal(100, 50, (*SHAPE, 3)).astype(np.float32)
    gain = generator.normal(1, 0.1, (*SHAPE, 3)).astype(np.float32)
    matrix = generator.normal(0, 1, (3, 3))
    for area_px in (0.0, 2.0):
        plain = Resampler(turned(), SHAPE, area_px=area_px).resample(image).astype(np.float64)
        fused = Resampler(turned(), SHAPE, gain=gain, matrix=matrix, area_px=area_px)
        np.testing.assert_allclose(fused.resample(image), (plain * gain) @ matrix.T, atol=1e-3)


@pytest.mark.parametrize("area_px", [0.0, 1.5])
def test_each_channel_may_have_its_own_map(area_px):
    image = np.random.default_rng(11).normal(100, 50, (*SHAPE, 3)).astype(np.float32)
    maps = tuple(turned(scale=scale) for scale in (1.003, 1.004, 1.006))
    made = Resampler(maps, SHAPE, area_px=area_px).resample(image)
    for channel, map_xy in enumerate(maps):
        alone = Resampler(map_xy, SHAPE, area_px=area_px).resample(image)
        assert np.array_equal(made[..., channel], alone[..., channel])


@pytest.mark.parametrize("kernel", ["keys", "spline"])
def test_types_and_threads_change_nothing(kernel):
    codes = np.random.default_rng(12).integers(0, 4096, (*SHAPE, 3)).astype(np.uint16)
    bands = Bands(3)
    alone = Resampler(turned(), SHAPE, kernel)
    shared = Resampler(turned(), SHAPE, kernel, bands=bands)
    made = alone.resample(codes.astype(np.float32))
    assert np.array_equal(shared.resample(codes.astype(np.float32)), made)
    assert np.array_equal(alone.resample(codes), made)
    room = np.empty_like(made)
    assert alone.resample(codes, room) is room
    assert np.array_equal(room, made)
    bands.close()


@pytest.mark.parametrize("kernel", ["keys", "spline"])
@pytest.mark.parametrize("area_px", [0.0, 2.2])
def test_touched_is_what_a_sample_reaches(kernel, area_px):
    shape = (40, 60)
    image = np.zeros((*shape, 3), dtype=np.float32)
    mask = np.zeros(shape, dtype=bool)
    image[20, 31], mask[20, 31] = 1.0, True
    resampler = Resampler(turned(shape), shape, kernel, area_px=area_px)
    weight = np.abs(resampler.resample(image)).max(axis=-1)
    touched = resampler.touched(mask)
    assert weight[~touched].max() < (1e-3 if kernel == "spline" else 1e-6)
    assert touched.sum() <= (2 * (REACH_PX[kernel] + 2)) ** 2
    assert not resampler.touched(np.zeros(shape, dtype=bool)).any()


def test_positions_outside_and_nonsense_are_told():
    map_xy = turned()
    map_xy[3, 4] = np.nan
    map_xy[5, 6] = (1e9, 10)
    map_xy[7, 8] = (-0.01, 10)
    map_xy[9, 10] = (0, 0)
    resampler = Resampler(map_xy, SHAPE)
    found = [bool(resampler.inside[place]) for place in ((3, 4), (5, 6), (7, 8), (9, 10))]
    assert found == [False, False, False, True]
    assert np.isfinite(resampler.resample(np.ones((*SHAPE, 3), dtype=np.float32))).all()


def test_what_does_not_fit_is_refused():
    resampler = Resampler(turned(), SHAPE)
    with pytest.raises(ValueError, match="planes"):
        resampler.resample(np.zeros((10, 10, 3), dtype=np.float32))
    with pytest.raises(ValueError, match="picture"):
        resampler.resample(np.zeros(SHAPE, dtype=np.float32))
    with pytest.raises(ValueError, match="out"):
        resampler.resample(np.zeros((*SHAPE, 3)), np.zeros((*SHAPE, 3)))
    with pytest.raises(ValueError, match="gains"):
        Resampler(turned(), SHAPE, gain=np.ones((4, 4, 3)))
    with pytest.raises(ValueError, match="too small"):
        Resampler(turned(), (3, 9))
