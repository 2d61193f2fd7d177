"""What the verbs of both engines share: options, and a board served until it is interrupted."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, NamedTuple

import typer

from bsd.document import write_bytes
from hardware.board import Board

LinkOption = Annotated[Path | None, typer.Option("--link", help="Symbolic link to the port.")]
EdgesOption = Annotated[
    Path | None, typer.Option("--edges", help="Unix socket that streams the edges.")
]
SpeedOption = Annotated[
    float, typer.Option("--speed", min=0, help="Board time per wall time; 0: as fast as it goes.")
]
SliceOption = Annotated[int, typer.Option("--slice-us", min=50, help="Wall time of a step, µs.")]
ResetOption = Annotated[
    bool, typer.Option("--reset-at-open/--no-reset-at-open", help="Reset at opening the port.")
]
GateOption = Annotated[
    bool,
    typer.Option("--gate-closed/--no-gate-closed", help="The gate input is closed to ground."),
]
EepromOption = Annotated[
    Path | None,
    typer.Option("--eeprom", help="File of the EEPROM, read at start and written at the end."),
]


class Live(NamedTuple):
    """How a board is served; see `hardware.live.serve`."""

    link: Path | None
    edges: Path | None
    speed: float
    slice_us: int
    reset_at_open: bool
    gate_closed: bool
    eeprom: Path | None


def serve_until_interrupted(engine: str, open_board: Callable[[bytes], Board], live: Live) -> None:
    """Serve a board of that engine; `open_board` takes the first bytes of its EEPROM.

    Raises
    ------
    EnvironmentFault, UserMistake
        The engine cannot be built, or the link, the socket or the EEPROM's file not be made.
    """
    from hardware.live import serve, stopped_by_signals

    kept = live.eeprom
    memory = kept.read_bytes() if kept is not None and kept.exists() else b""
    with stopped_by_signals() as stop, open_board(memory) as board:
        board.gate(live.gate_closed)
        try:
            serve(
                board,
                engine=engine,
                speed=live.speed,
                slice_us=live.slice_us,
                link=live.link,
                edges=live.edges,
                reset_at_open=live.reset_at_open,
                stop=stop,
            )
        finally:
            if kept is not None:
                write_bytes(kept, board.eeprom())
