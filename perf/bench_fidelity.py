"""SSIM and PSNR beside scikit-image."""

from collections.abc import Callable
from functools import partial

import numba
import numpy as np
from numpy.typing import NDArray
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from calibration.fidelity import psnr, ssim
from perf.harness import Report

_SIZES_PX = ((640, 480), (1280, 720))
_SSIM_AIMS = {(640, 480): 9.0, (1280, 720): 16.0}
_PSNR_AIM = 8.0


def run(report: Report) -> None:
    """Add SSIM with one and two threads and PSNR, at 640 x 480 and 1280 x 720."""
    before = numba.get_num_threads()
    try:
        for width, height in _SIZES_PX:
            sharp, noisy = _pair(width, height)
            for threads in range(1, min(2, before) + 1):
                numba.set_num_threads(threads)
                report.compare(
                    f"SSIM {width}x{height}, {threads} thread{'s' if threads > 1 else ''}",
                    partial(ssim, sharp, noisy),
                    _usual_ssim(sharp, noisy),
                    # The aim is for one core; two are shown for what the second adds.
                    _SSIM_AIMS[width, height] if threads == 1 else None,
                    note="scikit-image uses one thread",
                )
            report.compare(
                f"PSNR {width}x{height}",
                partial(psnr, sharp, noisy),
                partial(peak_signal_noise_ratio, sharp, noisy, data_range=255),
                _PSNR_AIM,
                repeats=31,
            )
    finally:
        numba.set_num_threads(before)


def _pair(width: int, height: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Smooth shading with noise, and the same with other noise: time depends on neither."""
    generator = np.random.default_rng(np.random.SeedSequence([width, height]))
    ramp = np.linspace(20, 230, width)[None, :, None] * np.ones((height, 1, 3))
    noise = generator.normal(0, 8, (2, height, width, 3))
    first, second = np.clip(ramp + noise, 0, 255).astype(np.uint8)
    return first, second


def _usual_ssim(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> Callable[[], object]:
    return partial(
        structural_similarity,
        a,
        b,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        data_range=255,
        channel_axis=-1,
    )
