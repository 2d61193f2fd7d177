import math

import numpy as np
import pytest
from scipy import ndimage

from dataset.rendering.resample import (
    OVERSAMPLING,
    Encoder,
    expose,
    lay_over,
    sample,
    spline_coefficients,
    to_grid,
    to_linear,
    with_alpha,
)

pytestmark = pytest.mark.unit


def shifted(picture: np.ndarray, affine: np.ndarray, height: int, width: int) -> np.ndarray:
    out = np.empty((height, width, 4), np.float32)
    sample(spline_coefficients(with_alpha(picture.astype(np.float32))), affine, out)
    return out


def grey(plane: np.ndarray) -> np.ndarray:
    return np.repeat(plane[..., None], 3, axis=2)


def test_sampling_agrees_with_scipy_at_any_affine() -> None:
    picture = np.random.default_rng(1).random((90, 110, 3))
    affine = np.array([[1.03, 0.07, 8.31], [-0.06, 0.98, 12.77]])
    ours = shifted(picture, affine, 60, 70)
    y, x = np.mgrid[:60, :70]
    at = (
        affine[1, 0] * x + affine[1, 1] * y + affine[1, 2],
        affine[0, 0] * x + affine[0, 1] * y + affine[0, 2],
    )
    for channel in range(3):
        reference = ndimage.map_coordinates(picture[..., channel], at, order=3, mode="mirror")
        np.testing.assert_allclose(ours[..., channel], reference, atol=3e-6)
    np.testing.assert_allclose(ours[..., 3], 1.0, atol=1e-6)


@pytest.mark.parametrize("shift", [0.03125 / 2, 0.25, 0.5, 0.777])
def test_shift_of_a_band_limited_picture_agrees_with_fourier(shift: float) -> None:
    """The content of a view reaches at most a quarter cycle per grid sample."""
    size = 128
    spectrum = np.fft.fft2(np.random.default_rng(2).standard_normal((size, size)))
    fy, fx = np.fft.fftfreq(size)[:, None], np.fft.fftfreq(size)[None]
    spectrum[np.hypot(fx, fy) > 0.125] = 0
    plane = np.fft.ifft2(spectrum).real
    plane /= plane.std()
    moved = np.fft.ifft2(spectrum * np.exp(2j * np.pi * (fx + fy) * shift)).real
    moved /= np.fft.ifft2(spectrum).real.std()
    ours = shifted(grey(plane), np.array([[1.0, 0, 20 + shift], [0, 1, 20 + shift]]), 80, 80)
    assert np.sqrt(np.mean((ours[..., 0] - moved[20:100, 20:100]) ** 2)) < 1.0e-3


@pytest.mark.parametrize(("cycles_per_view_px", "bound"), [(0.125, 2e-4), (0.25, 2e-3)])
def test_sharpness_does_not_depend_on_the_phase(cycles_per_view_px: float, bound: float) -> None:
    frequency = cycles_per_view_px / OVERSAMPLING
    plane = np.cos(2 * np.pi * frequency * np.arange(400))[None].repeat(40, 0)
    worst = 0.0
    for phase in np.linspace(0, 1, 9):
        view = shifted(grey(plane), np.array([[2.0, 0, 40 + phase], [0, 2, 10]]), 4, 150)
        at = 40 + phase + 2 * np.arange(150)
        worst = max(worst, np.abs(view[2, :, 0] - np.cos(2 * np.pi * frequency * at)).max())
    assert worst < bound


def test_exposure_has_the_response_of_optics_and_pixel() -> None:
    cycles = 0.2
    plane = np.cos(2 * np.pi * cycles / OVERSAMPLING * np.arange(200))[None].repeat(30, 0)
    exposed = expose(grey(plane).astype(np.float32), 0.35)
    ratio = exposed[15, 60:140, 0].std() / plane[15, 60:140].std()
    optics = math.exp(-2 * (math.pi * 0.35 * cycles) ** 2)
    assert ratio == pytest.approx(np.sinc(cycles) * optics, rel=2e-3)
    np.testing.assert_allclose(expose(np.full((20, 20, 3), 0.3, np.float32), 0.35), 0.3, rtol=1e-6)


@pytest.mark.parametrize("size", [(60, 45), (83, 61), (160, 120), (200, 150)])
def test_a_ramp_stays_where_it_is_on_another_grid(size: tuple[int, int]) -> None:
    width, height = size
    x = np.arange(160, dtype=np.float32)[None].repeat(120, 0)
    grid = to_grid(grey(x), width, height)
    expected = (np.arange(width) + 0.5) * 160 / width - 0.5
    inner = slice(12, -12)
    np.testing.assert_allclose(grid[height // 2, inner, 0], expected[inner], atol=1e-4)


@pytest.mark.parametrize("size", [(57, 44), (101, 83), (190, 150)])
def test_a_dot_stays_where_it_is_on_another_grid(size: tuple[int, int]) -> None:
    y, x = np.mgrid[:120, :160]
    dot = np.exp(-0.5 * ((x - 81.3) ** 2 + (y - 57.8) ** 2) / 4.0**2)
    grid = to_grid(grey(dot).astype(np.float32), *size)[..., 0].astype(np.float64)
    v, u = np.mgrid[: size[1], : size[0]]
    seen = np.array([(u * grid).sum(), (v * grid).sum()]) / grid.sum()
    expected = np.array([81.8 * size[0] / 160 - 0.5, 58.3 * size[1] / 120 - 0.5])
    np.testing.assert_allclose(seen, expected, atol=1e-3)
    mass = grid.sum() * 160 * 120 / (size[0] * size[1])
    assert mass == pytest.approx(2 * math.pi * 16, rel=1e-4)


def test_a_constant_picture_stays_constant_to_its_border() -> None:
    for size in ((13, 11), (60, 77), (31, 90)):
        grid = to_grid(np.full((40, 50, 3), 0.7, np.float32), *size)
        assert grid.shape == (size[1], size[0], 3)
        np.testing.assert_allclose(grid, 0.7, rtol=1e-6)


@pytest.mark.parametrize("exponent", [1.0, 2.2, 2.4])
def test_encoding_is_the_rounded_inverse_response(exponent: float) -> None:
    random = np.random.default_rng(3)
    linear = (random.random((50, 80, 3)) ** 3).astype(np.float32)
    linear[0, :2] = [[-1, 0, 1], [1.5, 1e-9, 0.5]]
    codes = Encoder(exponent).encode(linear)
    wide = np.clip(linear.astype(np.float64), 0, 1) ** (1 / exponent)
    np.testing.assert_array_equal(codes, np.floor(255 * wide + 0.5).astype(np.uint8))


def test_every_code_survives_the_round_trip() -> None:
    codes = np.arange(256, dtype=np.uint8).reshape(16, 16, 1).repeat(3, 2)
    np.testing.assert_array_equal(Encoder(2.2).encode(to_linear(codes, 2.2)), codes)


def test_positions_beyond_the_grid_are_held_at_its_border() -> None:
    picture = np.zeros((20, 30, 3))
    far = shifted(picture, np.array([[1.0, 0, -500], [0, 1, 900]]), 5, 6)
    np.testing.assert_allclose(far[..., :3], 0.0, atol=1e-7)


def test_laying_over_is_premultiplied() -> None:
    back = np.full((4, 5, 4), 0.5, np.float32)
    front = np.full((2, 2, 4), 0.25, np.float32)
    lay_over(front, back, 1, 2)
    expected = np.full((4, 5), 0.5)
    expected[1:3, 2:4] = 0.25 + 0.75 * 0.5
    np.testing.assert_allclose(back[..., 1], expected)
