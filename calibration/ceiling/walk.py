"""One picture's way through the chain of a pair, with errors as large as a calibration says."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from bsd.errors import FoundBad
from calibration.ceiling.content import Content
from calibration.ceiling.sensing import Sensing
from calibration.pair_model import PairModel
from calibration.photometry.noise import NoiseModel
from calibration.resampling import Resampler

Picture = NDArray[np.float32]
Encode = Callable[[Picture], NDArray[np.uint8]]

_MARGIN_PX: Final = 12
_BORDER: Final = 2 * _MARGIN_PX
_GRID: Final = 9
_PEAK: Final = 255.0


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


def srgb(white_dn: NDArray[np.float64]) -> Encode:
    """Neutral encoding: each channel clipped at its white, IEC 61966-2-1, rounded half up."""

    def encode(linear: Picture) -> NDArray[np.uint8]:
        light = np.clip(linear / white_dn.astype(np.float32), 0.0, 1.0)
        coded = np.where(
            light <= 0.0031308, 12.92 * light, 1.055 * np.power(light, 1 / 2.4) - 0.055
        )
        return np.floor(_PEAK * coded + 0.5).astype(np.uint8)

    return encode


class Walk:
    """One picture before the rig, in the middle of the view.

    Parameters
    ----------
    content
        The picture; no larger than C1's view.
    model, errors, sensing
        Of the setting, the calibration and C2's camera.
    rng
        Draws the errors, and the noise of each walk.

    Raises
    ------
    FoundBad
        The model holds what is no number, or colours that cannot be told apart.
    """

    def __init__(
        self,
        content: Content,
        model: PairModel,
        errors: PairErrors,
        sensing: Sensing,
        rng: np.random.Generator,
    ) -> None:
        self.content, self.errors, self.sensing = content, errors, sensing
        self._matrix, self._rng = model.matrix, rng
        height, width = (min(a, b) for a, b in zip(content.shape, model.shape_1, strict=True))
        y, x = (
            (whole - part) // 4 * 2
            for whole, part in zip(model.shape_1, (height, width), strict=True)
        )
        self._shape = (height, width)
        self._map = model.map_xy["G"][y : y + height, x : x + width]
        self._ratio = model.ratio[y : y + height, x : x + width].mean(axis=(0, 1), dtype=np.float64)
        _refuse_unusable(self._map, self._ratio, model, errors)
        angle = rng.uniform(0, 2 * np.pi)
        direction = np.array([np.cos(angle), np.sin(angle)])
        self._off = (errors.map_px * direction).astype(np.float32)
        drawn = rng.standard_normal(1 if sensing.is_mono else 3)
        self._gain = (1.0 + errors.gain * drawn).astype(np.float32)

    @property
    def truth(self) -> Picture:
        """(h, w, 3) what `aligned` should give."""
        return self.content.samples()[: self._shape[0], : self._shape[1]]

    def with_content_noise(self) -> Walk:
        """The same errors, before a picture with once more what is no scene in it already.

        That is noise, and the sensitivities of pixels that are not corrected.
        """
        noise = self.errors.noise
        if noise is None:
            return self
        full = self.content.full
        drawn = self._rng.standard_normal((*full.shape[:2], 1), dtype=np.float32)
        more = self.sensing.noise_in(full, self._matrix, noise, self._rng)
        more += np.float32(self.errors.pixel_gain) * drawn * full
        other = copy.copy(self)
        other.content = Content(full + more)
        return other

    def aligned(self, noise: NoiseModel | None) -> tuple[Picture, Picture]:
        """What comes out of the chain, at the content's pixels, and what C2 shows before it.

        The latter in C1's colours and in C2's geometry, its border left out.
        """
        low = np.floor(self._map.min(axis=(0, 1))).astype(int) // 2 * 2 - _MARGIN_PX
        high = np.ceil(self._map.max(axis=(0, 1))).astype(int) // 2 * 2 + _MARGIN_PX
        light = self._seen(low, high)
        samples = self.sensing.samples(light, self._pixels(light.shape), noise, self._rng)
        colours = self.sensing.colours(samples)
        place = (self._map - low.astype(np.float32) + self._off).astype(np.float32)
        found = Resampler(place, colours.shape[:2]).resample(colours) / self._ratio
        matrix = self._matrix.T.astype(np.float32)
        matched = found @ matrix * self._gain
        seen = (colours @ matrix)[_BORDER:-_BORDER, _BORDER:-_BORDER]
        return np.asarray(matched, dtype=np.float32), np.asarray(seen, dtype=np.float32)

    def _seen(self, low: NDArray[np.int_], high: NDArray[np.int_]) -> Picture:
        """What C2's pixels of a window would show behind no filter, in DN of C2."""
        x, y = (np.arange(a, b, dtype=np.float64) for a, b in zip(low, high, strict=True))
        points = np.stack(np.meshgrid(x, y), axis=-1)
        back = _inverse(self._map)
        moved = cv2.perspectiveTransform(points.reshape(1, -1, 2), back).reshape(points.shape)
        light = self.content.at(moved.astype(np.float32))
        inverse = np.linalg.inv(self._matrix).astype(np.float32)
        return np.asarray((light @ inverse.T) * self._ratio, dtype=np.float32)

    def _pixels(self, shape: tuple[int, ...]) -> Picture:
        rng = np.random.default_rng(7)  # the silicon stays the same from frame to frame
        drawn = rng.standard_normal(shape[:2], dtype=np.float32)
        return np.float32(1.0) + np.float32(self.errors.pixel_gain) * drawn


def _refuse_unusable(
    map_xy: Picture, ratio: NDArray[np.float64], model: PairModel, errors: PairErrors
) -> None:
    told: dict[str, NDArray[Any]] = {
        "the map": map_xy,
        "the ratio of the flats": ratio,
        "the colour matrix": model.matrix,
        "the white level": model.white_dn,
        "the error of the map": np.array(errors.map_px),
        "the error of the gains": np.array(errors.gain),
        "the spread of the pixels": np.array(errors.pixel_gain),
    }
    for name, values in told.items():
        if not np.isfinite(values).all():
            raise FoundBad(f"{name} holds what is no number; record flats, darks and targets again")
    if np.linalg.matrix_rank(model.matrix) < len(model.matrix):
        raise FoundBad("the colour matrix leaves colours alike; record the colour chart again")


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
