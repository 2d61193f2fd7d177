"""Whole folders, links, odd names and documents that nothing vouches for: each told in one line."""

import json
import os

import numpy as np
import pytest

from bsd.errors import UserMistake
from dataset.extras import decode_map, encode_map
from dataset.inspection import verify
from dataset.manifest import read_manifest
from dataset.verify import _print
from tests.dataset.captures import build

pytestmark = pytest.mark.unit

FRAME = "train/000/Blur/RGB/00000002.png"


@pytest.fixture
def captured(tmp_path):
    build(tmp_path / "t", ["a", "b"])
    return tmp_path / "t"


def told(root):
    return [(item.kind, item.path) for item in verify(root).findings]


def test_a_renamed_sequence_is_two_lines_and_not_one_a_file(small_tree):
    (small_tree / "train/000").rename(small_tree / "train/777")
    found = {item.path: item for item in verify(small_tree).findings}
    assert {path: item.kind for path, item in found.items()} == {
        "train/000": "missing",
        "train/777": "extra",
    }
    assert "10 files" in found["train/000"].text
    assert "10 files" in found["train/777"].text
    assert "train/000" in found["train/777"].text  # whose content it has


def test_a_foreign_folder_is_no_renamed_sequence(small_tree):
    for index in range(10):
        path = small_tree / f"train/777/Blur/{index}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    (finding,) = verify(small_tree).findings
    assert (finding.kind, finding.path) == ("extra", "train/777")
    assert "train/000" not in finding.text


def test_one_missing_file_of_a_folder_is_named_by_itself(small_tree):
    (small_tree / FRAME).unlink()
    assert told(small_tree) == [("missing", FRAME)]


@pytest.mark.parametrize("damage", ["gone", "cut"])
def test_documents_are_not_called_extra_where_the_description_is_lost(captured, damage):
    path = captured / "dataset.json"
    if damage == "gone":
        path.unlink()
    else:
        path.write_text(path.read_text()[:300])
    (captured / "notes.txt").write_text("x")
    kind = {"gone": "missing", "cut": "damaged"}[damage]
    assert told(captured) == [(kind, "dataset.json"), ("extra", "notes.txt")]


@pytest.mark.parametrize("name", ["dataset.json", "manifest.jsonl", "splits.json"])
def test_a_damaged_document_has_a_way_out(captured, name):
    path = captured / name
    path.write_bytes(path.read_bytes()[:-20])
    (finding,) = [item for item in verify(captured).findings if item.path == name]
    assert "restore" in finding.text
    assert len(finding.text) < 160  # and does not repeat the line that is cut


@pytest.mark.parametrize("name", [FRAME, "train/000"])
def test_a_link_is_told_though_its_content_is_right(small_tree, tmp_path, name):
    (small_tree / name).rename(tmp_path / "elsewhere")
    (small_tree / name).symlink_to(tmp_path / "elsewhere")
    assert told(small_tree) == [("link", name)]


def test_links_that_are_not_listed_are_told_and_not_followed(small_tree):
    (small_tree / "loop").symlink_to(".")
    (small_tree / "train/000/none").symlink_to("/nowhere")
    assert told(small_tree) == [("link", "loop"), ("link", "train/000/none")]


@pytest.mark.parametrize("odd", ["a\x1b[31mb", "a\nb", "x" * 300])
def test_a_listed_path_that_no_dataset_has_is_refused(small_tree, odd):
    path = small_tree / "manifest.jsonl"
    header, first, *rest = path.read_text().splitlines()
    fields = json.loads(first) | {"path": f"test/000/Blur/RGB/{odd}"}
    path.write_text("\n".join([header, json.dumps(fields), *rest]) + "\n")
    with pytest.raises(UserMistake, match=r"line 2: field 'path'"):
        read_manifest(path)
    assert ("damaged", "manifest.jsonl") in told(small_tree)


def test_a_name_on_the_disk_cannot_write_to_the_terminal(small_tree, capsys):
    for name in (b"a\x1b[31mb", b"bad-\xff"):
        (small_tree / os.fsdecode(name)).touch()
    found = verify(small_tree)
    assert [item.path for item in found.findings] == [r"a\x1b[31mb", r"bad-\udcff"]
    _print(found)
    assert "\x1b[31m" not in capsys.readouterr().out
    assert r"bad-\\udcff" in found.model_dump_json()


def test_a_map_of_what_is_no_number_is_damaged():
    places = np.zeros((4, 6, 2), np.float32)
    places[1, 2, 0] = np.nan
    with pytest.raises(UserMistake, match=r"map\.npy: .*no number"):
        decode_map(encode_map(places), "map.npy")
