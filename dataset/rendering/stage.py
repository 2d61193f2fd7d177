"""A scene set up for rendering: the picture, the object in front of it, and where each one is."""

from __future__ import annotations

import hashlib
import math
from typing import cast

import numpy as np
from numpy.typing import NDArray

from bsd.errors import UserMistake
from dataset.rendering.choreography import Motion, plan_motion
from dataset.rendering.resample import (
    OVERSAMPLING,
    SUPPORT_PX,
    Encoder,
    expose,
    lay_over,
    sample,
    spline_coefficients,
    to_grid,
    to_linear,
    with_alpha,
)
from dataset.rendering.scene import (
    Affine,
    Array,
    Matte,
    ObjectLayer,
    PictureIdentity,
    SceneConfig,
)

Codes = NDArray[np.uint8]
Float32 = NDArray[np.float32]

_DECIMALS = 9  # of affines: what the truth file says is what was rendered
_SHUTTER_STEP_PX = 0.25
_TEXTURE_SHARE = 0.6  # of the object's picture, along the tighter side


class Stage:
    """Everything that a scene's frames are made from, prepared once.

    Parameters
    ----------
    config
        The scene.
    picture
        (H, W, 3) uint8 RGB still picture behind.
    object_picture
        (H, W, 3) uint8 RGB that the moving object is cut out of; default `picture`.

    Raises
    ------
    UserMistake
        A picture is not 8-bit RGB or too small for the view and its motion.
    """

    def __init__(
        self, config: SceneConfig, picture: Codes, object_picture: Codes | None = None
    ) -> None:
        _check_picture(picture, "picture")
        self.config = config
        self.motion: Motion = plan_motion(config)
        self.times_s = config.times_s()
        self.shutter_samples = self._count_shutter_samples()
        low, high = self._reach()
        self._place_picture(picture, low, high)
        self.matte: Matte | None = None
        if config.layer is not None:
            other = picture if object_picture is None else object_picture
            _check_picture(other, "object picture")
            self.matte = _matte(config.layer)
            self._texture = _cut_out(config, self.matte, other)
        self._encoder = Encoder(config.response_exponent)

    def picture_to_view(self, time_s: Array) -> Array:
        """(N, 2, 3) affines from pixels of the picture to pixels of the view at each time."""
        rotation, shift = self.motion.camera_pose(time_s)
        scale = np.array([self.scale_x, self.scale_y])
        # X = scale (x + 1/2) - 1/2, then x' = R (X - C) + view centre + shift
        offset = 0.5 * scale - 0.5 - self._centre
        linear = rotation * scale
        constant = np.einsum("nij,j->ni", rotation, offset) + self._view_centre() + shift
        return np.round(np.concatenate([linear, constant[..., None]], axis=-1), _DECIMALS)

    def object_to_view(self, time_s: Array) -> Array:
        """(N, 2, 3) affines from the object's own pixels to pixels of the view at each time."""
        rotation, shift = self.motion.camera_pose(time_s)
        turned, position = self.motion.object_pose(time_s)
        constant = np.einsum("nij,nj->ni", rotation, position) + self._view_centre() + shift
        affines = np.concatenate([rotation @ turned, constant[..., None]], axis=-1)
        return np.round(affines, _DECIMALS)

    def linear(self, time_s: float) -> Float32:
        """The view at one instant in linear light: (H, W, 3) float32, not clipped."""
        return self._instant(time_s)[..., :3]

    def frame(self, index: int) -> Codes:
        """Frame `index` as (H, W, 3) uint8 RGB: the mean over its shutter, then encoded."""
        time_s, count = float(self.times_s[index]), self.shutter_samples
        if count == 1:
            return self._encoder.encode(self._instant(time_s))
        shutter_s = self.config.shutter_us * 1e-6
        total = np.zeros((self.config.height_px, self.config.width_px, 4), np.float64)
        for k in range(count):
            total += self._instant(time_s + shutter_s * ((k + 0.5) / count - 0.5))
        return self._encoder.encode((total / count).astype(np.float32))

    def _instant(self, time_s: float) -> Float32:
        time = np.array([time_s])
        view = np.empty((self.config.height_px, self.config.width_px, 4), np.float32)
        to_view = compose(self.picture_to_view(time)[0], self._grid_to_picture)
        sample(self._picture, invert(to_view), view)
        if self.matte is not None:
            self._lay_object(self.object_to_view(time)[0], view)
        return view

    def _lay_object(self, object_to_view: Array, view: Float32) -> None:
        height, width = self._texture.shape[:2]
        grid_to_object = np.array(
            [
                [1 / OVERSAMPLING, 0, -(width - 1) / 2 / OVERSAMPLING],
                [0, 1 / OVERSAMPLING, -(height - 1) / 2 / OVERSAMPLING],
            ]
        )
        to_view = compose(object_to_view, grid_to_object)
        corners = np.array([[0, 0], [width - 1, 0], [0, height - 1], [width - 1, height - 1]])
        seen = corners @ to_view[:, :2].T + to_view[:, 2]
        left, top = (max(0, int(v)) for v in np.floor(seen.min(axis=0)))
        right, bottom = (int(v) + 1 for v in np.ceil(seen.max(axis=0)))
        shape = (min(bottom, view.shape[0]) - top, min(right, view.shape[1]) - left)
        if min(shape) <= 0:
            return
        patch = np.empty((*shape, 4), np.float32)
        shifted = to_view - [[0, 0, left], [0, 0, top]]
        sample(self._texture, invert(shifted), patch)
        lay_over(patch, view, top, left)

    def _count_shutter_samples(self) -> int:
        if self.config.shutter_us == 0:
            return 1
        step_px = self.largest_step_px() * self.config.rate_hz * self.config.shutter_us * 1e-6
        return max(2, math.ceil(step_px / _SHUTTER_STEP_PX))

    def largest_step_px(self) -> float:
        """Largest move of a point of the picture between two frames."""
        traces = self.motion.picture_traces(self.times_s)
        if len(traces) < 2:
            return 0.0
        return float(np.linalg.norm(np.diff(traces, axis=0), axis=-1).max())

    def _reach(self) -> tuple[Array, Array]:
        """Corners (x, y) of what the view ever sees, relative to C in view px, with support."""
        half = self.config.shutter_us * 0.5e-6
        times = (
            self.times_s
            if half == 0
            else np.concatenate([self.times_s + shift for shift in (-half, 0.0, half)])
        )
        rotation, shift = self.motion.camera_pose(times)
        x, y = self._view_centre()
        corners = np.array([[-x, -y], [x, -y], [-x, y], [x, y]])
        seen = np.einsum("nji,npj->npi", rotation, corners - shift[:, None])
        return seen.min(axis=(0, 1)) - SUPPORT_PX, seen.max(axis=(0, 1)) + SUPPORT_PX

    def _place_picture(self, picture: Codes, low: Array, high: Array) -> None:
        """Scale the picture so that it just covers the reach, and choose C."""
        config = self.config
        linear = to_linear(picture, config.response_exponent)
        need = high - low + 1
        size = np.array([picture.shape[1], picture.shape[0]], np.float64)
        scale = float((need / size).max())
        pad = np.zeros(2, int)
        if scale > config.enlarge_limit:
            if config.border == "refuse":
                raise UserMistake(_too_small(size, need, config.enlarge_limit))
            scale = config.enlarge_limit
            pad = np.maximum(0, np.ceil((need / scale - size) / 2)).astype(int)
            if (pad >= size).any():
                raise UserMistake(_too_small(size, need, config.enlarge_limit))
            linear = np.pad(linear, ((pad[1],) * 2, (pad[0],) * 2, (0, 0)), mode="symmetric")
        padded = size + 2 * pad
        width, height = (math.ceil(v) for v in padded * scale * OVERSAMPLING)
        grid = expose(to_grid(linear, width, height), config.optics_sigma_px)
        self._picture = spline_coefficients(with_alpha(grid))
        step_x, step_y = padded / [width, height]
        self.scale_x, self.scale_y = 1 / step_x / OVERSAMPLING, 1 / step_y / OVERSAMPLING
        self._grid_to_picture = np.array(
            [[step_x, 0, step_x / 2 - 0.5 - pad[0]], [0, step_y, step_y / 2 - 0.5 - pad[1]]]
        )
        # The reach's middle lies in the middle of the picture, or beside it where there is room.
        scales = np.array([self.scale_x, self.scale_y])
        room = padded * scales - need
        place = (config.random("place").random(2) - 0.5) * np.maximum(room, 0)
        self._centre = scales * size / 2 - 0.5 - (low + high) / 2 + place

    def _view_centre(self) -> Array:
        return np.array([(self.config.width_px - 1) / 2, (self.config.height_px - 1) / 2])


