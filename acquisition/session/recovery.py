"""Before a session goes on: what a kill left is put in order, gaps and another rig are refused."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from acquisition.rig import Rig
from acquisition.session.document import CLIP_SUFFIX, DISCARDED_NAME, rig_identity
from acquisition.session.journal_entry import (
    Entry,
    RigChanged,
    TakeDiscarded,
    TakeRecovered,
    TakeSealed,
)
from acquisition.session.record import ClipRecord, SessionRecord
from acquisition.session.take import Take, put_aside
from bsd.document import PART_SUFFIX, write_bytes
from bsd.errors import ToolkitError, UserMistake
from bsd.provenance import sha256_bytes

Add = Callable[..., Entry]
"""`acquisition.session.session.Session` as a writer: kind of entry and its fields."""

_QUIET_S: Final = 0.25
_PATIENCE_S: Final = 10.0
_HIDDEN: Final = "."
"""Clips under hidden names are rehearsals: no part of the session, and gone when it goes on."""

_KILLED: Final = "the recording was interrupted"


def recover(record: SessionRecord, add: Add) -> list[str]:
    """End every take that was begun and not ended.

    A file that was sealed as good is adopted under its name. Everything else goes to
    ``discarded/``, a part file after its frames were recovered; its clip's number is free again.

    Parameters
    ----------
    record
        Of the session, which the caller has locked.
    add
        Writes an entry and keeps `record` up to date.

    Returns
    -------
    list of str
        One line per take.

    Raises
    ------
    UserMistake
        A process still writes to a part file.
    """
    report = [f"{path.name}: swept" for path in _sweep(record.folder)]
    for taken in list(record.open_takes):
        take = Take.of(record.folder, record.document.session, taken.clip, taken.attempt)
        fields: dict[str, Any] = {"clip": taken.clip, "attempt": taken.attempt}
        if taken.verdict not in (None, "discarded") and (sealed := sealed_file(take)) is not None:
            add(TakeSealed, **fields, verdict=taken.verdict, **sealed, adopted=True)
            report.append(f"{taken.identity}: was complete, it counts as {take.final.name}")
            continue
        was_part = take.part.exists()
        if was_part:
            _wait_until_quiet(take.part)
        aside = put_aside(take)
        if taken.verdict == "discarded" and not was_part:
            add(TakeDiscarded, **fields, why="; ".join(taken.findings) or _KILLED, file=aside.file)
        else:
            frames = dict(aside.frames)
            why = "; ".join(filter(None, (_KILLED, aside.lost)))
            add(TakeRecovered, **fields, why=why, file=aside.file, frames=frames)
        where = "" if aside.file is None else f", see {aside.file}"
        lost = aside.lost and f"; {aside.lost}"
        report.append(f"{taken.identity}: {_KILLED}; {aside.what}{where}{lost}")
    return report


def check_rig(
    record: SessionRecord, add: Add, rig_file: Path | None, why: str | None
) -> str | None:
    """Refuse another rig than before unless somebody says why it changed.

    Returns
    -------
    str or None
        SHA-256 of the file; None where there is none to compare.

    Raises
    ------
    UserMistake
        Another rig, and no reason.
    """
    if rig_file is None:
        return None
    rig, content = Rig.read(rig_file), rig_file.read_bytes()
    digest, identity = sha256_bytes(content), rig_identity(rig)
    if identity == record.rig_sha256:
        return digest
    if not (why or "").strip():
        raise UserMistake(
            f"{rig_file}: is not the rig that {record.folder} was recorded with (cameras, optics or"
            " timing differ); begin a new session, or say why it changed (--rig-changed)"
        )
    changes = sum(isinstance(entry, RigChanged) for entry in record.entries)
    name = f"rig-{changes + 1}.yaml"
    write_bytes(record.folder / name, content)
    add(RigChanged, file=name, rig_sha256=identity, why=why)
    return digest


def check_gaps(record: SessionRecord) -> None:
    """Refuse a session whose files are not those of its journal.

    Raises
    ------
    UserMistake
        The first clip that is missing, has changed, or is unknown to the journal, with the way
        out.
    """
    for clip in record.clips:
        if (wrong := gap(record, clip)) is not None:
            raise UserMistake(wrong)
    known = {clip.file for clip in record.clips}
    for path in strangers(record.folder, known):
        raise UserMistake(
            f"{path}: the session's journal does not know this file; move it out of the folder"
        )


def damage_line(journal: Path, lost: int) -> str:
    """What to say of a journal whose last line is damaged."""
    return (
        f"{journal}: its last line (entry {lost}) is damaged and what it said is lost; restore the"
        " journal from a copy if there is one"
    )


def gap(record: SessionRecord, clip: ClipRecord) -> str | None:
    """What is wrong with a clip's file, in a line with the way out; None where nothing is."""
    from acquisition.clip.reader import Clip

    path = record.folder / clip.file
    way_out = (
        f"put the recorded file back, or take the clip out of the session (--forget {clip.clip})"
    )
    if not path.is_file():
        return f"{path}: is missing, the journal says that it was recorded; {way_out}"
    if path.stat().st_size != clip.size_bytes:
        return (
            f"{path}: has {path.stat().st_size} bytes, was sealed with {clip.size_bytes}; {way_out}"
        )
    try:
        with Clip.open(path) as opened:
            head = opened.head
    except ToolkitError as error:
        return f"{error}; or {way_out}"
    if head.uuid != clip.uuid:
        return (
            f"{path}: is take {head.take} of {head.name}, not the file that was recorded here;"
            f" {way_out}"
        )
    return None


