"""What a session comes to: its clips, what does not count, gaps, calibration clips, disk."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from acquisition.guide.coverage import Need, coverage
from acquisition.session.document import DISCARDED_NAME
from acquisition.session.journal import JOURNAL_NAME, lost_entry
from acquisition.session.record import ClipRecord, DiscardRecord, SessionRecord, StepRecord
from acquisition.session.recovery import damage_line, gap, strangers


@dataclass(frozen=True)
class SessionInspection:
    """A session in numbers.

    Attributes
    ----------
    clips, discarded, forgotten, steps
        By the journal.
    open_takes
        Begun and not ended: being recorded now, or interrupted.
    gaps
        What is wrong with the files and the journal, one line each with the way out.
    needs
        Coverage of a calibration.
    sealed_bytes, discarded_bytes, free_bytes
        On the disk.
    """

    folder: str
    record: SessionRecord = field(repr=False)
    clips: list[ClipRecord]
    discarded: list[DiscardRecord]
    open_takes: list[str]
    forgotten: dict[str, str]
    steps: list[StepRecord]
    gaps: list[str]
    needs: list[Need]
    sealed_bytes: int
    discarded_bytes: int

    @property
    def missing(self) -> list[Need]:
        """What a calibration cannot do without."""
        return [need for need in self.needs if need.standing == "missing"]

    @property
    def scenes(self) -> list[ClipRecord]:
        """Clips of scenes."""
        return [clip for clip in self.clips if clip.plan.purpose == "scene"]

    @property
    def pairs(self) -> int:
        """Of all scenes, bookends included."""
        return sum(clip.pairs or 0 for clip in self.scenes)

    @property
    def faulty(self) -> dict[str, str]:
        """Clip → why its check failed, or what it warned of; newest word."""
        return {
            each.clip: "; ".join(each.remarks)
            for each in self.steps
            if each.clip is not None and each.status != "ok"
        }

    def as_fields(self) -> dict[str, Any]:
        """For JSON."""
        document = self.record.document.model_dump(mode="json")
        consent = self.record.consent
        return {
            "folder": self.folder,
            "session": document,
            "consent": None if consent is None else consent.model_dump(mode="json"),
            "licence_note": self.record.licence_note,
            "clips": [_clip_fields(clip) for clip in self.clips],
            "discarded": [asdict(each) for each in self.discarded],
            "open_takes": self.open_takes,
            "forgotten": self.forgotten,
            "steps": [asdict(each) for each in self.steps],
            "gaps": self.gaps,
            "coverage": [asdict(need) for need in self.needs],
            "notes": [note.model_dump(mode="json") for note in self.record.notes],
            "sealed_bytes": self.sealed_bytes,
            "discarded_bytes": self.discarded_bytes,
        }


def inspect_session(folder: Path) -> SessionInspection:
    """Look at a session; nothing is changed.

    Raises
    ------
    UserMistake
        It is none, or its journal is damaged.
    """
    record = SessionRecord.read(folder)
    journal = folder / JOURNAL_NAME
    lost = lost_entry(journal)
    gaps = [] if lost is None else [damage_line(journal, lost)]
    gaps += [wrong for clip in record.clips if (wrong := gap(record, clip)) is not None]
    open_files = {name for take in record.open_takes for name in (take.file, take.file + ".part")}
    known = {clip.file for clip in record.clips} | open_files
    gaps += [
        f"{path}: the session's journal does not know this file; move it out of the folder"
        for path in strangers(folder, known)
    ]
    aside = folder / DISCARDED_NAME
    return SessionInspection(
        folder=str(folder),
        record=record,
        clips=record.clips,
        discarded=record.discarded,
        open_takes=[take.identity for take in record.open_takes],
        forgotten=record.forgotten,
        steps=record.steps,
        gaps=gaps,
        needs=coverage(record),
        sealed_bytes=sum(clip.size_bytes or 0 for clip in record.clips),
        discarded_bytes=sum(path.stat().st_size for path in aside.glob("*")),
    )


def _clip_fields(clip: ClipRecord) -> dict[str, Any]:
    return {**asdict(clip), "plan": clip.plan.model_dump(mode="json"), "file": clip.file}
