"""``python -m dataset.synthesize``: blurry and sharp pairs from fast video."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated

import typer

from bsd import command

app = command.application(
    "Average frames of fast video into a dataset of blurry and sharp pairs.\n\n"
    "Example: python -m dataset.synthesize --recipe gopro clip.mp4 --out gopro_set\n\n"
    "The same command again goes on after an interruption."
)


@app.command()
def verb(
    videos: Annotated[
        list[Path], typer.Argument(help="Videos, or folders of frames with their source.json.")
    ],
    out: Annotated[Path, typer.Option(help="Folder of the dataset.")],
    recipe: Annotated[
        str, typer.Option(help="gopro, gopro-blur, high-fps, rendered, or a .yaml file.")
    ],
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", help="Replace a field of the recipe, e.g. window.frames=7."),
    ] = None,
    split: Annotated[
        list[str] | None,
        typer.Option(
            help="train, valid or test; or shares, 60:20:20 by default; or SCENE=test (repeat)."
        ),
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="The dataset's name; default: recipe and variant.")
    ] = None,
    sequence_frames: Annotated[
        int | None, typer.Option(min=1, help="Pairs of a sequence; default: one per video.")
    ] = None,
    rate_hz: Annotated[
        float | None, typer.Option(help="True rate of all inputs, where the files are wrong.")
    ] = None,
    shutter_us: Annotated[
        float | None, typer.Option(help="Exposure of a source frame, where the files do not say.")
    ] = None,
    allow_rate_mismatch: Annotated[
        bool, typer.Option("--allow-rate-mismatch", help="Use sources of another rate; marked.")
    ] = False,
    keep_stepped: Annotated[
        bool, typer.Option("--keep-stepped", help="Keep what moves too fast for its rate; marked.")
    ] = False,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Cores to use; default: all. Same files with any.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print dataset.json at the end.")] = False,
) -> None:
    """Average frames of fast video into a dataset of blurry and sharp pairs.

    Example: python -m dataset.synthesize --recipe gopro clip.mp4 --out gopro_set
    """
    from bsd.errors import UserMistake
    from bsd.phrase import counted
    from bsd.threads import available_cores, set_threads

    cores = workers or available_cores()
    set_threads(cores)  # before numba and OpenCV start

    from dataset.recipe import load_recipe
    from dataset.synthesis import SynthesisOptions, parse_splits, synthesize

    for option, value in (("--rate-hz", rate_hz), ("--shutter-us", shutter_us)):
        zero_fits = option == "--shutter-us"
        if value is not None and not (0 < value < math.inf or (value == 0 and zero_fits)):
            raise UserMistake(f"{option} {value:g}: a number above zero is needed")
    options = SynthesisOptions.from_fields(
        {
            "name": name,
            "sequence_frames": sequence_frames,
            "rate_hz": rate_hz,
            "shutter_us": shutter_us,
            "allow_rate_mismatch": allow_rate_mismatch,
            "keep_stepped": keep_stepped,
            "workers": cores,
            **parse_splits(split or []),
        }
    )
    published = synthesize(videos, load_recipe(recipe).override(set_ or []), out, options)
    if json:
        command.print_json(published.model_dump(mode="json"))
        return
    counts = ", ".join(
        f"{part} {counted(count.sequences, 'sequence')}, {counted(count.frames, 'pair')}"
        for part, count in published.counts.items()
        if count.sequences
    )
    command.out().print(f"{out}: {published.name}: {counts}", markup=False, emoji=False)
    if published.marks:
        command.out().print(f"marked: {', '.join(published.marks)}", markup=False, emoji=False)


if __name__ == "__main__":
    command.run(app, "dataset.synthesize")
