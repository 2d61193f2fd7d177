"""Writer and reader: the same bytes after kills, errors in words, nothing half-written."""

import errno
import json
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from bsd.errors import UserMistake, explain_os_error
from dataset.manifest import read_manifest
from dataset.png import encode_png
from dataset.splits import Splits, assign
from dataset.tree import (
    DatasetDescription,
    SequenceWriter,
    Tree,
    finish_tree,
    held_tree,
    open_tree,
)
from tests.mounts import mounted

pytestmark = pytest.mark.unit

WRITE = """
import sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
import numpy as np
from conftest import write_tree
generator = np.random.default_rng(1)
clips = {name: tuple(generator.integers(0, 256, (2, 24, 48, 64, 3), np.uint8)) for name in "ab"}
print("go", flush=True)
write_tree(Path(sys.argv[2]), clips, threads=int(sys.argv[3]))
"""


def start_writing(root, threads=2):
    here = str(Path(__file__).parent)
    return subprocess.Popen(
        [sys.executable, "-c", WRITE, here, str(root), str(threads)], stdout=subprocess.PIPE
    )


def pair(seed=0, size=(48, 64)):
    return np.random.default_rng(seed).integers(0, 256, (2, *size, 3), np.uint8)


def test_published_tree_is_read_back(tmp_path, two_clips, dataset_tools):
    described = dataset_tools["write_tree"](tmp_path / "t", two_clips, threads=2)
    tree = Tree.open(tmp_path / "t")
    (train,) = tree.sequences("train")
    blurry, sharp = two_clips[train.scene]
    assert np.array_equal(np.stack([train.read_blurry(i) for i in range(len(train))]), blurry)
    assert np.array_equal(np.stack([train.read_sharp(i) for i in range(len(train))]), sharp)
    assert train.shape == (48, 64, 3)
    assert train.sources[3].sharp_frame == 17
    assert (tree.name, tree.is_plain) == ("small", False)
    assert tree.identity == tree.manifest_sha256 == described.manifest_sha256
    assert described.counts["train"].model_dump() == {"sequences": 1, "frames": 5}
    assert (described.width_px, described.height_px) == (64, 48)
    assert {path.name for path in (tmp_path / "t").iterdir()} == {
        "train", "test", "dataset.json", "manifest.jsonl", "splits.json",
    }  # fmt: skip
    assert len(read_manifest(tmp_path / "t/manifest.jsonl")) == 20


def test_number_of_threads_and_the_place_do_not_matter(tmp_path, two_clips, dataset_tools):
    for name, threads in (("one", 1), ("deep/er", 3)):
        dataset_tools["write_tree"](tmp_path / name, two_clips, threads=threads)
    one, other = (dataset_tools["tree_bytes"](tmp_path / name) for name in ("one", "deep/er"))
    assert one == other


def test_kill_at_any_moment_and_resume_give_the_same_bytes(tmp_path, dataset_tools):
    root = tmp_path / "killed"
    generator = np.random.default_rng(np.random.SeedSequence([9, 1]))
    for threads, files in zip((2, 1, 2), np.sort(generator.integers(1, 80, 3)), strict=True):
        with start_writing(root, threads) as process:
            while process.poll() is None and len(list(root.rglob("*.png"))) < files:
                time.sleep(0.001)  # the deadline is the test's own
            process.send_signal(signal.SIGKILL)
            assert process.wait(20) == -signal.SIGKILL
        assert len(list(root.rglob("*.png"))) >= files
        assert not (root / "dataset.json").exists()
    for folder in (root, tmp_path / "whole"):
        with start_writing(folder) as process:
            assert process.wait(30) == 0
    tree_bytes = dataset_tools["tree_bytes"]
    assert len(tree_bytes(root)) == 2 * 2 * 24 + 3
    assert tree_bytes(root) == tree_bytes(tmp_path / "whole")


def resumed(root, count):
    open_tree(root, "{}")
    with SequenceWriter(root, "train", "000") as writer:
        assert writer.frames_done == count


@pytest.fixture
def begun(tmp_path, dataset_tools):
    """Six pairs of train/000, not finished."""
    open_tree(tmp_path / "t", "{}")
    with SequenceWriter(tmp_path / "t", "train", "000", 2) as writer:
        for index in range(6):
            writer.append(*pair(index), dataset_tools["synthetic_source"](index))
    return tmp_path / "t"


