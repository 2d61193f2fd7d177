"""``python -m benchmark.demo``: from pictures to a scored model and a report, in one command.

Each step is a verb that a person could type; the commands are printed and stand in the report.
What was rendered, synthesized and trained is kept; checking, scoring and the report run anew.
"""

from __future__ import annotations

import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from bsd import command
from bsd.document import Document
from bsd.errors import EXIT_DONE, EXIT_INTERRUPTED, EnvironmentFault, FoundBad, UserMistake
from bsd.phrase import counted
from bsd.provenance import sha256_file

if TYPE_CHECKING:
    from benchmark.result import Result

app = command.application("Render, synthesize, verify, train, evaluate and report in one run.")

DATASET = "BSD_controlled"
PLAN_NAME = "demo.json"
SPLITS = ("train", "valid", "test")
HOP = 16
"""Source frames from one pair to the next: 60 pairs a second of a 960 fps source."""
SHIPPED = {
    "train": ("astronaut", "motorcycle", "grass", "hubble", "ihc", "retina", "moon"),
    "valid": ("brick",),
    "test": ("coffee", "camera", "rocket", "chelsea", "gravel"),
}
"""Pictures of scikit-image by split: a picture of the test is in no training scene."""
FIRST_SCENE = {"train": 0, "valid": 100, "test": 200}


class Plan(Document):
    """What a demo's folder is for: file format ``bsd-demo``, written before anything else."""

    format: Literal["bsd-demo"] = "bsd-demo"
    format_version: Literal[1] = 1
    quick: bool
    video_sha256: str | None


@dataclass(frozen=True)
class Scale:
    """How large the run is."""

    scenes: dict[str, int]
    pairs: int
    width_px: int
    height_px: int
    iterations: int
    checkpoint_every: int


FULL = Scale({"train": 14, "valid": 1, "test": 5}, 24, 320, 192, 1100, 200)
QUICK = Scale({"train": 7, "valid": 1, "test": 3}, 12, 224, 144, 200, 100)
SHOWN_FRAMES = 3


@app.command()
def demo(
    out: Annotated[Path, typer.Option(help="Folder of everything that is made.")] = Path("demo"),
    video: Annotated[
        Path | None, typer.Option(help="Render from frames of this clip instead.")
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="The whole chain, with a short training.")
    ] = False,
) -> int:
    """Make a small dataset with known truth, train on it and report how well that went.

    Example: python -m benchmark.demo --out demo --video walk.mp4
    """
    begun = time.monotonic()
    scale = QUICK if quick else FULL
    _claim(out, Plan(quick=quick, video_sha256=None if video is None else _sha256(video)))
    typed: list[str] = []
    for title, words in _steps(out, video, scale):
        command.out().print(f"\n{title}", style="bold", markup=False)
        typed.append(shlex.join(["bsd", *words]))
        command.out().print(typed[-1], style="dim", markup=False)
        code = _run(words)
        if code != EXIT_DONE:
            return code  # the step has said why
    stem = _stem(out)
    result = _result(out, stem)
    note = _note(video, quick)
    _report(out, result, typed, note, stem)
    command.out().print(f"\n{note}", markup=False)
    page = out / "report.html"
    command.out().print(f"{page}: the report; {_minutes(begun)} in all", markup=False)
    _check_gain(result)
    return EXIT_DONE


def _claim(out: Path, plan: Plan) -> None:
    """Make `out` the folder of this demo, or go on in it; what is somebody else's is not touched.

    Raises
    ------
    UserMistake
        It holds other files, or a demo of another kind.
    """
    path = out / PLAN_NAME
    if path.is_file():
        if Plan.read(path) != plan:
            raise UserMistake(f"{out}: holds a demo of other settings; give another --out")
        return
    if out.is_dir() and (found := sorted(item.name for item in out.iterdir())):
        raise UserMistake(
            f"{out}: holds '{found[0]}', which no demo made; give a folder that is empty or new"
        )
    out.mkdir(parents=True, exist_ok=True)
    plan.write(path)


def _sha256(video: Path) -> str:
    if not video.is_file():
        raise UserMistake(f"--video {video}: no such file")
    return sha256_file(video)


def _steps(out: Path, video: Path | None, scale: Scale) -> Iterator[tuple[str, list[str]]]:
    sources = out / "sources"
    pictures = _shipped(scale) if video is None else _from_video(video, out, scale)
    for split in SPLITS:
        yield f"Render the scenes of {split}", _render(sources, split, pictures[split], scale)
    yield "Synthesize blurry and sharp pairs", _synthesize(sources, out / DATASET, scale)
    yield "Verify the dataset", ["dataset", "verify", str(out / DATASET)]
    yield "Train a small ESTRNN", _train(out, scale)
    yield "Score it on the scenes of test", _evaluate(out, scale)


def _render(sources: Path, split: str, pictures: list[str], scale: Scale) -> list[str]:
    words = ["dataset", "render", "--out", str(sources / split)]
    for picture in pictures:
        words += ["--picture", picture]
    words += ["--scenes", str(scale.scenes[split])]
    for field, value in {
        "scene": FIRST_SCENE[split],
        "frames": (scale.pairs - 1) * HOP + 15,
        "width_px": scale.width_px,
        "height_px": scale.height_px,
    }.items():
        words += ["--set", f"{field}={value}"]
    return words


def _shipped(scale: Scale) -> dict[str, list[str]]:
    return {
        split: [f"shipped:{name}" for name in SHIPPED[split][: scale.scenes[split]]]
        for split in SPLITS
    }


