r"""One resampling of a picture along a map, exact on ramps.

A pixel of the result lies at (x, y) in the source and is the value there of a surface through (or
by) the source's samples, of four by four weights that are cubic polynomials of the fraction:

- ``keys``: Keys' cubic convolution with a = −1/2 (R. Keys, IEEE Transactions on Acoustics, Speech,
  and Signal Processing 29 (1981), equation 15), exact on polynomials up to the second degree;
- ``spline``: the cubic B-spline through the samples (M. Unser, IEEE Signal Processing Magazine 16
  (1999)), exact up to the third degree, flatter in the pass band, with a longer reach.

With a scale below 1 the surface is averaged over the area of the larger pixel, which keeps ramps.
Everything is float32; nothing is clipped. Gain planes and a matrix of colours are applied in the
same pass.
"""

from __future__ import annotations

import math
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from calibration.area import AreaAverage
from calibration.bands import Bands
from calibration.interpolation import WEIGHTS, Kernel, Map, held, interpolated_rows, plan, separate

Image = NDArray[np.float32]
Mask = NDArray[np.bool_]

REACH_PX: Final[dict[Kernel, int]] = {"keys": 2, "spline": 6}
"""How far from a position samples matter: of the spline, those with a share of 0.1 % or more."""

_ONE_THREAD: Final = Bands(1)
_POLE: Final = math.sqrt(3.0) - 2.0
_FILTER_RADIUS: Final = 14  # where the pole's powers fall below half a bit of float32


class Resampler:
    """Brings pictures to the pixels of a map. What does not change with the picture is kept.

    One serves one thread at a time, and shares out rows itself.

    Parameters
    ----------
    map_xy
        (H, W, 2) float32: where in the source each pixel of the result lies; one, or one each for
        red, green and blue. The same object for all three counts as one.
    source_shape
        Height and width of the pictures to come, at least 4 × 4.
    kernel
        ``keys`` or ``spline``.
    gain
        (H, W, 3) that the channels are multiplied by after resampling; None: ones.
    matrix
        (3, 3) applied to the colours after the gain; None: the identity.
    area_px
        Side of the square of the source that a pixel averages over: 1 / scale where that is below
        1, else 0, a point.
    bands
        Threads to share rows.

    Attributes
    ----------
    inside
        (H, W) bool: the position lies on the source's pixels, in all channels. Elsewhere the
        source counts as mirrored in its last pixels, at most one pixel beyond them.
    """

    def __init__(
        self,
        map_xy: Map | tuple[Map, Map, Map],
        source_shape: tuple[int, int],
        kernel: Kernel = "keys",
        *,
        gain: NDArray[np.floating[Any]] | None = None,
        matrix: NDArray[np.floating[Any]] | None = None,
        area_px: float = 0.0,
        bands: Bands = _ONE_THREAD,
    ) -> None:
        maps = map_xy if isinstance(map_xy, tuple) else (map_xy,)
        if all(each is maps[0] for each in maps):
            maps = maps[:1]
        least = 4 + math.ceil(area_px)
        if min(source_shape) < least:
            raise ValueError(f"a source of {source_shape} is too small: {least} × {least} at least")
        places = [np.floor(held(each, source_shape)).astype(np.int32) + 1 for each in maps]
        self._places = [each[..., 1] * (source_shape[1] + 2) + each[..., 0] for each in places]
        self._source_shape = (int(source_shape[0]), int(source_shape[1]))
        self._kernel: Kernel = kernel
        self._bands = bands
        self.shape = (int(maps[0].shape[0]), int(maps[0].shape[1]))
        """Height and width of the result."""
        self.inside = np.logical_and.reduce([_inside(each, self._source_shape) for each in maps])
        self._area = AreaAverage(maps, self._source_shape, kernel, area_px) if area_px > 0 else None
        self._plans = [] if self._area else [plan(each, self._source_shape) for each in maps]
        self._gain = _planes(self.shape, gain)
        self._scratch: NDArray[np.float32] | None = None
        self._matrix = np.eye(3, dtype=np.float32)
        if matrix is not None:
            self._matrix = np.ascontiguousarray(matrix, dtype=np.float32)

    @property
    def reach_px(self) -> int:
        """How far from a position samples matter, the area included."""
        return REACH_PX[self._kernel] + (self._area.half_px if self._area else 0)

    def resample(self, image: NDArray[Any], out: Image | None = None) -> Image:
        """A picture (h, w, 3) of any real type → (H, W, 3) float32; `out`: where to put it."""
        if image.ndim != 3 or image.shape[2] != 3:
            raise ValueError(f"a picture (h, w, 3) is needed, got {image.shape}")
        height, width = image.shape[:2]
        if self._scratch is None or self._scratch.shape[1:] != (height, width):
            self._scratch = np.empty((3, height, width), dtype=np.float32)
        planes = self._scratch
        interleaved, apart = np.ascontiguousarray(image).reshape(-1), planes.reshape(-1)
        area = height * width

        def rows(first: int, last: int) -> None:
            separate(interleaved, first * width, last * width, area, apart)

        self._bands.run(rows, height)
        return self.resample_planes(planes, out)

    def resample_planes(self, planes: NDArray[np.float32], out: Image | None = None) -> Image:
        """As `resample`, of planes (3, h, w) float32."""
        if planes.shape != (3, *self._source_shape):
            raise ValueError(f"planes of {planes.shape}, expected (3, *{self._source_shape})")
        if self._kernel == "spline":
            planes = coefficients(planes)
        if out is None:
            out = np.empty((*self.shape, 3), dtype=np.float32)
        elif out.shape != (*self.shape, 3) or out.dtype != np.float32 or not out.flags.c_contiguous:
            raise ValueError(f"out: a contiguous float32 array {(*self.shape, 3)} is needed")
        made = out.reshape(-1)
        weights = WEIGHTS[self._kernel]
        source = np.ascontiguousarray(planes, dtype=np.float32).reshape(-1)
        if self._area is None:
            red, green, blue = (self._plans[c % len(self._plans)] for c in range(3))

        def rows(first: int, last: int) -> None:
            if self._area is not None:
                self._area.rows(source, self._gain, self._matrix, made, first, last)
                return
            interpolated_rows(
                source,
                self._source_shape,
                (red.fraction, green.fraction, blue.fraction),
                (red.runs, green.runs, blue.runs),
                (red.first_run, green.first_run, blue.first_run),
                len(self._plans) == 1,
                weights,
                self._gain,
                self._matrix,
                made,
                self.shape,
                first,
                last,
            )

        self._bands.run(rows, self.shape[0])
        return out

    def touched(self, mask: Mask) -> Mask:
        """(H, W): pixels with a marked one of the source (h, w) among the samples they are of.

        Those within `reach_px` of the position, in all channels.
        """
        if not mask.any():  # the rule
            return np.zeros(self.shape, dtype=np.bool_)
        reach = self.reach_px
        side = 2 * reach
        # Of a position between n and n + 1 the samples are n + 1 − reach to n + reach.
        wide = cv2.copyMakeBorder(mask.astype(np.uint8), 1, 1, 1, 1, cv2.BORDER_REPLICATE)
        grown = cv2.dilate(wide, np.ones((side, side), np.uint8), anchor=(reach - 1, reach - 1))
        flat = grown.ravel()
        marked = [flat[places] > 0 for places in self._places]
        return np.asarray(np.logical_or.reduce(marked), dtype=np.bool_)


