"""The folder of a running virtual rig: producer, sockets and settings, under a short path.

Each process of the rig holds the folder's lock. A folder whose lock is free is what a rig left that
was killed with all its processes; it is swept when the next one starts. What has no lock is no
rig's, whatever its name, and stays.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

PREFIX: Final = "bsd-twin-"
LONGEST_BASE_BYTES: Final = 60
"""A socket's path has at most 107 bytes."""

EDGES_FILE: Final = "edges.sock"
CONTROL_FILE: Final = "control.sock"
WORLD_FILE: Final = "world.yaml"
OPTIONS_FILE: Final = "options.json"
_LOCK_FILE: Final = "lock"


@contextmanager
def session_folder(base: Path | None = None) -> Iterator[tuple[Path, int]]:
    """A new folder that this user alone can enter, and its lock; both go with the block.

    Parameters
    ----------
    base
        Where it is made: ``$XDG_RUNTIME_DIR`` where that is set, else the folder for temporary
        files. Folders there that were left behind are swept before.

    Yields
    ------
    tuple of Path and int
        The folder, and the descriptor of its lock, for child processes to inherit.
    """
    base = base or base_folder()
    sweep(base)
    folder, lock = _make(base)
    try:
        yield folder, lock
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def base_folder() -> Path:
    """The folder in which sessions are made: short, of this machine, gone after a restart."""
    for name in (os.environ.get("XDG_RUNTIME_DIR", ""), tempfile.gettempdir()):
        path = Path(name)
        if name and len(name.encode()) <= LONGEST_BASE_BYTES and os.access(path, os.W_OK | os.X_OK):
            return path
    return Path("/tmp")  # noqa: S108 - the folder itself is made with mkdtemp


def sweep(base: Path) -> list[Path]:
    """Remove the folders of rigs that are no more; those that were removed."""
    swept = []
    for folder in sorted(base.glob(f"{PREFIX}*")):
        with suppress(OSError):  # held by its rig, or another start sweeps it just now
            found = folder.lstat()
            if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
                continue
            _remove(folder)
            swept.append(folder)
    return swept


def _remove(folder: Path) -> None:
    """Remove a rig's folder: one with a lock that nobody holds, or empty.

    Raises
    ------
    OSError
        It is held, or is no rig's.
    """
    try:
        lock = os.open(folder / _LOCK_FILE, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:  # a person's folder of such a name is not empty, and stays
        folder.rmdir()
        return
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(folder)
    finally:
        os.close(lock)


def _make(base: Path) -> tuple[Path, int]:
    """Folder and lock; another start may sweep the folder just before it is locked."""
    while True:
        folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=base))
        path = folder / _LOCK_FILE
        with suppress(FileNotFoundError):
            lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(lock, fcntl.LOCK_EX)
            if path.exists() and path.stat().st_ino == os.fstat(lock).st_ino:
                return folder, lock
            os.close(lock)
