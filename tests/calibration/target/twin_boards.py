"""Boards before the virtual rig: mean pictures of both cameras, with the renderer's truth."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from acquisition.picture.view import FrameFormat
from calibration.target.picture import BoardPicture, board_picture, from_mean
from hardware.twin.renderer import Renderer
from hardware.twin.sensor import Sensor, frame_generator
from hardware.twin.world_config import WorldConfig

WINDOWS_NS = {1: (100_000_000, 116_000_000), 2: (107_000_000, 109_000_000)}
MIDDLE_NS = 108_000_000
GREY_WALL = {"kind": "flat", "reflectance": [0.18, 0.18, 0.18]}
BRICKS = {"kind": "photograph", "name": "brick", "width_mm": 1600.0, "extent": "mirror"}
TURNS = ((60.0, -80.0, 30.0), (-120.0, 50.0, 0.0), (120.0, -150.0, 75.0), (30.0, 150.0, -60.0))


class Pose(NamedTuple):
    """Mean pictures of C1 and C2, and who knows where everything is."""

    blurry: BoardPicture
    sharp: BoardPicture
    renderer: Renderer

    def truth(self, c2: np.ndarray) -> np.ndarray:
        """Where C1 sees what C2 sees of the board at upright pixels."""
        return self.renderer.layer_map(1, c2, MIDDLE_NS)


def pose(
    picture: dict[str, Any],
    *sets: str,
    seed: int = 1,
    size_px: tuple[int, int] = (640, 480),
    wall: dict[str, Any] = GREY_WALL,
    centre_mm: tuple[float, float] = (30.0, -20.0),
    turn: int = 0,
    bits: int = 12,
    frames: int = 5,
) -> Pose:
    """A board two metres before the still rig of 2ms16ms, the means of noisy mosaics."""
    sensor = {"width_px": size_px[0], "height_px": size_px[1]}
    layers = [
        {"picture": wall, "distance_mm": 3000.0},
        {"picture": picture, "centre_mm": centre_mm, "rotation_mrad": TURNS[turn % len(TURNS)]},
    ]
    fields = {
        "format_version": 1,
        "seed": seed,
        "scene": {"layers": layers},
        "rig_motion": {"shake": {"rotation_rms_mrad": [0.0, 0.0, 0.0]}},
        "sensor_1": sensor,
        "sensor_2": sensor,
        "optics": {"splitter": {"transmitted": 0.48, "reflected": 0.48}},
    }
    made = WorldConfig.from_fields(fields, "world").override(sets)
    return _taken(made.model_dump_json(), bits, frames)


def turned(picture: BoardPicture, flip: str) -> BoardPicture:
    """The picture as a wrong `flip` would have shown it."""
    form = FrameFormat(picture.cfa, 12, 0.0, flip)
    return from_mean(picture.samples, picture.saturated, form)


@lru_cache(maxsize=16)
def _taken(world: str, bits: int, frames: int) -> Pose:
    made = WorldConfig.model_validate_json(world)
    renderer = Renderer(made, threads=1)
    pictures = []
    for camera, (begin_ns, end_ns) in WINDOWS_NS.items():
        light = renderer.irradiance(camera, begin_ns, end_ns)
        sensor = Sensor(made.sensor(camera), made.seed, camera)
        mirror = made.view(camera).mirror
        form = FrameFormat("RGGB", bits, sensor.black_level_dn(bits), mirror)
        taken = [
            sensor.expose(
                light,
                (end_ns - begin_ns) / 1000,
                frame_generator(made.seed, 0, camera, index),
                bits=bits,
            )
            for index in range(frames)
        ]
        pictures.append(board_picture(taken, form))
    return Pose(pictures[0], pictures[1], renderer)


def lengths(misses: Sequence[np.ndarray]) -> np.ndarray:
    """Distances (n,) of misses (n, 2), those that are NaN left out."""
    apart = np.linalg.norm(np.concatenate(list(misses)), axis=1)
    return apart[np.isfinite(apart)]
