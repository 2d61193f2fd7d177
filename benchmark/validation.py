"""How well a model in training does on the valid split: a cheap, fixed part of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np
import torch
from torch import nn

from benchmark.cache import CachedSequence, Frames
from benchmark.protocol import PSNR_CAP_DB
from benchmark.training_config import ValidationPlan
from calibration.fidelity import psnr
from models.adaptor import normalise, quantise


@dataclass(frozen=True)
class ValidationScore:
    """Mean PSNR over the frames looked at, of the model's and of the blurry ones, in dB."""

    psnr_db: float
    blurry_psnr_db: float
    frames: int

    @property
    def gain_db(self) -> float:
        """What the model adds to the blurry frames."""
        return self.psnr_db - self.blurry_psnr_db


@dataclass(frozen=True)
class Excerpt:
    """The part of one sequence that is looked at; `sharp` and `blurry` (T, H, W, 3) uint8."""

    blurry: Frames
    sharp: Frames


def choose_excerpts(
    sequences: Sequence[CachedSequence], plan: ValidationPlan, past: int, future: int, multiple: int
) -> tuple[Excerpt, ...]:
    """Middle frames and middle squares, of sequences spread evenly over those long enough.

    A crop is at most the frame, and its sides are multiples of `multiple`.
    """
    needed = past + future + 1
    frames = max(plan.frames, needed)
    fit = [one for one in sequences if len(one) >= needed]
    count = min(plan.sequences, len(fit))
    excerpts = []
    for place in np.linspace(0, len(fit) - 1, count).round().astype(int):
        one = fit[place]
        start = max(0, (len(one) - frames) // 2)
        height, width = (
            min(plan.crop_px, side) // multiple * multiple for side in one.blurry.shape[1:3]
        )
        if not height or not width:
            continue
        top, left = (one.blurry.shape[1] - height) // 2, (one.blurry.shape[2] - width) // 2
        part = (slice(start, start + frames), slice(top, top + height), slice(left, left + width))
        excerpts.append(Excerpt(one.blurry[part], one.sharp[part]))
    return tuple(excerpts)


def validate(
    module: nn.Module, excerpts: Sequence[Excerpt], past: int, device: torch.device
) -> ValidationScore:
    """Restore the excerpts from zero state and compare with the sharp frames.

    Output is rounded to uint8 first, as in a dataset. The module is left in training mode.

    Raises
    ------
    models.errors.ModelMistake
        The output is not finite.
    """
    ours: list[float] = []
    blurry: list[float] = []
    module.eval()
    with torch.no_grad():
        for excerpt in excerpts:
            pixels = torch.from_numpy(np.array(excerpt.blurry)).to(device)
            restored = quantise(module(normalise(pixels.permute(0, 3, 1, 2))[None])[0])
            frames = restored.permute(0, 2, 3, 1).contiguous().cpu().numpy()
            for index, frame in enumerate(frames, start=past):
                sharp = np.ascontiguousarray(excerpt.sharp[index])
                before = np.ascontiguousarray(excerpt.blurry[index])
                ours.append(psnr(frame, sharp, cap_db=PSNR_CAP_DB))
                blurry.append(psnr(before, sharp, cap_db=PSNR_CAP_DB))
    module.train()
    return ValidationScore(fmean(ours), fmean(blurry), len(ours))