def _from_video(video: Path, out: Path, scale: Scale) -> dict[str, list[str]]:
    """Still pictures from a clip: the first ones for training, the last ones for the test."""
    from bsd.document import write_bytes
    from dataset.pictures import video_pictures
    from dataset.png import encode_png

    counts = {split: min(scale.scenes[split], len(SHIPPED[split])) for split in SPLITS}
    found = iter(enumerate(video_pictures(video, sum(counts.values()))))
    folder = out / "pictures"
    folder.mkdir(parents=True, exist_ok=True)
    chosen: dict[str, list[str]] = {split: [] for split in SPLITS}
    for split in SPLITS:
        for _ in range(counts[split]):
            index, picture = next(found)
            path = folder / f"{index:03d}.png"
            write_bytes(path, encode_png(picture))
            chosen[split].append(str(path))
    return chosen


def _synthesize(sources: Path, dataset: Path, scale: Scale) -> list[str]:
    words = ["dataset", "synthesize", "--recipe", "rendered", "--out", str(dataset)]
    clips = []
    for split in SPLITS:
        for index in range(scale.scenes[split]):
            scene = f"scene-{FIRST_SCENE[split] + index:03d}"
            words += ["--split", f"{scene}={split}"]
            clips.append(str(sources / split / f"{scene}.mkv"))
    return [*words, *clips]


def _train(out: Path, scale: Scale) -> list[str]:
    words = ["benchmark", "train", "--dataset", str(out / DATASET), "--run", str(out / "run")]
    words += ["--cache", str(out / "cache")]
    settings = {
        "model.config.blocks": 3,
        "model.config.channels": 40,
        "model.config.past": 1,
        "model.config.future": 1,
        "model.config.activation": "relu",
        "model.config.skip": "centre",
        "model.config.zero_last": "true",
        "data.crop_px": 64,
        "data.frames": 10,
        "data.batch": 4,
        "optimiser.lr": 2e-3,
        "iterations": scale.iterations,
        "checkpoint_every": scale.checkpoint_every,
        "validation.every": scale.checkpoint_every,
        "seed": 39,
    }
    for field, value in settings.items():
        words += ["--set", f"{field}={value}"]
    return words


def _evaluate(out: Path, scale: Scale) -> list[str]:
    from benchmark.showcase import frames_to_keep

    words = ["benchmark", "evaluate", "--model", str(out / "run"), "--dataset", str(out / DATASET)]
    words += ["--out", str(out / "results"), "--all-frames"]
    lengths = {f"{number:03d}": scale.pairs for number in range(scale.scenes["test"])}
    for sequence, frame in sorted(frames_to_keep(lengths, SHOWN_FRAMES)):
        words += ["--keep-frames", f"{sequence}:{frame}"]
    return words


def _run(words: list[str]) -> int:
    """Run a verb as a process of its own: what the demo does is what a person can type."""
    try:
        code = subprocess.run([sys.executable, "-m", "bsd", *words], check=False).returncode  # noqa: S603
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    if code < 0:  # nobody has said why: say it here
        raise EnvironmentFault(
            f"bsd {' '.join(words[:2])}: ended by {signal.Signals(-code).name}; where that is"
            " SIGKILL, memory may have run out; run the same command again to go on"
        )
    return code


def _stem(out: Path) -> str:
    """Name of this run's RESULT; results of earlier runs may lie beside it."""
    from benchmark.candidate import Candidate
    from benchmark.scoring import stem
    from dataset.tree import Tree

    candidate, tree = Candidate.load(out / "run"), Tree.open(out / DATASET)
    return stem(candidate, tree, "test", "primary", all_frames=True)


def _result(out: Path, stem: str) -> Result:
    from benchmark.result import Result

    return Result.read(out / "results" / f"{stem}.json")


def _note(video: Path | None, quick: bool) -> str:
    """What a reader must know about the material, beside what the files say themselves."""
    note = "The clips are rendered from still pictures that are moved along a hand's path."
    if video is not None:
        note += (
            f" All pictures are frames of one clip, {video.name}: earlier ones for training, its"
            " last ones for the test. The scenes are not independent recordings, so intervals are"
            " too narrow for any other clip."
        )
    else:
        note += " No picture of the test is in a training scene."
    if quick:
        note += " The training was cut short (--quick); its figures mean little."
    return note


def _report(out: Path, result: Result, typed: list[str], note: str, stem: str) -> None:
    from benchmark.cost import measure
    from benchmark.report import write_report

    facts, test = result.model, result.test_set
    write_report(
        [result],
        out / "report.html",
        run=out / "run",
        dataset=out / DATASET,
        frames=out / "results" / f"{stem}_frames",
        title="From pictures to a scored model",
        note=note,
        commands="\n".join(typed),
        cost=measure(facts.name, facts.config, test.height_px, test.width_px),
        pictures=len(result.sequences),
    )


def _check_gain(result: Result) -> None:
    """Raise `FoundBad` where the model does not improve the frames on the mean."""
    gain = result.summary.difference.psnr_db[0]
    text = f"mean gain over the blurry frames {gain.mean:+.3f} dB"
    if gain.low is not None and gain.high is not None:
        over = counted(gain.n, gain.unit)
        text += f" (95 % interval {gain.low:+.3f} to {gain.high:+.3f}, {over})"
    if gain.mean <= 0:
        raise FoundBad(f"{text}: the model makes the frames worse; every sequence is in the report")
    command.out().print(text, markup=False)


def _minutes(begun: float) -> str:
    seconds = round(time.monotonic() - begun)
    return f"{seconds // 60} min {seconds % 60:02d} s"


if __name__ == "__main__":
    command.run(app, "benchmark.demo")
