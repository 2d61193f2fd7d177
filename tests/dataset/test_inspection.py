"""Every kind of damage on a small tree is named, and nothing wrong is called good."""

import json
import re
import shutil

import numpy as np
import pytest

from bsd.errors import UserMistake
from dataset.description import DatasetDescription
from dataset.inspection import verify
from dataset.splits import assign
from dataset.tree import SequenceWriter, finish_tree, open_tree

pytestmark = pytest.mark.unit

FRAME = "train/000/Blur/RGB/00000002.png"
OTHER = "train/000/Blur/RGB/00000004.png"


def kinds(root, **options):
    return {(item.kind, item.path) for item in verify(root, **options).findings}


@pytest.fixture
def plain_tree(small_tree):
    for name in ("dataset.json", "manifest.jsonl", "splits.json"):
        (small_tree / name).unlink()
    return small_tree


def test_whole_tree_is_good_and_its_pairs_are_verified(small_tree):
    found = verify(small_tree)
    assert found.good
    assert found.files == 20
    assert [item.verdict for item in found.pairings] == ["ok", "ok"]
    assert "pairing verified in 2 of 2 sequences" in found.summary()


def test_missing_and_extra_files_are_named(small_tree):
    (small_tree / FRAME).unlink()
    (small_tree / "train/000/notes.txt").write_text("x")
    assert kinds(small_tree) == {("missing", FRAME), ("extra", "train/000/notes.txt")}


def test_changed_file_of_the_same_size_needs_the_hash(small_tree):
    content = bytearray((small_tree / FRAME).read_bytes())
    content[-20] ^= 1
    (small_tree / FRAME).write_bytes(content)
    assert kinds(small_tree) == {("changed", FRAME)}
    assert not kinds(small_tree, hashes=False) & {("changed", FRAME)}


@pytest.mark.parametrize("keep", [0, 20, 500, -1])
def test_truncated_file_is_named_with_both_sizes(small_tree, keep):
    content = (small_tree / FRAME).read_bytes()
    (small_tree / FRAME).write_bytes(content[:keep])
    finding = verify(small_tree).findings[0]
    assert (finding.kind, finding.path) == ("truncated", FRAME)
    assert f"of {len(content)} bytes" in finding.text


def test_swapped_files_name_each_other(small_tree):
    one, other = ((small_tree / name).read_bytes() for name in (FRAME, OTHER))
    (small_tree / FRAME).write_bytes(other)
    (small_tree / OTHER).write_bytes(one)
    found = {item.path: (item.kind, item.text) for item in verify(small_tree).findings}
    assert found[FRAME] == ("swapped", f"changed places with {OTHER}")
    assert found[OTHER] == ("swapped", f"changed places with {FRAME}")


def test_copied_file_names_its_original(small_tree):
    shutil.copy(small_tree / OTHER, small_tree / FRAME)
    (finding,) = verify(small_tree).findings
    assert (finding.kind, finding.text) == ("swapped", f"is a copy of {OTHER}")


@pytest.mark.parametrize("name", ["dataset.json", "manifest.jsonl", "splits.json"])
@pytest.mark.parametrize("damage", ["gone", "half", "garbage", "other version"])
def test_damaged_documents_are_named(small_tree, name, damage):
    path = small_tree / name
    text = path.read_text()
    if damage == "gone":
        path.unlink()
    elif damage == "half":
        path.write_text(text[: len(text) // 2])
    elif damage == "garbage":
        path.write_bytes(b"\xff\xfe\x00")
    else:
        path.write_text(re.sub(r'("format_version": ?)[0-9]', r"\g<1>9", text))
    kind = "missing" if damage == "gone" else "damaged"
    assert (kind, name) in kinds(small_tree)


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("dataset.json", '"name": "small"', '"name": "other"'),
        ("manifest.jsonl", '"frame_count":5', '"frame_count":6'),
        ("splits.json", '"scene": "a"', '"scene": "c"'),
    ],
)
def test_edited_documents_are_named(small_tree, name, old, new):
    path = small_tree / name
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    assert kinds(small_tree) == {("changed", name)}


def test_sequence_that_is_in_no_split_is_named(small_tree):
    path = small_tree / "splits.json"
    fields = json.loads(path.read_text())
    fields["sequences"] = fields["sequences"][:1]
    path.write_text(json.dumps(fields))
    assert ("splits", "test/000") in kinds(small_tree)


