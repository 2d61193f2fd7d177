"""The solution: the map between the views from poses of a target, its residuals, its errors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calibration.geometry.correspondences import PosePoints
from calibration.geometry.distortion import HeldOut, chosen_model
from calibration.geometry.faults import DegeneratePoints, ParallaxFound, ResidualTooLarge
from calibration.geometry.fit import Fit, Problem, normalised_values, problem
from calibration.geometry.homography import (
    check_cover,
    check_hand,
    check_homography,
    chosen_points,
    magsac,
    own_rms,
    sound_poses,
)
from calibration.geometry.lateral_colour import channel_poses, channel_residuals, channel_shifts
from calibration.geometry.lens_spread import LensSpread
from calibration.geometry.limits import GeometryLimits
from calibration.geometry.parallax import Parallax, of_fit
from calibration.geometry.residual import Residual, ResidualPoints
from calibration.geometry.uncertainty import MapUncertainty, covariance, map_uncertainty
from calibration.geometry.view_map import Channel, Shape, ViewMap

_OUTLIER = 6.0
_SIGMA_OF_MEDIAN = 1.1774  # of a length whose two coordinates are normal
_LEAST_OUTLIER_PX = 0.15
_PARALLAX_RATIO = 3.0
_MOST_LEFT_OUT = 0.1


@dataclass(frozen=True)
class GeometrySolution:
    """A map and what is known of its errors.

    Attributes
    ----------
    view_map
        At the farthest distance of the poses.
    residual
        Of each point under the map of all other poses.
    per_channel
        The same for "R", "G", "B" where the corners were measured there.
    residual_points
        The errors one by one.
    uncertainty
        Standard error of the map over the view.
    inliers, points
        Points that the map was fitted to, and all that were given.
    cover_share
        Of C1's view inside the hull of the points.
    parallax
        Where poses stood at more than one distance and ask for it; None elsewhere.
    poses
        Those that were used, without their outliers.
    without
        For each of them the map of all others.
    lens
        How well the lenses are known; None where there is none.
    notes
        What was left out, and what was added.
    """

    view_map: ViewMap
    residual: Residual
    per_channel: Mapping[Channel, Residual]
    residual_points: ResidualPoints
    uncertainty: MapUncertainty
    inliers: int
    points: int
    cover_share: float
    parallax: Parallax | None
    poses: tuple[PosePoints, ...]
    without: tuple[ViewMap, ...]
    lens: LensSpread | None
    notes: tuple[str, ...]


def solve_view_map(
    poses: Sequence[PosePoints],
    shape_1: Shape,
    shape_2: Shape,
    limits: GeometryLimits | None = None,
    *,
    like: ViewMap | None = None,
    lens: LensSpread | None = None,
) -> GeometrySolution:
    """The map between the views from poses of a target.

    Parameters
    ----------
    poses
        At one distance or at several: the map is that of the farthest.
    shape_1, shape_2
        (height, width) of the upright views.
    like
        A map of the same rig whose lenses are kept, e.g. the start's for the session's end.
    lens
        How well those are known.

    Raises
    ------
    TooFewPoints, ClusteredPoints, DegeneratePoints, ParallaxFound, ResidualTooLarge
        All are `Unsolvable`.
    """
    limits = limits or GeometryLimits()
    given = sum(map(len, poses))
    kept, notes = sound_poses(poses, limits)
    check_hand(kept)
    cover = check_cover(kept, shape_1, limits)
    kept, model = _solved(kept, problem(kept, shape_1, shape_2, like), limits, notes)
    view_map = model.fit.view_map()
    shifts = channel_shifts(kept, view_map, limits.channel_px)
    green = channel_poses(kept, "G")
    if shifts and len(green) == len(kept):
        # The luminance's corners lie between the colours': the map has to be that of green.
        model = chosen_model(problem(green, shape_1, shape_2, like), model.fit.values[:8])
        view_map = model.fit.view_map()
        shifts = channel_shifts(kept, view_map, limits.channel_px)
        kept_points: Sequence[PosePoints] = green
        notes.append(f"lateral colour in {' and '.join(shifts)}: corrected, map of green")
    else:
        kept_points = kept
    of = model.fit.problem
    spread = covariance(model.fit, of)
    known = _lens_spread(model.fit, spread) if like is None else lens
    points = ResidualPoints(of.c1, model.errors, of.owner, tuple(p.name for p in kept))
    without = [
        _with_shifts(other, [p for p in kept if p is not pose], limits)
        for other, pose in zip(model.others, kept, strict=True)
    ]
    residual = points.summary(shape_1)
    _check_residual(residual, limits)
    return GeometrySolution(
        view_map=view_map.model_copy(update={"channel_shift": shifts}),
        residual=residual,
        per_channel=channel_residuals(kept, without, shape_1),
        residual_points=points,
        uncertainty=map_uncertainty(model.fit, spread, None if like is None else lens),
        inliers=sum(map(len, kept_points)),
        points=given,
        cover_share=cover,
        parallax=_parallax(model.fit, spread, kept, limits),
        poses=tuple(kept_points),
        without=tuple(without),
        lens=known,
        notes=(*notes, *_term_notes(model.fit)),
    )


def _solved(
    poses: list[PosePoints], of: Problem, limits: GeometryLimits, notes: list[str]
) -> tuple[list[PosePoints], HeldOut]:
    """The model of all poses and the poses without the points that it makes outliers."""
    ideal1, ideal2 = _ideal(of)
    first = magsac(ideal1, ideal2, limits.blunder_px)
    if first is None:
        raise DegeneratePoints(
            "geometry: no homography fits the points; record the whole board in more places"
        )
    model = chosen_model(of, normalised_values(first[0], of.shape_1, of.shape_2))
    check_homography(model.fit.view_map().homography(), of.shape_2)
    _check_one_map(model.fit, of, poses, limits)
    length = np.hypot(*model.fit.errors(of).T)
    sigma = float(np.median(length)) / _SIGMA_OF_MEDIAN
    good: NDArray[np.bool_] = length <= max(_OUTLIER * sigma, _LEAST_OUTLIER_PX)
    if good.all() or good.mean() < 1.0 - _MOST_LEFT_OUT:
        return poses, model
    notes.append(f"{int((~good).sum())} of {len(good)} points left out as outliers of the map")
    kept = [chosen_points(pose, good[of.owner == index]) for index, pose in enumerate(poses)]
    kept = [pose for pose in kept if len(pose)]
    owner = np.repeat(np.arange(len(kept)), [len(pose) for pose in kept])
    part = of.part(good)
    renumbered = Problem(
        part.c1, part.c2, part.inverse_m, owner, part.shape_1, part.shape_2, part.known
    )
    return kept, chosen_model(renumbered, model.fit.values[:8])


def _check_one_map(
    fit: Fit, of: Problem, poses: Sequence[PosePoints], limits: GeometryLimits
) -> None:
    """Refuse poses that fit one by one but not together."""
    together = float(np.sqrt((fit.errors(of) ** 2).sum(axis=1).mean()))
    alone = own_rms(poses)
    if together > limits.residual_rms_px and together > _PARALLAX_RATIO * alone:
        raise ParallaxFound(
            f"geometry: each pose of the target fits its own homography to {alone:.2f} px, but all"
            f" together only to {together:.2f} px: the two views have parallax; bring the pupils"
            " together, or record all poses at the distance of the scenes and give it"
        )


def _check_residual(residual: Residual, limits: GeometryLimits) -> None:
    if residual.rms_px > limits.residual_rms_px or residual.p95_px > limits.residual_p95_px:
        raise ResidualTooLarge(
            f"geometry: {residual.text()} exceed the limit of {limits.residual_rms_px:g} px RMS and"
            f" {limits.residual_p95_px:g} px; check focus, that the board is flat and at rest, and"
            " that neither camera moved between the poses"
        )


def _ideal(of: Problem) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    lens_1, lens_2 = of.known or (None, None)
    ideal1 = of.c1 if lens_1 is None else lens_1.undistort(of.c1)
    return ideal1, of.c2 if lens_2 is None else lens_2.undistort(of.c2)


def _with_shifts(fit: Fit, others: Sequence[PosePoints], limits: GeometryLimits) -> ViewMap:
    view_map = fit.view_map()
    shifts = channel_shifts(others, view_map, limits.channel_px)
    return view_map.model_copy(update={"channel_shift": shifts})


def _parallax(
    fit: Fit, spread: NDArray[np.float64], poses: Sequence[PosePoints], limits: GeometryLimits
) -> Parallax | None:
    if not fit.terms.parallax:
        return None
    reference_mm = max(pose.distance_mm for pose in poses)
    return of_fit(fit, spread, reference_mm, limits.parallax_px)


def _lens_spread(fit: Fit, spread: NDArray[np.float64]) -> LensSpread | None:
    terms = fit.terms.lens_1, fit.terms.lens_2
    last = 8 + sum(terms)
    return LensSpread(terms, spread[8:last, 8:last]) if sum(terms) else None


def _term_notes(fit: Fit) -> list[str]:
    terms, notes = fit.terms, []
    for role, count in (("C1", terms.lens_1), ("C2", terms.lens_2)):
        if count:
            notes.append(f"distortion of {role}: {'k1' if count == 1 else 'k1, k2'} fitted")
    if terms.parallax:
        notes.append("parallax between the distances fitted together with the map")
    return notes
