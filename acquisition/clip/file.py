"""The HDF5 file below a clip: its names, its ways of being opened, its faults in one line.

After its creation the file is only ever opened for writing in the single-writer-multiple-reader
mode of HDF5 (SWMR), in which data grow and nothing that was there is touched. So a kill at any
moment, of the recorder or while the file is sealed, leaves a file that can be read.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import h5py
import numpy as np
from h5py import h5f, h5p
from numpy.typing import NDArray

from acquisition.clip.unclosed_file import UnclosedFile
from acquisition.ledger.row import PREFIX
from acquisition.rig import Role
from bsd.document import PART_SUFFIX
from bsd.errors import EnvironmentFault, UserMistake, explain_os_error

HEAD: Final = "head"
TAIL: Final = "tail"
PULSES: Final = "pulses"
LEDGER: Final = "ledger"
FRAMES: Final[dict[Role, str]] = {role: f"{prefix}/frames" for role, prefix in PREFIX.items()}
ARRIVALS: Final[dict[Role, str]] = {role: f"{prefix}/arrivals" for role, prefix in PREFIX.items()}

READ_FAULTS: Final = (
    *(OSError, RuntimeError, KeyError, ValueError, TypeError),
    *(MemoryError, OverflowError),
)
"""What h5py raises over a file with wrong bytes in it."""

_VERSION: Final = ("v110", "v110")  # the oldest HDF5 that knows SWMR reads what is written
_ERRNO: Final = re.compile(r"errno = (\d+)")
_ROW_CHUNK_BYTES: Final = 4096


@contextmanager
def faults(path: Path) -> Iterator[None]:
    """What HDF5 raises becomes one line that names the file.

    Raises
    ------
    ToolkitError
        As of `bsd.errors.explain_os_error` where the system said why, else `EnvironmentFault`.
    """
    try:
        yield
    except (OSError, RuntimeError) as error:
        found = _ERRNO.search(str(error))
        number = int(found[1]) if found else getattr(error, "errno", None)
        if number is not None:
            raise explain_os_error(OSError(number, os.strerror(number), str(path))) from error
        raise EnvironmentFault(f"{path}: {' '.join(str(error).split())}") from error


def create(part: Path) -> Any:
    """A new, empty `h5py.File`; a file that exists is refused.

    Raises
    ------
    UserMistake
        Not a ``.part``, or it or the clip that it would become exists.
    ToolkitError
        The folder cannot be written.
    """
    final = final_path(part)
    for taken in (part, final):
        if taken.exists():
            raise UserMistake(f"{taken}: exists already; move it away, nothing was overwritten")
    with faults(part):
        os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644))
        try:
            return h5py.File(part, "w", libver=_VERSION, rdcc_nbytes=0, locking="best-effort")
        except BaseException:
            part.unlink()
            raise


def grow(part: Path) -> Any:
    """Open a closed part for appending, in SWMR mode from the first moment.

    Raises
    ------
    UserMistake
        No such file, not a ``.part``, or its recorder still runs or was killed.
    """
    final_path(part)
    access = h5p.create(h5p.FILE_ACCESS)
    bound = h5f.LIBVER_V110
    access.set_libver_bounds(bound, bound)
    if not part.is_file():
        raise UserMistake(f"{part}: no such file")
    try:
        opened = h5f.open(os.fsencode(part), h5f.ACC_RDWR | h5f.ACC_SWMR_WRITE, access)
    except OSError as error:
        if "already open" in str(error) or "unable to lock" in str(error):
            raise UserMistake(
                f"{part}: was not closed, its recorder still runs or was killed; recover it"
            ) from error
        with faults(part):
            raise
    return h5py.File(opened)


def look(path: Path) -> Any:
    """Open for reading; raises any of `READ_FAULTS`."""
    return h5py.File(path, "r", locking="best-effort")


@contextmanager
def look_unclosed(path: Path) -> Iterator[Any]:
    """The same, of a file that its recorder may not have closed."""
    with UnclosedFile(path) as file, h5py.File(file, "r") as found:
        yield found


def final_path(part: Path) -> Path:
    """The name without ``.part``.

    Raises
    ------
    UserMistake
        It is no part.
    """
    if part.suffix != PART_SUFFIX:
        raise UserMistake(f"{part}: is not a {PART_SUFFIX} file, so it is not to be written")
    return part.with_suffix("")


def remove_clip(path: Path) -> None:
    """Remove a clip or a part, sealed or not; that it is not there is no error.

    A sealed clip is read-only, and Windows removes no file that is.

    Raises
    ------
    ToolkitError
        The folder cannot be written.
    """
    with faults(path):
        try:
            path.unlink(missing_ok=True)
        except PermissionError:
            path.chmod(0o644)
            path.unlink(missing_ok=True)


def sync(path: Path) -> None:
    """Wait until a closed file is on the disk."""
    with faults(path), path.open("rb+") as file:
        os.fsync(file.fileno())


def create_table(file: Any, name: str, dtype: np.dtype[Any]) -> Table:
    """An empty table of rows that grows."""
    rows = max(1, _ROW_CHUNK_BYTES // dtype.itemsize)
    return Table(
        file.create_dataset(name, shape=(0,), maxshape=(None,), chunks=(rows,), dtype=dtype)
    )


class Table:
    """Rows that grow by whole chunks written straight to the file, flushed at once.

    The last chunk is written again with every row: its place in the file stays, and what was in
    it is written as it was.
    """

    def __init__(self, dataset: Any) -> None:
        self._data = dataset.id
        self._rows = int(dataset.chunks[0])
        self._count = len(dataset)
        self._chunk = np.zeros(self._rows, dataset.dtype)
        begin = self._count // self._rows * self._rows
        if begin < self._count:
            self._chunk[: self._count - begin] = dataset[begin:]

    def __len__(self) -> int:
        return self._count

    def append(self, rows: NDArray[Any]) -> None:
        """Add rows, 1-D, of the table's dtype."""
        done = 0
        while done < len(rows):
            at = self._count % self._rows
            take = min(self._rows - at, len(rows) - done)
            if at == 0:
                self._chunk[:] = np.zeros((), self._chunk.dtype)
            self._chunk[at : at + take] = rows[done : done + take]
            self._data.set_extent((self._count + take,))
            self._data.write_direct_chunk((self._count - at,), self._chunk, 0)
            self._count += take
            done += take
        self._data.flush()
