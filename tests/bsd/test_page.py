"""The offline page: nothing from outside, every text escaped, sizes checked, same in same out."""

import base64
import hashlib
import re
import struct
import zlib
from html.parser import HTMLParser
from pathlib import Path

import pytest

from bsd.page import (
    MINUS,
    Code,
    Column,
    Comparison,
    Details,
    Facts,
    Figure,
    FigureRow,
    Heading,
    KeyFigure,
    KeyFigures,
    Page,
    Paragraph,
    Picture,
    Table,
    cell_text,
    grouped,
    inline_svg,
    png_size,
)

pytestmark = pytest.mark.unit
EVIL = "<script>alert('x')</script>"
SVG = (
    '<?xml version="1.0"?>\n<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN"'
    ' "http://www.w3.org/Graphics/SVG/1.1/DTD/svg11.dtd">\n'
    '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink">'
    "<style>*{stroke: red}</style>"
    '<clipPath id="p1"/><path id="m1" clip-path="url(#p1)"/><use xlink:href="#m1"/></svg>'
)


def png(width: int, height: int) -> bytes:
    """A black grey-scale PNG, written from the specification."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        body = kind + content
        return struct.pack(">I", len(content)) + body + struct.pack(">I", zlib.crc32(body))

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    rows = zlib.compress(bytes((width + 1) * height))
    signature = b"\x89PNG\r\n\x1a\n"
    return signature + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def full_page() -> Page:
    page = Page(f"Title {EVIL}", f"below {EVIL}", footer=EVIL)
    pictures = [Picture(f"{name} {EVIL}", png(6, 4), EVIL) for name in ("a", "b", "c")]
    page.add(
        Heading(f"One {EVIL}"),
        Heading("Two"),
        Heading("Three"),
        Paragraph(EVIL),
        KeyFigures([KeyFigure(EVIL, EVIL, EVIL)]),
        Table([Column(EVIL), Column("dB", "+.2f", marked=True)], [(EVIL, -1.0)], EVIL),
        Facts([(EVIL, EVIL)], EVIL),
        Figure(png(3, 2), EVIL, EVIL),
        FigureRow([Figure(SVG, EVIL, EVIL), Figure(SVG, "second", "second")]),
        Comparison(pictures, EVIL, left=0, right=2),
        Code(EVIL, EVIL),
        Details(EVIL, (Details(EVIL, (Paragraph(EVIL),)),)),
    )
    return page


class Elements(HTMLParser):
    """Collects each start tag with its attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))


def test_nothing_comes_from_outside() -> None:
    html = full_page().to_html()
    assert not re.search(r"https?:|src=[\"']?//|@import", html)
    assert all(target.startswith("#") for target in re.findall(r"url\(\s*[\"']?([^)]+)", html))
    for tag, attributes in Elements(html).seen:
        assert tag not in {"link", "iframe", "object", "embed", "base", "form"}
        for name in ("href", "xlink:href"):
            assert (attributes.get(name) or "#").startswith("#")
        if "src" in attributes:
            assert (attributes["src"] or "").startswith("data:image/png;base64,")


def test_every_text_is_escaped() -> None:
    html = full_page().to_html()
    assert EVIL not in html
    assert [tag for tag, _ in Elements(html).seen].count("script") == 1
    assert html.count("alert(") >= 20


def test_policy_allows_the_one_script_by_its_hash_and_nothing_else() -> None:
    html = full_page().to_html()
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', html)
    script = re.search(r"<script>(.*?)</script>", html, re.DOTALL)
    assert policy
    assert script
    digest = base64.b64encode(hashlib.sha256(script[1].encode()).digest()).decode()
    rules = dict(rule.split(" ", 1) for rule in policy[1].split("; "))
    assert rules["default-src"] == "'none'"
    assert rules["script-src"] == f"'sha256-{digest}'"
    assert rules["img-src"] == "data:"
    assert html.index("Content-Security-Policy") < html.index("<style>") < html.index("<script>")


