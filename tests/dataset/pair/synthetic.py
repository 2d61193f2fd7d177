"""Frames whose colours are known at each place, and models for them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from acquisition.picture.view import FrameFormat, unflip
from calibration.mosaic import channel_index
from calibration.pair_model import PairModel

CFAS = ("RGGB", "GRBG", "GBRG", "BGGR")
FLIPS = ("none", "horizontal", "vertical")


def delivered(upright: NDArray[Any], form: FrameFormat) -> NDArray[np.uint16]:
    """(H, W) frame as a camera delivers what is `upright` (H, W, 3); sides even."""
    as_lies = unflip(upright, form)  # a flip undoes itself
    if form.cfa is None:
        return np.ascontiguousarray(as_lies[..., 1]).astype(np.uint16)
    y, x = np.mgrid[0 : as_lies.shape[0], 0 : as_lies.shape[1]]
    chosen = channel_index(form.cfa)[y % 2, x % 2]
    return np.take_along_axis(as_lies, chosen[..., None], axis=2)[..., 0].astype(np.uint16)


def shifted_map(shape_1: tuple[int, int], shift: tuple[float, float]) -> NDArray[np.float32]:
    """C1 pixel + shift = C2 pixel."""
    y, x = np.mgrid[0 : shape_1[0], 0 : shape_1[1]].astype(np.float32)
    return np.stack([x + np.float32(shift[0]), y + np.float32(shift[1])], axis=-1)


def model(
    shape_1: tuple[int, int],
    form_1: FrameFormat,
    form_2: FrameFormat,
    shift: tuple[float, float] = (0.0, 0.0),
    **fields: Any,
) -> PairModel:
    """A calibration with a shift; everything else neutral unless given."""
    map_xy = shifted_map(shape_1, shift)
    given: dict[str, Any] = {
        "formats": {"blurry": form_1, "sharp": form_2},
        "black_dn": {
            "blurry": np.full(4, form_1.black_dn, dtype=np.float32),
            "sharp": np.full(4, form_2.black_dn, dtype=np.float32),
        },
        "map_xy": {"R": map_xy, "G": map_xy, "B": map_xy},
        "ratio": np.ones((*shape_1, 3), dtype=np.float32),
        "matrix": np.eye(3),
        "white_dn": np.full(3, 3900.0),
    }
    return PairModel(**{**given, **fields})
