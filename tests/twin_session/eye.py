"""One camera of a session that is being written."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from acquisition.rig import ROLES, Role
from hardware.twin.light import light_seconds
from hardware.twin.motion import Motion
from hardware.twin.renderer import Renderer
from hardware.twin.sensor import Sensor, frame_generator
from hardware.twin.world_config import LayerConfig, MotionConfig, WorldConfig
from tests.twin_session.filming import Filming, Window
from tests.twin_session.spec import Spec

Light = NDArray[np.float32]


class Eye:
    """One camera: its sensor, and the light that it has seen last while nothing moved."""

    def __init__(self, spec: Spec, world: WorldConfig, role: Role) -> None:
        self.role = role
        self.number = ROLES.index(role) + 1
        self.bits = spec.bits
        self.sensor = Sensor(world.sensor(self.number), world.seed, self.number)
        self._key: tuple[object, ...] = ()
        self._seen: tuple[Light, float] | None = None

    def frame(self, filming: Filming, pulse: int) -> NDArray[Any]:
        window = filming.window(self.role, pulse)
        light = self._light(filming, pulse, window)
        world = filming.world
        noise = frame_generator(world.seed, filming.number, self.number, pulse)
        frame = self.sensor.expose(
            light,
            (window[1] - window[0]) / 1000,
            noise,
            bits=self.bits,
            temperature_c=self.sensor.temperature_c(window[0]),
        )
        return frame.astype(np.uint8) if self.bits == 8 else frame

    def _light(self, filming: Filming, pulse: int, window: Window) -> Light:
        renderer = filming.renderer(pulse)
        stands = _stands(renderer, window)
        lamps = light_seconds(renderer.world.light, *window)
        if stands is None:
            return renderer.irradiance(self.number, *window)
        key = (renderer.world.scene, renderer.world.optics, renderer.world.rig_motion, *stands)
        if self._seen is None or key != self._key:
            self._key, self._seen = key, (renderer.irradiance(self.number, *window), lamps)
        light, before = self._seen
        return light if before == lamps else light * np.float32(lamps / before)


def _stands(renderer: Renderer, window: Window) -> tuple[float, ...] | None:
    """Where all that moves stands, by its own clock; None where it moves within the window."""
    motions: list[Motion] = []
    world = renderer.world
    if _can_move(world.rig_motion):
        motions.append(renderer.scene.rig)
    motions += [layer.motion for layer in renderer.scene.layers if _can_move(layer.config.motion)]
    clocks = [[motion.clock_s(at) for motion in motions] for at in window]
    if clocks[0] != clocks[1] or _has_leds(world.scene.layers):
        return None
    return tuple(clocks[0])


def _can_move(motion: MotionConfig) -> bool:
    shake = motion.shake
    return any((*motion.velocity_mm_s, *motion.rotation_mrad_s, *shake.rotation_rms_mrad,
                *shake.translation_rms_mm))  # fmt: skip


def _has_leds(layers: tuple[LayerConfig, ...]) -> bool:
    return any(layer.picture.kind == "led_bar" for layer in layers)
