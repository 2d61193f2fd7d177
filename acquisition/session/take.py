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
    what
        One line for a person.
    frames
        Frames in it by role, where it was recovered from a part file.
    lost
        What could not be read, and which file has it still; empty where nothing is lost.
    """

    file: str | None
    what: str
    frames: Mapping[str, int] = field(default_factory=dict)
    lost: str = ""


def put_aside(take: Take) -> Aside:
    """Move what a take left into ``discarded/``; a part file is recovered first. Can be repeated.

    A part that holds no frame is removed. One that cannot be understood, or of which frames cannot
    be read, is kept under another name.
    """
    take.discarded.parent.mkdir(exist_ok=True)
    if take.final.exists():
        take.final.replace(take.discarded)
        sync_folder(take.final.parent)
    if take.discarded.exists() and not _is_half_recovered(take):
        return Aside(_relative(take.discarded), "its frames are complete")
    return _recover(take) if take.part.exists() else Aside(None, "nothing was stored")


def _is_half_recovered(take: Take) -> bool:
    """Whether a kill came between a recovery and the end of its part; then it is made anew."""
    from acquisition.clip.file import remove_clip
    from acquisition.clip.reader import Clip

    if not take.part.exists():
        return False
    try:
        with Clip.open(take.discarded) as clip:
            was_recovered = clip.tail.verdict == "recovered"
    except (FoundBad, UserMistake):
        was_recovered = True
    # A clip that was sealed is complete, and the part is what it was made from.
    remove_clip(take.discarded if was_recovered else take.part)
    return was_recovered


def _recover(take: Take) -> Aside:
    from acquisition.clip.file import remove_clip
    from acquisition.clip.recovery import HoldsNoFrame, recover

    try:
        saved = recover(take.part, take.discarded, keep_part=True)
    except HoldsNoFrame:
        remove_clip(take.part)
        return Aside(None, "no frame was stored")
    except (FoundBad, UserMistake) as error:
        return Aside(_kept_unread(take), f"cannot be read: {error}")
    lost = ""
    if saved.is_broken:
        cut = " and ".join(f"{count} {role}" for role, count in saved.cut.items() if count)
        lost = f"{cut} frames could not be read and are in {_kept_unread(take)}"
    else:
        remove_clip(take.part)
    counts = " and ".join(f"{count} {role}" for role, count in saved.stored.items())
    return Aside(
        _relative(take.discarded),
        f"{counts} frames were saved",
        {str(role): count for role, count in saved.stored.items()},
        lost,
    )


def _kept_unread(take: Take) -> str:
    target = take.discarded.with_name(take.discarded.name + UNREADABLE_SUFFIX)
    take.part.replace(target)
    return _relative(target)


def _relative(path: Path) -> str:
    return f"{path.parent.name}/{path.name}"
