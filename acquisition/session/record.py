"""What a session holds, told from ``session.json`` and its journal without changing either."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, Self

from acquisition.session.document import CLIP_SUFFIX, SESSION_NAME, SessionDocument
from acquisition.session.journal import JOURNAL_NAME, read_entries
from acquisition.session.journal_entry import (
    AnyEntry,
    Began,
    ClipForgotten,
    Consent,
    Noted,
    Opened,
    RigChanged,
    Stated,
    StepChecked,
    StepSkipped,
    TakeBegun,
    TakeDiscarded,
    TakeJudged,
    TakePlan,
    TakeRecovered,
    TakeSealed,
    TakeVerdict,
)
from bsd.errors import UserMistake


@dataclass(frozen=True)
class ClipRecord:
    """A take by its journal: a sealed clip, or one that is still open.

    Attributes
    ----------
    clip, attempt
        Name such as ``clip-002``, and which try this was, from 1.
    plan
        What it is meant to be.
    begun_utc
        When it began.
    verdict, findings
        None and nothing until the take is judged.
    notes
        The plan's and those of the verdict.
    uuid, size_bytes, pairs
        Of the sealed file; None until it is.
    """

    clip: str
    attempt: int
    plan: TakePlan
    begun_utc: str
    verdict: TakeVerdict | None = None
    findings: tuple[str, ...] = ()
    notes: str = ""
    uuid: str | None = None
    size_bytes: int | None = None
    pairs: int | None = None

    @property
    def file(self) -> str:
        """Name of the sealed file."""
        return self.clip + CLIP_SUFFIX

    @property
    def number(self) -> int:
        """Number in the name."""
        return int(self.clip.rpartition("-")[2])

    @property
    def identity(self) -> str:
        """Name and attempt: ``clip-002.1``."""
        return f"{self.clip}.{self.attempt}"


@dataclass(frozen=True)
class DiscardRecord:
    """A take that does not count: why, and the file under the session that its frames are in."""

    clip: str
    attempt: int
    purpose: str
    why: str
    recovered: bool
    utc: str
    file: str | None = None


@dataclass(frozen=True)
class StepRecord:
    """What became of a calibration step: checked, or skipped with the reason."""

    step: str
    when: str
    status: Literal["ok", "warning", "fault", "skipped"]
    clip: str | None
    remarks: tuple[str, ...] = ()


@dataclass
class SessionRecord:
    """A session as its journal tells it.

    Attributes
    ----------
    clips
        Sealed ones, by number.
    discarded
        Takes that do not count, in their order.
    open_takes
        Begun and not ended: one is being recorded now, or a kill interrupted it.
    forgotten
        Clips that were taken out: name to reason.
    steps
        Calibration steps, newest last.
    rig_sha256
        Identity of the rig in use now.
    """

    folder: Path
    document: SessionDocument
    entries: list[AnyEntry] = field(default_factory=list)
    clips: list[ClipRecord] = field(default_factory=list)
    discarded: list[DiscardRecord] = field(default_factory=list)
    open_takes: list[ClipRecord] = field(default_factory=list)
    forgotten: dict[str, str] = field(default_factory=dict)
    steps: list[StepRecord] = field(default_factory=list)
    notes: list[Noted] = field(default_factory=list)
    rig_sha256: str = ""
    rig_file: str = ""
    consent: Consent | None = None
    licence_note: str = ""
    openings: int = 0
    attempts: dict[str, int] = field(default_factory=dict)

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read a session; nothing is locked, cut or recovered.

        Raises
        ------
        UserMistake
            No session, or a damaged one.
        """
        path = folder / SESSION_NAME
        if not path.is_file():
            raise UserMistake(
                f"{folder}: is no session, it has no {SESSION_NAME}; give the folder that"
                " 'python -m acquisition.capture --out' made"
            )
        document = SessionDocument.read(path)
        entries, _ = read_entries(folder / JOURNAL_NAME)
        return cls.replayed(folder, document, entries)

    @classmethod
    def replayed(cls, folder: Path, document: SessionDocument, entries: Iterable[AnyEntry]) -> Self:
        """The state that the entries lead to.

        Raises
        ------
        UserMistake
            The journal is another session's, or ends a take that was never begun.
        """
        record = cls(
            folder,
            document,
            rig_sha256=document.rig_sha256,
            rig_file=document.rig_file,
            consent=document.consent,
            licence_note=document.licence_note,
        )
        for entry in entries:
            record.follow(entry)
        return record

    @property
    def sound(self) -> set[str]:
        """Clips of steps whose newest check found no fault."""
        newest = {each.clip: each.status for each in self.steps if each.clip is not None}
        return {clip for clip, status in newest.items() if status in ("ok", "warning")}

    @property
    def next_number(self) -> int:
        """Number of the next clip; those of sealed and forgotten clips are not used again."""
        used = [clip.number for clip in self.clips]
        used += [int(name.rpartition("-")[2]) for name in self.forgotten]
        return max(used, default=-1) + 1

    def next_attempt(self, clip: str) -> int:
        """How many times this clip was tried, and one more."""
        return self.attempts.get(clip, 0) + 1

    def step(self, step: str, when: str) -> StepRecord | None:
        """The newest word on a calibration step."""
        found = [each for each in self.steps if (each.step, each.when) == (step, when)]
        return found[-1] if found else None

    def follow(self, entry: AnyEntry) -> None:
        """Take one more entry into account."""
        self.entries.append(entry)
        match entry:
            case Began(session=session):
                if session != self.document.session:
                    raise UserMistake(
                        f"{self.folder / JOURNAL_NAME}: is the journal of session {session}, not"
                        f" of {self.document.session}; restore both files from one copy"
                    )
            case Opened():
                self.openings += 1
            case RigChanged():
                self.rig_sha256, self.rig_file = entry.rig_sha256, entry.file
            case Stated():
                self.consent = entry.consent or self.consent
                if entry.licence_note is not None:
                    self.licence_note = entry.licence_note
            case Noted():
                self.notes.append(entry)
            case StepChecked():
                self.steps.append(
                    StepRecord(entry.step, entry.when, entry.status, entry.clip, entry.remarks)
                )
            case StepSkipped():
                self.steps.append(StepRecord(entry.step, entry.when, "skipped", None, (entry.why,)))
            case ClipForgotten():
                self._forget(entry)
            case TakeBegun() | TakeJudged() | TakeSealed() | TakeDiscarded() | TakeRecovered():
                self._follow_take(entry)

    def _follow_take(
        self, entry: TakeBegun | TakeJudged | TakeSealed | TakeDiscarded | TakeRecovered
    ) -> None:
        if isinstance(entry, TakeBegun):
            self.attempts[entry.clip] = max(self.attempts.get(entry.clip, 0), entry.attempt)
            begun = ClipRecord(
                entry.clip, entry.attempt, entry.plan, entry.utc, notes=entry.plan.notes
            )
            self.open_takes.append(begun)
            return
        take = self._taken(entry.n, entry.clip, entry.attempt)
        match entry:
            case TakeJudged():
                notes = " ".join(filter(None, (take.notes, entry.notes)))
                judged = replace(take, verdict=entry.verdict, findings=entry.findings, notes=notes)
                self.open_takes.append(judged)
            case TakeSealed():
                sealed = replace(
                    take,
                    verdict=entry.verdict,
                    uuid=entry.uuid,
                    size_bytes=entry.size_bytes,
                    pairs=entry.pairs,
                )
                self.clips.append(sealed)
                self.clips.sort(key=lambda clip: clip.number)
            case TakeDiscarded() | TakeRecovered():
                self.discarded.append(
                    DiscardRecord(
                        take.clip,
                        take.attempt,
                        take.plan.purpose,
                        entry.why,
                        isinstance(entry, TakeRecovered),
                        entry.utc,
                        entry.file,
                    )
                )

    def _taken(self, n: int, clip: str, attempt: int) -> ClipRecord:
        for take in self.open_takes:
            if (take.clip, take.attempt) == (clip, attempt):
                self.open_takes.remove(take)
                return take
        raise UserMistake(
            f"{self.folder / JOURNAL_NAME}: entry {n} ends {clip}.{attempt}, which was not begun;"
            " restore the journal from a copy"
        )

    def _forget(self, entry: ClipForgotten) -> None:
        self.clips = [clip for clip in self.clips if clip.clip != entry.clip]
        self.forgotten[entry.clip] = entry.why
