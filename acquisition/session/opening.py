"""The session that a command line means: a new one, or the one that was begun in its folder."""

from __future__ import annotations

import getpass
from collections.abc import Callable, Iterable
from pathlib import Path

from acquisition.session.document import SESSION_NAME
from acquisition.session.journal_entry import Consent
from acquisition.session.record import SessionRecord
from acquisition.session.session import Session
from bsd.errors import UserMistake


def stated_consent(who: str | None, how: str, *, no_persons: bool) -> Consent | None:
    """What ``--consent``, ``--consent-how`` and ``--no-persons`` say; None where they say nothing.

    Raises
    ------
    UserMistake
        They contradict each other, or how is missing.
    """
    if no_persons:
        if who:
            raise UserMistake("--no-persons and --consent exclude each other; give one")
        return Consent(persons=False)
    if who is None:
        return None
    if not how.strip():
        raise UserMistake("--consent: say how, such as --consent-how 'signed form'")
    return Consent(persons=True, who=who, how=how)


def open_session(
    out: Path,
    rig_file: Path,
    *,
    operator: str | None,
    say: Callable[[str], None],
    ask: Callable[[], str] = str,
    consent: Consent | None = None,
    licence: str = "",
    rig_changed: str | None = None,
    forget: Iterable[str] = (),
) -> Session:
    """Go on with the session in `out`, or make one there.

    Parameters
    ----------
    out
        Folder of the session.
    rig_file
        The rig in use.
    operator
        Who records; a session has one.
    say
        Told what was found and mended, one line each.
    ask
        Asks who records, for a new session without a word on it; an empty answer means the user
        of this machine.
    consent, licence
        Statements; the newest hold.
    rig_changed, forget
        As of `Session.open`.

    Raises
    ------
    UserMistake
        As of `Session.create` and `Session.open`; or another operator than the session's.
    """
    if not (out / SESSION_NAME).exists():
        return Session.create(
            out,
            rig_file,
            operator=operator or ask() or getpass.getuser(),
            consent=consent,
            licence_note=licence,
        )
    if operator is not None:
        _require_same(out, operator)
    session = Session.open(out, rig_file, rig_changed=rig_changed, forget=forget)
    for line in session.report:
        say(line)
    if consent is not None or licence:
        session.state(consent=consent, licence_note=licence or None)
    return session


def _require_same(out: Path, operator: str) -> None:
    known = SessionRecord.read(out).document.operator
    if operator.strip() != known:
        raise UserMistake(
            f"{out}: is the session of {known}; leave --operator out, or begin your own session"
        )
