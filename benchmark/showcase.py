"""Which scored frames a report shows, and their pictures: never only the best ones."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

import numpy as np
from numpy.typing import NDArray

from benchmark.protocol import PSNR_CAP_DB, primary_frames
from benchmark.result import FrameScore, Result, SequenceScore
from bsd.errors import UserMistake
from bsd.page import Comparison, Picture, cell_text
from calibration.fidelity import psnr
from dataset.png import decode_png, encode_png
from dataset.tree import SequenceFiles, Tree

_PSNR_TOLERANCE_DB = 1e-6


@dataclass(frozen=True)
class Choice:
    """One frame to show.

    Attributes
    ----------
    rank
        Place of its sequence by mean gain, 1 is best.
    restored, blurry
        Scores of the frame.
    of_frames
        Frames that it is the median of, by gain.
    """

    rank: int
    of_frames: int
    sequence: SequenceScore
    restored: FrameScore
    blurry: FrameScore


def mean_gain_db(sequence: SequenceScore) -> float:
    """PSNR gain of a sequence over its blurry frames, mean of its scored frames, dB."""
    pairs = zip(sequence.frames, sequence.identity, strict=True)
    return fmean(ours.psnr_db - theirs.psnr_db for ours, theirs in pairs)


def ranked(result: Result) -> list[SequenceScore]:
    """Sequences by mean gain, best first; equal gains by name."""
    return sorted(result.sequences, key=lambda s: (-mean_gain_db(s), s.name))


def choose(
    result: Result, kept: Mapping[str, Collection[int]] | None, count: int
) -> tuple[Choice, ...]:
    """Sequences at even steps from the best to the worst; of each the frame of median gain.

    Parameters
    ----------
    result
        Scores; ranks are among all of its sequences.
    kept
        For each sequence's name the frames whose restored picture is at hand; None: show any.
    count
        How many; the best, the middle and the worst are in from three on.
    """
    at_hand = []
    for rank, sequence in enumerate(ranked(result), start=1):
        pairs = list(zip(sequence.frames, sequence.identity, strict=True))
        if kept is not None:
            pairs = [pair for pair in pairs if pair[0].index in kept.get(sequence.name, ())]
        if pairs:
            pairs.sort(key=lambda pair: (pair[0].psnr_db - pair[1].psnr_db, pair[0].index))
            at_hand.append(Choice(rank, len(pairs), sequence, *pairs[(len(pairs) - 1) // 2]))
    return tuple(at_hand[place] for place in _even(len(at_hand), count))


def frames_to_keep(lengths: Mapping[str, int], each: int) -> frozenset[tuple[str, int]]:
    """Frames for evaluate to keep before any score is known: evenly spread in every sequence.

    Parameters
    ----------
    lengths
        For each sequence's name its number of frames L; [2, L - 3] are scored.
    each
        How many of each sequence.
    """
    return frozenset(
        (name, primary_frames(length)[place])
        for name, length in lengths.items()
        for place in _even(len(primary_frames(length)), each)
    )


def kept_frames(folder: Path) -> dict[str, tuple[int, ...]]:
    """Restored frames below ``FOLDER/SEQUENCE/00000000.png``: for each sequence their indices.

    Raises
    ------
    UserMistake
        No such folder, or nothing in it that looks like a restored frame.
    """
    if not folder.is_dir():
        raise UserMistake(f"{folder}: no such folder; give the one evaluate kept its frames in")
    found: dict[str, tuple[int, ...]] = {}
    for path in sorted(folder.glob("*/*.png")):
        if path.stem.isdecimal():
            found[path.parent.name] = (*found.get(path.parent.name, ()), int(path.stem))
    if not found:
        raise UserMistake(
            f"{folder}: holds no SEQUENCE/00000000.png; give the folder of evaluate's --keep-frames"
        )
    return found


def comparisons(
    result: Result, tree: Tree, frames: Path | None, count: int
) -> tuple[Comparison, ...]:
    """Sliders of blurry, restored (where kept) and sharp pictures, best sequence first.

    Parameters
    ----------
    result
        Scores of the split of `tree` that it names.
    tree
        The test set itself.
    frames
        Folder of restored frames, or None: blurry and sharp only.
    count
        How many to show.

    Raises
    ------
    UserMistake
        A sequence or frame that the tree lacks, or a restored frame that is not the scored one.
    """
    split = result.test_set.split
    files = {each.name: each for each in tree.all_sequences() if each.split == split}
    kept = None if frames is None else kept_frames(frames)
    shown = []
    for choice in choose(result, kept, count):
        name, index = choice.sequence.name, choice.restored.index
        if name not in files or index >= len(files[name]):
            raise UserMistake(
                f"{tree.root}: split {split} has no frame {index} of sequence"
                f" {name}; give the test set that the result was made on"
            )
        path = None if frames is None else frames / name / f"{index:08d}.png"
        shown.append(_comparison(result, choice, files[name], path))
    return tuple(shown)


def _comparison(
    result: Result, choice: Choice, files: SequenceFiles, restored: Path | None
) -> Comparison:
    index = choice.restored.index
    # Read and encoded anew, not copied: reading checks a frame against the manifest.
    blurry, sharp = files.read_blurry(index), files.read_sharp(index)
    pictures = [Picture("blurry", encode_png(blurry), _db(choice.blurry.psnr_db))]
    if restored is not None:
        content = restored.read_bytes()
        _check_is_scored(result, choice, content, sharp, restored)
        pictures.append(Picture("restored", content, _db(choice.restored.psnr_db)))
    pictures.append(Picture("sharp", encode_png(sharp)))
    return Comparison(pictures, caption=_caption(choice, len(result.sequences)))


def _check_is_scored(
    result: Result, choice: Choice, content: bytes, sharp: NDArray[np.uint8], path: Path
) -> None:
    """Refuse a picture of another run: its PSNR must be the one in the result."""
    restored = decode_png(content, str(path))
    if restored.shape != sharp.shape:
        raise UserMistake(
            f"{path}: is {restored.shape[1]}x{restored.shape[0]} px, the test set's frames are"
            f" {sharp.shape[1]}x{sharp.shape[0]}; these frames are of another run"
        )
    if result.mode == "legacy-patch":  # scores are of random patches, not of whole frames
        return
    value = psnr(restored, sharp, cap_db=PSNR_CAP_DB)
    if abs(value - choice.restored.psnr_db) > _PSNR_TOLERANCE_DB:
        raise UserMistake(
            f"{path}: its PSNR is {value:.3f} dB, the result says"
            f" {choice.restored.psnr_db:.3f} dB; these frames are of another run"
        )


def _caption(choice: Choice, of: int) -> str:
    sequence = choice.sequence
    word = {1: "best of", of: "worst of"}.get(choice.rank, f"rank {choice.rank} of")
    place = f"{word} {of} by mean gain" if of > 1 else "the only one"
    scene = f" (scene {sequence.scene})" if sequence.scene else ""
    some = choice.of_frames < len(sequence.frames)
    chosen = f", median of {choice.of_frames} {'kept ' if some else ''}frames by gain"
    frame_gain = choice.restored.psnr_db - choice.blurry.psnr_db
    return (
        f"Sequence {sequence.name}{scene}, {place}: {cell_text(mean_gain_db(sequence), '+.2f')} dB."
        f" Frame {choice.restored.index}{chosen}: {cell_text(frame_gain, '+.2f')} dB."
    )


def _db(value: float) -> str:
    return f"{value:.2f} dB"


def _even(available: int, count: int) -> Sequence[int]:
    """Places at even steps, first and last among them; all where there are no more."""
    if available <= count:
        return range(available)
    if count == 1:
        return [available // 2]
    return [round(step * (available - 1) / (count - 1)) for step in range(count)]
