"""A bench of the virtual rig for photometry: clips of known light, and the truth behind them.

Still light is rendered once for each camera and scaled with the exposure; what a frame costs is
its noise.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from acquisition.picture.view import FrameFormat, unflip
from calibration.photometry.statistics import PixelStatistics, gather
from hardware.twin.optics import apply, homography_c2_to_c1
from hardware.twin.renderer import Renderer
from hardware.twin.sensor import Sensor, frame_generator
from hardware.twin.studio import with_scene
from hardware.twin.world_config import WorldConfig

EXPOSURES_US = (16000.0, 2000.0)
SERIES_US = (2000, 1414, 1000, 707, 500, 354, 250, 177, 125)
"""Of C2; C1's are 8 times as long."""

_CFAS = {"none": "RGGB", "horizontal": "GRBG", "vertical": "GBRG"}
_RENDER_NS = 1_000_000
_LAMPS = 2.0
"""Brings the flat scene to 57 % of full scale."""


def world(*sets: str, size_px: tuple[int, int] = (320, 240), seed: int = 0) -> WorldConfig:
    """The default world, at rest, with sensors of a size."""
    sensor = {"width_px": size_px[0], "height_px": size_px[1]}
    fields: dict[str, Any] = {
        "format_version": 1,
        "sensor_1": sensor,
        "sensor_2": sensor,
        "seed": seed,
        "rig_motion": {"shake": {"rotation_rms_mrad": [0.0, 0.0, 0.0]}},
    }
    return WorldConfig.from_fields(fields, "world").override(sets)


class Bench:
    """Both cameras before scenes of even light.

    Parameters
    ----------
    made
        The world; its scene is not used.
    bits
        Of the samples.
    offset_us
        Real minus predicted exposure of C1 and C2.
    """

    def __init__(
        self, made: WorldConfig, bits: int = 12, offset_us: tuple[float, float] = (0.0, 0.0)
    ) -> None:
        self.world, self.bits, self.offset_us = made, bits, offset_us
        self.sensors = {n: Sensor(made.sensor(n), made.seed, n) for n in (1, 2)}
        self._made = 0

    def form(self, camera: int) -> FrameFormat:
        """How the camera's frames are to be read; the sensor's mosaic is RGGB."""
        return FrameFormat("RGGB", self.bits, 0.0, self.world.view(camera).mirror)

    def light(self, camera: int, scene: str | None = "flat") -> Any:
        """Light per microsecond, raw, (H, W, 3)."""
        return _light(self.world.model_dump_json(), camera, scene)

    def clip(
        self,
        camera: int,
        exposure_us: float,
        frames: int,
        *,
        light: Any = None,
        wobble: Sequence[float] = (),
        name: str = "clip",
    ) -> PixelStatistics:
        """Statistics of a clip; `light` None: dark. `wobble`: factors of the frames' light."""
        real_us = exposure_us + self.offset_us[camera - 1]
        sensor = self.sensors[camera]
        shape = (sensor.config.height_px, sensor.config.width_px, 3)
        base = np.zeros(shape, np.float32) if light is None else light * np.float32(real_us)
        made = []
        for index in range(frames):
            self._made += 1
            factor = wobble[index % len(wobble)] if len(wobble) else 1.0
            noise = frame_generator(self.world.seed, 7, camera, self._made)
            frame = sensor.expose(base * np.float32(factor), real_us, noise, bits=self.bits)
            made.append(frame.astype(np.uint8) if self.bits == 8 else frame)
        return gather(made, self.form(camera), f"{name} ({camera})")

    def expected(self, camera: int, light: Any, exposure_us: float) -> NDArray[np.float64]:
        """Upright, noise-free (H, W, 3) DN above black of all three filters at every pixel."""
        sensor = self.sensors[camera].config
        gain = sensor.electrons_per_light_second / self.sensors[camera].electrons_per_dn(self.bits)
        real_us = exposure_us + self.offset_us[camera - 1]
        return np.asarray(unflip(light, self.form(camera)), dtype=np.float64) * real_us * gain


@lru_cache(maxsize=16)
def _light(fields: str, camera: int, scene: str | None) -> NDArray[np.float32]:
    made = WorldConfig.from_fields(json.loads(fields), "world")
    made = with_scene(made, scene)
    light = Renderer(made, threads=1).irradiance(camera, 0, _RENDER_NS)
    return np.asarray(light * np.float32(_LAMPS * 1000 / _RENDER_NS))


def true_grid(made: WorldConfig) -> NDArray[np.float32]:
    """Upright C2 (x, y) of every upright C1 pixel, (H, W, 2), for optics without distortion."""
    back = np.linalg.inv(homography_c2_to_c1(made, 0))
    y, x = np.mgrid[0 : made.sensor_1.height_px, 0 : made.sensor_1.width_px]
    return apply(back, np.stack([x, y], axis=2).astype(np.float64)).astype(np.float32)


@lru_cache(maxsize=8)
def bench(
    *sets: str,
    size_px: tuple[int, int] = (320, 240),
    seed: int = 0,
    bits: int = 12,
    offset_us: tuple[float, float] = (0.0, 0.0),
) -> Bench:
    """A bench whose clips no test changes."""
    return Bench(world(*sets, size_px=size_px, seed=seed), bits, offset_us)


def carried(picture: NDArray[np.float64], grid: NDArray[np.float32]) -> NDArray[np.float64]:
    """Upright C2 (H, W, 3) as C1 would see it: cubic, borders replicated."""
    x, y = (np.ascontiguousarray(grid[..., axis]) for axis in (0, 1))
    small = picture.astype(np.float32)
    moved = cv2.remap(small, x, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(moved, dtype=np.float64)