def test_wrong_count_and_size_in_the_description_are_named(small_tree):
    path = small_tree / "dataset.json"
    described = DatasetDescription.read(path)
    counts = dict(described.counts) | {
        "train": described.counts["train"].model_copy(update={"frames": 6})
    }
    described.model_copy(update={"counts": counts, "width_px": 65}).sealed().write(path)
    found = kinds(small_tree)
    assert ("count", "dataset.json") in found
    assert ("shape", FRAME) in found


def test_unfinished_work_and_part_files_are_named(tmp_path, two_clips, small_tree, dataset_tools):
    for name in (f"{FRAME}.part", "thesis.part"):
        (small_tree / name).write_bytes(b"x")
    (small_tree / ".work").mkdir()
    found = {item.path: (item.kind, item.text) for item in verify(small_tree).findings}
    assert {path: kind for path, (kind, _text) in found.items()} == {
        f"{FRAME}.part": "unfinished", ".work": "unfinished", "thesis.part": "extra",
    }  # fmt: skip
    assert "run the command that made the dataset again" in found[f"{FRAME}.part"][1]
    assert open_tree(small_tree, "{}") == "finished"  # what the text advises
    assert kinds(small_tree) == {("extra", "thesis.part")}
    dataset_tools["write_tree"](tmp_path / "half", two_clips, finish=False)
    assert kinds(tmp_path / "half") == {("unfinished", ".work")}


def test_shifted_and_swapped_roles_are_found_in_a_published_tree(tmp_path, dataset_tools):
    blurry, sharp = dataset_tools["moving_pair"](lambda t: np.array([4.0 * t, t]), 12)
    clips = {"a": (blurry[1:], sharp[:-1]), "b": (sharp, blurry), "c": (blurry, sharp)}
    dataset_tools["write_tree"](tmp_path / "t", clips)
    found = verify(tmp_path / "t")
    verdicts = {(item.split, item.verdict, item.offset) for item in found.pairings}
    assert verdicts == {
        ("train", "shifted", 1),
        ("test", "swapped-roles", None),
        ("valid", "ok", 0),
    }
    assert {item.kind for item in found.findings} == {"pairing"}


def test_static_clip_is_undetermined(tmp_path, dataset_tools):
    clip = dataset_tools["moving_pair"](lambda _t: np.zeros(2), 8, noise=2.0)
    dataset_tools["write_tree"](tmp_path / "t", {"a": clip})
    found = verify(tmp_path / "t")
    assert found.good
    assert found.undetermined == 1
    assert "pairing verified in 0 of 1 sequences, 1 of 1 undetermined" in found.summary()


def test_plain_tree_is_decoded_and_judged(plain_tree):
    found = verify(plain_tree)
    assert found.good
    assert found.plain
    assert found.files == 20
    assert [item.verdict for item in found.pairings] == ["ok", "ok"]
    assert "no manifest, files decoded" in found.summary()


def test_plain_tree_without_rgb_folders_and_with_raw_is_good(plain_tree):
    for view in list(plain_tree.glob("*/*/*")):
        for frame in (view / "RGB").glob("*.png"):
            frame.rename(view / frame.name)
        (view / "RGB").rmdir()
        (view / "RAW").mkdir()
        (view / "RAW/00000000.tiff").write_bytes(b"x")
    assert verify(plain_tree).good


