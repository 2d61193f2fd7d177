"""What a restored frame costs: parameters, multiply-accumulates, latency, memory between frames.

Two counts of MACs stand side by side. *Exact* is what the arithmetic needs: convolutions and
matrix products, transposed convolutions by their input positions, no bias. *Legacy* is the rule
behind the figures that papers print, the counter thop 0.0.31 of December 2019.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from bsd.document import Part
from bsd.errors import UserMistake
from models.streaming import Stream, Streamable

EXACT_RULE = (
    "exact: multiply-accumulates of convolutions and matrix products per restored frame in "
    "steady-state streaming; transposed convolutions by input positions, no bias"
)
LEGACY_RULE = (
    "legacy: the papers' rule (thop 0.0.31, 2019) for the same frame; bias counted, transposed "
    "convolutions by output positions, LeakyReLU 1 and BatchNorm 4 per value, functional calls 0"
)


class Cost(Part):
    """Cost of one restored frame in steady-state streaming, batch 1.

    Attributes
    ----------
    height_px, width_px
        Size of the frame as the model sees it, padded to its multiple.
    parameters
        Trainable numbers.
    exact_macs, legacy_macs
        Multiply-accumulates by the two rules above.
    latency_frames
        Frames that must follow before a frame can be restored.
    state_bytes
        Bytes held between two frames in float32.
    """

    height_px: int
    width_px: int
    parameters: int
    exact_macs: int
    legacy_macs: int
    latency_frames: int
    state_bytes: int


def streaming_cost(model: nn.Module, height: int, width: int) -> Cost:
    """Count one restored frame in steady state, on shapes alone.

    The papers profile five frames at once, the outputs padded to five, and divide by five: that
    is one cell and one reconstruction, the same as one step in steady state.

    Parameters
    ----------
    model
        A `Streamable` module on the ``meta`` device (nothing is computed or allocated).
    height, width
        Size of the frames, px; padded up to the model's multiple.

    Raises
    ------
    UserMistake
        If the model cannot be run frame by frame, or the size is not positive.
    """
    if not isinstance(model, Streamable):
        raise UserMistake(f"{type(model).__name__} cannot run frame by frame; nothing to count")
    if height < 1 or width < 1:
        raise UserMistake(f"size {height}x{width}: give a height and a width of at least 1 px")
    multiple = model.multiple
    height, width = height + -height % multiple, width + -width % multiple
    frame = torch.empty(1, 3, height, width, device="meta")
    stream = Stream(model)
    for _ in range(model.past + model.future):
        stream.step(frame)
    dispatched = FlopCounterMode(display=False)
    with legacy_count(model) as legacy, dispatched:
        stream.step(frame)
    return Cost(
        height_px=height,
        width_px=width,
        parameters=sum(parameter.numel() for parameter in model.parameters()),
        exact_macs=dispatched.get_total_flops() // 2,
        legacy_macs=sum(legacy),
        latency_frames=model.future,
        state_bytes=stream.state_bytes,
    )


@contextmanager
def legacy_count(model: nn.Module) -> Iterator[list[int]]:
    """Collect the legacy counts of every layer that is called inside the block.

    Yields
    ------
    list of int
        One entry a call, in the order of the calls; their sum is the papers' MACs.

    Raises
    ------
    UserMistake
        If a layer with weights of its own has no rule: its cost would pass as 0.
    """
    counts: list[int] = []
    hooks = []
    for name, layer in model.named_modules():
        rule = _legacy_rule(layer)
        if rule is not None:
            hooks.append(layer.register_forward_hook(_collector(rule, counts)))
        elif any(True for _ in layer.parameters(recurse=False)):
            raise UserMistake(f"layer '{name}' ({type(layer).__name__}) has no legacy count rule")
    try:
        yield counts
    finally:
        for hook in hooks:
            hook.remove()


_Rule = Callable[[Any, Tensor], int]


def _collector(rule: _Rule, counts: list[int]) -> Callable[[nn.Module, Any, Any], None]:
    def collect(layer: nn.Module, _inputs: Any, output: Any) -> None:
        counts.append(rule(layer, cast(Tensor, output)))

    return collect


def _convolution(layer: nn.modules.conv._ConvNd, output: Tensor) -> int:
    # Transposed ones too: by output positions, which is four times the truth at stride 2.
    taps = torch.Size(layer.kernel_size).numel() * layer.in_channels // layer.groups
    return output.numel() * (taps + (layer.bias is not None))


def _linear(layer: nn.Linear, output: Tensor) -> int:
    return output.numel() * layer.in_features


def _batch_norm(_layer: nn.Module, output: Tensor) -> int:
    return 4 * output.numel()


def _leaky_relu(_layer: nn.Module, output: Tensor) -> int:
    return output.numel()


_LEGACY_RULES: tuple[tuple[type[nn.Module], _Rule], ...] = (
    (nn.modules.conv._ConvNd, _convolution),
    (nn.Linear, _linear),
    (nn.modules.batchnorm._BatchNorm, _batch_norm),
    (nn.LeakyReLU, _leaky_relu),
)


def _legacy_rule(layer: nn.Module) -> _Rule | None:
    return next((rule for kind, rule in _LEGACY_RULES if isinstance(layer, kind)), None)
