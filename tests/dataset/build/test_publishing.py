"""Licence, consent and contact: asked for before any work, published without names and paths."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from acquisition.session.journal_entry import Consent
from bsd.errors import UserMistake
from dataset.build import construction, source
from dataset.build.statement import consent_text
from dataset.tree import Tree
from tests.dataset.build.bench import NAME, Bench
from tests.dataset.build.sessions import scene, session
from tests.twin_session import TwinSession

pytestmark = pytest.mark.unit

WHO = "Ada (Lovelace)"


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Bench:
    """A bench whose output folder is new."""
    return Bench(monkeypatch, tmp_path / "out")


@pytest.fixture
def stated(monkeypatch: pytest.MonkeyPatch) -> dict[str, Consent | None]:
    """What sessions state of persons, by the key ``of``; absent: what they say themselves."""
    said: dict[str, Consent | None] = {}
    original = source.read_sessions

    def read(folders: Any) -> Any:
        found = original(folders)
        if "of" not in said:
            return found
        consent = said["of"]
        persons = None if consent is None else consent.persons
        return tuple(
            replace(each, facts=each.facts.model_copy(update={"persons": persons}))
            for each in found
        )

    monkeypatch.setattr(construction, "read_sessions", read)
    return said


def no_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fail where a gate is asked."""

    def select(*_given: Any) -> Any:
        pytest.fail("work was done before the answer")

    monkeypatch.setattr(construction, "select", select)


def twin() -> TwinSession:
    """Two scenes."""
    return session(scene(0), scene(1))


def test_an_own_licence_is_published_by_name_and_text(bench: Bench, tmp_path: Path) -> None:
    """Never by the path that it had; and later revisions need no file again."""
    path = tmp_path / "deep" / "our-licence.txt"
    path.parent.mkdir()
    path.write_text("Do as you like.\n")
    bench.build(twin(), licence=str(path))
    root = bench.out / NAME
    assert (root / "LICENSE-DATA.txt").read_text() == "Do as you like.\n"
    assert Tree.open(root).description.licence == "our-licence.txt"
    assert str(tmp_path) not in (root / "build.json").read_text()
    path.write_text("Do not.\n")
    with pytest.raises(UserMistake, match=r"published under our-licence\.txt.*another text"):
        bench.build(twin(), licence=str(path))
    path.unlink()
    bench.build(twin(), session(scene(5), seed=1))
    assert Tree.open(root).description.revision == 2
    assert (root / "LICENSE-DATA.txt").read_text() == "Do as you like.\n"


def test_a_licence_has_one_spelling(bench: Bench) -> None:
    """However it was typed."""
    bench.build(twin(), licence=" cc-by-4.0")
    assert Tree.open(bench.out / NAME).description.licence == "CC-BY-4.0"


def test_another_licence_is_refused_before_any_work(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a missing statement on persons is."""
    bench.build(twin(), licence="CC-BY-4.0")
    no_work(monkeypatch)
    with pytest.raises(UserMistake, match=r"is published under CC-BY-4\.0"):
        bench.build(twin(), licence="CC0-1.0")


def test_a_missing_statement_is_told_before_any_work_and_can_be_made(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, stated: dict[str, Consent | None]
) -> None:
    """A tree that was built without it is published once the session has it."""
    stated["of"] = None
    bench.build(twin())
    with monkeypatch.context() as patch:
        no_work(patch)
        with pytest.raises(UserMistake, match="nobody stated whether persons"):
            bench.build(twin(), licence="CC-BY-4.0")
    stated["of"] = Consent(persons=True, who=WHO, how=f"signed form of {WHO}")
    bench.build(twin(), licence="CC-BY-4.0")
    root = bench.out / NAME
    assert "their consent is on record with the publisher" in (root / "datasheet.md").read_text()
    for path in root.rglob("*"):
        if path.suffix in (".json", ".md", ".html", ".jsonl"):
            assert "Lovelace" not in path.read_text()


def test_what_is_published_of_consent_is_one_of_two_sentences() -> None:
    """Free words may hold names; none of them is published."""
    assert consent_text([False, False]) == "no persons are recorded"
    assert (
        consent_text([False, True])
        == "persons are recorded; their consent is on record with the publisher"
    )


def test_a_session_that_is_added_to_published_data_needs_a_statement(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, stated: dict[str, Consent | None]
) -> None:
    """Also where --publish is not given again; the first session is not asked again."""
    bench.build(twin(), licence="CC-BY-4.0")
    stated["of"] = None
    with pytest.raises(UserMistake, match="nobody stated"):
        bench.build(session(scene(5), seed=1))
    stated["of"] = Consent(persons=True, who=WHO, how="form")
    bench.build(session(scene(5), seed=1))
    assert "persons are recorded;" in (bench.out / NAME / "datasheet.md").read_text()


def test_a_contact_given_later_is_published(bench: Bench) -> None:
    """As the next revision; none given keeps it."""
    bench.build(twin(), licence="CC-BY-4.0")
    bench.build(twin(), licence="CC-BY-4.0", contact="lab@example.org")
    root = bench.out / NAME
    assert "lab@example.org" in (root / "datasheet.md").read_text()
    assert Tree.open(root).description.revision == 2
    bench.build(twin(), licence="CC-BY-4.0")
    assert Tree.open(root).description.revision == 2
    plan = json.loads((root / "build.json").read_text())
    assert [each["contact"] for each in plan["publication"]] == ["", "lab@example.org"]


def test_another_preset_needs_another_folder(bench: Bench) -> None:
    """Its trees would share scenes and not their splits."""
    bench.build(twin())
    with pytest.raises(UserMistake, match=r"of the preset bsd; use another --out for bsd-2020"):
        bench.build(twin(), set=["preset=bsd-2020"])


def test_a_setting_is_understood_as_it_is_typed_elsewhere(bench: Bench) -> None:
    """``2.0ms16ms`` is ``2ms16ms``."""
    assert bench.build(twin(), settings=("2.0ms16ms",)).trees[0].pairs == 24
