"""A sealed clip, read lazily: frames come from the disk when they are asked for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import h5py
import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from acquisition.arrival import ARRIVAL
from acquisition.clip import file as clip_file
from acquisition.clip.document import ClipCamera, ClipHead, ClipTail, ClipVerdict, Purpose
from acquisition.ledger.row import LEDGER, NO_INDEX, PREFIX, PULSE, Verdict
from acquisition.rig import ROLES, Role
from bsd.document import PART_SUFFIX, first_fault, parse_json
from bsd.errors import EnvironmentFault, FoundBad, UserMistake

__all__ = [
    "Clip",
    "ClipCamera",
    "ClipDamaged",
    "ClipHead",
    "ClipTail",
    "ClipVerdict",
    "Frames",
    "Purpose",
]

Picture = NDArray[np.uint8] | NDArray[np.uint16]


class ClipDamaged(FoundBad):
    """A clip was cut or changed after it was sealed."""


class Frames:
    """One camera's frames: a sequence of arrays, each read when it is asked for.

    Attributes
    ----------
    shape
        (N, H, W), or (N, H, W, 3) where RGB was delivered.
    dtype
        uint8 or uint16.
    """

    def __init__(self, path: Path, role: Role, dataset: Any) -> None:
        self._path = path
        self._role = role
        self._data = dataset
        self.shape: tuple[int, ...] = tuple(dataset.shape)
        self.dtype: np.dtype[Any] = dataset.dtype

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, index: int) -> Picture:
        """Frame `index`, (H, W) or (H, W, 3), in memory of its own; −1 is the last one."""
        count = len(self)
        if not -count <= index < count:
            raise IndexError(f"{self._path}: no frame {index} among {count} of {self._role}")
        place = int(index) % count
        with _intact(self._path, f"frame {place} of the {self._role} camera cannot be read"):
            picture: Picture = self._data[place]
        return picture

    def __iter__(self) -> Iterator[Picture]:
        for index in range(len(self)):
            yield self[index]


class Clip:
    """A sealed clip. A context manager; `close` gives the file back.

    Parameters
    ----------
    path
        ``clip-000.h5``.

    Attributes
    ----------
    path, head, tail
        The file, and what it tells of itself.

    Raises
    ------
    UserMistake
        No such file, not a clip, not sealed, or written by a newer toolkit.
    ClipDamaged
        It was cut or changed.
    """

    def __init__(self, path: Path) -> None:
        self.path = Path(path)
        self._file = _opened(self.path)
        try:
            self.head = _head(self.path, self._file)
            self.tail = _tail(self.path, self._file)
            self._check()
        except BaseException:
            self._file.close()
            raise

    @classmethod
    def open(cls, path: Path) -> Self:
        """The same as calling the class."""
        return cls(path)

    def close(self) -> None:
        """Give the file back; frames cannot be read any more."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __len__(self) -> int:
        """Rows of the ledger."""
        return int(self._file[clip_file.LEDGER].shape[0])

    def frames(self, role: Role) -> Frames:
        """A camera's frames, all that were stored, in their order of arrival."""
        return Frames(self.path, role, self._file[clip_file.FRAMES[role]])

    def arrivals(self, role: Role) -> NDArray[np.void]:
        """Rows of `ARRIVAL`, one for each stored frame."""
        return self._rows(clip_file.ARRIVALS[role])[: len(self.frames(role))]

    @cached_property
    def pulses(self) -> NDArray[np.void]:
        """Rows of `acquisition.ledger.row.PULSE`, as the controller told them."""
        return self._rows(clip_file.PULSES)

    @cached_property
    def ledger(self) -> NDArray[np.void]:
        """Rows of `acquisition.ledger.row.LEDGER`."""
        rows = self._rows(clip_file.LEDGER)
        least = np.where(rows["verdict"] == Verdict.PAIRED, 0, NO_INDEX)
        for role, prefix in PREFIX.items():
            index = rows[f"{prefix}_index"]
            absent = (index >= len(self.frames(role))) | (index < least)
            if absent.any():
                what = f"row {int(absent.argmax())} of the ledger names a frame of the {role}"
                raise _damaged(self.path, f"{what} camera that is not there")
        return rows

    @property
    def pair_count(self) -> int:
        """Rows that pair a frame of one camera with one of the other."""
        return int((self.ledger["verdict"] == Verdict.PAIRED).sum())

    def pairs(self) -> Iterator[tuple[np.void, Picture, Picture]]:
        """Row, blurry frame and sharp frame of each pair, and of nothing else.

        Raises
        ------
        UserMistake
            No trigger drove the cameras, or the clip was recovered: there are no pairs.
        """
        if self.head.sync == "none":
            raise UserMistake(
                f"{self.path}: was recorded without a trigger, so no two frames are a pair; read"
                " the frames of each camera by themselves"
            )
        if self.tail.verdict == "recovered" and not len(self):
            raise UserMistake(
                f"{self.path}: was recovered from a killed recording, nothing pairs its frames;"
                " record the scene again, or read the frames of each camera by themselves"
            )
        return self._pairs()

    def _pairs(self) -> Iterator[tuple[np.void, Picture, Picture]]:
        blurry, sharp = (self.frames(role) for role in ROLES)
        for row in self.ledger[self.ledger["verdict"] == Verdict.PAIRED]:
            yield row, blurry[int(row["c1_index"])], sharp[int(row["c2_index"])]

    def _rows(self, name: str) -> NDArray[np.void]:
        with _intact(self.path, f"/{name} cannot be read"):
            rows: NDArray[np.void] = self._file[name][()]
        return rows

    def _check(self) -> None:
        """What can be told without reading a frame."""
        if self.head.compression != "none":
            _load_filter(self.path)
        wanted = {clip_file.PULSES: PULSE, clip_file.LEDGER: LEDGER}
        wanted |= {clip_file.ARRIVALS[role]: ARRIVAL for role in ROLES}
        for name, dtype in wanted.items():
            if _dataset(self.path, self._file, name).dtype != dtype:
                raise _damaged(self.path, f"/{name} has other fields")
        for role in ROLES:
            frames = _dataset(self.path, self._file, clip_file.FRAMES[role])
            if frames.dtype not in (np.uint8, np.uint16) or frames.ndim not in (3, 4):
                raise _damaged(self.path, f"{frames.name} does not hold frames")
            arrivals = self._file[clip_file.ARRIVALS[role]]
            if len(arrivals) < len(frames):
                raise _damaged(self.path, f"{arrivals.name} has fewer rows than there are frames")


