"""The clips of a session that a calibration is made from: found, sorted, compared."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final, Literal

from acquisition.clip.document import ClipHead, ClipTail
from acquisition.clip.reader import Clip
from acquisition.rig import Role
from acquisition.session.record import ClipRecord, SessionRecord
from bsd.errors import FoundBad, UserMistake
from calibration.bundle.rig import CalibratedRig
from calibration.bundle.source import SourceClip

When = Literal["start", "end"]

_PURPOSES: Final = frozenset({"dark", "flat", "series", "colour", "target", "sync"})
_USABLE: Final = frozenset({"good", "marked"})


class MissingClips(FoundBad):
    """A session lacks clips without which there is no calibration."""


@dataclass(frozen=True)
class Recording:
    """A calibration clip that may be used.

    Attributes
    ----------
    path, record, head, tail
        The file, its word in the journal, and what it tells of itself.
    """

    path: Path
    record: ClipRecord
    head: ClipHead
    tail: ClipTail

    @property
    def name(self) -> str:
        """``clip-004 (target-far-1)``."""
        return f"{self.record.clip} ({self.step})" if self.step else self.record.clip

    @property
    def step(self) -> str:
        """Of the guide; else empty."""
        return self.record.plan.step or ""

    @property
    def when(self) -> When:
        """Before or after the scenes."""
        return "end" if self.record.plan.when == "end" else "start"

    @property
    def setting(self) -> str:
        """Its name."""
        return self.record.plan.setting or ""

    @property
    def begun(self) -> datetime:
        """When it began, UTC."""
        return datetime.fromisoformat(self.record.begun_utc)

    @property
    def source(self) -> SourceClip:
        """For the documents."""
        return SourceClip(
            clip=self.record.clip,
            uuid=self.head.uuid,
            purpose=self.head.purpose,
            step=self.step,
            when=self.when,
            setting=self.setting,
        )

    def exposure_us(self, role: Role) -> float:
        """What the trigger's plan predicts that a camera exposed.

        Raises
        ------
        UserMistake
            The clip carries no plan.
        """
        exposure = (self.head.plan or {}).get(role)
        if not isinstance(exposure, dict):
            raise UserMistake(f"{self.path}: carries no exposure plan; record it with a trigger")
        begin_ns, end_ns = exposure.get("begin_ns"), exposure.get("end_ns")
        if not isinstance(begin_ns, int) or not isinstance(end_ns, int):
            raise UserMistake(f"{self.path}: its exposure plan is damaged; record it again")
        return (end_ns - begin_ns) / 1000.0


@dataclass(frozen=True)
class Material:
    """What a session offers.

    Attributes
    ----------
    folder, session
        Where it lies, and its uuid.
    rig
        Of all clips alike.
    recordings
        The newest usable one of every step, at either end, in every setting.
    scene_settings
        Settings that scenes were recorded in, by exposure.
    left_out
        Clip → why it is not used.
    """

    folder: Path
    session: str
    rig: CalibratedRig
    recordings: tuple[Recording, ...]
    scene_settings: tuple[str, ...]
    left_out: dict[str, str]

    @classmethod
    def read(cls, folder: Path) -> Material:
        """Look through a session; frames are not read.

        Raises
        ------
        UserMistake
            No session, or a clip that cannot be read.
        MissingClips
            It has no calibration clip.
        """
        record = SessionRecord.read(folder)
        left_out: dict[str, str] = {}
        newest: dict[tuple[str, str, str, str], Recording] = {}
        for clip in record.clips:
            if clip.plan.purpose not in _PURPOSES:
                continue
            if why := _unusable(record, clip):
                left_out[clip.clip] = why
                continue
            found = _opened(folder, clip)
            key = (clip.plan.purpose, found.step or clip.clip, found.when, found.setting)
            if key in newest:
                left_out[newest[key].record.clip] = f"taken again as {clip.clip}"
            newest[key] = found
        if not newest:
            raise MissingClips(
                f"{folder}: has no usable calibration clip; record them with"
                " 'python -m acquisition.capture --guided start'"
            )
        scenes = {
            clip.plan.setting
            for clip in record.clips
            if clip.plan.purpose == "scene" and clip.verdict in _USABLE
        }
        recordings = tuple(newest.values())
        return cls(
            folder,
            record.document.session,
            _one_rig(recordings),
            recordings,
            tuple(sorted(name for name in scenes if name)),
            left_out,
        )

    def of(
        self, purpose: str, when: When | None = None, setting: str | None = None
    ) -> tuple[Recording, ...]:
        """Recordings of a purpose in the order of their steps' numbers."""
        found = [
            each
            for each in self.recordings
            if each.head.purpose == purpose
            and when in (None, each.when)
            and setting in (None, each.setting)
        ]
        return tuple(sorted(found, key=lambda each: (each.when == "end", each.record.number)))

    def targets(self, which: Literal["near", "far"], when: When) -> tuple[Recording, ...]:
        """Poses of the board at the nearer or the farther of its distances."""
        every = self.of("target", when)
        distances = sorted({float(each.head.distance_mm or 0) for each in self.of("target")})
        if not distances or (which == "near" and len(distances) < 2):
            return ()
        wanted = distances[-1] if which == "far" else distances[0]
        return tuple(each for each in every if each.head.distance_mm == wanted)

    @property
    def settings(self) -> tuple[str, ...]:
        """Settings to calibrate: those with a dark or flat clip, or scenes, by exposure."""
        from bsd.setting import Setting

        named = {each.setting for each in (*self.of("dark"), *self.of("flat")) if each.setting}
        every = named | set(self.scene_settings)
        return tuple(sorted(every, key=lambda name: Setting.parse(name).sharp_us))


def _unusable(record: SessionRecord, clip: ClipRecord) -> str | None:
    if clip.verdict not in _USABLE:
        return f"its verdict is {clip.verdict}"
    checked = [each for each in record.steps if each.clip == clip.clip]
    if checked and checked[-1].status not in ("ok", "warning"):
        return "its check found a fault: " + "; ".join(checked[-1].remarks)
    return None


def _opened(folder: Path, record: ClipRecord) -> Recording:
    path = folder / record.file
    with Clip(path) as clip:
        if record.uuid not in (None, clip.head.uuid):
            raise UserMistake(
                f"{path}: is not the clip that the session's journal names; restore it from a copy"
            )
        return Recording(path, record, clip.head, clip.tail)


def _one_rig(recordings: tuple[Recording, ...]) -> CalibratedRig:
    rig = CalibratedRig.of(recordings[0].head)
    for each in recordings[1:]:
        if why := rig.unlike(CalibratedRig.of(each.head)):
            raise UserMistake(
                f"{each.path}: was recorded with another rig than {recordings[0].record.clip}:"
                f" {why}; calibrate each rig in a session of its own"
            )
    return rig
