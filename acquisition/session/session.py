"""A session's folder: clips by one operator on one day, with the journal that tells how they came.

Order of a take: `Session.begin_take` (journal) → frames into ``clip-002.h5.part`` →
`Session.judge` (journal) → the file is sealed and renamed → `Session.keep` (journal). A kill
between any two leaves what `Session.open` understands: what was sealed is adopted, all else goes to
``discarded/`` under the number of its attempt, and the clip's number is used again.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar, cast

from acquisition.rig import Rig
from acquisition.session.creation import describe, lay_out
from acquisition.session.document import (
    CLIP_SUFFIX,
    DISCARDED_NAME,
    LOCK_NAME,
    SessionDocument,
)
from acquisition.session.journal import JOURNAL_NAME, Journal
from acquisition.session.journal_entry import (
    AnyEntry,
    ClipForgotten,
    Closed,
    Consent,
    Entry,
    Noted,
    Opened,
    Stated,
    StepChecked,
    StepSkipped,
    TakeBegun,
    TakeDiscarded,
    TakeJudged,
    TakePlan,
    TakeSealed,
    TakeVerdict,
)
from acquisition.session.record import ClipRecord, SessionRecord
from acquisition.session.recovery import (
    check_gaps,
    check_rig,
    damage_line,
    recover,
    sealed_file,
)
from acquisition.session.take import Take, put_aside
from bsd.errors import UserMistake
from bsd.lock import locked
from bsd.provenance import sha256_bytes, toolkit_version

if TYPE_CHECKING:
    from acquisition.guide.check import StepCheck
    from acquisition.guide.steps import Step

SCENE_PURPOSES: Final = frozenset({"scene", "bookend"})
"""What can show persons, and so needs a statement of consent first."""

Kind = TypeVar("Kind", bound=Entry)


class Session:
    """A session that this process records into. Make it by `create` or `open`; a context manager.

    Attributes
    ----------
    folder, document
        Where it lies; its ``session.json``.
    report
        What was found and mended at the opening, one line each.
    """

    def __init__(
        self, folder: Path, document: SessionDocument, journal: Journal, holds: ExitStack
    ) -> None:
        self.folder = folder
        self.document = document
        self.report: list[str] = []
        self._journal = journal
        self._record = SessionRecord.replayed(folder, document, journal.entries)
        self._followed = len(journal)
        self._holds = holds
        self._is_closed = False

    @classmethod
    def create(
        cls,
        folder: Path,
        rig_file: Path,
        *,
        operator: str,
        name: str | None = None,
        consent: Consent | None = None,
        licence_note: str = "",
        notes: str = "",
    ) -> Self:
        """Make a session.

        Parameters
        ----------
        folder
            Is made with its parents; may exist and be empty.
        rig_file
            Is copied into the session.
        operator
            Who records.
        name
            Default: the folder's name.
        consent
            Who may be seen; may be stated later, but before the first scene.
        licence_note, notes
            Free words.

        Raises
        ------
        UserMistake
            The folder holds something else, or a session already; the rig file is not readable.
        """
        document = describe(
            folder,
            rig_file,
            operator=operator,
            name=name,
            consent=consent,
            licence_note=licence_note,
            notes=notes,
        )
        content = rig_file.read_bytes()
        holds, journal = lay_out(folder, document, content)
        session = cls(folder, document, journal, holds)
        session._add(Opened, toolkit=toolkit_version(), rig_file_sha256=sha256_bytes(content))
        return session

    @classmethod
    def open(
        cls,
        folder: Path,
        rig_file: Path | None = None,
        *,
        rig_changed: str | None = None,
        forget: Iterable[str] = (),
    ) -> Self:
        """Go on with a session: recover what a kill left, refuse gaps.

        Parameters
        ----------
        folder
            Of the session.
        rig_file
            The rig in use now; None: not compared.
        rig_changed
            Why another rig than before is used; without it another rig is refused.
        forget
            Names of clips to take out of the session before gaps are looked for.

        Raises
        ------
        UserMistake
            No session; another process records into it; a clip is missing, changed or unknown; the
            rig is another one. Each says the way out.
        """
        document = SessionRecord.read(folder).document
        with ExitStack() as stack:
            stack.enter_context(locked(folder / LOCK_NAME))
            journal = stack.enter_context(Journal.open(folder / JOURNAL_NAME))
            session = cls(folder, document, journal, stack.pop_all())
        try:
            if journal.lost is not None:
                session.report.append(damage_line(journal.path, journal.lost) + "; it was cut off")
                session._add(Noted, text=session.report[-1])
            digest = check_rig(session.record, session._add, rig_file, rig_changed)
            session.report += recover(session.record, session._add)
            for clip in forget:
                session.forget(clip, "said at the resume")
            check_gaps(session.record)
            session._add(Opened, toolkit=toolkit_version(), rig_file_sha256=digest)
        except BaseException:
            session._release()
            raise
        return session

    @property
    def record(self) -> SessionRecord:
        """All that the journal tells."""
        if self._followed != len(self._journal):  # an interrupt came between entry and record
            entries = self._journal.entries
            self._record = SessionRecord.replayed(self.folder, self.document, entries)
            self._followed = len(entries)
        return self._record

    @property
    def uuid(self) -> str:
        """Identity of the session."""
        return self.document.session

    @property
    def rig(self) -> Rig:
        """The rig in use, from its copy in the folder."""
        return Rig.read(self.folder / self.record.rig_file)

    def state(self, *, consent: Consent | None = None, licence_note: str | None = None) -> None:
        """State consent or licence; the newest statement holds."""
        self._add(Stated, consent=consent, licence_note=licence_note)

    def note(self, text: str, clip: str | None = None) -> None:
        """Write a remark on the session or on a clip; a sealed file stays as it is."""
        name = None if clip is None else self._clip(clip).clip
        self._add(Noted, text=_said(text, "a note"), clip=name)

    def begin_take(self, plan: TakePlan) -> Take:
        """Begin a take: the next clip's first attempt, or another one of a discarded clip.

        Raises
        ------
        UserMistake
            A take is under way; a scene without a statement of consent.
        """
        if self.record.open_takes:
            raise UserMistake(
                f"{self.folder}: {self.record.open_takes[0].identity} is still being recorded;"
                " keep or discard it first"
            )
        if plan.purpose in SCENE_PURPOSES and self.record.consent is None:
            raise UserMistake(
                f"{self.folder}: a scene is recorded only with a statement on persons: say who"
                " consented and how (--consent, --consent-how), or --no-persons"
            )
        clip = f"clip-{self.record.next_number:03d}"
        take = Take.of(self.folder, self.uuid, clip, self.record.next_attempt(clip))
        for path in (take.part, take.final, take.discarded):
            if path.exists():
                raise UserMistake(
                    f"{path}: is there already, and no take of this session made it; move it away"
                )
        self._add(TakeBegun, clip=take.clip, attempt=take.attempt, plan=plan)
        return take

    def judge(
        self, take: Take, verdict: TakeVerdict, findings: Iterable[str] = (), notes: str = ""
    ) -> None:
        """Say what the take is worth, before its file is sealed with the same words."""
        self._open_take(take)
        self._add(
            TakeJudged,
            clip=take.clip,
            attempt=take.attempt,
            verdict=verdict,
            findings=tuple(findings),
            notes=notes,
        )

    def keep(self, take: Take) -> ClipRecord:
        """The file of a judged take is sealed under its final name, and counts.

        Raises
        ------
        UserMistake
            It is not there or not this take's, or the take was not judged, or to be discarded.
        """
        verdict = self._open_take(take).verdict
        if verdict in (None, "discarded"):
            raise UserMistake(
                f"{take.final.name}: was judged '{verdict}'; only a take that counts is kept,"
                " discard it"
            )
        if (sealed := sealed_file(take)) is None:
            raise UserMistake(f"{take.final}: is not this take's sealed file; discard the take")
        fields = {"clip": take.clip, "attempt": take.attempt}
        self._add(TakeSealed, **fields, verdict=verdict, **sealed)
        return self._clip(take.clip)

    def discard(self, take: Take, why: str, *, keep_file: bool = True) -> Path | None:
        """A take does not count: what is left of it goes to ``discarded/``, or away.

        A part file that was not sealed is recovered there. The clip's number is used again.

        Parameters
        ----------
        take
            Begun, whether judged or not.
        why
            One line.
        keep_file
            False: delete what was recorded.

        Returns
        -------
        Path or None
            Where its frames are now; None where nothing is left.
        """
        self._open_take(take)
        if not keep_file:
            from acquisition.clip.file import remove_clip

            for path in (take.part, take.final):
                remove_clip(path)
        file = put_aside(take).file
        fields = {"clip": take.clip, "attempt": take.attempt, "file": file}
        self._add(TakeDiscarded, **fields, why=_said(why, "the reason"))
        return None if file is None else self.folder / file

    def forget(self, clip: str, why: str) -> None:
        """Take a sealed clip out of the session; its file, if there, goes to ``discarded/``.

        This is also the way out where a clip's file is lost. The name is not used again.
        """
        found = self._clip(clip)
        path = self.folder / found.file
        file = None
        if path.exists():
            file = f"{DISCARDED_NAME}/{found.identity}.forgotten{CLIP_SUFFIX}"
            path.replace(self.folder / file)
        self._add(ClipForgotten, clip=found.clip, why=_said(why, "the reason"), file=file)

    def checked(self, step: Step, take: Take, check: StepCheck) -> None:
        """Write what a calibration clip's check found."""
        fields = {"step": step.name, "when": step.when, "clip": take.clip}
        self._add(StepChecked, **fields, status=check.status, remarks=tuple(check.remarks))

    def skip(self, step: Step, why: str) -> None:
        """Write that a calibration step is left out, and why."""
        self._add(StepSkipped, step=step.name, when=step.when, why=_said(why, "the reason"))

    def close(self) -> None:
        """Let go of the session; again is no error."""
        if not self._is_closed:
            try:
                self._add(Closed)
            finally:
                self._release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _release(self) -> None:
        self._is_closed = True
        self._holds.close()

    def _add(self, kind: type[Kind], **fields: Any) -> Kind:
        record = self.record
        entry = self._journal.add(kind, **fields)
        record.follow(cast("AnyEntry", entry))
        self._followed += 1
        return entry

    def _open_take(self, take: Take) -> ClipRecord:
        for each in self.record.open_takes:
            if (each.clip, each.attempt) == (take.clip, take.attempt):
                return each
        raise UserMistake(f"{take.clip}.{take.attempt}: is not being recorded")

    def _clip(self, clip: str) -> ClipRecord:
        name = clip.removesuffix(CLIP_SUFFIX)
        for each in self.record.clips:
            if each.clip == name:
                return each
        raise UserMistake(f"{self.folder}: has no clip '{name}'")


def _said(text: str, what: str) -> str:
    if not text.strip():
        raise UserMistake(f"{what} is empty; say it in a few words")
    return text.strip()
