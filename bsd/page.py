"""Offline HTML page: one file that opens without a network and asks for nothing outside itself.

A page is a title and a row of blocks. Every text is escaped; pictures and charts are inside the
file; its content security policy forbids everything else, and one script, named by its hash, runs
the comparison sliders and sorts tables. Without scripts the pictures stand side by side.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from pathlib import Path
from typing import ClassVar, Literal

from jinja2 import Environment, StrictUndefined, Template

from bsd.document import write_bytes

Cell = str | float | None
"""A table's cell: text, a number, or nothing (shown as a dash)."""

_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_DASH = "–"
MINUS = "\N{MINUS SIGN}"


@dataclass(frozen=True)
class Heading:
    """A section's title. Headings of level 2 also make the page's table of contents."""

    kind: ClassVar[str] = "heading"
    text: str
    level: Literal[2, 3] = 2

    @property
    def anchor(self) -> str:
        """Name of the place in the page, letters, digits and hyphens only."""
        return "-".join(re.findall(r"[a-z0-9]+", self.text.lower())) or "section"


@dataclass(frozen=True)
class Paragraph:
    """Plain text; a note or a warning stands in a box."""

    kind: ClassVar[str] = "paragraph"
    text: str
    tone: Literal["plain", "note", "warning"] = "plain"


@dataclass(frozen=True)
class KeyFigure:
    """One number that a reader takes away: what it is, its value with unit, how sure it is."""

    label: str
    value: str
    detail: str = ""
    tone: Literal["plain", "good", "bad"] = "plain"


@dataclass(frozen=True)
class KeyFigures:
    """Cards side by side."""

    kind: ClassVar[str] = "key_figures"
    figures: Sequence[KeyFigure]


@dataclass(frozen=True)
class Column:
    """A table's column.

    Attributes
    ----------
    label
        Head, with the unit.
    spec
        Format of numbers, such as ``.2f`` or ``+.2f``; empty: the column is text.
    marked
        Numbers below zero stand out.
    right
        The column stands right although its cells are text, such as an interval.
    """

    label: str
    spec: str = ""
    marked: bool = False
    right: bool = False

    @property
    def is_right(self) -> bool:
        """Whether the column stands right."""
        return self.right or bool(self.spec)


@dataclass(frozen=True)
class Table:
    """Rows of text and numbers; numbers stand right, and a click on a head sorts by it."""

    kind: ClassVar[str] = "table"
    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]]
    caption: str = ""
    sortable: bool = True

    def __post_init__(self) -> None:
        for number, row in enumerate(self.rows):
            if len(row) != len(self.columns):
                raise ValueError(f"row {number}: {len(row)} cells, {len(self.columns)} columns")


@dataclass(frozen=True)
class Facts:
    """Names and values, one pair a line."""

    kind: ClassVar[str] = "facts"
    pairs: Sequence[tuple[str, str]]
    caption: str = ""


@dataclass(frozen=True)
class Figure:
    """A picture (PNG bytes) or a chart (SVG text) with its caption; `alt` says it in words."""

    kind: ClassVar[str] = "figure"
    picture: bytes | str
    caption: str
    alt: str


@dataclass(frozen=True)
class FigureRow:
    """Figures side by side where the window is wide enough."""

    kind: ClassVar[str] = "figure_row"
    figures: Sequence[Figure]


@dataclass(frozen=True)
class Picture:
    """One side of a comparison: name, PNG bytes, and a short remark such as its PSNR."""

    label: str
    png: bytes
    remark: str = ""

    @property
    def title(self) -> str:
        """Name and remark in one line."""
        return f"{self.label} · {self.remark}" if self.remark else self.label


@dataclass(frozen=True)
class Comparison:
    """Two or more pictures of the same scene under one slider.

    Attributes
    ----------
    pictures
        At least two, all of one size in pixels.
    caption
        What is seen.
    left, right
        Which of them the slider parts at first.
    """

    kind: ClassVar[str] = "comparison"
    pictures: Sequence[Picture]
    caption: str
    left: int = 0
    right: int = 1

    def __post_init__(self) -> None:
        if len(self.pictures) < 2:
            raise ValueError("a comparison needs at least two pictures")
        sizes = {png_size(picture.png) for picture in self.pictures}
        if len(sizes) != 1:
            raise ValueError(f"a comparison needs pictures of one size, found {sorted(sizes)}")
        if {self.left, self.right} - set(range(len(self.pictures))):
            raise ValueError(f"left {self.left} or right {self.right}: no such picture")

    @property
    def size(self) -> tuple[int, int]:
        """Width and height, px."""
        return png_size(self.pictures[0].png)


