"""Correspondences: the same points of a target, seen by both cameras in one pose."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from calibration.geometry.view_map import Points, Shape

Channel = Literal["R", "G", "B"]


@dataclass(frozen=True)
class PosePoints:
    """The points of one pose of a target, usually one clip.

    Attributes
    ----------
    name
        Of the pose or its clip, as messages name it.
    distance_mm
        From the rig to the target.
    ids
        (n,) which corner of the board each point is.
    c1, c2
        (n, 2) float64, upright pixels of the luminance picture.
    channels
        "R", "G", "B" → (points in C1, points in C2), each (n, 2) float64 in the order of `ids`,
        NaN where a corner was not found in that channel. Empty where nothing was measured so.
    """

    name: str
    distance_mm: float
    ids: NDArray[np.int64]
    c1: Points
    c2: Points
    channels: Mapping[Channel, tuple[Points, Points]] = field(default_factory=dict)

    def __len__(self) -> int:
        """How many points."""
        return len(self.c1)

    def covers(self, shape_1: Shape) -> float:
        """Share of C1's view, 0 to 1, that the box around the points takes."""
        return box_share([self.c1], shape_1)


def stacked(poses: Iterable[PosePoints]) -> tuple[Points, Points, NDArray[np.int64]]:
    """All points of C1 and of C2, (n, 2) each, and which pose each belongs to, (n,)."""
    poses = list(poses)
    owner = np.repeat(np.arange(len(poses)), [len(pose) for pose in poses])
    if not poses:
        return np.empty((0, 2)), np.empty((0, 2)), owner
    return np.concatenate([p.c1 for p in poses]), np.concatenate([p.c2 for p in poses]), owner


def box_share(points: Sequence[Points], shape: Shape) -> float:
    """Share of a view, 0 to 1, inside the box around points (n, 2)."""
    whole = np.concatenate(points) if points else np.empty((0, 2))
    if len(whole) < 2:
        return 0.0
    width, height = np.ptp(whole, axis=0)
    return float(width * height / ((shape[1] - 1) * (shape[0] - 1)))


def cell_share(points: Points, shape: Shape, cells: tuple[int, int] = (4, 3)) -> float:
    """Share of the cells (columns, rows) of a view that hold a point, 0 to 1."""
    columns, rows = cells
    x = np.clip((points[:, 0] / shape[1] * columns).astype(int), 0, columns - 1)
    y = np.clip((points[:, 1] / shape[0] * rows).astype(int), 0, rows - 1)
    return len(np.unique(y * columns + x)) / (columns * rows)
