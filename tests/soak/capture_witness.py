"""What a recorder had reported as stored at the moment when it was killed."""

from __future__ import annotations

import mmap
import os
from pathlib import Path
from typing import NamedTuple, Self

import numpy as np

from acquisition.recorder.service import BYTES, COUNTERS, STORED, WRITE_NS

_LARGEST_BYTES = 16 << 20  # a ring is larger than the memory that small things share
_MOST_FRAMES = 1_000_000


class Reported(NamedTuple):
    """Counters of the recorder, as it shares them with its parent.

    Attributes
    ----------
    blurry, sharp
        Frames of the take that a kill cannot take back.
    write_ns
        Time spent in storing; no two takes have the same.
    """

    blurry: int
    sharp: int
    write_ns: int


class Witness:
    """Looks on at a recorder's counters, and still has them when all its family is dead.

    Parameters
    ----------
    pid
        Of the capture's own process.
    frame_bytes
        Of every frame of both cameras.
    """

    def __init__(self, pid: int, frame_bytes: int) -> None:
        self._pid = pid
        self._frame_bytes = frame_bytes
        self._mappings: dict[tuple[int, int], mmap.mmap] = {}
        self._found: np.ndarray[tuple[int], np.dtype[np.int64]] | None = None

    def look(self) -> Reported | None:
        """The counters; None before the recorder has stored a frame of each camera."""
        if self._found is None:
            self._attach()
            self._found = self._search()
        if self._found is None:
            return None
        count = self._found
        return Reported(
            int(count[STORED["blurry"]]), int(count[STORED["sharp"]]), int(count[WRITE_NS])
        )

    def close(self) -> None:
        """Give the memory back."""
        self._found = None
        for mapping in self._mappings.values():
            mapping.close()
        self._mappings.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _attach(self) -> None:
        """Map what the process shares with its children; the files have no name any more."""
        folder = Path(f"/proc/{self._pid}/fd")
        try:
            entries = [path for path in folder.iterdir() if "pym-" in str(path.readlink())]
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            return
        for entry in entries:
            try:
                file = os.open(entry, os.O_RDONLY)
            except OSError:
                continue
            try:
                status = os.fstat(file)
                key = (status.st_dev, status.st_ino)
                if key not in self._mappings and 0 < status.st_size <= _LARGEST_BYTES:
                    self._mappings[key] = mmap.mmap(file, 0, prot=mmap.PROT_READ)
            finally:
                os.close(file)

    def _search(self) -> np.ndarray[tuple[int], np.dtype[np.int64]] | None:
        """The counters are known by what they say: bytes are frames times the bytes of each."""
        for mapping in self._mappings.values():
            words = np.frombuffer(mapping, np.int64, len(mapping) // 8)
            rows = np.lib.stride_tricks.sliding_window_view(words, COUNTERS)
            stored = [rows[:, place] for place in STORED.values()]
            sound = (rows[:, WRITE_NS] > 0) & (rows[:, BYTES] > 0)
            for frames in stored:
                sound &= (frames > 0) & (frames < _MOST_FRAMES)
            places = np.flatnonzero(sound)
            places = places[
                rows[places, BYTES]
                == self._frame_bytes * sum(rows[places, column] for column in STORED.values())
            ]
            if len(places) == 1:
                return words[int(places[0]) : int(places[0]) + COUNTERS]
        return None
