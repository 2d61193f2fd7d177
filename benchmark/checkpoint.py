"""Weights on disk: ``model.safetensors`` and ``model.json`` beside it. Never a pickle of ours."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor, nn

from benchmark.result import TrainingSet
from bsd.document import Document, write_bytes
from bsd.errors import UserMistake
from bsd.provenance import sha256_bytes, toolkit_version
from models.errors import ModelMistake
from models.registry import create
from models.upstream import from_upstream

WEIGHTS_NAME = "model.safetensors"
CARD_NAME = "model.json"
_NAMED_FAULTS = 3
_PICKLE_STARTS = (b"PK\x03\x04", b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")

# What torch's restricted reader raises, depending on where a foreign file stops making sense.
_UNREADABLE = (
    pickle.UnpicklingError,
    RuntimeError,
    EOFError,
    LookupError,
    ValueError,
    TypeError,
    AttributeError,
)


class ModelCard(Document):
    """Where weights come from, and what to build before they can be loaded.

    Attributes
    ----------
    model, config
        Name in `models.registry` and the model's own fields.
    seed
        Of the training; None where it is not known.
    training_sets
        Every dataset that the weights have seen; empty where that is not known.
    iterations
        Of the training; 0 where it is not known.
    train_config_sha256
        `bsd.provenance.sha256_document` of the training's settings; empty where not known.
    weights_sha256
        SHA-256 of ``model.safetensors``, filled in by `save_model`.
    """

    format: Literal["bsd-model"] = "bsd-model"
    format_version: int = 1
    model: str
    config: dict[str, Any]
    seed: int | None = None
    training_sets: tuple[TrainingSet, ...] = ()
    iterations: int = 0
    train_config_sha256: str = ""
    toolkit: str = ""
    note: str = ""
    weights_sha256: str = ""


def tensors_to_bytes(tensors: Mapping[str, Tensor]) -> bytes:
    """Tensors as the bytes of a safetensors file: the same tensors give the same bytes."""
    plain = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
    # Weights that a model uses under two names would be refused: each name gets its own copy.
    return safetensors.torch.save({name: value.clone() for name, value in plain.items()})


def read_tensors(path: Path) -> tuple[dict[str, Tensor], str]:
    """Tensors of a safetensors file and the file's SHA-256.

    Raises
    ------
    UserMistake
        No such file, a pickled checkpoint under a wrong name, or a damaged file.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise UserMistake(f"{path}: no such file; a model is a folder with {WEIGHTS_NAME}") from (
            error
        )
    try:
        return safetensors.torch.load(content), sha256_bytes(content)
    except SafetensorError as error:
        if content.startswith(_PICKLE_STARTS):
            raise UserMistake(
                f"{path}: is a pickled checkpoint, not safetensors; pickles can run code, so only"
                " benchmark.checkpoint.import_upstream reads them, and their numbers alone"
            ) from error
        raise UserMistake(f"{path}: not a safetensors file, or damaged ({error})") from error


def save_model(folder: Path, module: nn.Module, card: ModelCard) -> ModelCard:
    """Write weights and card, each atomically, the card last; returns the card as written."""
    content = tensors_to_bytes(module.state_dict())
    written = card.model_copy(update={"weights_sha256": sha256_bytes(content)})
    folder.mkdir(parents=True, exist_ok=True)
    write_bytes(folder / WEIGHTS_NAME, content)
    written.write(folder / CARD_NAME)
    return written


