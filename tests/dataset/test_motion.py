"""The step in pixels on known motion."""

import cv2
import numpy as np
import pytest

from dataset.motion import largest_step_px, step_px

pytestmark = pytest.mark.unit


def scene(seed: int = 4) -> np.ndarray:
    rng = np.random.default_rng(seed)
    coarse = rng.uniform(0, 255, (60, 80, 3)).astype(np.float32)
    fine = rng.uniform(-40, 40, (240, 320, 3)).astype(np.float32)
    picture = cv2.resize(coarse, (320, 240), interpolation=cv2.INTER_CUBIC)
    return np.clip(picture + cv2.GaussianBlur(fine, (0, 0), 1.5), 0, 255)


def moved(picture: np.ndarray, x_px: float, y_px: float, turn_deg: float = 0.0) -> np.ndarray:
    matrix = cv2.getRotationMatrix2D((159.5, 119.5), turn_deg, 1.0)
    matrix[:, 2] += (x_px, y_px)
    return cv2.warpAffine(
        picture, matrix, (320, 240), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT
    )


def code(picture: np.ndarray, seed: int) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(0, 1.5, picture.shape)
    return np.clip(picture + noise, 0, 255).astype(np.uint8)


@pytest.mark.parametrize(("x_px", "y_px"), [(0.0, 0.0), (0.8, 0.6), (3.0, -1.5), (12.0, 5.0)])
def test_shifts(x_px: float, y_px: float) -> None:
    picture = scene()
    step = step_px(code(picture, 1), code(moved(picture, x_px, y_px), 2))
    assert step == pytest.approx(np.hypot(x_px, y_px), abs=0.5)


def test_a_turn_gives_the_outermost_motion() -> None:
    picture = scene()
    step = step_px(code(picture, 1), code(moved(picture, 0, 0, 1.0), 2))
    assert step == pytest.approx(np.hypot(160, 120) * np.deg2rad(1.0), rel=0.15)


def test_threads_do_not_change_it() -> None:
    picture = scene()
    pairs = [(code(moved(picture, k, 0), k), code(moved(picture, 2 * k, 0), 9)) for k in range(4)]
    before = cv2.getNumThreads()
    assert largest_step_px([pairs], 1) == largest_step_px([pairs[:2], pairs[2:]], 3)
    assert cv2.getNumThreads() == before


def test_nothing_to_see_is_not_a_step_of_zero() -> None:
    flat = np.full((100, 100, 3), 90, np.uint8)
    assert step_px(flat, flat) is None
    assert largest_step_px([]) is None
    assert step_px(np.zeros((8, 8, 3), np.uint8), np.zeros((8, 8, 3), np.uint8)) is None


def test_the_largest_of_many_is_found_among_noise() -> None:
    """Frames of 720 × 540, so that the first look is at less than half the size."""
    picture = cv2.resize(scene(), (720, 540), interpolation=cv2.INTER_CUBIC)
    steps = np.random.default_rng(5).uniform(0.2, 2.5, 24)
    steps[17] = 4.4
    matrices = [np.float64([[1, 0, step], [0, 1, 0]]) for step in steps]
    pairs = [
        (code(picture, 2 * k), code(cv2.warpAffine(picture, matrix, (720, 540)), 2 * k + 1))
        for k, matrix in enumerate(matrices)
    ]
    assert (
        largest_step_px([pairs[:9], pairs[9:]], 2)
        == step_px(*pairs[17])
        == pytest.approx(4.4, abs=0.4)
    )
