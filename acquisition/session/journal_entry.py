"""What a session's journal can say: one frozen model per kind of entry.

A kind keeps its fields for good: older journals stay readable, and a kind that this toolkit does
not know was written by a newer one.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal, Self

from pydantic import Field, TypeAdapter, model_validator

from bsd.document import Part

JOURNAL_VERSION: Final = 1

TakeVerdict = Literal["good", "marked", "discarded", "free-running"]
"""What a capture decided of a take before the file is sealed."""

ClipName = Annotated[str, Field(pattern=r"^clip-\d{3,6}$")]


RigFile = Annotated[str, Field(pattern=r"^rig(-\d+)?\.yaml$")]
"""A copy of a rig file in the session's folder."""


class Consent(Part):
    """Who may be seen, and who said that they agree.

    Attributes
    ----------
    persons
        Whether persons can be recognised in the scenes. False is a statement too, and is made
        explicitly.
    who
        Who consented, by name or by the code of a form; required with persons.
    how
        How, such as ``signed form, kept by the lab``; required with persons.
    """

    persons: bool
    who: str = ""
    how: str = ""

    @model_validator(mode="after")
    def _persons_have_agreed(self) -> Self:
        if self.persons and not (self.who.strip() and self.how.strip()):
            raise ValueError("with persons say who consented and how, e.g. by a signed form")
        return self

    def summary(self) -> str:
        """One line for a person."""
        return f"{self.who} ({self.how})" if self.persons else "no persons are recorded"


class TakePlan(Part):
    """What a take is meant to be.

    Attributes
    ----------
    purpose
        As in the clip's head: scene, dark, flat, ….
    frames
        Asked for, without bookends.
    setting
        Name of the setting; None where the cameras run freely.
    step, when
        Of the guide, where this is a calibration step.
    distance_mm
        Of a target.
    motion
        Type of motion, such as ``hand shake`` or ``car``.
    notes
        Free words.
    """

    purpose: str = Field(min_length=1)
    frames: int = Field(ge=1)
    setting: str | None = None
    step: str | None = None
    when: Literal["start", "end"] | None = None
    distance_mm: float | None = None
    motion: str = ""
    notes: str = ""


class Entry(Part):
    """What every entry has: its number, from 0 without gaps, and its time in UTC."""

    n: int = Field(ge=0)
    utc: str


class Began(Entry):
    """The first entry of every journal."""

    kind: Literal["began"] = "began"
    format: Literal["bsd-journal"] = "bsd-journal"
    format_version: int = Field(default=JOURNAL_VERSION, ge=1)
    session: str
    toolkit: str


class Opened(Entry):
    """A program began to record into the session."""

    kind: Literal["opened"] = "opened"
    toolkit: str
    rig_file_sha256: str | None = None


class RigChanged(Entry):
    """From here on another rig is used, and somebody said why."""

    kind: Literal["rig_changed"] = "rig_changed"
    file: RigFile
    rig_sha256: str
    why: str


class TakeBegun(Entry):
    """A take's file is about to be written."""

    kind: Literal["take_begun"] = "take_begun"
    clip: ClipName
    attempt: int = Field(ge=1)
    plan: TakePlan


class TakeJudged(Entry):
    """The take was reconciled; its file is about to be sealed with this verdict."""

    kind: Literal["take_judged"] = "take_judged"
    clip: ClipName
    attempt: int = Field(ge=1)
    verdict: TakeVerdict
    findings: tuple[str, ...] = ()
    notes: str = ""


class TakeSealed(Entry):
    """The clip is complete under its own name and will not change again."""

    kind: Literal["take_sealed"] = "take_sealed"
    clip: ClipName
    attempt: int = Field(ge=1)
    verdict: TakeVerdict
    uuid: str
    size_bytes: int = Field(ge=0)
    pairs: int = Field(ge=0)
    adopted: bool = False


class TakeDiscarded(Entry):
    """The take does not count; what is left of it, if anything, lies in ``discarded/``."""

    kind: Literal["take_discarded"] = "take_discarded"
    clip: ClipName
    attempt: int = Field(ge=1)
    why: str
    file: str | None = None


class TakeRecovered(Entry):
    """A take that a kill interrupted; its frames were saved into ``discarded/``."""

    kind: Literal["take_recovered"] = "take_recovered"
    clip: ClipName
    attempt: int = Field(ge=1)
    why: str
    file: str | None = None
    frames: dict[str, int] = Field(default_factory=dict)


class ClipForgotten(Entry):
    """A sealed clip was taken out of the session; its name is not used again."""

    kind: Literal["clip_forgotten"] = "clip_forgotten"
    clip: ClipName
    why: str
    file: str | None = None


class Stated(Entry):
    """Consent or licence, stated or corrected; the newest statement holds."""

    kind: Literal["stated"] = "stated"
    consent: Consent | None = None
    licence_note: str | None = None


class Noted(Entry):
    """A remark in free words, on a clip or on the session."""

    kind: Literal["noted"] = "noted"
    text: str
    clip: ClipName | None = None


class StepChecked(Entry):
    """A calibration step was looked at right after its clip was sealed."""

    kind: Literal["step_checked"] = "step_checked"
    step: str
    when: Literal["start", "end"]
    clip: ClipName
    status: Literal["ok", "warning", "fault"]
    remarks: tuple[str, ...] = ()


class StepSkipped(Entry):
    """A calibration step was left out, and why."""

    kind: Literal["step_skipped"] = "step_skipped"
    step: str
    when: Literal["start", "end"]
    why: str


class Closed(Entry):
    """The program that recorded ended in order."""

    kind: Literal["closed"] = "closed"


AnyEntry = Annotated[
    Began
    | Opened
    | RigChanged
    | TakeBegun
    | TakeJudged
    | TakeSealed
    | TakeDiscarded
    | TakeRecovered
    | ClipForgotten
    | Stated
    | Noted
    | StepChecked
    | StepSkipped
    | Closed,
    Field(discriminator="kind"),
]

ENTRY: Final[TypeAdapter[AnyEntry]] = TypeAdapter(AnyEntry)