def test_damage_in_a_plain_tree_is_named(plain_tree):
    content = bytearray((plain_tree / FRAME).read_bytes())
    content[len(content) // 2] ^= 0xFF
    (plain_tree / FRAME).write_bytes(content)
    (plain_tree / OTHER).write_bytes((plain_tree / OTHER).read_bytes()[:-12])
    (plain_tree / "test/000/Sharp/RGB/00000004.png").unlink()
    (plain_tree / "test/000/Sharp/RGB/Thumbs.db").write_bytes(b"x")
    assert kinds(plain_tree) == {
        ("damaged", FRAME),
        ("truncated", OTHER),
        ("count", "test/000"),
        ("extra", "test/000/Sharp/RGB/Thumbs.db"),
    }


def test_frames_that_changed_places_in_a_plain_tree_are_named(tmp_path, dataset_tools):
    blurry, sharp = dataset_tools["moving_pair"](lambda t: np.array([2.0 * t, t]), 20)
    sharp[6], sharp[13] = sharp[13], sharp[6]
    dataset_tools["write_tree"](tmp_path / "t", {"a": (blurry, sharp)})
    for name in ("dataset.json", "manifest.jsonl", "splits.json"):
        (tmp_path / "t" / name).unlink()
    (finding,) = verify(tmp_path / "t").findings
    assert (finding.kind, finding.path) == ("swapped", "train/000")
    assert "00000006.png and 00000013.png" in finding.text


def test_frame_of_another_size_in_a_plain_tree_is_named(plain_tree):
    from dataset.png import encode_png

    (plain_tree / FRAME).write_bytes(encode_png(np.zeros((10, 12, 3), np.uint8)))
    assert kinds(plain_tree) == {("shape", FRAME)}


def test_what_is_no_dataset_is_refused_in_one_line(tmp_path, small_tree):
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserMistake, match="not a dataset"):
        verify(tmp_path / "empty")
    with pytest.raises(UserMistake, match="is a file"):
        verify(small_tree / "dataset.json")
    with pytest.raises(UserMistake, match=f"did you mean {small_tree}"):
        verify(tmp_path)


@pytest.mark.parametrize("left", [["splits.json"], ["manifest.jsonl"], ["dataset.json"], []])
def test_a_published_tree_that_lost_documents_is_bad_and_only_one_without_any_is_plain(
    small_tree, left
):
    names = {"dataset.json", "manifest.jsonl", "splits.json"}
    for name in names - set(left):
        (small_tree / name).unlink()
    found = verify(small_tree)
    assert found.plain is (not left)
    assert found.good is (not left)
    missing = {item.path: item.text for item in found.findings if item.kind == "missing"}
    assert missing.keys() == (names - set(left) if left else set())
    assert all("another folder" in text for text in missing.values())
    assert len(found.pairings) == 2  # what is there is looked at all the same


def test_a_damaged_first_frame_is_a_finding_without_hashes_too(small_tree):
    content = bytearray((small_tree / "train/000/Blur/RGB/00000000.png").read_bytes())
    content[:40] = bytes(40)
    (small_tree / "train/000/Blur/RGB/00000000.png").write_bytes(content)
    assert kinds(small_tree, hashes=False) == {("damaged", "train/000/Blur/RGB/00000000.png")}


def write_equal_pairs(root, dataset_tools, frame_count, step=2.0):
    """A tree whose blurry frames are the sharp ones."""
    _, sharp = dataset_tools["moving_pair"](lambda t: np.array([step * t, t]), 12)
    open_tree(root, "{}")
    with SequenceWriter(root, "train", "000") as writer:
        for index, frame in enumerate(sharp):
            source = dataset_tools["synthetic_source"](index)
            writer.append(frame, frame, source.model_copy(update={"frame_count": frame_count}))
    splits = assign(None, [("s", 1)])
    finish_tree(root, DatasetDescription(name="small", kind="synthetic"), splits)


@pytest.mark.parametrize("plain", [True, False])
def test_blur_that_is_a_copy_of_sharp_is_found(tmp_path, dataset_tools, plain):
    write_equal_pairs(tmp_path, dataset_tools, frame_count=5)
    if plain:
        for name in ("dataset.json", "manifest.jsonl", "splits.json"):
            (tmp_path / name).unlink()
    (result,) = verify(tmp_path).pairings
    assert result.verdict == "identical"
    assert "12 of 12" in result.text
    assert kinds(tmp_path) == {("pairing", "train/000")}


def test_windows_of_one_frame_may_be_copies(tmp_path, dataset_tools):
    write_equal_pairs(tmp_path, dataset_tools, frame_count=1)
    found = verify(tmp_path)
    assert found.good
    assert found.pairings[0].verdict == "ok"


def test_few_equal_pairs_are_no_finding(tmp_path, dataset_tools):
    blurry, sharp = dataset_tools["moving_pair"](lambda t: np.array([2.0 * t, t]), 12)
    dataset_tools["write_tree"](tmp_path / "t", {"a": (sharp[:5] + blurry[5:], sharp)})
    assert verify(tmp_path / "t").good
