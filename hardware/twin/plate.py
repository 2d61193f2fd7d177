"""One pair of a world and its truth as a picture for people: blurry, sharp, truth, side by side."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from bsd.document import write_bytes
from hardware.twin.optics import throughput, whole
from hardware.twin.renderer import Renderer
from hardware.twin.sensor import Sensor, demosaic, frame_generator
from hardware.twin.world_config import WorldConfig

_GAP_PX: Final = 8
_NS_PER_US: Final = 1000.0
_NS_PER_S: Final = 1e9
_BITS: Final = 12

Image = NDArray[np.float32]


def plate(world: WorldConfig, *, at_s: float, exposures_us: tuple[float, float]) -> Image:
    """Blurry frame, sharp frame and truth beside each other.

    The frames are what the cameras deliver (12-bit mosaic with its noise), demosaiced, black level
    taken off, upright; the truth is `Renderer.sharp_truth`. All three are divided by what a white
    surface would give, so that they may be compared by eye.

    Parameters
    ----------
    world
        The world.
    at_s
        Middle of both exposures, world time.
    exposures_us
        Of C1 and C2.

    Returns
    -------
    array
        (H, 3 W + 2 gaps, 3) float32, linear, 1 is white under light 1; gaps are white.
    """
    renderer = Renderer(world)
    windows = []
    for exposure_us in exposures_us:
        half_ns = exposure_us * _NS_PER_US / 2
        middle_ns = at_s * _NS_PER_S
        windows.append((round(middle_ns - half_ns), round(middle_ns + half_ns)))
    frames = [_frame(renderer, camera, windows[camera - 1]) for camera in (1, 2)]
    seconds = exposures_us[1] / 1e6 * throughput(world, 2)
    truth = renderer.sharp_truth(*windows[1]) / np.float32(seconds)
    height = max(len(picture) for picture in (*frames, truth))
    gap = np.ones((height, _GAP_PX, 3), dtype=np.float32)
    padded = [_padded(picture, height) for picture in (*frames, truth)]
    return np.hstack([padded[0], gap, padded[1], gap, padded[2]])


def write_plate(
    path: Path, world: WorldConfig, *, at_s: float, exposures_us: tuple[float, float]
) -> None:
    """Write the plate as a PNG in sRGB, brightened so that its 99th percentile is nearly white."""
    linear = plate(world, at_s=at_s, exposures_us=exposures_us)
    level = float(np.percentile(linear[..., 1][linear[..., 1] < 1.0], 99)) or 1.0
    shown = np.clip(linear / np.float32(level), 0.0, 1.0)
    encoded = np.where(shown <= 0.0031308, 12.92 * shown, 1.055 * shown ** (1 / 2.4) - 0.055)
    pixels = np.floor(encoded * 255.0 + 0.5).astype(np.uint8)
    write_bytes(path, cv2.imencode(".png", pixels[..., ::-1])[1].tobytes())


def _frame(renderer: Renderer, camera: int, window: tuple[int, int]) -> Image:
    """What a camera delivers, in shares of white, upright."""
    world = renderer.world
    config, region = world.sensor(camera), whole(world.sensor(camera))
    sensor = Sensor(config, renderer.seed, camera)
    exposure_us = (window[1] - window[0]) / _NS_PER_US
    generator = frame_generator(renderer.seed, world.scene.number, camera, 0)
    light = renderer.irradiance(camera, *window)
    mosaic = sensor.expose(light, exposure_us, generator, bits=_BITS).astype(np.float32)
    signal = mosaic - np.float32(sensor.black_level_dn(_BITS))
    rgb = (
        demosaic(signal, region) if config.colour != "mono" else np.repeat(signal[..., None], 3, 2)
    )
    white_e = config.electrons_per_light_second * exposure_us / 1e6 * throughput(world, camera)
    shares = rgb * np.float32(sensor.electrons_per_dn(_BITS) / white_e)
    mirror = world.view(camera).mirror
    if mirror == "none":
        return shares
    return np.ascontiguousarray(shares[:, ::-1] if mirror == "horizontal" else shares[::-1])


def _padded(picture: Image, height: int) -> Image:
    missing = height - len(picture)
    return np.pad(picture, ((0, missing), (0, 0), (0, 0)), constant_values=1.0)
