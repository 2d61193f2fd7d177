"""One finding of the doctor: what was looked at, how it stands, and the way out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Status = Literal["ok", "warning", "fault"]


@dataclass(frozen=True)
class Finding:
    """What one check found.

    Attributes
    ----------
    name
        What was looked at, two or three words.
    status
        ``ok``; ``warning``: something optional is missing or should be known; ``fault``: it
        does not work as it stands.
    what
        One line that says what was found.
    remedy
        One line that says what to do; empty where nothing is to be done.
    """

    name: str
    status: Status
    what: str
    remedy: str = ""


def good(findings: Iterable[Finding]) -> bool:
    """Whether no finding is a fault; warnings are allowed."""
    return all(finding.status != "fault" for finding in findings)
