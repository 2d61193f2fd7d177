"""What C2's camera delivers of known light, brought back to linear colours as a pair's build does.

Three kinds of camera: one behind a mosaic of colour filters, one without filters (mono), and one
that makes its colours itself. How the last does that is not known, so that its colours count as
seen: what is predicted with them is a bound (see `calibration.ceiling.prediction.Ceilings`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from acquisition.picture.view import Cfa
from calibration.mosaic import Demosaic, channel_index, demosaic
from calibration.pair_model import PairModel
from calibration.photometry.noise import NoiseModel

Picture = NDArray[np.float32]


@dataclass(frozen=True)
class Sensing:
    """One camera, from light to linear colours.

    Attributes
    ----------
    cfa
        Upright; None without a mosaic.
    is_mono
        One sample a pixel, and no filters.
    most_dn
        Above black a sample is clipped from here on.
    curve
        (codes, 3) float32: light above black by code of encoded colour, else None.
    method
        Of demosaicing.
    """

    cfa: Cfa | None
    is_mono: bool
    most_dn: float
    curve: NDArray[np.float32] | None
    method: Demosaic = "malvar"

    @classmethod
    def of(cls, model: PairModel, *, is_mono: bool, method: Demosaic = "malvar") -> Sensing:
        """Of C2 in a pair's model."""
        form = model.formats["sharp"]
        curve = model.response["sharp"]
        black = float(np.mean(model.black_dn["sharp"]))
        most = form.clip_dn - (black if curve is None else 0.0)
        return cls(form.upright_cfa, is_mono, most, curve, method)

    @property
    def makes_colours(self) -> bool:
        """The camera's own processing stands between the light and its samples."""
        return self.cfa is None and not self.is_mono

    def samples(
        self,
        light: Picture,
        pixel_gain: Picture,
        noise: NoiseModel | None,
        rng: np.random.Generator,
    ) -> Picture:
        """Samples above black, clipped and rounded: (H, W), or (H, W, 3) of own colours.

        Parameters
        ----------
        light
            (H, W, 3) float32, DN of C2 above black; (H, W, 1) suffices for mono.
        pixel_gain
            (H, W) sensitivities.
        noise
            None: none.
        """
        if self.cfa is not None:
            seen = through_filters(light, self.cfa) * pixel_gain
        elif self.is_mono:
            seen = light[..., 0] * pixel_gain
        else:
            seen = light * pixel_gain[..., None]
        if noise is not None:
            spread = np.sqrt(noise.variance_dn2(seen))
            seen = seen + spread * rng.standard_normal(seen.shape, dtype=np.float32)
        if self.curve is None:
            whole = np.minimum(np.floor(seen + np.float32(0.5)), np.float32(self.most_dn))
            return np.asarray(whole, dtype=np.float32)
        return _coded(seen, self.curve)

    def colours(self, samples: Picture) -> Picture:
        """(H, W, 3) float32 of what `samples` gives, as a pair's build makes them."""
        if self.cfa is not None:
            return demosaic(samples, self.cfa, self.method)
        if self.is_mono:
            return np.repeat(samples[..., None], 3, axis=2)
        return samples

    def second_mosaics(self, picture: Picture) -> list[tuple[Picture, Picture]]:
        """Parts of a picture (h, w, 3), and what a second mosaic, shifted by a pixel, makes of it.

        Without a mosaic: none.
        """
        if self.cfa is None:
            return []
        found = []
        for y, x in ((1, 0), (0, 1), (1, 1)):
            height, width = (
                (side - shift) // 2 * 2 for side, shift in zip(picture.shape, (y, x), strict=False)
            )
            shifted = np.ascontiguousarray(picture[y : y + height, x : x + width])
            again = demosaic(through_filters(shifted, self.cfa), self.cfa, self.method)
            found.append((shifted, again))
        return found

    def noise_in(
        self,
        picture: Picture,
        matrix: NDArray[np.float64],
        noise: NoiseModel,
        rng: np.random.Generator,
    ) -> Picture:
        """Noise as it is in a frame without a mosaic, (H, W, 3) in C1's colours, DN of C1."""
        inverse = np.linalg.inv(matrix).astype(np.float32)
        light = picture @ inverse.T
        drawn = rng.standard_normal((*light.shape[:2], 1 if self.is_mono else 3), dtype=np.float32)
        own = np.sqrt(noise.variance_dn2(light)) * drawn
        return np.asarray(own @ matrix.T.astype(np.float32), dtype=np.float32)


def through_filters(light: Picture, cfa: Cfa) -> Picture:
    """(H, W) mosaic of light (H, W, 3)."""
    mosaic = np.empty(light.shape[:2], dtype=np.float32)
    for (row, column), channel in np.ndenumerate(channel_index(cfa)):
        mosaic[row::2, column::2] = light[row::2, column::2, channel]
    return mosaic


def _coded(light: Picture, curve: NDArray[np.float32]) -> Picture:
    """Light as the nearest code tells it."""
    found = np.empty_like(light)
    for channel in range(light.shape[2]):
        steps = curve[:, channel]
        codes = np.searchsorted((steps[1:] + steps[:-1]) / 2, light[..., channel], side="right")
        found[..., channel] = steps[codes]
    return found
