"""Two ceilings: what PSNR a sharp frame can reach against the truth, with and without noise.

The chain of a pair is walked with a picture that is known everywhere: C2's mosaic of it (at the
places that the map tells, with C2's colours, saturation, rounding), demosaiced, resampled by a map
that is off by as much as the calibration may be, matched with gains that are off likewise, encoded.
It is compared with the picture at C1's pixels. *Systematic*: all but noise. *Total*: with C2's
photon and read noise. C1's noise is no error, and no part of either.

Such pictures are half the size of the frames (`calibration.ceiling.content`), and not quite as
detailed. So their error is scaled by one that can be had at both sizes without knowing the truth:
what a second mosaic of a demosaiced picture, shifted by a pixel, makes of it. With e the error of
the chain, s that of the second mosaic without noise and n what noise adds to it,

    e(full) = e(half) / s(half) · (s(full) − n(half)),

and of the two pictures of a frame the geometric mean is taken.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from acquisition.picture.view import Cfa
from bsd.document import Part
from calibration.ceiling.content import Content, View
from calibration.fidelity import mse
from calibration.mosaic import Demosaic, channel_index, demosaic
from calibration.pair_model import PairModel
from calibration.photometry.noise import NoiseModel
from calibration.resampling import Resampler

Picture = NDArray[np.float32]
Encode = Callable[[Picture], NDArray[np.uint8]]

_MARGIN_PX: Final = 12
_GRID: Final = 9
_PEAK: Final = 255.0
_QUARTERS: Final = 4
_BORDER: Final = 2 * _MARGIN_PX
_RIM: Final = 4
_LEAST_ERROR: Final = 1e-6
_LEAST_SHARE: Final = 0.1
"""Of the second mosaic's error that is not noise, at least."""


@dataclass(frozen=True)
class PairErrors:
    """What a calibration leaves unknown.

    Attributes
    ----------
    map_px
        Root mean square of the map's error over the view, both axes together.
    gain
        Relative error of a channel's gain, one sigma.
    pixel_gain
        Relative spread of C2's pixels that is not corrected.
    noise
        Of C2; None where it is not known, and then there is no total.
    """

    map_px: float
    gain: float
    pixel_gain: float
    noise: NoiseModel | None


class Ceilings(Part):
    """Mean PSNR over the pictures, dB, 8-bit sRGB.

    Attributes
    ----------
    systematic_db, total_db
        Without and with C2's noise; the latter None where the noise is not known.
    pictures
        How many were used.
    demosaic
        The method.
    """

    systematic_db: float
    total_db: float | None
    pictures: int
    demosaic: Demosaic


def predict(
    views: Sequence[View],
    model: PairModel,
    errors: PairErrors,
    encode: Encode,
    method: Demosaic = "malvar",
    seed: int = 0,
) -> Ceilings:
    """Predict both ceilings.

    Parameters
    ----------
    views
        Of frames of C2 with a mosaic.
    model
        Of the setting.
    errors
        Of the calibration.
    encode
        Linear (h, w, 3) float32 in DN of C1 → sRGB uint8, as pairs are published.
    method
        Of demosaicing.
    seed
        Of errors and noise.
    """
    systematic, total = [], []
    for number, view in enumerate(views):
        found = [
            _full_errors(view, half, model, errors, encode, method, (seed, number))
            for half in view.halves
        ]
        chain = float(np.sqrt(found[0][0] * found[1][0]))
        noise = 0.5 * (found[0][1] + found[1][1])
        systematic.append(_decibels(chain))
        total.append(_decibels(chain + noise))
    return Ceilings(
        systematic_db=float(np.mean(systematic)),
        total_db=None if errors.noise is None else float(np.mean(total)),
        pictures=len(views),
        demosaic=method,
    )


