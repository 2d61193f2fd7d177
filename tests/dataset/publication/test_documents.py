"""Documents are published with their hashes, state what is known, and are no way for markup in."""

import re

import pytest
from pydantic import ValidationError

from bsd.errors import UserMistake
from bsd.provenance import sha256_bytes
from dataset.description import DatasetDescription, LeftOut
from dataset.publication.datasheet import datasheet
from dataset.publication.documents import put_document, write_documents
from dataset.publication.licence import data_licence
from dataset.splits import Assignment
from dataset.tree import Tree, open_tree
from tests.dataset.captures import build, facts_of, publication

pytestmark = pytest.mark.unit


def described(**changes):
    place = Assignment(split="train", sequence="000", scene="a_b")
    fields = {
        "name": "BSD test",
        "kind": "capture",
        "rate_hz": 15.0,
        "width_px": 640,
        "height_px": 480,
        "counts": {"train": {"sequences": 1, "frames": 7}},
        "licence": "CC-BY-4.0",
        "sequences": (facts_of(place, 7),),
        **changes,
    }
    return DatasetDescription(**fields)


def test_published_documents_are_those_whose_hashes_are_stated(tmp_path):
    build(tmp_path, "ab", frames=1)
    about = Tree.open(tmp_path).description
    assert sorted(about.documents) == [
        "LICENSE-DATA.txt", "build.json", "datasheet.md", "qc.html", "qc/clip.png",
    ]  # fmt: skip
    for name, expected in about.documents.items():
        assert sha256_bytes((tmp_path / name).read_bytes()) == expected
    assert about.documents["build.json"] == about.plan_sha256
    assert about.licence == "CC-BY-4.0"


def test_the_datasheet_states_numbers_with_units():
    text = datasheet(publication(described()))
    for line in (
        "# BSD test",
        "| train | 1 | 7 |",
        "| valid | 0 | 0 |",
        "| map RMS | 0.0432 px | 0.1 px | 0.01 px |",
        "| ledger | 0 frames | no frame is lost |",
        "Everybody who can be seen agreed.",
        "The data: CC-BY-4.0, <https://creativecommons.org/licenses/by/4.0/legalcode>",
        "- demosaic: malvar",
    ):
        assert line in text
    assert "2000 µs (sharp) and 16000 µs (blurry)" in text
    assert "ND filter before the blurry camera: 12.5 %" in text
    assert "| 3 / 5.5 px | – | 1 of 1 |" in text
    assert text == datasheet(publication(described()))


def test_the_datasheet_alone_tells_what_the_files_are():
    """Who has the tree and no manual can lay RAW on RAW, read light, and leave out what clipped."""
    text = datasheet(publication(described()))
    for words in (
        "for each pixel of Blur/RAW its (x, y) in pixels of Sharp/RAW",
        "pixel centres at integers",
        "colours of the upper left 2×2 cell",
        "255 where a clipped sample had a share",
        "which count is black",
    ):
        assert words in text


def test_a_limit_in_percent_has_its_sign():
    facts = publication(described())
    limit = facts.gate_limits[0].model_copy(update={"limit": 3.0, "unit": "percent"})
    text = datasheet(facts.model_copy(update={"gate_limits": (limit,)}))
    assert "| ledger | 3 % |" in text


def test_tables_of_the_datasheet_are_whole():
    """Each row has as many cells as its head, whatever names hold."""
    left_out = (LeftOut(scene="x|y", reason="two\nlines | and <script>"),)
    text = datasheet(publication(described(frames_left_out=left_out)))
    rows = [line for line in text.splitlines() if line.startswith("|")]
    width = 0
    for line, following in zip(rows, [*rows[1:], ""], strict=True):
        cells = len(re.findall(r"(?<!\\)\|", line)) - 1
        if following.startswith("|---"):
            width = cells
        assert cells == width
    assert "x\\|y | two lines \\| and \\<script\\> |" in text
    assert "A\\|B" in text


def test_history_and_unknown_values_are_said():
    history = (
        {"revision": 1, "manifest_sha256": "ab" * 32, "plan_sha256": "cd" * 32, "toolkit": "0.1"},
    )
    about = described(revision=2, history=history, rate_hz=None, sequences=())
    text = datasheet(publication(about, nd_transmission=None, tolerances=(), gate_limits=()))
    assert "Revision 2, after revision 1 (manifest `abababababab`)" in text
    assert "ND filter before the blurry camera: not stated" in text
    assert "No tolerances were stated." in text
    assert "pairs per second" not in text
    assert "None" not in text


@pytest.mark.parametrize("consent", ["", "   "])
def test_consent_must_be_stated(consent):
    with pytest.raises(ValidationError, match="consent"):
        publication(described(), consent=consent)


def test_two_licences_are_refused(tmp_path):
    open_tree(tmp_path, "{}")
    facts = publication(described(), licence=data_licence("CC0-1.0"))
    with pytest.raises(UserMistake, match="documents' is 'CC0-1"):
        write_documents(tmp_path, facts)


@pytest.mark.parametrize(
    "name", ["../x.html", "qc/../../x.html", "dataset.json", "train/x.png", "qc/.html", "/x.html"]
)
def test_only_documents_of_known_names_are_taken(tmp_path, name):
    open_tree(tmp_path, "{}")
    with pytest.raises(UserMistake, match="not the name of a document"):
        put_document(tmp_path, name, b"x")


def test_what_is_made_from_facts_is_not_given(tmp_path):
    open_tree(tmp_path, "{}")
    with pytest.raises(UserMistake, match=r"datasheet\.md: is made from facts"):
        put_document(tmp_path, "datasheet.md", b"x")


def test_no_document_without_a_dataset_being_written(tmp_path):
    with pytest.raises(UserMistake, match="no dataset is being written here"):
        put_document(tmp_path, "qc.html", b"x")