def compose(outer: Array, inner: Array) -> Array:
    """The (2, 3) affine that applies `inner`, then `outer`."""
    return np.column_stack([outer[:, :2] @ inner[:, :2], outer[:, :2] @ inner[:, 2] + outer[:, 2]])


def invert(affine: Array) -> Array:
    """The inverse of a (2, 3) affine."""
    back = np.linalg.inv(affine[:, :2])
    return np.column_stack([back, -back @ affine[:, 2]])


def as_rows(affines: Array) -> tuple[Affine, ...]:
    """(N, 2, 3) affines as plain tuples of six numbers, for a document."""
    return tuple(cast(Affine, tuple(row)) for row in affines.reshape(-1, 6).tolist())


def identity_of(picture: Codes) -> PictureIdentity:
    """Size and SHA-256 of a picture's RGB bytes."""
    digest = hashlib.sha256(np.ascontiguousarray(picture).tobytes()).hexdigest()
    return PictureIdentity(width_px=picture.shape[1], height_px=picture.shape[0], sha256=digest)


def _matte(layer: ObjectLayer) -> Matte:
    return Matte(
        semi_x_px=layer.width_px / 2,
        semi_y_px=layer.height_px / 2,
        edge_px=layer.edge_px,
        squareness=layer.squareness,
    )


