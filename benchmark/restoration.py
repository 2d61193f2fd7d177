"""Runs a model over a sequence as protocol VDB-1 says: streamed, or in the released code's windows.

Arrays and a model; no file is in sight.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from benchmark.protocol import WINDOW_FRAMES, window_frames, window_starts
from models.adaptor import CENTRE_DN, SCALE_DN, FrameAdaptor, restore_stream
from models.errors import ModelMistake
from models.streaming import Stream, Streamable

Frame = NDArray[np.uint8]


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
        Copies of the first and last frame; see `benchmark.protocol.Pass`.

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
