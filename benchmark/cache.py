"""A packed copy of one split of a dataset: raw uint8 frames in one memory-mapped file.

A random crop then costs a copy of its own bytes; decoding whole PNGs for it costs tens of times
as much. Made once per dataset and split, and made again where it does not fit any more.

``CACHE/IDENTITY_NAME/SPLIT/`` holds ``index.json`` and ``frames.u8``, the sequences one after
another, each as its blurry frames (T, H, W, 3) and then its sharp ones, RGB. IDENTITY is the
dataset's, cut to sixteen digits: equal content of one name shares a cache, wherever it lies.
"""

from __future__ import annotations

import logging
import os
import shutil
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Literal

import numpy as np
from isal import isal_zlib
from numpy.typing import NDArray

from benchmark.result import file_word
from bsd import command
from bsd.document import Document, Part, atomic_path
from bsd.errors import EnvironmentFault, UserMistake
from bsd.lock import lock_file
from bsd.threads import available_cores
from dataset.splits import Split
from dataset.tree import SequenceFiles, Tree

log = logging.getLogger(__name__)

Frames = NDArray[np.uint8]
INDEX_NAME = "index.json"
FRAMES_NAME = "frames.u8"
_CHECK_BYTES = 1 << 24
_SPARE_BYTES = 1 << 24


class PackedSequence(Part):
    """Where a sequence lies in ``frames.u8``, and the CRC-32 of its bytes there."""

    name: str
    scene: str | None
    frames: int
    height_px: int
    width_px: int
    offset_bytes: int
    crc32: int

    @property
    def bytes(self) -> int:
        """Blurry and sharp frames together."""
        return 2 * self.frames * self.height_px * self.width_px * 3


class CacheIndex(Document):
    """What a cache folder holds, and of which dataset."""

    format: Literal["bsd-cache"] = "bsd-cache"
    format_version: int = 1
    dataset: str
    identity: str
    split: str
    sequences: tuple[PackedSequence, ...]

    @property
    def bytes(self) -> int:
        """Size of ``frames.u8``."""
        return sum(sequence.bytes for sequence in self.sequences)


@dataclass(frozen=True)
class CachedSequence:
    """Frames of one sequence, read-only views of the mapped file, each (T, H, W, 3) uint8 RGB."""

    name: str
    scene: str | None
    blurry: Frames
    sharp: Frames

    def __len__(self) -> int:
        return len(self.blurry)


def default_folder() -> Path:
    """Where caches lie unless told otherwise: ``$XDG_CACHE_HOME`` or ``~/.cache``, bsd-toolkit."""
    named = os.environ.get("XDG_CACHE_HOME", "")
    base = Path(named) if Path(named).is_absolute() else Path.home() / ".cache"
    return base / "bsd-toolkit" / "frames"


def open_split(
    tree: Tree, split: Split, folder: Path | None = None, threads: int | None = None
) -> tuple[CachedSequence, ...]:
    """Frames of a split, from its cache; made first where there is none that fits.

    Every byte of a cache is checked against its CRC-32 when it is opened: a cache that is
    damaged, or of another state of the dataset, is made again.

    Parameters
    ----------
    tree
        The dataset.
    split
        ``train``, ``valid`` or ``test``.
    folder
        Folder of all caches; default `default_folder`.
    threads
        Decoders at work while a cache is made; default one per available core.

    Returns
    -------
    tuple of CachedSequence
        In the split's order; empty where the dataset has no such split.

    Raises
    ------
    UserMistake
        A frame that cannot be read, or sequences whose frames differ in size.
    EnvironmentFault
        Too little space on the disk, told before the first byte is written.
    """
    files = tree.splits.get(split, ())
    if not files:
        return ()
    # The name is for people and foreign text: `file_word` keeps it inside the folder.
    here = (folder or default_folder()) / f"{tree.identity[:16]}_{file_word(tree.name)}" / split
    here.mkdir(parents=True, exist_ok=True)
    with _locked(here):
        index = _usable(here, tree, split)
        if index is None:
            index = _pack(here, tree, split, files, threads or available_cores())
    mapped = np.memmap(here / FRAMES_NAME, dtype=np.uint8, mode="r")
    return tuple(_view(mapped, packed) for packed in index.sequences)


def _view(mapped: Frames, packed: PackedSequence) -> CachedSequence:
    pair = mapped[packed.offset_bytes : packed.offset_bytes + packed.bytes].reshape(
        2, packed.frames, packed.height_px, packed.width_px, 3
    )
    return CachedSequence(packed.name, packed.scene, pair[0], pair[1])


def _usable(folder: Path, tree: Tree, split: Split) -> CacheIndex | None:
    """The index of a cache that fits, or None and a line in the log that says why not."""
    if not (folder / INDEX_NAME).exists():
        return None
    try:
        index = CacheIndex.read(folder / INDEX_NAME)
        fault = _fault(folder, index, tree, split)
    except UserMistake as error:
        fault = str(error)
    if fault is None:
        return index
    log.warning("cache %s: %s; packing again", folder, fault)
    return None


