"""Which calibration clips a session has, and what a calibration lacks without the others."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

from acquisition.guide.step import LEAST_LEVELS, LEAST_POSES
from acquisition.session.record import ClipRecord, SessionRecord

Standing = Literal["there", "missing", "optional"]

LEAST_FRAMES: Final = 2
"""Of a clip of an exposure series: noise is told by differences."""

_NEAR_SHARE: Final = 1.5


@dataclass(frozen=True)
class Need:
    """Something that a calibration is made from.

    Attributes
    ----------
    item
        Which clips, such as ``dark 2ms16ms``.
    when
        At the session's start or end.
    have, need
        How many there are and should be: clips, levels or poses.
    standing
        ``optional``: absent, and a calibration does without.
    without
        What it lacks then.
    """

    item: str
    when: Literal["start", "end"]
    have: int
    need: int
    standing: Standing
    without: str


def coverage(record: SessionRecord) -> list[Need]:
    """What `calibration.solve` needs, and what of it is there.

    A clip of the guide counts once its check found no fault; one that a kill kept from its check
    does not.

    Clips are told by their purpose, so that those recorded outside the guide count, too. Without
    `when` they belong to the start, or to the end where a scene was recorded before.
    """
    sound = record.sound
    clips = [clip for clip in record.clips if clip.plan.step is None or clip.clip in sound]
    scenes = [clip for clip in clips if clip.plan.purpose == "scene"]
    first_scene = min((clip.number for clip in scenes), default=None)
    ends: dict[str, list[ClipRecord]] = {"start": [], "end": []}
    for clip in clips:
        late = first_scene is not None and clip.number > first_scene
        ends[clip.plan.when or ("end" if late else "start")].append(clip)
    settings = sorted({clip.plan.setting for clip in scenes or clips if clip.plan.setting})
    if not scenes:  # levels of a series are no settings of scenes
        settings = sorted({c.plan.setting for c in _of(clips, "dark") if c.plan.setting})
    needs = [need for setting in settings or [""] for need in _light(ends, setting)]
    return [*needs, *_once(ends)]


def _light(ends: dict[str, list[ClipRecord]], setting: str) -> Iterable[Need]:
    for purpose, without in (
        ("dark", "black level, dark noise and hot pixels"),
        ("flat", "flat field, ratio of the views and channel gains"),
    ):
        for when in ("start", "end"):
            found = [c for c in _of(ends[when], purpose) if setting in ("", c.plan.setting)]
            drift = "" if when == "start" else ": their drift over the session"
            item = f"{purpose} {setting}".strip()
            yield _need(item, when, len(found), 1, without + drift)


def _once(ends: dict[str, list[ClipRecord]]) -> Iterable[Need]:
    series = {c.plan.setting for c in _series(ends)}
    yield _need("exposure series, levels", "start", len(series), LEAST_LEVELS, "linearity, noise")
    distances = sorted({c.plan.distance_mm or 0.0 for c in _of(ends["start"], "target")})
    far = distances[-1:]
    near = [distance for distance in distances if far and distance * _NEAR_SHARE <= far[0]]
    for item, when, wanted, without in (
        ("target far, poses", "start", far, "the map from C2 to C1"),
        ("target near, poses", "start", near, "parallax and its limit"),
        ("target far, poses", "end", far, "the drift of the alignment"),
    ):
        poses = [c for c in _of(ends[when], "target") if c.plan.distance_mm in wanted]
        yield _need(item, when, len(poses), LEAST_POSES, without)
    every = ends["start"] + ends["end"]
    for purpose, without in (
        ("colour", "a full colour matrix; a diagonal is used"),
        ("sync", "a check of the delays of rig.yaml in light"),
    ):
        yield _need(purpose, "start", len(_of(every, purpose)), 1, without, optional=True)


def _need(
    item: str, when: str, have: int, need: int, without: str, *, optional: bool = False
) -> Need:
    standing: Standing = "there" if have >= need else "optional" if optional else "missing"
    return Need(item, "end" if when == "end" else "start", have, need, standing, without)


def _series(ends: dict[str, list[ClipRecord]]) -> list[ClipRecord]:
    every = _of(ends["start"] + ends["end"], "series")
    return [clip for clip in every if clip.plan.frames >= LEAST_FRAMES]


def _of(clips: Iterable[ClipRecord], purpose: str) -> list[ClipRecord]:
    return [clip for clip in clips if clip.plan.purpose == purpose]