def _full_errors(
    view: View,
    half: Content,
    model: PairModel,
    errors: PairErrors,
    encode: Encode,
    method: Demosaic,
    seed: tuple[int, int],
) -> tuple[float, float]:
    """Mean squares in full size, codes²: of the chain without noise, and what noise adds."""
    truth = encode(half.samples())
    cfa = model.formats["sharp"].upright_cfa or "RGGB"
    rows = []
    for quarter in range(_QUARTERS):
        rng = np.random.default_rng(np.random.SeedSequence([*seed, quarter]))
        walk = _Walk(half, model, errors, rng, quarter)
        clean, clean_seen = walk.aligned(method, None)
        noisy, noisy_seen = walk.aligned(method, errors.noise)
        rows.append(
            (
                _mean_square(truth, encode(clean)),
                _mean_square(truth, encode(noisy)),
                second_mosaic(clean_seen, cfa, encode, method),
                second_mosaic(noisy_seen, cfa, encode, method),
            )
        )
    chain, noisy_chain, own, noisy_own = np.mean(rows, axis=0)
    full = second_mosaic(view.full, cfa, encode, method)
    detail = max(full - (noisy_own - own), _LEAST_SHARE * full)
    return float(chain / max(own, _LEAST_ERROR) * detail), float(noisy_chain - chain)


def second_mosaic(picture: Picture, cfa: Cfa, encode: Encode, method: Demosaic) -> float:
    """What mosaics of a picture, shifted by a pixel, make of it: mean square, codes²."""
    found = []
    for y, x in ((1, 0), (0, 1), (1, 1)):
        height, width = (
            (side - shift) // 2 * 2 for side, shift in zip(picture.shape, (y, x), strict=False)
        )
        shifted = np.ascontiguousarray(picture[y : y + height, x : x + width])
        again = demosaic(_through_filters(shifted, channel_index(cfa)), cfa, method)
        found.append(_mean_square(encode(shifted), encode(again)))
    return float(np.mean(found))


def srgb(white_dn: NDArray[np.float64]) -> Encode:
    """Neutral encoding: each channel clipped at its white, IEC 61966-2-1, rounded half up."""

    def encode(linear: Picture) -> NDArray[np.uint8]:
        light = np.clip(linear / white_dn.astype(np.float32), 0.0, 1.0)
        coded = np.where(
            light <= 0.0031308, 12.92 * light, 1.055 * np.power(light, 1 / 2.4) - 0.055
        )
        return np.floor(_PEAK * coded + 0.5).astype(np.uint8)

    return encode


