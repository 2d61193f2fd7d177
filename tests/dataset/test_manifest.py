"""The manifest: what is written is read back; damage names its line."""

import json

import pytest

from bsd.errors import UserMistake
from dataset.manifest import CaptureSource, Entry, read_manifest, write_manifest

pytestmark = pytest.mark.unit


@pytest.fixture
def entries(dataset_tools):
    capture = CaptureSource(
        session="s", clip="clip-000", clip_sha256="2" * 64, pulse=7, calibration_sha256="3" * 64
    )
    sources = [dataset_tools["synthetic_source"](0), capture]
    return [
        Entry(
            path=f"train/000/{view}/RGB/0.png",
            sha256="a" * 64,
            bytes=9,
            shape=(4, 6, 3),
            dtype="uint8",
            source=source,
        )
        for view, source in zip(("Sharp", "Blur"), sources, strict=True)
    ]


def test_both_kinds_of_source_survive_sorted_by_path(tmp_path, entries):
    write_manifest(tmp_path / "m.jsonl", entries)
    assert read_manifest(tmp_path / "m.jsonl") == tuple(entries[::-1])
    header = json.loads((tmp_path / "m.jsonl").read_text().splitlines()[0])
    assert header == {"format": "bsd-manifest", "format_version": 2}


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"bytes":9', '"bytes":-9', "line 2: field 'bytes'"),
        ('"pulse"', '"puls"', "line 2: "),
        ("train/000/Blur", "../../etc", "line 2: field 'path'.*inside the dataset"),
        ("train/000/Blur", "/etc", "line 2: field 'path'"),
        ("train/000/Blur", "train/000/../../../Blur", "line 2: field 'path'"),
        ("train/000/Blur", r"train\\000\\Blur", "line 2: field 'path'"),
        ("train/000/Blur", r"train\u0000", "line 2: field 'path'"),
        ("train/000/Blur", "train//000/Blur", "line 2: field 'path'"),
        ("train/000/Blur", "./train/000/Blur", "line 2: field 'path'"),
        ("train/000/Blur", "train/000/Sharp", "listed twice or out of order"),
        ('"bsd-manifest"', '"other"', "is a 'other' file"),
        ('"kind":"capture"', '"kind":"guess"', "line 2"),
    ],
)
def test_damage_names_the_line(tmp_path, entries, old, new, message):
    path = tmp_path / "m.jsonl"
    write_manifest(path, entries)
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    with pytest.raises(UserMistake, match=rf"m\.jsonl: .*{message}"):
        read_manifest(path)


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe"])
def test_what_is_no_manifest_is_refused(tmp_path, content):
    (tmp_path / "m.jsonl").write_bytes(content)
    with pytest.raises(UserMistake, match=r"m\.jsonl: "):
        read_manifest(tmp_path / "m.jsonl")


@pytest.mark.parametrize("scene", ["a\u2028b", "a\x85b", "a\x0cb", "a\rb", "a\nb"])
def test_a_name_with_a_line_separator_is_read_back(tmp_path, dataset_tools, scene):
    entry = Entry(
        path="train/000/Blur/RGB/0.png",
        sha256="a" * 64,
        bytes=9,
        shape=(4, 6, 3),
        dtype="uint8",
        source=dataset_tools["synthetic_source"](0, scene),
    )
    write_manifest(tmp_path / "m.jsonl", [entry])
    assert read_manifest(tmp_path / "m.jsonl") == (entry,)


@pytest.mark.parametrize("header", ["[" * 20_000, '{"format_version": ' + "1" * 5000 + "}"])
def test_a_header_that_cannot_be_parsed_is_named(tmp_path, header):
    (tmp_path / "m.jsonl").write_text(header)
    with pytest.raises(UserMistake, match=r"m\.jsonl: line 1"):
        read_manifest(tmp_path / "m.jsonl")