def load_model(folder: Path) -> tuple[nn.Module, ModelCard, str]:
    """Build the model that a folder describes, with its weights, in evaluation mode on the CPU.

    Returns
    -------
    tuple of Module, ModelCard and str
        The last is the SHA-256 of ``model.safetensors``.

    Raises
    ------
    UserMistake
        A file is missing or damaged, the model is unknown here, or the weights are not those of
        the card or of this model; the first names that differ are given.
    """
    if not folder.is_dir():
        raise UserMistake(f"{folder}: no such folder; give a folder with {CARD_NAME}")
    card = ModelCard.read(folder / CARD_NAME)
    try:
        with torch.device("meta"):  # shapes alone: a card must not make us ask for memory
            expected = create(card.model, card.config).state_dict()
    except ModelMistake as error:
        raise UserMistake(f"{folder / CARD_NAME}: {error}") from error
    path = folder / WEIGHTS_NAME
    tensors, sha256 = read_tensors(path)
    if card.weights_sha256 not in ("", sha256):
        raise UserMistake(
            f"{path}: is not the file that {CARD_NAME} describes"
            f" (SHA-256 {sha256[:12]}…, expected {card.weights_sha256[:12]}…); copy both together"
        )
    check_tensors(path, expected, tensors)
    module = create(card.model, card.config)
    module.load_state_dict(tensors)
    return module.eval(), card, sha256


def check_tensors(path: Path, expected: Mapping[str, Tensor], found: Mapping[str, Tensor]) -> None:
    """Refuse tensors that differ in name, shape or dtype from what a model expects.

    Raises
    ------
    UserMistake
        Names the first tensors that are missing, not known or of another shape.
    """
    faults = [f"'{name}' is missing" for name in expected if name not in found]
    faults += [f"'{name}' is not known" for name in found if name not in expected]
    for name in expected.keys() & found.keys():
        ours, theirs = expected[name], found[name]
        if (ours.shape, ours.dtype) != (theirs.shape, theirs.dtype):
            faults.append(f"'{name}' is {_kind(theirs)}, expected {_kind(ours)}")
    if faults:
        more = len(faults) - _NAMED_FAULTS
        named = ", ".join(sorted(faults)[:_NAMED_FAULTS]) + (f" and {more} more" * (more > 0))
        raise UserMistake(f"{path}: the tensors do not fit the model: {named}")


def _kind(tensor: Tensor) -> str:
    return f"{tuple(tensor.shape)} {str(tensor.dtype).removeprefix('torch.')}"


def import_upstream(
    path: Path, folder: Path, past: int = 2, future: int = 2, activation: str = "gelu"
) -> ModelCard:
    """Turn a published ESTRNN checkpoint (``.pth``, ``.tar``) into a model folder of ours.

    The file is read with ``weights_only``: tensors and plain values, no code. P, F and the
    activation cannot be read from weights; released ones are 2, 2 and ``gelu``.

    Raises
    ------
    UserMistake
        The file is missing, no checkpoint, or not an ESTRNN of this past and future; or `folder`
        holds something already.
    """
    _check_free(folder)
    try:
        checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise UserMistake(f"{path}: no such file") from error
    except _UNREADABLE as error:
        raise UserMistake(
            f"{path}: not a checkpoint of torch.save that holds tensors and plain values alone"
        ) from error
    if not isinstance(checkpoint, dict):
        raise UserMistake(f"{path}: holds a {type(checkpoint).__name__}, expected a state dict")
    try:
        config, state = from_upstream(checkpoint, past=past, future=future, activation=activation)
        module = create("estrnn", config.to_dict())
    except ModelMistake as error:
        raise UserMistake(f"{path}: {error}") from error
    module.load_state_dict(state)
    note = f"imported from {path.name}; training data, seed and settings are not known"
    card = ModelCard(model="estrnn", config=config.to_dict(), toolkit=toolkit_version(), note=note)
    return save_model(folder, module, card)


def _check_free(folder: Path) -> None:
    """Refuse a folder that holds anything: weeks of training may lie under the same names."""
    if folder.exists() and not folder.is_dir():
        raise UserMistake(f"{folder}: is a file; give a new or an empty folder with --out")
    held = sorted(entry.name for entry in folder.iterdir()) if folder.is_dir() else []
    if held:
        raise UserMistake(f"{folder}: holds '{held[0]}'; give a new or an empty folder with --out")
