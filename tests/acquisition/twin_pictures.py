"""Pairs of raw frames made by the virtual rig's renderer and sensors, without a running rig."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from acquisition.picture.view import FrameFormat
from hardware.twin.faults_config import parse_fault
from hardware.twin.renderer import Renderer
from hardware.twin.sensor import Sensor, frame_generator
from hardware.twin.studio import changed, with_scene
from hardware.twin.world_config import MotionConfig, WorldConfig

FORMS = (FrameFormat("RGGB", 8, 4.0), FrameFormat("RGGB", 8, 4.0, "horizontal"))
"""Of C1 and of C2, whose view is mirrored."""

Pair = tuple[NDArray[np.uint8], NDArray[np.uint8]]

_RATE_HZ = 15
_FIRST_NS = 100_000_000
_STILL = {"rotation_rms_mrad": [0.0, 0.0, 0.0]}


def world(
    scene: str = "photographs",
    *sets: str,
    size_px: tuple[int, int] = (320, 240),
    moving: bool = False,
    fault: dict[str, Any] | None = None,
) -> WorldConfig:
    """A world whose splitter halves the light; `moving`: with the default's shake and motion."""
    sensor = {"width_px": size_px[0], "height_px": size_px[1]}
    fields: dict[str, Any] = {
        "format_version": 1,
        "sensor_1": sensor,
        "sensor_2": sensor,
        "optics": {"splitter": {"transmitted": 0.48, "reflected": 0.48}},
    }
    if not moving:
        fields["rig_motion"] = {"shake": _STILL}
    made = with_scene(WorldConfig.from_fields(fields, "world"), scene)
    if not moving:
        layers = tuple(
            layer.model_copy(update={"motion": MotionConfig()}) for layer in made.scene.layers
        )
        made = made.model_copy(update={"scene": made.scene.model_copy(update={"layers": layers})})
    made = made.override(sets) if sets else made
    return changed(made, parse_fault(fault), 0) if fault else made


def pairs(made: WorldConfig, count: int = 1) -> list[Pair]:
    """Pairs of 2ms16ms at 15 fps, 8 bit, raw as the cameras deliver them; not to be written to."""
    bench = _bench(made.model_dump_json())
    while len(bench.made) < count:
        bench.expose()
    return bench.made[:count]


class _Bench:
    """A world and the pairs that were taken of it."""

    def __init__(self, made: WorldConfig) -> None:
        self.made: list[Pair] = []
        self._world = made
        self._renderer = Renderer(made, threads=1)
        self._sensors = {
            camera: Sensor(made.sensor(camera), made.seed, camera) for camera in (1, 2)
        }

    def expose(self) -> None:
        index = len(self.made)
        begin_ns = _FIRST_NS + index * 1_000_000_000 // _RATE_HZ
        windows = {
            1: (begin_ns, begin_ns + 16_000_000),
            2: (begin_ns + 7_000_000, begin_ns + 9_000_000),
        }
        frames = []
        for camera, (start_ns, end_ns) in windows.items():
            light = self._renderer.irradiance(camera, start_ns, end_ns)
            noise = frame_generator(self._world.seed, 0, camera, index)
            frame = self._sensors[camera].expose(light, (end_ns - start_ns) / 1000, noise)
            frames.append(frame.astype(np.uint8))
            frames[-1].flags.writeable = False
        self.made.append((frames[0], frames[1]))


@lru_cache(maxsize=24)
def _bench(fields: str) -> _Bench:
    return _Bench(WorldConfig.from_fields(json.loads(fields), "world"))
