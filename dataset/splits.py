"""Which sequence belongs to train, valid or test: by scene, decided once and never moved."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Literal, Self, get_args

from pydantic import Field, model_validator

from bsd.document import Document, Part
from bsd.errors import UserMistake

SPLITS_NAME = "splits.json"
Split = Literal["train", "valid", "test"]
SPLITS: tuple[Split, ...] = get_args(Split)
_PREFERENCE: tuple[Split, ...] = ("train", "test", "valid")  # who is served first when equal


class Assignment(Part):
    """One sequence: its split, its folder (``000``, ``001``, ...) and the scene it shows."""

    split: Split
    sequence: str = Field(pattern="^[0-9]{3,}$")
    scene: str = Field(min_length=1)


class Splits(Document):
    """``splits.json``: all sequences, sorted by split and number; only ever appended to."""

    format: Literal["bsd-splits"] = "bsd-splits"
    format_version: Literal[1] = 1
    sequences: tuple[Assignment, ...] = ()

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if tuple(sorted(self.sequences, key=_order)) != self.sequences:
            raise ValueError("sequences are not sorted by split and number")
        names = Counter((item.split, item.sequence) for item in self.sequences)
        if twice := [name for name, count in names.items() if count > 1]:
            raise ValueError(f"sequence {'/'.join(twice[0])} is listed twice")
        homes: dict[str, Split] = {}
        for item in self.sequences:
            if homes.setdefault(item.scene, item.split) != item.split:
                raise ValueError(
                    f"scene '{item.scene}' is in both {homes[item.scene]} and {item.split}"
                )
        return self

    def of_scene(self, scene: str) -> tuple[Assignment, ...]:
        """The sequences of one scene, in order."""
        return tuple(item for item in self.sequences if item.scene == scene)


def assign(
    existing: Splits | None,
    scenes: Sequence[tuple[str, int]],
    ratio: tuple[float, float, float] = (60, 20, 20),
    only: Split | None = None,
    chosen: Mapping[str, Split] | None = None,
) -> Splits:
    """Give each new scene to one split; what was assigned before stays where it is.

    New scenes are taken in the order of their names. Each goes to the split that is furthest
    below its share of all sequences, which is the method of the largest remainder where scenes
    are of equal size; no split with a share stays empty while there are scenes enough.

    Parameters
    ----------
    existing
        Assignments that must not change, or None.
    scenes
        (scene, number of its sequences); a known scene with more sequences than before gets new
        ones in its own split.
    ratio
        Shares of train, valid and test, in any unit.
    only
        Give every new scene to this split.
    chosen
        Scene → split, for scenes whose split was decided by a person; goes before the others.

    Raises
    ------
    UserMistake
        A scene named twice, a ratio without a positive share, or a choice that would move a scene
        or names one that is not there.
    """
    _check_request(scenes, ratio, chosen or {})
    homes: dict[str, Split] = {item.scene: item.split for item in (existing or Splits()).sequences}
    for scene, split in (chosen or {}).items():
        if homes.setdefault(scene, split) != split:
            raise UserMistake(f"scene '{scene}': is in {homes[scene]} already, never moved")
    counts = {scene: count for scene, count in sorted(scenes) if count > 0}
    new = [scene for scene in counts if scene not in homes]
    if only is not None:
        homes |= dict.fromkeys(new, only)
    else:
        _distribute(new, counts, homes, existing or Splits(), ratio)
    return _numbered(existing or Splits(), counts, homes)


def _check_request(
    scenes: Sequence[tuple[str, int]],
    ratio: tuple[float, float, float],
    chosen: Mapping[str, Split],
) -> None:
    names = Counter(scene for scene, _count in scenes)
    if twice := [name for name, count in names.items() if count > 1]:
        raise UserMistake(f"scene '{twice[0]}': named twice; give each recording its own name")
    usable = all(0 <= share < math.inf for share in ratio) and 0 < sum(ratio) < math.inf
    if len(ratio) != len(SPLITS) or not usable:
        raise UserMistake(f"split ratio {ratio}: give three shares of at least 0, one above 0")
    for scene, split in chosen.items():
        if scene not in names:
            known = ", ".join(sorted(names))
            raise UserMistake(f"split chosen for scene '{scene}', which is not among: {known}")
        if split not in SPLITS:
            raise UserMistake(f"scene '{scene}': no split '{split}'; use {', '.join(SPLITS)}")


def _distribute(
    new: Sequence[str],
    counts: Mapping[str, int],
    homes: dict[str, Split],
    existing: Splits,
    ratio: tuple[float, float, float],
) -> None:
    held = dict.fromkeys(SPLITS, 0)
    size = Counter(item.scene for item in existing.sequences)
    for scene, split in homes.items():
        held[split] += max(size[scene], counts.get(scene, 0))
    total = sum(held.values()) + sum(counts[scene] for scene in new)
    share = {split: part / sum(ratio) for split, part in zip(SPLITS, ratio, strict=True)}
    for place, scene in enumerate(new):
        open_splits = [split for split in _PREFERENCE if share[split] > 0]
        empty = [split for split in open_splits if held[split] == 0]
        if len(new) - place <= len(empty):
            open_splits = empty
        split = max(open_splits, key=lambda split: round(share[split] * total - held[split], 9))
        homes[scene] = split
        held[split] += counts[scene]


def _numbered(existing: Splits, counts: Mapping[str, int], homes: Mapping[str, Split]) -> Splits:
    items = list(existing.sequences)
    following = {
        split: 1 + max((int(item.sequence) for item in items if item.split == split), default=-1)
        for split in SPLITS
    }
    for scene, count in counts.items():
        split = homes[scene]
        for _ in range(count - len(existing.of_scene(scene))):
            items.append(Assignment(split=split, sequence=f"{following[split]:03d}", scene=scene))
            following[split] += 1
    return Splits(sequences=tuple(sorted(items, key=_order)))


def _order(item: Assignment) -> tuple[int, int, str]:
    return SPLITS.index(item.split), int(item.sequence), item.sequence
