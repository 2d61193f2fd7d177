"""The scene clips of sessions: found, told apart, and refused where a session is still in use."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from acquisition.session.document import LOCK_NAME
from acquisition.session.record import ClipRecord, SessionRecord
from bsd.document import Part
from bsd.errors import UserMistake
from bsd.lock import lock_file
from bsd.phrase import counted

log = logging.getLogger(__name__)

_SHOWN_UUID = 8


@dataclass(frozen=True)
class ClipSource:
    """A sealed scene clip of a session.

    Attributes
    ----------
    path
        Its file.
    identity
        ``SESSION-1234abcd/clip-030``: the session's name and the begin of its UUID, and the
        clip's name. The same for good, whatever other sessions are built with it.
    session, session_name
        UUID and name of the session.
    clip, uuid
        Name and UUID of the clip; the UUID is the journal's, the file must carry the same.
    setting
        Name of the setting; None where it was recorded without one.
    begun_utc
        When the take began.
    verdict
        Of the capture.
    """

    path: Path
    identity: str
    session: str
    session_name: str
    clip: str
    uuid: str
    setting: str | None
    begun_utc: str
    verdict: str

    def is_called(self, name: str) -> bool:
        """Whether a person may mean this clip: its identity, its path, ``SESSION/clip-030``."""
        short = f"{self.session_name}/{self.clip}"
        return name in (self.identity, short, self.clip, str(self.path))


class SessionFacts(Part):
    """What a published data set says of a session.

    Attributes
    ----------
    session, name, operator, created_utc
        As in ``session.json``.
    rig, rig_sha256
        Name and identity of the rig.
    persons, consent
        Whether persons can be recognised, and the statement in one line; None where nothing was
        stated.
    licence_note, notes
        Free words.
    scenes
        Sealed scene clips.
    """

    session: str
    name: str
    operator: str
    created_utc: str
    rig: str
    rig_sha256: str
    persons: bool | None
    consent: str | None
    licence_note: str
    notes: str
    scenes: int


@dataclass(frozen=True)
class SessionSource:
    """A session: what it says of itself, and its scene clips in the order of their recording."""

    folder: Path
    facts: SessionFacts
    clips: tuple[ClipSource, ...]


def read_sessions(folders: Sequence[Path]) -> tuple[SessionSource, ...]:
    """Sessions in the order of their making.

    Raises
    ------
    UserMistake
        None given, no session, one that is being recorded, or the same one twice.
    """
    if not folders:
        raise UserMistake("no session: give at least one, --session FOLDER")
    sessions = [_read(folder) for folder in folders]
    seen: dict[str, SessionSource] = {}
    for session in sessions:
        if (other := seen.setdefault(session.facts.session, session)) is not session:
            raise UserMistake(
                f"{session.folder} and {other.folder}: are the same session; give it once"
            )
    _refuse_shared_clips(sessions)
    return tuple(sorted(sessions, key=lambda each: (each.facts.created_utc, each.facts.session)))


def _read(folder: Path) -> SessionSource:
    record = SessionRecord.read(folder)
    _refuse_in_use(record)
    document = record.document
    scenes = [clip for clip in record.clips if clip.plan.purpose == "scene"]
    facts = SessionFacts(
        session=document.session,
        name=document.name,
        operator=document.operator,
        created_utc=document.created_utc,
        rig=document.rig,
        rig_sha256=record.rig_sha256,
        persons=None if record.consent is None else record.consent.persons,
        consent=None if record.consent is None else record.consent.summary(),
        licence_note=record.licence_note,
        notes=document.notes,
        scenes=len(scenes),
    )
    return SessionSource(folder, facts, tuple(_clip(folder, facts, clip) for clip in scenes))


def _clip(folder: Path, facts: SessionFacts, clip: ClipRecord) -> ClipSource:
    return ClipSource(
        path=folder / clip.file,
        identity=f"{facts.name}-{facts.session[:_SHOWN_UUID]}/{clip.clip}",
        session=facts.session,
        session_name=facts.name,
        clip=clip.clip,
        uuid=clip.uuid or "",
        setting=clip.plan.setting,
        begun_utc=clip.begun_utc,
        verdict=clip.verdict or "",
    )


def _refuse_in_use(record: SessionRecord) -> None:
    """A session that a capture holds now changes under our hands; what a kill left is only told."""
    path = record.folder / LOCK_NAME
    if path.exists():
        file = os.open(path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
        try:
            lock_file(file, path)
        except UserMistake as error:
            raise UserMistake(
                f"{record.folder}: is being recorded now; close the capture, then build"
            ) from error
        finally:
            os.close(file)
    if record.open_takes:
        names = ", ".join(take.identity for take in record.open_takes)
        log.warning(
            "%s: %s interrupted and not recovered (%s); the next capture into the session"
            " recovers, here only sealed clips count",
            record.folder,
            counted(len(record.open_takes), "take") + " was",
            names,
        )


def _refuse_shared_clips(sessions: Sequence[SessionSource]) -> None:
    """A clip that was copied into a second session would stand in two splits."""
    owners: dict[str, ClipSource] = {}
    for clip in (clip for session in sessions for clip in session.clips):
        if clip.uuid and (other := owners.setdefault(clip.uuid, clip)) is not clip:
            raise UserMistake(
                f"{clip.path} and {other.path}: are the same clip; give its session once"
            )
