"""Files beside RGB: written, read with their hash, verified, and the same after a kill."""

import re

import cv2
import numpy as np
import pytest
import tifffile

from bsd.errors import UserMistake
from dataset.extras import PairExtras, decode_map, decode_mask, encode_map
from dataset.inspection import verify
from dataset.manifest import read_manifest, write_manifest
from dataset.png import encode_png
from dataset.tree import SequenceWriter, Tree, open_tree
from tests.dataset.captures import CALIBRATION, RAW, SIZE, build, map_of, origin, pair

pytestmark = pytest.mark.unit


@pytest.fixture
def tree(tmp_path):
    build(tmp_path / "t", ["a", "b"], threads=2)
    return tmp_path / "t"


def test_every_product_is_read_back_as_it_was_given(tree):
    (sequence,) = Tree.open(tree).sequences("train")
    assert sequence.products == ("RGB", "RAW", "Linear", "Mask")
    for index in range(len(sequence)):
        blurry, sharp, extras = pair(sequence.scene, index)
        assert np.array_equal(sequence.read_blurry(index), blurry)
        assert np.array_equal(sequence.read_sharp(index), sharp)
        for place, view in enumerate(("Blur", "Sharp")):
            raw = sequence.read_raw(view, index)
            assert (raw.dtype, raw.shape) == (np.uint16, RAW[view])
            assert np.array_equal(raw, extras.raw[place])
            assert np.array_equal(sequence.read_linear(view, index), extras.linear[place])
            mask = sequence.read_mask(view, index)
            assert mask.dtype == np.bool_
            assert np.array_equal(mask, extras.masks[place])
    assert (sequence.cfa("Blur"), sequence.cfa("Sharp")) == ("RGGB", "GBRG")
    assert np.array_equal(sequence.read_map(), map_of(sequence.scene))


def test_other_programs_read_the_files(tree):
    (sequence,) = Tree.open(tree).sequences("train")
    _, _, extras = pair(sequence.scene, 1)
    folder = tree / "train/000/Sharp"
    with tifffile.TiffFile(folder / "RAW/00000001.tiff") as file:
        assert np.array_equal(file.asarray(), extras.raw[1])
        assert file.pages[0].description == '{"format":"bsd-raw","cfa":"GBRG","bits":12}'
    linear = cv2.imread(str(folder / "Linear/00000001.tiff"), cv2.IMREAD_UNCHANGED)
    assert np.array_equal(linear[..., ::-1], extras.linear[1])
    mask = cv2.imread(str(folder / "Mask/00000001.png"), cv2.IMREAD_UNCHANGED)
    assert np.array_equal(mask, extras.masks[1] * 255)
    assert np.array_equal(np.load(tree / "train/000/map.npy"), map_of(sequence.scene))


def test_the_manifest_states_shape_colours_and_origin(tree):
    entries = {entry.path: entry for entry in read_manifest(tree / "manifest.jsonl")}
    assert len(entries) == 2 * (3 * 2 * 4 + 1)
    raw = entries["train/000/Sharp/RAW/00000002.tiff"]
    assert (raw.shape, raw.dtype, raw.cfa) == (RAW["Sharp"], "uint16", "GBRG")
    assert (raw.source.pulse, raw.source.row, raw.source.clip_uuid) == (12, 7, "uuid-a")
    mask = entries["train/000/Blur/Mask/00000000.png"]
    assert (mask.shape, mask.dtype, mask.cfa) == (SIZE, "uint8", None)
    assert entries["train/000/map.npy"].source.kind == "clip"
    assert entries["train/000/map.npy"].source.calibration_sha256 == CALIBRATION


@pytest.mark.parametrize(
    ("name", "read"),
    [
        ("Blur/RAW/00000001.tiff", lambda item: item.read_raw("Blur", 1)),
        ("Sharp/Linear/00000001.tiff", lambda item: item.read_linear("Sharp", 1)),
        ("Sharp/Mask/00000001.png", lambda item: item.read_mask("Sharp", 1)),
        ("map.npy", lambda item: item.read_map()),
    ],
)
def test_a_changed_file_beside_is_not_read_and_is_found(tree, name, read):
    """Changed for another of the same kind, so that only the hash can tell."""
    path = tree / "train/000" / name
    other = tree / "test/000" / name
    path.write_bytes(other.read_bytes())
    with pytest.raises(UserMistake, match=rf"{name}: changed since .* dataset\.verify {tree}$"):
        read(Tree.open(tree).sequences("train")[0])
    assert [(item.kind, item.path) for item in verify(tree).findings] == [
        ("swapped", f"train/000/{name}")
    ]


