"""The reference of build.yaml says what the models say."""

import json
import re
from pathlib import Path

import pytest
import yaml
from pydantic import BaseModel

from dataset.build.config import BuildConfig
from dataset.build.preset import PRESETS
from dataset.gate.limits import GateLimits

pytestmark = pytest.mark.unit

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "reference" / "build.md").read_text()


def _section(title: str) -> str:
    return PAGE.split(f"\n## {title}\n")[1].split("\n## ")[0]


def _told(model: BaseModel) -> dict[str, str]:
    """Field → default as a page writes it."""
    fields = model.model_dump(mode="json")
    return {
        name: value if isinstance(value, str) else json.dumps(value).replace('"', "")
        for name, value in fields.items()
    }


@pytest.mark.parametrize(
    ("title", "model"),
    [("Fields", BuildConfig()), ("gates", GateLimits())],
    ids=["fields", "gates"],
)
def test_fields_and_defaults(title: str, model: BaseModel) -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \| `?([^|`]+)`? \|", _section(title), re.MULTILINE))
    told = {name: value.strip() for name, value in rows.items()}
    assert told == _told(model) | ({"gates": "below"} if title == "Fields" else {})


def test_presets() -> None:
    rows = re.findall(r"^\| `([\w-]+)` \|(.*)\|$", _section("Presets"), re.MULTILINE)
    assert [name for name, _ in rows] == list(PRESETS)
    for name, rest in rows:
        tree, size, rates, *splits, source = (cell.strip() for cell in rest.split("|"))
        preset = PRESETS[name]
        assert tree == f"`{preset.tree_name('2ms16ms', '15')}`"
        assert size == "{} × {}".format(*preset.size)
        assert rates == ", ".join(preset.rates_hz)
        shapes = (preset.shape.train, preset.shape.valid, preset.shape.test)
        assert splits == [f"{each.sequences} × {each.frames}" for each in shapes]
        assert source == preset.source
    assert PRESETS["bsd"].tree_name("2ms16ms", "25") in PAGE


def test_example_is_a_configuration(tmp_path: Path) -> None:
    text = PAGE.split("```yaml\n")[1].split("```")[0]
    (tmp_path / "build.yaml").write_text(text)
    config = BuildConfig.of(tmp_path / "build.yaml")
    assert config.demosaic == "menon"
    assert config.shape.train.sequences == yaml.safe_load(text)["splits"]["train"]["sequences"]
    assert config.gates == GateLimits(flicker_percent=2.0)
