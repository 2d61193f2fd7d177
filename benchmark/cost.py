"""``python -m benchmark.cost``: parameters, MACs, latency and memory of models, per frame."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bsd import command
from bsd.document import parse_assignment
from bsd.errors import UserMistake

if TYPE_CHECKING:
    from rich.table import Table

    from benchmark.macs import Cost

PAPER_SIZE = (720, 1280)

PUBLISHED_GMACS = {
    "B9C60": 92.57,
    "B9C65": 108.20,
    "B9C70": 125.55,
    "B9C75": 143.71,
    "B9C80": 163.61,
    "B9C85": 184.25,
    "B9C90": 206.70,
    "B3C80": 123.03,
    "B6C80": 143.32,
    "B12C80": 183.90,
    "B15C80": 204.19,
    "B9C80F0P1": 119.93,
    "B9C80F0P2": 133.75,
    "B9C80F1P1": 133.75,
    "B9C80F0P3": 148.31,
    "B9C80F3P3": 196.42,
}
"""ESTRNN's variants in its papers (ECCV 2020, IJCV 2022), published GMACs per 720x1280 frame.

Their own rule gives 92.52 for B9C60; the other figures agree with it to 0.01 %. Misprints of
single tables are left out (163.31 and 206.70 for B9C80), and IJCV's 203.74 for B15C80, which is
a later counter's figure for the same network.
"""

app = command.application("Cost of one restored frame.")


@app.command()
def cost(
    model: Annotated[str | None, typer.Option(help="A registered model, with --set.")] = None,
    assignments: Annotated[
        list[str] | None, typer.Option("--set", help="FIELD=VALUE of the model; repeatable.")
    ] = None,
    preset: Annotated[
        list[str] | None, typer.Option(help="ESTRNN by name: B9C80, B9C80F3P3; repeatable.")
    ] = None,
    size: Annotated[str, typer.Option(help="HEIGHTxWIDTH, px.")] = "720x1280",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Count what one restored frame costs: parameters, MACs, latency, memory.

    Without a model: ESTRNN's variants of the papers.

    Example: python -m benchmark.cost --preset B9C80 --size 480x640

    Example: python -m benchmark.cost --model estrnn --set blocks=9 --set channels=80
    """
    from benchmark.macs import EXACT_RULE, LEGACY_RULE

    height, width = parse_size(size)
    wanted = line_up(model, assignments or [], preset or [])
    rows = []
    with command.progress("counting", len(wanted)) as advance:
        for label, name, config in wanted:
            rows.append((label, measure(name, config, height, width)))
            advance(1)
    if as_json:
        command.print_json(
            {
                "unit": "multiply-accumulates per restored frame",
                "rules": [EXACT_RULE, LEGACY_RULE],
                "rows": [{"model": label, **row.model_dump()} for label, row in rows],
            }
        )
        return
    console = command.out()
    console.print(_table(rows, published=(height, width) == PAPER_SIZE))
    for rule in (EXACT_RULE, LEGACY_RULE):
        console.print(f"  {rule}", markup=False)


def parse_size(text: str) -> tuple[int, int]:
    """Read ``HEIGHTxWIDTH``, px."""
    found = re.fullmatch(r"([1-9]\d{0,4})[x×]([1-9]\d{0,4})", text.strip())
    if found is None:
        raise UserMistake(f"--size {text}: write it as HEIGHTxWIDTH in px, e.g. 720x1280")
    return int(found[1]), int(found[2])


def parse_preset(text: str) -> dict[str, int]:
    """Read an ESTRNN's name in the papers, ``B9C80`` or ``B9C80F3P3``, as fields."""
    found = re.fullmatch(r"B(\d{1,4})C(\d{1,4})(?:F(\d{1,3})P(\d{1,3}))?", text.strip().upper())
    if found is None:
        raise UserMistake(f"--preset {text}: write it as B9C80 or B9C80F3P3")
    numbers = zip(("blocks", "channels", "future", "past"), found.groups(), strict=True)
    return {name: int(number) for name, number in numbers if number is not None}


def line_up(
    model: str | None, assignments: Sequence[str], presets: Sequence[str]
) -> list[tuple[str, str, dict[str, Any]]]:
    """Rows to count: label, registered name, fields. Nothing asked for: the papers' line-up."""
    if model is not None and presets:
        raise UserMistake("--model and --preset exclude each other; give one of them")
    if assignments and model is None:
        raise UserMistake("--set needs --model; for ESTRNN add --model estrnn")
    if model is not None:
        label = " ".join((model, *assignments))
        return [(label, model, dict(parse_assignment(text) for text in assignments))]
    return [
        (name.strip().upper(), "estrnn", dict(parse_preset(name)))
        for name in presets or PUBLISHED_GMACS
    ]


def measure(name: str, config: Mapping[str, Any], height: int, width: int) -> Cost:
    """Build a model on shapes alone and count it.

    Raises
    ------
    UserMistake
        If the model or its configuration is refused.
    """
    import torch

    from benchmark.macs import streaming_cost
    from models.errors import ModelMistake
    from models.registry import create

    try:
        with torch.device("meta"):
            model = create(name, config)
    except ModelMistake as error:
        raise UserMistake(str(error)) from error
    return streaming_cost(model, height, width)


def _table(rows: Sequence[tuple[str, Cost]], published: bool) -> Table:
    from rich.markup import escape
    from rich.table import Table

    first = rows[0][1]
    table = Table(
        title=f"One restored frame of {first.height_px}x{first.width_px} px, batch 1; GMACs",
        caption="state: MiB of float32 held between two frames",
    )
    table.add_column("model", overflow="fold")
    heads = ["params, M", "exact", "legacy", *(["published"] if published else [])]
    for head in (*heads, "latency, frames", "state, MiB"):
        table.add_column(head, justify="right")
    for label, row in rows:
        cells = [
            f"{row.parameters / 1e6:.4f}",
            f"{row.exact_macs / 1e9:.3f}",
            f"{row.legacy_macs / 1e9:.3f}",
        ]
        if published:
            figure = PUBLISHED_GMACS.get(label)
            cells.append("" if figure is None else f"{figure:.2f}")
        cells += [str(row.latency_frames), f"{row.state_bytes / 2**20:.1f}"]
        table.add_row(escape(label), *cells)
    return table


if __name__ == "__main__":
    command.run(app, "benchmark.cost")