@dataclass(frozen=True)
class Code:
    """Commands or a configuration, shown as they are typed."""

    kind: ClassVar[str] = "code"
    text: str
    caption: str = ""


@dataclass(frozen=True)
class Details:
    """Blocks that open on a click."""

    kind: ClassVar[str] = "details"
    summary: str
    blocks: Sequence[Block]


Block = (
    Heading
    | Paragraph
    | KeyFigures
    | Table
    | Facts
    | Figure
    | FigureRow
    | Comparison
    | Code
    | Details
)


@dataclass
class Page:
    """A page under construction: title, a line below it, blocks in reading order."""

    title: str
    subtitle: str = ""
    blocks: list[Block] = field(default_factory=list)
    footer: str = ""

    def add(self, *blocks: Block) -> None:
        """Append blocks."""
        self.blocks.extend(blocks)

    def to_html(self) -> str:
        """The whole file. Equal pages give equal text."""
        style, script = _resource("page.css"), _resource("page.js")
        digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        return _template().render(
            page=self,
            contents=[b for b in self.blocks if isinstance(b, Heading) and b.level == 2],
            inline=_Inliner(),
            minus=MINUS,
            style=style,
            script=script,
            script_hash=f"sha256-{digest}",
        )

    def write(self, path: Path) -> None:
        """Write the file atomically."""
        write_bytes(path, self.to_html().encode())


def png_size(png: bytes) -> tuple[int, int]:
    """Width and height of a PNG, px, read from its header.

    Raises
    ------
    ValueError
        The bytes are no PNG.
    """
    if png[:8] != _PNG_SIGNATURE or png[12:16] != b"IHDR" or len(png) < 24:
        raise ValueError("not a PNG picture")
    return int.from_bytes(png[16:20], "big"), int.from_bytes(png[20:24], "big")


def cell_text(value: Cell, spec: str = "") -> str:
    """A cell as it is shown: numbers by `spec` with a true minus sign, nothing as a dash.

    What rounds to zero has no minus: −0.00 would read as a loss.
    """
    if value is None:
        return _DASH
    if isinstance(value, str):
        return value
    text = format(value, spec)
    if text.startswith("-") and not text.strip("-0."):
        text = ("+" if "+" in spec else "") + text[1:]
    return text.replace("-", MINUS)


def grouped(number: int) -> str:
    """A whole number with its digits in groups of three, which never break over a line."""
    return f"{number:,}".replace(",", "\N{NARROW NO-BREAK SPACE}")


class _Inliner:
    """Puts pictures and charts into one page; a chart's identifiers are made unique to it."""

    def __init__(self) -> None:
        self._charts = 0

    def png(self, content: bytes) -> str:
        png_size(content)
        return "data:image/png;base64," + base64.b64encode(content).decode()

    def svg(self, text: str) -> str:
        self._charts += 1
        return inline_svg(text, prefix=f"c{self._charts}-")


_PROLOG = re.compile(
    r"<\?xml.*?\?>|<!DOCTYPE.*?>|<!--.*?-->|<(metadata|style)\b.*?</\1>", re.DOTALL
)
_NAMESPACE = re.compile(r"""\s+xmlns(?::\w+)?=("[^"]*"|'[^']*')""")
_FORBIDDEN = re.compile(
    r"""<script|<foreignObject|<iframe|<[^>]*\son\w+\s*=
    |<[^>]*href\s*=\s*["']?(?!["'\#])|url\(\s*["']?(?!["'\#])""",
    re.IGNORECASE | re.VERBOSE,
)


def inline_svg(text: str, prefix: str) -> str:
    """An SVG file's text as an element of an HTML page.

    Parameters
    ----------
    text
        The file, from ``<?xml`` or ``<svg`` on.
    prefix
        Put before each of its identifiers, so that two charts of a page never share one.

    Raises
    ------
    ValueError
        No SVG, or one that runs a script or refers to anything outside itself.
    """
    body = _NAMESPACE.sub("", _PROLOG.sub("", text)).strip()
    if not body.startswith("<svg") or not body.endswith("</svg>"):
        raise ValueError("not an SVG picture")
    if found := _FORBIDDEN.search(body):
        raise ValueError(f"an SVG inside a page may not hold {found[0].strip()!r}")
    body = re.sub(r'(\sid=")', rf"\1{prefix}", body)
    body = re.sub(r'(href=")#', rf"\1#{prefix}", body)
    return re.sub(r"(url\()#", rf"\1#{prefix}", body)


def _resource(name: str) -> str:
    return resources.files("bsd").joinpath(name).read_text(encoding="utf-8")


@cache
def _template() -> Template:
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["cell"] = cell_text
    return environment.from_string(_resource("page.html"))
