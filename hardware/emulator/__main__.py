# SPDX-License-Identifier: GPL-3.0-or-later
"""``python -m hardware.emulator``: the controller's firmware behind a serial port, in real time."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bsd import command
from hardware.live_verb import (
    EdgesOption,
    EepromOption,
    GateOption,
    LinkOption,
    Live,
    ResetOption,
    SliceOption,
    SpeedOption,
    serve_until_interrupted,
)

app = command.application("")


@app.command()
def emulate(
    image: Annotated[
        Path | None, typer.Option("--hex", help="Image to run; default: the controller's.")
    ] = None,
    link: LinkOption = None,
    edges: EdgesOption = None,
    speed: SpeedOption = 1.0,
    slice_us: SliceOption = 200,
    reset_at_open: ResetOption = True,
    gate_closed: GateOption = False,
    eeprom: EepromOption = None,
) -> None:
    """Run the trigger controller's firmware, on an emulated chip, behind a serial port.

    It prints one line of JSON with the port when it is ready, and runs until it is interrupted.

    Example: python -m hardware.emulator --link trigger --edges edges.sock
    """
    from hardware.emulator.engine import CONTROLLER, emulated

    live = Live(link, edges, speed, slice_us, reset_at_open, gate_closed, eeprom)
    serve_until_interrupted(
        "emulator", lambda memory: emulated(image or CONTROLLER, eeprom=memory), live
    )


if __name__ == "__main__":
    command.run(app, "hardware.emulator")
