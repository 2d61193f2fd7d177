"""Whether two clips show the same scene: points that agree on one motion of the view.

Clips of one scene must stand in one split, else a model is tested on what it was trained on. A
signature holds ORB points (Rublee et al., ICCV 2011) of a sharp frame, brought to one size and
contrast; two signatures overlap where many points match (ratio test after Lowe, IJCV 60, 2004,
section 7.1, both ways) and agree on a homography (RANSAC, seeded by OpenCV's fixed state).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, Self

import cv2
import numpy as np
from numpy.typing import NDArray

from dataset.gate.limits import GateLimits
from dataset.gate.result import GateResult

_LONGER_SIDE: Final = 640
_POINTS: Final = 700
_RATIO: Final = 0.8
_REPROJECTION_PX: Final = 6.0
_MOST_TURN: Final = 4.0  # a homography that shrinks the view more is chance
_MAGIC: Final = b"BSDSIG1\0"


@dataclass(frozen=True)
class Signature:
    """What of a frame is compared.

    Attributes
    ----------
    points
        (n, 2) float32, (x, y) on a view whose longer side is 640.
    descriptors
        (n, 32) uint8.
    """

    points: NDArray[np.float32]
    descriptors: NDArray[np.uint8]

    def to_bytes(self) -> bytes:
        """For a journal or another process."""
        count = len(self.points).to_bytes(4, "little")
        return _MAGIC + count + self.points.tobytes() + self.descriptors.tobytes()

    @classmethod
    def from_bytes(cls, stored: bytes) -> Self:
        """What `to_bytes` made; `ValueError` where it is something else."""
        count = int.from_bytes(stored[8:12], "little")
        if stored[:8] != _MAGIC or len(stored) != 12 + count * 40:
            raise ValueError("these bytes are no signature of a scene")
        points = np.frombuffer(stored, np.float32, 2 * count, 12).reshape(-1, 2)
        descriptors = np.frombuffer(stored, np.uint8, 32 * count, 12 + 8 * count)
        return cls(points, descriptors.reshape(-1, 32))


def tells(own: Sequence[Signature], limits: GateLimits) -> bool:
    """Whether a clip shows enough detail to be known again: a wall is like any other."""
    return any(len(each.points) >= limits.overlap_matches for each in own)


class Overlap(NamedTuple):
    """How much of two signatures is the same: points that agree, and their share of the fewer."""

    matches: int
    share: float


def signature(
    picture: NDArray[np.float32] | NDArray[np.uint8], white: float | None = None
) -> Signature:
    """Of a frame (h, w, 3), linear float32 or coded uint8.

    Parameters
    ----------
    white
        Level of linear light that is shown white; the 99th percentile where none is given.
    """
    grey = _grey(picture, white)
    scale = _LONGER_SIDE / max(grey.shape)
    size = round(grey.shape[1] * scale), round(grey.shape[0] * scale)
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    even = cv2.createCLAHE(2.0, (8, 8)).apply(cv2.resize(grey, size, interpolation=way))
    found, descriptors = cv2.ORB.create(_POINTS, fastThreshold=7).detectAndCompute(even, None)
    if not found:
        return Signature(np.zeros((0, 2), np.float32), np.zeros((0, 32), np.uint8))
    points = np.array([each.pt for each in found], dtype=np.float32)
    return Signature(points, np.asarray(descriptors, dtype=np.uint8))


def overlap(first: Signature, second: Signature) -> Overlap:
    """How many points of both agree on one motion of the view."""
    fewer = min(len(first.points), len(second.points))
    pairs = _matched(first.descriptors, second.descriptors) if fewer >= 8 else []
    if len(pairs) < 8:
        return Overlap(0, 0.0)
    here = np.array([first.points[a] for a, _ in pairs])
    there = np.array([second.points[b] for _, b in pairs])
    matrix, agrees = cv2.findHomography(here, there, cv2.RANSAC, _REPROJECTION_PX)
    if matrix is None or not _plausible(np.asarray(matrix)):
        return Overlap(0, 0.0)
    count = _apart(here[np.asarray(agrees).ravel() > 0])
    return Overlap(count, count / fewer)


def same_scene(
    first: Sequence[Signature], second: Sequence[Signature], limits: GateLimits
) -> Overlap:
    """The largest overlap of two clips; stops at one that is above the limit."""
    best = Overlap(0, 0.0)
    for a in first:
        for b in second:
            best = max(best, overlap(a, b))
            if best.matches >= limits.overlap_matches:
                return best
    return best


def scene_groups(clips: Sequence[Sequence[Signature]], limits: GateLimits) -> list[int]:
    """Numbers of scenes, one per clip, in the order in which they first occur.

    Clips that overlap have one number, also where only a third one joins them.
    """
    group = list(range(len(clips)))
    for later in range(len(clips)):
        for earlier in range(later):
            if group[later] == group[earlier]:
                continue
            if same_scene(clips[earlier], clips[later], limits).matches >= limits.overlap_matches:
                old, new = sorted((group[earlier], group[later]), reverse=True)
                group = [new if each == old else each for each in group]
    order = list(dict.fromkeys(group))
    return [order.index(each) for each in group]


def overlap_gate(
    split: str,
    own: Sequence[Signature],
    others: Sequence[tuple[str, str, Sequence[Signature]]],
    limits: GateLimits,
) -> GateResult:
    """Gate "scene-overlap" of a clip that is to stand in `split`.

    Parameters
    ----------
    others
        Name, split and signatures of the clips that it is compared with.
    """
    limit = float(limits.overlap_matches)
    most = 0
    for name, other_split, signatures in others:
        if other_split == split:
            continue
        most = max(most, matches := same_scene(own, signatures, limits).matches)
        if matches >= limits.overlap_matches:
            return GateResult(
                gate="scene-overlap",
                passed=False,
                value=float(matches),
                limit=limit,
                unit="matches",
                text=f"shows the scene of {name}, which is in {other_split}, not in {split}:"
                " put both into one split",
            )
    told = tells(own, limits)
    return GateResult(
        gate="scene-overlap",
        passed=True if told else None,
        value=float(most),
        limit=limit,
        unit="matches",
        text="no scene of another split" if told else "too little detail to know the scene by",
    )


def _grey(picture: NDArray[Any], white: float | None) -> NDArray[np.uint8]:
    if picture.dtype == np.uint8:
        return np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), dtype=np.uint8)
    plane = cv2.transform(
        np.ascontiguousarray(picture, dtype=np.float32), np.array([[0.25, 0.5, 0.25]], np.float32)
    )
    top = white or max(float(np.percentile(plane, 99.0)), 1e-6)
    coded = np.clip(np.asarray(plane) / np.float32(top), 0, 1) ** np.float32(1 / 2.2)
    return np.asarray(np.floor(255 * coded + np.float32(0.5)), dtype=np.uint8)


def _matched(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> list[tuple[int, int]]:
    """Nearest both ways, and clearly nearer than the next one."""
    matcher = cv2.BFMatcher(cv2.NORM_HAMMING)
    forth = _clear_nearest(matcher.knnMatch(first, second, k=2))
    back = _clear_nearest(matcher.knnMatch(second, first, k=2))
    return [(a, b) for a, b in forth.items() if back.get(b) == a]


def _clear_nearest(found: Sequence[Sequence[cv2.DMatch]]) -> dict[int, int]:
    return {
        pair[0].queryIdx: pair[0].trainIdx
        for pair in found
        if len(pair) == 2 and pair[0].distance < _RATIO * pair[1].distance
    }


def _plausible(matrix: NDArray[np.float64]) -> bool:
    """Whether the whole view stays a view: no mirror, no collapse."""
    corners = np.array([[[0, 0], [640, 0], [640, 480], [0, 480]]], dtype=np.float64)
    moved = cv2.perspectiveTransform(corners, matrix)[0].astype(np.float32)
    area = cv2.contourArea(moved, oriented=True) / (640 * 480)
    return bool(
        cv2.isContourConvex(moved)
        and 1 / _MOST_TURN < abs(area) < _MOST_TURN
        and np.linalg.det(matrix[:2, :2]) > 0
    )


def _apart(points: NDArray[np.float32]) -> int:
    """Points counted once per 8 × 8 pixels: ORB finds one corner on many levels."""
    return len({(int(x) // 8, int(y) // 8) for x, y in points})
