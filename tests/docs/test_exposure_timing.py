"""The page on exposure timing: its examples run and its figure is what the script draws."""

import doctest
import re
import runpy
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

pytestmark = pytest.mark.unit

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGE = DOCS / "explanations" / "exposure-timing.md"


def test_examples_give_what_the_page_says() -> None:
    blocks = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    example = doctest.DocTestParser().get_doctest("\n".join(blocks), {}, PAGE.name, str(PAGE), 0)
    result = doctest.DocTestRunner().run(example)
    assert result.failed == 0
    assert result.attempted == 12


def test_the_figure_is_drawn_from_the_plan_of_today() -> None:
    script = runpy.run_path(str(DOCS / "drawings" / "exposure_timing.py"))
    text = script["drawing"]()
    assert text == (DOCS / "images" / "exposure-timing.svg").read_text()
    made = script["planned"]()
    assert (made.ratio, made.residual_ns) == (8, 0)
    bars = [
        float(bar.get("width", "0"))
        for bar in ElementTree.fromstring(text).iter("{http://www.w3.org/2000/svg}rect")  # noqa: S314
        if bar.get("class") == "light"
    ]
    assert bars[0] / bars[1] == pytest.approx(8, rel=1e-9, abs=0.02)
