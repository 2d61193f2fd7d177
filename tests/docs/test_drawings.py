"""Drawings are made from text: running a script of docs/drawings again gives the same bytes."""

import os
import re
import shutil
import subprocess
import sys
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
