"""``python -m benchmark.demo``: from a virtual rig to a scored model and a report, in one command.

Each step is a verb that a person could type; the commands are printed and stand in the report.
What was recorded, calibrated, built and trained is kept; checking, scoring and the report run anew.
"""

from __future__ import annotations

import shlex
import signal
import subprocess
import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from benchmark.demonstration import (
    DATASET,
    FULL,
    QUICK,
    Scale,
    pictures_of,
    recording,
    steps,
    twin,
)
from benchmark.virtual_rig import Recorded, VirtualRig
from bsd import command
from bsd.document import Document
from bsd.errors import EXIT_DONE, EXIT_INTERRUPTED, EnvironmentFault, FoundBad, UserMistake
from bsd.phrase import counted
from bsd.provenance import sha256_file

if TYPE_CHECKING:
    from benchmark.result import Result

app = command.application(
    "Record with the virtual rig, calibrate, build, verify, train, evaluate and report in one run."
)

PLAN_NAME = "demo.json"


class Plan(Document):
    """What a demo's folder is for: file format ``bsd-demo``, written before anything else."""

    format: Literal["bsd-demo"] = "bsd-demo"
    format_version: Literal[1] = 1
    quick: bool
    video_sha256: str | None


@dataclass
class Walk:
    """The demo under way: what was typed, and which step runs."""

    typed: list[str] = field(default_factory=list)
    step: str = ""

    def take(self, title: str, words: list[str]) -> None:
        """Run one step; `StepFailed` where it did not end well."""
        self.step = title
        command.out().print(f"\n{title}", style="bold", markup=False)
        self.tell(words)
        code = _run(words)
        if code != EXIT_DONE:
            raise StepFailed(title, code)

    def tell(self, words: list[str]) -> None:
        """Print a command as a person would type it, and remember it for the report."""
        self.typed.append(shlex.join(["bsd", *words]))
        command.out().print(self.typed[-1], style="dim", markup=False)


class StepFailed(Exception):
    """A step ended with another code than 0; it has said why itself."""

    def __init__(self, title: str, code: int) -> None:
        super().__init__(title)
        self.code = code


@app.command()
def demo(
    out: Annotated[Path, typer.Option(help="Folder of everything that is made.")] = Path("demo"),
    video: Annotated[
        Path | None, typer.Option(help="Show frames of this clip to the rig instead.")
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="The whole chain, with a short training.")
    ] = False,
) -> int:
    """Record a small dataset with the virtual rig, train on it and report how well that went.

    Example: python -m benchmark.demo --out demo --video walk.mp4
    """
    begun = time.monotonic()
    scale = QUICK if quick else FULL
    _claim(out, Plan(quick=quick, video_sha256=None if video is None else _sha256(video)))
    walk = Walk()
    try:
        _record(walk, out, pictures_of(video, out), scale)
        for title, words in steps(out, Recorded.of(out / "session"), scale):
            walk.take(title, words)
    except StepFailed as failed:
        command.out().print(f"the demo ended at: {failed}", markup=False)
        return failed.code
    except (EnvironmentFault, UserMistake):
        command.out().print(f"the demo ended at: {walk.step}", markup=False)
        raise
    stem = _stem(out)
    result = _result(out, stem)
    note = _note(video, quick)
    _report(out, result, walk.typed, note, stem)
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


def _record(walk: Walk, out: Path, pictures: dict[str, list[str]], scale: Scale) -> None:
    """Everything for which the rig has to run; nothing where the session is complete."""
    session = out / "session"
    recorded = Recorded.of(session)
    walk.step = "Start the virtual rig"
    missing = recorded.missing(scale.clips)
    if recorded.complete and not any(missing.values()):
        return
    rig_file = out / "rig.yaml"
    words = twin(rig_file, scale)
    command.out().print(f"\n{walk.step}", style="bold", markup=False)
    walk.tell(words)
    with ExitStack() as stack:
        stack.enter_context(VirtualRig(words, rig_file, out / "rig.log"))
        for title, step in recording(out, rig_file, pictures, missing, scale, recorded):
            walk.take(title, step)


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
    note = (
        "The clips are recordings of a virtual rig: still pictures that hang, stand and go past"
        " before two computed cameras in a hand that shakes."
    )
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
        title="From a rig to a scored model",
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
