"""Protocol VDB-1 as code: which frames are scored, what a model is fed, how output is rounded.

Pure functions of lengths, arrays and a model; no file is in sight. The same in words:
``docs/reference/protocol-vdb-1.md``. A change of any number that comes out of here is a new
version of the protocol.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, cast, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from calibration.fidelity import SSIM_RADIUS_PX
from models.adaptor import CENTRE_DN, SCALE_DN, FrameAdaptor, restore_stream
from models.errors import ModelMistake
from models.streaming import Stream, Streamable

Frame = NDArray[np.uint8]
Mode = Literal["primary", "legacy-window", "legacy-patch"]

PROTOCOL = "VDB-1"
MODES: tuple[Mode, ...] = get_args(Mode)
MARGIN_FRAMES = 2
"""The primary set leaves out this many frames at each end, for every model alike."""

PSNR_CAP_DB = 100.0
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
            f"{length} frames; the primary set leaves out 2 at each end, "
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
            f"{length} frames; mode legacy-window runs windows of {WINDOW_FRAMES} "
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


def restore(
    model: Streamable | None, frames: Iterable[Frame], before: int = 0, after: int = 0
) -> Iterator[tuple[int, Frame]]:
    """Stream a whole sequence through a model from zero state, with copies at its ends.

    Parameters
    ----------
    model
        A model, or None for identity, which gives every frame back.
    frames
        (H, W, 3) uint8 RGB; padded by reflection to the model's multiple and cropped back.
    before, after
        Copies of the first and last frame; see `Pass`.

    Yields
    ------
    tuple of int and ndarray
        Index in the sequence as given, and the frame, (H, W, 3) uint8, half rounded up.

    Raises
    ------
    ModelMistake
        Where frames do not fit the model, are too few, or its output is not finite.
    """
    if model is None:
        yield from enumerate(frames)
        return
    for index, restored in restore_stream(model, _extended(frames, before, after), "none"):
        yield index - before, cast(Frame, restored.numpy())


def restore_windows(
    model: Streamable | None, read: Callable[[int], Frame], length: int
) -> Iterator[tuple[int, Frame]]:
    """Run windows of 20 frames as the released test code does.

    State is zero at each window's start, a frame that two windows give is kept as the first
    gave it, and values are truncated to uint8. Frames come in order, P to L - 1 - F.

    Parameters
    ----------
    model
        A model, or None for identity (P = F = 0).
    read
        Gives frame i, (H, W, 3) uint8 RGB; frames that two windows share are read twice.
    length
        L, frames of the sequence.
    """
    if model is None:
        yield from ((index, read(index)) for index in window_frames(length, 0, 0))
        return
    weight = next(cast(nn.Module, model).parameters())
    following = model.past
    for start in window_starts(length, model.past, model.future):
        stream = Stream(model)
        for index in range(start, start + WINDOW_FRAMES):
            picture = torch.from_numpy(read(index).copy())
            adaptor = FrameAdaptor(picture.shape[0], picture.shape[1], model.multiple)
            restored = stream.step(adaptor.encode(picture[None])[0].to(weight.device, weight.dtype))
            if restored is not None and index - model.future >= following:
                following = index - model.future + 1
                cropped = restored[0, :, : adaptor.height, : adaptor.width]
                yield index - model.future, truncate(cropped)


def truncate(planes: Tensor) -> Frame:
    """Map (3, H, W) in [-0.5, 0.5] to (H, W, 3) uint8 by cutting the fraction off.

    The released test code's way; it costs 0.02 dB at 31 dB and 0.16 dB at 40 dB.

    Raises
    ------
    ModelMistake
        If a value is not a number.
    """
    if not torch.isfinite(planes).all():
        raise ModelMistake("the model's output is not finite; its weights have diverged")
    values = (planes.to(torch.float32) * SCALE_DN + CENTRE_DN).clamp(0.0, SCALE_DN)
    return cast(Frame, values.to(torch.uint8).permute(1, 2, 0).contiguous().cpu().numpy())


def _extended(frames: Iterable[Frame], before: int, after: int) -> Iterator[Frame]:
    last: Frame | None = None
    for frame in frames:
        if last is None:
            yield from (frame for _ in range(before))
        last = frame
        yield frame
    if last is not None:
        yield from (last for _ in range(after))
