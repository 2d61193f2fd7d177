"""Makes a session's folder: complete, or removed of what a killed creation left and made anew."""

from __future__ import annotations

import uuid
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from acquisition.rig import Rig
from acquisition.session.document import (
    DISCARDED_NAME,
    LOCK_NAME,
    RIG_NAME,
    SESSION_NAME,
    SessionDocument,
    rig_identity,
)
from acquisition.session.journal import JOURNAL_NAME, Journal, utc_now
from acquisition.session.journal_entry import Consent
from bsd.document import PART_SUFFIX, sync_folder, write_bytes
from bsd.errors import UserMistake
from bsd.lock import locked
from bsd.provenance import toolkit_version

_REMAINS: Final = frozenset(
    {LOCK_NAME, JOURNAL_NAME, DISCARDED_NAME}
    | {name + PART_SUFFIX for name in (JOURNAL_NAME, RIG_NAME, SESSION_NAME)}
)
"""What a killed creation can leave before the rig file, which comes last but one."""


def describe(
    folder: Path,
    rig_file: Path,
    *,
    operator: str,
    name: str | None,
    consent: Consent | None,
    licence_note: str,
    notes: str,
) -> SessionDocument:
    """The document of a new session; `UserMistake` where the rig or the operator is none."""
    rig = Rig.read(rig_file)
    if not operator.strip():
        raise UserMistake(f"{folder}: a session has an operator; say who records (--operator)")
    return SessionDocument(
        session=str(uuid.uuid4()),
        name=name or folder.resolve().name or "session",
        operator=operator.strip(),
        created_utc=utc_now(),
        rig=rig.name,
        rig_sha256=rig_identity(rig),
        consent=consent,
        licence_note=licence_note,
        notes=notes,
        toolkit=toolkit_version(),
    )


def lay_out(folder: Path, document: SessionDocument, rig_file: bytes) -> tuple[ExitStack, Journal]:
    """Make the folder; ``session.json`` comes last, so that a session is one or none.

    Returns
    -------
    tuple
        What holds the lock and the journal, to be closed at the end; the journal.

    Raises
    ------
    UserMistake
        The folder is a session already, holds something else, or another process works there.
    """
    folder.mkdir(parents=True, exist_ok=True)
    _require_free(folder)
    with ExitStack() as stack:
        stack.enter_context(locked(folder / LOCK_NAME))
        _require_free(folder)  # another process may have been quicker
        (folder / JOURNAL_NAME).unlink(missing_ok=True)
        journal = stack.enter_context(Journal.create(folder / JOURNAL_NAME, document.session))
        (folder / DISCARDED_NAME).mkdir(exist_ok=True)
        write_bytes(folder / RIG_NAME, rig_file)
        document.write(folder / SESSION_NAME)
        sync_folder(folder)
        return stack.pop_all(), journal


def _require_free(folder: Path) -> None:
    names = {path.name for path in folder.iterdir()}
    if SESSION_NAME in names:
        raise UserMistake(f"{folder}: is a session already; resume it, or choose another folder")
    allowed = _REMAINS | ({RIG_NAME} if JOURNAL_NAME in names else set())
    if foreign := sorted(names - allowed):
        raise UserMistake(
            f"{folder}: is not empty ({foreign[0]}); a session needs a folder of its own, choose"
            " a new one"
        )
