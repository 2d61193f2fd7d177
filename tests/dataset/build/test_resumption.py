"""Builds that were killed, that run at once, and that come back to what was left out."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from bsd.errors import UserMistake
from bsd.lock import locked
from dataset.build import construction
from dataset.build.assignment import Candidate, Placement, place
from dataset.build.construction import REPORT_NAME
from dataset.build.preset import PRESETS
from dataset.splits import Split
from tests.dataset.build.bench import NAME, Bench
from tests.dataset.build.sessions import scene, session
from tests.twin_session import TwinSession

pytestmark = pytest.mark.unit

OTHER = "BSD_1ms8ms"
SHORT = ["gates.blur_least_px=0.3"]
"""The exposures of `two_settings` are short: little is blurred."""
STILL = scene(4, moves=False)


class Stop(Exception):
    """Stands for a kill."""


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Bench:
    """A bench whose output folder is new."""
    return Bench(monkeypatch, tmp_path / "out")


def two_settings() -> tuple[TwinSession, TwinSession]:
    """Scenes P, Q, X of one setting, then X and Y of another: served in this order."""
    one = session(scene(21), scene(22), scene(23), seed=21)
    return one, session(scene(23), scene(24), seed=22, setting="1ms8ms")


def stopped(monkeypatch: pytest.MonkeyPatch, name: str, bench: Bench, *what: TwinSession) -> None:
    """Build, and stop where the tree `name` is to be published."""
    original = construction.finish_tree

    def finish(root: Path, *rest: Any) -> Any:
        if root.name == name:
            raise Stop
        return original(root, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(construction, "finish_tree", finish)
        with pytest.raises(Stop):
            bench.build(*what, set=list(SHORT))


def test_a_kill_between_two_trees_goes_on_to_the_same_files(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """One tree is published, the other begun: it keeps the places that were planned."""
    sessions = two_settings()
    bench.build(*sessions, set=list(SHORT))
    other = Bench(monkeypatch, tmp_path / "other")
    stopped(monkeypatch, NAME, other, *sessions)
    assert (other.out / OTHER / "dataset.json").exists()
    assert not (other.out / NAME / "dataset.json").exists()
    other.build(*sessions, set=list(SHORT))
    for name in (NAME, OTHER):
        assert other.hashes(name) == bench.hashes(name)


def test_an_unfinished_tree_is_finished_before_another_is_begun(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its scenes have homes that nobody could compare with; the way out is named."""
    one, other = two_settings()
    stopped(monkeypatch, NAME, bench, one)
    with pytest.raises(UserMistake, match=rf"{NAME}: .*unfinished.*clip-000.*finish it first"):
        bench.build(other, set=list(SHORT))
    assert not (bench.out / OTHER).exists()
    bench.build(one, other, set=list(SHORT))
    assert {tree.name for tree in bench.out.glob("BSD*")} == {NAME, OTHER}


def test_two_builds_at_once_are_refused(bench: Bench) -> None:
    """Whatever their settings: scenes are placed over all of them."""
    bench.build(two_settings()[0], set=list(SHORT))
    with (
        locked(bench.out / ".build" / "lock"),
        pytest.raises(UserMistake, match="another run writes here now"),
    ):
        bench.build(two_settings()[1])


def test_a_tree_that_comes_while_another_is_built_is_noticed(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Where the file system knows no locks: nothing is published beside a tree unknown to it."""
    one, other = two_settings()
    foreign = Bench(monkeypatch, tmp_path / "other")
    foreign.build(other, set=list(SHORT))
    original = construction.run_jobs

    def run(*given: Any) -> Any:
        shutil.copytree(foreign.out / OTHER, bench.out / OTHER)
        return original(*given)

    with monkeypatch.context() as patch:
        patch.setattr(construction, "run_jobs", run)
        with pytest.raises(UserMistake, match=f"{OTHER}: .*while this build ran"):
            bench.build(one, set=list(SHORT))
    assert not (bench.out / NAME / "dataset.json").exists()


def test_a_scene_that_is_published_in_two_splits_is_refused() -> None:
    """In train of one tree and test of another: nothing more is built on it."""

    def home(tree: str, split: Split) -> Placement:
        return Placement(tree=tree, split=split, sequence="000", scene="x", clip=tree, frames=10)

    with pytest.raises(UserMistake, match="'x' is in train of A and in test of B"):
        place(
            [home("A", "train"), home("B", "test")],
            [Candidate("c", "y", "A", 10, "0")],
            PRESETS["bsd"].shape,
        )


def test_a_repeated_command_tells_again_what_was_left_out(bench: Bench) -> None:
    """In its answer and on its page."""
    twin = session(scene(0), scene(1), STILL)
    first = bench.build(twin)
    page = (bench.out / REPORT_NAME).read_text()
    again = bench.build(twin)
    assert again.left_out == first.left_out
    assert len(again.left_out) == 1
    assert (bench.out / REPORT_NAME).read_text() == page


def test_a_clip_that_was_not_wanted_may_come_back(bench: Bench) -> None:
    """Left out on demand, and no longer: it is built, and listed nowhere any more."""
    twin = session(scene(0), scene(1), scene(2))
    answer = bench.build(twin, leave_out=("clip-001",))
    assert [each.reason for each in answer.left_out] == ["left out on demand"]
    answer = bench.build(twin)
    assert answer.left_out == ()
    assert answer.trees[0].sequences == 3
    described = json.loads((bench.out / NAME / "dataset.json").read_text())
    assert described["frames_left_out"] == []
    before = bench.hashes()
    bench.build(twin)
    assert bench.hashes() == before


def test_a_clip_that_failed_is_tried_with_another_calibration(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the same one its gates are not asked again, with another one they are."""
    twin = session(scene(0), scene(1), STILL)
    bench.build(twin)
    asked: list[int] = []
    original = construction.select

    def select(*given: Any) -> Any:
        found = original(*given)
        asked.append(len(found.clips))
        return found

    monkeypatch.setattr(construction, "select", select)
    bench.build(twin)
    answer = bench.build(twin, calibrated=1)
    assert asked == [0, 1]
    assert [each.gates for each in answer.left_out] == [("static",)]


def test_another_encoder_does_not_finish_what_one_began(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half a sequence of each would be no sequence; a finished tree is added to by any."""
    one, other = two_settings()
    stopped(monkeypatch, NAME, bench, one)
    with monkeypatch.context() as patch:
        patch.setattr(construction, "ENCODER_VERSION", construction.ENCODER_VERSION + 1)
        with pytest.raises(UserMistake, match=r"unfinished dataset .*different: inputs"):
            bench.build(one, set=list(SHORT))
    bench.build(one, set=list(SHORT))
    monkeypatch.setattr(construction, "ENCODER_VERSION", construction.ENCODER_VERSION + 1)
    bench.build(one, set=list(SHORT))
    bench.build(other, set=list(SHORT))
    assert len(list(bench.out.glob("BSD*/dataset.json"))) == 2


def test_a_build_that_is_refused_at_once_leaves_nothing(bench: Bench) -> None:
    """No folder where there was none."""
    with pytest.raises(UserMistake, match="no such clip"):
        bench.build(session(scene(0), scene(1)), leave_out=("clip-900",))
    assert not bench.out.exists()
