r"""Linear pairs as files hold them: 8-bit sRGB with one white, and 16-bit linear.

Both views get the same constants. With g the white balance and W the lower common white of the
two cameras per channel, N = min over the channels of g W and

.. math:: v = \\frac{g \\, \\min(I, W)}{N},

clipped to 0 to 1: every channel clips at the same level, so that what is overexposed is white. The
code is ``floor(255 s(v) + 1/2)`` with sRGB's curve s (IEC 61966-2-1).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from calibration.kernel import compiled

Picture = NDArray[np.float32]
Codes = NDArray[np.uint8]

LINEAR_OFFSET: Final = 8192
"""Code of black in 16-bit linear frames: 14 % of white lies below, so that noise around black is
kept, and the undershoot of interpolation and resampling beside a highlight."""

_BUCKETS: Final = 4096


@dataclass(frozen=True)
class Encoding:
    """Constants of one dataset or setting, the same for both views.

    Attributes
    ----------
    white_balance
        Factors of red, green, blue, above 0.
    white_dn
        The lower common white per channel, in DN of C1 above black.
    """

    white_balance: tuple[float, float, float]
    white_dn: tuple[float, float, float]

    def __post_init__(self) -> None:
        if not all(value > 0 for value in (*self.white_balance, *self.white_dn)):
            raise ValueError(f"white balance and white are to be above 0: {self}")

    @classmethod
    def of(cls, white_balance: Sequence[float], white_dn: NDArray[np.floating[Any]]) -> Encoding:
        """From any three numbers each."""
        first = [float(value) for value in white_balance]
        second = [float(value) for value in white_dn]
        return cls((first[0], first[1], first[2]), (second[0], second[1], second[2]))

    @property
    def factor(self) -> Picture:
        """(3,) v per DN."""
        balance = np.asarray(self.white_balance, dtype=np.float64)
        white = np.asarray(self.white_dn, dtype=np.float64)
        return np.asarray(balance / (balance * white).min(), dtype=np.float32)

    @property
    def linear_codes_per_dn(self) -> float:
        """Of `linear16`: ``DN = (code - LINEAR_OFFSET) / linear_codes_per_dn``, all channels."""
        return (65535 - LINEAR_OFFSET) / max(self.white_dn)

    def srgb(self, picture: Picture) -> Codes:
        """(h, w, 3) float32 DN → (h, w, 3) uint8 sRGB; exact rounding, half up."""
        codes = np.empty(picture.shape, dtype=np.uint8)
        _encode(np.ascontiguousarray(picture), self.factor, _LEVELS, _FIRST, codes)
        return codes

    def linear16(self, picture: Picture) -> NDArray[np.uint16]:
        """(h, w, 3) float32 DN → uint16: clipped to white, no white balance, black at an offset."""
        held = np.minimum(picture, np.asarray(self.white_dn, dtype=np.float32))
        held *= np.float32(self.linear_codes_per_dn)
        held += np.float32(LINEAR_OFFSET + 0.5)
        return np.clip(np.floor(held), 0, 65535).astype(np.uint16)


def to_srgb(v: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """SRGB's curve, 0 to 1 → 0 to 1, float64."""
    v = np.clip(v, 0.0, 1.0).astype(np.float64)
    return np.where(v <= 0.0031308, 12.92 * v, 1.055 * v ** (1 / 2.4) - 0.055)


def _levels() -> NDArray[np.float32]:
    """Light from which on each code from 1 to 255 holds; then none."""
    half = (np.arange(1, 256) - 0.5) / 255.0
    light = np.where(half <= 0.04045, half / 12.92, ((half + 0.055) / 1.055) ** 2.4)
    return np.append(light, np.inf).astype(np.float32)


_LEVELS: Final = _levels()
_FIRST: Final = np.searchsorted(
    _LEVELS[:-1], np.arange(_BUCKETS + 1) / _BUCKETS, side="right"
).astype(np.uint8)


@compiled
def _encode(picture: Picture, factor: Picture, levels: Picture, first: Codes, codes: Codes) -> None:
    """Look up the lowest code that fits the light's bucket, then step up to the right one."""
    buckets = np.float32(_BUCKETS)
    zero, one = np.float32(0), np.float32(1)
    height, width = picture.shape[:2]
    for y in range(height):
        for x in range(width):
            for c in range(3):
                v = min(picture[y, x, c] * factor[c], one)
                if not v > zero:  # NaN too, which has no bucket
                    v = zero
                code = first[int(v * buckets)]
                while v >= levels[code]:
                    code += 1
                codes[y, x, c] = code
