"""The reference of commands has every verb, and every option of those that it tells in full."""

import importlib
import re
from pathlib import Path

import pytest
import typer

from bsd.command import VERBS

pytestmark = pytest.mark.unit

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "reference" / "commands.md").read_text()
SECTIONS = re.findall(r"^## (\w+)\.(\w+)([^\n]*)\n(.*?)(?=^## )", PAGE, re.MULTILINE | re.DOTALL)


def test_every_verb_is_told() -> None:
    told = set(re.findall(r"`(\w+\.\w+)", PAGE))
    assert {f"{wing}.{verb}" for wing, verbs in VERBS.items() for verb in verbs} <= told


@pytest.mark.parametrize(
    ("wing", "verb", "text"),
    [(wing, verb, text) for wing, verb, _, text in SECTIONS],
    ids=[f"{wing}.{verb}" for wing, verb, _, _ in SECTIONS],
)
def test_every_option_is_told(wing: str, verb: str, text: str) -> None:
    command = typer.main.get_command(importlib.import_module(VERBS[wing][verb]).app)
    options = {name for option in command.params for name in option.opts if name[:2] == "--"}
    assert set(re.findall(r"^\| `(--[\w-]+)`", text, re.MULTILINE)) == options


def test_sections_are_found() -> None:
    found = {f"{wing}.{verb}" for wing, verb, _, _ in SECTIONS}
    assert {"calibration.solve", "calibration.report", "dataset.build"} <= found
