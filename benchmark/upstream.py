"""``python -m benchmark.upstream``: a published ESTRNN checkpoint as a model folder of ours."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bsd import command

EXAMPLE = "python -m benchmark.upstream ESTRNN_B9C80.tar --out models/b9c80"
app = command.application(f"Read a published ESTRNN checkpoint.\n\nExample: {EXAMPLE}")


@app.command()
def verb(
    checkpoint: Annotated[Path, typer.Argument(help="File of torch.save: .tar, .pth.")],
    out: Annotated[Path, typer.Option(help="Folder for model.safetensors and model.json.")],
    past: Annotated[int, typer.Option(min=0, help="P; weights tell only P + F.")] = 2,
    future: Annotated[int, typer.Option(min=0, help="F.")] = 2,
    activation: Annotated[str, typer.Option(help="gelu in all that was released.")] = "gelu",
) -> None:
    """Write the checkpoint's weights as a model that evaluate reads.

    Example: python -m benchmark.upstream ESTRNN_B9C80.tar --out models/b9c80
    """
    from benchmark.checkpoint import import_upstream

    card = import_upstream(checkpoint, out, past, future, activation)
    config = card.config
    name = f"B{config['blocks']}C{config['channels']}F{config['future']}P{config['past']}"
    command.out().print(f"{out}: {card.model} {name}; {card.note}", markup=False)


if __name__ == "__main__":
    command.run(app, "benchmark.upstream")
