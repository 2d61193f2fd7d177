"""Saving what a killed recorder left: every flushed frame, in a sealed clip of its own."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from acquisition.clip import file as clip_file
from acquisition.clip.document import ClipHead, ClipTail
from acquisition.clip.sink import FrameShape
from acquisition.clip.writer import ClipWriter, seal
from acquisition.ledger.row import LEDGER
from acquisition.rig import ROLES, Role
from bsd.document import PART_SUFFIX, parse_json
from bsd.errors import FoundBad, UserMistake, explain_os_error

_PULSES_AT_ONCE: Final = 4096


class HoldsNoFrame(FoundBad):
    """Nothing was stored in a part: there is nothing to save, and nothing is lost with it."""


@dataclass(frozen=True)
class RecoveredClip:
    """What was saved.

    Attributes
    ----------
    path
        The sealed clip, with the verdict ``recovered``.
    head
        Of the part.
    stored
        Frames saved, of each camera.
    cut
        Frames that were begun and are not whole, of each camera.
    pulses
        Pulses saved.
    """

    path: Path
    head: ClipHead
    stored: dict[Role, int]
    cut: dict[Role, int]
    pulses: int

    @property
    def is_broken(self) -> bool:
        """Whether whole frames may lie behind one that cannot be read.

        A kill leaves one frame of a camera half written, so that more than one says otherwise.
        """
        return max(self.cut.values()) > 1


def recover(part: Path, target: Path | None = None, *, keep_part: bool = False) -> RecoveredClip:
    """Copy all whole frames, arrivals and pulses of a part into a sealed clip.

    No pair is claimed: the ledger stays empty, unless the part was killed while it was sealed and
    has one already.

    Parameters
    ----------
    part
        ``NAME.h5.part``, of a recorder that does not run any more.
    target
        The clip to make; None: ``NAME-recovered.h5`` beside it.
    keep_part
        Otherwise it is removed once the clip is on the disk.

    Raises
    ------
    HoldsNoFrame
        There is no frame in it.
    FoundBad
        It cannot be read at all; frames may be in it.
    UserMistake
        No such part, it is no clip's, or the target exists.
    ToolkitError
        The disk is full or fails; the part is as it was.
    """
    if part.suffix != PART_SUFFIX or not part.is_file():
        raise UserMistake(f"{part}: no such part file; name a file that ends in {PART_SUFFIX}")
    base = part.with_suffix("")
    if not part.stat().st_size:
        raise _empty(part)
    target = target or base.with_name(f"{base.stem}-recovered{base.suffix}")
    try:
        with clip_file.look_unclosed(part) as file:
            copied = _copy(part, file, target)
    except PermissionError as error:
        raise explain_os_error(error) from error
    except clip_file.READ_FAULTS as error:  # what is written raises ToolkitError only
        raise FoundBad(
            f"{part}: was killed before its first frame, cut or damaged; nothing can be read from"
            " it: move it away and record the clip again"
        ) from error
    if not keep_part:
        clip_file.remove_clip(part)
    return copied


def _empty(part: Path) -> HoldsNoFrame:
    return HoldsNoFrame(f"{part}: holds no frame; remove it and record the clip again")


def _copy(part: Path, file: Any, target: Path) -> RecoveredClip:
    head = _head(part, file)
    frames = {role: file[clip_file.FRAMES[role]] for role in ROLES}
    if not any(len(dataset) for dataset in frames.values()):
        raise _empty(part)
    shapes = {role: _shape(dataset) for role, dataset in frames.items()}
    copy_part = target.with_name(target.name + PART_SUFFIX)
    writer = ClipWriter(copy_part, head, shapes)
    try:
        for role in ROLES:
            _copy_frames(writer, role, frames[role], _rows(file, clip_file.ARRIVALS[role]))
        pulses = _rows(file, clip_file.PULSES)
        for begin in range(0, len(pulses), _PULSES_AT_ONCE):
            writer.pulses(pulses[begin : begin + _PULSES_AT_ONCE])
        writer.close()
        stored = writer.stored
        cut = {role: len(frames[role]) - stored[role] for role in ROLES}
        ledger, findings = _judged(file)
        tail = ClipTail(verdict="recovered", findings=findings, counts=_counts(stored, len(pulses)))
        path = seal(copy_part, ledger, tail)
    except BaseException:
        writer.close()
        clip_file.remove_clip(copy_part)
        raise
    return RecoveredClip(path, head, stored, cut, len(pulses))


def _copy_frames(writer: ClipWriter, role: Role, frames: Any, arrivals: NDArray[np.void]) -> None:
    """Chunk by chunk as they lie, up to the first that is not whole."""
    rest = (0,) * (frames.ndim - 1)
    for index in range(min(len(frames), len(arrivals))):
        try:
            mask, chunk = frames.id.read_direct_chunk((index, *rest))
        except clip_file.READ_FAULTS:
            return
        writer.append_chunk(role, arrivals[index], chunk, mask)


def _head(part: Path, file: Any) -> ClipHead:
    if clip_file.HEAD not in file:
        raise UserMistake(f"{part}: is not the part of a clip; move it out of the session")
    where = f"{part}: /{clip_file.HEAD}"
    text = bytes(file[clip_file.HEAD][()]).decode()
    return ClipHead.from_fields(parse_json(text, where), where)


def _shape(dataset: Any) -> FrameShape:
    height, width, *colour = dataset.shape[1:]
    return FrameShape(height, width, 3 if colour else 1, dataset.dtype.name)


def _rows(file: Any, name: str) -> NDArray[np.void]:
    rows: NDArray[np.void] = file[name][()]
    return rows


def _judged(file: Any) -> tuple[NDArray[np.void], list[str]]:
    """Ledger and findings where the part was killed between its verdict and its name."""
    try:
        tail = ClipTail.model_validate_json(bytes(file[clip_file.TAIL][()]))
    except clip_file.READ_FAULTS:  # a ValidationError is a ValueError
        return np.zeros(0, LEDGER), ["recovered from a recording that was killed"]
    said = f"recovered from a clip that was killed while it was sealed as '{tail.verdict}'"
    return _rows(file, clip_file.LEDGER), [said, *tail.findings]


def _counts(stored: dict[Role, int], pulses: int) -> dict[str, int]:
    return {"pulses": pulses} | {f"{role}_frames": count for role, count in stored.items()}
