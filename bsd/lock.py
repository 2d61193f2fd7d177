"""Locks on open files: one writer at a time; the system lets go when a process ends, however."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bsd.errors import UserMistake

_NO_LOCKS = {errno.ENOSYS, errno.ENOTSUP, errno.ENOLCK}  # some network file systems


def lock_file(file: int, path: Path, *, wait: bool = False) -> None:
    """Lock an open file for this process; where the file system knows no locks, do nothing.

    Parameters
    ----------
    file
        Its descriptor.
    path
        Its name; the folder that it lies in is named to a second run.
    wait
        Wait for another process to let go, instead of refusing.

    Raises
    ------
    UserMistake
        Another process holds it.
    """
    if sys.platform == "win32":
        return
    import fcntl

    try:
        fcntl.flock(file, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise UserMistake(
            f"{path.parent}: another run writes here now; wait for it or stop it"
        ) from error
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the file `path`, which is made where it is absent, for as long as the block lasts.

    Raises
    ------
    UserMistake
        Another process holds it, or removed it just now because its work is done.
    """
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        lock_file(file, path)
        if not path.exists() or os.fstat(file).st_ino != path.stat().st_ino:
            raise UserMistake(f"{path}: another run has just ended here; run again")
        yield
    finally:
        os.close(file)
