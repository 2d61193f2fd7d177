"""``session.json``: what was said when a session was made, and the names in its folder."""

from __future__ import annotations

from typing import Any, Final, Literal

from pydantic import Field

from acquisition.rig import Rig
from acquisition.session.journal_entry import Consent, RigFile
from bsd.document import Document
from bsd.provenance import sha256_bytes

SESSION_NAME: Final = "session.json"
RIG_NAME: Final = "rig.yaml"
LOCK_NAME: Final = ".lock"
DISCARDED_NAME: Final = "discarded"
CLIP_SUFFIX: Final = ".h5"

_CONNECTION: Final[dict[str, Any]] = {
    "trigger": True,
    "timeouts": True,
    "cameras": {"blurry": {"producer"}, "sharp": {"producer"}},
}


class SessionDocument(Document):
    """``session.json``: what was said when the session was made. It never changes afterwards.

    Attributes
    ----------
    session
        Identity, a UUID; every clip carries it.
    name, operator, created_utc
        For people.
    rig, rig_file, rig_sha256
        The rig's name, the copy of its file beside this one, and its `rig_identity`.
    consent
        Who may be seen; None: not said yet, and no scene can be recorded before it is.
    licence_note
        What was agreed on the use of the recordings, in words.
    notes
        Place, light, weather, whatever matters later.
    toolkit
        Version that made the session.
    """

    format: Literal["bsd-session"] = "bsd-session"
    format_version: int = 1
    session: str = Field(min_length=1)
    name: str = Field(min_length=1)
    operator: str = Field(min_length=1)
    created_utc: str
    rig: str
    rig_file: RigFile = RIG_NAME
    rig_sha256: str
    consent: Consent | None = None
    licence_note: str = ""
    notes: str = ""
    toolkit: str


def rig_identity(rig: Rig) -> str:
    """SHA-256 of what a rig's pictures and their timing depend on.

    Ports, paths of producers and timeouts are left out: they change when a cable is put into
    another socket, and the pictures do not.
    """
    return sha256_bytes(rig.model_dump_json(exclude=_CONNECTION).encode())
