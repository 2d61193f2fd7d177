"""A published dataset is added to: what was there stays byte for byte, whatever is killed when."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bsd.errors import UserMistake
from dataset.description import DatasetDescription
from dataset.inspection import verify
from dataset.opening import held_tree
from dataset.splits import Splits
from dataset.tree import SequenceWriter, Tree, finish_tree, open_tree, published
from tests.dataset.captures import build, facts_of, plan_of

pytestmark = pytest.mark.unit
ROOT = Path(__file__).parents[2]
GROWING = ("inputs", "splits")


def test_published_sequences_stay_byte_for_byte(tmp_path, dataset_tools):
    assert build(tmp_path, ["b", "c"]) == "new"
    before = Tree.open(tmp_path)
    files = dataset_tools["tree_bytes"](tmp_path)
    assert build(tmp_path, ["a", "b", "c", "d"]) == "extended"
    after = Tree.open(tmp_path)
    now = dataset_tools["tree_bytes"](tmp_path)
    frames = {name for name in files if name.startswith(("train/", "valid/", "test/"))}
    assert len(frames) == 2 * (3 * 8 + 1)
    assert all(now[name] == files[name] for name in frames)
    homes = {item.scene: (item.split, item.name) for item in after.all_sequences()}
    assert homes["b"] == ("train", "000")
    assert homes["c"] == ("test", "000")
    assert len(homes) == 4
    about = after.description
    assert (about.revision, len(about.history)) == (2, 1)
    assert about.history[0].manifest_sha256 == before.identity != after.identity
    assert about.counts["train"].frames + about.counts["valid"].frames == 9
    assert next(item.scene for item in about.sequences if item.split == "train") == "b"
    assert len(about.sequences) == 4
    assert verify(tmp_path).good
    assert json.loads((tmp_path / "build.json").read_text())["inputs"][0]["clip"] == "a"
    assert build(tmp_path, ["a", "b", "c", "d"]) == "finished"


def test_added_to_twice_every_state_is_named(tmp_path):
    identities = []
    for clips in ("a", "ab", "abc"):
        build(tmp_path, clips, frames=1)
        identities.append(Tree.open(tmp_path).identity)
    about = Tree.open(tmp_path).description
    assert [state.manifest_sha256 for state in about.history] == identities[:2]
    assert [state.revision for state in about.history] == [1, 2]
    assert about.revision == 3


@pytest.mark.parametrize(("before", "after"), [("", "a"), ("a", "ab")])
def test_a_kill_at_any_step_leaves_the_old_or_the_new(tmp_path, before, after):
    command = [sys.executable, str(Path(__file__).with_name("kill_steps.py")), str(ROOT)]
    done = subprocess.run(
        [*command, str(tmp_path), before, after],
        capture_output=True,
        text=True,
        timeout=55,
        check=True,
    )
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(lines) > 30
    assert all(line["same"] for line in lines)
    states = [line["left"] for line in lines]
    between = [state for state in states if state not in ("old", "new")]
    if before:
        assert states[0] == "old"
        assert all("is being published; run the command" in state for state in between)
        assert len(between) < 10
    else:
        assert all("unfinished" in state or "published" in state or "neither dataset.json" in state
                   for state in between)  # fmt: skip
    assert states[-1] == "new"
    assert states == sorted(states, key=lambda state: ["old", "", "new"].index(
        state if state in ("old", "new") else ""))  # fmt: skip


@pytest.mark.parametrize(
    ("clips", "options", "message"),
    [
        (
            "a",
            {"size": 8},
            r'lacks or moves \{"clip": "b".* in \'inputs\'; what is published stays',
        ),
        ("abc", {"size": 9}, r"built with other options \(different: options.size\)"),
    ],
)
def test_what_would_change_the_published_is_refused(
    tmp_path, dataset_tools, clips, options, message
):
    build(tmp_path, "ab", frames=1, size=8)
    before = dataset_tools["tree_bytes"](tmp_path)
    with pytest.raises(UserMistake, match=message):
        build(tmp_path, clips, frames=1, **options)
    assert dataset_tools["tree_bytes"](tmp_path) == before


def test_a_version_of_the_toolkit_may_change_and_an_item_may_not(tmp_path):
    build(tmp_path, "a", frames=1)
    splits = Splits.read(tmp_path / "splits.json")
    plan = json.loads(plan_of("a", splits, 1))
    changed = {**plan, "inputs": [{**plan["inputs"][0], "sha256": "0" * 64}]}
    with pytest.raises(UserMistake, match="lacks or moves"):
        open_tree(tmp_path, json.dumps(changed), GROWING)
    with pytest.raises(UserMistake, match="of other inputs or options"):
        open_tree(tmp_path, json.dumps({**plan, "toolkit": "2"}))
    assert open_tree(tmp_path, json.dumps({**plan, "toolkit": "2"}), GROWING) == "extended"


def test_an_option_that_a_later_toolkit_knows_does_not_lock_what_is_published(tmp_path):
    build(tmp_path, "a", frames=1, size=8)
    splits = Splits.read(tmp_path / "splits.json")
    plan = json.loads(plan_of("a", splits, 1, size=8))
    later = {**plan, "options": {**plan["options"], "gates": {"age_h": 72.0}}, "consents": []}
    assert open_tree(tmp_path, json.dumps(later), GROWING) == "extended"
    earlier = {**plan, "options": {"frames": 1}}
    (tmp_path / ".work").rename(tmp_path.parent / f"{tmp_path.name}-work")
    with pytest.raises(UserMistake, match=r"\(different: options.size\)"):
        open_tree(tmp_path, json.dumps(earlier), GROWING)


def test_a_published_sequence_is_never_written_again(tmp_path):
    build(tmp_path, "a", frames=1)
    with pytest.raises(UserMistake, match="sequence train/000 is published, and never written"):
        SequenceWriter(tmp_path, "train", "000")


def test_an_unfinished_addition_is_named_and_kept_from_others(tmp_path):
    build(tmp_path, "a", frames=1)
    old_plan = (tmp_path / "build.json").read_text()
    splits = Splits.read(tmp_path / "splits.json")
    plan = plan_of("ab", splits, 1)
    assert open_tree(tmp_path, plan, GROWING) == "extended"
    assert open_tree(tmp_path, plan, GROWING) == "resumed"
    for other in (old_plan, plan_of("abc", splits, 1)):
        with pytest.raises(UserMistake, match=r"unfinished dataset .* \(different: inputs\)"):
            open_tree(tmp_path, other, GROWING)
    assert Tree.open(tmp_path).description.revision == 1
    assert {item.kind for item in verify(tmp_path).findings} == {"unfinished"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": "other"}, "name was published as 'BSD test' and is 'other' now"),
        ({"licence": "CC0-1.0"}, "licence was published as 'CC-BY-4.0'"),
        ({"kind": "synthetic"}, "kind was published as 'capture'"),
    ],
)
def test_an_addition_keeps_name_kind_and_licence(tmp_path, change, message):
    build(tmp_path, "a", frames=1)
    splits = Splits.read(tmp_path / "splits.json")
    open_tree(tmp_path, plan_of("ab", splits, 1), GROWING)
    fields = {"name": "BSD test", "kind": "capture", "licence": "CC-BY-4.0", **change}
    with pytest.raises(UserMistake, match=message):
        finish_tree(tmp_path, DatasetDescription(**fields), splits)


def test_a_refused_addition_leaves_nothing_behind(tmp_path, dataset_tools):
    build(tmp_path, "a", frames=1)
    before = dataset_tools["tree_bytes"](tmp_path)
    splits = Splits.read(tmp_path / "splits.json")
    about = DatasetDescription(name="BSD test", kind="capture", licence="CC0-1.0")
    plan = plan_of("ab", splits, 1)
    with pytest.raises(UserMistake, match="licence"), held_tree(tmp_path, plan, GROWING):
        finish_tree(tmp_path, about, splits)
    assert dataset_tools["tree_bytes"](tmp_path) == before
    assert not (tmp_path / ".work").exists()
    assert verify(tmp_path).good


def test_an_addition_keeps_documents_splits_and_facts(tmp_path):
    build(tmp_path, "a", frames=1)
    splits = Splits.read(tmp_path / "splits.json")
    open_tree(tmp_path, plan_of("ab", splits, 1), GROWING)
    about = DatasetDescription(name="BSD test", kind="capture", licence="CC-BY-4.0")
    with pytest.raises(UserMistake, match=r"LICENSE-DATA\.txt: was published before"):
        finish_tree(tmp_path, about, splits)
    with pytest.raises(UserMistake, match="train/000 shows scene 'a' and is published; it is nev"):
        finish_tree(tmp_path, about, Splits())
    facts = facts_of(splits.sequences[0], 1)
    for changed, message in (
        ({"white_dn": (1, 1, 1)}, "other facts of train/000 than were published"),
        ({"scene": "z"}, "facts of train/000: are of scene 'z', the splits say 'a'"),
    ):
        wrong = about.model_copy(update={"sequences": (facts.model_copy(update=changed),)})
        with pytest.raises(UserMistake, match=message):
            finish_tree(tmp_path, wrong, splits)


def test_what_is_published_is_told_to_the_next_build(tmp_path):
    assert published(tmp_path) is None
    build(tmp_path, "ab", frames=1)
    before = published(tmp_path)
    assert before.splits == Splits.read(tmp_path / "splits.json")
    assert [item["clip"] for item in before.plan["inputs"]] == ["a", "b"]
    (tmp_path / "build.json").write_text("{}")
    with pytest.raises(UserMistake, match=r"build\.json: changed since"):
        published(tmp_path)


def test_a_synthetic_dataset_is_not_added_to(small_tree):
    with pytest.raises(UserMistake, match="holds a finished dataset, 'small', of other inputs"):
        open_tree(small_tree, '{"inputs": []}', GROWING)
    assert not (small_tree / "build.json").exists()


def test_damaged_documents_beside_are_found_and_do_not_keep_from_reading(tmp_path):
    build(tmp_path, "a", frames=1)
    (tmp_path / "datasheet.md").write_text("better than it is")
    (tmp_path / "LICENSE-DATA.txt").unlink()
    shutil.copy(tmp_path / "qc.html", tmp_path / "qc/other.html")
    assert {(item.kind, item.path) for item in verify(tmp_path).findings} == {
        ("changed", "datasheet.md"),
        ("missing", "LICENSE-DATA.txt"),
        ("extra", "qc/other.html"),
    }
    assert Tree.open(tmp_path).sequences("train")[0].read_sharp(0).shape == (12, 16, 3)
