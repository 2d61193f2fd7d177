"""The part of one camera's frames that pairs are made of: linear samples, and what is clipped."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from acquisition.picture.view import Frame, FrameFormat, unflip
from acquisition.rig import Role
from bsd.errors import UserMistake
from calibration.kernel import compiled
from calibration.mosaic import DefectRepair
from calibration.pair_model import PairModel
from dataset.pair.region import Crop

Picture = NDArray[np.float32]
Mask = NDArray[np.bool_]


class CameraPart:
    """One camera's part.

    Parameters
    ----------
    model
        The calibration.
    role
        Whose frames.
    part
        Of the upright view.

    Attributes
    ----------
    form, part
        Of the frames, and what is used of them.
    planes
        (3, h, w) float32: room for its colours, used again by each frame.

    Raises
    ------
    UserMistake
        The calibration holds a pixel's gain that is no number above 0.
    """

    def __init__(self, model: PairModel, role: Role, part: Crop) -> None:
        self.form: FrameFormat = model.formats[role]
        self.part = part
        self.planes = np.empty((3, part.height, part.width), dtype=np.float32)
        self._black = np.asarray(model.black_dn[role], dtype=np.float32).reshape(2, 2)
        self._curve = model.response[role]
        defects = model.defects[role]
        self._defects = None if defects is None else np.ascontiguousarray(part.of(defects))
        self._repair = None
        if self._defects is not None and self._defects.any():
            self._repair = DefectRepair(self._defects, 2 if self.form.upright_cfa else 1)
        gain = model.pixel_gain_2 if role == "sharp" else None
        self._factor = None
        if gain is not None:
            used = part.of(gain)
            if self._defects is not None:  # are repaired whatever stands there
                used = np.where(self._defects, np.float32(1), used)
            refuse_unusable({"the gain of C2's pixels": used}, least=0.0)
            self._factor = np.asarray(1.0 / used, dtype=np.float32)

    def linear(self, frame: Frame) -> tuple[Picture, Mask]:
        """(h, w) or (h, w, 3) float32 above black, and (h, w) clipped.

        Raises
        ------
        UserMistake
            The frame has another size than the calibration's.
        """
        raw: NDArray[Any] = np.ascontiguousarray(self.part.of(unflip(frame, self.form)))
        if raw.shape[:2] != (self.part.height, self.part.width):
            raise UserMistake(
                f"a frame of {frame.shape[1]} × {frame.shape[0]} px does not fit the calibration;"
                " it was solved for frames of another size"
            )
        over = raw >= self.form.clip_dn
        clipped = over.any(axis=-1) if raw.ndim == 3 else over
        if self._defects is not None:
            step_px = 2 if self.form.upright_cfa else 1
            clipped = _handed_on(np.asarray(clipped), self._defects, step_px)
        return self._scaled(raw), np.asarray(clipped)

    def _scaled(self, raw: NDArray[Any]) -> Picture:
        if self._curve is not None:
            linear = np.stack([self._curve[raw[..., c], c] for c in range(3)], axis=-1)
            linear = linear.astype(np.float32, copy=False)
        elif raw.ndim == 3:
            linear = raw.astype(np.float32) - np.float32(self._black.mean())
        else:
            linear = np.empty(raw.shape, dtype=np.float32)
            _less_black(raw, self._black, linear)
        if self._factor is not None:
            linear *= self._factor if raw.ndim == 2 else self._factor[..., None]
        if self._repair is not None:
            self._repair.apply(linear)
        return linear


def _handed_on(clipped: Mask, defects: Mask, step_px: int) -> Mask:
    """Clipped, or a defect that such a neighbour may have replaced, also by way of others."""
    found = clipped & ~defects
    side = 2 * step_px + 1
    while found.any():
        near = cv2.dilate(found.astype(np.uint8), np.ones((side, side), np.uint8)) > 0
        more = near & defects & ~found
        if not more.any():
            break
        found |= more
    return found


@compiled
def _less_black(raw: NDArray[Any], black: Picture, linear: Picture) -> None:
    height, width = raw.shape
    for y in range(height):
        even, odd = black[y & 1, 0], black[y & 1, 1]
        for x in range(width):
            linear[y, x] = np.float32(raw[y, x]) - (odd if x & 1 else even)


def refuse_unusable(factors: Mapping[str, NDArray[Any] | None], least: float) -> None:
    """What is no number, or not above `least`, would run through every frame without a word."""
    for name, values in factors.items():
        if values is not None and not bool((np.isfinite(values) & (values > least)).all()):
            bound = "" if least == -np.inf else f" above {least:g}"
            raise UserMistake(
                f"calibration: {name} holds what is no number{bound}; solve it again, from good"
                " flats and darks"
            )
