"""The folder of one training, a RUN.

``config.yaml`` (resolved settings), ``environment.json``, ``metrics.jsonl``, ``tensorboard/``,
``state/`` while it is unfinished, and at the end ``model.safetensors`` with ``model.json``.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from benchmark.checkpoint import CARD_NAME, WEIGHTS_NAME, ModelCard
from benchmark.training_config import TrainConfig, first_difference
from bsd.document import PART_SUFFIX, Document, Part, sweep_part, write_bytes
from bsd.errors import UserMistake
from bsd.lock import lock_file
from bsd.provenance import Environment, sha256_document, sha256_file

log = logging.getLogger(__name__)

CONFIG_NAME = "config.yaml"
ENVIRONMENT_NAME = "environment.json"
METRICS_NAME = "metrics.jsonl"
_LOCK_NAME = ".lock"
_OWN_FILES = (CONFIG_NAME, ENVIRONMENT_NAME, METRICS_NAME, WEIGHTS_NAME, CARD_NAME)


class Stretch(Part):
    """Iterations that ran on one machine with one number of threads."""

    first_iteration: int
    environment: Environment
    device: str
    threads: int


class RunEnvironment(Document):
    """What a RUN ran on, one stretch per change."""

    format: Literal["bsd-run-environment"] = "bsd-run-environment"
    format_version: int = 1
    stretches: tuple[Stretch, ...]


class Run:
    """A RUN folder that belongs to one training; see `open_run`."""

    def __init__(self, path: Path, config: TrainConfig) -> None:
        self.path = path
        self.config = config
        self.config_sha256 = sha256_document(config)

    @property
    def state(self) -> Path:
        """Folder of the snapshots."""
        return self.path / "state"

    @property
    def tensorboard(self) -> Path:
        """Folder of the event files."""
        return self.path / "tensorboard"

    def finished(self) -> ModelCard | None:
        """The card of the trained model, or None while there is none.

        Raises
        ------
        UserMistake
            A card is there, but it is of another training, or its weights are missing or changed.
        """
        path = self.path / CARD_NAME
        if not path.exists():
            return None
        card = ModelCard.read(path)
        way_out = f"restore it, or remove {path} to train again"
        if card.train_config_sha256 != self.config_sha256:
            raise UserMistake(f"{path}: is of a training with other settings; {way_out}")
        weights = self.path / WEIGHTS_NAME
        if not weights.is_file():
            raise UserMistake(f"{weights}: missing, though {CARD_NAME} is there; {way_out}")
        if sha256_file(weights) != card.weights_sha256:
            raise UserMistake(f"{weights}: is not the file that {CARD_NAME} describes; {way_out}")
        return card

    def log_metrics(self, line: dict[str, Any]) -> None:
        """Append one line to ``metrics.jsonl``."""
        with (self.path / METRICS_NAME).open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")

    def keep_metrics_until(self, iteration: int) -> None:
        """Drop lines after an iteration, and one that a kill cut short."""
        path = self.path / METRICS_NAME
        if not path.exists():
            return
        lines = path.read_bytes().splitlines(keepends=True)
        kept = [line for line in lines if _iteration_of(line) <= iteration]
        if len(kept) < len(lines):
            write_bytes(path, b"".join(kept))

    def note_environment(self, stretch: Stretch) -> None:
        """Add what the coming iterations run on, where it differs from what came before."""
        path = self.path / ENVIRONMENT_NAME
        before = RunEnvironment.read(path).stretches if path.exists() else ()
        if before and before[-1].model_copy(update={"first_iteration": 0}) == stretch.model_copy(
            update={"first_iteration": 0}
        ):
            return
        if before:
            log.warning(
                "%s: machine, packages or threads differ from those before iteration %d; the"
                " weights' last bits may differ from those of one uninterrupted training",
                self.path,
                stretch.first_iteration,
            )
        RunEnvironment(stretches=(*before, stretch)).write(path)


@contextmanager
def open_run(path: Path, config: TrainConfig) -> Iterator[Run]:
    """Begin a RUN, or take up one of the same settings, and hold it for this process.

    Raises
    ------
    UserMistake
        The folder holds something else, a RUN of other settings (the first field that differs is
        named), or one that another process is training now. What is refused is left as it is.
    """
    run = Run(path, config)
    if path.exists() and not path.is_dir():
        raise UserMistake(f"{path}: is a file; give a folder with --run")
    _check_belongs(path, config)
    path.mkdir(parents=True, exist_ok=True)
    with (path / _LOCK_NAME).open("a") as lock:
        lock_file(lock.fileno(), path / _LOCK_NAME)
        # Once more: until the lock was ours, another process may have begun a RUN here.
        known = _check_belongs(path, config)
        for name in _OWN_FILES:
            sweep_part(path / name)
        if not known:
            config.write(path / CONFIG_NAME)
        yield run


def _check_belongs(path: Path, config: TrainConfig) -> bool:
    """Whether a folder is a RUN of these settings (True) or free for one; changes nothing."""
    if not path.is_dir():
        return False
    if not (path / CONFIG_NAME).exists():
        foreign = sorted(entry.name for entry in path.iterdir() if entry.name != _LOCK_NAME)
        if foreign and foreign != [f"{CONFIG_NAME}{PART_SUFFIX}"]:
            raise UserMistake(
                f"{path}: holds '{foreign[0]}' and no {CONFIG_NAME}, so it is no RUN;"
                " give an empty or a new folder with --run"
            )
        return False
    try:
        before = TrainConfig.read(path / CONFIG_NAME)
    except UserMistake as error:
        raise UserMistake(
            f"{error}; so {path} is no RUN, or a damaged one: give an empty or a new folder"
            " with --run"
        ) from error
    difference = first_difference(before, config)
    if difference is not None:
        raise UserMistake(
            f"{path}: was begun with other settings ({difference}); give those again to go on,"
            " or another folder with --run"
        )
    return True


def _iteration_of(line: bytes) -> float:
    try:
        return float(json.loads(line)["iteration"])
    except (ValueError, KeyError, TypeError):  # cut short, or not JSON, or not even text
        return float("inf")
