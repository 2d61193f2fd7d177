"""One model in training: fresh weights from a seed, and iterations that a seed decides."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from benchmark.cache import CachedSequence, Frames
from benchmark.loss import by_kind, cosine_lr
from benchmark.sampler import CropSampler
from benchmark.training_config import TrainConfig
from bsd.errors import FoundBad, UserMistake
from models.adaptor import normalise
from models.errors import ModelMistake
from models.registry import create


def resolve(config: TrainConfig) -> TrainConfig:
    """The same settings with every field of the model's configuration written out.

    Raises
    ------
    UserMistake
        An unknown model, or a configuration, window or crop that does not fit it.
    """
    try:
        with torch.device("meta"):
            module = create(config.model.name, config.model.config)
    except ModelMistake as error:
        raise UserMistake(f"model: {error}") from error
    past, future, multiple = _context(module)
    if config.data.frames < past + future + 1:
        raise UserMistake(
            f"data.frames: {config.data.frames}, past {past} and future {future} need at least"
            f" {past + future + 1}"
        )
    if config.data.crop_px % multiple:
        raise UserMistake(
            f"data.crop_px: {config.data.crop_px} is not a multiple of the model's {multiple}"
        )
    return config.with_model_config(_plain_config(module, config))


def _context(module: nn.Module) -> tuple[int, int, int]:
    """Past frames, future frames and the multiple of height and width."""
    known = cast(Any, module)
    return int(known.past), int(known.future), int(known.multiple)


def _plain_config(module: nn.Module, config: TrainConfig) -> dict[str, Any]:
    own: Any = getattr(module, "config", None)
    return dict(own.to_dict()) if hasattr(own, "to_dict") else config.model.config


class Trainer:
    """Weights, optimiser and samples: one call of `step` per iteration.

    Parameters
    ----------
    config
        Resolved settings.
    sequences
        Of the training sets.
    device
        Where the model runs; frames travel as uint8.
    """

    def __init__(
        self, config: TrainConfig, sequences: Sequence[CachedSequence], device: torch.device
    ) -> None:
        self.config, self.device = config, device
        seed_torch(config.seed, 0)
        self.module = create(config.model.name, config.model.config).to(device)
        if config.channels_last:
            # torch's own stub leaves out the one form that only reorders.
            cast(Any, self.module).to(memory_format=torch.channels_last)
        self.module.train()
        self.past, self.future, self.multiple = _context(self.module)
        settings = config.optimiser
        self.optimiser = torch.optim.Adam(
            self.module.parameters(), lr=settings.lr, betas=settings.betas, eps=settings.epsilon
        )
        self.loss = by_kind(config.loss.kind, config.loss.epsilon)
        data = config.data
        self.sampler = CropSampler(
            sequences,
            data.frames,
            data.crop_px,
            data.batch,
            config.seed,
            self.past,
            self.future,
            data.flips,
        )

    def learning_rate(self, iteration: int) -> float:
        """Learning rate of an iteration, from 1 on."""
        settings = self.config.optimiser
        return cosine_lr(iteration, self.config.iterations, settings.lr, settings.eta_min)

    def step(self, iteration: int) -> tuple[float, float]:
        """Run one iteration; returns its loss and the gradient's norm before clipping.

        Raises
        ------
        FoundBad
            Loss or gradient is not finite; the weights are still those of the iteration before.
        """
        seed_torch(self.config.seed, iteration)
        for group in self.optimiser.param_groups:
            group["lr"] = self.learning_rate(iteration)
        batch = self.sampler.load(iteration)
        restored = self.module(self._planes(batch.blurry))
        sharp = self._planes(batch.sharp)
        if restored.shape != sharp.shape:  # broadcasting would hide it
            raise UserMistake(
                f"model '{self.config.model.name}' restores {tuple(restored.shape)} from such a"
                f" window, expected {tuple(sharp.shape)}: all but past and future frames"
            )
        loss = self.loss(restored, sharp)
        self.optimiser.zero_grad(set_to_none=True)
        cast(Any, loss).backward()
        norm = nn.utils.clip_grad_norm_(self.module.parameters(), self.config.optimiser.clip_norm)
        values = (float(loss.detach()), float(norm))
        if not all(math.isfinite(value) for value in values):
            raise FoundBad(
                f"iteration {iteration}: loss {values[0]}, gradient norm {values[1]}: the training"
                " has diverged; begin another RUN with a smaller optimiser.lr"
                f" (it is {self.config.optimiser.lr:g})"
            )
        self.optimiser.step()
        return values

    def _planes(self, frames: Frames) -> Tensor:
        """(N, T, H, W, 3) uint8 to (N, T, 3, H, W) float32, stored in the model's order."""
        planes = normalise(torch.from_numpy(frames).to(self.device).permute(0, 1, 4, 2, 3))
        return planes if self.config.channels_last else planes.contiguous()


def seed_torch(seed: int, iteration: int) -> None:
    """Seed torch for an iteration (0: fresh weights), so that no generator's state is saved."""
    sequence = np.random.SeedSequence([seed, iteration], spawn_key=(1,))
    torch.manual_seed(int(sequence.generate_state(1, np.uint64)[0] >> np.uint64(1)))


@contextmanager
def reproducible() -> Iterator[None]:
    """Let torch use algorithms only that give the same bits twice, where it has them."""
    before = torch.are_deterministic_algorithms_enabled()
    warn_only = torch.is_deterministic_algorithms_warn_only_enabled()
    torch.use_deterministic_algorithms(True, warn_only=torch.cuda.is_available())
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before, warn_only=warn_only)
