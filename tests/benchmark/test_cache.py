import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmark import cache
from benchmark.cache import CacheIndex, open_split
from bsd.errors import EnvironmentFault, UserMistake
from dataset.png import encode_png
from dataset.tree import Tree

pytestmark = pytest.mark.unit


def _files(folder: Path) -> tuple[Path, Path]:
    """The index and the frames of the only cache below a folder."""
    (index,) = folder.rglob(cache.INDEX_NAME)
    return index, index.with_name(cache.FRAMES_NAME)


def test_packed_frames_are_the_datasets_frames(plain_tree: Path, tmp_path: Path) -> None:
    tree = Tree.open(plain_tree)
    sequences = open_split(tree, "train", tmp_path, threads=2)
    assert [(one.name, len(one)) for one in sequences] == [("000", 9), ("001", 7)]
    for one, files in zip(sequences, tree.sequences("train"), strict=True):
        for index in range(len(files)):
            assert np.array_equal(one.blurry[index], files.read_blurry(index))
            assert np.array_equal(one.sharp[index], files.read_sharp(index))
        assert not one.blurry.flags.writeable


def test_a_second_opening_packs_nothing(plain_tree: Path, tmp_path: Path) -> None:
    open_split(Tree.open(plain_tree), "train", tmp_path)
    before = [path.stat().st_mtime_ns for path in _files(tmp_path)]
    open_split(Tree.open(plain_tree), "train", tmp_path)
    assert [path.stat().st_mtime_ns for path in _files(tmp_path)] == before


def test_a_split_that_is_not_there_is_empty(plain_tree: Path, tmp_path: Path) -> None:
    assert open_split(Tree.open(plain_tree), "test", tmp_path) == ()
    assert not any(tmp_path.iterdir())


def test_a_changed_dataset_is_packed_again(own_tree: Path, tmp_path: Path) -> None:
    folder = tmp_path / "cache"
    open_split(Tree.open(own_tree), "train", folder)
    changed = np.full((40, 48, 3), 77, np.uint8)
    path = own_tree / "train" / "000" / "Blur" / "RGB" / "00000002.png"
    path.write_bytes(encode_png(changed))
    sequences = open_split(Tree.open(own_tree), "train", folder)
    assert np.array_equal(sequences[0].blurry[2], changed)


def test_copies_of_a_dataset_share_a_cache(
    plain_tree: Path, own_tree: Path, tmp_path: Path
) -> None:
    for root in (plain_tree, own_tree):
        open_split(Tree.open(root), "train", tmp_path / "cache")
    assert len(list((tmp_path / "cache").iterdir())) == 1


@pytest.mark.parametrize("name", ["../../escaped/x", "/srv/escaped", "..", "a" * 300, "é\0"])
def test_no_name_of_a_dataset_leads_out_of_the_cache(
    plain_tree: Path, tmp_path: Path, name: str
) -> None:
    tree = replace(Tree.open(plain_tree), name=name)
    cache_folder = tmp_path / "deep" / "cache"
    (one,) = open_split(tree, "valid", cache_folder)
    assert len(one) == 8
    (index,) = tmp_path.rglob(cache.INDEX_NAME)
    assert index.resolve().is_relative_to(cache_folder.resolve())
    assert len(index.relative_to(cache_folder).parts) == 3


@pytest.mark.parametrize("damage", ["byte", "cut", "gone", "index", "version", "offset", "size"])
def test_a_damaged_cache_is_noticed_and_packed_again(
    plain_tree: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture, damage: str
) -> None:
    tree = Tree.open(plain_tree)
    open_split(tree, "valid", tmp_path)
    index, frames = _files(tmp_path)
    good, content = index.read_bytes(), bytearray(frames.read_bytes())
    if damage == "byte":
        content[len(content) // 2] ^= 1
        frames.write_bytes(content)
    elif damage == "cut":
        frames.write_bytes(content[:-5])
    elif damage == "gone":
        frames.unlink()
    elif damage == "index":
        index.write_bytes(good[:40])
    elif damage == "offset":
        index.write_bytes(good.replace(b'"offset_bytes": 0', b'"offset_bytes": 5760'))
    elif damage == "size":
        shape = b'"height_px": 40,\n      "width_px": 48'
        assert shape in good
        index.write_bytes(good.replace(shape, b'"height_px": 48,\n      "width_px": 40'))
    else:
        index.write_bytes(good.replace(b'"format_version": 1', b'"format_version": 9'))
    with caplog.at_level(logging.WARNING):
        (one,) = open_split(tree, "valid", tmp_path)
    assert "packing again" in caplog.text
    assert index.read_bytes() == good
    assert np.array_equal(one.sharp[7], tree.sequences("valid")[0].read_sharp(7))


def test_a_build_that_fails_leaves_no_cache(own_tree: Path, tmp_path: Path) -> None:
    frame = own_tree / "valid" / "000" / "Sharp" / "RGB" / "00000005.png"
    frame.write_bytes(encode_png(np.zeros((40, 44, 3), np.uint8)))
    with pytest.raises(UserMistake, match=r"00000005\.png: is 44x40.*48x40"):
        open_split(Tree.open(own_tree), "valid", tmp_path / "cache")
    assert [path.name for path in (tmp_path / "cache").rglob("*") if path.is_file()] == ["lock"]


def test_too_little_space_is_said_before_packing(plain_tree: Path, small_disk: Path) -> None:
    with pytest.raises(EnvironmentFault, match=r"need .* GB.*--cache"):
        open_split(Tree.open(plain_tree), "train", small_disk)


def test_the_default_folder_follows_xdg(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache.default_folder() == tmp_path / "bsd-toolkit" / "frames"
    monkeypatch.setenv("XDG_CACHE_HOME", "not/absolute")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert cache.default_folder() == tmp_path / "home" / ".cache" / "bsd-toolkit" / "frames"


def test_the_index_names_the_dataset(plain_tree: Path, tmp_path: Path) -> None:
    tree = Tree.open(plain_tree)
    open_split(tree, "train", tmp_path)
    index = CacheIndex.read(_files(tmp_path)[0])
    assert (index.dataset, index.identity, index.split) == ("small", tree.identity, "train")
    assert index.bytes == 2 * 16 * 40 * 48 * 3
