"""A dataset that is added to: what was published stays, what is new comes behind it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol, TypeVar

from bsd.errors import UserMistake
from dataset.description import DatasetDescription, LeftOut, Revision
from dataset.splits import SPLITS, Split, Splits

_SHOWN_UUID = 8  # characters of a session's UUID in the name of its clips


class _OfSequence(Protocol):
    @property
    def split(self) -> Split: ...
    @property
    def sequence(self) -> str: ...


Item = TypeVar("Item", bound=_OfSequence)


def added_to(
    earlier: DatasetDescription, given: DatasetDescription, root: Path
) -> DatasetDescription:
    """The description of `earlier` with the new material of `given`: its next revision.

    Parameters
    ----------
    earlier
        As published.
    given
        Size and counts of everything; all else of the new material, or of everything.
    root
        Of the dataset, for messages.

    Raises
    ------
    UserMistake
        Name, kind, size or licence differ, or facts of a published sequence do.
    """
    for field in ("name", "kind", "width_px", "height_px", "licence"):
        was, now = getattr(earlier, field), getattr(given, field)
        if was != now and was is not None:  # a licence may come later, and then stays
            raise UserMistake(
                f"{root}: {field} was published as '{was}' and is '{now}' now; a dataset that is"
                " added to keeps it: give the earlier one, or another folder"
            )
    kept = [item for item in earlier.frames_left_out if not _is_built(item, given)]
    left_out = [item for item in given.frames_left_out if item not in kept]
    state = Revision(
        revision=earlier.revision,
        manifest_sha256=earlier.manifest_sha256,
        plan_sha256=earlier.plan_sha256,
        toolkit=earlier.toolkit,
    )
    return given.model_copy(
        update={
            "rate_hz": given.rate_hz if given.rate_hz == earlier.rate_hz else None,
            "marks": tuple(sorted({*earlier.marks, *given.marks})),
            "frames_left_out": (*kept, *left_out),
            "steps": _merged(earlier.steps, given.steps, root),
            "sequences": _merged(earlier.sequences, given.sequences, root),
            "revision": earlier.revision + 1,
            "history": (*earlier.history, state),
        }
    )


def _is_built(item: LeftOut, given: DatasetDescription) -> bool:
    """Whether a clip that was left out, named ``NAME-SESSION/CLIP``, is a sequence now."""
    return any(
        item.scene.endswith(f"-{facts.session[:_SHOWN_UUID]}/{facts.clip}")
        for facts in given.sequences
    )


def check_facts(
    description: DatasetDescription,
    splits: Splits,
    frames: Mapping[tuple[Split, str], int],
    root: Path,
) -> None:
    """Raise `UserMistake` where the facts of a sequence are not those of the one that is there.

    Parameters
    ----------
    description
        Its `sequences` are checked.
    splits
        All sequences.
    frames
        (split, sequence) → pairs, of the sequences that are new.
    root
        Of the dataset, for messages.
    """
    scenes = {(item.split, item.sequence): item.scene for item in splits.sequences}
    for facts in description.sequences:
        place = (facts.split, facts.sequence)
        where = f"{root}: facts of {'/'.join(place)}"
        if scenes.get(place) != facts.scene:
            raise UserMistake(
                f"{where}: are of scene '{facts.scene}', the splits say '{scenes.get(place)}'"
            )
        if frames.get(place, facts.frames) != facts.frames:
            raise UserMistake(f"{where}: {facts.frames} frames, written were {frames[place]}")


def _merged(before: Sequence[Item], given: Sequence[Item], root: Path) -> tuple[Item, ...]:
    """Published items and new ones, in the order of the splits."""
    held = {(item.split, item.sequence): item for item in before}
    for item in given:
        if held.setdefault((item.split, item.sequence), item) != item:
            raise UserMistake(
                f"{root}: other facts of {item.split}/{item.sequence} than were published; give"
                " those of new sequences only"
            )
    return tuple(
        sorted(held.values(), key=lambda item: (SPLITS.index(item.split), int(item.sequence)))
    )