def _cut_out(config: SceneConfig, matte: Matte, picture: Codes) -> Float32:
    """Spline coefficients of the object: premultiplied linear RGBA, transparent at its border."""
    semi = np.array([matte.semi_x_px, matte.semi_y_px])
    half = np.ceil((semi + matte.edge_px / 2 + SUPPORT_PX) * OVERSAMPLING).astype(int)
    size = np.array([picture.shape[1], picture.shape[0]])
    scale = min(1.0, float(((2 * half + 1) / (size * OVERSAMPLING * _TEXTURE_SHARE)).max()))
    grid_size = np.ceil(size * scale * OVERSAMPLING).astype(int)
    room = grid_size - (2 * half + 1)
    if (room < 0).any():
        raise UserMistake(
            f"object picture of {size[0]} × {size[1]} px is too small to cut an object of"
            f" {2 * semi[0]:g} × {2 * semi[1]:g} px out of it; make layer.width_px and"
            " layer.height_px smaller or use a larger picture"
        )
    whole = to_grid(to_linear(picture, config.response_exponent), *grid_size.tolist())
    left, top = (config.random("texture").random(2) * (room + 1)).astype(int)
    colour = whole[top : top + 2 * half[1] + 1, left : left + 2 * half[0] + 1]
    v, u = np.mgrid[-half[1] : half[1] + 1, -half[0] : half[0] + 1] / OVERSAMPLING
    alpha = matte.alpha(u, v).astype(np.float32)[..., None]
    return spline_coefficients(expose(with_alpha(colour) * alpha, config.optics_sigma_px))


def _check_picture(picture: Codes, name: str) -> None:
    if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3:
        raise UserMistake(
            f"{name}: expected 8-bit RGB of shape (H, W, 3), got {picture.dtype}"
            f" {picture.shape}; convert it first"
        )


def _too_small(size: Array, need: Array, limit: float) -> str:
    return (
        f"picture of {size[0]:.0f} × {size[1]:.0f} px is too small: view and motion need"
        f" {math.ceil(need[0])} × {math.ceil(need[1])} px at a scale of at most {limit:g};"
        " use a larger picture, a smaller width_px and height_px, less blur, or border=reflect"
    )
