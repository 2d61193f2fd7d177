"""A rendered scene as documents: what is asked for (`SceneConfig`) and what is true (`Truth`).

Coordinates are (x, y) with pixel centres at integers and y downwards; a positive rotation turns
x towards y. *View* coordinates are those of the rendered frames. A point of the still picture
appears at ``R(rotation) (X - C) + view centre + shift``, where X is the point in picture
coordinates scaled to view pixels and C the point that the path is centred on.
"""

from __future__ import annotations

from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from bsd.document import Document, Part
from dataset.rendering.shake import ShakeSpectrum

Array = NDArray[np.float64]
Affine = tuple[float, float, float, float, float, float]
"""Rows (a, b, c) and (d, e, f) of ``x' = a x + b y + c, y' = d x + e y + f``."""

_STREAMS = {"camera": 0, "drift": 1, "blur": 2, "object": 3, "texture": 4, "place": 5}


class CameraMotion(Part):
    """How the hand moves the view; amplitudes are rms, and relative where blur has a target."""

    translation_px: float = Field(default=12.0, ge=0)
    rotation_deg: float = Field(default=0.4, ge=0)
    circling: float = Field(default=0.9, ge=0, le=1)
    drift_px_per_s: float = Field(default=0.0, ge=0)
    drift_direction_deg: float | None = None
    spectrum: ShakeSpectrum = ShakeSpectrum()


class ObjectLayer(Part):
    """A soft-edged cut-out that moves on its own in front of the picture."""

    width_px: float = Field(default=96.0, ge=8)
    height_px: float = Field(default=80.0, ge=8)
    edge_px: float = Field(default=3.0, gt=0)
    squareness: float = Field(default=2.5, ge=1)
    velocity_px_per_s: float = Field(default=60.0, ge=0)
    direction_deg: float | None = None
    shake_px: float = Field(default=3.0, ge=0)
    shake_rotation_deg: float = Field(default=1.0, ge=0)
    spectrum: ShakeSpectrum = ShakeSpectrum(high_hz=6.0, corner_hz=2.0)


class SceneConfig(Document):
    """One scene to render: file format ``bsd-scene``.

    Attributes
    ----------
    seed, scene
        All that is random comes from ``SeedSequence([seed, scene, stream])``.
    shutter_us
        Exposure of each rendered frame, centred on its time; 0 is an instant.
    exposure_us, target_blur_px
        Over each window of `exposure_us` the view's content travels a blur length (mean of nine
        points of the view). The camera's path is scaled by a seeded factor so that none of these
        lengths exceeds the upper bound, their median is at least the lower one, and so are nine
        in ten of them wherever the path allows both. None leaves the amplitudes as they are. The
        default window is 14 periods of 960 Hz, over which the recipe ``rendered`` averages.
    border
        What to do where the picture cannot cover the view: refuse, or mirror its border.
    enlarge_limit
        Largest scale from picture to view; pictures are reduced until they just cover it.
    """

    format: Literal["bsd-scene"] = "bsd-scene"
    format_version: int = 1
    seed: int = Field(default=0, ge=0)
    scene: int = Field(default=0, ge=0)
    rate_hz: int = Field(default=960, ge=960)
    frames: int = Field(default=960, ge=1)
    width_px: int = Field(default=320, ge=16, le=8192)
    height_px: int = Field(default=192, ge=16, le=8192)
    shutter_us: float = Field(default=0.0, ge=0)
    exposure_us: float = Field(default=14_583.333, gt=0)
    target_blur_px: tuple[float, float] | None = (4.0, 16.0)
    camera: CameraMotion = CameraMotion()
    layer: ObjectLayer | None = ObjectLayer()
    response_exponent: float = Field(default=2.2, ge=1, le=4)
    optics_sigma_px: float = Field(default=0.35, ge=0, le=4)
    border: Literal["refuse", "reflect"] = "refuse"
    enlarge_limit: float = Field(default=1.0, gt=0)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.shutter_us > 1e6 / self.rate_hz:
            raise ValueError(f"shutter_us {self.shutter_us} is longer than one frame period")
        if self.target_blur_px is None:
            return self
        low, high = self.target_blur_px
        if not 0 < low < high:
            raise ValueError(f"target_blur_px [{low}, {high}] must be positive and ascending")
        if (self.frames - 1) / self.rate_hz < self.exposure_us * 1e-6:
            raise ValueError(
                f"{self.frames} frames at {self.rate_hz} Hz are shorter than exposure_us"
                f" {self.exposure_us}; raise frames or set target_blur_px to null"
            )
        return self

    def times_s(self) -> Array:
        """Times of the frames, ``i / rate_hz``, shape (frames,)."""
        return np.arange(self.frames) / self.rate_hz

    def random(self, stream: str) -> np.random.Generator:
        """The seeded generator of one named purpose of this scene."""
        return np.random.default_rng(self._seeds(stream))

    def _seeds(self, stream: str) -> np.random.SeedSequence:
        return np.random.SeedSequence([self.seed, self.scene, _STREAMS[stream]])


