"""Whether the light varies from frame to frame: the ratio of the two raw frames, of every frame.

Both cameras see the same, so what they see drops out of the ratio of their light, also where things
move or leave the view. Light that flickers does not: C1 averages over more of its periods.
"""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from acquisition.picture.blocks import Blocks, blocks
from acquisition.picture.view import Frame, FrameFormat

_LEAST_SHARE: Final = 0.5
FLICKER_FRAMES: Final = 5
_PERCENTILES: Final = (5.0, 95.0)


def raw_ratio(blurry: Frame, sharp: Frame, forms: tuple[FrameFormat, FrameFormat]) -> float:
    """Light of C2 over that of C1 where neither is clipped, as delivered: about 1, never exactly.

    Parameters
    ----------
    blurry, sharp
        Raw frames of a pair.
    forms
        Of C1 and of C2.

    Returns
    -------
    float
        NaN where more than half of the view is clipped, or a view is dark.
    """
    seen = [blocks(frame, form) for frame, form in zip((blurry, sharp), forms, strict=True)]
    rows, columns = (min(sides) for sides in zip(*(each.shape for each in seen), strict=True))
    first, second = (each.part(rows, columns) for each in seen)
    clear = ~(_wide(first) | _wide(second))
    if clear.mean() < _LEAST_SHARE:
        return float("nan")
    light, other = (float(each.luminance[clear].sum(dtype=np.float64)) for each in (first, second))
    return other / light if light > 0 and other > 0 else float("nan")


def variation_percent(ratios: NDArray[np.float64]) -> float | None:
    """From the 5th to the 95th percentile of a clip's ratios, over their median, in per cent.

    Parameters
    ----------
    ratios
        (n,) of `raw_ratio`.

    Returns
    -------
    float or None
        None with fewer than 5 frames that could be compared.
    """
    told = ratios[np.isfinite(ratios)]
    if len(told) < FLICKER_FRAMES:
        return None
    low, high = np.percentile(told, _PERCENTILES)
    return 100.0 * float((high - low) / np.median(told))


def _wide(seen: Blocks) -> NDArray[np.bool_]:
    """Blocks with a hundredth clipped, and their neighbours: the views lie some pixels apart."""
    clipped = np.max(list(seen.clipped.values()), axis=0) > 0.01
    return np.asarray(cv2.dilate(clipped.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0)
