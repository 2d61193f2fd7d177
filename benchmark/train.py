"""``python -m benchmark.train``: train a model on datasets, or go on with a training."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bsd import command
from bsd.errors import EXIT_DONE, EXIT_INTERRUPTED
from bsd.phrase import counted
from bsd.threads import available_cores, set_threads

if TYPE_CHECKING:
    from benchmark.training import Outcome

app = command.application("Train a model on datasets, or go on with a training.")


@app.command()
def train(
    dataset: Annotated[list[Path], typer.Option(help="Folder of a dataset; repeatable.")],
    run: Annotated[Path, typer.Option(help="Folder of the RUN: a new one, or one to go on with.")],
    config: Annotated[
        Path | None, typer.Option(help="YAML file of settings; default: the papers'.")
    ] = None,
    assignments: Annotated[
        list[str] | None,
        typer.Option("--set", help="FIELD=VALUE over the file's, e.g. data.batch=4; repeatable."),
    ] = None,
    cache: Annotated[
        Path | None,
        typer.Option(help="Folder of packed frames; default: a folder in ~/.cache."),
    ] = None,
    threads: Annotated[int | None, typer.Option(min=1, help="Default: all cores.")] = None,
    device: Annotated[str, typer.Option(help="cpu, or a torch device such as cuda.")] = "cpu",
    as_json: Annotated[bool, typer.Option("--json", help="Print the outcome as JSON.")] = False,
) -> int:
    """Train a model; the same command goes on where it was interrupted or killed.

    Example: python -m benchmark.train --dataset BSD_2ms16ms --run runs/small
    --set model.config.blocks=3 --set model.config.channels=40 --set iterations=20000
    """
    set_threads(threads or available_cores())  # before the numerical libraries start
    from benchmark import training
    from benchmark.trainer import resolve
    from benchmark.training_config import TrainConfig

    given = TrainConfig() if config is None else TrainConfig.read(config)
    # Resolved first: only then does `--set model.config.FIELD` have fields to change.
    settings = resolve(given).override(assignments or []) if assignments else given
    outcome = training.train(dataset, run, settings, cache=cache, threads=threads, device=device)
    if as_json:
        command.print_json(_answer(run, outcome))
    else:
        command.out().print(_sentence(run, outcome, settings.iterations), markup=False)
    return EXIT_INTERRUPTED if outcome.card is None else EXIT_DONE


def _sentence(run: Path, outcome: Outcome, iterations: int) -> str:
    if outcome.card is None:
        return (
            f"{run}: interrupted and saved after iteration {outcome.iterations} of {iterations};"
            " run the same command to go on"
        )
    if outcome.resumed_from == outcome.iterations:
        return f"{run}: was finished already after {counted(outcome.iterations, 'iteration')}"
    text = f"{run}: trained, {counted(outcome.iterations, 'iteration')}"
    if outcome.resumed_from:
        text += f", the last {outcome.iterations - outcome.resumed_from} of them now"
    if outcome.validation is not None:
        score = outcome.validation
        text += f"; valid {score.psnr_db:.3f} dB, {score.gain_db:+.3f} dB against the blurry frames"
    return text


def _answer(run: Path, outcome: Outcome) -> dict[str, object]:
    score = outcome.validation
    return {
        "run": str(run),
        "iterations": outcome.iterations,
        "resumed_from": outcome.resumed_from,
        "finished": outcome.card is not None,
        "weights_sha256": outcome.card.weights_sha256 if outcome.card else None,
        "valid_psnr_db": score.psnr_db if score else None,
        "valid_gain_db": score.gain_db if score else None,
    }


if __name__ == "__main__":
    command.run(app, "benchmark.train")
