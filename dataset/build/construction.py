"""From a selection to finished trees: plans, sequences in parallel, documents, ``dataset.json``."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from fractions import Fraction

from bsd import command
from bsd.errors import FoundBad
from bsd.provenance import toolkit_version
from dataset.build.assignment import Placement
from dataset.build.develop_job import ENCODER_VERSION, SequenceJob, develop_sequence
from dataset.build.documents import put_documents
from dataset.build.facts import sequence_facts
from dataset.build.output_folder import check_neighbours, held_output
from dataset.build.overlap import SCENE_GATE
from dataset.build.plan import GROWING, PlannedClip, TreePlan, merged, options_of
from dataset.build.provenance import planned_calibrations, planned_sessions
from dataset.build.published_tree import BegunTree, begun_trees, published_trees
from dataset.build.quality import left_out_page
from dataset.build.request import BuildRequest
from dataset.build.selected_clip import SelectedClip
from dataset.build.selection import Selection, select
from dataset.build.source import SessionSource, read_sessions
from dataset.build.statement import check_statements, planned_consents, planned_publication
from dataset.build.survey import LeftOutClip
from dataset.build.table import BuiltTree, built_tree
from dataset.completion import finish_tree
from dataset.description import DESCRIPTION_NAME, DatasetDescription, LeftOut
from dataset.executor import run_jobs
from dataset.opening import held_tree

log = logging.getLogger(__name__)

REPORT_NAME = "build.html"
"""Beside the trees: what was built and what was left out by this run."""


@dataclass(frozen=True)
class BuildAnswer:
    """What a build made.

    Attributes
    ----------
    trees
        Rows of table 1, of the trees that this run wrote or found finished.
    descriptions
        As published, by name.
    left_out
        Clips of these sessions that are not built, whichever run looked at them.
    """

    trees: tuple[BuiltTree, ...]
    descriptions: Mapping[str, DatasetDescription]
    left_out: tuple[LeftOutClip, ...]


def build(request: BuildRequest) -> BuildAnswer:
    """Build or extend the trees of all settings; the same call goes on after an interruption.

    Raises
    ------
    UserMistake
        What was asked for does not fit together, or not with what stands in the folder.
    FoundBad
        A clip is damaged, or nothing is left to build.
    """
    request = request.resolved()
    sessions = read_sessions(request.sessions)
    with held_output(request):
        return _built(request, sessions)


def _built(request: BuildRequest, sessions: tuple[SessionSource, ...]) -> BuildAnswer:
    before = published_trees(request.out)
    check_statements(request, sessions, before)
    selection = select(request, sessions, before, begun_trees(request.out, before))
    plans = _plans(request, selection)
    if not plans:
        _refuse_nothing(request, selection)
    for name in plans.keys() & selection.begun.keys():
        selection.begun[name].require_plan(plans[name])
    descriptions = {}
    with ExitStack() as held:
        states = {
            name: held.enter_context(held_tree(request.out / name, plan.to_json(), GROWING))
            for name, plan in plans.items()
        }
        open_plans = {name: plan for name, plan in plans.items() if states[name] != "finished"}
        jobs = [job for name, plan in open_plans.items() for job in _jobs(request, selection, plan)]
        with command.progress("sequences", sum(job.frames for job in jobs)) as advance:
            run_jobs(develop_sequence, jobs, request.workers, advance)
        check_neighbours(request.out, before, plans)
        for name, plan in plans.items():
            if name in open_plans:
                descriptions[name] = _finished(request, selection, plan)
            else:
                log.info("%s: is complete already", request.out / name)
                path = request.out / name / DESCRIPTION_NAME
                descriptions[name] = DatasetDescription.read(path)
    trees = tuple(_row(plan, descriptions[name]) for name, plan in plans.items())
    page = left_out_page(selection, trees, request.config)
    page.write(request.out / REPORT_NAME)
    return BuildAnswer(trees, descriptions, selection.all_left_out)


def _plans(request: BuildRequest, selection: Selection) -> dict[str, TreePlan]:
    """Plans of all trees that have a sequence, by name; published ones as far as they are asked."""
    names = {each.tree for each in selection.placed.placements}
    wanted = {each.tree for each in selection.clips.values()} | _asked(request, selection)
    return {name: _plan(request, selection, name) for name in sorted(names & wanted)}


def _asked(request: BuildRequest, selection: Selection) -> set[str]:
    """Published trees that hold, or left out, a clip of a session that was given."""
    given = {clip.uuid for session in selection.sessions for clip in session.clips}
    return {
        name
        for name, tree in selection.before.items()
        if (
            any(clip.uuid in given for clip in tree.plan.inputs)
            or any(clip.uuid in given for clip in tree.plan.left_out)
        )
        and (not request.settings or tree.plan.setting in request.settings)
    }


def _plan(request: BuildRequest, selection: Selection, name: str) -> TreePlan:
    before = selection.before.get(name)
    old = before.plan.inputs if before else ()
    begun = selection.begun.get(name)
    known = {clip.identity for clip in old}
    new = [
        _planned(selection.clips[each.clip], each, begun)
        for each in selection.placed.of_tree(name)
        if each.clip not in known
    ]
    if before is not None:
        first = before.plan
        fields = (first.setting, first.sharp_us, first.blurry_us, first.rate_hz)
    else:
        clip = next(each.clip for each in selection.clips.values() if each.tree == name)
        setting = clip.setting
        fields = (setting.name, setting.sharp_us, setting.blurry_us, _rate(clip.head.rate_hz))
    told = planned_sessions(before, selection, new)
    publication = planned_publication(request, before)
    return TreePlan(
        name=name,
        setting=fields[0],
        sharp_us=fields[1],
        blurry_us=fields[2],
        rate_hz=fields[3],
        options=options_of(request.config),
        sessions=told,
        calibrations=planned_calibrations(before, selection, new),
        inputs=(*old, *new),
        left_out=begun.plan.left_out if begun else _left_out(selection, name, fields[0]),
        publication=publication,
        consents=planned_consents(publication, told, before, selection.sessions),
    )


def _left_out(selection: Selection, name: str, setting: str) -> tuple[LeftOutClip, ...]:
    before = selection.before.get(name)
    return merged(
        before.plan.left_out if before else (),
        [each for each in selection.left_out if _is_of(each, name, setting, selection)],
    )


def _is_of(left: LeftOutClip, tree: str, setting: str, selection: Selection) -> bool:
    """Whether a clip would have been in this tree; of one whose rate nobody read, by setting."""
    if left.clip in selection.clips:
        return selection.clips[left.clip].tree == tree
    return left.setting == setting


def _rate(text: str) -> str:
    return str(Fraction(text))


def _planned(selected: SelectedClip, place: Placement, begun: BegunTree | None) -> PlannedClip:
    source, found = selected.clip.source, selected.inspected.inspection
    values = [each.value or 0 for each in selected.results if each.gate == SCENE_GATE]
    matches = int(max(values, default=0))
    for clip in begun.clips if begun else ():
        if clip.identity == source.identity:  # others of its scene may be published by now
            matches = clip.matches
    return PlannedClip.model_validate(
        {
            "split": place.split,
            "sequence": place.sequence,
            "scene": place.scene,
            "identity": source.identity,
            "session": source.session,
            "session_name": source.session_name,
            "clip": source.clip,
            "uuid": source.uuid,
            "sha256": found.clip_sha256,
            "calibration_sha256": found.calibration_sha256,
            "first": selected.clip.first,
            "frames": place.frames,
            "white_balance": found.white_balance,
            "matches": matches,
            "toolkit": toolkit_version(),
            "encoder": ENCODER_VERSION,
        }
    )


def _jobs(request: BuildRequest, selection: Selection, plan: TreePlan) -> list[SequenceJob]:
    before = selection.before.get(plan.name)
    published = {clip.identity for clip in before.plan.inputs} if before else set()
    return [
        SequenceJob(
            root=request.out / plan.name,
            split=clip.split,
            sequence=clip.sequence,
            clip=selection.clips[clip.identity].clip,
            clip_sha256=clip.sha256,
            calibration_sha256=clip.calibration_sha256,
            frames=clip.frames,
            white_balance=clip.white_balance,
            config=request.config,
        )
        for clip in plan.inputs
        if clip.identity not in published
    ]


def _finished(request: BuildRequest, selection: Selection, plan: TreePlan) -> DatasetDescription:
    facts = tuple(
        sequence_facts(clip, selection.clips[clip.identity], request.config)
        for clip in plan.inputs
        if clip.identity in selection.clips
    )
    description = DatasetDescription(
        name=plan.name,
        kind="capture",
        rate_hz=float(Fraction(plan.rate_hz)),
        times={"sharp_us": plan.sharp_us, "blurry_us": plan.blurry_us},
        marks=tuple(sorted({mark for each in facts for mark in each.marks})),
        frames_left_out=tuple(
            LeftOut(scene=each.clip, reason=each.reason) for each in plan.standing_left_out
        ),
        sequences=facts,
        licence=plan.licence,
    )
    splits = selection.placed.splits(plan.name)
    put_documents(request, selection, plan, description, splits)
    return finish_tree(request.out / plan.name, description, splits)


def _row(plan: TreePlan, description: DatasetDescription) -> BuiltTree:
    return built_tree(
        plan.name,
        plan.setting,
        float(Fraction(plan.rate_hz)),
        (description.width_px, description.height_px),
        [(clip.split, clip.frames) for clip in plan.inputs],
    )


def _refuse_nothing(request: BuildRequest, selection: Selection) -> None:
    if not selection.all_left_out:
        names = ", ".join(str(session.folder) for session in selection.sessions)
        raise FoundBad(f"{names}: no scene to build; record scenes with acquisition.capture")
    request.out.mkdir(parents=True, exist_ok=True)
    left_out_page(selection, (), request.config).write(request.out / REPORT_NAME)
    reasons = "; ".join(f"{each.clip}: {each.reason}" for each in selection.all_left_out)
    raise FoundBad(
        f"nothing to build, all of it is left out: {reasons}; see {request.out / REPORT_NAME}"
    )
