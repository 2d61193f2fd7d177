"""From sessions to plans: what is built, in which split, and what is left out and why."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bsd import command
from bsd.errors import UserMistake
from calibration.bundle.calibration import Calibration
from dataset.build.assignment import Candidate, Placed, place
from dataset.build.inspection_job import InspectionJob, inspect_job, read_calibration
from dataset.build.matching import Look, Match, matched, published_looks
from dataset.build.overlap import judged_scenes, picture_conflicts
from dataset.build.published_tree import BegunTree, PublishedTree
from dataset.build.request import BuildRequest, identities
from dataset.build.scene_group import Grouping, grouped_scenes
from dataset.build.selected_clip import SelectedClip
from dataset.build.source import SessionSource
from dataset.build.survey import LeftOutClip, Survey, survey
from dataset.executor import run_jobs
from dataset.gate.result import failed_gates
from dataset.splits import Split

log = logging.getLogger(__name__)


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
    judged = judged_scenes(passed, grouping, matches, request.config.gates)
    left += [_failed(each) for each in judged if failed_gates(each.results)]
    good = [each for each in judged if not failed_gates(each.results)]
    picture_conflicts(request, grouping, before, {each.clip.identity: each for each in judged})
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


def _read_calibrations(request: BuildRequest) -> list[tuple[Path, Calibration]]:
    found: dict[str, tuple[Path, Calibration]] = {}
    for folder in request.calibrations:
        calibration = read_calibration(folder)
        first, _ = found.setdefault(calibration.sha256, (folder, calibration))
        if folder is not first:
            raise UserMistake(f"{folder} and {first}: are the same calibration; give it once")
    return list(found.values())


def _surveyed(
    request: BuildRequest,
    sessions: Sequence[SessionSource],
    before: Mapping[str, PublishedTree],
) -> Survey:
    """What there is to look at: not what is published, nor what the same gates refused before."""
    settled = {clip.uuid for tree in before.values() for clip in tree.plan.inputs}
    known = [each for tree in before.values() for each in tree.plan.left_out]
    calibrations = _read_calibrations(request)
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
