"""Where C1 sees what C2 sees: the map's residuals, uncertainty, cover, drift and parallax."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np

from bsd.page import (
    MINUS,
    Block,
    Column,
    Details,
    Facts,
    Figure,
    FigureRow,
    Heading,
    Paragraph,
    Table,
    cell_text,
)
from calibration.bundle.calibration import Calibration
from calibration.bundle.document import Geometry, MapSolution
from calibration.geometry.view_map import Lens
from calibration.report.curves import parallax_chart
from calibration.report.judgement import spoilt
from calibration.report.view_maps import arrow_map, coverage_map, drift_shifts, uncertainty_map

_STILL_PX: Final = 1e-6


def geometry_blocks(calibration: Calibration) -> Iterator[Block]:
    """Maps over the view, drift, parallax, and what they rest on."""
    geometry = calibration.document.geometry
    yield FigureRow([_residuals(calibration), *_uncertainties(geometry), _cover(geometry)])
    yield Heading("Drift of the map", 3)
    yield from _drift(geometry, spoilt(calibration.document, "drift of the map"))
    yield Heading("Parallax", 3)
    yield from _parallax(geometry, spoilt(calibration.document, "parallax"))
    yield Heading("What the map rests on", 3)
    for when, found in ends_of(geometry):
        yield Facts(list(_facts(found)), f"The map of the session's {when}.")
    yield from _poses(geometry)


def ends_of(geometry: Geometry) -> list[tuple[str, MapSolution]]:
    """``start`` and, where there is one, ``end``."""
    found = [("start", geometry.start)]
    return found if geometry.end is None else [*found, ("end", geometry.end)]


def _residuals(calibration: Calibration) -> Figure:
    at = calibration.array("residual-at").astype(np.float64)
    shift = calibration.array("residual-px").astype(np.float64)
    residual = calibration.document.geometry.start.residual
    svg, scale = arrow_map(at, shift, calibration.document.geometry.start.view_map.shape_1)
    return Figure(
        svg,
        f"Held-out residuals at the start, drawn {scale:g} times longer than they are:"
        f" {residual.text()}. Each point was measured against a map that its pose had no part in;"
        " arrows that turn or grow together over the view are an error of the map, arrows at"
        " random are the error of finding corners.",
        f"Arrows over C1's view for {len(at)} held-out points, RMS {residual.rms_px:.3f} px.",
    )


def _uncertainties(geometry: Geometry) -> Iterator[Figure]:
    for when, found in ends_of(geometry):
        sigma = found.uncertainty
        yield Figure(
            uncertainty_map(sigma, found.view_map.shape_1),
            f"Standard error of the map at the {when}, per coordinate: {sigma.rms_px:.2g} px RMS,"
            f" {sigma.max_px:.2g} px at most. The residuals beside it hold the error of finding"
            " points as well.",
            f"Map of the standard error over C1's view, {sigma.array().min():.2g} to"
            f" {sigma.max_px:.2g} px.",
        )


def _cover(geometry: Geometry) -> Figure:
    svg, share = coverage_map(geometry.start.view_map)
    return Figure(
        svg,
        f"C2 sees {100 * share:.1f} % of C1's pixels. Pairs are cut out of the part that both see.",
        f"Outline of C2's view over C1's view; they share {100 * share:.1f} % of C1's pixels.",
    )


def _drift(geometry: Geometry, fault: str | None) -> Iterator[Block]:
    if fault is not None:
        yield Paragraph(
            f"The target of the session's end cannot be used: {fault}. What moved since the start"
            " is not known.",
            "warning",
        )
        return
    if geometry.end is None or geometry.drift is None:
        yield Paragraph(
            "The target was not recorded at the end of the session: what moved since the start is"
            " not known, and every clip takes the map of the start.",
            "note",
        )
        return
    at, shift = drift_shifts(geometry.start.view_map, geometry.end.view_map)
    drift = geometry.drift
    text = (
        f"Start against end: {drift.rms_px:.2g} px RMS, {drift.max_px:.2g} px at most, limit"
        f" {drift.limit_px:g} px RMS. Below the limit a clip takes the map between both, by its"
        " time."
    )
    if drift.max_px < _STILL_PX:
        yield Paragraph(text)
        return
    svg, scale = arrow_map(at, shift, geometry.start.view_map.shape_1)
    yield Figure(
        svg,
        f"{text} Arrows are drawn {scale:g} times longer than they are.",
        f"Arrows over C1's view: how far the map moved, {drift.rms_px:.2g} px RMS.",
    )


def _parallax(geometry: Geometry, fault: str | None) -> Iterator[Block]:
    found = geometry.parallax
    if fault is not None:
        yield Paragraph(
            f"The near target cannot be used: {fault}. Parallax is not known; behind one lens there"
            " is none.",
            "warning",
        )
        return
    if found is None:
        yield Paragraph(
            "There was no near target, so parallax is not known. Behind one lens there is none;"
            " with a lens for each camera, record the near target as well.",
            "note",
        )
        return
    to = "on" if found.below_limit_to_mm is None else f"to {found.below_limit_to_mm / 1000:.2f} m"
    seen = (
        "There is a base between the views."
        if found.resolved
        else "A base between the views cannot be told from none."
    )
    base_x, base_y = (cell_text(value, ".0f") for value in found.bf_px_mm)
    yield Figure(
        parallax_chart(found),
        f"What stands {found.reference_mm / 1000:g} m away (dotted line) is aligned; nearer or"
        f" farther it is off by p(z) = b·f (1/z − 1/{found.reference_mm / 1000:g} m), with"
        f" b·f = ({base_x} ± {found.sigma_px_mm[0]:.0f},"
        f" {base_y} ± {found.sigma_px_mm[1]:.0f}) px·mm. {seen} Below"
        f" {found.limit_px:g} px, and neglected, from {found.below_limit_from_mm / 1000:.2f} m"
        f" {to}.",
        f"Shift against distance; below {found.limit_px:g} px from"
        f" {found.below_limit_from_mm / 1000:.2f} m {to}.",
    )


def _facts(found: MapSolution) -> Iterator[tuple[str, str]]:
    view = found.view_map
    for number, row in enumerate(view.c2_to_c1, start=1):
        values = "\u2003".join(f"{value:.8g}".replace("-", MINUS) for value in row)
        yield f"homography C2 → C1, row {number}", values
    yield "views", f"C1 {_size(view.shape_1)}, C2 {_size(view.shape_2)}"
    yield "distortion of C1, C2", f"{_lens(view.lens_1)}; {_lens(view.lens_2)}"
    yield (
        "lateral colour",
        ", ".join(f"{name} shifted" for name in view.channel_shift) or "none that matters",
    )
    yield "time", found.utc
    yield "points", f"{found.inliers} of {found.points} used, {len(found.poses)} poses"
    yield "cover", f"{100 * found.cover_share:.0f} % of C1's view inside the points"
    each = ", ".join(f"{name} {one.rms_px:.3f} px" for name, one in found.per_channel.items())
    yield "held-out residual by channel", each or "not told apart"
    refined = found.refinement
    kept = "used" if refined.used else "not used"
    yield (
        "refinement, sharp against sharp",
        f"{kept}: held-out points {refined.points_before_px:.4f} → {refined.points_after_px:.4f}"
        f" px RMS, the map moved by {refined.moved_px:.4f} px RMS ({refined.pairs} pictures,"
        f" {refined.pixels} pixels)",
    )
    for note in found.notes:
        yield "note", note


def _size(shape: tuple[int, int]) -> str:
    return f"{shape[1]} × {shape[0]} px"


def _lens(lens: Lens | None) -> str:
    return "none" if lens is None else f"k1 {lens.k1:+.3g}, k2 {lens.k2:+.3g} at the corner"


def _poses(geometry: Geometry) -> Iterator[Block]:
    columns = (
        Column("clip"),
        Column("end of the session"),
        Column("distance, m", ".2f"),
        Column("corners", ".0f"),
        Column("edge width C1, px", ".2f"),
        Column("edge width C2, px", ".2f"),
    )
    rows = [
        (
            pose.clip,
            when,
            pose.distance_mm / 1000.0,
            float(pose.corners),
            pose.edge_blurry_px,
            pose.edge_sharp_px,
        )
        for when, found in ends_of(geometry)
        for pose in found.poses
    ]
    caption = "Edges of the board, 10 to 90 %: unlike widths mean that one camera is out of focus."
    yield Details(f"{len(rows)} poses of the board", [Table(columns, rows, caption)])
