r"""From two raw frames to a pair in one geometry, one shading and one unit, linear.

C1 keeps its authentic pixels: black level and defects are taken out, colours are interpolated,
nothing else. C2 is brought to it, by one resampling (`calibration.pair_model` has the equation).
Values are DN of C1 above black, float32, of either sign: noise around black stays unbiased.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from acquisition.picture.view import Frame
from acquisition.rig import Role
from bsd.document import Part
from bsd.errors import UserMistake
from calibration.bands import Bands
from calibration.interpolation import Kernel, Map
from calibration.mosaic import SUPPORT_PX, Demosaic, demosaic_planes
from calibration.pair_model import PairModel
from calibration.resampling import REACH_PX, Resampler, scaled_grid
from dataset.pair.camera_part import CameraPart, refuse_unusable
from dataset.pair.region import Crop, around, find_crop, footprint

Picture = NDArray[np.float32]
Mask = NDArray[np.bool_]

_EVEN: Final = 2


class DevelopOptions(Part):
    """How pairs are made.

    Attributes
    ----------
    demosaic
        ``malvar``, or ``menon``: better at edges, about a hundred times slower.
    kernel
        Of the resampling: ``keys``, or ``spline``, which blurs less and reaches farther.
    size_px
        Width and height of a published frame, even.
    scale
        Published pixels per pixel of C1, 0.1 to 1. Below 1 both views are averaged over the
        larger pixels.
    """

    demosaic: Demosaic = "malvar"
    kernel: Kernel = "keys"
    size_px: tuple[int, int] = (640, 480)
    scale: float = Field(default=1.0, ge=0.1, le=1.0)

    @model_validator(mode="after")
    def _even(self) -> DevelopOptions:
        if any(side < _EVEN or side % _EVEN for side in self.size_px):
            raise ValueError("width and height are to be even")
        return self

    @property
    def footprint_px(self) -> tuple[int, int]:
        """Width and height of the crop of C1: even, and no smaller than what is published."""
        width, height = (-(-round(side / self.scale, 6) // _EVEN) for side in self.size_px)
        return int(width) * _EVEN, int(height) * _EVEN

    @property
    def area_px(self) -> float:
        """Side of a published pixel in pixels of the sensors; 0 where it is one of them."""
        return 1.0 / self.scale if self.scale < 1.0 else 0.0

    @property
    def reach_px(self) -> int:
        """How far from a pixel the samples lie that it is made of; even."""
        reach = SUPPORT_PX[self.demosaic] + REACH_PX[self.kernel]
        reach += int(np.ceil(self.area_px / 2))
        return -(-reach // _EVEN) * _EVEN


@dataclass(frozen=True)
class DevelopedPair:
    """One pulse, developed.

    Attributes
    ----------
    blurry, sharp
        (h, w, 3) float32 linear RGB in DN of C1 above black.
    blurry_saturated, sharp_saturated
        (h, w) bool: made with a clipped sample.
    """

    blurry: Picture
    sharp: Picture
    blurry_saturated: Mask
    sharp_saturated: Mask


class PairDeveloper:
    """Develops the pairs of one setting at one moment of a session.

    One may serve one thread at a time: it shares out rows itself.

    Parameters
    ----------
    model
        The calibration.
    shape_2
        Height and width of C2's frames.
    options
        How.
    threads
        That share a frame; the result does not depend on it.
    crop
        Of C1, where it is settled already (the calibration may drift, the crop may not); of
        ``options.footprint_px``.

    Attributes
    ----------
    crop
        Of C1's upright view.

    Raises
    ------
    UserMistake
        What both cameras see is too small for the size, a crop is not covered, or the calibration
        holds a factor that is no number above 0.
    """

    def __init__(
        self,
        model: PairModel,
        shape_2: tuple[int, int],
        options: DevelopOptions | None = None,
        threads: int = 1,
        crop: Crop | None = None,
    ) -> None:
        refuse_unusable(
            {
                "the matrix": model.matrix,
                **{f"the black level of {role}": each for role, each in model.black_dn.items()},
                **{f"the response of {role}": each for role, each in model.response.items()},
            },
            least=-np.inf,
        )
        refuse_unusable({"the white level": model.white_dn}, least=0.0)
        self.model = model
        self.options = options or DevelopOptions()
        self._bands = Bands(threads)
        shape_2 = (shape_2[0] // _EVEN * _EVEN, shape_2[1] // _EVEN * _EVEN)
        reach = self.options.reach_px
        size = self.options.footprint_px
        self.crop = crop or find_crop([model], shape_2, size, reach)
        if (self.crop.width, self.crop.height) != size:
            raise UserMistake(f"crop {tuple(self.crop)}: {size[0]} × {size[1]} px are to be cut")
        grid = self._grid()
        maps = _at(model, grid)
        part = footprint(maps.values(), shape_2, reach)
        self._views: dict[Role, CameraPart] = {
            "blurry": CameraPart(model, "blurry", around(self.crop, model.shape_1, reach)),
            "sharp": CameraPart(model, "sharp", part),
        }
        refuse_unusable({"the ratio of the flats": self.crop.of(model.ratio)}, least=0.0)
        shift = np.array([part.x, part.y], dtype=np.float32)
        moved = {id(each): each - shift for each in maps.values()}
        self._sharp = Resampler(
            (moved[id(maps["R"])], moved[id(maps["G"])], moved[id(maps["B"])]),
            (part.height, part.width),
            self.options.kernel,
            gain=1.0 / _sampled(model.ratio, grid),
            matrix=model.matrix,
            area_px=self.options.area_px,
            bands=self._bands,
        )
        if not self._sharp.inside.all():
            raise UserMistake(f"crop {tuple(self.crop)}: C2 does not see all of it")
        self._blurry = self._scaler(grid) if self.options.scale < 1.0 else None

    def develop(self, blurry: Frame, sharp: Frame) -> DevelopedPair:
        """Develop the raw frames of one pulse, (H, W) or (H, W, 3) as delivered."""
        first, first_clipped = self._planes("blurry", blurry)
        second, second_clipped = self._planes("sharp", sharp)
        if self._blurry is not None:
            one = self._blurry.resample_planes(first)
            one_clipped = self._blurry.touched(first_clipped)
        else:
            inner = self._inner
            merged = cv2.merge([np.ascontiguousarray(inner.of(plane)) for plane in first])
            one, one_clipped = np.asarray(merged, dtype=np.float32), inner.of(first_clipped).copy()
        return DevelopedPair(
            one,
            self._sharp.resample_planes(second),
            np.asarray(one_clipped, dtype=np.bool_),
            self._sharp.touched(second_clipped),
        )

    def close(self) -> None:
        """Let go of the threads."""
        self._bands.close()

    @property
    def _inner(self) -> Crop:
        """The crop within the part of C1 that is demosaiced."""
        part = self._views["blurry"].part
        return self.crop._replace(x=self.crop.x - part.x, y=self.crop.y - part.y)

    def _grid(self) -> Map:
        """Where in C1 the published pixels lie, (h, w, 2)."""
        width, height = self.options.size_px
        if self.options.scale == 1.0:
            x = np.arange(self.crop.x, self.crop.x + width, dtype=np.float32)
            y = np.arange(self.crop.y, self.crop.y + height, dtype=np.float32)
            return np.stack(np.meshgrid(x, y), axis=-1)
        # The crop is wider by less than two pixels where the sizes do not divide: centred.
        rest = [
            (side - wanted / self.options.scale) / 2
            for side, wanted in zip(self.options.footprint_px, (width, height), strict=True)
        ]
        origin = np.array([self.crop.x + rest[0], self.crop.y + rest[1]], dtype=np.float32)
        return scaled_grid((height, width), self.options.scale) + origin

    def _scaler(self, grid: Map) -> Resampler:
        part = self._views["blurry"].part
        return Resampler(
            grid - np.array([part.x, part.y], dtype=np.float32),
            (part.height, part.width),
            self.options.kernel,
            area_px=self.options.area_px,
            bands=self._bands,
        )

    def _planes(self, role: Role, frame: Frame) -> tuple[Picture, Mask]:
        """Colours of a camera's part as planes, and what a clipped sample has a share in."""
        view = self._views[role]
        linear, clipped = view.linear(frame)
        if linear.ndim == 3:
            return np.ascontiguousarray(np.moveaxis(linear, 2, 0)), clipped
        cfa = view.form.upright_cfa
        if cfa is None:
            return np.stack([linear] * 3), clipped
        planes = demosaic_planes(linear, cfa, self.options.demosaic, self._bands, view.planes)
        if clipped.any():
            side = 2 * SUPPORT_PX[self.options.demosaic] + 1
            clipped = cv2.dilate(clipped.astype(np.uint8), np.ones((side, side), np.uint8)) > 0
        return planes, clipped


def _at(model: PairModel, grid: Map) -> dict[str, Map]:
    """The model's maps at positions of C1; the same object where it is the same."""
    made = {id(each): _sampled(each, grid) for each in model.map_xy.values()}
    return {name: made[id(each)] for name, each in model.map_xy.items()}


def _sampled(smooth: NDArray[np.float32], grid: Map) -> NDArray[np.float32]:
    """A smooth map (H, W, C) at positions (h, w, 2) within it, linear in between, in float64."""
    height, width = smooth.shape[:2]
    x, y = grid[..., 0].astype(np.float64), grid[..., 1].astype(np.float64)
    left = np.clip(np.floor(x), 0, width - 2).astype(np.intp)
    top = np.clip(np.floor(y), 0, height - 2).astype(np.intp)
    right, down = (x - left)[..., None], (y - top)[..., None]
    above = smooth[top, left] * (1.0 - right) + smooth[top, left + 1] * right
    below = smooth[top + 1, left] * (1.0 - right) + smooth[top + 1, left + 1] * right
    return np.asarray(above * (1.0 - down) + below * down, dtype=np.float32)
