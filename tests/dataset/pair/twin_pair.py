"""A still pair of the virtual rig with its true calibration, and the truth to score against."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from acquisition.picture.view import FrameFormat
from calibration.pair_model import PairModel
from hardware.twin.optics import apply, vignetting
from hardware.twin.renderer import Renderer
from hardware.twin.sensor import Sensor, frame_generator
from tests.acquisition.twin_pictures import world

BITS = 12
_CLEAN = (
    "sensor_1.prnu=0", "sensor_2.prnu=0", "sensor_1.dsnu_e=0", "sensor_2.dsnu_e=0",
    "sensor_1.hot_share=0", "sensor_2.hot_share=0", "sensor_1.noise=false", "sensor_2.noise=false",
    "optics.view_1.edge_loss=0.2", "optics.view_2.edge_loss=0.05",
)  # fmt: skip
_NS = 1_000_000


@dataclass(frozen=True)
class TwinPair:
    """Frames as delivered, the model of the truth, and C2 as it should be, in DN."""

    blurry: NDArray[np.uint16]
    sharp: NDArray[np.uint16]
    model: PairModel
    truth: NDArray[np.float32]


@lru_cache(maxsize=4)
def twin_pair(size_px: tuple[int, int], mirror: str = "horizontal", *sets: str) -> TwinPair:
    """Without noise and fixed pattern; the views are shaded differently, C2 is mirrored."""
    made = world("photographs", *_CLEAN, f"optics.view_2.mirror={mirror}", *sets, size_px=size_px)
    renderer = Renderer(made, threads=1)
    begin = 100 * _NS
    windows = {1: (begin, begin + 16 * _NS), 2: (begin + 7 * _NS, begin + 9 * _NS)}
    frames = []
    for camera, window in windows.items():
        sensor = Sensor(made.sensor(camera), made.seed, camera)
        light = renderer.irradiance(camera, *window)
        exposure_us = (window[1] - window[0]) / 1000
        noise = frame_generator(made.seed, 0, camera, 0)
        frames.append(sensor.expose(light, exposure_us, noise, bits=BITS))
    sensor = Sensor(made.sensor(1), made.seed, 1)
    dn_per_light = made.sensor(2).electrons_per_light_second / sensor.electrons_per_dn(BITS)
    truth = renderer.sharp_truth(*windows[2]) * np.float32(dn_per_light)
    return TwinPair(frames[0], frames[1], _model(made, renderer, mirror, truth.shape), truth)


def _model(made, renderer, mirror, shape):
    time_ns = 108 * _NS
    y, x = np.mgrid[0 : shape[0], 0 : shape[1]].astype(np.float64)
    places_1 = np.stack([x, y], axis=-1)
    places_2 = apply(np.linalg.inv(renderer.homography(time_ns)), places_1)
    map_xy = places_2.astype(np.float32)
    shade_1 = vignetting(made, 1, places_1, time_ns)
    shade_2 = vignetting(made, 2, places_2, time_ns)
    ratio = np.repeat((shade_2 / shade_1)[..., None], 3, axis=2)
    mean = float(ratio.mean())
    black = np.full(4, Sensor(made.sensor(1), 0, 1).black_level_dn(BITS), dtype=np.float32)
    forms = {"blurry": FrameFormat("RGGB", BITS, float(black[0]), "none")}
    forms["sharp"] = FrameFormat("RGGB", BITS, float(black[0]), mirror)
    return PairModel(
        formats=forms,
        black_dn={"blurry": black, "sharp": black},
        map_xy={"R": map_xy, "G": map_xy, "B": map_xy},
        ratio=(ratio / mean).astype(np.float32),
        matrix=np.eye(3) / mean,
        white_dn=np.full(3, 0.98 * 4095 - 64),
    )
