"""Documents are validated, upgraded, overridden and written whole or not at all."""

import os
from pathlib import Path
from typing import Any, ClassVar, Literal

import pytest

from bsd.document import (
    Document,
    Part,
    atomic_path,
    sweep_part,
    sync_folder,
    write_bytes,
)
from bsd.errors import UserMistake

pytestmark = pytest.mark.unit


class Window(Part):
    frames: int = 11


class Plan(Document):
    """Version 1 called the name 'title'."""

    format: Literal["test-plan"] = "test-plan"
    format_version: Literal[2] = 2
    name: str
    window: Window = Window()

    upgrades: ClassVar[Any] = {
        1: lambda old: {("name" if key == "title" else key): value for key, value in old.items()}
    }


@pytest.mark.parametrize("suffix", ["json", "yaml"])
def test_round_trip(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"plan.{suffix}"
    plan = Plan(name="one", window=Window(frames=7))
    plan.write(path)
    assert Plan.read(path) == plan
    assert not list(tmp_path.glob("*.part"))


def test_older_version_is_upgraded_step_by_step() -> None:
    plan = Plan.from_fields({"format_version": 1, "title": "old"}, "old.json")
    assert plan.name == "old"
    assert plan.format_version == 2


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"format_version": 3, "name": "a"}, "newer than this toolkit reads"),
        ({"format_version": 0, "name": "a"}, "never released"),
        ({"name": "a"}, "'format_version' is missing"),
        ({"format_version": True, "name": "a"}, "'format_version' is missing"),
        ({"format_version": 2, "name": "a", "colour": 1}, "unknown field 'colour'"),
        ({"format_version": 2, "name": "a", "window": {"frames": "x"}}, "window.frames"),
        ({"format_version": 2, "format": "other", "name": "a"}, "is a 'other' file"),
        ([1, 2], "expected a mapping"),
        (None, "found nothing"),
    ],
)
def test_wrong_fields_are_named(fields: object, words: str) -> None:
    with pytest.raises(UserMistake, match=words) as caught:
        Plan.from_fields(fields, "plan.json")
    assert str(caught.value).startswith("plan.json: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"{", "not valid JSON"), (b"\xff\xfe\x00", "not a text file")],
)
def test_damaged_file_is_named(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "plan.json"
    path.write_bytes(content)
    with pytest.raises(UserMistake, match=words):
        Plan.read(path)
    with pytest.raises(UserMistake, match="no such file"):
        Plan.read(tmp_path / "absent.json")


def test_override_sets_nested_fields_and_refuses_unknown_ones() -> None:
    plan = Plan(name="one")
    assert plan.override(["window.frames=13", "name=two"]).window.frames == 13
    with pytest.raises(UserMistake, match="fields here: frames"):
        plan.override(["window.frame=13"])
    with pytest.raises(UserMistake, match="no group 'windows'"):
        plan.override(["windows.frames=13"])
    with pytest.raises(UserMistake, match="FIELD=VALUE"):
        plan.override(["window.frames"])
    with pytest.raises(UserMistake, match=r"window\.frames"):
        plan.override(["window.frames=many"])


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    write_bytes(path, b"old")

    def fail_half_way() -> None:
        with atomic_path(path) as part:
            part.write_bytes(b"half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_half_way()
    assert path.read_bytes() == b"old"
    assert not list(tmp_path.glob("*.part"))


@pytest.mark.parametrize("suffix", ["json", "yaml"])
@pytest.mark.parametrize(
    "content",
    ["[" * 20_000, '{"format_version": ' + "7" * 5000 + "}", "format_version: 2020-13-45"],
    ids=["deep", "long number", "no such day"],
)
def test_what_a_parser_chokes_on_is_a_mistake_too(
    tmp_path: Path, suffix: str, content: str
) -> None:
    path = tmp_path / f"plan.{suffix}"
    path.write_text(content)
    with pytest.raises(UserMistake, match=f"plan.{suffix}: not valid {suffix.upper()}") as caught:
        Plan.read(path)
    assert len(str(caught.value)) < 400


def test_an_override_that_cannot_be_parsed_is_a_mistake() -> None:
    for value in ("[" * 20_000, "7" * 5000):
        with pytest.raises(UserMistake, match="the value cannot be read"):
            Plan(name="one").override([f"name={value}"])


def test_a_folder_is_synced_and_an_absent_one_is_named(tmp_path: Path) -> None:
    synced = []
    original = os.fsync
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda file: (synced.append(os.fstat(file)), original(file)))
        sync_folder(tmp_path)
    assert [status.st_ino for status in synced] == [tmp_path.stat().st_ino]
    with pytest.raises(FileNotFoundError):
        sync_folder(tmp_path / "absent")


def test_sweep_part_removes_the_part_of_one_target(tmp_path: Path) -> None:
    for name in ("a.png", "a.png.part", "b.png.part"):
        (tmp_path / name).write_bytes(b"x")
    assert sweep_part(tmp_path / "a.png")
    assert not sweep_part(tmp_path / "a.png")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.png", "b.png.part"]