def test_half_a_journal_line_is_cut(begun):
    journal = begun / ".work/train-000.jsonl"
    text = journal.read_bytes()
    journal.write_bytes(text[:-40])
    resumed(begun, 5)
    assert journal.read_bytes() == b"".join(text.splitlines(keepends=True)[:5])


@pytest.mark.parametrize("damage", ["changed", "shorter", "missing"])
def test_journal_is_cut_at_the_first_file_that_does_not_match(begun, damage):
    path = begun / "train/000/Sharp/RGB/00000003.png"
    content = path.read_bytes()
    if damage == "missing":
        path.unlink()
    else:
        path.write_bytes(content[:-1] + (b"x" if damage == "changed" else b""))
    resumed(begun, 3)


def test_part_files_are_swept(begun):
    (begun / "train/000/Blur/RGB/00000006.png.part").write_bytes(b"x")
    assert open_tree(begun, "{}") == "resumed"
    assert not list(begun.rglob("*.part"))


def test_two_runs_at_once_are_refused(begun):
    with SequenceWriter(begun, "train", "000"):
        with pytest.raises(UserMistake, match="another run writes here now"):
            SequenceWriter(begun, "train", "000")
        with pytest.raises(UserMistake, match="another run writes here now"):
            open_tree(begun, "{}")
    resumed(begun, 6)


def test_an_exception_in_the_caller_ends_the_threads_and_keeps_what_is_whole(begun, dataset_tools):
    before = threading.active_count()
    with (  # noqa: PT012
        pytest.raises(RuntimeError, match="mine"),
        SequenceWriter(begun, "train", "000", 2) as writer,
    ):
        writer.append(*pair(6), dataset_tools["synthetic_source"](6))
        raise RuntimeError("mine")
    assert threading.active_count() == before
    assert not list(begun.rglob("*.part"))


def test_full_disk_surfaces_with_the_files_name_and_leaves_nothing_half_written(
    tmp_path, dataset_tools
):
    before = threading.active_count()
    with mounted(tmp_path / "disk", "size=1m") as disk:
        root = disk / "t"
        open_tree(root, "{}")
        with pytest.raises(OSError, match="No space left") as caught:  # noqa: PT012, SIM117
            with SequenceWriter(root, "train", "000", 2) as writer:
                for index in range(400):
                    writer.append(*pair(index), dataset_tools["synthetic_source"](index))
        assert caught.value.errno == errno.ENOSPC
        assert str(caught.value.filename).startswith(str(root))
        assert explain_os_error(caught.value).exit_code == 3
        assert threading.active_count() == before
        assert not list(root.rglob("*.part"))
        with pytest.raises(OSError, match="No space left"):
            writer.append(*pair(0), dataset_tools["synthetic_source"](0))
        journal = (root / ".work/train-000.jsonl").read_bytes()
        assert journal.endswith(b"\n")
        with SequenceWriter(root, "train", "000") as writer:
            assert writer.frames_done == journal.count(b"\n") > 10


def test_read_only_output_is_refused_in_words(tmp_path):
    with mounted(tmp_path / "disk", "ro,size=1m") as disk:
        with pytest.raises(OSError, match="Read-only") as caught:
            open_tree(disk / "t", "{}")
        explained = explain_os_error(caught.value)
        assert explained.exit_code == 3
        assert str(disk) in str(explained)


def test_other_plans_and_foreign_folders_are_refused(tmp_path, small_tree, begun):
    assert open_tree(small_tree, "{}") == "finished"
    with pytest.raises(UserMistake, match="finished dataset, 'small', of other inputs"):
        open_tree(small_tree, '{"a": 1}')
    with pytest.raises(UserMistake, match=r"unfinished dataset .*\(different: a\)"):
        open_tree(begun, '{"a": 1}')
    foreign = tmp_path / "photos"
    foreign.mkdir()
    assert open_tree(tmp_path / "new/er", "{}") == "new"
    (foreign / "cat.png").write_bytes(b"x")
    with pytest.raises(UserMistake, match=r"photos: holds 'cat\.png'"):
        open_tree(foreign, "{}")
    with pytest.raises(UserMistake, match="is a file"):
        open_tree(foreign / "cat.png", "{}")
    assert (foreign / "cat.png").read_bytes() == b"x"


