"""RAW pairs: the samples of both sensors as they were, and the map between them.

Of C1 the crop, of C2 what lies around it, so that anyone may develop the pair otherwise. Both are
upright, at even places: the phase of the colours is stated, after flip and crop.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from acquisition.picture.view import Cfa, Frame, unflip
from calibration.interpolation import Map
from calibration.pair_model import PairModel
from dataset.pair.region import RAW_MARGIN_PX, Crop, footprint


class RawPair:
    """Cuts RAW pairs at one crop.

    Parameters
    ----------
    model
        The calibration.
    shape_2
        Height and width of C2's frames.
    crop
        Of C1's upright view.

    Attributes
    ----------
    crop, crop_2
        What is cut out of the upright views.
    cfa, cfa_2
        Colours of the upper left cell of what is cut out; None where there is no mosaic.
    map_xy
        (h, w, 2) float32: where in the cut-out of C2 each pixel of that of C1 lies; by the green
        channel.
    """

    def __init__(self, model: PairModel, shape_2: tuple[int, int], crop: Crop) -> None:
        self._forms = model.formats
        self.crop = crop
        placed = crop.of(model.map_xy["G"])
        even = (shape_2[0] // 2 * 2, shape_2[1] // 2 * 2)
        self.crop_2 = footprint([placed], even, RAW_MARGIN_PX)
        self.cfa: Cfa | None = model.formats["blurry"].upright_cfa
        self.cfa_2: Cfa | None = model.formats["sharp"].upright_cfa
        origin = np.array([self.crop_2.x, self.crop_2.y], dtype=np.float32)
        self.map_xy: Map = np.ascontiguousarray(placed - origin, dtype=np.float32)

    def cut(self, blurry: Frame, sharp: Frame) -> tuple[NDArray[Any], NDArray[Any]]:
        """Cut-outs of two frames as delivered: their dtype, contiguous, nothing changed."""
        first = self.crop.of(unflip(blurry, self._forms["blurry"]))
        second = self.crop_2.of(unflip(sharp, self._forms["sharp"]))
        return np.ascontiguousarray(first), np.ascontiguousarray(second)
