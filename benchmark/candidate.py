"""What is scored: a trained model with its papers, or identity, the blurry frame as it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from benchmark.checkpoint import load_model
from benchmark.result import IDENTITY, ModelFacts, TrainingSet
from bsd.errors import UserMistake
from models.streaming import Streamable


@dataclass(frozen=True)
class Candidate:
    """A model ready to be scored; `model` is None for identity.

    Attributes
    ----------
    checkpoint_sha256
        Hash of ``model.safetensors``; None where the weights come from no file.
    seed
        The seed that it was trained with; None where nothing was trained.
    """

    model: Streamable | None
    facts: ModelFacts
    checkpoint_sha256: str | None = None
    training_sets: tuple[TrainingSet, ...] = ()
    seed: int | None = None

    @classmethod
    def identity(cls) -> Candidate:
        """The blurry frame itself: the reference that every RESULT carries."""
        facts = ModelFacts(
            name=IDENTITY, config={}, skip=None, past=0, future=0, multiple=1, parameters=0
        )
        return cls(None, facts)

    @classmethod
    def of_module(
        cls, module: nn.Module, name: str, config: Mapping[str, Any], note: str = ""
    ) -> Candidate:
        """A module in memory, set to evaluation mode; it keeps its device and dtype.

        Raises
        ------
        UserMistake
            Where the module cannot be run frame by frame (`models.streaming.Streamable`).
        """
        if not isinstance(module, Streamable):
            raise UserMistake(
                f"model '{name}' has no streaming form (past, future, multiple, first_state, "
                "advance, restore; see models.streaming.Streamable), so it cannot be scored"
            )
        resolve = getattr(getattr(module, "config", None), "to_dict", None)
        if resolve is not None:  # with the fields that were left to their defaults
            config = resolve()
        skip = config.get("skip")
        facts = ModelFacts(
            name=name,
            config=dict(config),
            skip=None if skip is None else str(skip),
            past=module.past,
            future=module.future,
            multiple=module.multiple,
            parameters=sum(weight.numel() for weight in module.parameters()),
            note=note,
        )
        module.eval()
        return cls(module, facts)

    @classmethod
    def load(cls, folder: Path) -> Candidate:
        """Read ``model.safetensors`` and ``model.json`` of a RUN's folder.

        Raises
        ------
        UserMistake
            Where the folder or one of the files is missing, damaged or does not fit.
        """
        module, card, sha256 = load_model(folder)
        bare = cls.of_module(module, card.model, card.config, card.note)
        sets = tuple(TrainingSet(name=s.name, identity=s.identity) for s in card.training_sets)
        return cls(bare.model, bare.facts, sha256, sets, card.seed)
