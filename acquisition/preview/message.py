"""What passes between the browser, the preview's process and the program that started it.

The browser's messages are JSON, validated here before anything is done about them. What the
operator asks for reaches the program as one of the news at the end.
"""

from __future__ import annotations

import unicodedata
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, TypeAdapter

from bsd.document import Part

Mode = Literal["side", "overlay", "blink", "difference", "anaglyph"]

Purpose = Literal["scene"]
"""Calibration clips are steps of a guide, checked one by one: ``acquisition.capture --guided``."""

MESSAGE_BYTES = 16_384
"""Longest message that is accepted from a browser."""

MOST_FRAMES = 10_000_000
_MOST_TEXT = 2000
_MOST_CROP_PX = 2048


def _plain(text: str) -> str:
    """Without control characters: a note may be shown in a terminal. Line breaks stay."""
    kept = (c for c in text.replace("\r\n", "\n") if c == "\n" or unicodedata.category(c) != "Cc")
    return "".join(kept).strip()


Text = Annotated[str, Field(max_length=_MOST_TEXT), AfterValidator(_plain)]
Line = Annotated[str, Field(max_length=200), AfterValidator(_plain)]


class Look(Part):
    """What one browser wants to see. Equal looks of several browsers are made once.

    Attributes
    ----------
    mode
        How the two views are shown.
    zoom
        Sensor pixels one to one, from around (x, y); else the whole view, smaller if it is large.
    x, y
        Centre of the part shown, shares of the unflipped view's width and height.
    width, height
        Sensor pixels that the browser has room for in each view.
    gain
        Brightening of the display only; measurements are made before it.
    """

    kind: Literal["look"] = "look"
    mode: Mode = "side"
    zoom: bool = False
    x: float = Field(default=0.5, ge=0, le=1)
    y: float = Field(default=0.5, ge=0, le=1)
    width: int = Field(default=640, ge=16, le=_MOST_CROP_PX)
    height: int = Field(default=480, ge=16, le=_MOST_CROP_PX)
    gain: Literal[1, 2, 4, 8] = 1


class Hide(Part):
    """The page is not visible: send no pictures."""

    kind: Literal["hide"]


class Taken(Part):
    """The picture of this number is on the screen; the next one may come."""

    kind: Literal["taken"]
    number: int = Field(ge=0)


class Start(Part):
    """The operator starts a take."""

    kind: Literal["start"]
    purpose: Purpose = "scene"
    frames: int = Field(gt=0, le=MOST_FRAMES)
    notes: Text = ""
    motion: Line = ""
    countdown_s: int = Field(default=0, ge=0, le=60)


class Stop(Part):
    """The operator ends the take before its time."""

    kind: Literal["stop"]


class Remark(Part):
    """The operator writes a note on the last take."""

    kind: Literal["note"]
    text: Text = Field(min_length=1)


class End(Part):
    """The operator ends the preview."""

    kind: Literal["end"]


Word = Look | Hide | Taken | Start | Stop | Remark | End
FROM_BROWSER: TypeAdapter[Word] = TypeAdapter(Annotated[Word, Field(discriminator="kind")])
"""Reads one message of a browser; refuses what it does not know."""


class StartTake(Part):
    """News: begin a take.

    Attributes
    ----------
    purpose, frames
        What and how many; `frames` of the scene, bookends not counted.
    notes, motion
        As written by the operator; plain text, control characters removed.
    countdown_s
        Seconds to wait before the first pulse, shown by the page from the status.
    """

    purpose: Purpose = "scene"
    frames: int
    notes: str = ""
    motion: str = ""
    countdown_s: int = 0


class StopTake(Part):
    """News: end the take, or its countdown, now."""


class Note(Part):
    """News: a note on the take that is on or was last."""

    text: str


class Shown(Part):
    """News for `PreviewProcess` itself: the last status was taken in."""


class Leave(Part):
    """News: the operator ends the preview."""
