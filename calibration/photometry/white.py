"""The common white: the highest light that both views tell everywhere, by channel."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from acquisition.picture.view import FrameFormat
from calibration.photometry.flat import RatioFlat
from calibration.photometry.position import colours


def headroom_dn(
    clip_dn: float, black_dn: NDArray[np.float64], form: FrameFormat, *, rgb: bool = False
) -> NDArray[np.float64]:
    """Clip level above black by channel, (3,) DN: of two greens the lower.

    Parameters
    ----------
    clip_dn
        Samples from here on are clipped.
    black_dn
        (4,) by place.
    form
        Names the mosaic.
    """
    names = colours(form, rgb=rgb)
    above = clip_dn - black_dn
    lowest = [
        min(float(above[place]) for place, name in enumerate(names) if name in (None, channel))
        for channel in range(3)
    ]
    return np.array(lowest)


def common_white(
    headroom_1: NDArray[np.float64],
    headroom_2: NDArray[np.float64],
    gain: NDArray[np.float64],
    flat: RatioFlat,
) -> NDArray[np.float64]:
    """White in C1's DN above black, (3,): what is above is clipped in both views.

    The views clip at different radiances, and C2, divided by the ratio flat, at other levels in
    other places: the lowest counts. Of a full colour matrix the gains of white are taken.

    Parameters
    ----------
    headroom_1, headroom_2
        (3,) from `headroom_dn`.
    gain
        (3,) C1/C2 of white.
    flat
        Of the setting.
    """
    highest = flat.ratio[flat.covered].max(axis=0).astype(np.float64)
    return np.asarray(np.minimum(headroom_1, gain * headroom_2 / highest))
