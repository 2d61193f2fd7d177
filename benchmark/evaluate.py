"""``python -m benchmark.evaluate``: score a model, or the blurry input, on a test set."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bsd import command
from bsd.errors import EnvironmentFault, UserMistake
from bsd.threads import available_cores, set_threads

if TYPE_CHECKING:
    from rich.table import Table

    from benchmark.protocol import Mode, PatchRule
    from benchmark.result import Interval, Result, Row, Summary

app = command.application("Score a model on a test set by protocol VDB-1.")


@app.command()
def evaluate(
    model: Annotated[str, typer.Option(help="Folder of a RUN, or 'identity'.")],
    dataset: Annotated[Path, typer.Option(help="Folder of a dataset.")],
    split: Annotated[str, typer.Option(help="train, valid or test.")] = "test",
    mode: Annotated[str, typer.Option(help="primary, legacy-window or legacy-patch.")] = "primary",
    out: Annotated[Path, typer.Option(help="Folder for RESULT and CSV.")] = Path("results"),
    all_frames: Annotated[
        bool, typer.Option("--all-frames", help="Score every frame too; takes a second run.")
    ] = False,
    patch_px: Annotated[
        int | None, typer.Option(help="Side of legacy-patch's patches; default 256.")
    ] = None,
    patch_seeds: Annotated[
        int | None, typer.Option(help="Seeds of legacy-patch, at least 20; default 20.")
    ] = None,
    keep_frames: Annotated[
        list[str] | None,
        typer.Option(help="SEQUENCE:FRAME, kept as PNG beside the RESULT; repeatable."),
    ] = None,
    threads: Annotated[int | None, typer.Option(min=1, help="Default: all cores.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
) -> None:
    """Score a model on a test set; the blurry input is scored the same way beside it.

    Example: python -m benchmark.evaluate --model runs/small --dataset BSD_2ms16ms

    Example: python -m benchmark.evaluate --model identity --dataset BSD_2ms16ms --all-frames
    """
    cores = threads or available_cores()
    set_threads(cores)  # before the numerical libraries start
    from benchmark import scoring
    from benchmark.candidate import Candidate
    from benchmark.judge import Keep
    from benchmark.result import IDENTITY, write_result
    from dataset.tree import Tree

    chosen = _mode(mode)
    _check_writable(out)
    candidate = Candidate.identity() if model == IDENTITY else Candidate.load(Path(model))
    tree = Tree.open(dataset)
    wanted = _frames_to_keep(keep_frames or [])
    rule = _patch_rule(patch_px, patch_seeds)
    stem = scoring.stem(candidate, tree, split, chosen, all_frames=all_frames, patches=rule)
    keep = Keep(out / f"{stem}_frames", wanted) if wanted else None
    total = scoring.frames_to_score(candidate, tree, split, chosen, all_frames)
    with command.progress(f"scoring {candidate.facts.name}", total) as advance:
        result = scoring.evaluate(
            candidate,
            tree,
            split,
            chosen,
            all_frames=all_frames,
            patches=rule,
            keep=keep,
            # A model keeps the cores busy itself; reading and scoring need little beside it.
            threads=cores if candidate.model is None else 1,
            advance=advance,
        )
    path = write_result(result, out)
    if as_json:
        answer = {"result": str(path), **result.model_dump(mode="json", exclude={"sequences"})}
        command.print_json(answer)
        return
    _show(result, path)


_OF_A_DATASET = ("manifest.jsonl", ".work/plan.json")
"""Of a published dataset, and of one that is being made."""


def _check_writable(folder: Path) -> None:
    """Refuse an output folder that cannot be made now, not after hours of scoring."""
    present = folder
    while not present.exists() and present != present.parent:
        present = present.parent
    if not present.is_dir():
        raise UserMistake(f"--out {folder}: {present} is a file; give a folder")
    if not os.access(present, os.W_OK):
        raise EnvironmentFault(
            f"--out {folder}: {present} cannot be written; choose another folder"
        )
    for place in (present.resolve(), *present.resolve().parents):
        if any((place / name).is_file() for name in _OF_A_DATASET):
            raise UserMistake(
                f"--out {folder}: lies in the dataset {place}, which holds its own files only;"
                " choose another folder"
            )


def _mode(text: str) -> Mode:
    from benchmark.protocol import MODES

    for mode in MODES:
        if text == mode:
            return mode
    raise UserMistake(f"--mode {text}: no such mode; choose {', '.join(MODES)}")


def _patch_rule(patch_px: int | None, seeds: int | None) -> PatchRule | None:
    from benchmark.protocol import PatchRule

    if patch_px is None and seeds is None:
        return None
    usual = PatchRule()
    return PatchRule(
        usual.patch_px if patch_px is None else patch_px, usual.seeds if seeds is None else seeds
    )


def _frames_to_keep(texts: Sequence[str]) -> frozenset[tuple[str, int]]:
    wanted = set()
    for text in texts:
        sequence, _, frame = text.rpartition(":")
        if not sequence or not frame.isascii() or not frame.isdigit():
            raise UserMistake(f"--keep-frames {text}: write it as SEQUENCE:FRAME, e.g. 000:12")
        wanted.add((sequence, int(frame)))
    return frozenset(wanted)


def _show(result: Result, path: Path) -> None:
    from benchmark.result import IDENTITY
    from bsd.phrase import counted, times

    console, facts = command.out(), result.test_set
    title = f"{counted(facts.frames, 'frame')} of {counted(facts.sequences, 'sequence')}"
    console.print(_table(result, result.summary, title))
    if result.all_frames_summary is not None:
        title = "all frames, the ends' frames replicated"
        console.print(_table(result, result.all_frames_summary, title))
    second = result.summary.difference.psnr_db[1]
    if result.model.name != IDENTITY and second.low is not None and second.high is not None:
        console.print(
            f"  PSNR difference: bootstrap {second.low:+.3f} to {second.high:+.3f} dB; above 0 in "
            f"{result.summary.difference.better} of {counted(second.n, second.unit)}",
            markup=False,
        )
    if result.patches is not None:
        ours, blurry = result.patches.psnr_db, result.patches.identity_psnr_db
        console.print(
            f"  over {len(result.patches.seeds)} seeds: {result.model.name} {ours.mean:.3f} dB, "
            f"standard deviation {ours.deviation:.3f}; blurry input {blurry.mean:.3f} dB, "
            f"{blurry.deviation:.3f}",
            markup=False,
        )
    if result.boundary_rule == "replicate":
        console.print(
            f"  {result.model.name} needs more context than the frames scored leave: first frame "
            f"fed {times(result.replicated_before)} more, last {times(result.replicated_after)}",
            markup=False,
        )
    console.print(f"  {path}", markup=False)


def _table(result: Result, summary: Summary, title: str) -> Table:
    from rich import box
    from rich.markup import escape
    from rich.table import Table

    from benchmark.result import IDENTITY
    from bsd.phrase import counted

    model, blurry, gain = summary.model, summary.identity, summary.difference
    unit = gain.psnr_db[0]
    table = Table(
        title=escape(
            f"{result.protocol} {result.mode}, {result.test_set.name} "
            f"({result.test_set.split}): {title}"
        ),
        caption=f"±: 95 % t interval over {counted(unit.n, unit.unit)}"
        if unit.n > 1
        else f"one {unit.unit}: no interval",
        box=box.SIMPLE_HEAD,
    )
    table.add_column("\nmean over", overflow="fold")
    for metric in ("PSNR", "SSIM"):
        table.add_column(f"{metric}\nframes", justify="right", no_wrap=True)
        table.add_column(f"{metric}\n{unit.unit}s", justify="right", no_wrap=True)
    table.add_row("blurry input", *_cells(blurry))
    if result.model.name != IDENTITY:
        table.add_row(escape(result.model.name), *_cells(model))
        table.add_row(
            "difference",
            f"{model.frame_psnr_db - blurry.frame_psnr_db:+.3f}",
            _plus_minus(gain.psnr_db[0], "+.3f"),
            f"{model.frame_ssim - blurry.frame_ssim:+.4f}",
            _plus_minus(gain.ssim[0], "+.4f"),
        )
    return table


def _cells(row: Row) -> tuple[str, str, str, str]:
    return (
        f"{row.frame_psnr_db:.3f}",
        _plus_minus(row.psnr_db[0], ".3f"),
        f"{row.frame_ssim:.4f}",
        _plus_minus(row.ssim[0], ".4f"),
    )


def _plus_minus(interval: Interval, form: str) -> str:
    """Mean and half width of a t interval; the mean alone where n is 1."""
    if interval.high is None:
        return format(interval.mean, form)
    return f"{interval.mean:{form}} ± {interval.high - interval.mean:{form.lstrip('+')}}"


if __name__ == "__main__":
    command.run(app, "benchmark.evaluate")
