import json
import math
import re
from pathlib import Path

import pytest

from benchmark.result import FrameScore, Result, result_stem, write_csv, write_result
from bsd.errors import UserMistake

pytestmark = pytest.mark.unit

GOLDEN = Path(__file__).parent / "golden"


@pytest.fixture
def golden():
    return Result.read(GOLDEN / "result-v1.json")


@pytest.fixture
def fields():
    return json.loads((GOLDEN / "result-v1.json").read_text())


def test_version_1_stays_readable(golden):
    assert golden.summary.model.frame_psnr_db == pytest.approx((30.5 + 31.25 + 100) / 3)
    assert golden.summary.difference.psnr_db[0].unit == "recording"
    assert golden.sequences[1].frames == (FrameScore(index=2, psnr_db=100.0, ssim=1.0),)
    assert golden.model.skip == "centre"
    assert golden.test_set.marks == ("stepped",)


def test_version_1_is_written_as_it_was(golden, tmp_path):
    path = write_result(golden, tmp_path / "new" / "folder")
    assert path.read_bytes() == (GOLDEN / "result-v1.json").read_bytes()
    assert path.with_suffix(".csv").read_bytes() == (GOLDEN / "result-v1.csv").read_bytes()
    assert sorted(p.name for p in path.parent.iterdir()) == [f"{golden.stem}.csv", path.name]


def test_csv_has_a_line_for_each_frame_of_each_set(golden, tmp_path):
    write_csv(golden, tmp_path / "a.csv")
    lines = (tmp_path / "a.csv").read_text().splitlines()
    assert len(lines) == 1 + 3 + 6 + 5
    assert lines[1] == "000,street,primary,2,30.5,0.91,28.5,0.85"
    assert [line.split(",")[2] for line in lines[1:]].count("all-frames") == 11


def test_name_of_the_file_is_the_key(golden):
    stem = "estrnn_abababab_demo_efefefef_test_seed7_VDB-1_primary"
    assert golden.stem == f"{stem}_all-frames"
    alone = golden.model_copy(update={"all_frames_rule": None, "all_frames_summary": None})
    assert alone.stem == stem


def _stem(**changes):
    usual = {
        "model": "identity",
        "checkpoint_sha256": None,
        "test_set": "my set/2",
        "identity": "0123456789",
        "split": "valid",
        "seed": None,
        "mode": "legacy-patch",
        "patch_px": 256,
        "patch_seeds": 20,
    }
    return result_stem(**{**usual, **changes})


def test_what_changes_the_numbers_changes_the_name():
    assert _stem() == "identity_my-set-2_01234567_valid_VDB-1_legacy-patch_256px_20seeds"
    changed = (
        {"patch_px": 128},
        {"patch_seeds": 40},
        {"mode": "primary", "patch_px": None, "patch_seeds": None},
        {"mode": "primary", "patch_px": None, "patch_seeds": None, "all_frames": True},
        {"seed": 0},
        {"identity": "1123456789"},
        {"checkpoint_sha256": "ab" * 32},
    )
    names = {_stem(), *(_stem(**change) for change in changed)}
    assert len(names) == 1 + len(changed)


def test_a_name_is_one_plain_component_of_a_path():
    for test_set in ("../../x", "a" * 400, "é\0ü", ""):
        stem = _stem(test_set=test_set)
        assert len(stem) < 200
        assert re.fullmatch(r"identity_[A-Za-z0-9._-]+", stem)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda f: f.update(extra=1), "unknown field 'extra'"),
        (lambda f: f.update(format_version=2), "newer than this toolkit reads"),
        (lambda f: f.update(mode="secondary"), "field 'mode'"),
        (lambda f: f["sequences"][0]["frames"][0].update(psnr_db=math.inf), "psnr_db"),
        (lambda f: f["sequences"][0]["frames"][0].update(psnr_db=100.5), "less than or equal"),
        (lambda f: f["sequences"][0]["frames"][0].update(index=1), "not of one set"),
        (lambda f: f["sequences"][0].update(length=3), "out of order or too many"),
        (lambda f: f["sequences"][0].update(length=7), "not all 7"),
        (lambda f: f["test_set"].update(frames=4), "3 frames of 2 sequences are listed"),
        (lambda f: f.update(mode="legacy-patch"), "patches belong to mode legacy-patch"),
    ],
)
def test_a_result_that_does_not_fit_is_refused(fields, change, words):
    change(fields)
    with pytest.raises(UserMistake, match=words) as caught:
        Result.from_fields(fields, "a.json")
    assert str(caught.value).startswith("a.json: ")
