"""PNG encoding beside OpenCV's default: time, and the size of what comes out."""

from concurrent.futures import ThreadPoolExecutor
from functools import partial

import cv2
import numpy as np
from numpy.typing import NDArray
from skimage import data

from bsd.threads import available_cores
from dataset.png import encode_png
from perf.harness import Report

_SIZE_PX = (1280, 720)
_AIM = 3.0
_SIZE_AIM = 1.03
_PHOTOGRAPHS = ("astronaut", "chelsea", "coffee", "rocket")


def run(report: Report) -> None:
    """Add 720p encoding of photographs with one thread, and with two where there are two cores."""
    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        pictures = [_picture(name) for name in _PHOTOGRAPHS]
        for name, picture in zip(_PHOTOGRAPHS, pictures, strict=True):
            size = len(encode_png(picture)) / len(_usual(picture))
            report.compare(
                f"PNG encoding 720p, {name}",
                partial(encode_png, picture),
                partial(_usual, picture),
                _AIM,
                note=f"{size:.3f} x the size, aim at most {_SIZE_AIM}",
            )
        if available_cores() > 1:
            with ThreadPoolExecutor(2) as pool:
                report.compare(
                    "PNG encoding 720p, the four in two threads",
                    lambda: list(pool.map(encode_png, pictures)),
                    lambda: list(pool.map(_usual, pictures)),
                    _AIM,
                )
    finally:
        cv2.setNumThreads(before)


def _picture(name: str) -> NDArray[np.uint8]:
    photograph = np.asarray(getattr(data, name)(), np.uint8)
    resized = cv2.resize(photograph, _SIZE_PX, interpolation=cv2.INTER_CUBIC)
    return np.asarray(resized, np.uint8)


def _usual(picture: NDArray[np.uint8]) -> bytes:
    done, content = cv2.imencode(".png", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
    if not done:
        raise RuntimeError("cv2.imencode refused the picture")
    return content.tobytes()
