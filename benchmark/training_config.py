"""The settings of one training, ``config.yaml`` of a RUN."""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import Field

from benchmark.loss import Kind
from benchmark.result import TrainingSet
from bsd.document import Document, Part


class ModelChoice(Part):
    """A registered model and its own fields; fields left out take the model's defaults."""

    name: str = "estrnn"
    config: dict[str, Any] = Field(default_factory=dict)


class Sampling(Part):
    """One batch: `batch` crops of `crop_px` x `crop_px`, each over `frames` frames in a row."""

    crop_px: int = Field(default=256, ge=8)
    frames: int = Field(default=8, ge=1)
    batch: int = Field(default=8, ge=1)
    flips: bool = True


class Loss(Part):
    """`benchmark.loss`, on the frames that the model restores of a window."""

    kind: Kind = "charbonnier"
    epsilon: float = Field(default=1e-3, gt=0)


class Optimiser(Part):
    """Adam, the cosine of `benchmark.loss.cosine_lr`, and the limit of the gradient's norm."""

    lr: float = Field(default=5e-4, gt=0)
    eta_min: float = Field(default=1e-8, ge=0)
    betas: tuple[float, float] = (0.9, 0.999)
    epsilon: float = Field(default=1e-8, gt=0)
    clip_norm: float = Field(default=20.0, gt=0)


class ValidationPlan(Part):
    """Which part of the valid split is looked at, every how many iterations (0: never).

    The middle `frames` frames and the middle `crop_px` square of up to `sequences` sequences,
    spread evenly over the split.
    """

    every: int = Field(default=1000, ge=0)
    sequences: int = Field(default=8, ge=1)
    frames: int = Field(default=12, ge=1)
    crop_px: int = Field(default=256, ge=8)


class TrainConfig(Document):
    """Everything that decides a training's weights on one machine; defaults are the papers'.

    Attributes
    ----------
    training_sets
        Filled in from the datasets that the command names; what a given file says is replaced.
    iterations
        Length of the training and of its cosine. 500 epochs of the papers are about 350,000.
    channels_last
        Memory order of weights and frames; true is 1.2 to 1.35 times faster on a CPU.
    """

    format: Literal["bsd-train"] = "bsd-train"
    format_version: int = 1
    model: ModelChoice = ModelChoice()
    training_sets: tuple[TrainingSet, ...] = ()
    data: Sampling = Sampling()
    loss: Loss = Loss()
    optimiser: Optimiser = Optimiser()
    iterations: int = Field(default=350_000, ge=1)
    seed: int = Field(default=39, ge=0)
    channels_last: bool = True
    log_every: int = Field(default=50, ge=1)
    checkpoint_every: int = Field(default=1000, ge=1)
    validation: ValidationPlan = ValidationPlan()

    def with_model_config(self, config: dict[str, Any]) -> Self:
        """The same settings with the model's own fields written out."""
        model = self.model.model_copy(update={"config": config})
        return self.model_copy(update={"model": model})

    def with_training_sets(self, sets: tuple[TrainingSet, ...]) -> Self:
        """The same settings for these datasets."""
        return self.model_copy(update={"training_sets": sets})


def first_difference(old: TrainConfig, new: TrainConfig) -> str | None:
    """The first field in which two settings differ, as ``field: old, now new``; else None."""
    return _difference(old.model_dump(mode="json"), new.model_dump(mode="json"), "")


def _difference(old: object, new: object, name: str) -> str | None:
    if isinstance(old, dict) and isinstance(new, dict):
        for key in (*old, *(key for key in new if key not in old)):
            inner = f"{name}.{key}" if name else str(key)
            found = _difference(old.get(key), new.get(key), inner)
            if found is not None:
                return found
        return None
    if isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        return _difference(dict(enumerate(old)), dict(enumerate(new)), name)
    return None if old == new else f"{name}: {old!r}, now {new!r}"
