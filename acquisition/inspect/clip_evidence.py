"""A clip's ledger and clocks as blocks of a page: over time, row by row, in numbers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from acquisition.clip.reader import Clip
from acquisition.inspect.clip_inspection import (
    ClipInspection,
    clock_residuals,
    pulse_times_ns,
    verdict_name,
)
from acquisition.inspect.timeline import COLOURS, Band, Lane, bands, timeline
from acquisition.ledger.row import NO_PULSE, PREFIX, Verdict
from acquisition.rig import ROLES, Role
from bsd.page import Block, Cell, Column, Figure, Paragraph, Table, grouped
from bsd.phrase import counted

NAMES: Final[dict[Role, str]] = {"blurry": "C1, blurry", "sharp": "C2, sharp"}

_MOST_LOSSES: Final = 500
_NO_FAULT: Final = frozenset({verdict_name(Verdict.UNPAIRED)})


def over_time(clip: Clip, seen: ClipInspection) -> Iterator[Block]:
    """Pulses, frames and losses over time."""
    ledger = clip.ledger
    known = ledger["pulse"] != NO_PULSE
    if not known.any():
        yield Paragraph("The ledger has no pulse: there is nothing to show over time.")
        return
    time_s = ledger["pulse_ns"] / 1e9
    told_s = pulse_times_ns(clip) / 1e9
    span_s = (0.0, float(time_s[known].max()))
    lanes = [Lane(f"pulses · {len(told_s)}", told_s, colour=COLOURS[0])]
    for role, colour in zip(ROLES, COLOURS[1:], strict=True):
        codes = ledger[f"{PREFIX[role]}_verdict"]
        good = known & (codes == Verdict.PAIRED)
        losses = {
            verdict_name(code): _near(time_s, known, codes == code)
            for code in np.unique(codes).tolist()
            if code != Verdict.PAIRED
        }
        name = f"{NAMES[role]} · {int(good.sum())}"
        lanes.append(Lane(name, time_s[good], losses, colour, _NO_FAULT))
    lost = counted(len(seen.losses), "row")
    yield Figure(
        timeline(lanes, span_s),
        "Pulses as the controller told them; frames of each camera that are paired, and below them"
        " what is not, by its kind.",
        f"Timeline of {len(told_s)} pulses; {lost} of the ledger pair nothing.",
    )


def _near(
    time_s: NDArray[np.float64], known: NDArray[np.bool_], these: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Times of some rows; one without a pulse stands at the row before that has one."""
    last = np.maximum.accumulate(np.where(known, np.arange(len(known)), -1))
    places = last[these]
    return np.asarray(np.where(places >= 0, time_s[places], 0.0))


def ledger_tables(seen: ClipInspection) -> Iterator[Block]:
    """Counts by verdict, and every row that pairs nothing."""
    if not seen.rows:
        yield Paragraph("The ledger is empty: nothing was joined.")
        return
    kinds = sorted({kind for camera in seen.cameras.values() for kind in camera.verdicts})
    rows: list[tuple[Cell, ...]] = [
        (kind, *(seen.cameras[role].verdicts.get(kind, 0) for role in ROLES)) for kind in kinds
    ]
    columns = (Column("verdict"), *(Column(NAMES[role], "d") for role in ROLES))
    yield Table(columns, rows, "Rows of the ledger by what came of each camera's frame.")
    if seen.sync == "none":
        return
    if not seen.losses:
        yield Paragraph(f"All {grouped(seen.rows)} rows are pairs.")
        return
    shown = seen.losses[:_MOST_LOSSES]
    rest = len(seen.losses) - len(shown)
    yield Table(
        (
            Column("pulse", "d"),
            Column("time, s", ".4f"),
            Column("part"),
            Column("row"),
            Column("C1"),
            Column("C1 frame id", "d"),
            Column("C2"),
            Column("C2 frame id", "d"),
        ),
        [
            (
                loss.pulse,
                loss.time_s,
                loss.part,
                loss.verdict,
                loss.blurry,
                loss.blurry_frame_id,
                loss.sharp,
                loss.sharp_frame_id,
            )
            for loss in shown
        ],
        "Every row that is not paired"
        + (f", the first {len(shown)}; {rest} more are in the file." if rest else ".")
        + f" The other {grouped(seen.pairs)} are pairs.",
    )


def clocks(clip: Clip, seen: ClipInspection) -> Iterator[Block]:
    """How regular the pulses are, and how both cameras' clocks run over the trigger's."""
    named = [("pulses, by the controller", seen.pulses)]
    named += [(f"{NAMES[role]}, by its own clock", seen.cameras[role].clock) for role in ROLES]
    columns = (
        Column("train of times"),
        Column("points", "d"),
        Column("rate, fps", ".5f"),
        Column("jitter, µs rms", ".3f"),
        Column("worst, µs", ".2f"),
        Column("clock over trigger's, ppm", "+.2f"),
    )
    rows = [
        (name, None, None, None, None, None)
        if rate is None
        else (name, rate.points, rate.rate_hz, rate.jitter_us, rate.worst_us, rate.ppm)
        for name, rate in named
    ]
    yield Table(
        columns,
        rows,
        "Distance from an even train (pulses) and from a straight line over the trigger's clock"
        " (cameras, paired frames). A dash: no time is told.",
    )
    curves = []
    for role, colour in zip(ROLES, COLOURS[1:], strict=True):
        if (found := clock_residuals(clip, role)) is not None:
            curves.append(Band(NAMES[role], *found, colour))
    if curves:
        span_s = (0.0, max(float(curve.time_s.max()) for curve in curves))
        yield Figure(
            bands(curves, span_s, "µs"),
            "Device time of paired frames less a straight line through them: least, largest and"
            " mean by time.",
            "Residuals of both device clocks over time.",
        )