class Matte(Part):
    """The object's alpha in its own coordinates (u, v), in px from its centre.

    ``r = (|u / semi_x|^n + |v / semi_y|^n)^(1/n)`` with n = `squareness`;
    ``s = clip((1 - r) · min(semi_x, semi_y) / edge_px + 1/2, 0, 1)``;
    ``alpha = 3 s² - 2 s³``, before the optics and the pixel's area.
    """

    semi_x_px: float
    semi_y_px: float
    edge_px: float
    squareness: float

    def alpha(self, u_px: Array, v_px: Array) -> Array:
        """Opacity at points of the object, 0 to 1."""
        power = self.squareness
        r = (np.abs(u_px / self.semi_x_px) ** power + np.abs(v_px / self.semi_y_px) ** power) ** (
            1 / power
        )
        s = np.clip((1 - r) * min(self.semi_x_px, self.semi_y_px) / self.edge_px + 0.5, 0, 1)
        alpha: Array = 3 * s**2 - 2 * s**3
        return alpha


class PictureIdentity(Part):
    """A still picture: size and SHA-256 of its RGB bytes in row order."""

    width_px: int
    height_px: int
    sha256: str


class VideoIdentity(Part):
    """The file that a truth belongs to."""

    name: str
    sha256: str
    bytes: int


class BlurSummary(Part):
    """Blur lengths over all windows of a clip, in px."""

    median_px: float
    minimum_px: float
    maximum_px: float
    share_in_target: float | None


class Truth(Document):
    """What is true of a rendered clip: file format ``bsd-truth``.

    Attributes
    ----------
    camera
        Per frame, at time ``i / config.rate_hz``: affine from picture px to view px.
    object
        Per frame: affine from the object's own px (origin at the matte's centre) to view px;
        its last column is the object's position. None without a layer.
    blur_px
        Blur length of the picture for the window that starts at each frame, as long as windows
        fit into the clip.
    largest_step_px
        Largest move of a point of the picture between two frames (nine points of the view).
    path_scale
        Factor by which the asked amplitudes were multiplied to meet the blur target.
    """

    format: Literal["bsd-truth"] = "bsd-truth"
    format_version: int = 1
    toolkit: str
    video: VideoIdentity
    picture: PictureIdentity
    object_picture: PictureIdentity | None
    config: SceneConfig
    path_scale: float
    blur: BlurSummary | None
    object_blur: BlurSummary | None
    largest_step_px: float
    matte: Matte | None
    blur_px: tuple[float, ...]
    camera: tuple[Affine, ...]
    object: tuple[Affine, ...] | None


def summarise(lengths_px: Array, target_px: tuple[float, float] | None) -> BlurSummary | None:
    """Median, bounds and share within the target of a clip's blur lengths; None where empty."""
    if lengths_px.size == 0:
        return None
    share = None
    if target_px is not None:
        share = float(np.mean((lengths_px >= target_px[0]) & (lengths_px <= target_px[1])))
    return BlurSummary(
        median_px=round(float(np.median(lengths_px)), 6),
        minimum_px=round(float(lengths_px.min()), 6),
        maximum_px=round(float(lengths_px.max()), 6),
        share_in_target=share,
    )
