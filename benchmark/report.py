"""``python -m benchmark.report``: RESULT files as one HTML page that opens without a network."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bsd import command
from bsd.errors import UserMistake

if TYPE_CHECKING:
    from benchmark.macs import Cost
    from benchmark.result import Result
    from bsd.page import Block
    from dataset.tree import Tree

DEFAULT_PICTURES = 6

app = command.application("Write results as one HTML page that opens without a network.")


@app.command()
def report(
    results: Annotated[
        list[Path], typer.Option("--results", help="RESULT file; repeatable, the first leads.")
    ],
    out: Annotated[Path, typer.Option(help="The page to write.")] = Path("report.html"),
    run: Annotated[Path | None, typer.Option(help="Folder of the RUN: its curves.")] = None,
    dataset: Annotated[Path | None, typer.Option(help="The test set: pictures, facts.")] = None,
    frames: Annotated[
        Path | None, typer.Option(help="Restored frames that evaluate kept; needs --dataset.")
    ] = None,
    title: Annotated[str | None, typer.Option(help="Title of the page.")] = None,
    note: Annotated[str, typer.Option(help="What a reader should know about the material.")] = "",
    commands: Annotated[
        Path | None, typer.Option(help="Text file of the commands that were run.")
    ] = None,
    pictures: Annotated[
        int, typer.Option(min=1, help="Sequences shown, from the best to the worst.")
    ] = DEFAULT_PICTURES,
    count_cost: Annotated[
        bool, typer.Option("--cost", help="Count the model's multiply-accumulates.")
    ] = False,
) -> None:
    """Write one page: key figures, pictures, every sequence, intervals, curves, versions.

    Example: python -m benchmark.report --results results/a.json --run runs/a --dataset DATASET
    """
    from benchmark.origins import read_text
    from benchmark.result import Result

    if out.suffix.lower() not in {".html", ".htm"}:
        raise UserMistake(f"--out {out}: a page is an .html file; name it so")
    loaded = [Result.read(path) for path in results]
    write_report(
        loaded,
        out,
        run=run,
        dataset=dataset,
        frames=frames,
        title=title,
        note=note,
        commands="" if commands is None else read_text(commands),
        cost=_cost(loaded[0]) if count_cost else None,
        pictures=pictures,
    )
    command.out().print(f"  {out}", markup=False)


def write_report(
    results: Sequence[Result],
    out: Path,
    *,
    run: Path | None = None,
    dataset: Path | None = None,
    frames: Path | None = None,
    title: str | None = None,
    note: str = "",
    commands: str = "",
    cost: Cost | None = None,
    pictures: int = DEFAULT_PICTURES,
) -> None:
    """Write the page, atomically. Equal inputs give equal bytes.

    Parameters
    ----------
    results
        At least one. The first is what the page is about; further ones stand beside it.
    out
        The file; its folder is made.
    run
        RUN folder of the first result's model, for the curves of its training.
    dataset
        The test set of the first result, for pictures and facts.
    frames
        Restored frames, ``SEQUENCE/00000000.png``, as evaluate kept them; needs `dataset`.
    title, note
        Title of the page; a paragraph on the material, shown beside what follows from the files.
    commands
        The commands that were run, one on a line.
    cost
        Cost of a restored frame of the test set's size.
    pictures
        How many sequences are shown, at even steps from the best to the worst.

    Raises
    ------
    UserMistake
        A dataset that is not the result's test set, frames of another run, a damaged run.
    """
    from benchmark import curves, origins, sections
    from bsd.page import Heading, Page, Paragraph

    if not results:
        raise UserMistake("a report needs at least one result")
    first = results[0]
    if frames is not None and dataset is None:
        raise UserMistake(f"--frames {frames}: give the test set by --dataset as well")
    tree = None if dataset is None else _test_set(dataset, first)
    page = Page(
        title or f"{first.model.name} on {first.test_set.name}",
        f"{first.protocol}, mode {first.mode}, split {first.test_set.split}",
        footer=f"bsd-toolkit {first.toolkit}. This file asks for nothing outside itself.",
    )
    page.add(sections.opening(first))
    if about := " ".join(filter(None, (note, "" if tree is None else origins.caution(tree)))):
        page.add(Paragraph(about, "note"))
    page.add(sections.key_figures(first), *sections.caution(first))
    if tree is not None:
        page.add(Heading("Pictures"), *_pictures(first, tree, frames, pictures))
    page.add(Heading("Every sequence"), *sections.every_sequence(first))
    page.add(Heading("Means and intervals"), *sections.aggregates(first))
    if len(results) > 1:
        page.add(Heading("Results side by side"), sections.side_by_side(results))
    page.add(Heading("Against frame number"), curves.against_frame_number(results))
    if run is not None:
        page.add(Heading("Training"), *origins.training_blocks(run, first))
    page.add(Heading("Model"), *origins.model_blocks(first, cost))
    if tree is not None:
        page.add(Heading("Test set"), *origins.dataset_blocks(tree))
    page.add(Heading("How it was made"), *origins.provenance_blocks(results, commands))
    out.parent.mkdir(parents=True, exist_ok=True)
    page.write(out)


def _test_set(dataset: Path, result: Result) -> Tree:
    from dataset.tree import Tree

    tree = Tree.open(dataset)
    if tree.identity != result.test_set.identity:
        raise UserMistake(
            f"{dataset}: identity {tree.identity[:12]}… is not that of the result's test set"
            f" ({result.test_set.identity[:12]}…); give the dataset that was scored"
        )
    return tree


def _pictures(result: Result, tree: Tree, frames: Path | None, count: int) -> tuple[Block, ...]:
    from benchmark.showcase import comparisons
    from bsd.page import Paragraph

    words = (
        f"Sequences of split ‘{result.test_set.split}’ from the best to the worst by mean gain,"
        " not the best alone. Drag across a picture, or use the slider by mouse or arrow keys; the"
        " lists choose what stands on each side."
    )
    if frames is None:
        words += " Restored frames were not kept, so blurry and sharp are shown."
    return (Paragraph(words), *comparisons(result, tree, frames, count))


def _cost(result: Result) -> Cost | None:
    from benchmark.cost import measure
    from benchmark.result import IDENTITY

    if result.model.name == IDENTITY:
        return None
    test = result.test_set
    return measure(result.model.name, result.model.config, test.height_px, test.width_px)


if __name__ == "__main__":
    command.run(app, "benchmark.report")
