"""Drawings are made from text: running a script of docs/drawings again gives the same bytes."""

import os
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from itertools import combinations
from pathlib import Path

import pytest

pytest.importorskip("schemdraw", reason="schemdraw is not installed (extra dev)")

pytestmark = pytest.mark.unit

ROOT = Path(__file__).resolve().parents[2]
IMAGES = ROOT / "docs" / "images"
SCRIPTS = sorted((ROOT / "docs" / "drawings").glob("*.py"))


def _drawn(script: Path, folder: Path) -> dict[str, bytes]:
    """Run a copy of `script` in a checkout of its own; what it writes into docs/images."""
    images = folder / "docs" / "images"
    images.mkdir(parents=True)
    copy = folder / "docs" / "drawings" / script.name
    copy.parent.mkdir()
    shutil.copy(script, copy)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}  # a drawing may compute its numbers
    subprocess.run([sys.executable, str(copy)], cwd=folder, env=environment, check=True, timeout=45)
    return {path.name: path.read_bytes() for path in sorted(images.iterdir())}


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_a_drawing_is_what_its_script_draws(script: Path, tmp_path: Path) -> None:
    drawn = _drawn(script, tmp_path)
    assert drawn, f"{script.name} wrote nothing into docs/images"
    differing = [
        name
        for name, content in drawn.items()
        if not (IMAGES / name).is_file() or (IMAGES / name).read_bytes() != content
    ]
    assert differing == [], f"run python docs/drawings/{script.name} and commit what it writes"
    assert all(content.rstrip().endswith(b"</svg>") for content in drawn.values())


def test_wiring_names_every_pin_and_part() -> None:
    common = {"D9", "D10", "D2", "GND", "C1 blurry", "C2 sharp", "10 kΩ", "foot switch"}
    for name, more in {"buffers": "100 Ω", "isolators": "HCPL-2201"}.items():
        drawing = (IMAGES / f"trigger-wiring-{name}.svg").read_text()
        words = set(re.findall(r">([^<>]+)<", drawing))
        assert common | {more} <= words


OPTICS = ("layouts", "glass", "mount")
_SVG = "{http://www.w3.org/2000/svg}"


def _optics(name: str) -> ElementTree.Element:
    return ElementTree.fromstring((IMAGES / f"rig-optics-{name}.svg").read_text())  # noqa: S314


def _words(drawing: ElementTree.Element) -> list[str]:
    return [element.text or "" for element in drawing.iter(f"{_SVG}text")]


def test_layouts_name_every_part_of_both_arms() -> None:
    words = _words(_optics("layouts"))
    for part in ("C1", "C2", "blurry", "sharp", "IR cut", "ND 1/8", "light trap"):
        assert words.count(part) == 2, part
    assert words.count("flip: horizontal") == 2
    assert {"shared_lens", "two_lenses", "compensating plate,", "lens 1", "lens 2"} <= set(words)


def test_light_behind_glass_focuses_where_the_formula_says() -> None:
    drawing = _optics("glass")
    plates = [
        float(rect.get("width", "0"))
        for rect in drawing.iter(f"{_SVG}rect")
        if rect.get("class") in ("nd", "glass")
    ]
    rays = [
        re.findall(r"[\d.]+", path.get("d", ""))
        for path in drawing.iter(f"{_SVG}path")
        if path.get("class") == "light"
    ]
    ends = [float(numbers[-2]) for numbers in rays]
    assert len(plates) == 2
    assert plates[0] == plates[1]
    assert ends[0] == ends[1]
    shift = plates[0] * (1 - 1 / 1.5168)
    assert ends[2:] == pytest.approx([ends[0] + shift] * 4, abs=0.02)


def test_mount_figures_are_a_tenth_of_a_pixel() -> None:
    words = set(_words(_optics("mount")))
    shift_um, angle_urad = 0.1 * 3.45, 1e6 * 0.1 / 1600
    assert {
        f"{shift_um:.3f} µm",
        f"{1000 * 0.1 * 2000 / 1600:.0f} µm (parallax at 2 m)",
        f"{angle_urad:.1f} µrad",
        f"{1e6 * 0.1 / 400:.0f} µrad",
        f"{0.1 * 2000 / 400:.1f} mm (scale at 2 m)",
        f"1 px of blur: ±{4 * 3.45:.1f} µm",
        f"1 px of blur: {4 * 3.45 / (400 * 3.45e-3):.0f} mrad",
        f"{1000 * shift_um / 80:.1f} µrad",
        f"{angle_urad / 2:.0f} µrad",
    } <= words


@pytest.mark.parametrize("name", OPTICS)
def test_no_words_lie_on_others_or_outside(name: str) -> None:
    drawing = _optics(name)
    boxes = []
    for element in drawing.iter(f"{_SVG}text"):
        size = {"head": 16, "small": 12}.get(element.get("class", ""), 13)
        width = 0.58 * size * len(element.text or "")
        x, y = float(element.get("x", "0")), float(element.get("y", "0"))
        left = x - {"start": 0.0, "middle": 0.5, "end": 1.0}[element.get("text-anchor", "")] * width
        boxes.append((left, y - 0.8 * size, left + width, y + 0.2 * size, element.text))
    for one, other in combinations(boxes, 2):
        apart = one[2] <= other[0] or other[2] <= one[0] or one[3] <= other[1] or other[3] <= one[1]
        assert apart, (one[4], other[4])
    assert min(box[0] for box in boxes) >= 0
    assert max(box[2] for box in boxes) <= float(drawing.get("width", "0"))
    assert max(box[3] for box in boxes) <= float(drawing.get("height", "0"))
