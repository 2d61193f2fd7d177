"""Frames as people have them (uint8 RGB, any size) to what a model takes, and back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Literal, cast, get_args

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from models.errors import ModelMistake
from models.streaming import Stream, Streamable

Boundary = Literal["none", "replicate"]
SCALE_DN = 255.0
CENTRE_DN = 127.5


def normalise(frames: Tensor) -> Tensor:
    """Map code values 0..255 to float32 (I - 127.5) / 255 in [-0.5, 0.5], any shape."""
    return (frames.to(torch.float32) - CENTRE_DN) / SCALE_DN


def quantise(x: Tensor) -> Tensor:
    """Map [-0.5, 0.5] to uint8, floor(255 clip(x + 0.5, 0, 1) + 0.5): half rounds up.

    Raises
    ------
    ModelMistake
        If a value is not a number; a cast would hide it as some grey.
    """
    if not torch.isfinite(x).all():
        raise ModelMistake("the model's output is not finite; its weights have diverged")
    unit = (x.to(torch.float32) + 0.5).clamp(0.0, 1.0)
    return torch.floor(unit * SCALE_DN + 0.5).to(torch.uint8)


class FrameAdaptor:
    """Frames of one size: normalised and padded for a model, cropped and rounded on return.

    Padding is by reflection on the right and at the bottom, up to the model's multiple, so
    frames keep their place.

    Parameters
    ----------
    height, width
        Size of the frames, px; any, odd ones too.
    multiple
        What the model's height and width must be multiples of, px.

    Raises
    ------
    ModelMistake
        If a side is too short to be reflected that far.
    """

    def __init__(self, height: int, width: int, multiple: int = 4) -> None:
        self.height, self.width = height, width
        self.pad_bottom, self.pad_right = -height % multiple, -width % multiple
        if height <= self.pad_bottom or width <= self.pad_right:
            raise ModelMistake(
                f"frames of {height}x{width} are too small to be padded by reflection to "
                f"multiples of {multiple}; give at least {multiple} px a side"
            )

    def encode(self, frames: Tensor) -> Tensor:
        """Map (T, H, W, 3) uint8 RGB to (1, T, 3, H', W') float32 in [-0.5, 0.5]."""
        expected = (self.height, self.width, 3)
        if frames.dtype != torch.uint8 or frames.dim() != 4 or frames.shape[1:] != expected:
            raise ModelMistake(
                f"frames are {tuple(frames.shape)} {frames.dtype}; "
                f"give (T, {self.height}, {self.width}, 3) torch.uint8"
            )
        planes = normalise(frames.permute(0, 3, 1, 2)).contiguous()
        if self.pad_bottom or self.pad_right:
            planes = pad(planes, (0, self.pad_right, 0, self.pad_bottom), mode="reflect")
        return planes[None]

    def decode(self, x: Tensor) -> Tensor:
        """Map (1, T, 3, H', W') in [-0.5, 0.5] to (T, H, W, 3) uint8 RGB of the first size."""
        padded = (3, self.height + self.pad_bottom, self.width + self.pad_right)
        if x.dim() != 5 or x.shape[0] != 1 or x.shape[2:] != padded:
            raise ModelMistake(
                f"restored frames are {tuple(x.shape)}; "
                f"expected (1, T, 3, {padded[1]}, {padded[2]})"
            )
        cropped = x[0, :, :, : self.height, : self.width]
        return quantise(cropped).permute(0, 2, 3, 1).contiguous()


def restore_stream(
    model: Streamable, frames: Iterable[Any], boundary: Boundary = "replicate"
) -> Iterator[tuple[int, Tensor]]:
    """Restore a sequence of L frames from zero state, frame by frame, in bounded memory.

    An output needs P frames before and F after it, so the ends need a rule:

    ``none``
        Nothing is made up. Frames P to L - 1 - F come out, the same as `forward` gives.
    ``replicate``
        The first frame is fed P more times before, the last F more times after; every frame
        0 to L - 1 comes out. The copies also run through the recurrent state, so inner frames
        differ from those of ``none``, most at the start. A RESULT names the rule.

    Parameters
    ----------
    model
        A `Streamable` module. It runs on the device and in the dtype of its parameters.
    frames
        (H, W, 3) uint8 RGB, tensors or arrays, all of one size.
    boundary
        Rule at the two ends.

    Yields
    ------
    tuple of int and Tensor
        Index t of the restored frame and the frame, (H, W, 3) uint8 RGB on the CPU.

    Raises
    ------
    ModelMistake
        If no frame comes, frames differ in size or kind, or too few come for an output.
    """
    if boundary not in get_args(Boundary):
        known = ", ".join(get_args(Boundary))
        raise ModelMistake(f"boundary is {boundary!r}; give one of {known}")
    # A generator of its own, so that a wrong rule is refused at the call and not at the first use.
    return _restored(model, frames, copies=boundary == "replicate")


def _restored(
    model: Streamable, frames: Iterable[Any], copies: bool
) -> Iterator[tuple[int, Tensor]]:
    before, after = (model.past, model.future) if copies else (0, 0)
    weight = next(cast(nn.Module, model).parameters())
    stream = Stream(model)
    adaptor: FrameAdaptor | None = None
    index = 0 if copies else model.past
    last: Tensor | None = None
    seen = produced = 0
    for frame in frames:
        picture = frame if isinstance(frame, Tensor) else torch.from_numpy(frame.copy())
        if adaptor is None:
            adaptor = _adaptor_for(picture, model.multiple)
        last = adaptor.encode(picture[None])[0].to(weight.device, weight.dtype)
        for _ in range(1 if seen else 1 + before):
            restored = stream.step(last)
            if restored is not None:
                yield index + produced, _finish(adaptor, restored)
                produced += 1
        seen += 1
    if adaptor is None or last is None:
        raise ModelMistake("the sequence has no frames; nothing to restore")
    for _ in range(after):
        restored = stream.step(last)
        if restored is not None:
            yield index + produced, _finish(adaptor, restored)
            produced += 1
    if not produced:
        raise ModelMistake(
            f"the sequence has {seen} frames; past {model.past} and future {model.future} need "
            f"at least {model.past + model.future + 1}, or boundary 'replicate'"
        )


def _adaptor_for(picture: Tensor, multiple: int) -> FrameAdaptor:
    if picture.dim() != 3:
        raise ModelMistake(f"a frame is {tuple(picture.shape)}; give (H, W, 3) uint8 RGB")
    return FrameAdaptor(picture.shape[0], picture.shape[1], multiple)


def _finish(adaptor: FrameAdaptor, restored: Tensor) -> Tensor:
    return adaptor.decode(restored[:, None])[0].cpu()
