"""Lateral colour: where red and blue of C2 lie against its green, as C1 sees them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Literal

import numpy as np

from calibration.geometry.correspondences import PosePoints
from calibration.geometry.residual import Residual, ResidualPoints
from calibration.geometry.view_map import (
    Affine,
    Channel,
    Points,
    ViewMap,
    as_affine,
    view_points,
)

_LEAST_POINTS = 24
_ROUNDS = 3
_OUTLIER = 4.0
_RESOLVED = 3.0
NAMES: tuple[Literal["R", "B"], ...] = ("R", "B")


def channel_poses(poses: Sequence[PosePoints], channel: Channel) -> list[PosePoints]:
    """The poses with one channel's points in the place of the luminance's."""
    found = []
    for pose in poses:
        if channel not in pose.channels:
            continue
        c1, c2 = pose.channels[channel]
        good = np.isfinite(c1).all(axis=1) & np.isfinite(c2).all(axis=1)
        if good.any():
            found.append(replace(pose, ids=pose.ids[good], c1=c1[good], c2=c2[good], channels={}))
    return found


def channel_shifts(
    poses: Sequence[PosePoints], view_map: ViewMap, limit_px: float
) -> Mapping[Literal["R", "B"], Affine]:
    """Affine shifts of the channels whose shift over the view exceeds a limit, RMS.

    Parameters
    ----------
    view_map
        The map of green.
    """
    shifts: dict[Literal["R", "B"], Affine] = {}
    corners = view_points(view_map.shape_1)
    for name in NAMES:
        members = channel_poses(poses, name)
        if sum(map(len, members)) < _LEAST_POINTS:
            continue
        c1 = np.concatenate([pose.c1 for pose in members])
        shift = view_map.to_c1(np.concatenate([pose.c2 for pose in members])) - c1
        affine, sigma_px = _robust_affine(c1, shift)
        over = _with_one(corners) @ affine.T
        rms_px = float(np.sqrt((over**2).sum(axis=1).mean()))
        if rms_px > max(limit_px, _RESOLVED * sigma_px):
            shifts[name] = as_affine(affine)
    return shifts


def channel_residuals(
    poses: Sequence[PosePoints], without: Sequence[ViewMap], shape_1: tuple[int, int]
) -> dict[Channel, Residual]:
    """Held-out residual of each channel that was measured.

    Parameters
    ----------
    without
        For each pose the map of all others; their channel shifts count.
    """
    found: dict[Channel, Residual] = {}
    names: tuple[Channel, ...] = ("R", "G", "B")
    for name in names:
        at, errors, owners = [], [], []
        for index, (pose, view_map) in enumerate(zip(poses, without, strict=True)):
            for member in channel_poses([pose], name):
                at.append(member.c1)
                errors.append(member.c1 - view_map.to_c1(member.c2, name))
                owners.append(np.full(len(member), index))
        if at:
            points = ResidualPoints(
                np.concatenate(at),
                np.concatenate(errors),
                np.concatenate(owners),
                tuple(pose.name for pose in poses),
            )
            found[name] = points.summary(shape_1)
    return found


def _robust_affine(at: Points, shift: Points) -> tuple[Points, float]:
    """A (2, 3) of `shift` over places, outliers left out, and its RMS standard error in px."""
    centre, scale = at.mean(axis=0), max(float(at.std()), 1e-9)
    terms = _with_one((at - centre) / scale)
    good = np.ones(len(at), dtype=bool)
    for _ in range(_ROUNDS):
        found = np.linalg.lstsq(terms[good], shift[good], rcond=None)[0]
        length = np.hypot(*(shift - terms @ found).T)
        good = length <= max(_OUTLIER * float(np.median(length)), 1e-9)
    spread = float(np.sqrt((length[good] ** 2).mean() * terms.shape[1] / good.sum()))
    linear = found[:2].T / scale
    return np.column_stack([linear, found[2] - linear @ centre]), spread


def _with_one(points: Points) -> Points:
    return np.column_stack([points, np.ones(len(points))])
