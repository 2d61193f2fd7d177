"""The blur kernel beside float64 NumPy on random windows."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from dataset.blur import average
from dataset.sums import code_value_table, response_table

pytestmark = [pytest.mark.soak, pytest.mark.timeout(1800)]

WINDOWS = 200


def random_window(random: np.random.Generator) -> list[NDArray[np.uint8]]:
    """1 to 31 frames (odd) of random size: noise as bright as each row's top, 1 to 255."""
    frames = 2 * int(random.integers(16)) + 1
    height, width = (int(side) for side in random.integers(1, 401, 2))
    shape = (height, width, 3) if random.integers(2) else (height, width)
    tops = random.integers(1, 256, (height, *(1,) * (len(shape) - 1)))
    return [random.integers(0, tops, shape, endpoint=True).astype(np.uint8) for _ in range(frames)]


def test_random_windows_in_light_and_in_code_values(
    count: Callable[[int], int], figure: Callable[[str], None]
) -> None:
    trials = count(WINDOWS)
    differing, samples, largest = 0, 0, 0
    for trial in range(trials):
        random = np.random.default_rng(np.random.SeedSequence([47, trial]))
        frames = random_window(random)
        exponent = float(random.uniform(1.0, 2.6))
        threads = 1 + trial % 2
        stack = np.stack(frames)
        light = np.mean((stack / 255.0) ** exponent, axis=0)
        wanted = np.clip(np.floor(255 * light ** (1 / exponent) + 0.5), 0, 255).astype(int)
        table = response_table(lambda x, power=exponent: x**power, len(frames))  # type: ignore[misc]
        apart = np.abs(average(frames, table, threads) - wanted)
        largest = max(largest, int(apart.max()))
        assert largest <= 1, f"window {trial}: {largest} codes from float64 at x^{exponent:.3f}"
        differing += int(np.count_nonzero(apart))
        samples += apart.size
        total = stack.astype(np.int64).sum(axis=0)
        half_up = (2 * total + len(frames)) // (2 * len(frames))
        codes = average(frames, code_value_table(len(frames)), threads)
        assert np.array_equal(codes, half_up), f"window {trial}: code values"
    figure(
        f"blur, {trials} random windows of 1 to 31 frames, {samples / 1e6:.1f} million samples:"
        f" x^1.0 to x^2.6 at most {largest} code from float64, in {differing} samples"
        f" ({differing / samples:.1e}); code values exact"
    )
