"""The quality page of a tree, and the page of one run: what was built, what was not, and why."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from bsd.page import (
    Block,
    Cell,
    Column,
    Comparison,
    Details,
    Facts,
    Figure,
    Heading,
    KeyFigure,
    KeyFigures,
    Page,
    Paragraph,
    Picture,
    Table,
    grouped,
)
from bsd.provenance import toolkit_version
from dataset.build.chart import blur_histogram
from dataset.build.config import BuildConfig
from dataset.build.evidence import EVIDENCE, MATCH
from dataset.build.overlap import SCENE_GATE
from dataset.build.plan import TreePlan
from dataset.build.selection import Selection
from dataset.build.sequence_section import sequence_blocks
from dataset.build.survey import LeftOutClip
from dataset.build.table import HEADS, BuiltTree, asked_row, built_tree, row_of, shortfall
from dataset.description import DatasetDescription

LeftOutPictures = Mapping[str, Mapping[str, bytes]]
"""Clip → name of a picture → PNG file."""

FOOTER = f"bsd-toolkit {toolkit_version()}. This file asks for nothing outside itself."

_STRANGE = re.compile(r"[^A-Za-z0-9._-]+")
_CAPTIONS: Final = {
    MATCH: "This clip, and beside it one that shows the same; both sharp views.",
    "overview": "The pair that shows it best, C1 and C2.",
    "blink": "Both views in turn.",
}


def picture_name(clip: str, picture: str) -> str:
    """Document of a picture of a clip that was left out: ``qc/session-clip-030-blink.png``."""
    return f"qc/{_STRANGE.sub('-', clip)[-80:].strip('-._')}-{picture}.png"


def quality_page(
    root: Path,
    plan: TreePlan,
    described: DatasetDescription,
    config: BuildConfig,
    blur: Mapping[str, Any],
    pictures: LeftOutPictures,
) -> Page:
    """The page of a tree. Equal trees have equal pages.

    Parameters
    ----------
    root
        Where its frames lie.
    plan, described, config
        What it is.
    blur
        Sequence → blur of both views, frame by frame (``qc/blur.json``).
    pictures
        Of clips that were left out.
    """
    tree = built_tree(
        plan.name,
        plan.setting,
        described.rate_hz or 0.0,
        (described.width_px, described.height_px),
        [(clip.split, clip.frames) for clip in plan.inputs],
    )
    page = Page(
        f"Quality of {plan.name}",
        f"{plan.sharp_us / 1000:g} ms sharp, {plan.blurry_us / 1000:g} ms blurry, revision"
        f" {described.revision}",
        footer=FOOTER,
    )
    page.add(_figures(tree, plan))
    page.add(Heading("What was built"), *_table_one([tree], config))
    page.add(Heading("Blur"), *_blur(blur))
    page.add(Heading("Calibration"), *_calibrations(plan))
    page.add(Heading("Sequences"), *sequence_blocks(root, described))
    page.add(Heading("Left out"), *_left_out(plan.standing_left_out, pictures))
    page.add(Heading("Limits of the gates"), _limits(config))
    return page


def left_out_page(selection: Selection, trees: Sequence[BuiltTree], config: BuildConfig) -> Page:
    """The page of one run over all settings."""
    page = Page("Build", "What this run built, what it left out, and why", footer=FOOTER)
    page.add(Heading("What was built"), *_table_one(trees, config))
    left = selection.all_left_out
    page.add(Heading("Left out"), *_left_out(left, left_out_pictures(selection, left)))
    page.add(Heading("Limits of the gates"), _limits(config))
    return page


def left_out_pictures(
    selection: Selection, left: Sequence[LeftOutClip], kept: Sequence[Path] = ()
) -> LeftOutPictures:
    """Pictures of clips that were left out: published with a tree, or of this run.

    Parameters
    ----------
    selection
        Of this run.
    left
        The clips.
    kept
        Trees whose pictures go before new ones; none: those of this run go first.
    """
    found: dict[str, dict[str, bytes]] = {}
    for each in left:
        for name in EVIDENCE:
            if name == MATCH and SCENE_GATE not in each.gates:
                continue  # of another run, in which it was so
            published = [root / picture_name(each.clip, name) for root in kept]
            selected = selection.clips.get(each.clip)
            fresh = [selected.inspected.pictures / f"{name}.png"] if selected else []
            others = [
                tree.root / picture_name(each.clip, name) for tree in selection.before.values()
            ]
            for path in (*published, *fresh, *others):
                if path.is_file():
                    found.setdefault(each.clip, {})[name] = path.read_bytes()
                    break
    return found


def _figures(tree: BuiltTree, plan: TreePlan) -> KeyFigures:
    figures = [
        KeyFigure("Sequences", grouped(tree.sequences)),
        KeyFigure("Pairs", grouped(tree.pairs)),
        KeyFigure("Left out", grouped(len(plan.standing_left_out)), "clips, reasons below"),
    ]
    ceilings = [each.ceilings_db for each in plan.calibrations if each.ceilings_db]
    for name in ("systematic", "total"):
        values = [each[name] for each in ceilings if name in each]
        if values:
            detail = "PSNR that the pairs' own errors allow; the lowest calibration's"
            figures.append(KeyFigure(f"Ceiling, {name}", f"{min(values):.1f} dB", detail))
    return KeyFigures(figures)


def _table_one(trees: Sequence[BuiltTree], config: BuildConfig) -> Iterator[Block]:
    columns = [Column(head, right=place > 2) for place, head in enumerate(HEADS)]
    rows = [row_of(tree) for tree in trees]
    asked = asked_row(config.paper, config.shape, config.frame_size)
    yield Table(
        columns,
        [*rows, asked],
        f"Sequences × frames of each split, as table 1 of the papers ({config.paper.source}).",
        sortable=False,
    )
    for text in (text for tree in trees for text in shortfall(config.shape, tree)):
        yield Paragraph(text, "note")


def _blur(blur: Mapping[str, Any]) -> Iterator[Block]:
    both = {
        "C1, blurry": [value for each in blur.values() for value in each["blurry_px"]],
        "C2, sharp": [value for each in blur.values() for value in each["sharp_px"]],
    }
    if not any(both.values()):
        yield Paragraph("No frame had enough detail to measure blur.", "note")
        return
    count = len(both["C1, blurry"])
    yield Figure(
        blur_histogram(both),
        f"Length of motion blur over most of the view, {grouped(count)} measured pairs.",
        "Histogram of the blur of both views.",
    )


def _calibrations(plan: TreePlan) -> Iterator[Block]:
    columns = (
        Column("item"),
        Column("value", ".4g"),
        Column("limit", ".4g"),
        Column("unit"),
        Column("in words"),
    )
    for each in plan.calibrations:
        rows: list[Sequence[Cell]] = [
            (item.item, item.value, item.limit, item.unit, item.note) for item in each.tolerances
        ]
        yield Table(columns, rows, f"Calibration {each.sha256[:12]} of session {each.session}.")


def _left_out(left: Sequence[LeftOutClip], pictures: LeftOutPictures) -> Iterator[Block]:
    if not left:
        yield Paragraph("Nothing: every clip that was given was built.")
        return
    columns = (Column("clip"), Column("gates that failed"), Column("reason"))
    yield Table(columns, [(each.clip, ", ".join(each.gates), each.reason) for each in left])
    for each in left:
        if found := pictures.get(each.clip):
            yield Heading(each.clip, 3)
            yield Paragraph(each.reason)
            yield from _evidence(found)


def _evidence(found: Mapping[str, bytes]) -> Iterator[Block]:
    if MATCH in found:
        yield Figure(found[MATCH], _CAPTIONS[MATCH], "Two clips of one scene.")
    if "overview" in found:
        yield Figure(found["overview"], _CAPTIONS["overview"], "Blurry and sharp view.")
    parted = [
        Picture(name, found[name])
        for name in ("blurry", "sharp", "anaglyph", "difference")
        if name in found
    ]
    if len(parted) > 1:
        yield Comparison(
            parted,
            "The middle at one pixel to a pixel. In the anaglyph, edges that do not coincide have"
            " coloured fringes; in the difference, equal views are grey.",
        )
    if "blink" in found:
        figure = Figure(found["blink"], _CAPTIONS["blink"], "Both views in turn.")
        yield Details("Blink: both views in turn", [figure])


def _limits(config: BuildConfig) -> Facts:
    return Facts([(name, str(value)) for name, value in config.gates.model_dump().items()])
