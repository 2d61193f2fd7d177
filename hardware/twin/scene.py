"""The scene made ready: each layer's texture, its plane, and the map from a ray to a texel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hardware.twin import targets
from hardware.twin.bar import Bar
from hardware.twin.motion import Motion, Pose, rotation_matrix
from hardware.twin.pictures import (
    FILL,
    MIRROR,
    ONCE,
    Texels,
    Texture,
    opaque,
    raster,
    scaled,
    texture,
)
from hardware.twin.pictures_config import Chart, Charuco, Chessboard, Dots, Flat, LedBar
from hardware.twin.world_config import LayerConfig, WorldConfig

_DRAWN_TEXEL_PX = 0.4
"""Width of a drawn target's texel, in pixels at its distance."""

_FINEST_TEXEL_PX = 0.25
"""The oversampled grid's own spacing: pictures are averaged to no finer texels."""


@dataclass(frozen=True)
class Leds:
    """What a bar adds to its board while its LEDs are lit."""

    bar: Bar
    disc: Texels
    corners: NDArray[np.int64]
    radiance: float

    def lit(self, board: Texels, light_s: float, begin_ns: int, end_ns: int) -> Texels:
        """The board's light over a window: its reflectance × light, and each LED's own."""
        shown = board * np.array([light_s, light_s, light_s, 1.0], dtype=np.float32)
        side = self.disc.shape[0]
        lit_s = self.bar.lit_seconds(begin_ns, end_ns) * self.radiance
        for (row, column), seconds in zip(self.corners, lit_s, strict=True):
            patch = shown[row + 1 : row + 1 + side, column + 1 : column + 1 + side, :3]
            patch += (self.disc * seconds)[..., None].astype(np.float32)
        return shown


class Layer:
    """One plane of the scene.

    Parameters
    ----------
    config
        The layer of the world.
    focal_px
        Of camera 1: decides how fine a texture is worth while.
    seed
        Of the world and the layer.
    """

    def __init__(
        self,
        config: LayerConfig,
        focal_px: float,
        seed: int,
    ) -> None:
        self.config = config
        self.motion = Motion(config.motion, seed)
        self.leds: Leds | None = None
        self.texture = self._draw(config, focal_px, seed)

    def _draw(self, config: LayerConfig, focal_px: float, seed: int) -> Texture:
        picture = config.picture
        pixel_mm = config.distance_mm / focal_px
        if isinstance(picture, LedBar):
            disc, corners, size = targets.led_masks(picture, _DRAWN_TEXEL_PX * pixel_mm)
            self.leds = Leds(Bar(picture), disc, corners, picture.radiance)
            side = disc.shape[0]
            shape = (targets.LED_ROWS * side, targets.LED_COLUMNS * side, 3)
            board = np.full(shape, picture.board, dtype=np.float32)
            return scaled(texture(opaque(board), size, ONCE), config.brightness)
        if isinstance(picture, Flat):
            wall = np.broadcast_to(np.asarray(picture.reflectance, np.float32), (2, 2, 3))
            return scaled(texture(opaque(wall), (1.0, 1.0), FILL), config.brightness)
        if isinstance(picture, Chessboard | Charuco | Chart | Dots):
            drawn, size = _drawn(picture, _DRAWN_TEXEL_PX * pixel_mm)
            return scaled(texture(opaque(drawn), size, ONCE), config.brightness)
        rgba, size = raster(picture, _FINEST_TEXEL_PX * pixel_mm, seed)
        extent = MIRROR if picture.extent == "mirror" else ONCE
        return scaled(texture(rgba, size, extent), config.brightness)

    def plane(self, time_ns: int) -> NDArray[np.float64]:
        """(3, 3): columns are the plane's unit x, unit y and centre, world millimetres."""
        config = self.config
        pose = self.motion.pose(time_ns)
        rest = rotation_matrix(np.asarray(config.rotation_mrad) / 1000.0)
        axes = pose.rotation() @ rest
        centre = np.array([*config.centre_mm, config.distance_mm]) + pose.shift_mm
        return np.column_stack([axes[:, 0], axes[:, 1], centre])

    def from_ray(
        self, rig: Pose, pupil_mm: tuple[float, float, float], time_ns: int
    ) -> NDArray[np.float64]:
        """Homography (3, 3) from a ray (x/z, y/z, 1) of the rig to (x, y, 1) mm on the plane.

        A ray from the eye E in direction d meets the plane where E + s·d = O + x·a + y·b, that is
        (x, y, 1) ~ [a, b, O − E]⁻¹ d; the third coordinate is 1/s, positive in front of the eye.
        """
        rotation = rig.rotation()
        eye = rig.shift_mm + rotation @ np.asarray(pupil_mm)
        plane = self.plane(time_ns)
        plane[:, 2] -= eye
        return np.asarray(np.linalg.solve(plane, rotation))


class Scene:
    """All layers of a world, and the rig's motion.

    Parameters
    ----------
    world
        The configuration.
    seed
        Of textures and shakes.
    """

    def __init__(self, world: WorldConfig, seed: int) -> None:
        focal_px = world.optics.focal_mm * 1000.0 / world.sensor_1.pixel_pitch_um
        self.cap = world.scene.cap
        self.rig = Motion(world.rig_motion, seed)
        layers = () if self.cap else world.scene.layers
        self.layers = [
            Layer(config, focal_px, _layer_seed(seed, index)) for index, config in enumerate(layers)
        ]

    def front_to_back(self, time_ns: int) -> list[Layer]:
        """The layers in the order in which rays meet their centres."""
        return sorted(self.layers, key=lambda layer: float(layer.plane(time_ns)[2, 2]))


def _layer_seed(seed: int, index: int) -> int:
    return int(np.random.SeedSequence([seed, index]).generate_state(1)[0])


def _drawn(
    picture: Chessboard | Charuco | Chart | Dots, texel_mm: float
) -> tuple[Texels, tuple[float, float]]:
    if isinstance(picture, Chessboard):
        return targets.chessboard(picture, texel_mm)
    if isinstance(picture, Charuco):
        return targets.charuco(picture, texel_mm)
    if isinstance(picture, Chart):
        return targets.chart(picture, texel_mm)
    return targets.dots(picture, texel_mm)
