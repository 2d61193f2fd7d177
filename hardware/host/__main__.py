"""``python -m hardware.host``: the controller's sources, built natively, behind a serial port."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bsd import command
from bsd.document import write_bytes

app = command.application("")


@app.command()
def host(
    link: Annotated[Path | None, typer.Option(help="Symbolic link to the port.")] = None,
    edges: Annotated[Path | None, typer.Option(help="Unix socket that streams the edges.")] = None,
    speed: Annotated[
        float, typer.Option(min=0, help="Board time per wall time; 0: as fast as it goes.")
    ] = 1.0,
    slice_us: Annotated[int, typer.Option(min=50, help="Wall time of a step, µs.")] = 200,
    reset_at_open: Annotated[bool, typer.Option(help="Reset when the port is opened.")] = True,
    gate_closed: Annotated[bool, typer.Option(help="The gate input is closed to ground.")] = False,
    eeprom: Annotated[
        Path | None, typer.Option(help="File of the EEPROM, read at start and written at the end.")
    ] = None,
) -> None:
    """Run the trigger controller's firmware, compiled for this machine, behind a serial port.

    It prints one line of JSON with the port when it is ready, and runs until it is interrupted.

    Example: python -m hardware.host --link trigger --edges edges.sock
    """
    from hardware.host.engine import hosted
    from hardware.live import serve, stopped_by_signals

    memory = eeprom.read_bytes() if eeprom is not None and eeprom.exists() else b""
    with stopped_by_signals() as stop, hosted(eeprom=memory) as board:
        board.gate(gate_closed)
        try:
            serve(
                board,
                engine="host",
                speed=speed,
                slice_us=slice_us,
                link=link,
                edges=edges,
                reset_at_open=reset_at_open,
                stop=stop,
            )
        finally:
            if eeprom is not None:
                write_bytes(eeprom, board.eeprom())


if __name__ == "__main__":
    command.run(app, "hardware.host")
