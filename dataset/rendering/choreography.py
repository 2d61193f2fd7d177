"""How camera and object of a scene move: seeded paths, scaled to a blur target."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from bsd.errors import UserMistake
from dataset.rendering.scene import SceneConfig
from dataset.rendering.shake import Array, HandPath, arc_lengths, hand_path

_CANDIDATES = 64
_LOW_QUANTILE = 0.1


@dataclass(frozen=True)
class Motion:
    """How camera and object of one scene move: closed functions of time."""

    config: SceneConfig
    camera: HandPath
    drift_px_per_s: Array
    path_scale: float
    object_path: HandPath | None
    object_start_px: Array
    object_velocity_px_per_s: Array

    def camera_pose(self, time_s: Array) -> tuple[Array, Array]:
        """Rotations (N, 2, 2) and image shifts (N, 2) in px at each time."""
        pose = self.camera.pose(time_s)
        drift = (time_s - self.middle_s())[:, None] * self.drift_px_per_s
        return _rotations(pose[:, 2]), pose[:, :2] + drift

    def object_pose(self, time_s: Array) -> tuple[Array, Array]:
        """Rotations (N, 2, 2) and positions (N, 2) of the object relative to C, in view px."""
        if self.object_path is None:
            raise ValueError("this scene has no object layer")
        pose = self.object_path.pose(time_s)
        straight = (time_s - self.middle_s())[:, None] * self.object_velocity_px_per_s
        return _rotations(pose[:, 2]), self.object_start_px + straight + pose[:, :2]

    def picture_traces(self, time_s: Array) -> Array:
        """(N, 9, 2): where nine points (a 3 × 3 grid over the view) of the picture move."""
        rotation, shift = self.camera_pose(time_s)
        across = np.array([-0.5, 0.0, 0.5])
        grid = np.stack(np.meshgrid(across, across), axis=-1).reshape(9, 2)
        offsets = grid * [self.config.width_px - 1, self.config.height_px - 1]
        traces: Array = np.einsum("nij,pj->npi", rotation, offsets) + shift[:, None]
        return traces

    def object_traces(self, time_s: Array) -> Array:
        """(N, 1, 2): where the object's centre moves in the view, relative to its centre."""
        rotation, shift = self.camera_pose(time_s)
        _, position = self.object_pose(time_s)
        traces: Array = (np.einsum("nij,nj->ni", rotation, position) + shift)[:, None]
        return traces

    def blur_lengths_px(self, traces: Array) -> Array:
        """Blur length of each window of `exposure_us`; empty where the clip is too short."""
        times, window_s = self.config.times_s(), self.config.exposure_us * 1e-6
        if times[-1] < window_s:
            return np.zeros(0)
        return arc_lengths(traces, times, window_s)

    def middle_s(self) -> float:
        """Time half-way through the clip."""
        return (self.config.frames - 1) / self.config.rate_hz / 2


def plan_motion(config: SceneConfig) -> Motion:
    """Draw the scene's paths and scale the camera's to the blur target.

    Raises
    ------
    UserMistake
        No path of this kind keeps its blur between the target's bounds.
    """
    path, place, velocity = _draw_object(config)
    still = Motion(
        config=config,
        camera=_draw_camera(config, config.random("camera")),
        drift_px_per_s=_drift(config),
        path_scale=1.0,
        object_path=path,
        object_start_px=place,
        object_velocity_px_per_s=velocity,
    )
    if config.target_blur_px is not None:
        still = _meet_target(still, config.target_blur_px)
    return _aim_object(still, place)


def _aim_object(motion: Motion, place_px: Array) -> Motion:
    """Start the object so that it appears at `place_px` from the view's centre at mid-clip."""
    if motion.object_path is None:
        return motion
    middle = np.array([motion.middle_s()])
    rotation, shift = motion.camera_pose(middle)
    own = motion.object_path.pose(middle)[0, :2]
    return replace(motion, object_start_px=rotation[0].T @ (place_px - shift[0]) - own)


def _meet_target(motion: Motion, target_px: tuple[float, float]) -> Motion:
    """Take the first candidate path that fits the target, and scale it."""
    config, (low, high) = motion.config, target_px
    share = float(config.random("blur").random())
    random = config.random("camera")
    for _ in range(_CANDIDATES):
        candidate = _with_camera(motion, _draw_camera(config, random), 1.0)
        lengths = candidate.blur_lengths_px(candidate.picture_traces(config.times_s()))
        median, longest = float(np.median(lengths)), float(lengths.max())
        short = float(np.quantile(lengths, _LOW_QUANTILE))
        if short <= 0:
            raise UserMistake(
                "target_blur_px: the camera stands still; raise camera.translation_px"
            )
        reachable = high * median / longest
        if reachable >= low:
            floor = min(low * median / short, reachable)
            return _scale_to(candidate, floor + share * (reachable - floor), high)
    raise UserMistake(
        f"target_blur_px [{low}, {high}]: blur varies too much along such a path; widen the"
        " range, shorten the clip or raise camera.circling"
    )


def _scale_to(motion: Motion, median_px: float, longest_px: float) -> Motion:
    """Scale the camera's path to a median blur length (rotation makes it slightly non-linear)."""
    scale = 1.0
    for _ in range(6):
        scaled = _with_camera(motion, motion.camera, scale)
        lengths = scaled.blur_lengths_px(scaled.picture_traces(motion.config.times_s()))
        step = min(median_px / float(np.median(lengths)), longest_px / float(lengths.max()))
        if abs(step - 1.0) < 1e-6:
            break
        scale *= step
    # The last correction may leave the longest window a hair above its bound.
    return _with_camera(motion, motion.camera, scale * (1 - 1e-5))


def _with_camera(motion: Motion, camera: HandPath, scale: float) -> Motion:
    return replace(
        motion,
        camera=camera.scaled(scale),
        drift_px_per_s=_drift(motion.config) * scale,
        path_scale=scale,
    )


def _draw_camera(config: SceneConfig, random: np.random.Generator) -> HandPath:
    camera = config.camera
    return hand_path(
        random, camera.translation_px, camera.rotation_deg, camera.circling, camera.spectrum
    )


def _draw_object(config: SceneConfig) -> tuple[HandPath | None, Array, Array]:
    """The object's own shake, its place in the view at mid-clip, and its velocity."""
    layer = config.layer
    if layer is None:
        return None, np.zeros(2), np.zeros(2)
    random = config.random("object")
    place = (random.random(2) - 0.5) * 0.4 * np.array([config.width_px, config.height_px])
    direction = random.random() * 360.0
    if layer.direction_deg is not None:
        direction = layer.direction_deg
    shake = hand_path(random, layer.shake_px, layer.shake_rotation_deg, 0.0, layer.spectrum)
    return shake, place, layer.velocity_px_per_s * _unit(direction)


def _drift(config: SceneConfig) -> Array:
    direction = config.camera.drift_direction_deg
    if direction is None:
        direction = float(config.random("drift").random()) * 360.0
    return config.camera.drift_px_per_s * _unit(direction)


def _unit(direction_deg: float) -> Array:
    angle = math.radians(direction_deg)
    return np.array([math.cos(angle), math.sin(angle)])


def _rotations(angle_deg: Array) -> Array:
    angle = np.deg2rad(angle_deg)
    cosine, sine = np.cos(angle), np.sin(angle)
    turned: Array = np.stack([np.stack([cosine, -sine], -1), np.stack([sine, cosine], -1)], axis=-2)
    return turned
