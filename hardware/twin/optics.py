"""From a pixel of a sensor to a ray of the scene, and what the way takes of the light.

A raw pixel (as the sensor counts) is unflipped to the *upright* view. Points are (x, y) with pixel
centres at integers. H maps upright C2 to upright C1.

- shared lens: C2's upright pixel → H → C1's image plane → lens's distortion undone → ray;
- two lenses: upright pixel → own distortion undone → (C2: H, the turn between the cameras) → ray,
  which starts at the camera's own pupil.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hardware.twin.world_config import AlignmentConfig, DriftConfig, SensorConfig, WorldConfig

Points = NDArray[np.float64]
Homography = NDArray[np.float64]
_NEWTON_STEPS = 8


class Region(NamedTuple):
    """A part of a sensor in raw pixels."""

    x: int
    y: int
    width: int
    height: int


def whole(sensor: SensorConfig) -> Region:
    """All of a sensor."""
    return Region(0, 0, sensor.width_px, sensor.height_px)


@dataclass(frozen=True)
class Camera:
    """One camera's geometry at one instant.

    Attributes
    ----------
    focal_px, centre_px
        Of its lens: focal length, and principal point of the upright view.
    to_image
        Homography from its upright pixels to the image plane whose distortion is undone next.
    to_ideal
        Homography from its undistorted pixels to the rays' plane (C1's ideal pixels).
    distortion
        k1, k2.
    mirror
        none, horizontal or vertical.
    size_px
        Width and height of the sensor.
    pupil_mm
        Where its rays start, from the rig's origin, in the rig's axes.
    ray_focal_px, ray_centre_px
        Focal length and principal point that turn ideal pixels into rays.
    """

    focal_px: float
    centre_px: tuple[float, float]
    to_image: Homography
    to_ideal: Homography
    distortion: tuple[float, float]
    mirror: str
    size_px: tuple[int, int]
    pupil_mm: tuple[float, float, float]
    ray_focal_px: float
    ray_centre_px: tuple[float, float]

    def upright(self, raw: Points) -> Points:
        """Upright pixels of raw pixels, and raw pixels of upright ones: (..., 2) float64."""
        points = np.array(raw, dtype=np.float64)
        if self.mirror == "horizontal":
            points[..., 0] = self.size_px[0] - 1 - points[..., 0]
        elif self.mirror == "vertical":
            points[..., 1] = self.size_px[1] - 1 - points[..., 1]
        return points

    def rays(self, upright: Points) -> Points:
        """Slopes (x/z, y/z) in the rig's axes of upright pixels, (..., 2) float64."""
        image: Points = (apply(self.to_image, upright) - self.centre_px) / self.focal_px
        ideal = undistort(image, self.distortion) * self.focal_px + self.centre_px
        return (apply(self.to_ideal, ideal) - self.ray_centre_px) / self.ray_focal_px

    def pixels(self, slopes: Points) -> Points:
        """Upright pixels of slopes: the way back of `rays`, (..., 2) float64."""
        plane = slopes * self.ray_focal_px + self.ray_centre_px
        ideal: Points = (apply(_inverse(self.to_ideal), plane) - self.centre_px) / self.focal_px
        image = distort(ideal, self.distortion) * self.focal_px + self.centre_px
        return apply(_inverse(self.to_image), image)


def camera_at(world: WorldConfig, camera: int, time_ns: int) -> Camera:
    """The geometry of camera 1 or 2 at a time of the world (alignment drifts in warm-up)."""
    view, sensor = world.view(camera), world.sensor(camera)
    focal_px = world.optics.focal_mm * 1000.0 / sensor.pixel_pitch_um * view.focal_scale
    first = world.sensor_1
    first_px = world.optics.focal_mm * 1000.0 / first.pixel_pitch_um * world.view(1).focal_scale
    homography = homography_c2_to_c1(world, time_ns) if camera == 2 else np.eye(3)
    shared = world.optics.kind == "shared_lens"
    return Camera(
        focal_px=first_px if shared else focal_px,
        centre_px=_middle(first if shared else sensor),
        to_image=homography if shared else np.eye(3),
        to_ideal=np.eye(3) if shared else homography,
        distortion=view.distortion,
        mirror=view.mirror,
        size_px=(sensor.width_px, sensor.height_px),
        pupil_mm=view.pupil_mm,
        ray_focal_px=first_px,
        ray_centre_px=_middle(first),
    )


def homography_c2_to_c1(world: WorldConfig, time_ns: int) -> Homography:
    """H (3, 3), upright C2 → upright C1; with two lenses between undistorted, infinitely far views.

    A similarity and keystone about the middle of either sensor, the magnification between unlike
    pixels or lenses, and the drift of the warm-up.
    """
    align, drift = world.optics.alignment, world.optics.drift
    grown = 1.0 - math.exp(-max(time_ns, 0) * 1e-9 / drift.time_constant_s)
    x2, y2 = _middle(world.sensor_2)
    x1, y1 = _middle(world.sensor_1)
    magnification = world.sensor_2.pixel_pitch_um / world.sensor_1.pixel_pitch_um
    if world.optics.kind == "two_lenses":
        magnification *= world.view(1).focal_scale / world.view(2).focal_scale
    similar = _similarity(align, drift, grown, magnification)
    return _shift(x1, y1) @ similar @ _shift(-x2, -y2)


