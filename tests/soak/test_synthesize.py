"""``dataset.synthesize`` killed with signal 9 at any moment ends in the same files."""

import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.dataset.clips import moving_texture, write_ffv1
from tests.soak.family import files_of, kill, run_to_the_end

pytestmark = [pytest.mark.soak, pytest.mark.timeout(1800)]

KILLS = 40
CLIP_FRAMES = 1400  # 200 pairs: about half of a run is spent on frames, the rest on starting


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("clips")
    return [
        write_ffv1(
            folder / f"clip-{seed}.mkv",
            moving_texture(CLIP_FRAMES, 1.0, (64, 96), seed),
            240,
            "bsd shutter_us=500",
        )
        for seed in (1, 2)
    ]


def words(clips: list[Path], out: Path, workers: int) -> list[str]:
    return [
        *("dataset.synthesize", "--recipe", "gopro", "--set", "window.frames=7"),
        *("--sequence-frames", "20", "--workers", str(workers), "--out", str(out)),
        *map(str, clips),
    ]


def work_s(root: Path) -> float:
    """Seconds from the first frame of a tree to its last document."""
    first = min(path.stat().st_mtime for path in root.rglob("*.png"))
    return (root / "dataset.json").stat().st_mtime - first


def stage(out: Path) -> str:
    """Where a killed run stood."""
    if (out / "dataset.json").exists():
        return "as dataset.json stood"
    if any(out.rglob("*.png")):
        return "among the frames"
    return "before the first frame"


def test_killed_anywhere_and_resumed(
    clips: list[Path], tmp_path: Path, count: Callable[[int], int], figure: Callable[[str], None]
) -> None:
    wholes = {workers: tmp_path / f"whole-{workers}" for workers in (2, 1)}
    seconds = {n: run_to_the_end(words(clips, out, n)) for n, out in wholes.items()}
    whole = files_of(wholes[1])
    assert len(whole) == 3 + 2 * 2 * CLIP_FRAMES // 7
    assert files_of(wholes[2]) == whole
    trials = count(KILLS)
    random = np.random.default_rng(np.random.SeedSequence([41, trials]))
    stages: Counter[str] = Counter()
    for trial in range(trials):
        # Workers alternate. Every other kill of each number of workers lies anywhere in the run,
        # the others between its first frame and its end, which is where most can go wrong.
        workers, whole_run = 1 + trial % 2, (trial + trial // 2) % 2 == 0
        length_s = seconds[workers] if whole_run else work_s(wholes[workers])
        delay_s = length_s * (trial + random.random()) / trials
        out = tmp_path / "killed"
        kill(words(clips, out, workers), out, delay_s, None if whole_run else "*.png")
        stages[stage(out)] += 1
        for path, content in files_of(out).items():
            if path.endswith(".png"):
                assert content == whole[path], f"trial {trial}: {path} is half a file"
        run_to_the_end(words(clips, out, int(random.integers(1, 3))))
        assert files_of(out) == whole, f"trial {trial}: other files, killed at {delay_s:.3f} s"
        assert not list(out.rglob("*.part"))
        assert not (out / ".work").exists()
        shutil.rmtree(out)
    told = ", ".join(f"{number} {name}" for name, number in stages.most_common())
    figure(
        f"dataset.synthesize, {trials} runs killed with signal 9 ({told}) and resumed: each tree of"
        f" {len(whole)} files equals the uninterrupted one; no half-written PNG after a kill, no"
        " process, .part or .work left"
    )
