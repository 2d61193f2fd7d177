r"""Whether a rig and its scene stood still between two sharp frames: bookends need that.

The shift by least squares on gradients (Lucas and Kanade, IJCAI 1981), in parts of the view so that
one thing that moves is found, too: with :math:`a, b` the smoothed green planes, each divided by its
mean (so that flicker is no motion), and :math:`\nabla` the gradient of their mean,

.. math:: d = -\Big(\sum \nabla \nabla^T\Big)^{-1} \sum \nabla\,(b - a)

It is 2 to 12 % too long where the detail is finest (differences of neighbours are no derivative),
holds up to about two pixels, and beyond still says "moved". What noise makes of it follows from the
rest that the shift does not explain: :math:`\sigma^2 c\,(\sum \nabla\nabla^T)^{-1}` with
:math:`c = 4 \pi s^2`, the number of bins that the smoothing (standard deviation s) ties together.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Final, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from acquisition.picture.blocks import Blocks, Map, blocks, parts
from acquisition.picture.view import Frame, FrameFormat

_BIN_PX: Final = 2.0
_SMOOTHING: Final = 1.0
_BOUND: Final = 4.0 * math.pi * _SMOOTHING**2
_SIGMAS: Final = 3.0
_SINGULAR: Final = 1e-12
_FAR_BINS: Final = 1.5
_LEAST_RESPONSE: Final = 0.05
_COARSE: Final = 4


class Stillness(NamedTuple):
    """What moved between two frames, in sensor pixels.

    Attributes
    ----------
    shift_px
        Of the whole view, (x, y).
    error_px
        What noise makes of it: one standard error.
    worst_px
        The least shift of the part that moved most, three standard errors taken off.
    """

    shift_px: tuple[float, float]
    error_px: float
    worst_px: float

    @property
    def length_px(self) -> float:
        """Of the whole view's shift."""
        return math.hypot(*self.shift_px)

    def is_still(self, limit_px: float) -> bool | None:
        """Whether all stood still within a limit; None where noise or darkness hides it."""
        if self.length_px - _SIGMAS * self.error_px > limit_px or self.worst_px > limit_px:
            return False
        if self.error_px * 2 > limit_px:
            return None
        return self.length_px <= limit_px


def stillness(before: Blocks, after: Blocks) -> Stillness | None:
    """Compare two frames of one camera; None where they show nothing that could be compared.

    Parameters
    ----------
    before, after
        Frames of the sharp camera, one after the other, of one size.
    """
    first, second = _normed(before), _normed(after)
    if first is None or second is None:
        return None
    far = _far_shift(first, second)
    if far is not None:
        return Stillness(far, _BIN_PX, math.hypot(*far))
    rows, columns = before.shape
    sums = _sums(first, second, ~(before.any_clipped | after.any_clipped), (rows, columns))
    whole = _solved(sums.sum(axis=(0, 1)))
    if whole is None:
        return None
    worst = 0.0
    for cell in parts((rows, columns)):
        part = _solved(sums[cell].sum(axis=(0, 1)))
        if part is not None:
            worst = max(worst, math.hypot(*part[0]) - _SIGMAS * part[1])
    return Stillness(whole[0], whole[1], worst)


def stillness_of(frames: Sequence[Frame], form: FrameFormat) -> list[Stillness | None]:
    """Each frame of the sharp camera against the one before, as delivered; one less than frames."""
    seen = [blocks(frame, form) for frame in frames]
    return [stillness(*pair) for pair in itertools.pairwise(seen)]


def _normed(seen: Blocks) -> Map | None:
    mean = float(seen.green.mean())
    if mean <= 0:
        return None
    return np.asarray(cv2.GaussianBlur(seen.green / np.float32(mean), (0, 0), _SMOOTHING))


def _far_shift(first: Map, second: Map) -> tuple[float, float] | None:
    """A shift that gradients cannot tell, by phase correlation; None where there is none."""
    height, width = (_transformed(length // _COARSE) for length in first.shape)
    window = np.outer(np.hanning(height), np.hanning(width))
    small = [cv2.resize(e, (width, height), interpolation=cv2.INTER_AREA) for e in (first, second)]
    waves = [((each - each.mean()) * window).astype(np.float64) for each in small]
    (x, y), response = cv2.phaseCorrelate(waves[0], waves[1])
    bins = x * first.shape[1] / width, y * first.shape[0] / height
    if response < _LEAST_RESPONSE or math.hypot(*bins) < max(_FAR_BINS, _COARSE / 2):
        return None
    return bins[0] * _BIN_PX, bins[1] * _BIN_PX


def _transformed(length: int) -> int:
    """The largest even length up to this one, 8 at least, that a transform takes as it is.

    OpenCV fills others up with zeros, and where it then has an odd number of samples, its phase
    correlation tells a shift of half a sample of what stands still.
    """
    even = max(8, length // 2 * 2)
    while even > 8 and cv2.getOptimalDFTSize(even) != even:
        even -= 2
    return even


def _sums(
    first: Map, second: Map, clear: NDArray[np.bool_], shape: tuple[int, int]
) -> NDArray[np.float64]:
    """(rows, columns, 7): xx, xy, yy, xt, yt, tt and the number of bins, by blocks."""
    y, x = np.gradient(0.5 * (first + second))
    t = second - first
    products = np.stack([x * x, x * y, y * y, x * t, y * t, t * t, np.ones_like(t)], axis=2)
    rows, columns = shape
    side = first.shape[0] // rows, first.shape[1] // columns
    cut = products.reshape(rows, side[0], columns, side[1], 7)
    return np.asarray(cut.sum(axis=(1, 3), dtype=np.float64) * clear[..., None])


def _solved(sums: NDArray[np.float64]) -> tuple[tuple[float, float], float] | None:
    """(shift, standard error of its worse direction) in pixels."""
    xx, xy, yy, xt, yt, tt, count = (float(each) for each in sums)
    gradient = np.array([[xx, xy], [xy, yy]])
    if count < 3 or np.linalg.det(gradient) <= _SINGULAR * (xx + yy) ** 2 or xx + yy <= 0:
        return None
    shift = -np.linalg.solve(gradient, [xt, yt])
    rest = max(0.0, tt + float(shift @ [xt, yt])) / count
    weakest = float(np.linalg.eigvalsh(gradient)[0])
    error = math.sqrt(rest * _BOUND / weakest)
    return (_BIN_PX * float(shift[0]), _BIN_PX * float(shift[1])), _BIN_PX * error
