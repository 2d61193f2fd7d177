"""The map between the two views: upright C2 pixels → upright C1 pixels.

A point of C2 is freed of C2's distortion, moved by the homography H and given C1's distortion. With
a lens before the splitter both distortions are None and H alone is the map. Pixel centres stand at
integers, points are (x, y), and *upright* is what `acquisition.picture.view.unflip` returns.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from scipy.optimize import least_squares

from bsd.document import Part

Points = NDArray[np.float64]
Matrix = tuple[tuple[float, float, float], tuple[float, float, float], tuple[float, float, float]]
Affine = tuple[tuple[float, float, float], tuple[float, float, float]]
Shape = tuple[int, int]
Channel = Literal["R", "G", "B"]

_NEWTON_STEPS = 10
_SAMPLES = (17, 13)


class Lens(Part):
    """Radial distortion of one view: r → r (1 + k1 r² + k2 r⁴).

    Attributes
    ----------
    k1, k2
        At radius `norm_px`, so that k1 is the share by which a corner is moved.
    centre_px
        (x, y) of the axis, upright pixels.
    norm_px
        Pixels of r = 1: half the view's diagonal.
    """

    k1: float
    k2: float
    centre_px: tuple[float, float]
    norm_px: float = Field(gt=0)

    def distort(self, points: Points) -> Points:
        """Where the lens shows ideal points; (..., 2) px → (..., 2) px."""
        centred = (np.asarray(points, dtype=np.float64) - self.centre_px) / self.norm_px
        r2 = (centred**2).sum(axis=-1, keepdims=True)
        return np.asarray(
            centred * (1.0 + r2 * (self.k1 + self.k2 * r2)) * self.norm_px + self.centre_px
        )

    def undistort(self, points: Points) -> Points:
        """The inverse of `distort`, by Newton's method on the radius."""
        centred = (np.asarray(points, dtype=np.float64) - self.centre_px) / self.norm_px
        target = np.sqrt((centred**2).sum(axis=-1, keepdims=True))
        r = target.copy()
        for _ in range(_NEWTON_STEPS):
            r2 = r * r
            slope = 1.0 + r2 * (3.0 * self.k1 + 5.0 * self.k2 * r2)
            r -= (r * (1.0 + r2 * (self.k1 + self.k2 * r2)) - target) / slope
        share = np.where(target > 0, r / np.maximum(target, 1e-300), 1.0)
        return np.asarray(centred * share * self.norm_px + self.centre_px)

    def motions(self, ideal: Points, count: int) -> Points:
        """(n, 2, count): px by which `distort` moves points (n, 2) with each of k1, k2."""
        centred = (ideal - self.centre_px) / self.norm_px
        r2 = (centred**2).sum(axis=1, keepdims=True)
        return np.stack([centred * r2**power * self.norm_px for power in (1, 2)][:count], axis=2)


class Displacement(NamedTuple):
    """How far two maps lie apart over C1's view, in C1's pixels."""

    rms_px: float
    max_px: float


class ViewMap(Part):
    """Upright C2 → upright C1.

    Attributes
    ----------
    c2_to_c1
        H between the undistorted views, H[2][2] = 1.
    shape_1, shape_2
        (height, width) of the upright views.
    lens_1, lens_2
        Distortions; None where a lens adds none that can be measured.
    channel_shift
        "R" or "B" → A (2, 3): what C1 shows at p in that channel, C2 shows where the map of green
        has p + A (x, y, 1), in C1's pixels. Only channels whose shift matters.
    """

    c2_to_c1: Matrix
    shape_1: Shape
    shape_2: Shape
    lens_1: Lens | None = None
    lens_2: Lens | None = None
    channel_shift: Mapping[Literal["R", "B"], Affine] = {}

    def homography(self) -> Points:
        """H (3, 3) float64."""
        return np.array(self.c2_to_c1, dtype=np.float64)

    def to_c1(self, points2: Points, channel: Channel = "G") -> Points:
        """Where C1 shows what C2 has at upright pixels (..., 2) float64."""
        ideal = points2 if self.lens_2 is None else self.lens_2.undistort(points2)
        moved = apply(self.homography(), np.asarray(ideal, dtype=np.float64))
        green = moved if self.lens_1 is None else self.lens_1.distort(moved)
        shift = self._shift(channel)
        if shift is None:
            return green
        # p + A (p, 1) = green, so (I + A₀) p = green − a
        return np.asarray(
            np.linalg.solve(np.eye(2) + shift[:, :2], (green - shift[:, 2])[..., None])[..., 0]
        )

    def to_c2(self, points1: Points, channel: Channel = "G") -> Points:
        """The way back of `to_c1`."""
        points1 = np.asarray(points1, dtype=np.float64)
        shift = self._shift(channel)
        if shift is not None:
            points1 = points1 + points1 @ shift[:, :2].T + shift[:, 2]
        ideal = points1 if self.lens_1 is None else self.lens_1.undistort(points1)
        inverse = np.asarray(np.linalg.inv(self.homography()), dtype=np.float64)
        moved = apply(inverse, ideal)
        return moved if self.lens_2 is None else self.lens_2.distort(moved)

    def grid(self, channel: Channel = "G") -> NDArray[np.float32]:
        """Upright C2 (x, y) of every upright C1 pixel: (H1, W1, 2) float32."""
        height, width = self.shape_1
        found = np.empty((height, width, 2), dtype=np.float32)
        x = np.arange(width, dtype=np.float64)
        for top in range(0, height, 64):  # in strips: float64 of a whole view is a lot
            y = np.arange(top, min(top + 64, height), dtype=np.float64)
            found[top : top + len(y)] = self.to_c2(np.stack(np.meshgrid(x, y), axis=-1), channel)
        return found

    def displacement(self, other: ViewMap) -> Displacement:
        """How far `other` puts C2's points from where this map does, over C1's view."""
        points2 = self.to_c2(view_points(self.shape_1))
        apart = other.to_c1(points2) - self.to_c1(points2)
        distance2 = (apart**2).sum(axis=-1)
        return Displacement(float(np.sqrt(distance2.mean())), float(np.sqrt(distance2.max())))

    def with_homography(self, homography: Points) -> ViewMap:
        """The same lenses and channels with another H (3, 3)."""
        return self.model_copy(update={"c2_to_c1": as_matrix(homography)})

    def _shift(self, channel: Channel) -> Points | None:
        shift = None if channel == "G" else self.channel_shift.get(channel)
        return None if shift is None else np.array(shift, dtype=np.float64)