def _opened(path: Path) -> Any:
    if path.is_dir():
        raise UserMistake(f"{path}: is a folder, expected a clip; name a file in it")
    if not path.exists():
        raise UserMistake(f"{path}: no such file")
    if path.suffix == PART_SUFFIX:
        raise UserMistake(
            f"{path}: is not sealed; open its session again to recover it, or wait for the capture"
        )
    try:
        return clip_file.look(path)
    except PermissionError as error:
        raise EnvironmentFault(f"{path}: permission denied; ask its owner") from error
    except OSError as error:
        if not h5py.is_hdf5(path):
            raise UserMistake(f"{path}: is not a clip (not an HDF5 file)") from error
        raise _damaged(path, "it was cut or not closed") from error


def _head(path: Path, file: Any) -> ClipHead:
    with _intact(path, "its list of contents cannot be read"):
        found = clip_file.HEAD in file
    if not found:
        raise UserMistake(f"{path}: is an HDF5 file, but not a clip; name one of a session")
    return ClipHead.from_fields(_json(path, file, clip_file.HEAD), f"{path}: /{clip_file.HEAD}")


def _tail(path: Path, file: Any) -> ClipTail:
    if not len(_dataset(path, file, clip_file.TAIL)):
        raise _damaged(path, "it was never sealed")
    try:
        return ClipTail.model_validate(_json(path, file, clip_file.TAIL))
    except ValidationError as error:
        raise _damaged(path, f"/{clip_file.TAIL}: {first_fault(error)}") from error


def _json(path: Path, file: Any, name: str) -> object:
    dataset = _dataset(path, file, name)
    with _intact(path, f"/{name} cannot be read"):
        text = bytes(dataset[()]).decode()
    return parse_json(text, f"{path}: /{name}")


def _dataset(path: Path, file: Any, name: str) -> Any:
    with _intact(path, f"/{name} is missing or cannot be read"):
        found = file[name]
        usable = isinstance(found, h5py.Dataset) and found.shape and found.dtype is not None
    if not usable:
        raise _damaged(path, f"/{name} is not an array")
    return found


@contextmanager
def _intact(path: Path, what: str) -> Iterator[None]:
    try:
        yield
    except clip_file.READ_FAULTS as error:
        raise _damaged(path, what) from error


def _damaged(path: Path, what: str) -> ClipDamaged:
    return ClipDamaged(f"{path}: damaged clip: {what}; take it from a backup")


def _load_filter(path: Path) -> None:
    try:
        import hdf5plugin  # noqa: F401  importing it makes HDF5 know the filter
    except ImportError as error:
        raise EnvironmentFault(
            f"{path}: is compressed and hdf5plugin is missing; install bsd-toolkit[acquisition]"
        ) from error
