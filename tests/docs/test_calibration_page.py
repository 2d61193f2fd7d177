"""The reference of calibration.json names every field that the models have, where it belongs."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml
from pydantic import BaseModel

from calibration.bundle.array_file import ArrayFile
from calibration.bundle.document import (
    CalibrationDocument,
    CameraPhotometry,
    FlatSolution,
    Geometry,
    Item,
    SettingPhotometry,
)
from calibration.bundle.rig import CalibratedRig
from calibration.bundle.source import SourceClip
from calibration.solve.options import OPTIONAL, SolveOptions

pytestmark = pytest.mark.unit

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGE = (DOCS / "reference" / "calibration.md").read_text()
GUIDE = (DOCS / "how-to" / "calibrate.md").read_text()


def _section(title: str) -> str:
    """Up to the next heading of any level."""
    return re.split(r"\n##+ ", PAGE.split(f"# {title}\n")[1])[0]


def _rows(title: str) -> dict[str, str]:
    """Field → its whole row; a row may be of several fields."""
    made: dict[str, str] = {}
    for line in _section(title).splitlines():
        if found := re.match(r"\| (?:… )?((?:`\w+`(?:, )?)+) \|", line):
            made |= dict.fromkeys(re.findall(r"`(\w+)`", found[1]), line)
    return made


def _models(kind: Any) -> Iterator[type[BaseModel]]:
    """Models that a field's annotation names, and those inside them."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        yield kind
        for field in kind.model_fields.values():
            yield from _models(field.annotation)
    for part in get_args(kind):
        yield from _models(part)


def _named(text: str) -> set[str]:
    return set(re.findall(r"`(\w+)`", text))


@pytest.mark.parametrize(
    ("title", "model"),
    [
        ("Fields, version 2", CalibrationDocument),
        ("`cameras`", CameraPhotometry),
        ("`settings`", SettingPhotometry),
        ("`settings`", FlatSolution),
    ],
    ids=["document", "cameras", "settings", "ends"],
)
def test_every_field_has_its_row(title: str, model: type[BaseModel]) -> None:
    assert set(model.model_fields) <= set(_rows(title))


@pytest.mark.parametrize(
    ("title", "row", "model"),
    [
        ("Fields, version 2", "rig", CalibratedRig),
        ("Fields, version 2", "items", Item),
        ("Fields, version 2", "arrays", ArrayFile),
        ("Fields, version 2", "sources", SourceClip),
        *(("`cameras`", name, CameraPhotometry) for name in CameraPhotometry.model_fields),
        *(
            ("`settings`", name, SettingPhotometry)
            for name in SettingPhotometry.model_fields
            if name not in ("start", "end")
        ),
        *(("`settings`", name, FlatSolution) for name in FlatSolution.model_fields),
    ],
)
def test_rows_name_the_fields_of_what_they_hold(
    title: str, row: str, model: type[BaseModel]
) -> None:
    kind = model.model_fields[row].annotation if row in model.model_fields else model
    fields = {name for each in _models(kind) for name in each.model_fields} - {"cameras"}
    assert fields <= _named(_rows(title)[row])


def test_geometry_names_the_fields_of_all_its_parts() -> None:
    fields = {name for each in _models(Geometry) for name in each.model_fields}
    assert fields <= _named(_section("`geometry`"))


def test_options_of_the_guide_are_options() -> None:
    block = GUIDE.rsplit("```yaml\n", 1)[1].split("```")[0]
    told = yaml.safe_load(block)
    given = SolveOptions.model_validate(told)
    for name in set(told) - {"board"}:
        assert getattr(given, name) == getattr(SolveOptions(), name), name


def test_the_guide_says_what_may_be_missing() -> None:
    assert f"allow_missing=[{','.join(OPTIONAL)}]" in GUIDE
    rows = GUIDE.split("| allowed |")[1].split("\n\n")[0]
    assert re.findall(r"^\| `(\w+)` \|", rows, re.MULTILINE) == list(OPTIONAL)
