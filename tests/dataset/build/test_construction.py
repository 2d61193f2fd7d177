"""A whole build of recorded sessions: files, gates, growth, resumption, publication."""

from __future__ import annotations

import json
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bsd.errors import FoundBad, UserMistake
from calibration.fidelity import psnr
from dataset.build import construction
from dataset.build.construction import REPORT_NAME
from dataset.build.quality import picture_name
from dataset.build.source import read_sessions
from dataset.gate.result import GATES
from dataset.layout import is_extra_document
from dataset.png import decode_png
from dataset.splits import Splits
from dataset.tree import Tree
from tests.dataset.build.bench import NAME, Bench
from tests.dataset.build.sessions import scene, session
from tests.twin_session import TwinSession

pytestmark = pytest.mark.unit


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Bench:
    """A bench whose output folder is new."""
    return Bench(monkeypatch, tmp_path / "out")


def first_session() -> TwinSession:
    """Three scenes."""
    return session(scene(0), scene(1), scene(2))


def test_three_scenes_become_three_splits_of_aligned_pairs(bench: Bench) -> None:
    """All products, the right clips, and on still frames a sharp view that equals the blurry."""
    answer = bench.build(first_session())
    tree = Tree.open(bench.out / NAME)
    assert [(each.split, each.frames) for each in tree.description.sequences] == [
        ("train", 12),
        ("valid", 12),
        ("test", 12),
    ]
    assert answer.trees[0].pairs == 36
    assert not answer.left_out
    facts = tree.description.sequences[0]
    assert facts.marks == ("short",)
    assert all(gate.passed is not False for gate in facts.gates)
    assert {gate.gate for gate in facts.gates} == set(GATES)
    files = next(iter(tree.sequences("train")))
    blurry, sharp = files.read_blurry(0), files.read_sharp(0)
    assert blurry.shape == sharp.shape == (132, 176, 3)
    assert psnr(blurry, sharp) > 18  # the same view, blurred
    linear = files.read_linear("Sharp", 0)
    assert linear.dtype == np.uint16
    assert files.read_map().shape == (132, 176, 2)
    raw = files.read_raw("Blur", 0)
    assert raw.shape == (132, 176)
    assert raw.dtype == np.uint16
    page = (bench.out / NAME / "qc.html").read_text()
    assert "table 1 of the papers" in page
    assert "http" not in page.replace("http-equiv", "")


def test_the_same_build_again_finds_it_finished(bench: Bench, caplog: Any) -> None:
    """Nothing is written, and it says so."""
    bench.build(first_session())
    before = bench.hashes()
    with caplog.at_level("INFO"):
        bench.build(first_session())
    assert "is complete already" in caplog.text
    assert bench.hashes() == before


