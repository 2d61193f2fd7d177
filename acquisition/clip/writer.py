"""Writing a clip: frames straight from memory to the file, one chunk each, flushed at once."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
from h5py import h5s
from numpy.typing import NDArray

from acquisition.arrival import ARRIVAL
from acquisition.clip.document import ClipHead, ClipTail, Compression
from acquisition.clip.file import (
    ARRIVALS,
    FRAMES,
    HEAD,
    LEDGER,
    PULSES,
    TAIL,
    Table,
    create,
    create_table,
    faults,
    final_path,
    grow,
    sync,
)
from acquisition.clip.sink import FrameShape
from acquisition.ledger.row import LEDGER as LEDGER_ROW
from acquisition.ledger.row import PULSE
from acquisition.rig import ROLES, Role
from bsd.document import sync_folder
from bsd.errors import EnvironmentFault, UserMistake

RESERVE_BYTES: Final = 4 << 20
"""Left free on the disk, so that HDF5 never meets its end and the file can be closed and sealed."""

_RESERVE_PER_FRAME: Final = 256  # its row in the ledger, its arrival, its place in the index


class ClipWriter:
    """A clip's part file while it is recorded; a `acquisition.clip.sink.Sink`.

    Parameters
    ----------
    part
        ``NAME.h5.part``; neither it nor ``NAME.h5`` may exist.
    head
        Written at once.
    shapes
        Frames of each camera.

    Raises
    ------
    UserMistake
        A file of the name exists.
    ToolkitError
        The folder cannot be written.
    """

    def __init__(self, part: Path, head: ClipHead, shapes: Mapping[Role, FrameShape]) -> None:
        self.path = part
        self._shapes = dict(shapes)
        self._frame_bytes = {role: shape.frame_bytes for role, shape in shapes.items()}
        self._stored = dict.fromkeys(ROLES, 0)
        self._compressed = head.compression != "none"
        options = _filter(head.compression)
        self._file = create(part)
        try:
            with faults(part):
                self._lay_out(head, options)
        except BaseException:
            self._file.close()
            part.unlink(missing_ok=True)
            raise

    def _lay_out(self, head: ClipHead, options: Mapping[str, Any]) -> None:
        file = self._file
        text = np.frombuffer(head.to_json().encode(), np.uint8)
        file.create_dataset(HEAD, data=text)
        create_table(file, TAIL, np.dtype(np.uint8))
        create_table(file, LEDGER, LEDGER_ROW)
        self._pulses = create_table(file, PULSES, PULSE)
        self._arrivals = {role: create_table(file, ARRIVALS[role], ARRIVAL) for role in ROLES}
        self._frames = {}
        for role in ROLES:
            shape = self._shapes[role]
            dataset = file.create_dataset(
                FRAMES[role],
                shape=(0, *shape.shape),
                maxshape=(None, *shape.shape),
                chunks=(1, *shape.shape),
                dtype=np.dtype(shape.dtype).newbyteorder("<"),
                **options,
            )
            self._frames[role] = dataset.id
        file.swmr_mode = True

    @property
    def stored(self) -> dict[Role, int]:
        """Frames in the file, of each camera."""
        return dict(self._stored)

    def append(self, role: Role, arrival: np.void, data: NDArray[np.uint8]) -> None:
        """Store a frame and its arrival; see `acquisition.clip.sink.Sink.append`.

        Raises
        ------
        EnvironmentFault
            The disk is full but for `RESERVE_BYTES`, or fails; or the frame has another size than
            the clip was begun for.
        """
        shape = self._shapes[role]
        if data.size != self._frame_bytes[role]:
            raise EnvironmentFault(
                f"{self.path}: the {role} camera gives frames of {data.size} bytes, the clip was"
                f" begun for {self._frame_bytes[role]}; record it anew"
            )
        if self._compressed:
            self._append(role, arrival, data.size, data.view(shape.dtype).reshape(shape.shape), 0)
        else:
            self._append(role, arrival, data.size, data, 0)

    def append_chunk(self, role: Role, arrival: np.void, chunk: bytes, mask: int) -> None:
        """Store a frame as it lay in another clip of the same shape and compression."""
        self._append(role, arrival, len(chunk), chunk, mask)

    def pulses(self, rows: NDArray[np.void]) -> None:
        """Store rows of `PULSE`."""
        with faults(self.path):
            self._pulses.append(rows)

    def close(self) -> None:
        """Close the file and wait until it is on the disk; it is not sealed. Again is no error."""
        if not self._file:
            return
        with faults(self.path):
            self._file.close()
        sync(self.path)

    def _append(self, role: Role, arrival: np.void, size: int, content: Any, mask: int) -> None:
        number = self._stored[role]
        frames = self._frames[role]
        shape = self._shapes[role].shape
        with faults(self.path):
            self._check_room(size)
            # The arrival first: every frame in the file has one.
            self._arrivals[role].append(np.asarray(arrival, ARRIVAL).reshape(1))
            frames.set_extent((number + 1, *shape))
            if isinstance(content, np.ndarray) and content.ndim > 1:
                self._write_filtered(frames, number, content)
            else:
                frames.write_direct_chunk((number,) + (0,) * len(shape), content, mask)
            frames.flush()
        self._stored[role] = number + 1

    def _check_room(self, size: int) -> None:
        reserve = RESERVE_BYTES + _RESERVE_PER_FRAME * sum(self._stored.values())
        if shutil.disk_usage(self.path.parent).free < size + reserve:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self.path))

    @staticmethod
    def _write_filtered(frames: Any, number: int, picture: NDArray[Any]) -> None:
        space = frames.get_space()
        space.select_hyperslab((number,) + (0,) * picture.ndim, (1, *picture.shape))
        frames.write(h5s.create_simple((1, *picture.shape)), space, picture)


def seal(part: Path, ledger: NDArray[np.void], tail: ClipTail) -> Path:
    """Give a closed part its ledger and its verdict, and its name.

    Where an earlier call was killed, the same arguments complete what it began.

    Parameters
    ----------
    part
        Of a closed `ClipWriter`.
    ledger
        Rows of `acquisition.ledger.row.LEDGER`.
    tail
        The verdict.

    Returns
    -------
    Path
        The clip, on the disk under its own name and no longer writable.

    Raises
    ------
    UserMistake
        No such part, its recorder did not close it, another ledger or verdict is in it, or a clip
        of the name exists.
    ToolkitError
        The disk fails.
    """
    final = final_path(part)
    if final.exists():
        raise UserMistake(f"{final}: exists already; move it away, nothing was overwritten")
    text = np.frombuffer(tail.model_dump_json(indent=2).encode(), np.uint8)
    file = grow(part)
    try:
        with faults(part):
            for name, rows in ((LEDGER, np.asarray(ledger, LEDGER_ROW)), (TAIL, text)):
                _complete(part, file[name], rows)
    finally:
        with faults(part):
            file.close()
    sync(part)
    with faults(part):
        part.chmod(0o444)
        part.rename(final)
        sync_folder(final.parent)
    return final


def _complete(part: Path, dataset: Any, rows: NDArray[Any]) -> None:
    count = len(dataset)
    if count > len(rows) or dataset[()].tobytes() != rows[:count].tobytes():
        raise UserMistake(
            f"{part}: was given another {dataset.name.lstrip('/')} before; recover it instead"
        )
    Table(dataset).append(rows[count:])


def _filter(compression: Compression) -> Mapping[str, Any]:
    if compression == "none":
        return {}
    import hdf5plugin

    return dict(hdf5plugin.Bitshuffle(cname="lz4"))
