"""Clips that show one scene are one scene: grouped, named for good, never in two splits."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from dataset.splits import Split


@dataclass(frozen=True)
class Conflict:
    """A clip that shows what stands in two splits.

    Attributes
    ----------
    clip
        Its identity.
    shown
        Split → a clip of it that shows the same.
    """

    clip: str
    shown: Mapping[Split, str]


@dataclass(frozen=True)
class Grouping:
    """The scene of each clip, and the clips that cannot have one."""

    scenes: Mapping[str, str]
    conflicts: tuple[Conflict, ...]


@dataclass
class _Group:
    members: list[str]
    name: str
    is_named: bool
    homes: dict[Split, str] = field(default_factory=dict)


def grouped_scenes(
    clips: Sequence[str],
    same: Collection[frozenset[str]],
    *,
    named: Mapping[str, str],
    published: Mapping[str, str],
    homes: Mapping[str, Split],
) -> Grouping:
    """Group clips into scenes, one after another.

    A clip joins every group of which it shows something; a group that was published keeps its
    name and its split. What would join two splits is a conflict and joins none.

    Parameters
    ----------
    clips
        Identities: the published ones first, then in the order of their recording.
    same
        Pairs of clips that were found to show the same scene.
    named
        Clip → scene, as a person decided: clips of one name are one scene.
    published
        Clip → scene of those that are published; they keep it.
    homes
        Clip → split of those that have one already, published or chosen.

    Returns
    -------
    A scene that is neither published nor named has the name of its first clip.
    """
    groups: list[_Group] = []
    scenes: dict[str, str] = {}
    conflicts: list[Conflict] = []
    for clip in clips:
        own = _Group([clip], *_name(clip, named, published))
        if clip in homes:
            own.homes[homes[clip]] = clip
        touched = [group for group in groups if _touches(group, own, same)]
        joined = _joined([*touched, own])
        if len(joined.homes) > 1 and clip not in published:
            conflicts.append(Conflict(clip, joined.homes))
            continue
        if clip in published:  # published scenes are not renamed by what is found out later
            touched = [group for group in touched if group.name == own.name]
            joined = _joined([*touched, own])
        groups = [group for group in groups if group not in touched] + [joined]
    for group in groups:
        scenes |= {clip: published.get(clip, group.name) for clip in group.members}
    return Grouping(scenes, tuple(conflicts))


def _name(clip: str, named: Mapping[str, str], published: Mapping[str, str]) -> tuple[str, bool]:
    given = published.get(clip) or named.get(clip)
    return given or clip, given is not None


def _touches(group: _Group, own: _Group, same: Collection[frozenset[str]]) -> bool:
    if own.is_named and group.is_named and group.name == own.name:
        return True
    return any(frozenset((member, own.members[0])) in same for member in group.members)


def _joined(groups: Sequence[_Group]) -> _Group:
    """All in one: the name that a person or a publication gave, else the first clip's."""
    named = next((group for group in groups if group.is_named), groups[0])
    homes: dict[Split, str] = {}
    for group in groups:
        for split, clip in group.homes.items():
            homes.setdefault(split, clip)
    members = [member for group in groups for member in group.members]
    return _Group(members, named.name, named.is_named, homes)
