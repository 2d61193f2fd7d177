"""Alignment of C2 to C1 beside the usual script, beside cv2.remap alone, and demosaicing."""

import warnings
from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from bsd.threads import available_cores
from calibration.bands import Bands
from calibration.mosaic import demosaic_planes
from calibration.resampling import Resampler
from perf.harness import Report

_HEIGHT, _WIDTH = 720, 1280
_SCRIPT_AIM = 3.5
_REMAP_AIM = 0.6
_MALVAR_AIM = 10.0
_WHITE = 65535

# A rig's: a few milliradians, a per mille of scale, some pixels.
_C2_TO_C1 = np.array([[1.001, 0.004, -3.3], [-0.004, 1.001, 2.1], [1e-7, -2e-7, 1.0]])
_MATRIX = np.array([[1.10, -0.06, -0.04], [-0.03, 1.06, -0.03], [0.01, -0.12, 1.11]])


def run(report: Report) -> None:
    """Add the whole alignment with one and two threads, and demosaicing."""
    before = cv2.getNumThreads()
    try:
        for threads in range(1, min(report.sized(2, 1), available_cores()) + 1):
            cv2.setNumThreads(threads)
            bands = Bands(threads)
            _alignment(report, threads, bands)
            _demosaicing(report, threads, bands)
            bands.close()
    finally:
        cv2.setNumThreads(before)


def _alignment(report: Report, threads: int, bands: Bands) -> None:
    """uint16 RGB → aligned, shaded and coloured, float32; the map is that of one calibration."""
    generator = np.random.default_rng(np.random.SeedSequence([_HEIGHT, _WIDTH]))
    image = generator.integers(0, _WHITE, (_HEIGHT, _WIDTH, 3)).astype(np.uint16)
    gain = 1.0 + 0.1 * generator.random((_HEIGHT, _WIDTH, 3))
    map_xy = _map()
    out = np.empty(image.shape, dtype=np.float32)  # used again, as a build does
    resampler = Resampler(map_xy, (_HEIGHT, _WIDTH), gain=gain, matrix=_MATRIX, bands=bands)
    words = f"1280x720x3 uint16, {threads} thread{'s' if threads > 1 else ''}"
    for flag, name in ((cv2.INTER_CUBIC, "cubic"), (cv2.INTER_LINEAR, "linear")):
        report.compare(
            f"alignment {words}: script, {name}",
            lambda: resampler.resample(image, out),
            _script(image, gain, flag),
            _SCRIPT_AIM if flag == cv2.INTER_CUBIC else None,
            note=f"usual: cv2.warpPerspective {name}, gain and matrix in NumPy float64",
        )
    as_float = image.astype(np.float32)
    for flag, name in ((cv2.INTER_CUBIC, "cubic"), (cv2.INTER_LINEAR, "linear")):
        report.compare(
            f"alignment {words.replace('uint16', 'float32')}: remap, {name}",
            lambda: resampler.resample(as_float, out),
            _remap(as_float, map_xy, flag),
            _REMAP_AIM if flag == cv2.INTER_CUBIC else None,
            note=f"usual: cv2.remap {name} with float maps, no gain, no matrix",
        )


def _map() -> NDArray[np.float32]:
    y, x = np.mgrid[0:_HEIGHT, 0:_WIDTH].astype(np.float64)
    places = np.stack([x, y, np.ones_like(x)], axis=-1) @ np.linalg.inv(_C2_TO_C1).T
    return np.asarray(places[..., :2] / places[..., 2:], dtype=np.float32)


def _script(
    image: NDArray[np.uint16], gain: NDArray[np.float64], flag: int
) -> Callable[[], NDArray[np.uint16]]:
    def usual() -> NDArray[np.uint16]:
        warped = cv2.warpPerspective(image, _C2_TO_C1, (_WIDTH, _HEIGHT), flags=flag)
        coloured = (warped.astype(np.float64) * gain) @ _MATRIX.T
        return np.asarray(np.clip(np.round(coloured), 0, _WHITE), dtype=np.uint16)

    return usual


def _remap(
    image: NDArray[np.float32], map_xy: NDArray[np.float32], flag: int
) -> Callable[[], object]:
    x, y = (np.ascontiguousarray(map_xy[..., axis]) for axis in (0, 1))
    return lambda: cv2.remap(image, x, y, flag)


def _demosaicing(report: Report, threads: int, bands: Bands) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from colour_demosaicing import demosaicing_CFA_Bayer_Malvar2004 as usual
    mosaic = np.random.default_rng(1).normal(500, 200, (_HEIGHT, _WIDTH)).astype(np.float32)
    out = np.empty((3, _HEIGHT, _WIDTH), dtype=np.float32)
    report.compare(
        f"Malvar demosaic 1280x720, {threads} thread{'s' if threads > 1 else ''}",
        lambda: demosaic_planes(mosaic, "RGGB", bands=bands, out=out),
        lambda: usual(mosaic, "RGGB"),
        _MALVAR_AIM,
        note="usual: colour-demosaicing, one thread",
    )
