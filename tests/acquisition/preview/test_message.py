"""What a browser may say."""

import json

import pytest
from pydantic import ValidationError

from acquisition.preview.message import FROM_BROWSER, Look, Start

pytestmark = pytest.mark.unit


def read(**fields: object) -> object:
    return FROM_BROWSER.validate_json(json.dumps(fields))


def test_a_start_is_read_and_its_control_characters_are_gone() -> None:
    said = read(kind="start", frames=150, notes="yard\x1b[2J\nsun\x07 ", motion="walking\x00")
    assert said == Start(kind="start", frames=150, notes="yard[2J\nsun", motion="walking")


@pytest.mark.parametrize(
    "fields",
    [
        {"kind": "start", "frames": 0},
        {"kind": "start", "frames": 10**9},
        {"kind": "start", "frames": 10, "purpose": "bookend"},
        {"kind": "start", "frames": 10, "notes": "x" * 2001},
        {"kind": "start", "frames": 10, "purpose": "flat"},
        {"kind": "start", "frames": 10, "path": "/etc/passwd"},
        {"kind": "look", "width": 100_000},
        {"kind": "look", "x": 1.5},
        {"kind": "look", "gain": 3},
        {"kind": "note", "text": ""},
        {"kind": "run"},
        {},
    ],
)
def test_what_does_not_fit_is_refused(fields: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        read(**fields)


@pytest.mark.parametrize("text", ["", "[]", "null", '{"kind": "look", "x": NaN}', "\ud800"])
def test_what_is_no_message_is_refused(text: str) -> None:
    with pytest.raises(ValidationError):
        FROM_BROWSER.validate_json(text)


def test_equal_looks_are_one_so_that_they_are_made_once() -> None:
    assert len({Look(mode="overlay"), Look(mode="overlay"), Look(mode="blink")}) == 2