@pytest.mark.parametrize(
    ("name", "other", "kind", "text"),
    [
        ("Blur/RAW/00000001.tiff", "Sharp/RAW/00000001.tiff", "shape", "GBRG, listed as .* RGGB"),
        ("Blur/Mask/00000001.png", "Blur/RGB/00000001.png", "damaged", "a mask is a grey PNG"),
        ("Blur/Linear/00000001.tiff", "Blur/RGB/00000001.png", "damaged", "not a TIFF"),
        ("map.npy", "Blur/RGB/00000001.png", "damaged", "the map is damaged"),
    ],
)
def test_a_file_that_was_published_wrong_is_found(tree, name, other, kind, text):
    """The manifest's hash is that of the wrong file: only decoding can tell."""
    folder = tree / "train/000"
    (folder / name).write_bytes((folder / other).read_bytes())
    entries = {item.path: item for item in read_manifest(tree / "manifest.jsonl")}
    wrong = entries[f"train/000/{other}"]
    path = f"train/000/{name}"
    copied = {"sha256": wrong.sha256, "bytes": wrong.bytes}
    entries[path] = entries[path].model_copy(update=copied)
    write_manifest(tree / "manifest.jsonl", entries.values())
    found = [item for item in verify(tree).findings if item.path == path]
    assert [item.kind for item in found] == [kind]
    assert re.search(text, found[0].text)


def test_a_lost_product_of_one_frame_is_refused_and_found(tree):
    entries = read_manifest(tree / "manifest.jsonl")
    kept = [entry for entry in entries if entry.path != "test/000/Blur/Mask/00000001.png"]
    write_manifest(tree / "manifest.jsonl", kept)
    texts = [item.text for item in verify(tree).findings if item.kind == "count"]
    assert texts == [
        "test/000: blurry and sharp frames are not numbered 0 to N - 1 alike",
    ]


def test_a_dataset_without_them_says_so(tmp_path):
    build(tmp_path / "t", ["a"], extras=False)
    (sequence,) = Tree.open(tmp_path / "t").sequences("train")
    assert sequence.products == ("RGB",)
    for read, what in (
        (lambda: sequence.read_raw("Blur", 0), "without RAW files"),
        (lambda: sequence.read_mask("Blur", 0), "without Mask files"),
        (sequence.read_map, "without a map"),
    ):
        with pytest.raises(UserMistake, match=rf"train/000: was published {what}"):
            read()


def test_frames_with_other_products_or_shapes_are_refused(tmp_path):
    open_tree(tmp_path, "{}")
    blurry, sharp, extras = pair("a", 0)
    with SequenceWriter(tmp_path, "train", "000") as writer:
        writer.append(blurry, sharp, origin("a", 0), extras)
        for wrong, message in (
            (None, r"frame 1: has RGB, other frames of this dataset have RGB, RAW, Linear, Mask"),
            (PairExtras(linear=(blurry, sharp)), r"Blur Linear is uint8 .* needs uint16 \(12, 16"),
            (PairExtras(masks=(blurry, sharp)), r"Blur Mask is uint8 .* needs bool \(12, 16\)"),
            (PairExtras(raw=(blurry, sharp)), r"Blur RAW is uint8 \(12, 16, 3\), needs uint8 or"),
        ):
            with pytest.raises(UserMistake, match=message):
                writer.append(blurry, sharp, origin("a", 1), wrong)
    with (
        SequenceWriter(tmp_path, "train", "001") as writer,
        pytest.raises(UserMistake, match="frame 0: has RGB, other frames"),
    ):
        writer.append(blurry, sharp, origin("a", 0))


def test_a_file_beside_that_was_changed_is_made_again(tmp_path):
    open_tree(tmp_path, "{}")
    with SequenceWriter(tmp_path, "train", "000") as writer:
        for index in range(3):
            blurry, sharp, extras = pair("a", index)
            writer.append(blurry, sharp, origin("a", index), extras)
    (tmp_path / "train/000/Sharp/Mask/00000001.png").write_bytes(b"x")
    with SequenceWriter(tmp_path, "train", "000") as writer:
        assert writer.frames_done == 1


@pytest.mark.parametrize(
    "content", [b"", b"\x93NUMPY", encode_map(np.zeros((2, 3, 2), np.float32))[:-1]]
)
def test_a_damaged_map_is_named(content):
    with pytest.raises(UserMistake, match=r"m\.npy: the map is damaged"):
        decode_map(content, "m.npy")


def test_an_array_that_is_no_map_or_mask_is_named():
    wide = encode_map(np.zeros((2, 3, 2), np.float32)).replace(b"(2, 3, 2)", b"(2, 2, 3)")
    with pytest.raises(UserMistake, match=r"a map is float32 \(h, w, 2\), this is .* \(2, 2, 3\)"):
        decode_map(wide, "m.npy")
    grey = encode_png(np.array([[0, 255], [7, 0]], np.uint8))
    with pytest.raises(UserMistake, match="a mask holds 0 and 255 only"):
        decode_mask(grey, "m.png")
