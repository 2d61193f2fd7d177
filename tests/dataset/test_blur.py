"""Blur against float64 NumPy, and what must hold whatever the content."""

import numpy as np
import pytest
from numpy.typing import NDArray

from bsd.errors import UserMistake
from dataset.blur import (
    Window,
    average,
    blur_windows,
    plan_windows,
)
from dataset.recipe import load_recipe, recipe_names
from dataset.sums import code_value_table, quantise, response_table

pytestmark = pytest.mark.unit
Frames = list[NDArray[np.uint8]]
GAMMA = 2.2


def gamma(x: NDArray[np.float64]) -> NDArray[np.float64]:
    return x**GAMMA


def random_frames(count: int, seed: int, shape: tuple[int, ...] = (61, 83, 3)) -> Frames:
    rng = np.random.default_rng(seed)
    # Dark and bright halves: a dark code is where x^2.2 is steepest to undo.
    tops = np.where(np.arange(shape[0])[:, None, None] < shape[0] // 2, 12, 256)
    return [rng.integers(0, np.broadcast_to(tops, shape)).astype(np.uint8) for _ in range(count)]


def reference(name: str, frames: Frames) -> NDArray[np.uint8]:
    """Twenty lines of float64: what each recipe says, with no table and no whole numbers."""
    codes = np.stack(frames).astype(np.float64)
    if name in ("gopro", "rendered"):
        light = np.mean((codes / 255) ** 2.2, axis=0)
        mean = 255 * light ** (1 / 2.2)
    elif name in ("gopro-blur", "high-fps"):
        mean = np.mean(codes, axis=0)
    else:
        raise AssertionError(f"recipe {name} has no reference")
    return np.clip(np.floor(mean + 0.5), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("name", recipe_names())
def test_every_recipe_agrees_with_float64(name: str) -> None:
    recipe = load_recipe(name)
    lengths = recipe.window.allowed_frames or (recipe.window.frames,)
    for count in lengths:
        frames = random_frames(count, seed=count)
        ours = average(frames, recipe.response.sum_table(count), threads=2)
        wanted = reference(name, frames)
        apart = np.abs(ours.astype(int) - wanted)
        assert apart.max() <= 1
        assert np.mean(apart > 0) < 1e-4


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 7, 8, 9, 12, 15, 16, 17, 65])
def test_code_values_are_exact_half_up(count: int) -> None:
    frames = random_frames(count, seed=100 + count)
    total = np.sum(np.stack(frames).astype(np.int64), axis=0)
    wanted = (2 * total + count) // (2 * count)
    assert np.array_equal(average(frames, code_value_table(count)), wanted)


@pytest.mark.parametrize("count", [2, 3, 8, 11, 65])
def test_light_agrees_for_any_window(count: int) -> None:
    frames = random_frames(count, seed=200 + count)
    ours = average(frames, response_table(gamma, count))
    assert np.mean(ours != reference("gopro", frames)) < 1e-4


@pytest.mark.parametrize("table", [code_value_table, lambda n: response_table(gamma, n)])
@pytest.mark.parametrize("count", [1, 13, 129])
def test_equal_frames_return_as_they_are(table: object, count: int) -> None:
    assert callable(table)
    codes = np.arange(256, dtype=np.uint8).reshape(16, 16, 1)
    assert np.array_equal(average([codes] * count, table(count)), codes)


def test_threads_and_groups_do_not_change_the_result() -> None:
    frames = random_frames(21, seed=5, shape=(130, 77, 3))
    table = response_table(gamma, 21)
    one = average(frames, table, threads=1)
    assert np.array_equal(one, average(frames, table, threads=3))
    sums = np.sum([table.linear[frame] for frame in frames], axis=0, dtype=np.uint32)
    assert np.array_equal(one, quantise(sums, table))


def test_linear_mean_is_kept() -> None:
    """Within 0.1 % in light for blur_gamma, in code values for blur."""
    frames = random_frames(11, seed=9, shape=(400, 400, 3))
    stack = np.stack(frames) / 255.0
    light = average(frames, response_table(gamma, 11)) / 255.0
    assert np.mean(light**GAMMA) == pytest.approx(np.mean(stack**GAMMA), rel=1e-3)
    codes = average(frames, code_value_table(11)) / 255.0
    assert np.mean(codes) == pytest.approx(np.mean(stack), rel=1e-3)
    assert abs(np.mean(codes**GAMMA) / np.mean(stack**GAMMA) - 1) > 0.05  # they do differ


def dot_at(x_px: float, y_px: float) -> NDArray[np.uint8]:
    """A soft dot, in light, encoded with the inverse of x^2.2."""
    y, x = np.mgrid[:64, :96]
    light = 0.9 * np.exp(-((x - x_px) ** 2 + (y - y_px) ** 2) / (2 * 3.0**2))
    code = np.floor(255 * light ** (1 / GAMMA) + 0.5).astype(np.uint8)
    return np.repeat(code[..., None], 3, axis=2)


def centroid(weight: NDArray[np.float64]) -> tuple[float, float]:
    y, x = np.mgrid[: weight.shape[0], : weight.shape[1]]
    return float((x * weight).sum() / weight.sum()), float((y * weight).sum() / weight.sum())


@pytest.mark.parametrize(("name", "exponent"), [("gopro", GAMMA), ("gopro-blur", 1.0)])
@pytest.mark.parametrize("count", [7, 11, 13])
def test_a_moving_dot_keeps_its_centre(name: str, exponent: float, count: int) -> None:
    windows = plan_windows(3 * count, count, count)
    frames = [dot_at(20 + 1.3 * k, 24 + 0.37 * k) for k in range(3 * count)]
    table = load_recipe(name).response.sum_table(count)
    for window, blurry, sharp in blur_windows(enumerate(frames), windows, table):
        assert window.sharp == window.first + count // 2
        blurred = centroid((blurry[..., 0] / 255.0) ** exponent)
        stood = centroid((sharp[..., 0] / 255.0) ** exponent)
        assert np.hypot(blurred[0] - stood[0], blurred[1] - stood[1]) < 0.05


def test_windows_lie_within_the_source() -> None:
    assert plan_windows(33, 11, 11) == (Window(0, 11, 5), Window(11, 11, 16), Window(22, 11, 27))
    assert [w.first for w in plan_windows(32, 11, 11)] == [0, 11]
    assert [w.first for w in plan_windows(130, 15, 64)] == [0, 64]
    assert plan_windows(10, 11, 11) == ()
    with pytest.raises(ValueError, match="odd"):
        plan_windows(20, 8, 8)


def test_overlapping_windows() -> None:
    frames = random_frames(12, seed=3, shape=(9, 11, 3))
    table = code_value_table(5)
    found = list(blur_windows(enumerate(frames), plan_windows(12, 5, 2), table))
    assert [window.first for window, _, _ in found] == [0, 2, 4, 6]
    for window, blurry, sharp in found:
        assert np.array_equal(blurry, average(frames[window.first : window.first + 5], table))
        assert np.array_equal(sharp, frames[window.sharp])


def test_a_response_too_steep_is_refused() -> None:
    with pytest.raises(UserMistake, match="dark codes"):
        response_table(lambda x: x**4.0, 65)
