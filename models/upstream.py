"""Published ESTRNN checkpoints to our state dicts, and back.

Theirs were trained on frames in BGR order, normalised as ours, (I - 127.5) / 255. Only the
first and the last convolution see colour, so swapping their channels once makes the model RGB.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from models.errors import ModelMistake
from models.estrnn import Estrnn, EstrnnConfig

PREFIX = "module.model."
_FIRST = "cell.F_B0.weight"
_LAST = ("recons.model.2.weight", "recons.model.2.bias")


def from_upstream(
    checkpoint: Mapping[str, Any], *, past: int, future: int, activation: str = "gelu"
) -> tuple[EstrnnConfig, dict[str, Tensor]]:
    """Map a loaded upstream checkpoint to a configuration and a state dict for `Estrnn`.

    Parameters
    ----------
    checkpoint
        The dictionary that was saved, with its ``state_dict``, or that state dict alone; keys
        with or without ``module.model.``.
    past, future
        P and F. Weights tell only their sum; released ones are 2 and 2.
    activation
        Weights do not tell it either; released ones use ``gelu``.

    Returns
    -------
    tuple of EstrnnConfig and dict
        Blocks and channels read from the shapes; tensors are copies, in RGB order.

    Raises
    ------
    ModelMistake
        If keys or shapes are not those of an ESTRNN of this past and future.
    """
    state = _bare(checkpoint)
    config = _config(state, past, future, activation)
    _check(config, state)
    return config, _swap_colours(state)


def to_upstream(config: EstrnnConfig, state: Mapping[str, Tensor]) -> dict[str, dict[str, Tensor]]:
    """Map our state dict to upstream's layout, ``{"state_dict": {"module.model...": tensor}}``.

    Raises
    ------
    ModelMistake
        If the model adds the centre frame, which upstream's form cannot, or keys do not fit.
    """
    if config.skip != "none":
        raise ModelMistake(f"estrnn: upstream has no skip '{config.skip}'; only 'none' can be sent")
    _check(config, state)
    return {"state_dict": {PREFIX + key: value for key, value in _swap_colours(state).items()}}


def _bare(checkpoint: Mapping[str, Any]) -> dict[str, Tensor]:
    inner = checkpoint.get("state_dict", checkpoint)
    if not isinstance(inner, Mapping):
        raise ModelMistake("checkpoint: 'state_dict' is not a mapping; give a saved state dict")
    state = {}
    for key, value in inner.items():
        if not isinstance(value, Tensor):
            raise ModelMistake(f"checkpoint: '{key}' is not a tensor; give a saved state dict")
        state[str(key).removeprefix("module.").removeprefix("model.")] = value
    return state


def _config(state: Mapping[str, Tensor], past: int, future: int, activation: str) -> EstrnnConfig:
    shapes = []
    for key in (_FIRST, "cell.F_R.conv1x1.weight", "recons.model.0.weight"):
        if key not in state or state[key].dim() != 4:
            raise ModelMistake(f"checkpoint: no weight '{key}'; this is not an ESTRNN")
        shapes.append(state[key].shape)
    first, fuse, up = shapes
    channels = 5 * first[0]
    window = up[0] // channels
    if window != past + future + 1:
        raise ModelMistake(
            f"checkpoint: weights look at {window} frames, past {past} and future {future} at "
            f"{past + future + 1}; give a past and future that sum to {window - 1}"
        )
    return EstrnnConfig(
        blocks=fuse[1] // channels,
        channels=channels,
        future=future,
        past=past,
        activation=activation,
    )


def _check(config: EstrnnConfig, state: Mapping[str, Tensor]) -> None:
    with torch.device("meta"):
        expected = {key: value.shape for key, value in Estrnn(config).state_dict().items()}
    for key in sorted(expected.keys() ^ state.keys()):
        what = "lacks" if key in expected else "has an unknown"
        raise ModelMistake(
            f"checkpoint: {what} weight '{key}' for B{config.blocks}C{config.channels}"
        )
    for key, shape in expected.items():
        if state[key].shape != shape:
            raise ModelMistake(
                f"checkpoint: '{key}' is {tuple(state[key].shape)}, expected {tuple(shape)} "
                f"for B{config.blocks}C{config.channels}"
            )


def _swap_colours(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    swapped = {key: value.detach().clone() for key, value in state.items()}
    swapped[_FIRST] = swapped[_FIRST].flip(1)
    for key in _LAST:
        swapped[key] = swapped[key].flip(0)
    return swapped
