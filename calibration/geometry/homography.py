"""The first homography of points, by MAGSAC, and whether points can give one at all.

References
----------
D. Barath, J. Matas, J. Noskova, "MAGSAC: marginalizing sample consensus", CVPR 2019 (OpenCV's
`USAC_MAGSAC`, whose random numbers begin alike at every call).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from calibration.geometry.correspondences import PosePoints, stacked
from calibration.geometry.faults import ClusteredPoints, DegeneratePoints, TooFewPoints
from calibration.geometry.limits import GeometryLimits
from calibration.geometry.view_map import Points, Shape, apply

_CONFIDENCE = 0.9999
_ROUNDS = 5000
_LEAST_INLIERS = 0.6
_MIRRORED = 0.5
_SCALES = (0.2, 5.0)
_WORST_CONDITION = 1e3


def magsac(c1: Points, c2: Points, threshold_px: float) -> tuple[Points, NDArray[np.bool_]] | None:
    """H (3, 3) from C2 to C1 and the points (n,) that agree; None where no model was found."""
    try:
        answer: Any = cv2.findHomography(  # None where nothing fits, whatever its stub says
            c2.reshape(-1, 1, 2),
            c1.reshape(-1, 1, 2),
            cv2.USAC_MAGSAC,
            threshold_px,
            maxIters=_ROUNDS,
            confidence=_CONFIDENCE,
        )
    except cv2.error:  # its answer to points that leave the model open
        return None
    found, mask = answer
    if found is None or mask is None:
        return None
    return np.asarray(found, dtype=np.float64), np.asarray(mask).ravel() > 0


def sound_poses(
    poses: Sequence[PosePoints], limits: GeometryLimits
) -> tuple[list[PosePoints], list[str]]:
    """Poses without their blunders, those that say nothing left out; and a note on each loss.

    Raises
    ------
    TooFewPoints
        Fewer poses than the limit, or too few of them with enough points.
    DegeneratePoints
        Too few poses remain and the reason is that points lie on a line.
    """
    if len(poses) < limits.least_poses:
        raise TooFewPoints(
            f"geometry: {len(poses)} poses of the target, at least {limits.least_poses} are needed;"
            " record the board in more places of the view"
        )
    kept, notes, flat = [], [], []
    for pose in poses:
        if len(pose) < limits.least_points:
            notes.append(f"{pose.name}: {len(pose)} points, left out")
        elif min(_thickness(pose.c1), _thickness(pose.c2)) < limits.least_thickness:
            notes.append(f"{pose.name}: all points on a line, left out")
            flat.append(pose.name)
        else:
            found = magsac(pose.c1, pose.c2, limits.blunder_px)
            agree = np.zeros(len(pose), bool) if found is None else found[1]
            if agree.sum() < max(limits.least_points, _LEAST_INLIERS * len(pose)):
                notes.append(
                    f"{pose.name}: {int(agree.sum())} of {len(pose)} points agree, left out"
                )
                continue
            if not agree.all():
                notes.append(f"{pose.name}: {int((~agree).sum())} of {len(pose)} points left out")
            kept.append(chosen_points(pose, agree))
    if len(kept) >= limits.least_poses:
        return kept, notes
    if len(kept) + len(flat) >= limits.least_poses:
        raise DegeneratePoints(
            f"geometry: the points of {', '.join(flat)} lie on a line, from which no homography"
            " follows; record the whole board"
        )
    raise TooFewPoints(
        f"geometry: only {len(kept)} of {len(poses)} poses are usable, at least"
        f" {limits.least_poses} are needed ({notes[0]}); record more poses of the whole board"
    )


def check_cover(poses: Sequence[PosePoints], shape_1: Shape, limits: GeometryLimits) -> float:
    """Share of C1's view inside the convex hull of all points.

    Raises
    ------
    ClusteredPoints
        Below the limit.
    """
    points = stacked(poses)[0].astype(np.float32)
    share = float(cv2.contourArea(cv2.convexHull(points)) / ((shape_1[0] - 1) * (shape_1[1] - 1)))
    if share < limits.least_cover_share:
        raise ClusteredPoints(
            f"geometry: the target's points cover {share:.0%} of the view, at least"
            f" {limits.least_cover_share:.0%} are needed; record the board in all four corners too"
        )
    return share


def check_hand(poses: Sequence[PosePoints]) -> None:
    """Refuse views of which one is mirrored: MAGSAC would only say that nothing fits.

    Raises
    ------
    DegeneratePoints
        Most of the poses are mirrored.
    """
    hands = []
    for pose in poses:
        first, second = (points - points.mean(axis=0) for points in (pose.c1, pose.c2))
        hands.append(np.linalg.det(np.linalg.lstsq(second, first, rcond=None)[0]) < 0)
    if np.mean(hands) > _MIRRORED:
        raise DegeneratePoints(
            "geometry: the map mirrors the view; the flip of one camera in rig.yaml is wrong"
        )


def check_homography(homography: Points, shape_2: Shape) -> None:
    """Refuse a homography that folds the view, is near-singular or of an absurd scale.

    Raises
    ------
    DegeneratePoints
        Names which.
    """
    height, width = shape_2
    corners = np.array([[0, 0], [width - 1, 0], [width - 1, height - 1], [0, height - 1]], float)
    depths = np.column_stack([corners, np.ones(4)]) @ homography[2]
    if (depths > 0).sum() not in (0, 4):
        raise DegeneratePoints(
            "geometry: the homography folds the view, it is near-singular; record the board"
            " in more places and check that both cameras saw the same board"
        )
    moved = apply(homography, corners)
    sides = np.roll(moved, -1, axis=0) - moved
    after = np.roll(sides, -1, axis=0)
    turns = sides[:, 0] * after[:, 1] - sides[:, 1] * after[:, 0]
    if not (turns > 0).all():
        raise DegeneratePoints(
            "geometry: the homography folds or mirrors the view; check that both cameras saw the"
            " same board and the flip of both in rig.yaml"
        )
    area = float(cv2.contourArea(moved.astype(np.float32))) / ((height - 1) * (width - 1))
    scale, condition = area**0.5, float(np.linalg.cond(homography[:2, :2]))
    if not (_SCALES[0] < scale < _SCALES[1]) or condition > _WORST_CONDITION:
        raise DegeneratePoints(
            f"geometry: the homography is near-singular (scale {scale:.3g}); record the board in"
            " more places and check that both cameras saw the same board"
        )


def own_rms(poses: Sequence[PosePoints]) -> float:
    """RMS error in px of C1 where every pose has a homography of its own: noise and distortion."""
    total, count = 0.0, 0
    for pose in poses:
        answer: Any = cv2.findHomography(pose.c2.reshape(-1, 1, 2), pose.c1.reshape(-1, 1, 2), 0)
        found = answer[0]
        if found is None:
            continue
        errors = pose.c1 - apply(np.asarray(found, dtype=np.float64), pose.c2)
        # Eight of the 2n measurements are used up by the homography itself.
        total += float((errors**2).sum()) * 2 * len(pose) / (2 * len(pose) - 8)
        count += len(pose)
    return float(np.sqrt(total / max(1, count)))


def chosen_points(pose: PosePoints, chosen: NDArray[np.bool_]) -> PosePoints:
    """A pose with only some of its points, (n,) bool."""
    channels = {name: (a[chosen], b[chosen]) for name, (a, b) in pose.channels.items()}
    return replace(
        pose, ids=pose.ids[chosen], c1=pose.c1[chosen], c2=pose.c2[chosen], channels=channels
    )


def _thickness(points: Points) -> float:
    spread = np.linalg.svd(points - points.mean(axis=0), compute_uv=False)
    return float(spread[1] / spread[0]) if spread[0] > 0 else 0.0
