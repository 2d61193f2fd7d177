"""Trees that stand in the output folder, finished or begun: their plans decide what stays."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from bsd.errors import UserMistake
from bsd.provenance import sha256_bytes
from dataset.build.assignment import Placement
from dataset.build.plan import PlannedClip, TreePlan, read_plan
from dataset.description import DESCRIPTION_NAME, DatasetDescription
from dataset.layout import PLAN_NAME, WORK_NAME
from dataset.opening import published
from dataset.plan import differing_fields, plan_fields


@dataclass(frozen=True)
class PublishedTree:
    """A finished tree of an earlier build."""

    root: Path
    description: DatasetDescription
    plan: TreePlan

    @property
    def placements(self) -> tuple[Placement, ...]:
        """Its sequences."""
        return tuple(clip.placement(self.plan.name) for clip in self.plan.inputs)


@dataclass(frozen=True)
class BegunTree:
    """A tree of which a run that was killed left the plan.

    Attributes
    ----------
    root, plan
        Where, and what it is going to be.
    clips
        Those that are not published yet.
    """

    root: Path
    plan: TreePlan
    clips: tuple[PlannedClip, ...]

    @property
    def placements(self) -> tuple[Placement, ...]:
        """Of what is not published yet."""
        return tuple(clip.placement(self.plan.name) for clip in self.clips)

    def require(self, identities: Collection[str]) -> None:
        """Refuse a build that does not finish it: nobody could tell which of its scenes it shows.

        Raises
        ------
        UserMistake
            One of its clips is not among `identities`.
        """
        for clip in self.clips:
            if clip.identity not in identities:
                raise UserMistake(
                    f"{self.root}: is unfinished and waits for {clip.identity}; finish it first"
                    " with the command that began it, or give it up: --give-up --out"
                    f" {self.root.parent}"
                )

    def require_plan(self, plan: TreePlan) -> None:
        """Refuse a build of other options or inputs, but for what the toolkit is called.

        Raises
        ------
        UserMistake
            Names the fields that differ.
        """
        names = differing_fields(self.plan.model_dump(mode="json"), plan.model_dump(mode="json"))
        if names:
            raise UserMistake(
                f"{self.root}: holds an unfinished dataset of other inputs or options (different:"
                f" {', '.join(names)}); give those again to finish it, or give it up: --give-up"
                f" --out {self.root.parent}"
            )


def published_trees(out: Path) -> dict[str, PublishedTree]:
    """Name → tree, of all finished ones below a folder.

    Raises
    ------
    UserMistake
        One was not made by this verb, or its documents are damaged.
    """
    if out.exists() and not out.is_dir():
        raise UserMistake(f"{out}: is a file; give a folder that is empty or not there yet")
    found: dict[str, PublishedTree] = {}
    finished = {path.parent for path in out.glob(f"*/{DESCRIPTION_NAME}")}
    begun = {path.parent.parent for path in out.glob(f"*/{WORK_NAME}/{PLAN_NAME}")}
    for root in sorted(finished | begun):
        before = published(root)
        if before is None:
            continue
        if before.plan is None:
            raise UserMistake(f"{root}: was not made by dataset.build; give another --out")
        plan = read_plan(before.plan, str(root))
        if plan.name != root.name:
            raise UserMistake(f"{root}: is the tree {plan.name}; give its folder that name again")
        found[plan.name] = PublishedTree(root, before.description, plan)
    return found


def begun_trees(out: Path, before: Mapping[str, PublishedTree]) -> dict[str, BegunTree]:
    """Name → tree, of all that are begun or being added to below a folder.

    Raises
    ------
    UserMistake
        A plan is not one of this verb, or is damaged.
    """
    found: dict[str, BegunTree] = {}
    for path in sorted(out.glob(f"*/{WORK_NAME}/{PLAN_NAME}")):
        root, content = path.parent.parent, path.read_bytes()
        finished = before.get(root.name)
        if finished and finished.description.plan_sha256 == sha256_bytes(content):
            continue  # published, and killed before its plan was removed
        plan = read_plan(plan_fields(content) or {}, str(root))
        held = {clip.identity for clip in finished.plan.inputs} if finished else set()
        clips = tuple(clip for clip in plan.inputs if clip.identity not in held)
        found[plan.name] = BegunTree(root, plan, clips)
    return found
