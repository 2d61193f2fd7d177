"""Looks at every scene clip before any work: what can be built, with which calibration."""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from acquisition.clip.document import ClipHead
from acquisition.clip.reader import Clip, ClipDamaged
from acquisition.ledger.row import TakePart, Verdict
from bsd.document import Part
from bsd.errors import FoundBad, UserMistake
from bsd.setting import Setting
from calibration.bundle.calibration import Calibration
from dataset.build.source import ClipSource, SessionSource

log = logging.getLogger(__name__)

_SHOWN = 3
_ON_DEMAND = "left out on demand"


class LeftOutClip(Part):
    """A clip that is not in the data set, and why.

    Attributes
    ----------
    clip, uuid
        Identity, and the UUID of the clip.
    setting
        Name of its setting; None where it has none.
    reason
        One line.
    gates
        Names of the gates that failed; empty where it was left out for something else.
    calibration_sha256
        With which its gates were asked; empty where they were not.
    """

    clip: str
    uuid: str
    setting: str | None
    reason: str
    gates: tuple[str, ...] = ()
    calibration_sha256: str = ""

    @property
    def is_on_demand(self) -> bool:
        """Whether a person did not want it."""
        return self.reason == _ON_DEMAND


@dataclass(frozen=True)
class SurveyedClip:
    """A clip that can be built.

    Attributes
    ----------
    source
        Where it is.
    head
        What it tells of itself.
    setting
        Its exposures.
    calibration
        Folder of the calibration that fits it.
    first, frames
        The longest run of scene pairs at consecutive pulses: its first row among the pairs of the
        ledger, and its length.
    pairs
        All pairs of the ledger, bookends included.
    calibration_age_h
        Hours from the clip to the nearer end of its calibration; 0 between start and end.
    """

    source: ClipSource
    head: ClipHead
    setting: Setting
    calibration: Path
    first: int
    frames: int
    pairs: int
    calibration_age_h: float = 0.0

    @property
    def identity(self) -> str:
        """As of its source."""
        return self.source.identity


@dataclass(frozen=True)
class Survey:
    """What can be built, in the order of recording, and what is left out already."""

    clips: tuple[SurveyedClip, ...]
    left_out: tuple[LeftOutClip, ...]


def survey(
    sessions: Sequence[SessionSource],
    calibrations: Sequence[tuple[Path, Calibration]],
    *,
    settings: Sequence[str] = (),
    leave_out: Sequence[str] = (),
    settled: Collection[str] = (),
    decided: Collection[str] = (),
    least_frames: int = 1,
) -> Survey:
    """Open every scene clip and find its calibration.

    Parameters
    ----------
    settings
        Only clips of these; empty: of all.
    leave_out
        Clips that a person does not want, as `ClipSource.is_called` takes them.
    settled
        UUIDs of clips that are published; they are passed over.
    decided
        UUIDs of clips that an earlier build left out for good; they are passed over too.
    least_frames
        A clip with fewer usable pairs is left out.

    Raises
    ------
    FoundBad
        A clip is damaged and was not left out; a calibration is withheld.
    UserMistake
        A clip of another rig, or of a setting that no calibration covers; a name to leave out or
        a setting that no clip has.
    """
    clips = [clip for session in sessions for clip in session.clips]
    for _, calibration in calibrations:
        calibration.require_good()
    unwanted = _named(clips, leave_out)
    _check_settings(clips, settings)
    found: list[SurveyedClip] = []
    left: list[LeftOutClip] = []
    uncovered: list[tuple[ClipSource, str]] = []
    for clip in clips:
        if clip.uuid in settled:
            if clip.identity in unwanted:
                raise UserMistake(
                    f"--leave-out {clip.identity}: is published here, and what is published"
                    " stays; use another --out"
                )
            continue
        if clip.uuid in decided:
            continue
        if clip.identity in unwanted:
            left.append(_left(clip, _ON_DEMAND))
        elif settings and clip.setting not in settings:
            continue
        else:
            answer = _surveyed(clip, calibrations, least_frames, uncovered)
            if isinstance(answer, LeftOutClip):
                left.append(answer)
            elif answer is not None:
                found.append(answer)
    if uncovered:
        raise UserMistake(_uncovered(uncovered, calibrations))
    return Survey(tuple(found), tuple(left))


def usable_run(rows: NDArray[np.void]) -> tuple[int, int]:
    """The longest run of scene pairs at consecutive pulses: first place and length.

    Parameters
    ----------
    rows
        Pairs of a ledger, in their order.
    """
    best, begin = (0, 0), None
    for place, row in enumerate(rows):
        is_scene = int(row["part"]) == TakePart.SCENE
        follows = place > 0 and int(row["pulse"]) == int(rows[place - 1]["pulse"]) + 1
        if not is_scene:
            begin = None
            continue
        if begin is None or not follows:
            begin = place
        if place - begin + 1 > best[1]:
            best = (begin, place - begin + 1)
    return best


