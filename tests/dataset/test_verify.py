"""The verb's words and exit codes, as a script would see them."""

import json
import subprocess
import sys

import numpy as np
import pytest

pytestmark = pytest.mark.unit

FRAME = "train/000/Blur/RGB/00000002.png"


def run_verb(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "dataset.verify", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        timeout=50,
    )


def test_verb_prints_findings_and_its_exit_codes(small_tree, tmp_path):
    good = run_verb(small_tree, "--json")
    assert good.returncode == 0
    assert json.loads(good.stdout)["good"] is True
    (small_tree / FRAME).unlink()
    bad = run_verb(small_tree)
    assert bad.returncode == 1
    assert "missing" in bad.stdout
    assert FRAME in bad.stdout
    absent = run_verb(tmp_path / "nowhere")
    assert absent.returncode == 2
    assert absent.stderr.splitlines() == [f"error: {tmp_path / 'nowhere'}: no such folder"]


def test_strict_refuses_undetermined_sequences(tmp_path, dataset_tools):
    clip = dataset_tools["moving_pair"](lambda _t: np.zeros(2), 8, noise=2.0)
    dataset_tools["write_tree"](tmp_path / "t", {"a": clip})
    lenient, strict = run_verb(tmp_path / "t"), run_verb(tmp_path / "t", "--strict")
    assert (lenient.returncode, strict.returncode) == (0, 1)
    assert "undetermined" in lenient.stdout


def test_a_damaged_first_frame_has_exit_code_1_without_hashes_too(small_tree):
    (small_tree / "train/000/Blur/RGB/00000000.png").write_bytes(b"")
    found = run_verb(small_tree, "--no-hash")
    assert (found.returncode, found.stderr) == (1, "")


def test_brackets_in_a_path_are_printed_as_they_are(tmp_path, two_clips, dataset_tools):
    root = tmp_path / "o[" / "x]"
    dataset_tools["write_tree"](root, two_clips)
    (root / "train[/x]").mkdir(parents=True)
    (root / "train[/x]/[/z]").mkdir(parents=True)
    (root / "train[/x]/[/z]/y").touch()
    found = run_verb(root)
    assert found.returncode == 1
    assert "train[/x]/[/z]/y" in found.stdout
    assert f"{root}: BAD" in found.stdout
