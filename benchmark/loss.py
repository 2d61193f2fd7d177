"""What training minimises: one number for how far restored frames are from the sharp ones."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor

Kind = Literal["charbonnier", "mse", "l1"]
COLOUR_AXIS = 2


def charbonnier(restored: Tensor, sharp: Tensor, epsilon: float = 1e-3) -> Tensor:
    """Charbonnier distance with the colours' mean inside the root.

    ``mean over n, t, h, w of sqrt(mean over c of (restored - sharp)^2 + epsilon^2)``: the form
    of ESTRNN's released training code on BSD (IJCV 2022 names the loss, not where the mean is).

    Parameters
    ----------
    restored, sharp
        (N, T, 3, H, W), float, in [-0.5, 0.5] and not clamped.
    epsilon
        Where the distance turns from square to linear, in units of the frames' range.

    Returns
    -------
    Tensor
        A scalar of at least `epsilon`.
    """
    squares = (restored - sharp).square().mean(dim=COLOUR_AXIS)
    return torch.sqrt(squares + epsilon * epsilon).mean()


def mse(restored: Tensor, sharp: Tensor) -> Tensor:
    """Mean squared difference, a scalar; shapes as in `charbonnier`."""
    return (restored - sharp).square().mean()


def l1(restored: Tensor, sharp: Tensor) -> Tensor:
    """Mean absolute difference, a scalar; shapes as in `charbonnier`."""
    return (restored - sharp).abs().mean()


def by_kind(kind: Kind, epsilon: float) -> Callable[[Tensor, Tensor], Tensor]:
    """The loss that a configuration names, as a function of (restored, sharp)."""
    if kind == "charbonnier":
        return lambda restored, sharp: charbonnier(restored, sharp, epsilon)
    return mse if kind == "mse" else l1


def cosine_lr(iteration: int, iterations: int, lr: float, eta_min: float) -> float:
    """Learning rate of iteration 1..iterations: half a cosine from `lr` down towards `eta_min`.

    ``eta_min + (lr - eta_min) (1 + cos(pi (i - 1) / iterations)) / 2``, SGDR (Loshchilov and
    Hutter, ICLR 2017) equation 5 without restarts. A function of the iteration alone, so a
    resumed training needs no scheduler's state.
    """
    phase = math.pi * (iteration - 1) / iterations
    return eta_min + (lr - eta_min) * (1.0 + math.cos(phase)) / 2.0
