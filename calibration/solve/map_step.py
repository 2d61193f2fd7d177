"""From the clips of a board to the maps of a session."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from acquisition.clip.format import frame_format
from acquisition.picture.view import Flip
from acquisition.rig import ROLES, Role
from bsd.errors import FoundBad
from calibration.bundle.document import Geometry, MapSolution, PoseFacts
from calibration.geometry.drift import drift
from calibration.geometry.lens_spread import LensSpread
from calibration.geometry.parallax import Parallax, parallax
from calibration.geometry.refinement import refine
from calibration.geometry.solution import GeometrySolution, solve_view_map
from calibration.geometry.static_pair import StaticPair
from calibration.geometry.view_map import Shape, ViewMap
from calibration.mosaic import DefectRepair
from calibration.photometry.position import spread
from calibration.photometry.statistics import PixelStatistics
from calibration.solve.frames import Linear, statistics_of
from calibration.solve.material import (
    Material,
    MissingClips,
    Recording,
    distance_mm,
    other_distance,
)
from calibration.solve.options import SolveOptions
from calibration.target.pairing import BoardPair, find_pair
from calibration.target.picture import BoardPicture
from calibration.target.refusal import BoardNotFound

Values = NDArray[np.float64]
Made = TypeVar("Made")


@dataclass(frozen=True)
class Views:
    """How the samples of both cameras become linear light above black.

    Attributes
    ----------
    black_dn
        (4,) by place of the upright cell.
    clip_dn
        Samples from here on are clipped, black included.
    linear
        Of cameras that deliver encoded colour.
    repair
        Of defects: a hot pixel beside a corner pulls at it.
    """

    black_dn: dict[Role, Values]
    clip_dn: dict[Role, float]
    linear: dict[Role, Linear | None]
    repair: dict[Role, DefectRepair]


@dataclass(frozen=True)
class _Pose:
    recording: Recording
    pair: BoardPair
    static: StaticPair


@dataclass(frozen=True)
class MapResult:
    """The document's part, and the held-out errors one by one for the report's map.

    Attributes
    ----------
    geometry
        For the document.
    residual_at, residual_px
        (n, 2) float64: places in C1, and errors there.
    faults
        ``end``, ``near`` → why clips that were recorded give no map, or no parallax.
    """

    geometry: Geometry
    residual_at: Values
    residual_px: Values
    faults: dict[str, str]


def solve_maps(material: Material, views: Views, options: SolveOptions) -> MapResult:
    """Maps at both ends of the session, what drifted, and parallax.

    Raises
    ------
    MissingClips
        The far target is missing at the start.
    Unsolvable
        The start's map is refused; the message says why.
    """
    left_out: dict[str, str] = {}
    first = _poses(material.targets("far", "start"), views, options, left_out)
    if not first:
        raise MissingClips(
            f"{material.folder}: no usable clip of the far target at the start"
            f"{_why(left_out)}; record them with 'python -m acquisition.capture --guided start'"
        )
    start, solution = _solved(first, options)
    faults: dict[str, str] = {}
    desk = _Desk(material, views, options, left_out, faults)
    end = _end(desk, first[0], start, solution.lens)
    found = _parallax(desk, start, solution)
    return MapResult(
        geometry=Geometry(
            start=start,
            end=end,
            drift=None
            if end is None
            else drift(start.view_map, end.view_map, options.geometry.drift_px),
            parallax=found,
            left_out=left_out,
        ),
        residual_at=solution.residual_points.at,
        residual_px=solution.residual_points.error,
        faults=faults,
    )


@dataclass(frozen=True)
class _Desk:
    """What further maps are made with, and where it is noted why there are none."""

    material: Material
    views: Views
    options: SolveOptions
    left_out: dict[str, str]
    faults: dict[str, str]

    def made(
        self,
        what: str,
        recordings: Sequence[Recording],
        make: Callable[[list[_Pose]], Made],
    ) -> Made | None:
        """What `make` gives of the recordings' poses; what keeps it from it is a fault."""
        own: dict[str, str] = {}
        try:
            poses = _poses(recordings, self.views, self.options, own)
            if poses:
                return make(poses)
            self.faults[what] = next(iter(own.values()))
        except FoundBad as error:
            self.faults[what] = str(error)
        finally:
            self.left_out.update(own)
        return None


def _end(
    desk: _Desk, first: _Pose, start: MapSolution, lens: LensSpread | None
) -> MapSolution | None:
    """The end's map; what keeps it from being one is a fault of the end, and the start stands."""
    recordings = desk.material.targets("far", "end")
    if not recordings:
        return None
    if other_distance(first.recording, recordings[0]):
        told = [distance_mm(each) / 1000 for each in (first.recording, recordings[0])]
        desk.faults["end"] = (
            f"the far target stood at {told[0]:.2f} m at the start and at {told[1]:.2f} m at the"
            " end: record it at one distance"
        )
        return None
    return desk.made(
        "end", recordings, lambda poses: _solved(poses, desk.options, start.view_map, lens)[0]
    )