def test_kill_between_the_last_steps_is_mended(tmp_path, small_tree, dataset_tools):
    whole = dataset_tools["tree_bytes"](small_tree)
    (small_tree / ".work").mkdir()  # dataset.json stands, the work folder was half removed
    assert open_tree(small_tree, "{}") == "finished"
    assert dataset_tools["tree_bytes"](small_tree) == whole
    (tmp_path / "n/.work").mkdir(parents=True)
    (tmp_path / "n/.work/plan.json.part").write_bytes(b"{")
    assert open_tree(tmp_path / "n", "{}") == "new"


@pytest.mark.parametrize(
    ("blurry", "sharp", "message"),
    [
        (np.zeros((48, 64, 3), np.uint8), np.zeros((48, 65, 3), np.uint8), "sharp frame 6: is 65"),
        (np.zeros((48, 60, 3), np.uint8), np.zeros((48, 60, 3), np.uint8), "blurry frame 6: is 60"),
        (np.zeros((48, 64, 3)), np.zeros((48, 64, 3)), "blurry frame 6: is float64"),
        (np.zeros((48, 64), np.uint8), np.zeros((48, 64), np.uint8), r"is uint8 \(48, 64\)"),
    ],
)
def test_frames_of_another_shape_or_type_are_named(begun, dataset_tools, blurry, sharp, message):
    with (
        pytest.raises(UserMistake, match=f"train/000: .*{message}"),
        SequenceWriter(begun, "train", "000") as writer,
    ):
        writer.append(blurry, sharp, dataset_tools["synthetic_source"](6))
    resumed(begun, 6)


def test_the_whole_tree_has_one_size(begun, dataset_tools):
    with (
        pytest.raises(UserMistake, match="test/000: blurry frame 0: is 10×8 px"),
        SequenceWriter(begun, "test", "000") as writer,
    ):
        writer.append(*pair(0, (8, 10)), dataset_tools["synthetic_source"](0))


def test_the_caller_may_use_its_buffers_again(begun, dataset_tools):
    blurry, sharp = pair(50)
    kept = blurry.copy()
    with SequenceWriter(begun, "train", "000") as writer:
        writer.append(blurry, sharp, dataset_tools["synthetic_source"](6))
        blurry[:] = 0
    finish_tree(begun, DatasetDescription(name="x", kind="synthetic"), assign(None, [("s", 1)]))
    assert np.array_equal(Tree.open(begun).sequences("train")[0].read_blurry(6), kept)


def test_finish_refuses_what_does_not_agree(begun):
    plain = DatasetDescription(name="x", kind="synthetic")
    with pytest.raises(UserMistake, match="sequence test-000 is in the splits but has no frame"):
        finish_tree(begun, plain, assign(None, [("s", 1), ("u", 1)]))
    with pytest.raises(UserMistake, match="sequence train-000 was written but is in no split"):
        finish_tree(begun, plain, assign(None, [("s", 1)], only="test"))
    with pytest.raises(UserMistake, match="no sequence was written"):
        finish_tree(begun, plain, Splits())
    with pytest.raises(UserMistake, match="width_px was given as 65, written were 64"):
        finish_tree(begun, plain.model_copy(update={"width_px": 65}), assign(None, [("s", 1)]))
    (begun / "train/000/Blur/RGB/00000002.png").unlink()
    with pytest.raises(UserMistake, match=r"00000002\.png: changed or removed"):
        finish_tree(begun, plain, assign(None, [("s", 1)]))
    assert not (begun / "dataset.json").exists()


def test_hashed_files_hold_no_path_and_no_time(small_tree, tmp_path):
    text = "".join((small_tree / name).read_text() for name in ("dataset.json", "manifest.jsonl"))
    assert str(tmp_path) not in text
    assert not {"time", "date", "host", "workers"} & set(json.loads(
        (small_tree / "dataset.json").read_text()
    ))  # fmt: skip


