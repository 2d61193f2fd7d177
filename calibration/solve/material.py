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
_SAME_DISTANCE: Final = 0.02
_POSES: Final = 3
_START_ONLY: Final = frozenset({"dark", "flat", "series", "colour", "target"})


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
        """``clip-004 (target-far-1)``, or ``clip-033 (flat, end)``."""
        told = [self.step, "end" if self.when == "end" else ""]
        words = ", ".join(filter(None, told))
        return f"{self.record.clip} ({words})" if words else self.record.clip

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
    disorder
        What was recorded at the wrong end of the scenes, so that nothing tells which calibration
        they are of; None: nothing.
    """

    folder: Path
    session: str
    rig: CalibratedRig
    recordings: tuple[Recording, ...]
    scene_settings: tuple[str, ...]
    left_out: dict[str, str]
    disorder: str | None = None

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
            if found.head.purpose == "target" and not found.head.distance_mm:
                left_out[clip.clip] = "tells no distance of the board; record it with --far-mm"
                continue
            key = (clip.plan.purpose, found.step or clip.clip, found.when, found.setting)
            if key in newest:
                left_out[newest[key].record.clip] = f"taken again as {clip.clip}"
            newest[key] = found
        if not newest:
            raise MissingClips(
                f"{folder}: has no usable calibration clip; record them with"
                " 'python -m acquisition.capture --guided start'"
            )
        scenes = [
            clip
            for clip in record.clips
            if clip.plan.purpose == "scene" and clip.verdict in _USABLE
        ]
        recordings = tuple(newest.values())
        return cls(
            folder,
            record.document.session,
            _one_rig(recordings),
            recordings,
            tuple(sorted({clip.plan.setting for clip in scenes if clip.plan.setting})),
            left_out,
            _disorder(recordings, scenes),
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
        """Poses of the board at the nearest or the farthest of this end's distances.

        Distances within 2 % are one: a board is set up anew with a tape measure. Fewer than three
        poses at the farthest do not make it the far target.
        """
        groups: list[list[Recording]] = []
        for each in sorted(self.of("target", when), key=distance_mm):
            if groups and distance_mm(each) <= distance_mm(groups[-1][0]) * (1 + _SAME_DISTANCE):
                groups[-1].append(each)
            else:
                groups.append([each])
        many = [group for group in groups if len(group) >= _POSES] or groups[-1:]
        if not groups or (which == "near" and groups[0] is many[-1]):
            return ()
        wanted = many[-1] if which == "far" else groups[0]
        return tuple(sorted(wanted, key=lambda each: each.record.number))

    @property
    def settings(self) -> tuple[str, ...]:
        """Settings to calibrate: those with a dark or flat clip, or scenes, by exposure."""
        from bsd.setting import Setting

        named = {each.setting for each in (*self.of("dark"), *self.of("flat")) if each.setting}
        every = named | set(self.scene_settings)
        return tuple(sorted(every, key=lambda name: Setting.parse(name).sharp_us))


def distance_mm(recording: Recording) -> float:
    """Of the board."""
    return float(recording.head.distance_mm or 0.0)


def other_distance(first: Recording, second: Recording) -> bool:
    """Whether two clips show the board at distances that are not one."""
    low, high = sorted((distance_mm(first), distance_mm(second)))
    return high > low * (1 + _SAME_DISTANCE)


def _disorder(recordings: tuple[Recording, ...], scenes: list[ClipRecord]) -> str | None:
    """A start step behind a scene of its setting, or a scene behind the end steps."""
    begun = {clip.clip: datetime.fromisoformat(clip.begun_utc) for clip in scenes}
    for each in recordings:
        if each.when == "end" or each.head.purpose not in _START_ONLY:
            continue
        before = [
            clip.clip
            for clip in scenes
            if clip.plan.setting == each.setting and begun[clip.clip] < each.begun
        ]
        if before:
            return (
                f"start steps were repeated after scenes were recorded ({each.name} after"
                f" {before[0]}): solve scenes before and after in sessions of their own"
            )
    last = max((each.begun for each in recordings if each.when == "end"), default=None)
    late = [clip.clip for clip in scenes if last is not None and begun[clip.clip] > last]
    if late:
        return (
            f"{late[0]} was recorded after the end steps: record those again, behind all scenes,"
            " with 'python -m acquisition.capture --guided end'"
        )
    return None


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
                f" {why}; record each rig, and what follows a change of rig.yaml, in a session of"
                " its own"
            )
    return rig
