"""YCbCr to RGB against the formula in float64."""

import numpy as np
import pytest
from numpy.typing import NDArray

from dataset.colour import rgb_from_yuv420

pytestmark = pytest.mark.unit
WEIGHTS = {1: (0.2126, 0.0722), 6: (0.299, 0.114), 9: (0.2627, 0.0593)}


def upsampled(chroma: NDArray[np.uint8], shape: tuple[int, int]) -> NDArray[np.float64]:
    """Columns at even places, rows between: by interpolation at the true positions."""
    rows = (np.arange(shape[0]) - 0.5) / 2
    columns = np.arange(shape[1]) / 2
    values = chroma.astype(np.float64)
    down = np.stack(
        [np.interp(rows, np.arange(values.shape[0]), column) for column in values.T], axis=1
    )
    return np.stack([np.interp(columns, np.arange(values.shape[1]), row) for row in down])


@pytest.mark.parametrize("matrix", WEIGHTS)
@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("shape", [(48, 64), (47, 63)])
def test_formula(matrix: int, full: bool, shape: tuple[int, int]) -> None:
    rng = np.random.default_rng([matrix, full, *shape])
    half = ((shape[0] + 1) // 2, (shape[1] + 1) // 2)
    y = rng.integers(0, 256, shape).astype(np.uint8)
    u, v = (rng.integers(0, 256, half).astype(np.uint8) for _ in range(2))
    kr, kb = WEIGHTS[matrix]
    light = y.astype(np.float64) if full else (y - 16.0) * 255 / 219
    scale = 1.0 if full else 255 / 224
    cb, cr = (scale * (upsampled(plane, shape) - 128) for plane in (u, v))
    red, blue = light + 2 * (1 - kr) * cr, light + 2 * (1 - kb) * cb
    green = (light - kr * red - kb * blue) / (1 - kr - kb)
    wanted = np.clip(np.stack([red, green, blue], axis=-1), 0, 255)
    ours = rgb_from_yuv420(y, u, v, matrix, full=full)
    assert np.abs(ours - wanted).max() < 0.51
    assert np.mean(ours != np.floor(wanted + 0.5)) < 2e-3


def test_grey_stays_grey() -> None:
    y = np.arange(256, dtype=np.uint8).reshape(16, 16)
    neutral = np.full((8, 8), 128, dtype=np.uint8)
    rgb = rgb_from_yuv420(y, neutral, neutral, 1, full=True)
    assert np.array_equal(rgb, np.repeat(y[..., None], 3, axis=2))


def test_planes_of_another_form_are_refused() -> None:
    y, u = np.zeros((8, 8), np.uint8), np.zeros((8, 4), np.uint8)
    with pytest.raises(ValueError, match="not 4:2:0"):
        rgb_from_yuv420(y, u, u, 1, full=True)
