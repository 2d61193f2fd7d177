"""Recovered responses against the curve that encoded the pictures."""

from typing import Literal

import numpy as np
import pytest
from skimage import data

from calibration.photometry.response import NoResponse, linear_light, recover_response

pytestmark = pytest.mark.unit

EXPOSURES_US = (125.0, 250.0, 500.0, 1000.0, 2000.0)


def encoded(light: np.ndarray) -> np.ndarray:
    """sRGB's curve, IEC 61966-2-1."""
    light = np.clip(light, 0, 1)
    coded = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    return np.floor(255 * coded + 0.5).astype(np.uint8)


def series(seed: int) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    scene = (data.coffee()[::2, ::2] / 255.0) ** 2.2 * 2.0
    pictures = []
    for exposure in EXPOSURES_US:
        light = scene * exposure / EXPOSURES_US[-1]
        pictures.append(encoded(light + rng.normal(0, 0.002, light.shape)))
    return pictures


@pytest.mark.parametrize("method", ["debevec", "robertson"])
def test_curve_gives_back_the_light(method: Literal["debevec", "robertson"]) -> None:
    curve, told = recover_response(series(1), EXPOSURES_US, "sharp", method)
    assert curve.shape == (256, 3)
    assert (np.diff(curve, axis=0) >= 0).all()
    codes = np.arange(30, 246)
    coded = codes / 255.0
    truth = np.where(coded <= 0.04045, coded / 12.92, ((coded + 0.055) / 1.055) ** 2.4)
    for channel in range(3):
        scale = (truth * curve[codes, channel]).sum() / (curve[codes, channel] ** 2).sum()
        error = scale * curve[codes, channel] / truth - 1.0
        assert np.sqrt((error**2).mean()) < 0.05
    assert told.deviation_percent < 3.0


def test_the_codes_that_were_seen_are_told() -> None:
    pictures = series(1)
    _, told = recover_response(pictures, EXPOSURES_US, "sharp")
    assert told.known is not None
    low, high = told.known
    assert 1 <= low < 20
    assert 235 < high <= 249
    dim = [np.minimum(each, 180) for each in pictures]
    _, told = recover_response(dim, EXPOSURES_US, "sharp")
    assert told.known_to == (180, 180, 180)


def test_exposures_without_a_common_light_tell_no_response() -> None:
    rng = np.random.default_rng(2)
    dark = rng.integers(0, 8, (60, 60, 3)).astype(np.uint8)
    middle = rng.integers(9, 246, (60, 60, 3)).astype(np.uint8)
    bright = rng.integers(248, 256, (60, 60, 3)).astype(np.uint8)
    with pytest.raises(NoResponse, match=r"^sharp: no two exposures.*factor of two or less$"):
        recover_response([dark, middle, bright], (100.0, 5e3, 1e6), "sharp")


def test_codes_become_light_channel_by_channel() -> None:
    curve = np.stack([np.linspace(0, 1, 256) ** p for p in (1, 2, 3)], axis=1).astype(np.float32)
    picture = np.array([[[51, 102, 204]]], dtype=np.uint8)
    np.testing.assert_allclose(linear_light(picture, curve)[0, 0], [0.2, 0.16, 0.512], rtol=1e-5)


def test_an_even_surface_or_two_levels_tell_no_response() -> None:
    with pytest.raises(NoResponse, match="sharp: 2 exposures"):
        recover_response(series(0)[:2], EXPOSURES_US[:2], "sharp")
    flat = [np.full((40, 40, 3), code, np.uint8) for code in (20, 60, 120, 200)]
    with pytest.raises(NoResponse, match="shows 4 of 256 codes"):
        recover_response(flat, EXPOSURES_US[:4], "sharp")
