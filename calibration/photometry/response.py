"""The response of cameras that deliver encoded colour only: from codes back to linear light.

Recovered from one still view at several exposures by the methods of Debevec and Malik (SIGGRAPH
1997) or Robertson et al. (ICIP 1999), both as OpenCV has them. Machine-vision cameras deliver
linear samples and need none of this.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Final, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from bsd.document import Part
from bsd.errors import FoundBad

Method = Literal["debevec", "robertson"]
CODES: Final = 256
_LEAST_LEVELS: Final = 3
_SAMPLES: Final = 400
_SMOOTHNESS: Final = 20.0
_TAIL: Final = 16  # codes that tell how the curve goes on below
_TRUSTED: Final = (8, 247)
"""Codes between which levels are compared: beyond them little is seen."""

_CLIPPED: Final = 249
"""The highest code that does not count as clipped (98 % of 255)."""

Curve = NDArray[np.float32]
Codes = tuple[int, int, int]


class NoResponse(FoundBad):
    """The pictures do not tell the camera's response."""


class Response(Part):
    """How well a response explains the levels that it was made from.

    Attributes
    ----------
    method
        Of the two.
    levels
        Exposures that were used.
    deviation_percent
        Root mean square of linear light over exposure, between levels, relative.
    known_from, known_to
        Lowest and highest code, R, G, B, that the pictures show often enough; the curve beyond
        them goes on as it comes and was not seen. None: solved before version 2 of the document.
    """

    method: Method
    levels: int
    deviation_percent: float
    known_from: Codes | None = None
    known_to: Codes | None = None

    @property
    def known(self) -> tuple[int, int] | None:
        """The codes that are known in all three colours; None where the document is older."""
        if self.known_from is None or self.known_to is None:
            return None
        return max(self.known_from), min(self.known_to)


def recover_response(
    pictures: Sequence[NDArray[np.uint8]],
    exposures_us: Sequence[float],
    where: str,
    method: Method = "debevec",
) -> tuple[Curve, Response]:
    """Linear light of every code.

    Parameters
    ----------
    pictures
        (H, W, 3) uint8 RGB of one still view, one per exposure; it must hold many brightnesses.
    exposures_us
        Of each picture.
    where
        Camera, for messages.
    method
        ``debevec`` fits a smooth curve; ``robertson`` iterates, and wants more levels.

    Returns
    -------
    curve, response
        (256, 3) float32, rising, 1 at code 255; and how well it fits.

    Raises
    ------
    NoResponse
        Too few levels, pictures that show too few codes, or no light that two of them show.
    """
    if len(pictures) != len(exposures_us) or len(pictures) < _LEAST_LEVELS:
        raise NoResponse(
            f"{where}: {len(pictures)} exposures, a response needs {_LEAST_LEVELS} or more"
        )
    used = np.unique(np.concatenate([np.unique(each[::4, ::4]) for each in pictures]))
    if len(used) < CODES // 4:
        raise NoResponse(
            f"{where}: the series shows {len(used)} of {CODES} codes; record it of a view with"
            " dark and bright parts, such as the colour chart"
        )
    times = np.asarray(exposures_us, dtype=np.float32) * np.float32(1e-6)
    calibrator = (
        cv2.createCalibrateDebevec(_SAMPLES, _SMOOTHNESS)
        if method == "debevec"
        else cv2.createCalibrateRobertson()
    )
    found = np.asarray(calibrator.process([np.ascontiguousarray(p) for p in pictures], times))
    lowest, highest = _seen(pictures)
    curve = _rising(found.reshape(CODES, 3).astype(np.float64), lowest)
    deviation = _deviation(pictures, exposures_us, curve)
    if deviation is None:
        raise NoResponse(
            f"{where}: no two exposures of the series show one place between codes"
            f" {_TRUSTED[0]} and {_TRUSTED[1]}; record it in steps of a factor of two or less"
        )
    return curve, Response(
        method=method,
        levels=len(pictures),
        deviation_percent=deviation,
        known_from=lowest,
        known_to=highest,
    )


def linear_light(picture: NDArray[np.uint8], curve: Curve) -> NDArray[np.float32]:
    """(H, W, 3) float32 linear light, 1 at code 255, of a picture of codes (H, W, 3)."""
    channels = [curve[:, index][picture[..., index]] for index in range(3)]
    return np.stack(channels, axis=-1).astype(np.float32, copy=False)


def _seen(pictures: Sequence[NDArray[np.uint8]]) -> tuple[Codes, Codes]:
    """The lowest and highest codes by channel that are seen often enough to tell their light.

    Clipped samples tell none.
    """
    lowest, highest = [], []
    for channel in range(3):
        codes = np.concatenate([picture[..., channel].ravel() for picture in pictures])
        told = codes[codes <= _CLIPPED]
        low, high = np.percentile(told, (1, 99.9)) if told.size else (CODES - 1, CODES - 1)
        lowest.append(int(np.clip(low, 1, CODES // 2)))
        highest.append(int(high))
    return _codes(lowest), _codes(highest)


def _codes(found: Sequence[int]) -> Codes:
    red, green, blue = found
    return red, green, blue


def _rising(curve: NDArray[np.float64], lowest: Sequence[int]) -> Curve:
    """From 0 upwards without a step back, 1 at the last code.

    Below what the pictures show a fit ends anywhere, and what it ends at would be taken off all
    others: there the curve goes on as the power that it is above, to no light at the lowest code.
    """
    rising = np.maximum.accumulate(curve, axis=0)
    for channel, low in enumerate(lowest):
        codes = np.arange(low, low + _TAIL, dtype=np.float64)
        light = np.maximum(rising[low : low + _TAIL, channel], 1e-12)
        power = max(1.0, float(np.polyfit(np.log(codes), np.log(light), 1)[0]))
        below = np.arange(low) / low
        rising[:low, channel] = rising[low, channel] * below**power
    return np.asarray(rising / np.maximum(rising[-1:], 1e-12), dtype=np.float32)


def _deviation(
    pictures: Sequence[NDArray[np.uint8]], exposures_us: Sequence[float], curve: Curve
) -> float | None:
    """Neighbouring exposures must tell the same light: RMS of their difference in percent.

    None: no place is well exposed in two of them.
    """
    order = np.argsort(exposures_us)
    errors = []
    for low, high in itertools.pairwise(order):
        first, second = pictures[low], pictures[high]
        known = (first > _TRUSTED[0]) & (first < _TRUSTED[1])
        known &= (second > _TRUSTED[0]) & (second < _TRUSTED[1])
        if not known.any():
            continue
        light = [
            linear_light(picture, curve)[known] / exposures_us[index]
            for picture, index in ((first, low), (second, high))
        ]
        errors.append(np.median(light[1] / np.maximum(light[0], 1e-12)) - 1.0)
    return float(100.0 * np.sqrt(np.mean(np.square(errors)))) if errors else None
