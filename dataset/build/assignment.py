"""Scenes to splits over all settings at once; what was published never moves."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from bsd.document import Part
from bsd.errors import UserMistake
from dataset.build.preset import Shape
from dataset.splits import SPLITS, Assignment, Split, Splits

_PREFERENCE: tuple[Split, ...] = ("train", "test", "valid")  # who is served first when equal


class Placement(Part):
    """A clip's place: tree, split and number, the scene that it shows, and how many pairs."""

    tree: str
    split: Split
    sequence: str
    scene: str
    clip: str
    frames: int


@dataclass(frozen=True)
class Candidate:
    """A clip that passed its gates.

    Attributes
    ----------
    clip, scene, tree
        Identity, scene, and name of the tree that it belongs to.
    frames
        Pairs that can be published.
    order
        When it was recorded: new scenes are served in this order.
    """

    clip: str
    scene: str
    tree: str
    frames: int
    order: str


@dataclass(frozen=True)
class Placed:
    """All places, the published ones first, and clips for which there is no room, with why."""

    placements: tuple[Placement, ...]
    without: Mapping[str, str]

    def of_tree(self, tree: str) -> tuple[Placement, ...]:
        """Of one tree, by split and number."""
        mine = (each for each in self.placements if each.tree == tree)
        return tuple(sorted(mine, key=lambda each: (SPLITS.index(each.split), int(each.sequence))))

    def splits(self, tree: str) -> Splits:
        """``splits.json`` of one tree."""
        return Splits(
            sequences=tuple(
                Assignment(split=each.split, sequence=each.sequence, scene=each.scene)
                for each in self.of_tree(tree)
            )
        )


def place(
    published: Sequence[Placement],
    candidates: Sequence[Candidate],
    shape: Shape,
    chosen: Mapping[str, Split] | None = None,
) -> Placed:
    """Give every new clip a split and a number.

    A scene has one split in all trees. New scenes are served in the order of their first
    recording, each goes where its trees lack most of their share of what there is (as
    `dataset.splits.assign`), never above what the shape asks for, and no split with a share stays
    empty while there are scenes enough. Where the test split asks for longer sequences than a
    scene has, it is left to longer scenes if enough of them follow.

    Parameters
    ----------
    published
        Places that must not change.
    candidates
        New clips.
    shape
        Sequences and frames of each split, per tree.
    chosen
        Scene → split, as a person decided.

    Raises
    ------
    UserMistake
        A choice that would move a published scene, or of a scene that is not there; a scene that
        is published in two splits.
    """
    homes = _homes(published, candidates, chosen or {})
    scenes: dict[str, list[Candidate]] = {}
    for each in sorted(candidates, key=lambda each: (each.order, each.clip)):
        scenes.setdefault(each.scene, []).append(each)
    desk = _Desk(shape, candidates, published)
    for scene in [scene for scene in scenes if scene in homes]:
        desk.take(homes[scene], scenes[scene])
    waiting = [scene for scene in scenes if scene not in homes]
    for number, scene in enumerate(waiting):
        later = [scenes[name] for name in waiting[number:]]
        desk.take(desk.best(scenes[scene], later), scenes[scene])
    return Placed((*published, *desk.given), desk.without)


def check_homes(placements: Sequence[Placement]) -> None:
    """Raise `UserMistake` where a scene stands in two splits."""
    homes: dict[str, Placement] = {}
    for each in placements:
        first = homes.setdefault(each.scene, each)
        if first.split != each.split:
            raise UserMistake(
                f"scene '{each.scene}' is in {first.split} of {first.tree} and in {each.split} of"
                f" {each.tree}; remove one of the two trees and build it again"
            )


def _homes(
    published: Sequence[Placement], candidates: Sequence[Candidate], chosen: Mapping[str, Split]
) -> dict[str, Split]:
    check_homes(published)
    homes: dict[str, Split] = {each.scene: each.split for each in published}
    names = {each.scene for each in candidates} | homes.keys()
    for scene, split in chosen.items():
        if scene not in names:
            raise UserMistake(
                f"--split {scene}={split}: no such scene; there are {', '.join(sorted(names))}"
            )
        if homes.setdefault(scene, split) != split:
            raise UserMistake(
                f"--split {scene}={split}: is published in {homes[scene]} and never moves"
            )
    return homes


@dataclass
class _Desk:
    """Keeps the books: how many sequences each split of each tree has."""

    shape: Shape
    candidates: Sequence[Candidate]
    published: Sequence[Placement]
    given: list[Placement] = field(default_factory=list)
    without: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._held: Counter[tuple[str, Split]] = Counter()
        self._next: Counter[tuple[str, Split]] = Counter()
        for each in self.published:
            key = each.tree, each.split
            self._held[key] += 1
            self._next[key] = max(self._next[key], int(each.sequence) + 1)
        self._total = Counter(each.tree for each in self.published)
        self._total.update(each.tree for each in self.candidates)

    def best(self, clips: Sequence[Candidate], later: Sequence[Sequence[Candidate]]) -> Split:
        """The split that a new scene goes to; `later` is this one and those behind it."""
        trees = Counter(clip.tree for clip in clips)
        wanted = [split for split in _PREFERENCE if self.shape.of(split).sequences > 0]
        free = [split for split in wanted if all(self._room(tree, split) for tree in trees)]
        free = free or [s for s in wanted if any(self._room(tree, s) for tree in trees)] or wanted
        empty = [split for split in free if not any(self._held[tree, split] for tree in trees)]
        if empty and len(later) <= len(empty):
            free = empty
        elif "test" in free and len(free) > 1 and self._better_tests(clips, later):
            free.remove("test")
        return max(free, key=lambda split: round(self._lack(split, trees), 9))

    def take(self, split: Split, clips: Sequence[Candidate]) -> None:
        """Give clips of one scene their places, as far as there is room."""
        size = self.shape.of(split)
        for clip in clips:
            key = clip.tree, split
            if not self._room(*key):
                self.without[clip.clip] = (
                    f"{split} of {clip.tree} has its {size.sequences} sequences already"
                )
                continue
            self.given.append(
                Placement(
                    tree=clip.tree,
                    split=split,
                    sequence=f"{self._next[key]:03d}",
                    scene=clip.scene,
                    clip=clip.clip,
                    frames=min(clip.frames, size.frames),
                )
            )
            self._held[key] += 1
            self._next[key] += 1

    def _room(self, tree: str, split: Split) -> bool:
        return self._held[tree, split] < self.shape.of(split).sequences

    def _lack(self, split: Split, trees: Mapping[str, int]) -> float:
        share = self.shape.of(split).sequences / self.shape.sequences
        return sum(share * self._total[tree] - self._held[tree, split] for tree in trees)

    def _better_tests(
        self, clips: Sequence[Candidate], later: Sequence[Sequence[Candidate]]
    ) -> bool:
        """Whether this scene is too short for a test, and enough of those behind it are not."""
        asked = self.shape.test.frames

        def is_short(scene: Sequence[Candidate]) -> bool:
            return any(clip.frames < asked for clip in scene)

        lack = self._lack("test", Counter(clip.tree for clip in clips))
        return is_short(clips) and sum(not is_short(each) for each in later) >= math.ceil(lack) > 0
