"""``benchmark.train`` killed with signal 9 at any moment ends in the same weights."""

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from bsd.provenance import sha256_file
from dataset.png import encode_png
from tests.soak.family import kill, run_to_the_end

pytestmark = [pytest.mark.soak, pytest.mark.timeout(1800)]

KILLS = 20
SETTINGS = {
    "model.config.blocks": 1,
    "model.config.channels": 5,
    "model.config.past": 1,
    "model.config.future": 1,
    "data.crop_px": 16,
    "data.frames": 5,
    "data.batch": 2,
    "iterations": 120,
    "log_every": 7,
    "checkpoint_every": 5,
    "validation.every": 30,
}


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A plain tree: smooth noise that drifts, and the same blurred."""
    root = tmp_path_factory.mktemp("tree") / "small"
    for number, split in enumerate(("train", "train", "valid")):
        random = np.random.default_rng(np.random.SeedSequence([42, number]))
        scene = cv2.GaussianBlur(random.uniform(0, 255, (40, 80, 3)), (0, 0), 1.5)
        scene = cv2.normalize(scene, np.empty_like(scene), 10, 245, cv2.NORM_MINMAX)
        for index in range(8):
            sharp = np.ascontiguousarray(scene[:, 2 * index : 2 * index + 48].astype(np.uint8))
            for view, frame in (("Sharp", sharp), ("Blur", cv2.blur(sharp, (5, 1)))):
                folder = root / split / f"{number:03d}" / view / "RGB"
                folder.mkdir(parents=True, exist_ok=True)
                (folder / f"{index:08d}.png").write_bytes(encode_png(np.asarray(frame, np.uint8)))
    return root


def words(tree: Path, folder: Path) -> list[str]:
    given = ["benchmark.train", "--dataset", str(tree), "--threads", "1"]
    given += ["--run", str(folder / "run"), "--cache", str(folder / "cache")]
    for name, value in SETTINGS.items():
        given += ["--set", f"{name}={value}"]
    return given


def metrics(folder: Path) -> list[dict[str, object]]:
    lines = map(json.loads, (folder / "run" / "metrics.jsonl").read_text().splitlines())
    return [{k: v for k, v in line.items() if k != "samples_per_s"} for line in lines]


def stage(run: Path) -> str:
    """Where a killed training stood."""
    if (run / "model.safetensors").exists():
        return "as the weights stood"
    if any((run / "state").glob("*.json")):
        return "after a checkpoint"
    return "before the first checkpoint"


def test_killed_anywhere_and_resumed(
    tree: Path, tmp_path: Path, count: Callable[[int], int], figure: Callable[[str], None]
) -> None:
    again, through = tmp_path / "again", tmp_path / "through"
    run_to_the_end(words(tree, again))
    seconds = run_to_the_end(words(tree, through))
    weights = sha256_file(through / "run" / "model.safetensors")
    assert sha256_file(again / "run" / "model.safetensors") == weights
    trials = count(KILLS)
    random = np.random.default_rng(np.random.SeedSequence([43, trials]))
    stages: Counter[str] = Counter()
    for trial in range(trials):
        folder = tmp_path / f"killed-{trial}"
        folder.mkdir()
        delay_s = seconds * (trial + random.random()) / trials
        kill(words(tree, folder), folder, delay_s)
        stages[stage(folder / "run")] += 1
        run_to_the_end(words(tree, folder))
        found = sha256_file(folder / "run" / "model.safetensors")
        assert found == weights, f"trial {trial}: other weights, killed at {delay_s:.3f} s"
        assert metrics(folder) == metrics(through), f"trial {trial}: other metrics"
        assert not (folder / "run" / "state").exists()
        assert not list(folder.rglob("*.part"))
    told = ", ".join(f"{number} {name}" for name, number in stages.most_common())
    figure(
        f"benchmark.train, {trials} runs killed with signal 9 ({told}) and resumed: each ends with"
        " the SHA-256 of the weights and the metrics of an uninterrupted one"
    )
