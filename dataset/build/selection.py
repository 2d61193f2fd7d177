"""From sessions to plans: what is built, in which split, and what is left out and why."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from bsd import command
from dataset.build.assignment import Candidate, Placed, place
from dataset.build.inspection_job import Inspected, InspectionJob, inspect_job, read_calibration
from dataset.build.match_picture import ClipView, MatchPictureJob, write_match
from dataset.build.matching import Look, Match, matched, published_looks
from dataset.build.published_tree import BegunTree, PublishedTree
from dataset.build.request import BuildRequest, identities
from dataset.build.scene_group import Conflict, Grouping, grouped_scenes
from dataset.build.source import SessionSource
from dataset.build.survey import LeftOutClip, Survey, SurveyedClip, survey
from dataset.executor import run_jobs
from dataset.gate.limits import GateLimits
from dataset.gate.result import GateResult, failed_gates
from dataset.gate.scene import tells
from dataset.layout import frame_path
from dataset.splits import Split

log = logging.getLogger(__name__)

SCENE_GATE: Final = "scene-overlap"
"""The gate that needs more than one clip."""


@dataclass(frozen=True)
class SelectedClip:
    """A clip that was inspected.

    Attributes
    ----------
    clip, inspected
        What it is, and what its gates said.
    tree
        Name of the tree of its setting and rate.
    overlap
        The word of the gate on scenes: None where another gate had failed before.
    """

    clip: SurveyedClip
    inspected: Inspected
    tree: str
    overlap: GateResult | None = None

    @property
    def results(self) -> tuple[GateResult, ...]:
        """Of all gates."""
        own = self.inspected.inspection.results
        return own if self.overlap is None else (*own, self.overlap)


@dataclass(frozen=True)
class Selection:
    """What a build is going to write.

    Attributes
    ----------
    sessions
        As read.
    clips
        All inspected clips by identity.
    left_out
        All clips that this run looked at and does not build, with the reason.
    known
        Clips of these sessions that an earlier run left out, and this one did not look at again.
    placed
        Places of published and new clips.
    before, begun
        Trees that stand already, and trees that a run which was killed left unfinished.
    """

    sessions: tuple[SessionSource, ...]
    clips: Mapping[str, SelectedClip]
    left_out: tuple[LeftOutClip, ...]
    known: tuple[LeftOutClip, ...]
    placed: Placed
    before: Mapping[str, PublishedTree]
    begun: Mapping[str, BegunTree]

    @property
    def all_left_out(self) -> tuple[LeftOutClip, ...]:
        """Of this run and of earlier ones, in the order of recording."""
        clips = [clip.uuid for session in self.sessions for clip in session.clips]
        both = (*self.known, *self.left_out)
        return tuple(sorted(both, key=lambda each: clips.index(each.uuid)))


def select(
    request: BuildRequest,
    sessions: Sequence[SessionSource],
    before: Mapping[str, PublishedTree],
    begun: Mapping[str, BegunTree],
) -> Selection:
    """Run the gates, find scenes, and give every clip that passes its place.

    What was published keeps its place, and so does what a run that was killed had planned: the
    trees of one build are finished one after another.

    Raises
    ------
    UserMistake, FoundBad
        As of `survey`, `place`, `BegunTree.require`; nothing was written but what is remembered.
    """
    surveyed = _surveyed(request, sessions, before)
    for tree in begun.values():
        tree.require({clip.identity for clip in surveyed.clips})
    clips = _inspected(request, surveyed)
    passed = [each for each in clips if not failed_gates(each.results)]
    for tree in begun.values():
        tree.require({each.clip.identity for each in passed})
    left = list(surveyed.left_out)
    left += [_failed(each) for each in clips if failed_gates(each.results)]
    grouping, matches = _grouping(request, sessions, before, begun, passed)
    judged = _judged(passed, grouping, matches, request.config.gates)
    left += [_failed(each) for each in judged if failed_gates(each.results)]
    good = [each for each in judged if not failed_gates(each.results)]
    _picture_conflicts(request, grouping, before, {each.clip.identity: each for each in judged})
    placed = _placed(request, grouping, good, [*before.values(), *begun.values()])
    by_name = {each.clip.identity: each for each in (*clips, *judged)}
    left += [
        _left(by_name[name], f"not needed: {reason}") for name, reason in placed.without.items()
    ]
    known = _known_left_out(request, sessions, before, {*by_name, *(each.clip for each in left)})
    found = Selection(tuple(sessions), by_name, tuple(left), known, placed, before, begun)
    for each in found.all_left_out:
        log.warning("%s: left out: %s", each.clip, each.reason)
    return found


def _known_left_out(
    request: BuildRequest,
    sessions: Sequence[SessionSource],
    before: Mapping[str, PublishedTree],
    seen: Collection[str],
) -> tuple[LeftOutClip, ...]:
    given = {clip.uuid for session in sessions for clip in session.clips}
    standing = {
        each.uuid: each
        for tree in before.values()
        if not request.settings or tree.plan.setting in request.settings
        for each in tree.plan.standing_left_out
        if each.uuid in given and each.clip not in seen
    }
    return tuple(standing.values())


def _surveyed(
    request: BuildRequest,
    sessions: Sequence[SessionSource],
    before: Mapping[str, PublishedTree],
) -> Survey:
    """What there is to look at: not what is published, nor what the same gates refused before."""
    settled = {clip.uuid for tree in before.values() for clip in tree.plan.inputs}
    known = [each for tree in before.values() for each in tree.plan.left_out]
    calibrations = [(folder, read_calibration(folder)) for folder in request.calibrations]
    found = survey(
        sessions,
        calibrations,
        settings=request.settings,
        leave_out=request.leave_out,
        settled=settled,
        decided={
            each.uuid for each in known if not each.calibration_sha256 and not each.is_on_demand
        },
        least_frames=request.config.least_frames,
    )
    judged = {(each.uuid, each.calibration_sha256) for each in known}
    sums = {folder: calibration.sha256 for folder, calibration in calibrations}
    clips = [
        clip for clip in found.clips if (clip.source.uuid, sums[clip.calibration]) not in judged
    ]
    return replace(found, clips=tuple(clips))


def _inspected(request: BuildRequest, surveyed: Survey) -> list[SelectedClip]:
    jobs = [InspectionJob(clip, request.config, request.memory) for clip in surveyed.clips]
    with command.progress("gates", sum(clip.pairs for clip in surveyed.clips)) as advance:
        answers = run_jobs(inspect_job, jobs, request.workers, advance)
    name = request.config.paper.tree_name
    return [
        SelectedClip(clip, answer, name(clip.setting.name, clip.head.rate_hz))
        for clip, answer in zip(surveyed.clips, answers, strict=True)
    ]


def _grouping(
    request: BuildRequest,
    sessions: Sequence[SessionSource],
    before: Mapping[str, PublishedTree],
    begun: Mapping[str, BegunTree],
    passed: Sequence[SelectedClip],
) -> tuple[Grouping, tuple[Match, ...]]:
    known = [(tree.root, each) for tree in before.values() for each in tree.placements]
    looks = published_looks(known, request.workers) if passed else ()
    new = [Look(each.clip.identity, each.inspected.inspection.read_signatures()) for each in passed]
    matches = (
        matched(looks, new, request.config.gates, request.workers, request.memory) if new else ()
    )
    limit = request.config.gates.overlap_matches
    sources = [clip for session in sessions for clip in session.clips]
    named = identities(request.scenes, sources)
    fixed = [each for _, each in known]
    fixed += [each for tree in begun.values() for each in tree.placements]
    scenes = {each.clip: each.scene for each in fixed}
    homes: dict[str, Split] = {each.clip: each.split for each in fixed}
    for clip in (each.clip.identity for each in passed):
        split = request.splits.get(clip) or request.splits.get(named.get(clip, ""))
        if split is not None:
            homes.setdefault(clip, split)
    grouping = grouped_scenes(
        list(dict.fromkeys([*scenes, *(each.clip.identity for each in passed)])),
        {match.clips for match in matches if match.matches >= limit},
        named=named,
        published=scenes,
        homes=homes,
    )
    return grouping, matches


def _judged(
    passed: Sequence[SelectedClip],
    grouping: Grouping,
    matches: Sequence[Match],
    limits: GateLimits,
) -> list[SelectedClip]:
    """The clips with the word of the gate on scenes."""
    conflicts = {each.clip: each for each in grouping.conflicts}
    scenes = dict(grouping.scenes)
    strange: dict[str, int] = {}
    for match in matches:
        one, other = match.clips
        if scenes.get(one) != scenes.get(other):
            for clip in match.clips:
                strange[clip] = max(strange.get(clip, 0), match.matches)
    return [
        SelectedClip(
            each.clip,
            each.inspected,
            each.tree,
            _overlap_result(each, conflicts, strange, limits),
        )
        for each in passed
    ]


def _picture_conflicts(
    request: BuildRequest,
    grouping: Grouping,
    before: Mapping[str, PublishedTree],
    judged: Mapping[str, SelectedClip],
) -> None:
    frames = {
        each.clip: tree.root / frame_path(each.split, each.sequence, "Sharp", each.frames // 2)
        for tree in before.values()
        for each in tree.placements
    }

    def view(name: str) -> ClipView:
        return ClipView(judged[name].clip, judged[name].inspected.inspection)

    jobs = []
    for conflict in grouping.conflicts:
        other = next(name for name in conflict.shown.values() if name != conflict.clip)
        views = view(conflict.clip), frames[other] if other in frames else view(other)
        folder = judged[conflict.clip].inspected.pictures
        jobs.append(MatchPictureJob(folder, views, request.config))
    run_jobs(write_match, jobs, request.workers)


def _overlap_result(
    each: SelectedClip,
    conflicts: Mapping[str, Conflict],
    strange: Mapping[str, int],
    limits: GateLimits,
) -> GateResult:
    clip = each.clip.identity
    conflict = conflicts.get(clip)
    passed: bool | None = conflict is None
    text = _conflict_text(clip, conflict) if conflict else "shows no other scene's view"
    if conflict is None and not tells(each.inspected.inspection.read_signatures(), limits):
        passed, text = None, "too little detail to know the scene by"
    return GateResult(
        gate=SCENE_GATE,
        passed=passed,
        value=float(strange.get(clip, 0)),
        limit=float(limits.overlap_matches),
        unit="matches",
        text=text,
    )


def _conflict_text(clip: str, conflict: Conflict) -> str:
    others = [(name, split) for split, name in conflict.shown.items() if name != clip]
    shown = " and ".join(f"{name} ({split})" for name, split in others)
    own = next((split for split, name in conflict.shown.items() if name == clip), None)
    if own is not None:
        return (
            f"shows the same as {shown}, and --split asks for {own}: it would stand in both; leave"
            " one of them out, or choose one split for both"
        )
    return f"shows the same as {shown}: it would stand in both; leave one of them out"


def _placed(
    request: BuildRequest,
    grouping: Grouping,
    good: Sequence[SelectedClip],
    trees: Sequence[PublishedTree | BegunTree],
) -> Placed:
    fixed = [each for tree in trees for each in tree.placements]
    settled = {each.clip for each in fixed}
    candidates = [
        Candidate(
            each.clip.identity,
            grouping.scenes[each.clip.identity],
            each.tree,
            each.clip.frames,
            each.clip.source.begun_utc,
        )
        for each in good
        if each.clip.identity not in settled
    ]
    chosen: dict[str, Split] = {}
    refused = {conflict.clip for conflict in grouping.conflicts}
    for name, split in request.splits.items():
        if name in refused:
            continue  # its scene has another split; said where it is left out
        chosen[grouping.scenes.get(name, name)] = split
    return place(fixed, candidates, request.config.shape, chosen)


def _failed(each: SelectedClip) -> LeftOutClip:
    failed = [result for result in each.results if result.passed is False]
    reason = "; ".join(f"{result.gate}: {result.text}" for result in failed)
    return _left(each, reason, tuple(result.gate for result in failed))


def _left(each: SelectedClip, reason: str, gates: tuple[str, ...] = ()) -> LeftOutClip:
    source = each.clip.source
    return LeftOutClip(
        clip=source.identity,
        uuid=source.uuid,
        setting=each.clip.setting.name,
        reason=reason,
        gates=gates,
        calibration_sha256=each.inspected.inspection.calibration_sha256,
    )
