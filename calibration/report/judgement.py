"""The verdict of a calibration as blocks: in words, in figures, and item by item."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from bsd.page import MINUS, Block, Column, KeyFigure, KeyFigures, Paragraph, Table
from calibration.bundle.document import CalibrationDocument, Item

NOT_KNOWN: Final = "not known"
_PIECE: Final = 26


def broken_items(document: CalibrationDocument) -> tuple[Item, ...]:
    """Items whose limit is broken."""
    return tuple(item for item in document.items if item.passed is False)


def spoilt(document: CalibrationDocument, name: str, setting: str = "") -> str | None:
    """Why clips that were recorded for an item cannot be used; None: they can, or there are none.

    Examples
    --------
    ``spoilt(document, "parallax")``: of the near target.
    """
    for item in document.items:
        if (item.name, item.setting) == (name, setting) and item.unusable:
            return item.text
    return None


def verdict_blocks(document: CalibrationDocument) -> Iterator[Block]:
    """What it comes to, what broke, and what could not be judged."""
    broken = broken_items(document)
    if document.verdict == "good":
        yield Paragraph("Good: every limit that could be judged holds.", "note")
    else:
        many = "One limit is" if len(broken) == 1 else f"{len(broken)} limits are"
        yield Paragraph(
            f"Withheld: {many} broken, and no dataset is built with this calibration.", "warning"
        )
    for item in broken:
        verb = ":" if item.value is None else " is"
        way_out = f" What to do: {item.way_out}." if item.way_out else ""
        yield Paragraph(f"{_title(item)}{verb} {statement(item)}.{way_out}", "warning")
    for item in document.items:
        if item.passed is None and item.limit is not None:
            yield Paragraph(f"{_title(item)}: {item.text}.", "note")
    yield KeyFigures(list(_figures(document)))


def item_table(document: CalibrationDocument) -> Table:
    """Every item, as the solve judged it; the setting is told where there are several."""
    several = len(document.settings) > 1
    columns = (
        Column("what"),
        *([Column("setting")] if several else []),
        Column("verdict"),
        Column("value", right=True),
        Column("limit", right=True),
        Column("in words"),
    )
    rows = [
        (
            item.name,
            *([item.setting or "all"] if several else []),
            item_verdict(item).replace(" ", "\xa0"),
            _with_unit(item.value, item.unit),
            _with_unit(item.limit, item.unit),
            _in_pieces(item.words),
        )
        for item in document.items
    ]
    return Table(columns, rows, "Figures are compared without their sign.", sortable=False)


def item_verdict(item: Item) -> str:
    """``ok``, ``BROKEN``, ``not known`` or ``no limit``."""
    if item.passed is not None:
        return "ok" if item.passed else "BROKEN"
    return NOT_KNOWN if item.limit is not None or item.value is None else "no limit"


def number_text(value: float | None) -> str | None:
    """Four digits with a true minus sign; None stays so."""
    if value is None:
        return None
    text = f"{value:.4g}" if value == 0 or 1e-4 <= abs(value) < 1e6 else f"{value:.3g}"
    return text.replace("-", MINUS)


def _with_unit(value: float | None, unit: str) -> str | None:
    return None if value is None else f"{number_text(value)} {unit}"


def _in_pieces(text: str) -> str:
    """Words held together in pieces, so that a narrow window scrolls and does not stack them."""
    made = ""
    piece = 0
    for word in text.split(" "):
        made += word if not made else ("\xa0" if piece < _PIECE else " ") + word
        piece = piece + len(word) + 1 if piece < _PIECE else len(word)
    return made


def statement(item: Item) -> str:
    """``0.31 px, limit 0.2 px: WORDS``; of an item without a figure the words alone."""
    figure = _with_unit(item.value, item.unit)
    if figure is None:
        return item.words
    limit = "" if item.limit is None else f", limit {number_text(item.limit)} {item.unit}"
    return f"{figure}{limit}: {item.words}"


def _title(item: Item) -> str:
    where = f" at {item.setting}" if item.setting else ""
    return f"{item.name[:1].upper()}{item.name[1:]}{where}"


def _figures(document: CalibrationDocument) -> Iterator[KeyFigure]:
    geometry = document.geometry
    good = document.verdict == "good"
    yield KeyFigure("Verdict", document.verdict, tone="good" if good else "bad")
    residual = geometry.start.residual
    yield KeyFigure(
        "Map, held-out residual",
        f"{residual.rms_px:.3f} px",
        f"RMS of {residual.count} points; 95\xa0% below {residual.p95_px:.3f}\xa0px",
    )
    if geometry.drift is not None:
        yield KeyFigure(
            "Map, start against end", f"{geometry.drift.rms_px:.2g} px", "RMS over C1's view"
        )
    several = len(document.settings) > 1
    for name, setting in document.settings.items():
        at = f", {name}" if several else ""
        gain = 100.0 * (sum(setting.start.gains.relative) / 3.0 - 1.0)
        yield KeyFigure(
            f"C1 over C2{at}",
            f"{gain:+.2f} %".replace("-", MINUS),
            "off the nominal exposure × ND transmission; corrected",
        )
        if setting.ceilings is None:
            continue
        ceilings = setting.ceilings
        most = "at most " if ceilings.is_bound else ""
        yield KeyFigure(
            f"Ceiling, systematic{at}",
            f"{most}{ceilings.systematic_db:.1f} dB",
            "predicted, no noise",
        )
        if ceilings.total_db is not None:
            yield KeyFigure(
                f"Ceiling, total{at}",
                f"{most}{ceilings.total_db:.1f} dB",
                "predicted, with C2's noise",
            )
