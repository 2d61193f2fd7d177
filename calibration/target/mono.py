"""One camera by itself: how well a pinhole with a lens explains all the views of a board."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from bsd.errors import FoundBad
from calibration.target.board import BoardSpec
from calibration.target.detection import BoardView
from calibration.target.search import Values

_LEAST_VIEWS = 3


@dataclass(frozen=True)
class MonoCalibration:
    """A camera fitted to views of a board (Zhang's method; k1, k2, p1, p2, k3).

    Attributes
    ----------
    rms_px
        Root mean square distance of corners from where the camera has them.
    view_rms_px
        (views,) float64, the same by view.
    camera
        (3, 3) float64, focal lengths and principal point in px.
    distortion
        (5,) float64.
    """

    rms_px: float
    view_rms_px: Values
    camera: Values
    distortion: Values


def calibrate_mono(views: Sequence[BoardView], spec: BoardSpec) -> MonoCalibration:
    """Fit a camera to views of one size.

    Raises
    ------
    FoundBad
        Fewer than 3 views, or of several sizes.
    """
    shapes = {view.shape for view in views}
    if len(views) < _LEAST_VIEWS or len(shapes) != 1:
        raise FoundBad(
            f"camera calibration: {len(views)} views of {len(shapes)} sizes; at least"
            f" {_LEAST_VIEWS} of one size are needed, the board tilted between them"
        )
    height, width = shapes.pop()
    objects, images = [], []
    for view in views:
        flat = spec.points(view.ids) * spec.square_mm
        objects.append(np.column_stack([flat, np.zeros(len(flat))]).astype(np.float32)[:, None])
        images.append(view.corners.astype(np.float32)[:, None])
    guess = np.eye(3)
    none = np.zeros(5)
    rms, camera, distortion, turns, shifts = cv2.calibrateCamera(
        objects, images, (width, height), guess, none
    )
    errors = []
    for index, known in enumerate(objects):
        seen, _ = cv2.projectPoints(known, turns[index], shifts[index], camera, distortion)
        apart = seen.reshape(-1, 2) - images[index].reshape(-1, 2)
        errors.append(float(np.sqrt((apart**2).sum(axis=1).mean())))
    return MonoCalibration(
        float(rms),
        np.asarray(errors),
        np.asarray(camera, dtype=np.float64),
        np.asarray(distortion, dtype=np.float64).ravel(),
    )