def _similarity(
    align: AlignmentConfig, drift: DriftConfig, grown: float, magnification: float
) -> Homography:
    turn = (align.rotation_mrad + grown * drift.rotation_mrad) / 1000.0
    scale = align.scale * magnification
    cos, sin = scale * math.cos(turn), scale * math.sin(turn)
    shift = np.add(align.shift_px, np.multiply(drift.shift_px, grown))
    return np.array([[cos, -sin, shift[0]], [sin, cos, shift[1]], [*align.keystone_per_px, 1.0]])


def apply(homography: Homography, points: Points) -> Points:
    """Points (..., 2) moved by a homography (3, 3)."""
    moved = points @ homography[:, :2].T + homography[:, 2]
    return np.asarray(moved[..., :2] / moved[..., 2:])


def distort(points: Points, distortion: tuple[float, float]) -> Points:
    """Points moved along their radius, r → r (1 + k1 r² + k2 r⁴), (..., 2) in focal lengths."""
    r2 = (points**2).sum(axis=-1, keepdims=True)
    return np.asarray(points * (1.0 + distortion[0] * r2 + distortion[1] * r2**2))


def undistort(points: Points, distortion: tuple[float, float]) -> Points:
    """The inverse of `distort` by Newton's method on the radius."""
    k1, k2 = distortion
    if k1 == 0.0 and k2 == 0.0:
        return points
    target = np.sqrt((points**2).sum(axis=-1, keepdims=True))
    r = target.copy()
    for _ in range(_NEWTON_STEPS):
        r2 = r * r
        slope = 1.0 + 3.0 * k1 * r2 + 5.0 * k2 * r2 * r2
        r -= (r * (1.0 + k1 * r2 + k2 * r2 * r2) - target) / slope
    return np.asarray(points * np.where(target > 0, r / np.maximum(target, 1e-300), 1.0))


def vignetting(world: WorldConfig, camera: int, upright: Points, time_ns: int) -> Points:
    """Relative illumination at upright pixels: cos⁴ of the field angle times the edge loss, (...).

    The angle is that of the ray to the lens's axis; the edge loss grows with the square of the
    distance from the middle of the sensor and is whole at its corner.
    """
    view = world.view(camera)
    shade = np.ones(upright.shape[:-1])
    if view.natural_vignetting:
        slopes = camera_at(world, camera, time_ns).rays(upright)
        shade /= (1.0 + (slopes**2).sum(axis=-1)) ** 2
    middle = np.asarray(_middle(world.sensor(camera)))
    radius2 = ((upright - middle) ** 2).sum(axis=-1) / (middle**2).sum()
    return np.asarray(shade * (1.0 - view.edge_loss * radius2))


def throughput(world: WorldConfig, camera: int) -> float:
    """Share of the unpolarised light that passes splitter and real ND filter."""
    view, splitter = world.view(camera), world.optics.splitter
    share = splitter.reflected if view.path == "reflected" else splitter.transmitted
    return share * view.nd_transmission * (1.0 + view.nd_error)


def polarised_gain(world: WorldConfig, camera: int, polarisation: float) -> float:
    """What the splitter makes of a layer's polarisation, relative to unpolarised light."""
    splitter = world.optics.splitter
    gained = polarisation * splitter.polarisation_contrast
    if world.view(camera).path == "reflected":
        return max(0.0, 1.0 + gained)
    moved = gained * splitter.reflected / splitter.transmitted if splitter.transmitted else 0.0
    return max(0.0, 1.0 - moved)


def dust(world: WorldConfig, camera: int, region: Region, seed: int) -> NDArray[np.float32]:
    """Transmission of a dirty splitter over a region of the raw sensor, (H, W) in [0, 1].

    Spots are discs out of focus, with a smooth edge; places and depths are drawn per camera.
    """
    splitter, sensor = world.optics.splitter, world.sensor(camera)
    clear = np.ones((region.height, region.width), dtype=np.float32)
    generator = np.random.default_rng(np.random.SeedSequence([seed, camera, 0xD057]))
    y, x = np.mgrid[0 : region.height, 0 : region.width] + 0.0
    for _ in range(splitter.dust_spots):
        at_x, at_y, size, depth = generator.uniform(size=4)
        radius = splitter.dust_radius_px * (0.5 + size)
        distance = np.hypot(
            x + region.x - at_x * sensor.width_px, y + region.y - at_y * sensor.height_px
        )
        edge = np.clip((radius - distance) / (0.5 * radius), 0.0, 1.0)
        clear *= (1.0 - splitter.dust_depth * depth * edge * edge * (3.0 - 2.0 * edge)).astype(
            np.float32
        )
    return clear


def _inverse(homography: Homography) -> Homography:
    return np.asarray(np.linalg.inv(homography), dtype=np.float64)


def _shift(x: float, y: float) -> Homography:
    return np.array([[1.0, 0.0, x], [0.0, 1.0, y], [0.0, 0.0, 1.0]])


def _middle(sensor: SensorConfig) -> tuple[float, float]:
    return (sensor.width_px - 1) / 2.0, (sensor.height_px - 1) / 2.0