def strangers(folder: Path, known: set[str]) -> list[Path]:
    """Files that look like clips, sealed or in part, and are not `known`; hidden ones aside."""
    return sorted(
        path
        for path in _clips(folder)
        if path.name not in known and not path.name.startswith(_HIDDEN)
    )


def sealed_file(take: Take) -> dict[str, Any] | None:
    """What the journal keeps of a sealed file: uuid, size and pairs; None if it is not this take's.

    Also None where the part is still there: then the seal was not finished.
    """
    from acquisition.clip.reader import Clip

    if not take.final.is_file() or take.part.exists():
        return None
    try:
        with Clip.open(take.final) as clip:
            head, pairs = clip.head, clip.pair_count
    except ToolkitError:
        return None
    if (head.session, head.name, head.take) != (take.session, take.clip, take.attempt):
        return None
    return {"uuid": head.uuid, "size_bytes": take.final.stat().st_size, "pairs": pairs}


def _clips(folder: Path) -> list[Path]:
    return [*folder.glob(f"*{CLIP_SUFFIX}"), *folder.glob(f"*{CLIP_SUFFIX}{PART_SUFFIX}")]


def _sweep(folder: Path) -> list[Path]:
    """Documents that a kill left half written, halves of earlier recoveries, rehearsals."""
    swept = [*folder.glob(f"*.json{PART_SUFFIX}"), *folder.glob(f"*.yaml{PART_SUFFIX}")]
    swept += (folder / DISCARDED_NAME).glob(f"*{PART_SUFFIX}")
    swept += [path for path in _clips(folder) if path.name.startswith(_HIDDEN)]
    swept = [path for path in swept if path.is_file()]
    if swept:
        from acquisition.clip.file import remove_clip

        for path in swept:
            remove_clip(path)
    return swept


def _wait_until_quiet(part: Path) -> None:
    """A recorder outlives a killed parent by a moment: wait until the file rests."""
    until = time.monotonic() + _PATIENCE_S
    seen: tuple[int, int] | None = None
    while time.monotonic() < until:
        status = part.stat()
        now = (status.st_size, status.st_mtime_ns)
        if now == seen:
            return
        seen = now
        time.sleep(_QUIET_S)
    raise UserMistake(f"{part}: another process still writes to it; end that program, then resume")
