"""The part of a quality page on the sequences: blur, what each gate measured, one pair of each."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from bsd.page import Block, Cell, Column, Details, Facts, Figure, FigureRow, Table
from dataset.build.evidence import shrunk
from dataset.description import DatasetDescription
from dataset.layout import VIEWS, frame_path
from dataset.png import decode_png, encode_png
from dataset.sequence_facts import GateValue, SequenceFacts

_THUMBNAIL_PX: Final = 200


def sequence_blocks(root: Path, described: DatasetDescription) -> Iterator[Block]:
    """What the gates found over all, then each sequence by itself.

    Parameters
    ----------
    root
        Where the frames lie.
    described
        The tree.
    """
    yield _gates_over_all(described.sequences)
    columns = (
        Column("sequence"),
        Column("scene"),
        Column("pairs", ".0f"),
        Column("blur of C1, px", ".2f"),
        Column("blur of C2, px", ".2f"),
    )
    rows = [_row(each) for each in described.sequences]
    yield Table(columns, rows, "Medians of the blur; what each gate measured stands below.")
    for each in described.sequences:
        yield Details(f"{each.split}/{each.sequence}", list(_sequence(root, each)))


def _gates_over_all(sequences: Sequence[SequenceFacts]) -> Table:
    columns = (
        Column("gate"),
        Column("limit", ".4g"),
        Column("least", ".3g"),
        Column("median", ".3g"),
        Column("most", ".3g"),
        Column("unit"),
        Column("not judged", ".0f"),
    )
    by_gate: dict[str, list[GateValue]] = {}
    for gate in (gate for each in sequences for gate in each.gates):
        by_gate.setdefault(gate.gate, []).append(gate)
    rows: list[Sequence[Cell]] = []
    for name, found in by_gate.items():
        values = [gate.value for gate in found if gate.value is not None]
        spread = (min(values), statistics.median(values), max(values)) if values else (None,) * 3
        limit = next((gate.limit for gate in found if gate.limit is not None), None)
        unit = next((gate.unit for gate in found if gate.unit), "")
        rows.append((name, limit, *spread, unit, sum(gate.passed is None for gate in found)))
    return Table(columns, rows, "What the gates measured over all sequences.", sortable=False)


def _row(each: SequenceFacts) -> Sequence[Cell]:
    blurs = [
        None if blur is None else blur.median_px
        for blur in (each.blurry_blur_px, each.sharp_blur_px)
    ]
    return (f"{each.split}/{each.sequence}", each.scene, each.frames, *blurs)


def _sequence(root: Path, each: SequenceFacts) -> Iterator[Block]:
    middle = each.frames // 2
    thumbnails = []
    for view in VIEWS:
        path = root / frame_path(each.split, each.sequence, view, middle)
        picture = shrunk(decode_png(path.read_bytes(), str(path)), _THUMBNAIL_PX)
        text = f"{view}, frame {middle}"
        thumbnails.append(Figure(encode_png(picture), text, text))
    yield FigureRow(thumbnails)
    pairs = [
        ("clip", f"{each.clip} of session {each.session}"),
        ("crop", f"{each.crop_px[2]} × {each.crop_px[3]} px at {each.crop_px[:2]}"),
        ("white balance", ", ".join(f"{gain:.4g}" for gain in each.white_balance)),
    ]
    if each.marks:
        pairs.append(("marks", ", ".join(each.marks)))
    yield Facts(pairs)
    yield _gates(each.gates)


def _gates(gates: Sequence[GateValue]) -> Table:
    columns = (
        Column("gate"),
        Column("passed"),
        Column("value", ".4g"),
        Column("limit", ".4g"),
        Column("unit"),
        Column("in words"),
    )
    words = {True: "yes", False: "no", None: "not judged"}
    rows: list[Sequence[Cell]] = [
        (gate.gate, words[gate.passed], gate.value, gate.limit, gate.unit, gate.text)
        for gate in gates
    ]
    return Table(columns, rows, sortable=False)
