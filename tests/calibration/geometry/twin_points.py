"""Points of a board before the virtual rig's cameras: exact truth, with noise where wanted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibration.geometry.correspondences import PosePoints
from hardware.twin.optics import camera_at
from hardware.twin.world_config import WorldConfig

TIME_NS = 0
SIZE_PX = (1280, 720)
SHAPE = (720, 1280)

PLACES = (
    (0.0, 0.0, 0.0),
    (-1.0, -1.0, 0.0),
    (1.0, -1.0, 0.0),
    (1.0, 1.0, 0.0),
    (-1.0, 1.0, 0.0),
    (-1.0, 0.0, 0.785),
    (1.0, 0.0, 1.571),
)
"""As the guide asks for: (x, y) from the middle to the edge, turn in the plane."""


def world(*sets: str, two_lenses: bool = False, size_px: tuple[int, int] = SIZE_PX) -> WorldConfig:
    """A world of the papers' rig, or with two lenses whose distortions and pupils differ."""
    sensor = {"width_px": size_px[0], "height_px": size_px[1]}
    fields: dict[str, Any] = {
        "format_version": 1,
        "sensor_1": sensor,
        "sensor_2": sensor,
        "rig_motion": {"shake": {"rotation_rms_mrad": [0.0, 0.0, 0.0]}},
    }
    if two_lenses:
        fields["optics"] = {
            "kind": "two_lenses",
            "view_1": {"distortion": [-0.05, 0.02]},
            "view_2": {
                "distortion": [0.03, 0.0],
                "focal_scale": 1.002,
                "pupil_mm": [1.0, 0.0, 0.0],
            },
        }
    made = WorldConfig.from_fields(fields, "world")
    return made.override(sets) if sets else made


def poses(
    made: WorldConfig,
    distances_mm: Sequence[float] = (4000.0,),
    *,
    noise_px: float = 0.05,
    shared_px: float = 0.0,
    seed: int = 0,
    places: Sequence[tuple[float, float, float]] = PLACES,
    square_mm: float = 60.0,
) -> list[PosePoints]:
    """All poses at all distances; `shared_px`: an error that a pose's points have in common."""
    generator = np.random.default_rng(seed)
    found = []
    for distance_mm in distances_mm:
        for index, place in enumerate(places):
            board = board_mm(made, distance_mm, place, square_mm)
            c1, c2 = (seen(made, camera, board, distance_mm) for camera in (1, 2))
            inside = _inside(c1, made) & _inside(c2, made)
            ids = np.flatnonzero(inside)
            c1, c2 = c1[inside], c2[inside]
            c1 = c1 + generator.normal(0.0, noise_px, c1.shape)
            c2 = c2 + generator.normal(0.0, noise_px, c2.shape)
            c1 = c1 + generator.normal(0.0, 1.0, (1, 2)) * shared_px
            found.append(PosePoints(f"far-{distance_mm:g}-{index}", distance_mm, ids, c1, c2))
    return found


def seen(
    made: WorldConfig, camera: int, board_mm: NDArray[np.float64], distance_mm: float
) -> NDArray[np.float64]:
    """Upright pixels (n, 2) of points (n, 2) mm on a plane square to the rig."""
    at = camera_at(made, camera, TIME_NS)
    pupil = np.asarray(at.pupil_mm)
    return at.pixels((board_mm - pupil[:2]) / (distance_mm - pupil[2]))


def true_map(
    made: WorldConfig, points2: NDArray[np.float64], distance_mm: float
) -> NDArray[np.float64]:
    """C1 pixels of C2's upright pixels (n, 2) for a plane at a distance."""
    at = camera_at(made, 2, TIME_NS)
    pupil = np.asarray(at.pupil_mm)
    board = at.rays(points2) * (distance_mm - pupil[2]) + pupil[:2]
    return seen(made, 1, board, distance_mm)


def board_mm(
    made: WorldConfig, distance_mm: float, place: tuple[float, float, float], square_mm: float
) -> NDArray[np.float64]:
    """Corners (48, 2) in mm of the guide's board at a place of C1's view."""
    y, x = np.mgrid[0:6, 0:8] * square_mm
    points = np.stack([x - x.mean(), y - y.mean()], axis=-1).reshape(-1, 2)
    cos, sin = np.cos(place[2]), np.sin(place[2])
    points = points @ np.array([[cos, sin], [-sin, cos]])
    sensor = made.sensor_1
    focal_px = made.optics.focal_mm * 1000.0 / sensor.pixel_pitch_um
    half = np.array([sensor.width_px, sensor.height_px]) / 2.0 * distance_mm / focal_px
    reach = np.maximum(half - np.abs(points).max(axis=0) - 0.01 * half, 0.0)
    return points + np.array(place[:2]) * reach


def _inside(points: NDArray[np.float64], made: WorldConfig) -> NDArray[np.bool_]:
    size = np.array([made.sensor_1.width_px, made.sensor_1.height_px])
    return np.asarray(((points > 2) & (points < size - 3)).all(axis=1))
