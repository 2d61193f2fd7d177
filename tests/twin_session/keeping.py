"""Folders that are dear to make, kept between runs and shared by test processes.

A folder is made under a name of its own, listed, and renamed into its place: whoever sees it there
sees all of it. Who uses it holds a shared lock on it to the end of the process, and only what
nobody holds is swept. A maker holds the lock of its half, so that a half whose lock is free is
what an interrupted maker left. The lock of the making only saves work: where a cleaner removed its
file, two make the same, and the second takes the first one's.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

UNUSED_S: Final = 24 * 3600.0
LIST_FILE: Final = "contents.json"

_HALF = "half-"
_OLD = "old-"
_FRESH_S = 60.0  # a half or a lock that is just being made


def place() -> Path:
    """``BSD_TWIN_SESSIONS``, else a folder in the user's cache: no cleaner of /tmp goes there."""
    named = os.environ.get("BSD_TWIN_SESSIONS")
    if named:
        return Path(named)
    base = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(base) if base else Path.home() / ".cache") / "bsd-toolkit-tests" / "sessions"


class Keeping:
    """What is kept below a folder that this user alone may write.

    Raises
    ------
    PermissionError
        The folder is a link, somebody else's, or others may write to it.
    """

    def __init__(self, base: Path) -> None:
        base.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = base.lstat()
        if not stat.S_ISDIR(found.st_mode):
            raise PermissionError(f"{base}: is a link; set BSD_TWIN_SESSIONS to a folder")
        if found.st_uid != os.getuid() or found.st_mode & 0o022:
            raise PermissionError(
                f"{base}: others may write to it; set BSD_TWIN_SESSIONS to a folder of your own"
            )
        self._base = base
        self._held: dict[str, int] = {}

    def get(self, key: str, make: Callable[[Path], None]) -> Path:
        """The folder of a key, held to the end of the process.

        Parameters
        ----------
        key
            A file's name.
        make
            Fills an empty folder.
        """
        kept = self._base / key
        if self._is_held(key) or self._hold(key):
            return kept
        self._base.mkdir(mode=0o700, parents=True, exist_ok=True)  # it was cleaned away
        with self._making(key):
            if self._hold(key):  # another has made it meanwhile
                return kept
            self._sweep()
            self._put_aside(kept)
            half = Path(tempfile.mkdtemp(prefix=_HALF, dir=self._base))
            descriptor = _locked(half, fcntl.LOCK_SH)
            try:
                make(half)
                _list(half)
                _place(half, kept)
            finally:
                shutil.rmtree(half, ignore_errors=True)
                os.close(descriptor)
            if not self._hold(key):
                raise FileNotFoundError(f"{kept}: it was removed as soon as it was made")
        return kept

    def _is_held(self, key: str) -> bool:
        """Whether this process has it, and nobody removed it in spite of the lock."""
        return key in self._held and _is_at(self._held[key], self._base / key)

    def _hold(self, key: str) -> bool:
        kept = self._base / key
        try:
            descriptor = _locked(kept, fcntl.LOCK_SH)
        except FileNotFoundError:
            return False
        if not (_is_at(descriptor, kept) and _is_whole(kept)):
            os.close(descriptor)
            return False
        os.utime(kept)
        if key in self._held:
            os.close(self._held[key])
        self._held[key] = descriptor
        return True

    @contextmanager
    def _making(self, key: str) -> Iterator[None]:
        with (self._base / f"{key}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _put_aside(self, kept: Path) -> None:
        """What is damaged goes; who has files of it open keeps them."""
        with suppress(FileNotFoundError):
            aside = Path(tempfile.mkdtemp(prefix=_OLD, dir=self._base))
            try:
                kept.rename(aside)
            finally:
                shutil.rmtree(aside, ignore_errors=True)

    def _sweep(self) -> None:
        """What nobody holds: of interrupted makers, and what was not used for a day."""
        for path in self._base.iterdir():
            with suppress(OSError):  # held, or another sweeps it just now
                age_s = time.time() - path.lstat().st_mtime
                is_rest = path.name.startswith((_HALF, _OLD))
                if not path.is_dir() or age_s < (_FRESH_S if is_rest else UNUSED_S):
                    continue
                descriptor = _locked(path, fcntl.LOCK_EX | fcntl.LOCK_NB)
                try:
                    self._put_aside(path)
                finally:
                    os.close(descriptor)


def _place(half: Path, kept: Path) -> None:
    try:
        half.rename(kept)
    except OSError as error:
        if error.errno not in (errno.EEXIST, errno.ENOTEMPTY):
            raise  # else it was made twice: the first one's stays


def _locked(folder: Path, kind: int) -> int:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, kind)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def _is_at(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.lstat())
    except FileNotFoundError:
        return False


def _sizes(folder: Path) -> dict[str, int]:
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(path.relative_to(folder)): path.stat().st_size for path in files}


def _list(folder: Path) -> None:
    text = json.dumps(_sizes(folder))
    (folder / LIST_FILE).write_text(text)


def _is_whole(folder: Path) -> bool:
    """Whether all that was made is still there, byte for byte as long."""
    try:
        told = json.loads((folder / LIST_FILE).read_text())
    except (FileNotFoundError, ValueError):
        return False
    found = _sizes(folder)
    return all(found.get(name) == size for name, size in told.items())
