"""A checkpoint in the published layout becomes a model folder that evaluate reads."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from benchmark.checkpoint import load_model
from models.estrnn import Estrnn, EstrnnConfig
from models.upstream import to_upstream

pytestmark = pytest.mark.unit


def _run(*words: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "benchmark.upstream", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_same_picture_comes_out_with_colours_in_our_order(tmp_path: Path) -> None:
    torch.manual_seed(5)
    ours = Estrnn(EstrnnConfig(blocks=1, channels=10, past=1, future=1)).eval()
    published = to_upstream(ours.config, ours.state_dict())
    torch.save({**published, "epoch": 500}, tmp_path / "theirs.tar")
    done = _run(tmp_path / "theirs.tar", "--out", tmp_path / "ours", "--past", 1, "--future", 1)
    assert done.returncode == 0, done.stderr
    assert "B1C10F1P1" in done.stdout
    read, card, _ = load_model(tmp_path / "ours")
    frames = torch.rand(1, 3, 3, 16, 20) - 0.5
    with torch.no_grad():
        assert torch.equal(read(frames), ours(frames))
    assert card.seed is None


def test_what_is_no_checkpoint_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "text.tar").write_text("hello")
    for name, words in (("text.tar", "not a checkpoint"), ("absent.tar", "no such file")):
        done = _run(tmp_path / name, "--out", tmp_path / "ours")
        assert done.returncode == 2
        assert done.stderr.count("\n") == 1
        assert words in done.stderr
    assert not (tmp_path / "ours").exists()