def paired_places(clip: Clip) -> NDArray[np.intp]:
    """Which rows of the ledger pair two frames, in their order."""
    return np.flatnonzero(clip.ledger["verdict"] == Verdict.PAIRED)


def _surveyed(
    source: ClipSource,
    calibrations: Sequence[tuple[Path, Calibration]],
    least_frames: int,
    uncovered: list[tuple[ClipSource, str]],
) -> SurveyedClip | LeftOutClip | None:
    try:
        with Clip.open(source.path) as clip:
            head, tail = clip.head, clip.tail
            rows = clip.ledger[paired_places(clip)]
    except (ClipDamaged, UserMistake) as error:
        raise FoundBad(
            f"{error} and build again, or build without it: --leave-out {source.identity}"
        ) from error
    if head.uuid != source.uuid:
        raise FoundBad(
            f"{source.path}: is another clip than the session's journal tells (its uuid differs);"
            f" restore it from a copy, or build without it: --leave-out {source.identity}"
        )
    if head.sync == "none":
        return _left(source, "was recorded without a trigger: no two frames are a pair")
    if tail.verdict not in ("good", "marked"):
        return _left(source, f"the capture's verdict is '{tail.verdict}'")
    if head.setting is None:
        return _left(source, "was recorded without a setting")
    first, frames = usable_run(rows)
    if frames < least_frames:
        return _left(source, f"has {frames} neighbouring pairs, {least_frames} are asked for")
    fitting = _calibration_for(source, head, head.setting.name, calibrations)
    if fitting is None:
        uncovered.append((source, head.setting.name))
        return None
    folder, calibration = fitting
    age_h = calibration_age_h(calibration, source.begun_utc)
    return SurveyedClip(source, head, head.setting, folder, first, frames, len(rows), age_h)


def calibration_age_h(calibration: Calibration, utc: str) -> float:
    """Hours from a moment to the nearer end of a calibration; 0 between its start and its end."""
    told = calibration.document.geometry
    start, at = (datetime.fromisoformat(text) for text in (told.start.utc, utc))
    end = start if told.end is None else datetime.fromisoformat(told.end.utc)
    away = max(start - at, at - end)
    return max(0.0, away.total_seconds() / 3600)


def _calibration_for(
    source: ClipSource,
    head: ClipHead,
    setting: str,
    calibrations: Sequence[tuple[Path, Calibration]],
) -> tuple[Path, Calibration] | None:
    """The one that fits: of the clip's own session before others; None where none covers it.

    Raises
    ------
    UserMistake
        None is of the clip's rig, or two fit alike.
    """
    refusals: list[UserMistake] = []
    fitting: list[tuple[Path, Calibration]] = []
    is_of_rig = False
    for folder, calibration in calibrations:
        try:
            calibration.check_rig(head)
        except UserMistake as error:
            refusals.append(error)
            continue
        is_of_rig = True
        if setting in calibration.settings:
            fitting.append((folder, calibration))
    if not is_of_rig:
        raise UserMistake(f"{source.path}: {refusals[0]}")
    own = [(folder, each) for folder, each in fitting if each.session == source.session]
    fitting = own or fitting
    if len(fitting) > 1:
        raise UserMistake(
            f"{source.path}: {fitting[0][0]} and {fitting[1][0]} both fit and neither is of its"
            " session alone; give one calibration per session, or build the sessions one by one"
        )
    return fitting[0] if fitting else None


def _named(clips: Sequence[ClipSource], names: Sequence[str]) -> set[str]:
    found = set()
    for name in names:
        meant = [clip.identity for clip in clips if clip.is_called(name)]
        if len(meant) != 1:
            text = "no such clip" if not meant else f"may be {' or '.join(meant)}"
            raise UserMistake(f"--leave-out {name}: {text}; name it as SESSION/clip-000")
        found.update(meant)
    return found


def _check_settings(clips: Sequence[ClipSource], settings: Sequence[str]) -> None:
    known = sorted({clip.setting for clip in clips if clip.setting is not None})
    for setting in settings:
        if Setting.parse(setting).name not in known:
            raise UserMistake(
                f"--setting {setting}: no clip of it; the sessions have"
                f" {', '.join(known) or 'no scene'}"
            )


def _uncovered(
    clips: Sequence[tuple[ClipSource, str]], calibrations: Sequence[tuple[Path, Calibration]]
) -> str:
    settings = ", ".join(sorted({setting for _, setting in clips}))
    names = ", ".join(clip.identity for clip, _ in clips[:_SHOWN])
    more = f" and {len(clips) - _SHOWN} more" if len(clips) > _SHOWN else ""
    covered = sorted({name for _, each in calibrations for name in each.settings})
    which = ", ".join(str(folder) for folder, _ in calibrations)
    return (
        f"{which}: covers {', '.join(covered)}, but {names}{more} is of {settings}; calibrate that"
        f" setting too, or build only what is covered: --setting {covered[0] if covered else 'S'}"
    )


def _left(clip: ClipSource, reason: str) -> LeftOutClip:
    return LeftOutClip(clip=clip.identity, uuid=clip.uuid, setting=clip.setting, reason=reason)
