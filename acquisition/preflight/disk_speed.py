"""How fast a folder's disk takes data: a short timed write that leaves nothing behind."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, Final

CHUNK_BYTES: Final = 4_000_000
SYNC_BYTES: Final = 32_000_000
"""Written between two syncs: so the memory of the operating system does not pass for the disk."""


def write_speed(
    folder: Path,
    most_bytes: int,
    most_s: float,
    open_file: Callable[[Path], IO[bytes]] | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> float:
    """Bytes per second that a file in `folder` takes, synced to the disk.

    The file has no name (POSIX) or goes when it is closed (Windows): neither Ctrl-C nor a kill
    leaves it behind. What it holds cannot be compressed.

    Parameters
    ----------
    folder
        Where recordings go.
    most_bytes, most_s
        It ends with whichever comes first; a sync under way is waited for.
    open_file
        For tests: opens the file.
    clock
        Seconds, monotonic.

    Raises
    ------
    OSError
        The folder cannot be written, or the disk is full.
    """
    chunk = os.urandom(min(CHUNK_BYTES, most_bytes))
    written = synced = 0
    with (open_file or _unnamed)(folder) as file:
        begin_s = clock()
        while written < most_bytes and clock() - begin_s < most_s:
            written += file.write(chunk)
            if written - synced >= SYNC_BYTES:
                os.fsync(file.fileno())
                synced = written
        os.fsync(file.fileno())
        return written / max(clock() - begin_s, 1e-9)


def _unnamed(folder: Path) -> IO[bytes]:
    return tempfile.TemporaryFile(dir=folder, buffering=0)
