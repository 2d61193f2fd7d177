"""The journal of one sequence: which pairs are complete, so that a killed run can go on."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError

from bsd.document import Part
from bsd.lock import lock_file
from dataset.layout import SUFFIXES, Product, product_of
from dataset.manifest import Entry


class PairLine(Part):
    """One line: all files of a pair are on the disk.

    Attributes
    ----------
    frame
        Its number, from 0.
    blurry, sharp
        The RGB frames.
    extras
        What is published beside them.
    """

    frame: int
    blurry: Entry
    sharp: Entry
    extras: tuple[Entry, ...] = ()

    @property
    def entries(self) -> tuple[Entry, ...]:
        """All files of the pair."""
        return self.blurry, self.sharp, *self.extras

    @property
    def products(self) -> tuple[Product, ...]:
        """Which products the pair has, RGB first."""
        held = {product_of(entry.path) for entry in self.extras}
        return tuple(name for name in SUFFIXES if name == "RGB" or name in held)


def read_pairs(path: Path) -> list[PairLine]:
    """Read a journal up to the first line that is cut off, damaged or out of order."""
    return _parse(path.read_bytes())[0] if path.exists() else []


def first_pair(path: Path) -> PairLine | None:
    """Read the first line of a journal; None where there is none yet."""
    with path.open("rb") as file:
        pairs, _ends = _parse(file.readline())
    return pairs[0] if pairs else None


class Journal:
    """Append-only file of `PairLine`, held by one writer at a time.

    Raises
    ------
    UserMistake
        Another process writes it now.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            lock_file(self._file, path)
            self.pairs, self._ends = _parse(path.read_bytes())
            self.cut(len(self.pairs))
        except BaseException:
            os.close(self._file)
            raise

    def cut(self, count: int) -> None:
        """Keep the first `count` pairs only."""
        self.pairs, self._ends = self.pairs[:count], self._ends[: count + 1]
        os.ftruncate(self._file, self._ends[-1])
        os.lseek(self._file, self._ends[-1], os.SEEK_SET)

    def append(self, pairs: Sequence[PairLine]) -> None:
        """Write lines and wait until they are on the disk; after an error none of them is left."""
        lines = [pair.model_dump_json().encode() + b"\n" for pair in pairs]
        content = memoryview(b"".join(lines))
        try:
            while content:
                content = content[os.write(self._file, content) :]
            os.fsync(self._file)
        except OSError as error:
            self.cut(len(self.pairs))
            error.filename = error.filename or str(self.path)
            raise
        for pair, line in zip(pairs, lines, strict=True):
            self.pairs.append(pair)
            self._ends.append(self._ends[-1] + len(line))

    def close(self) -> None:
        """Give the file back; a second call does nothing."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


def _parse(content: bytes) -> tuple[list[PairLine], list[int]]:
    """Good lines, and the byte where each ends (the first number is 0)."""
    pairs: list[PairLine] = []
    ends = [0]
    while (end := content.find(b"\n", ends[-1])) >= 0:
        try:
            pair = PairLine.model_validate_json(content[ends[-1] : end])
        except ValidationError:  # a kill or a failing disk: what follows is made again
            break
        if pair.frame != len(pairs):
            break
        pairs.append(pair)
        ends.append(end + 1)
    return pairs, ends
