"""The parent of a virtual rig's processes: starts them, tells when they are ready, ends them."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Final, NamedTuple

from bsd.errors import UserMistake
from hardware.twin.board_process import Engine
from hardware.twin.child import Child
from hardware.twin.producer_build import producer_path
from hardware.twin.rig_file import check_free, remove_rig, rig_fields, write_rig
from hardware.twin.session_folder import (
    OPTIONS_FILE,
    WORLD_FILE,
    base_folder,
    session_folder,
    sweep,
)
from hardware.twin.world_config import WorldConfig
from hardware.twin.world_options import WorldOptions, fast_enough

log = logging.getLogger(__name__)

_READY_S: Final = 180.0
_LOOK_S: Final = 0.2


class Ready(NamedTuple):
    """What a rig that is ready tells.

    Attributes
    ----------
    rig_file
        The file that was written.
    producer, port
        Its two interfaces.
    engine
        What runs the firmware, ``emulator`` or ``host``.
    pair_s
        Seconds that one pair of pictures takes; None where none are computed.
    """

    rig_file: Path
    producer: Path
    port: str
    engine: str
    pair_s: float | None


def run_rig(
    rig_file: Path,
    world: WorldConfig,
    options: WorldOptions,
    *,
    engine: Engine,
    stop: threading.Event,
    ready: Callable[[Ready], None],
) -> None:
    """Run a virtual rig until `stop` is set.

    Parameters
    ----------
    rig_file
        Written when consumers may come, removed at the end.
    world, options
        What stands before the cameras, and how it is run.
    engine
        What runs the firmware.
    stop
        Ends the rig.
    ready
        Called once, after the file was written.

    Raises
    ------
    UserMistake
        The rig file or the folder of the truth is taken.
    EnvironmentFault
        A process of the rig could not start or has ended.
    """
    sweep(base_folder())
    check_free(rig_file)
    _check_truth(options)
    rig_file.unlink(missing_ok=True)  # of a rig that was killed: whoever waits for it shall wait
    if options.prepared_fps is not None:
        world = fast_enough(world, options.prepared_fps)
    with ExitStack() as stack:
        folder, lock = stack.enter_context(session_folder())
        world.write(folder / WORLD_FILE)
        options.write(folder / OPTIONS_FILE)
        producer = producer_path(folder)
        place = ["--folder", str(folder)]
        board_words = ["hardware.twin.board_process", *place, "--engine", engine.value]
        board = Child("controller", board_words, lock)
        stack.callback(board.end)
        made = Child("world", ["hardware.twin.world_process", *place], lock)
        stack.callback(made.end)
        stack.callback(board.release)  # both are told before either is waited for
        line = board.wait_ready(stop, _READY_S)
        scene = made.wait_ready(stop, _READY_S) if line is not None else None
        if line is None or scene is None:
            return
        pair_s = None if options.prepared_fps is not None else float(scene["pair_s"])
        answer = Ready(rig_file, producer, str(line["port"]), str(line["engine"]), pair_s)
        fields = rig_fields(
            world,
            producer,
            answer.port,
            pair_s=pair_s,
            ahead_frames=options.ahead_frames,
            bits=options.bits,
        )
        stack.callback(remove_rig, rig_file, folder)
        write_rig(rig_file, fields)
        ready(answer)
        while not stop.wait(_LOOK_S):
            board.check()
            made.check()


def _check_truth(options: WorldOptions) -> None:
    if options.truth is None:
        return
    folder = Path(options.truth)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UserMistake(f"{folder}: is not empty; name a new folder for the truth")