def coefficients(planes: NDArray[Any]) -> NDArray[np.float32]:
    """Coefficients of the cubic B-spline through samples (C, h, w), mirrored at the borders.

    The two recursive filters of Unser's equation (box 2) as one symmetric filter, cut off where
    its terms no longer count in float32.
    """
    powers = _POLE ** np.abs(np.arange(-_FILTER_RADIUS, _FILTER_RADIUS + 1, dtype=np.float64))
    taps = powers / powers.sum()
    filtered = [
        cv2.sepFilter2D(
            each.astype(np.float32, copy=False),
            cv2.CV_32F,
            taps,
            taps,
            borderType=cv2.BORDER_REFLECT_101,
        )
        for each in planes
    ]
    return np.stack(filtered).astype(np.float32, copy=False)


def scaled_grid(shape: tuple[int, int], scale: float) -> Map:
    """Where the pixels of a picture of `shape` lie in one that is 1 / scale times its size.

    Pixel centres lie at integers and both pictures cover the same area, so that a pixel u lies at
    ``(u + 1/2) / scale − 1/2``: half a pixel is not forgotten. (H, W, 2) float32.
    """
    height, width = shape
    x = (np.arange(width, dtype=np.float64) + 0.5) / scale - 0.5
    y = (np.arange(height, dtype=np.float64) + 0.5) / scale - 0.5
    return np.stack(np.meshgrid(x, y), axis=-1).astype(np.float32)


def _planes(shape: tuple[int, int], gain: NDArray[Any] | None) -> NDArray[np.float32]:
    if gain is None:
        return np.empty(0, dtype=np.float32)
    if gain.shape != (*shape, 3):
        raise ValueError(f"gains of {gain.shape}, expected {(*shape, 3)}")
    return np.moveaxis(gain, 2, 0).astype(np.float32).ravel()


def _inside(map_xy: Map, source_shape: tuple[int, int]) -> Mask:
    x, y = map_xy[..., 0], map_xy[..., 1]
    height, width = source_shape
    return np.asarray((x >= 0) & (y >= 0) & (x <= width - 1) & (y <= height - 1))