class _Walk:
    """One picture before the rig, at a place of its own in the view."""

    def __init__(
        self,
        content: Content,
        model: PairModel,
        errors: PairErrors,
        rng: np.random.Generator,
        number: int,
    ) -> None:
        self._content, self._model, self._errors, self._rng = content, model, errors, rng
        height, width = (min(a, b) for a, b in zip(content.shape, model.shape_1, strict=True))
        # Pictures stand in the four quarters in turn, so that all phases of the map come up.
        y = (model.shape_1[0] - height) * (number // 2 % 2) // 2 * 2
        x = (model.shape_1[1] - width) * (number % 2) // 2 * 2
        self._shape = content.shape
        self._map = model.map_xy["G"][y : y + height, x : x + width]
        self._ratio = model.ratio[y : y + height, x : x + width].mean(axis=(0, 1), dtype=np.float64)
        angle = rng.uniform(0, 2 * np.pi)
        direction = np.array([np.cos(angle), np.sin(angle)])
        self._off = (errors.map_px * direction).astype(np.float32)
        self._gain = (1.0 + errors.gain * rng.standard_normal(3)).astype(np.float32)

    def aligned(self, method: Demosaic, noise: NoiseModel | None) -> tuple[Picture, Picture]:
        """What comes out of the chain, at the content's pixels, and what C2 shows before it.

        The latter in C1's colours and in C2's geometry, its border left out.
        """
        form = self._model.formats["sharp"]
        low = np.floor(self._map.min(axis=(0, 1))).astype(int) // 2 * 2 - _MARGIN_PX
        high = np.ceil(self._map.max(axis=(0, 1))).astype(int) // 2 * 2 + _MARGIN_PX
        seen = self._seen(low, high)
        cfa = form.upright_cfa
        samples: Picture = seen if cfa is None else _through_filters(seen, channel_index(cfa))
        samples *= self._pixels(samples.shape)
        if noise is not None:
            spread = np.sqrt(noise.variance_dn2(samples))
            samples += spread * self._rng.standard_normal(samples.shape, dtype=np.float32)
        most = np.float32(form.clip_dn - float(np.mean(self._model.black_dn["sharp"])))
        samples = np.minimum(np.floor(samples + np.float32(0.5)), most)
        colours: Picture = samples if cfa is None else demosaic(samples, cfa, method)
        place = (self._map - low.astype(np.float32) + self._off).astype(np.float32)
        found = Resampler(place, colours.shape[:2]).resample(colours) / self._ratio
        matrix = self._model.matrix.T.astype(np.float32)
        matched = (found @ matrix * self._gain)[: self._shape[0], : self._shape[1]]
        seen = (colours @ matrix)[_BORDER:-_BORDER, _BORDER:-_BORDER]
        return np.asarray(matched, dtype=np.float32), np.asarray(seen, dtype=np.float32)

    def _seen(self, low: NDArray[np.int_], high: NDArray[np.int_]) -> Picture:
        """What C2's pixels of a window would show behind no filter, in DN of C2."""
        x, y = (np.arange(a, b, dtype=np.float64) for a, b in zip(low, high, strict=True))
        points = np.stack(np.meshgrid(x, y), axis=-1)
        back = _inverse(self._map)
        moved = cv2.perspectiveTransform(points.reshape(1, -1, 2), back).reshape(points.shape)
        light = self._content.at(moved.astype(np.float32))
        inverse = np.linalg.inv(self._model.matrix).astype(np.float32)
        return np.asarray((light @ inverse.T) * self._ratio, dtype=np.float32)

    def _pixels(self, shape: tuple[int, ...]) -> Picture:
        rng = np.random.default_rng(7)  # the silicon stays the same from frame to frame
        drawn = rng.standard_normal(shape[:2], dtype=np.float32)
        gain = np.float32(1.0) + np.float32(self._errors.pixel_gain) * drawn
        return gain if len(shape) == 2 else gain[..., None]


def _inverse(map_xy: Picture) -> NDArray[np.float64]:
    """Homography from C2's pixels to the pixels of a window of the map; exact to its curvature."""
    height, width = map_xy.shape[:2]
    rows = np.linspace(0, height - 1, _GRID).round().astype(int)
    columns = np.linspace(0, width - 1, _GRID).round().astype(int)
    y, x = np.meshgrid(rows, columns, indexing="ij")
    there = map_xy[y, x].reshape(-1, 1, 2).astype(np.float64)
    here = np.stack([x, y], axis=-1).reshape(-1, 1, 2).astype(np.float64)
    found, _ = cv2.findHomography(there, here, 0)
    return np.asarray(found, dtype=np.float64)


def _through_filters(seen: Picture, index: NDArray[np.int64]) -> Picture:
    mosaic = np.empty(seen.shape[:2], dtype=np.float32)
    for (row, column), channel in np.ndenumerate(index):
        mosaic[row::2, column::2] = seen[row::2, column::2, channel]
    return mosaic


def _mean_square(truth: NDArray[np.uint8], found: NDArray[np.uint8]) -> float:
    inner = (slice(_RIM, -_RIM), slice(_RIM, -_RIM))  # a picture's border is no error of the chain
    return mse(np.ascontiguousarray(truth[inner]), np.ascontiguousarray(found[inner]))


def _decibels(error: float) -> float:
    return float(10.0 * np.log10(_PEAK**2 / max(error, _LEAST_ERROR)))