def test_unfinished_and_damaged_trees_are_not_opened(begun, small_tree, tmp_path):
    with pytest.raises(UserMistake, match="is unfinished; run the command"):
        Tree.open(begun)
    with pytest.raises(UserMistake, match="no such folder"):
        Tree.open(tmp_path / "nowhere")
    with pytest.raises(UserMistake, match="no sequence in split 'valid'; it has train, test"):
        Tree.open(small_tree).sequences("valid")
    path = small_tree / "manifest.jsonl"
    path.write_text(path.read_text().replace("s.mp4", "t.mp4").replace("a.mp4", "b.mp4"))
    with pytest.raises(UserMistake, match=r"manifest\.jsonl: changed since .*dataset\.verify"):
        Tree.open(small_tree)


@pytest.mark.parametrize("view", ["Blur", "Sharp"])
def test_a_frame_that_was_changed_since_publishing_is_not_read(small_tree, view):
    """A valid PNG of the right size, so that nothing but the hash can tell."""
    path = small_tree / f"train/000/{view}/RGB/00000002.png"
    path.write_bytes(encode_png(pair(3)[0]))
    (sequence,) = Tree.open(small_tree).sequences("train")
    read = sequence.read_blurry if view == "Blur" else sequence.read_sharp
    assert read(1).shape == (48, 64, 3)
    message = rf"{view}/RGB/00000002\.png: changed since .* python -m dataset\.verify {small_tree}"
    with pytest.raises(UserMistake, match=message):
        read(2)


def test_the_shape_of_a_published_sequence_is_the_manifests(small_tree):
    for path in small_tree.glob("train/000/Blur/RGB/*.png"):
        path.write_bytes(b"")
    assert Tree.open(small_tree).sequences("train")[0].shape == (48, 64, 3)


@pytest.mark.parametrize(
    ("old", "new"), [('"synthetic"', '"capture"'), ('"name": "small"', '"name": "large"')]
)
def test_a_description_that_was_edited_is_refused(small_tree, old, new):
    path = small_tree / "dataset.json"
    path.write_text(path.read_text().replace(old, new))
    for opened in (Tree.open, lambda root: open_tree(root, "{}")):
        with pytest.raises(UserMistake, match=r"dataset\.json: was edited"):
            opened(small_tree)


@pytest.mark.parametrize("name", ["a/b", "../x", "", "a" * 101, ".hidden", "a\n", "a.", "a b "])
def test_a_name_that_could_be_a_path_is_refused(name):
    with pytest.raises(ValidationError, match="name"):
        DatasetDescription(name=name, kind="synthetic")
    assert DatasetDescription(name="My set_2.1-b", kind="synthetic").name == "My set_2.1-b"


@pytest.mark.parametrize(
    "left", [("splits.json",), ("manifest.jsonl",), ("splits.json", "manifest.jsonl")]
)
def test_a_tree_that_lost_its_description_is_not_plain(small_tree, left):
    for name in {"dataset.json", "splits.json", "manifest.jsonl"} - set(left):
        (small_tree / name).unlink()
    with pytest.raises(UserMistake, match=r"dataset\.json: missing beside"):
        Tree.open(small_tree)
    with pytest.raises(UserMistake, match=r"dataset\.json: missing beside .* another folder"):
        open_tree(small_tree, "{}")


@pytest.mark.parametrize("name", ["manifest.jsonl", "splits.json"])
@pytest.mark.parametrize("damage", ["gone", "changed"])
def test_a_finished_tree_with_damaged_documents_is_not_called_finished(small_tree, name, damage):
    if damage == "gone":
        (small_tree / name).unlink()
    else:
        (small_tree / name).write_text("{}")
    with pytest.raises(UserMistake, match=rf"{name}: .*restore it .*another folder") as caught:
        open_tree(small_tree, "{}")
    assert "\n" not in str(caught.value)


def test_own_part_files_of_a_finished_tree_are_swept_and_others_left(small_tree):
    own = ["train/000/Blur/RGB/00000002.png.part", "dataset.json.part"]
    others = ["train/notes.part", "thesis/chapter.png.part", "train/000/Blur/RGB/x.png.part"]
    (small_tree / "thesis").mkdir()
    for name in (*own, *others):
        (small_tree / name).write_bytes(b"x")
    assert open_tree(small_tree, "{}") == "finished"
    found = {path.relative_to(small_tree).as_posix() for path in small_tree.rglob("*.part")}
    assert found == set(others)