def _fault(folder: Path, index: CacheIndex, tree: Tree, split: Split) -> str | None:
    if (index.identity, index.split) != (tree.identity, split):
        return "is of another state of the dataset"
    expected = [(one.name, one.scene, len(one), *one.shape[:2]) for one in tree.splits[split]]
    held = [(p.name, p.scene, p.frames, p.height_px, p.width_px) for p in index.sequences]
    if held != expected:
        return "does not hold the sequences of the dataset"
    if [packed.offset_bytes for packed in index.sequences] != _offsets(index):
        return f"{INDEX_NAME} is damaged"
    path = folder / FRAMES_NAME
    if not path.is_file() or path.stat().st_size != index.bytes:
        return f"{FRAMES_NAME} is missing or not of the size that the index says"
    with path.open("rb") as file:
        for packed in index.sequences:
            if _crc32(file.read(min(left, _CHECK_BYTES)) for left in _steps(packed.bytes)) != (
                packed.crc32
            ):
                return f"sequence {packed.name} is damaged"
    return None


def _offsets(index: CacheIndex) -> list[int]:
    return list(accumulate((packed.bytes for packed in index.sequences[:-1]), initial=0))


def _steps(size: int) -> Iterator[int]:
    return iter(range(size, 0, -_CHECK_BYTES))


def _crc32(pieces: Iterator[bytes]) -> int:
    value = 0
    for piece in pieces:
        value = isal_zlib.crc32(piece, value)
    return value


def _pack(
    folder: Path, tree: Tree, split: str, files: tuple[SequenceFiles, ...], threads: int
) -> CacheIndex:
    for name in (INDEX_NAME, FRAMES_NAME):  # the index goes first: without it there is no cache
        (folder / name).unlink(missing_ok=True)
    _check_space(folder, sum(2 * len(one) * int(np.prod(one.shape)) for one in files))
    total = sum(2 * len(one) for one in files)
    packed: list[PackedSequence] = []
    # Plain writes, not a writable map: on a full disk a map ends in SIGBUS, a write in an error.
    with (
        command.progress(f"packing {tree.name} {split}", total) as advance,
        atomic_path(folder / FRAMES_NAME) as part,
        part.open("wb") as file,
    ):
        for one in files:
            offset, crc32 = file.tell(), 0
            for frame in _frames(one, threads):
                crc32 = isal_zlib.crc32(frame, crc32)
                file.write(frame.data)
                advance(1)
            height, width, _ = one.shape
            packed.append(
                PackedSequence(
                    name=one.name,
                    scene=one.scene,
                    frames=len(one),
                    height_px=height,
                    width_px=width,
                    offset_bytes=offset,
                    crc32=crc32,
                )
            )
    index = CacheIndex(
        dataset=tree.name, identity=tree.identity, split=split, sequences=tuple(packed)
    )
    index.write(folder / INDEX_NAME)
    return index


def _frames(files: SequenceFiles, threads: int) -> Iterator[Frames]:
    """Blurry frames, then sharp ones, decoded ahead by a bounded number."""
    jobs = [(files.read_blurry, files.blurry, i) for i in range(len(files))]
    jobs += [(files.read_sharp, files.sharp, i) for i in range(len(files))]
    ahead: deque[tuple[Path, Future[Frames]]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        for read, paths, i in jobs:
            ahead.append((paths[i], pool.submit(read, i)))
            if len(ahead) > 2 * threads:
                yield _same_shape(*ahead.popleft(), files)
        while ahead:
            yield _same_shape(*ahead.popleft(), files)


def _same_shape(path: Path, job: Future[Frames], files: SequenceFiles) -> Frames:
    frame = job.result()
    if frame.shape != files.shape:
        raise UserMistake(
            f"{path}: is {frame.shape[1]}x{frame.shape[0]}, the sequence's first frame"
            f" {files.shape[1]}x{files.shape[0]}; check the dataset with python -m dataset.verify"
        )
    return np.ascontiguousarray(frame)


def _check_space(folder: Path, needed_bytes: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < needed_bytes + _SPARE_BYTES:
        raise EnvironmentFault(
            f"{folder}: the packed frames need {needed_bytes / 1e9:.2f} GB, {free / 1e9:.2f} GB"
            " are free; free some space or choose another folder with --cache"
        )


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold a cache folder for one process; the system lets go when that process ends."""
    with (folder / "lock").open("a") as file:
        try:
            lock_file(file.fileno(), folder / "lock")
        except UserMistake:
            log.info("cache %s: another process is at work on it; waiting", folder)
            lock_file(file.fileno(), folder / "lock", wait=True)
        yield
