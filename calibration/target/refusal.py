"""Why a picture of a calibration target is of no use."""

from __future__ import annotations

from typing import Literal

from bsd.errors import FoundBad

Reason = Literal[
    "none",
    "wrong-board",
    "mirrored",
    "ambiguous",
    "blurred",
    "clipped",
    "too-few",
    "too-small",
]


class BoardNotFound(FoundBad):
    """A picture, or a pair of them, whose board cannot be measured.

    Parameters
    ----------
    reason
        For programs; the message says it in words, with the way out.
    where
        What the picture is called: clip and camera.
    text
        What is wrong and the way out, one line.
    """

    def __init__(self, reason: Reason, where: str, text: str) -> None:
        super().__init__(f"{where}: {text}")
        self.reason: Reason = reason
        self.where = where
        self.text = text
