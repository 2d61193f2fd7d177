"""The files of one take: where they are written, and how they are put aside."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self

from acquisition.session.document import CLIP_SUFFIX, DISCARDED_NAME
from bsd.document import PART_SUFFIX, sync_folder
from bsd.errors import FoundBad, UserMistake

UNREADABLE_SUFFIX: Final = ".unreadable"


@dataclass(frozen=True)
class Take:
    """A take that has begun.

    Attributes
    ----------
    session, clip, attempt
        Identity of the session, name and attempt: what the clip's head carries.
    part, final, discarded
        Where frames are written; the sealed file's name; where it goes if it does not count.
    """

    session: str
    clip: str
    attempt: int
    part: Path
    final: Path
    discarded: Path

    @classmethod
    def of(cls, folder: Path, session: str, clip: str, attempt: int) -> Self:
        """The paths of an attempt at a clip of the session in `folder`."""
        final = folder / f"{clip}{CLIP_SUFFIX}"
        return cls(
            session,
            clip,
            attempt,
            final.with_name(final.name + PART_SUFFIX),
            final,
            folder / DISCARDED_NAME / f"{clip}.{attempt}{CLIP_SUFFIX}",
        )


@dataclass(frozen=True)
class Aside:
    """What is left of a take that does not count.

    Attributes
    ----------
    file
        Its file, relative to the session; None where nothing is left.
    frames
        Frames in it by role, where it was recovered from a part file.
    what
        One line for a person.
    """

    file: str | None
    what: str
    frames: Mapping[str, int] = field(default_factory=dict)


def put_aside(take: Take) -> Aside:
    """Move what a take left into ``discarded/``; a part file is recovered first. Can be repeated.

    A part without a frame is removed; one that cannot be understood is kept under another name.
    """
    take.discarded.parent.mkdir(exist_ok=True)
    if take.final.exists():
        take.final.replace(take.discarded)
        sync_folder(take.final.parent)
    if take.discarded.exists():  # a sealed file is complete, the part is what it was made from
        take.part.unlink(missing_ok=True)
        return Aside(_relative(take.discarded), "its frames are complete")
    return _recover(take) if take.part.exists() else Aside(None, "nothing was stored")


def _recover(take: Take) -> Aside:
    from acquisition.clip.recovery import recover

    try:
        stored = recover(take.part, take.discarded).stored
    except FoundBad:
        take.part.unlink()
        return Aside(None, "no frame was stored")
    except UserMistake as error:
        target = take.discarded.with_name(take.discarded.name + UNREADABLE_SUFFIX)
        take.part.replace(target)
        return Aside(_relative(target), f"cannot be read: {error}")
    counts = " and ".join(f"{count} {role}" for role, count in stored.items())
    return Aside(
        _relative(take.discarded),
        f"{counts} frames were saved",
        {str(role): count for role, count in stored.items()},
    )


def _relative(path: Path) -> str:
    return f"{path.parent.name}/{path.name}"
