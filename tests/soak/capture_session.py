"""A session that was killed over and over: what must be true of its files."""

from __future__ import annotations

import hashlib
import zlib
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import numpy as np

from acquisition.arrival import ArrivalFlag
from acquisition.clip.reader import Clip
from acquisition.rig import ROLES, Role
from acquisition.session.document import DISCARDED_NAME
from acquisition.session.journal import JOURNAL_NAME, read_entries
from acquisition.session.record import SessionRecord
from tests.soak.capture_clip import READY_FRAMES
from tests.soak.capture_witness import Reported


@dataclass(frozen=True)
class Stored:
    """A clip's file: whose it is, and what is in it.

    Attributes
    ----------
    name, attempt
        Of its take.
    frames
        Of each camera.
    span_ns
        First and last device time of each camera.
    """

    name: str
    attempt: int
    frames: dict[Role, int]
    span_ns: dict[Role, tuple[int, int]]


@dataclass
class Sessions:
    """A session's folder between one run of the command and the next.

    Attributes
    ----------
    folder
        The session.
    sealed
        SHA-256 of every clip that was ever seen sealed.
    stored
        Every file that was read to its last frame, by its name from the session's folder.
    """

    folder: Path
    sealed: dict[str, str] = field(default_factory=dict)
    stored: dict[str, Stored] = field(default_factory=dict)
    _ready: dict[Role, list[int]] = field(default_factory=dict)

    def open_take(self) -> tuple[str, int] | None:
        """Clip and attempt that the journal tells to be under way."""
        if not (self.folder / JOURNAL_NAME).exists():
            return None
        takes = SessionRecord.read(self.folder).open_takes
        return (takes[0].clip, takes[0].attempt) if takes else None

    def require_sealed_unchanged(self) -> int:
        """No clip that was sealed has changed or gone; how many there are now."""
        now = {path.name: _digest(path) for path in sorted(self.folder.glob("clip-*.h5"))}
        for name, digest in self.sealed.items():
            assert now.get(name) == digest, f"{name} was sealed and has changed"
        self.sealed = now
        return len(now)

    def require_order(self) -> None:
        """After a run to the end: journal, numbers, files, frames."""
        entries, sound_bytes = read_entries(self.folder / JOURNAL_NAME)
        assert sound_bytes == (self.folder / JOURNAL_NAME).stat().st_size, "a torn last line"
        assert entries[-1].kind == "closed"
        record = SessionRecord.read(self.folder)
        assert not record.open_takes
        names = sorted(self.sealed)
        assert names == [f"clip-{number:03d}.h5" for number in range(len(names))]
        assert [clip.file for clip in record.clips] == names
        left = [path.name for path in self.folder.rglob("*.part")]
        assert not left, left
        hidden = {path.name for path in self.folder.glob(".*")}
        assert hidden == {".lock"}, hidden
        files = [*self.folder.glob("*.h5"), *(self.folder / DISCARDED_NAME).iterdir()]
        for path in sorted(files):
            name = path.relative_to(self.folder).as_posix()
            if name not in self.stored:
                self.stored[name] = self._read(path)
        self._require_disjoint()

    def require_reported(self, take: tuple[str, int], reported: Reported) -> str:
        """Every frame that was reported as stored is in the take's file; that file's name."""
        found = {
            name: each for name, each in self.stored.items() if (each.name, each.attempt) == take
        }
        assert len(found) == 1, f"{take}: reported {reported}, files {list(found)}"
        ((name, each),) = found.items()
        for role, count in zip(ROLES, (reported.blurry, reported.sharp), strict=True):
            assert each.frames[role] >= count, f"{name}: {each.frames}, reported {reported}"
        return name

    def _read(self, path: Path) -> Stored:
        """All of a clip, whether it was sealed or recovered."""
        with Clip(path) as clip:
            frames: dict[Role, int] = {}
            span_ns: dict[Role, tuple[int, int]] = {}
            for role in ROLES:
                arrivals = clip.arrivals(role)
                sums = [zlib.crc32(frame.data) for frame in clip.frames(role)]
                assert len(sums) == len(arrivals)
                frames[role] = len(sums)
                if not sums:
                    continue
                ids = arrivals["frame_id"].astype(np.int64)
                assert np.array_equal(ids - ids[0], np.arange(len(ids))), f"{path}: {ids}"
                assert np.all(arrivals["flags"] == ArrivalFlag.COMPLETE)
                assert len(np.unique(arrivals["arming"])) == 1, path
                assert np.all(np.diff(arrivals["device_ns"]) > 0)
                self._require_ready(path, role, arrivals["index"], sums)
                span_ns[role] = (int(arrivals["device_ns"][0]), int(arrivals["device_ns"][-1]))
            return Stored(clip.head.name, clip.head.take, frames, span_ns)

    def _require_ready(
        self,
        path: Path,
        role: Role,
        index: np.ndarray[tuple[int, ...], np.dtype[np.uint64]],
        sums: list[int],
    ) -> None:
        """The virtual rig sends few frames in turn: one that was torn is none of them."""
        ready = self._ready.get(role)
        if ready is None:
            assert len(sums) >= READY_FRAMES, f"{path}: the first clip is too short to learn from"
            ready = self._ready[role] = sums[:READY_FRAMES]
        assert sums == [ready[int(n) % READY_FRAMES] for n in index], f"{path}: {role}: torn"

    def _require_disjoint(self) -> None:
        """No frame of one take is in another's file: their times never overlap."""
        for role in ROLES:
            spans = sorted(
                (*each.span_ns[role], name)
                for name, each in self.stored.items()
                if role in each.span_ns
            )
            for (_, last_ns, before), (first_ns, _, after) in pairwise(spans):
                assert last_ns < first_ns, f"{role}: {before} and {after} overlap"


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
