"""PSNR and SSIM beside scikit-image on random pairs."""

from collections.abc import Callable
from typing import Any

import numba
import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage
from skimage import data
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from calibration.fidelity import psnr, ssim

pytestmark = [pytest.mark.soak, pytest.mark.timeout(1800)]

PAIRS = 400
LIMIT = 1e-12
PEAKS = (255, 255, 255, 1023, 4095, 65535)
PHOTOGRAPHS = ("astronaut", "chelsea", "coffee", "rocket")


def random_pair(random: np.random.Generator) -> tuple[NDArray[Any], NDArray[Any], int]:
    """Two images of 11 to 200 px a side and their peak: noise, a photograph, or nearly flat."""
    height, width = (int(side) for side in random.integers(11, 201, 2))
    peak = int(random.choice(PEAKS))
    kind = int(random.integers(3))
    if kind == 0:
        first = random.uniform(0, peak, (height, width, 3))
    elif kind == 1:
        first = getattr(data, str(random.choice(PHOTOGRAPHS)))()[:height, :width] * (peak / 255)
    else:
        first = random.uniform(0, peak) + random.normal(0, 1.5, (height, width, 3))
    blur = float(random.uniform(0, 3))
    second = ndimage.gaussian_filter(first.astype(np.float64), (blur, blur, 0))
    second += random.normal(0, float(random.choice([0.0, 0.3, 4.0, 40.0])), first.shape)
    dtype = np.uint8 if peak == 255 else np.uint16
    pair = [np.clip(np.round(image), 0, peak).astype(dtype) for image in (first, second)]
    if random.integers(3) == 0:
        pair = [np.ascontiguousarray(image[..., 0]) for image in pair]
    return pair[0], pair[1], peak


def test_random_pairs_equal_scikit_image(
    count: Callable[[int], int], figure: Callable[[str], None], numba_threads: tuple[int, ...]
) -> None:
    trials = count(PAIRS)
    ssim_error, psnr_error, psnr_error_db, same = 0.0, 0.0, 0.0, 0
    for trial in range(trials):
        a, b, peak = random_pair(np.random.default_rng(np.random.SeedSequence([46, trial])))
        expected = structural_similarity(  # type: ignore[no-untyped-call]
            a,
            b,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
            data_range=peak,
            channel_axis=-1 if a.ndim == 3 else None,
        )
        found = set()
        for threads in numba_threads:
            numba.set_num_threads(threads)
            found.add(ssim(a, b, data_range=peak))
        assert len(found) == 1, f"pair {trial}: SSIM depends on the threads: {found}"
        error = abs(found.pop() - expected)
        assert error <= LIMIT, f"pair {trial}, {a.shape} {a.dtype}: SSIM off by {error:.2e}"
        ssim_error = max(ssim_error, error)
        if np.array_equal(a, b):
            same += 1
            assert psnr(a, b, data_range=peak) == float("inf")
            continue
        expected_db = peak_signal_noise_ratio(  # type: ignore[no-untyped-call]
            a, b, data_range=peak
        )
        error_db = abs(psnr(a, b, data_range=peak) - expected_db)
        relative = error_db / abs(expected_db)
        assert relative <= LIMIT, f"pair {trial}, {a.shape} {a.dtype}: PSNR off by {relative:.2e}"
        psnr_error, psnr_error_db = max(psnr_error, relative), max(psnr_error_db, error_db)
    figure(
        f"SSIM and PSNR, {trials} random pairs ({same} of them identical) beside scikit-image:"
        f" SSIM off by at most {ssim_error:.1e}, PSNR by {psnr_error:.1e} of its value"
        f" ({psnr_error_db:.1e} dB); the same bits with {' and '.join(map(str, numba_threads))}"
        " threads"
    )
