"""A session as blocks of an offline page: clips, what does not count, gaps, calibration clips."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from acquisition.clip.reader import Clip
from acquisition.inspect.clip_page import FOOTER, size_text
from acquisition.inspect.clip_picture import Studio, chosen_pairs
from acquisition.inspect.session_inspection import SessionInspection
from bsd.errors import ToolkitError
from bsd.page import (
    Block,
    Column,
    Facts,
    Figure,
    FigureRow,
    Heading,
    KeyFigure,
    KeyFigures,
    Page,
    Paragraph,
    Table,
    grouped,
)
from bsd.phrase import counted

SHEET: Final = 60
"""Most pictures of a contact sheet."""

_PICTURE_PX: Final = 640


def session_page(seen: SessionInspection) -> Page:
    """The page of a session."""
    document = seen.record.document
    page = Page(
        f"Session {document.name}",
        f"{document.operator}, {document.created_utc}, rig {document.rig}",
        footer=FOOTER,
    )
    page.add(_key_figures(seen), *_cautions(seen))
    page.add(Heading("Clips"), *_clips(seen))
    page.add(Heading("Pictures"), *_sheet(seen))
    page.add(Heading("Calibration clips"), *_coverage(seen))
    page.add(Heading("What does not count"), *_discarded(seen))
    page.add(Heading("Notes and terms"), *_terms(seen))
    return page


def _key_figures(seen: SessionInspection) -> KeyFigures:
    missing = len(seen.missing)
    calibration = [clip for clip in seen.clips if clip.plan.purpose not in ("scene", "bookend")]
    aside = f"and {size_text(seen.discarded_bytes)} discarded" if seen.discarded_bytes else ""
    return KeyFigures(
        [
            KeyFigure("Scenes", str(len(seen.scenes)), f"{grouped(seen.pairs)} pairs"),
            KeyFigure(
                "Calibration",
                "complete" if not missing else f"{counted(missing, 'gap')}",
                counted(len(calibration), "clip"),
                tone="good" if not missing else "bad",
            ),
            KeyFigure(
                "Files",
                "sound" if not seen.gaps else counted(len(seen.gaps), "gap"),
                tone="good" if not seen.gaps else "bad",
            ),
            KeyFigure("Discarded takes", str(len(seen.discarded))),
            KeyFigure("On the disk", size_text(seen.sealed_bytes), aside),
        ]
    )


def _cautions(seen: SessionInspection) -> Iterator[Block]:
    for text in seen.gaps:
        yield Paragraph(text, "warning")
    for take in seen.open_takes:
        yield Paragraph(
            f"{take} was begun and has not ended: it is being recorded now, or was interrupted;"
            " the next capture into this session recovers its frames.",
            "warning",
        )
    if seen.record.consent is None:
        yield Paragraph("Nothing was stated on persons: no scene can be recorded.", "warning")


def _clips(seen: SessionInspection) -> Iterator[Block]:
    if not seen.clips:
        yield Paragraph("No clip has been kept.")
        return
    faulty = seen.faulty
    columns = (
        Column("clip"),
        Column("purpose"),
        Column("setting"),
        Column("frames asked", "d"),
        Column("pairs", "d"),
        Column("verdict"),
        Column("MB", ".1f"),
        Column("motion, notes"),
    )
    rows = []
    for clip in seen.clips:
        plan = clip.plan
        purpose = f"{plan.step}, {plan.when}" if plan.step else plan.purpose
        words = [plan.motion, clip.notes, *clip.findings, faulty.get(clip.clip, "")]
        words += [note.text for note in seen.record.notes if note.clip == clip.clip]
        rows.append(
            (
                clip.clip.rpartition("-")[2],
                purpose,
                plan.setting,
                plan.frames,
                clip.pairs,
                clip.verdict,
                (clip.size_bytes or 0) / 1e6,
                "; ".join(filter(None, words)),
            )
        )
    yield Table(columns, rows, "Clip 000 is the file clip-000.h5.")


def _sheet(seen: SessionInspection) -> Iterator[Block]:
    """The middle pair of each clip; scenes first."""
    ordered = seen.scenes + [clip for clip in seen.clips if clip not in seen.scenes]
    figures = []
    for clip in ordered[:SHEET]:
        try:
            picture = _middle(Path(seen.folder) / clip.file)
        except ToolkitError as error:
            yield Paragraph(f"{clip.clip} has no picture here: {error}", "note")
            continue
        if picture is not None:
            plan = clip.plan
            caption = " · ".join(filter(None, (clip.clip, plan.step or plan.purpose, plan.motion)))
            alt = f"Blurry and sharp view of {clip.clip} beside each other."
            figures.append(Figure(picture, caption, alt))
    yield Paragraph(
        "The middle pair of each clip, C1 on the left, C2 on the right. Scenes, charts and targets"
        " are balanced and brightened, each clip by itself; dark, flat and series are as they are."
    )
    if figures:
        yield FigureRow(figures)
    if len(ordered) > SHEET:
        yield Paragraph(f"The first {SHEET} of {len(ordered)} clips are shown.", "note")


def _middle(path: Path) -> bytes | None:
    with Clip.open(path) as clip:
        pairs = chosen_pairs(clip)
        if not pairs:
            return None
        pair = pairs.get("middle", next(iter(pairs.values())))
        return Studio.of(clip).beside(pair, _PICTURE_PX)


def _coverage(seen: SessionInspection) -> Iterator[Block]:
    words = {"there": "there", "missing": "MISSING", "optional": "absent, optional"}
    columns: tuple[Column, ...] = (
        Column("clips"),
        Column("when"),
        Column("have", "d"),
        Column("need", "d"),
        Column("standing"),
        Column("without it a calibration lacks"),
    )
    rows = [
        (need.item, need.when, need.have, need.need, words[need.standing], need.without)
        for need in seen.needs
    ]
    yield Table(columns, rows)
    checks = [each for each in seen.steps if each.status != "ok"]
    if checks:
        columns = (Column("step"), Column("when"), Column("clip"), Column("check"), Column("why"))
        yield Table(
            columns,
            [
                (each.step, each.when, each.clip, each.status, "; ".join(each.remarks))
                for each in checks
            ],
            "Steps whose check said something, and those that were skipped.",
        )


def _discarded(seen: SessionInspection) -> Iterator[Block]:
    if not seen.discarded and not seen.forgotten:
        yield Paragraph("Nothing was discarded.")
        return
    columns = (Column("take"), Column("purpose"), Column("why"), Column("frames are in"))
    rows = [
        (f"{each.clip}.{each.attempt}", each.purpose, each.why, each.file or "deleted")
        for each in seen.discarded
    ]
    rows += [(clip, "forgotten", why, "discarded") for clip, why in seen.forgotten.items()]
    yield Table(columns, rows)


def _terms(seen: SessionInspection) -> Iterator[Block]:
    record, document = seen.record, seen.record.document
    told = {
        "persons": "not stated" if record.consent is None else record.consent.summary(),
        "licence": record.licence_note or "not stated",
        "notes": document.notes,
        "rig file": record.rig_file,
        "session": document.session,
        "opened": counted(record.openings, "time"),
        "made by": f"bsd-toolkit {document.toolkit}",
    }
    yield Facts([(name, text) for name, text in told.items() if text])
    general = [(note.utc, note.text) for note in record.notes if note.clip is None]
    if general:
        yield Table((Column("UTC"), Column("note")), general)
