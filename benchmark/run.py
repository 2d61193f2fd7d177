"""The folder of one training, a RUN.

``config.yaml`` (resolved settings), ``environment.json``, ``metrics.jsonl``, ``tensorboard/``,
``state/`` while it is unfinished, and at the end ``model.safetensors`` with ``model.json``.
"""

from __future__ import annotations

import fcntl
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from benchmark.checkpoint import CARD_NAME, ModelCard
from benchmark.trainconfig import TrainConfig, first_difference
from bsd.document import Document, Part, sweep_parts, write_bytes
from bsd.errors import UserMistake
from bsd.provenance import Environment, sha256_document

log = logging.getLogger(__name__)

CONFIG_NAME = "config.yaml"
ENVIRONMENT_NAME = "environment.json"
METRICS_NAME = "metrics.jsonl"
_LOCK_NAME = ".lock"


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
        """The card of the trained model, or None while there is none."""
        if not (self.path / CARD_NAME).exists():
            return None
        return ModelCard.read(self.path / CARD_NAME)

    def log_metrics(self, line: dict[str, Any]) -> None:
        """Append one line to ``metrics.jsonl``."""
        with (self.path / METRICS_NAME).open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")

    def keep_metrics_until(self, iteration: int) -> None:
        """Drop lines after an iteration, and one that a kill cut short."""
        path = self.path / METRICS_NAME
        if not path.exists():
            return
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        kept = [line for line in lines if _iteration_of(line) <= iteration]
        if len(kept) < len(lines):
            write_bytes(path, "".join(kept).encode())

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
        named), or one that another process is training now.
    """
    run = Run(path, config)
    if path.exists() and not path.is_dir():
        raise UserMistake(f"{path}: is a file; give a folder with --run")
    known = (path / CONFIG_NAME).exists()
    if path.is_dir() and not known:
        foreign = sorted(entry.name for entry in path.iterdir() if entry.name != _LOCK_NAME)
        if foreign and foreign != [f"{CONFIG_NAME}.part"]:
            raise UserMistake(
                f"{path}: holds '{foreign[0]}' and no {CONFIG_NAME}, so it is no RUN;"
                " give an empty or a new folder with --run"
            )
    path.mkdir(parents=True, exist_ok=True)
    with (path / _LOCK_NAME).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise UserMistake(f"{path}: another process is training here now") from error
        sweep_parts(path)
        if known:
            _check_same(path, TrainConfig.read(path / CONFIG_NAME), config)
        else:
            config.write(path / CONFIG_NAME)
        yield run


def _check_same(path: Path, old: TrainConfig, new: TrainConfig) -> None:
    difference = first_difference(old, new)
    if difference is not None:
        raise UserMistake(
            f"{path}: was begun with other settings ({difference}); give those again to go on,"
            " or another folder with --run"
        )


def _iteration_of(line: str) -> float:
    try:
        return float(json.loads(line)["iteration"])
    except (json.JSONDecodeError, KeyError, TypeError):
        return float("inf")