def test_an_interrupted_build_goes_on_to_the_same_files(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Stopped in the middle of the second sequence, then run again: every file is the same."""
    bench.build(first_session())
    other = Bench(monkeypatch, tmp_path / "other")
    seen = 0
    original = construction.command.progress

    class Stop(Exception):
        """Stands for a kill."""

    @contextmanager
    def interrupted(title: str, total: int) -> Any:
        def advance(steps: int) -> None:
            nonlocal seen
            seen += steps
            if title == "sequences" and seen > 17 + 3 * 22:
                raise Stop

        with original(title, total):
            yield advance

    with monkeypatch.context() as patch:
        patch.setattr(construction.command, "progress", interrupted)
        with pytest.raises(Stop):
            other.build(first_session())
    assert not (other.out / NAME / "dataset.json").exists()
    assert any((other.out / NAME).rglob("*.png"))
    other.build(first_session())
    assert other.hashes() == bench.hashes()


def test_another_session_adds_and_changes_nothing(bench: Bench) -> None:
    """Published sequences keep files and places; a scene that is known joins its split."""
    bench.build(first_session())
    before = bench.hashes()
    old = Splits.read(bench.out / NAME / "splits.json")
    bench.build(session(scene(1), scene(5), seed=1))
    new = Splits.read(bench.out / NAME / "splits.json")
    assert set(old.sequences) <= set(new.sequences)
    frames = {name: sha for name, sha in before.items() if "/" in name and "qc" not in name}
    after = bench.hashes()
    assert {name: after[name] for name in frames} == frames
    known = next(each for each in old.sequences if each.scene.endswith("clip-001"))
    again = [each for each in new.sequences if each.scene == known.scene]
    assert len(again) == 2
    assert {each.split for each in again} == {known.split}
    assert Tree.open(bench.out / NAME).description.revision == 2


def test_what_fails_is_left_out_with_reason_and_pictures(bench: Bench) -> None:
    """A static clip is named in the document and on both pages, with what to look at."""
    still = scene(4, moves=False)
    answer = bench.build(session(scene(0), scene(1), still))
    (left,) = answer.left_out
    assert left.clip.endswith("clip-002")
    assert left.gates == ("static",)
    root = bench.out / NAME
    described = json.loads((root / "dataset.json").read_text())
    assert [each["scene"] for each in described["frames_left_out"]] == [left.clip]
    assert len(list((root / "qc").glob("*-anaglyph.png"))) == 1
    for page in (root / "qc.html", bench.out / REPORT_NAME):
        assert page.read_text().count("data:image/png") >= 6


def test_nothing_usable_ends_with_the_reasons(bench: Bench) -> None:
    """Exit code 1, one line that names the clip and the page; no tree is begun."""
    still = scene(4, moves=False)
    with pytest.raises(FoundBad, match=r"all of it is left out: .*clip-000: static") as caught:
        bench.build(session(still))
    assert "\n" not in str(caught.value)
    assert (bench.out / REPORT_NAME).is_file()
    assert not (bench.out / NAME).exists()


def test_one_scene_in_two_clips_is_never_in_two_splits(bench: Bench) -> None:
    """Two clips of the same pictures get one scene, found by what they show."""
    bench.build(session(scene(0), scene(0), scene(1), scene(2)))
    found = Splits.read(bench.out / NAME / "splits.json")
    assert len(found.sequences) == 4
    assert len({each.scene for each in found.sequences}) == 3


def test_publication_demands_a_licence_and_states_it(bench: Bench) -> None:
    """Datasheet and licence beside the data."""
    with pytest.raises(UserMistake, match="licence"):
        bench.build(first_session(), licence="WTFPL-2")
    bench.build(first_session(), licence="CC-BY-4.0")
    root = bench.out / NAME
    assert "CC-BY-4.0" in (root / "datasheet.md").read_text()
    assert "Attribution 4.0" in (root / "LICENSE-DATA.txt").read_text()
    assert Tree.open(root).description.licence == "CC-BY-4.0"


def test_a_finished_tree_is_published_later_under_one_licence(bench: Bench) -> None:
    """Revision 2 with the same frames; then neither another licence nor none, and no remains."""
    bench.build(first_session())
    before = bench.hashes()
    bench.build(first_session(), licence="CC-BY-4.0")
    root = bench.out / NAME
    about = Tree.open(root).description
    assert (about.licence, about.revision) == ("CC-BY-4.0", 2)
    after = bench.hashes()
    assert {name: after[name] for name in before if name.endswith(("png", "tiff", "npy"))} == {
        name: sha for name, sha in before.items() if name.endswith(("png", "tiff", "npy"))
    }
    assert set(after) - set(before) == {"datasheet.md", "LICENSE-DATA.txt"}
    with pytest.raises(UserMistake, match="is published under CC-BY-4"):
        bench.build(first_session(), licence="CC0-1.0")
    bench.build(first_session())
    assert bench.hashes() == after
    assert not (root / ".work").exists()


def test_other_options_do_not_touch_what_stands(bench: Bench) -> None:
    """A tree is extended with its own options only."""
    bench.build(first_session())
    before = bench.hashes()
    with pytest.raises(UserMistake, match="options"):
        bench.build(first_session(), set=["demosaic=menon"])
    assert bench.hashes() == before


def test_a_size_that_does_not_fit_is_refused_at_once(bench: Bench) -> None:
    """The views share less than is asked for."""
    with pytest.raises(UserMistake, match=r"clip-000: .*common area"):
        bench.build(first_session(), set=["size=[256, 192]"])
    assert not (bench.out / NAME).exists()


def test_a_scene_that_is_chosen_into_two_splits_is_told_and_shown(bench: Bench) -> None:
    """The clip, the other one with its split, and both side by side; it is not called alike."""
    twin = session(scene(0), scene(0), scene(1), scene(2))
    first, second = (clip.identity for clip in read_sessions([twin.folder])[0].clips[:2])
    answer = bench.build(twin, splits={first: "train", second: "test"})
    (left,) = answer.left_out
    assert (left.clip, left.gates) == (second, ("scene-overlap",))
    assert f"shows the same as {first} (train), and --split asks for test" in left.reason
    assert f"{second} (" not in left.reason
    (picture,) = (bench.out / NAME / "qc").glob("*-match.png")
    assert decode_png(picture.read_bytes(), "match").shape == (132, 352, 3)
    assert "one that shows the same" in (bench.out / REPORT_NAME).read_text()


def test_a_picture_has_a_name_that_a_data_set_may_hold() -> None:
    """Whatever the session is called, and wherever its name is cut."""
    for clip in (".hidden-1234abcd/clip-000", "x." * 60 + "-1234abcd/clip-000", "ä ö/clip"):
        assert is_extra_document(picture_name(clip, "blink"))
