"""The trigger controller of a virtual rig, a process of its own; `hardware.twin` starts it."""

from __future__ import annotations

import json
import logging
import sys
import threading
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from bsd import command
from bsd.errors import EnvironmentFault
from hardware.board import Board

log = logging.getLogger(__name__)
app = command.application("The controller of a virtual rig; started by hardware.twin.")


class Engine(StrEnum):
    """What runs the firmware."""

    AUTO = "auto"
    EMULATOR = "emulator"
    HOST = "host"


def open_board(engine: Engine) -> tuple[Board, str]:
    """A board just powered up, and the name of the engine that runs it.

    ``auto`` takes the emulator, which runs the flashed image, and the firmware's own sources built
    for this machine where the emulator cannot be had.

    Raises
    ------
    EnvironmentFault
        The engine cannot be built on this machine; the message says what to install.
    """
    if engine is not Engine.HOST:
        try:
            return _emulated(), "emulator"
        except EnvironmentFault as fault:
            if engine is Engine.EMULATOR:
                raise
            log.info("no emulator (%s); the firmware runs as its host build", fault)
    from hardware.host.engine import hosted

    return hosted(), "host"


def _emulated() -> Board:
    try:
        from hardware.emulator.engine import emulated
    except ModuleNotFoundError as error:
        raise EnvironmentFault("the emulator is in a checkout of the sources only") from error
    return emulated()


@app.command()
def board(
    folder: Annotated[Path, typer.Option(help="Folder of the session.")],
    engine: Annotated[Engine, typer.Option(help="What runs the firmware.")] = Engine.AUTO,
) -> None:
    """Serve until standard input ends; the first line on standard output tells the port."""
    from hardware.live import serve
    from hardware.twin.lifeline import follow_parent
    from hardware.twin.session_folder import EDGES_FILE

    def tell(answer: dict[str, object]) -> None:
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()

    stop = threading.Event()
    follow_parent(stop)
    opened, name = open_board(engine)
    with opened:
        serve(opened, engine=name, edges=folder / EDGES_FILE, stop=stop, ready=tell)


if __name__ == "__main__":
    command.run(app, "hardware.twin.board_process")