def between(start: ViewMap, end: ViewMap, share: float) -> ViewMap:
    """The map at a share of the way from `start` (0) to `end` (1): displacements interpolated.

    Parameters
    ----------
    share
        0 to 1, e.g. a clip's time between the calibrations at the session's start and end.
    """
    if share <= 0.0 or start == end:
        return start
    if share >= 1.0:
        return end
    points2 = start.to_c2(view_points(start.shape_1))
    wanted = (1.0 - share) * start.to_c1(points2) + share * end.to_c1(points2)
    ideal2 = points2 if start.lens_2 is None else start.lens_2.undistort(points2)
    ideal1 = wanted if start.lens_1 is None else start.lens_1.undistort(wanted)
    first = cv2.findHomography(ideal2.reshape(-1, 1, 2), ideal1.reshape(-1, 1, 2), 0)[0]
    chosen = start.with_homography(np.asarray(first, dtype=np.float64))
    if (start.lens_1, start.lens_2) != (end.lens_1, end.lens_2):
        chosen = _fitted(chosen, points2, wanted)
    return chosen.model_copy(update={"channel_shift": _shifts(start, end, share)})


def apply(homography: Points, points: Points) -> Points:
    """Points (..., 2) moved by a homography (3, 3)."""
    moved = points @ homography[:, :2].T + homography[:, 2]
    return np.asarray(moved[..., :2] / moved[..., 2:], dtype=np.float64)


def as_matrix(homography: Points) -> Matrix:
    """H (3, 3) as a document keeps it, scaled to H[2][2] = 1."""
    h = np.asarray(homography, dtype=np.float64) / homography[2, 2]
    rows = [(float(row[0]), float(row[1]), float(row[2])) for row in h]
    return rows[0], rows[1], rows[2]


def whole_lens(shape: Shape, k1: float, k2: float = 0.0) -> Lens:
    """A lens whose axis is the view's middle and whose radius 1 is a corner."""
    x, y = middle_px(shape)
    return Lens(k1=k1, k2=k2, centre_px=(float(x), float(y)), norm_px=half_diagonal_px(shape))


def middle_px(shape: Shape) -> Points:
    """(x, y) of the middle of a view."""
    return np.array([(shape[1] - 1) / 2.0, (shape[0] - 1) / 2.0])


def half_diagonal_px(shape: Shape) -> float:
    """From the middle of a view to the centre of its corner pixel."""
    return float(np.hypot(shape[0] - 1, shape[1] - 1) / 2.0)


def view_points(shape: Shape, counts: tuple[int, int] = _SAMPLES) -> Points:
    """Evenly spread pixels of a view, its corners among them: (ny · nx, 2), `counts` = (nx, ny)."""
    x = np.linspace(0.0, shape[1] - 1.0, counts[0])
    y = np.linspace(0.0, shape[0] - 1.0, counts[1])
    return np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)


def _fitted(start: ViewMap, points2: Points, wanted: Points) -> ViewMap:
    """H and the distortions of both lenses that carry `points2` to `wanted`."""
    lenses = tuple(
        whole_lens(shape, 0.0) if lens is None else lens
        for lens, shape in ((start.lens_1, start.shape_1), (start.lens_2, start.shape_2))
    )

    def made(values: NDArray[np.float64]) -> ViewMap:
        k = values[8:]
        homography = np.append(values[:8], 1.0).reshape(3, 3)
        lens_1 = lenses[0].model_copy(update={"k1": float(k[0]), "k2": float(k[1])})
        lens_2 = lenses[1].model_copy(update={"k1": float(k[2]), "k2": float(k[3])})
        return start.with_homography(homography).model_copy(
            update={"lens_1": lens_1, "lens_2": lens_2}
        )

    def misses(values: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray((made(values).to_c1(points2) - wanted).ravel())

    at = np.concatenate([start.homography().ravel()[:8], *([lens.k1, lens.k2] for lens in lenses)])
    found = least_squares(misses, at, method="trf", x_scale="jac", xtol=1e-14, ftol=1e-14)
    return made(np.asarray(found.x, dtype=np.float64))


def _shifts(start: ViewMap, end: ViewMap, share: float) -> dict[Literal["R", "B"], Affine]:
    names: tuple[Literal["R", "B"], ...] = ("R", "B")
    shifts: dict[Literal["R", "B"], Affine] = {}
    for name in names:
        if name in start.channel_shift or name in end.channel_shift:
            first, last = (
                np.array(each.channel_shift.get(name, np.zeros((2, 3)))) for each in (start, end)
            )
            shifts[name] = as_affine((1.0 - share) * first + share * last)
    return shifts


def as_affine(values: Points) -> Affine:
    """A (2, 3) as a document keeps it."""
    rows = [(float(row[0]), float(row[1]), float(row[2])) for row in values]
    return rows[0], rows[1]
