"""The world of a virtual rig, a process of its own; `hardware.twin` starts it."""

from __future__ import annotations

import json
import logging
import shutil
import sys
import threading
import time
from pathlib import Path
from typing import Annotated, Final

import typer

from bsd import command

log = logging.getLogger(__name__)
app = command.application("The world of a virtual rig; started by hardware.twin.")

_BOARD_S: Final = 120.0
_BOARD_END_S: Final = 3.0


@app.command()
def world(folder: Annotated[Path, typer.Option(help="Folder of the session.")]) -> None:
    """Live until standard input ends; one line on standard output when consumers may come."""
    from hardware.twin.lifeline import follow_parent
    from hardware.twin.pulses import BoardGone, PulseStream
    from hardware.twin.session_folder import EDGES_FILE, OPTIONS_FILE, WORLD_FILE
    from hardware.twin.world import World
    from hardware.twin.world_config import WorldConfig
    from hardware.twin.world_options import WorldOptions

    stop = threading.Event()
    follow_parent(stop)
    config = WorldConfig.read(folder / WORLD_FILE)
    options = WorldOptions.read(folder / OPTIONS_FILE)
    edges = folder / EDGES_FILE
    try:
        with World(folder, config, options) as made:
            _wait(stop, edges, there=True, patience_s=_BOARD_S)
            if not stop.is_set():
                with PulseStream(edges) as pulses:
                    sys.stdout.write(json.dumps({"pair_s": round(made.pair_s, 3)}) + "\n")
                    sys.stdout.flush()
                    made.run(pulses, stop)
    except BoardGone:
        if not stop.wait(_BOARD_END_S):  # both children hear of the end, the board first
            raise
    finally:
        # where the parent was killed nobody else is left to do this
        _wait(threading.Event(), edges, there=False, patience_s=_BOARD_END_S)
        shutil.rmtree(folder, ignore_errors=True)


def _wait(stop: threading.Event, path: Path, *, there: bool, patience_s: float) -> None:
    """Until the board's socket is there, or is gone."""
    until = time.monotonic() + patience_s
    while path.exists() is not there and time.monotonic() < until:
        if stop.wait(0.02):
            return


if __name__ == "__main__":
    command.run(app, "hardware.twin.world_process")