def _parallax(desk: _Desk, start: MapSolution, solution: GeometrySolution) -> Parallax | None:
    recordings = desk.material.targets("near", "start")
    if not recordings:
        return None

    def of_near(poses: list[_Pose]) -> Parallax:
        points = [pose.pair.points for pose in poses]
        return parallax(
            points,
            start.view_map,
            solution.poses[0].distance_mm,
            points[0].distance_mm,
            desk.options.geometry.parallax_px,
            start.uncertainty,
        )

    return desk.made("near", recordings, of_near)


def _why(left_out: dict[str, str]) -> str:
    return f" ({next(iter(left_out.values()))})" if left_out else ""


def _poses(
    recordings: Sequence[Recording],
    views: Views,
    options: SolveOptions,
    left_out: dict[str, str],
) -> list[_Pose]:
    """Poses whose board is found in both views; a wrong flip or board is no matter of one pose."""
    found = []
    for recording in recordings:
        try:
            found.append(_pose(recording, views, options))
        except BoardNotFound as error:
            if error.reason in ("mirrored", "wrong-board"):
                raise
            left_out[recording.record.clip] = str(error)
    return found


def _pose(recording: Recording, views: Views, options: SolveOptions) -> _Pose:
    seen: dict[Role, BoardPicture] = {}
    for role in ROLES:
        seen[role] = _picture(statistics_of(recording, role, views.linear[role]), views, role)
    blurry, sharp = seen["blurry"], seen["sharp"]
    pair = find_pair(
        blurry,
        sharp,
        options.board,
        name=recording.name,
        distance_mm=float(recording.head.distance_mm or 0.0),
        limits=options.target,
        flips=(_flip(recording, "blurry"), _flip(recording, "sharp")),
    )
    static = StaticPair(
        blurry.luminance, sharp.luminance, mask_1=~blurry.saturated, pose=recording.name
    )
    return _Pose(recording, pair, static)


def _picture(statistics: PixelStatistics, views: Views, role: Role) -> BoardPicture:
    mean = statistics.mean - spread(views.black_dn[role], statistics.mean)
    clipped = np.asarray(statistics.mean >= views.clip_dn[role])
    saturated = np.asarray(clipped.any(axis=2)) if clipped.ndim == 3 else clipped
    light = mean.astype(np.float32)
    views.repair[role].apply(light)
    return BoardPicture(light, statistics.form.upright_cfa, saturated)


def _flip(recording: Recording, role: Role) -> Flip:
    return frame_format(recording.head, role).flip


def _solved(
    poses: list[_Pose],
    options: SolveOptions,
    like: ViewMap | None = None,
    lens: LensSpread | None = None,
) -> tuple[MapSolution, GeometrySolution]:
    """A map of poses; with the lenses of `like`, which are known as well as `lens` says."""
    points = [pose.pair.points for pose in poses]
    shape_1: Shape = poses[0].static.image_1.shape[:2]
    shape_2: Shape = poses[0].static.image_2.shape[:2]
    solution = solve_view_map(points, shape_1, shape_2, options.geometry, like=like, lens=lens)
    kept = {pose.name for pose in solution.poses}
    statics = [pose.static for pose in poses if pose.static.pose in kept]
    view_map, account = refine(
        solution.view_map, statics, solution.poses, solution.without, solution.lens
    )
    if not options.refine:
        view_map, account = solution.view_map, account.model_copy(update={"used": False})
    uncertainty = account.uncertainty if account.used else solution.uncertainty
    return (
        MapSolution(
            view_map=view_map,
            utc=_middle([pose.recording for pose in poses]),
            residual=solution.residual,
            per_channel={str(name): found for name, found in solution.per_channel.items()},
            uncertainty=uncertainty,
            refinement=account,
            points=solution.points,
            inliers=solution.inliers,
            cover_share=solution.cover_share,
            poses=tuple(_facts(pose) for pose in poses),
            notes=solution.notes,
        ),
        solution,
    )


def _facts(pose: _Pose) -> PoseFacts:
    return PoseFacts(
        clip=pose.recording.record.clip,
        distance_mm=pose.pair.points.distance_mm,
        corners=len(pose.pair.points),
        edge_blurry_px=pose.pair.blurry.edge_width_px,
        edge_sharp_px=pose.pair.sharp.edge_width_px,
    )


def _middle(recordings: Sequence[Recording]) -> str:
    seconds = [recording.begun.timestamp() for recording in recordings]
    return datetime.fromtimestamp(sum(seconds) / len(seconds), UTC).isoformat(
        timespec="milliseconds"
    )
