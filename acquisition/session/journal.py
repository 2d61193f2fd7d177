"""A session's journal: one line of JSON per entry, each on the disk before the next thing happens.

An entry exists when its line ends in a newline. A kill or a power cut can only tear the last
line, so a torn last line never was an entry: readers pass over it, and the next writer cuts it
off. A last line that has its newline and is damaged may have been one: it is passed over and cut
off as well, and said (`lost_entry`). Anything else that is wrong is refused with the number of the
line.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, TypeVar, cast

from pydantic import ValidationError

from acquisition.session.journal_entry import ENTRY, JOURNAL_VERSION, AnyEntry, Began, Entry
from bsd.document import first_fault, sync_folder, write_bytes
from bsd.errors import UserMistake, explain_os_error
from bsd.provenance import toolkit_version

JOURNAL_NAME: Final = "journal.jsonl"

Kind = TypeVar("Kind", bound=Entry)


def utc_now() -> str:
    """The time in UTC, to the millisecond: ``2026-05-03T14:07:09.250Z``."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Journal:
    """A journal that this process appends to; one writer at a time (see `bsd.lock`).

    Parameters
    ----------
    path
        The file.
    entries
        What it holds.
    sound_bytes
        Where its last entry ends.
    lost
        Number of an entry whose damaged line is cut off; None where there is none.
    """

    def __init__(
        self, path: Path, entries: list[AnyEntry], sound_bytes: int, lost: int | None = None
    ) -> None:
        self.path = path
        self.lost = lost
        # Entry and end are one element: an interrupt finds both known or none.
        self._known = [(entry, sound_bytes) for entry in entries]
        flags = os.O_WRONLY | os.O_APPEND | getattr(os, "O_BINARY", 0)
        self._file = os.open(path, flags | getattr(os, "O_CLOEXEC", 0))
        if os.fstat(self._file).st_size > sound_bytes:
            self._cut()
            os.fsync(self._file)

    @classmethod
    def create(cls, path: Path, session: str) -> Self:
        """Begin a journal; the file appears with its first entry in it.

        Raises
        ------
        UserMistake
            There is one already.
        """
        if path.exists():
            raise UserMistake(f"{path}: there is a journal already; open the session to resume it")
        first = Began(n=0, utc=utc_now(), session=session, toolkit=toolkit_version())
        line = _line(first)
        write_bytes(path, line)
        sync_folder(path.parent)
        return cls(path, [first], len(line))

    @classmethod
    def open(cls, path: Path) -> Self:
        """Go on with a journal; a torn last line is cut off.

        Raises
        ------
        UserMistake
            As `read_entries`.
        """
        entries, sound_bytes = read_entries(path)
        return cls(path, entries, sound_bytes, lost_entry(path))

    @property
    def entries(self) -> tuple[AnyEntry, ...]:
        """All entries, oldest first."""
        return tuple(entry for entry, _ in self._known)

    def __len__(self) -> int:
        """How many entries there are."""
        return len(self._known)

    def add(self, kind: type[Kind], **fields: Any) -> Kind:
        """Append an entry; it is on the disk when this returns.

        Parameters
        ----------
        kind
            Its model; number and time are filled in.
        fields
            The model's other fields.

        Raises
        ------
        UserMistake
            A field that does not fit.
        EnvironmentFault
            It cannot be written; the journal is as it was, as it is after an interrupt.
        """
        try:
            entry = kind(n=len(self._known), utc=utc_now(), **fields)
        except ValidationError as error:
            raise UserMistake(f"{self.path.name}: {kind.__name__}: {first_fault(error)}") from error
        line = _line(entry)
        try:
            self._cut()  # what an earlier call could not take back
            _write_whole(self._file, line)
            os.fsync(self._file)
            self._known.append((cast("AnyEntry", entry), self._end + len(line)))
        except OSError as error:
            with suppress(OSError):
                self._cut()
            error.filename = str(self.path)
            raise explain_os_error(error) from error
        except BaseException:
            with suppress(OSError):
                self._cut()
            raise
        return entry

    @property
    def _end(self) -> int:
        return self._known[-1][1]

    def _cut(self) -> None:
        """Take what lies behind the last entry off the file."""
        os.ftruncate(self._file, self._end)

    def close(self) -> None:
        """Let go of the file; again is no error."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def read_entries(path: Path) -> tuple[list[AnyEntry], int]:
    """All entries of a journal, and the byte where the last one ends; nothing is changed.

    Raises
    ------
    UserMistake
        No journal, a damaged line before the last, a number out of order, a kind or a version of
        a newer toolkit.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise UserMistake(f"{path}: no such file; restore it from a copy of the session") from error
    *lines, torn = content.split(b"\n")
    sound_bytes = len(content) - len(torn)
    entries: list[AnyEntry] = []
    for number, line in enumerate(lines):
        fields = _fields(line)
        if fields is None:
            # A power cut may leave the last line with its end on the disk and its middle not.
            if number == len(lines) - 1 and not torn and number > 0:
                return entries, sound_bytes - len(line) - 1
            raise UserMistake(
                f"{path}: line {number + 1} is damaged; restore the journal from a copy"
            )
        entries.append(_entry(fields, number, f"{path}: line {number + 1}"))
    if not entries:
        raise UserMistake(f"{path}: holds no entry; restore the journal from a copy")
    return entries, sound_bytes


def lost_entry(path: Path) -> int | None:
    """Number of the entry that the damaged last line was, where it ends in a newline.

    A line without its newline was never acknowledged, so that nothing is lost with it.

    Parameters
    ----------
    path
        A journal that `read_entries` reads.

    Returns
    -------
    int or None
        None where the last line is sound.
    """
    *lines, torn = path.read_bytes().split(b"\n")
    return len(lines) - 1 if lines and not torn and _fields(lines[-1]) is None else None


def _fields(line: bytes) -> dict[str, Any] | None:
    try:
        fields = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return fields if isinstance(fields, dict) else None


def _entry(fields: dict[str, Any], number: int, where: str) -> AnyEntry:
    if number == 0:
        version = fields.get("format_version")
        if isinstance(version, int) and version > JOURNAL_VERSION:
            raise UserMistake(
                f"{where}: journal version {version} is newer than this toolkit reads"
                f" ({JOURNAL_VERSION}); install a newer bsd-toolkit"
            )
    try:
        entry = ENTRY.validate_python(fields)
    except ValidationError as error:
        if error.errors()[0]["type"] == "union_tag_invalid":
            raise UserMistake(
                f"{where}: an entry of kind '{fields.get('kind')}' is unknown to this toolkit;"
                " install a newer bsd-toolkit"
            ) from error
        raise UserMistake(f"{where}: {first_fault(error)}") from error
    if entry.n != number:
        raise UserMistake(
            f"{where}: entry {entry.n} stands where {number} belongs: lines are missing or out of"
            " order; restore the journal from a copy"
        )
    if (number == 0) != isinstance(entry, Began):
        raise UserMistake(f"{where}: a journal has one entry 'began', its first")
    return entry


def _line(entry: Entry) -> bytes:
    fields = entry.model_dump(mode="json", exclude_defaults=False)
    ordered = {"n": fields.pop("n"), "utc": fields.pop("utc"), "kind": fields.pop("kind"), **fields}
    return json.dumps(ordered, ensure_ascii=False, separators=(", ", ": ")).encode() + b"\n"


def _write_whole(file: int, content: bytes) -> None:
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(file, rest) :]