def test_pictures_survive_and_no_scripts_are_needed_to_see_them() -> None:
    html = full_page().to_html()
    images = [attributes for tag, attributes in Elements(html).seen if tag == "img"]
    assert len(images) == 4
    assert all(attributes["alt"] for attributes in images)
    content = (images[1]["src"] or "").partition(",")[2]
    assert base64.b64decode(content) == png(6, 4)
    assert 'data-left="0" data-right="2"' in html
    assert "live" not in re.findall(r'<figure class="([^"]+)"', html)


def test_every_identifier_is_unique_and_charts_keep_their_references() -> None:
    seen = Elements(full_page().to_html()).seen
    names = [attributes["id"] for _, attributes in seen if "id" in attributes]
    assert len(names) == len(set(names)) == 3 + 2 * 2
    assert [a["xlink:href"] for _, a in seen if "xlink:href" in a] == ["#c1-m1", "#c2-m1"]
    assert [a["clip-path"] for _, a in seen if "clip-path" in a] == ["url(#c1-p1)", "url(#c2-p1)"]


def test_equal_pages_are_equal_files(tmp_path: Path) -> None:
    full_page().write(tmp_path / "one.html")
    full_page().write(tmp_path / "two.html")
    assert (tmp_path / "one.html").read_bytes() == (tmp_path / "two.html").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one.html", "two.html"]


@pytest.mark.parametrize(
    ("value", "spec", "shown"),
    [
        (1.006, "+.2f", "+1.01"),
        (-0.125, ".1f", f"{MINUS}0.1"),
        (-0.001, "+.2f", "+0.00"),
        (-0.001, ".2f", "0.00"),
        (None, ".2f", "–"),
        ("a-b", "", "a-b"),
        (12, "d", "12"),
        (-1e-9, ".1e", f"{MINUS}1.0e{MINUS}09"),
    ],
)
def test_cells(value: str | float | None, spec: str, shown: str) -> None:
    assert cell_text(value, spec) == shown


def test_a_loss_stands_out_and_a_rounded_zero_does_not() -> None:
    columns = [Column("gain, dB", "+.2f", marked=True)]
    html = Page("t", blocks=[Table(columns, [(-0.01,), (-0.001,), (0.5,)])]).to_html()
    assert re.findall(r'<td class="([^"]+)"', html) == ["number below", "number", "number"]
    assert re.findall(r'data-value="([^"]+)"', html) == ["-0.01", "-0.001", "0.5"]


def test_digits_stand_in_groups() -> None:
    assert grouped(1234567) == "1\u202f234\u202f567"


def test_rows_and_columns_must_agree() -> None:
    with pytest.raises(ValueError, match="row 1: 1 cells, 2 columns"):
        Table([Column("a"), Column("b")], [("1", "2"), ("1",)])


def test_comparison_refuses_what_cannot_be_compared() -> None:
    a, b = Picture("a", png(6, 4)), Picture("b", png(4, 6))
    with pytest.raises(ValueError, match="at least two"):
        Comparison([a], "")
    with pytest.raises(ValueError, match=r"one size, found \[\(4, 6\), \(6, 4\)\]"):
        Comparison([a, b], "")
    with pytest.raises(ValueError, match="no such picture"):
        Comparison([a, a], "", left=0, right=2)


def test_size_is_read_from_the_header() -> None:
    assert png_size(png(640, 481)) == (640, 481)
    with pytest.raises(ValueError, match="not a PNG"):
        png_size(b"\xff\xd8\xff" + bytes(40))


@pytest.mark.parametrize(
    "inside",
    [
        "<script>1</script>",
        '<a href="http://x.org"/>',
        "<image href='//x.org/a.png'/>",
        '<rect onload="x()"/>',
        '<rect fill="url(http://x.org/a)"/>',
        "<foreignObject/>",
    ],
)
def test_a_chart_may_not_reach_outside(inside: str) -> None:
    with pytest.raises(ValueError, match="may not hold"):
        inline_svg(f"<svg>{inside}</svg>", "c-")


def test_a_chart_may_say_anything_in_its_text() -> None:
    text = "<svg><text>scene one = 2, see https://x.org &lt;script&gt;</text></svg>"
    assert inline_svg(text, "c-") == text
    with pytest.raises(ValueError, match="not an SVG"):
        inline_svg("<html></html>", "c-")
