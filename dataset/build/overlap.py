"""The gate on scenes: a clip must not show what stands in two splits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from dataset.build.match_picture import ClipView, MatchPictureJob, write_match
from dataset.build.matching import Match
from dataset.build.published_tree import PublishedTree
from dataset.build.request import BuildRequest
from dataset.build.scene_group import Conflict, Grouping
from dataset.build.selected_clip import SelectedClip
from dataset.executor import run_jobs
from dataset.gate.limits import GateLimits
from dataset.gate.result import GateResult
from dataset.gate.scene import tells
from dataset.layout import frame_path

SCENE_GATE: Final = "scene-overlap"
"""The gate that needs more than one clip."""


def judged_scenes(
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


def picture_conflicts(
    request: BuildRequest,
    grouping: Grouping,
    before: Mapping[str, PublishedTree],
    judged: Mapping[str, SelectedClip],
) -> None:
    """Pictures of each clip that is left out for its scene, beside what shows the same."""
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
