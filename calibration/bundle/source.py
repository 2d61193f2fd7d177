"""Where a result comes from."""

from __future__ import annotations

from bsd.document import Part


class SourceClip(Part):
    """A clip of the session.

    Attributes
    ----------
    clip, uuid
        Name in the session, and the file's own identity.
    purpose, step, when, setting
        What it was recorded for.
    """

    clip: str
    uuid: str
    purpose: str
    step: str
    when: str
    setting: str
