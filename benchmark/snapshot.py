"""State of a training at one iteration, from which it goes on with the same bits.

Folder ``state/`` of a RUN: ``000000100.safetensors`` (weights, buffers, Adam's moments) and
``000000100.json`` (the iteration, and the SHA-256 of the tensors), each written atomically, the
card last. The two newest are kept, so that a kill or a full disk at any moment leaves one whole.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from benchmark.checkpoint import check_tensors, read_tensors, tensors_to_bytes
from bsd.document import Document, sync_folder, write_bytes
from bsd.errors import FoundBad, UserMistake
from bsd.provenance import sha256_bytes

log = logging.getLogger(__name__)

KEPT = 2
_MODEL = "model/"
_FILE_NAME = re.compile(r"(\d{9})\.(?:json|safetensors)(\.part)?")
_MOMENTS = ("exp_avg", "exp_avg_sq", "step")


class SnapshotCard(Document):
    """What a snapshot holds.

    Attributes
    ----------
    iteration
        The last one that is done.
    train_config_sha256
        Of the settings that the state belongs to.
    tensors_sha256
        Of the safetensors file.
    pending_losses
        Losses since the last line of ``metrics.jsonl``, so that the next line is the same too.
    """

    format: Literal["bsd-train-state"] = "bsd-train-state"
    format_version: int = 1
    iteration: int
    train_config_sha256: str
    tensors_sha256: str
    pending_losses: tuple[float, ...] = ()


def save_snapshot(
    folder: Path,
    module: nn.Module,
    optimiser: Optimizer,
    iteration: int,
    train_config_sha256: str,
    pending_losses: tuple[float, ...] = (),
) -> None:
    """Write the state after an iteration, then drop all but the two newest."""
    folder.mkdir(parents=True, exist_ok=True)
    content = tensors_to_bytes(_collect(module, optimiser))
    card = SnapshotCard(
        iteration=iteration,
        train_config_sha256=train_config_sha256,
        tensors_sha256=sha256_bytes(content),
        pending_losses=pending_losses,
    )
    write_bytes(folder / f"{iteration:09d}.safetensors", content)
    card.write(folder / f"{iteration:09d}.json")
    sync_folder(folder)  # before an older one goes, the new one must be found after a power cut
    _keep_only(folder, _iterations(folder)[:KEPT])


def discard_snapshots(folder: Path) -> None:
    """Remove every snapshot, and the folder where nothing else is in it."""
    if folder.is_dir():
        _keep_only(folder, ())
        if not any(folder.iterdir()):
            folder.rmdir()


def restore_snapshot(
    folder: Path, module: nn.Module, optimiser: Optimizer, train_config_sha256: str
) -> SnapshotCard | None:
    """Put the newest whole snapshot into a model and its optimiser; None where there is none.

    Raises
    ------
    FoundBad
        Snapshots are there and none of them is whole.
    """
    if not folder.is_dir():
        return None
    iterations = _iterations(folder)
    _keep_only(folder, iterations)
    for iteration in iterations:
        path = folder / f"{iteration:09d}.safetensors"
        try:
            card = SnapshotCard.read(path.with_suffix(".json"))
            tensors, sha256 = read_tensors(path)
            if (sha256, train_config_sha256) != (card.tensors_sha256, card.train_config_sha256):
                raise UserMistake(f"{path}: damaged, or of a training with other settings")
            _distribute(path, tensors, module, optimiser)
        except UserMistake as error:
            log.warning("%s; going back to the checkpoint before it", error)
            continue
        return card
    if iterations:
        raise FoundBad(
            f"{folder}: no checkpoint is whole; remove the folder to start at iteration 1"
        )
    return None


def _iterations(folder: Path) -> list[int]:
    """Iterations that have a card, newest first."""
    found = (_FILE_NAME.fullmatch(path.name) for path in folder.glob("*.json"))
    return sorted((int(name[1]) for name in found if name), reverse=True)


def _keep_only(folder: Path, iterations: Collection[int]) -> None:
    """Remove files of other iterations, and what a killed writer left; nothing but our own."""
    for path in folder.iterdir():
        name = _FILE_NAME.fullmatch(path.name)
        if name is not None and (name[2] or int(name[1]) not in iterations):
            path.unlink()


def _collect(module: nn.Module, optimiser: Optimizer) -> dict[str, Tensor]:
    tensors = {_MODEL + name: value for name, value in module.state_dict().items()}
    for name, parameter in module.named_parameters():
        state: Mapping[str, Any] = optimiser.state.get(parameter, {})
        for key in _MOMENTS:
            if key in state:
                tensors[f"{key}/{name}"] = state[key]
    return tensors


def _distribute(
    path: Path, tensors: Mapping[str, Tensor], module: nn.Module, optimiser: Optimizer
) -> None:
    weights = {
        name.removeprefix(_MODEL): value
        for name, value in tensors.items()
        if name.startswith(_MODEL)
    }
    check_tensors(path, module.state_dict(), weights)
    module.load_state_dict(weights)  # copies into the tensors that are there: their order stays
    optimiser.state.clear()
    for name, parameter in module.named_parameters():
        if f"step/{name}" in tensors:
            optimiser.state[parameter] = {
                # In the parameter's own memory order, as Adam makes them: other orders would be
                # summed by other instructions and give other bits.
                "step": tensors[f"step/{name}"].clone(),
                **{
                    key: torch.zeros_like(parameter, memory_format=torch.preserve_format).copy_(
                        tensors[f"{key}/{name}"]
                    )
                    for key in _MOMENTS[:2]
                },
            }
