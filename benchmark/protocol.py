"""Protocol VDB-1 as code: which frames and patches are scored, and what a model is fed.

Pure functions of lengths and numbers; `benchmark.restoration` runs a model by them. The same in
words: ``docs/reference/protocol-vdb-1.md``. A change of any number that comes out of either is a
new version of the protocol.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from bsd.phrase import counted
from calibration.fidelity import SSIM_RADIUS_PX

Version = Literal["VDB-1"]
Mode = Literal["primary", "legacy-window", "legacy-patch"]

PROTOCOL: Version = get_args(Version)[0]
MODES: tuple[Mode, ...] = get_args(Mode)
MARGIN_FRAMES = 2
"""The primary set leaves out this many frames at each end, for every model alike."""

PSNR_CAP_DB = 100.0
"""PSNR of equal frames, and the most that any frame counts."""

WINDOW_FRAMES = 20
PATCH_PX = 256
PATCH_SEEDS = 20
"""Random crops are drawn for at least this many seeds, so that their spread is known."""


@dataclass(frozen=True)
class PatchRule:
    """Random patches of mode legacy-patch: their side, and seeds 0 to `seeds` - 1."""

    patch_px: int = PATCH_PX
    seeds: int = PATCH_SEEDS


class ProtocolMistake(ValueError):
    """A sequence, frame size or model that a mode of the protocol cannot score."""


@dataclass(frozen=True)
class Pass:
    """One run of a model over a sequence from zero state.

    Attributes
    ----------
    before, after
        Copies of the first frame fed ahead of it, and of the last frame behind it.
    frames
        Indices that are scored, 0-based in the sequence as it is on disk.
    """

    before: int
    after: int
    frames: range


def primary_frames(length: int) -> range:
    """The primary score set [2, L - 3] of a sequence of L frames.

    Raises
    ------
    ProtocolMistake
        Where no frame would be left.
    """
    least = 2 * MARGIN_FRAMES + 1
    if length < least:
        raise ProtocolMistake(
            f"{counted(length, 'frame')}; the primary set leaves out 2 at each end, "
            f"at least {least} are needed"
        )
    return range(MARGIN_FRAMES, length - MARGIN_FRAMES)


def primary_pass(length: int, past: int, future: int) -> Pass:
    """How the primary set is restored.

    A model of P <= 2 and F <= 2 sees the sequence and nothing else. One that needs more is fed
    P - 2 copies of the first frame ahead and F - 2 of the last behind, the fewest that give it
    every frame of the set.
    """
    before, after = max(0, past - MARGIN_FRAMES), max(0, future - MARGIN_FRAMES)
    return Pass(before, after, primary_frames(length))


def all_frames_pass(length: int, past: int, future: int) -> Pass:
    """How the secondary set, every frame, is restored: P copies ahead and F behind.

    The copies ahead run through the recurrent state too, so this is a run of its own, and its
    frames [2, L - 3] are not those of `primary_pass` for a model with P > 0.
    """
    return Pass(past, future, range(length))


def window_starts(length: int, past: int, future: int) -> list[int]:
    """First frames of the released test code's windows of 20, with stride 20 - P - F.

    The last window is moved back so that it ends with the sequence.

    Raises
    ------
    ProtocolMistake
        Where the sequence is shorter than a window, or the model's context fills a window.
    """
    stride = WINDOW_FRAMES - past - future
    if stride < 1:
        raise ProtocolMistake(
            f"past {past} and future {future} leave nothing of a window of "
            f"{WINDOW_FRAMES} frames; mode legacy-window cannot score this model"
        )
    if length < WINDOW_FRAMES:
        raise ProtocolMistake(
            f"{counted(length, 'frame')}; mode legacy-window runs windows of {WINDOW_FRAMES} "
            "and cannot score a shorter sequence, mode primary can"
        )
    starts = list(range(0, length - WINDOW_FRAMES + 1, stride))
    if starts[-1] + WINDOW_FRAMES < length:
        starts.append(length - WINDOW_FRAMES)
    return starts


def window_frames(length: int, past: int, future: int) -> range:
    """Frames [P, L - 1 - F] that the windows give: 146 of 150 for P = F = 2."""
    window_starts(length, past, future)
    return range(past, length - future)


def scored_frames(mode: Mode, length: int, past: int, future: int) -> range:
    """Frames of a sequence that a mode scores.

    Raises
    ------
    ProtocolMistake
        Where the sequence is too short for the mode.
    """
    if mode == "legacy-window":
        return window_frames(length, past, future)
    return primary_frames(length)


def check_size(mode: Mode, height: int, width: int, patch_px: int = PATCH_PX) -> None:
    """Refuse frames that the mode cannot score.

    Raises
    ------
    ProtocolMistake
        Where a side is shorter than SSIM's window or, in mode legacy-patch, than the patch.
    """
    least = 2 * SSIM_RADIUS_PX + 1
    if mode == "legacy-patch" and patch_px < least:
        raise ProtocolMistake(f"patches of {patch_px} px; SSIM needs at least {least} px a side")
    if min(height, width) < least:
        raise ProtocolMistake(
            f"frames of {width}x{height} px; SSIM needs at least {least} px a side"
        )
    if mode == "legacy-patch" and min(height, width) < patch_px:
        raise ProtocolMistake(
            f"frames of {width}x{height} px are smaller than a patch of {patch_px} px; give "
            f"--patch-px {min(height, width)} or less (the papers have {PATCH_PX})"
        )


def patch_corner(
    seed: int, scene: int, frame: int, height: int, width: int, patch_px: int = PATCH_PX
) -> tuple[int, int]:
    """Top row and left column of a random patch, from ``SeedSequence([seed, scene, frame])``.

    Every place is equally likely; the row is drawn first.
    """
    generator = np.random.default_rng(np.random.SeedSequence([seed, scene, frame]))
    row = int(generator.integers(0, height - patch_px, endpoint=True))
    return row, int(generator.integers(0, width - patch_px, endpoint=True))