def test_a_foreign_work_folder_is_left_alone(tmp_path):
    """`.work/plan.json` of another program must not make its folder ours."""
    (tmp_path / ".work").mkdir()
    (tmp_path / ".work/plan.json").write_text("[" * 20_000)
    (tmp_path / ".work/film.part").write_bytes(b"x")
    (tmp_path / "film.mkv.part").write_bytes(b"x")
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    with pytest.raises(UserMistake, match="holds an unfinished dataset of other inputs"):
        open_tree(tmp_path, "{}")
    assert before == {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}


def test_one_run_holds_the_whole_tree(tmp_path):
    with held_tree(tmp_path / "t", "{}") as state:
        assert state == "new"
        with pytest.raises(UserMistake, match="another run writes here now"):
            open_tree(tmp_path / "t", "{}")
        part = tmp_path / "t/train/000/Blur/RGB/00000000.png.part"
        part.parent.mkdir(parents=True)
        part.write_bytes(b"being written")
        with pytest.raises(UserMistake, match="another run writes here now"):
            open_tree(tmp_path / "t", "{}")
        assert part.exists()
    assert open_tree(tmp_path / "t", "{}") == "resumed"
    assert not part.exists()


def test_names_are_on_the_disk_before_the_journals_go(begun, monkeypatch):
    """A power cut after the journals are gone must not find a folder without its last names."""
    events = []
    rmtree = shutil.rmtree
    monkeypatch.setattr(
        "dataset.completion.sync_folder", lambda path: events.append(path.relative_to(begun))
    )
    monkeypatch.setattr(
        shutil, "rmtree", lambda path: (events.append(path.relative_to(begun)), rmtree(path))
    )
    finish_tree(begun, DatasetDescription(name="x", kind="synthetic"), assign(None, [("s", 1)]))
    before = {str(path) for path in events[: events.index(Path(".work"))]}
    views = ("train/000/Blur", "train/000/Sharp")
    folders = {"train", "train/000", *views, *(f"{view}/RGB" for view in views)}
    assert before == {".", *folders}
    assert str(events[events.index(Path(".work")) - 1]) == "."


def make_plain(root, names, rgb=True):
    for name in names:
        for view in ("Blur", "Sharp"):
            folder = root / "train" / name / view / ("RGB" if rgb else "")
            folder.mkdir(parents=True)
            for index in (10, 9, 1):
                (folder / f"{index}.png").write_bytes(encode_png(pair(index)[0]))


@pytest.mark.parametrize("rgb", [True, False])
def test_plain_tree_is_read_in_the_order_of_its_numbers(tmp_path, rgb):
    make_plain(tmp_path, ["10", "9", "002"], rgb)
    tree = Tree.open(tmp_path)
    assert tree.is_plain
    assert [item.name for item in tree.sequences("train")] == ["002", "9", "10"]
    assert [path.name for path in tree.sequences("train")[0].blurry] == ["1.png", "9.png", "10.png"]
    assert tree.manifest_sha256 is None
    assert len(tree.identity) == 64


def test_identity_of_a_plain_tree_is_its_content(tmp_path):
    for name in ("a", "b"):
        make_plain(tmp_path / name, ["000"])
    assert Tree.open(tmp_path / "a").identity == Tree.open(tmp_path / "b").identity
    path = tmp_path / "b/train/000/Blur/RGB/1.png"
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    assert Tree.open(tmp_path / "a").identity != Tree.open(tmp_path / "b").identity


def test_plain_tree_with_other_counts_or_names_is_refused(tmp_path):
    make_plain(tmp_path, ["000"])
    frame = tmp_path / "train/000/Sharp/RGB/10.png"
    frame.rename(frame.with_name("11.png"))
    with pytest.raises(UserMistake, match=r"train/000: blurry frame '10\.png' lies beside sharp"):
        Tree.open(tmp_path)
    frame.with_name("11.png").unlink()
    with pytest.raises(UserMistake, match="train/000: 3 blurry and 2 sharp frames"):
        Tree.open(tmp_path)
