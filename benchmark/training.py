"""One training: settings and datasets in, a RUN with a model out, the same bits every time."""

from __future__ import annotations

import logging
import math
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any, cast

import torch

from benchmark.cache import CachedSequence, open_split
from benchmark.checkpoint import ModelCard, save_model
from benchmark.result import TrainingSet
from benchmark.run import Run, Stretch, open_run
from benchmark.snapshot import discard_snapshots, restore_snapshot, save_snapshot
from benchmark.trainer import Trainer, reproducible, resolve
from benchmark.training_config import TrainConfig
from benchmark.validation import Excerpt, ValidationScore, choose_excerpts, validate
from bsd import command
from bsd.document import sync_folder
from bsd.errors import EnvironmentFault, FoundBad, UserMistake, explain_os_error
from bsd.provenance import environment, toolkit_version
from bsd.threads import available_cores, set_threads
from dataset.splits import Split
from dataset.tree import Tree
from models.errors import ModelMistake

log = logging.getLogger(__name__)

_PACKAGES = ("torch", "numpy", "safetensors", "opencv-python-headless")


@dataclass(frozen=True)
class Outcome:
    """What a training came to.

    Attributes
    ----------
    iterations
        Done in all, by this process and those before it.
    resumed_from
        Iteration after which this process went on; 0 for a fresh start.
    card
        Of the trained model; None where the training was interrupted.
    validation
        The last look at the valid split; None where there was none.
    """

    iterations: int
    resumed_from: int
    card: ModelCard | None
    validation: ValidationScore | None


def train(
    datasets: Sequence[Path],
    run: Path,
    config: TrainConfig,
    *,
    cache: Path | None = None,
    threads: int | None = None,
    device: str = "cpu",
) -> Outcome:
    """Train a model, or go on with a training that was interrupted or killed.

    On a CPU, with the same number of threads and versions, the weights are the same bits whether
    the training ran through or was killed and taken up again any number of times.

    Parameters
    ----------
    datasets
        Roots of datasets; their train splits are learned from, their valid splits looked at.
    run
        The RUN folder: new, empty, or of the same settings and datasets.
    config
        Settings; `training_sets` is replaced by what `datasets` are.
    cache
        Folder of packed frames; default `benchmark.cache.default_folder`.
    threads
        Of torch and the decoders; default all available cores.
    device
        ``cpu`` or a torch device such as ``cuda``.

    Raises
    ------
    UserMistake
        Settings, dataset or folder do not fit.
    FoundBad
        The training diverged.
    EnvironmentFault
        Disk full or read-only; the last checkpoint is intact.
    """
    cores = threads or available_cores()
    set_threads(cores)
    place = _device(device)
    trees = [Tree.open(root) for root in datasets]
    sets = tuple(TrainingSet(name=tree.name, identity=tree.identity) for tree in trees)
    config = resolve(config).with_training_sets(sets)
    with ExitStack() as held:
        here = held.enter_context(open_run(run, config))
        held.enter_context(reproducible())
        done = here.finished()
        if done is not None:
            discard_snapshots(here.state)  # a kill may have come just before that
            return Outcome(config.iterations, config.iterations, done, None)
        seen = _sequences(trees, "train", cache, cores)
        trainer = Trainer(config, seen, place)
        valid = _sequences(trees, "valid", cache, cores) if config.validation.every else []
        return _Loop(here, trainer, _excerpts(trainer, valid), cores).run_through()


def _device(name: str) -> torch.device:
    try:
        device = torch.device(name)
        float(torch.zeros(1, device=device).sum())  # that it can be named is not enough
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).splitlines()[0]
        raise UserMistake(f"--device {name}: cannot be used here ({reason}); try cpu") from error
    return device


def _sequences(
    trees: Sequence[Tree], split: Split, cache: Path | None, threads: int
) -> list[CachedSequence]:
    return [one for tree in trees for one in open_split(tree, split, cache, threads)]


def _excerpts(trainer: Trainer, sequences: Sequence[CachedSequence]) -> tuple[Excerpt, ...]:
    plan = trainer.config.validation
    if not plan.every:
        return ()
    found = choose_excerpts(sequences, plan, trainer.past, trainer.future, trainer.multiple)
    if not found:
        log.warning("no valid split with sequences long enough: nothing is validated")
    return found


class Interruption:
    """Turns the first Ctrl-C or SIGTERM into a request; a second one interrupts at once."""

    def __init__(self) -> None:
        self.requested = False
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Interruption:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _note(self, _number: int, _frame: FrameType | None) -> None:
        if self.requested:
            raise KeyboardInterrupt
        self.requested = True


@dataclass
class _Loop:
    """The iterations of one process: step, log, validate, save."""

    run: Run
    trainer: Trainer
    excerpts: tuple[Excerpt, ...]
    threads: int
    pending: list[float] = field(default_factory=list)
    validation: ValidationScore | None = None
    iteration: int = 0
    saved: int = 0
    logged_at: float = 0.0
    logged_iteration: int = 0

    def run_through(self) -> Outcome:
        config, trainer = self.run.config, self.trainer
        card = restore_snapshot(
            self.run.state, trainer.module, trainer.optimiser, self.run.config_sha256
        )
        if card is not None:
            self.pending, self.iteration = list(card.pending_losses), card.iteration
        self.saved = resumed = self.iteration
        self.run.keep_metrics_until(resumed)
        self._note_environment()
        finished = None
        try:
            with self._writer() as writer, Interruption() as interruption:
                self._iterate(writer, interruption)
            if self.iteration == config.iterations:
                finished = self._finish()
        except OSError as error:
            raise self._explained(error) from error
        return Outcome(self.iteration, resumed, finished, self.validation)

    def _iterate(self, writer: Any, interruption: Interruption) -> None:
        config = self.run.config
        self.logged_at, self.logged_iteration = time.perf_counter(), self.iteration
        with command.progress("training", config.iterations) as advance:
            advance(self.iteration)
            while self.iteration < config.iterations and not interruption.requested:
                loss, norm = self.trainer.step(self.iteration + 1)
                self.iteration += 1
                self.pending.append(loss)
                if self._due(config.log_every):
                    self._log(writer, norm)
                if self.excerpts and self._due(config.validation.every):
                    self._validate(writer)
                if self.iteration % config.checkpoint_every == 0:
                    self._save()
                advance(1)
            if self.saved < self.iteration < config.iterations:
                self._save()

    def _due(self, every: int) -> bool:
        return self.iteration % every == 0 or self.iteration == self.run.config.iterations

    def _log(self, writer: Any, norm: float) -> None:
        now = time.perf_counter()
        samples = (self.iteration - self.logged_iteration) * self.run.config.data.batch
        values = {
            "loss": math.fsum(self.pending) / len(self.pending),
            "lr": self.trainer.learning_rate(self.iteration),
            "gradient_norm": norm,
            "samples_per_s": samples / (now - self.logged_at),
        }
        self.run.log_metrics({"kind": "train", "iteration": self.iteration, **values})
        for name, value in values.items():
            writer.add_scalar(f"train/{name}", value, self.iteration)
        self.pending.clear()
        self.logged_at, self.logged_iteration = now, self.iteration

    def _validate(self, writer: Any) -> None:
        trainer, start = self.trainer, time.perf_counter()
        try:
            score = validate(trainer.module, self.excerpts, trainer.past, trainer.device)
        except ModelMistake as error:
            raise FoundBad(f"iteration {self.iteration}: {error}") from error
        values = {
            "psnr_db": score.psnr_db,
            "blurry_psnr_db": score.blurry_psnr_db,
            "gain_db": score.gain_db,
        }
        self.run.log_metrics({"kind": "valid", "iteration": self.iteration, **values})
        for name, value in values.items():
            writer.add_scalar(f"valid/{name}", value, self.iteration)
        log.info(
            "iteration %d: valid %.3f dB, %+.3f dB against the blurry frames",
            self.iteration,
            score.psnr_db,
            score.gain_db,
        )
        self.validation = score
        self.logged_at += time.perf_counter() - start  # no training went on meanwhile

    def _save(self) -> None:
        save_snapshot(
            self.run.state,
            self.trainer.module,
            self.trainer.optimiser,
            self.iteration,
            self.run.config_sha256,
            tuple(self.pending),
        )
        self.saved = self.iteration

    def _finish(self) -> ModelCard:
        config = self.run.config
        card = ModelCard(
            model=config.model.name,
            config=config.model.config,
            seed=config.seed,
            training_sets=config.training_sets,
            iterations=self.iteration,
            train_config_sha256=self.run.config_sha256,
            toolkit=toolkit_version(),
            note="weights of the last iteration; none were chosen by a score",
        )
        written = save_model(self.run.path, self.trainer.module, card)
        sync_folder(self.run.path)
        discard_snapshots(self.run.state)
        return written

    def _note_environment(self) -> None:
        self.run.note_environment(
            Stretch(
                first_iteration=self.iteration + 1,
                environment=environment(_PACKAGES),
                device=str(self.trainer.device),
                threads=self.threads,
            )
        )

    @contextmanager
    def _writer(self) -> Iterator[Any]:
        from torch.utils.tensorboard import SummaryWriter  # slow to import, not needed to measure

        make = cast(Callable[..., Any], SummaryWriter)
        purge = self.iteration + 1 if self.iteration else None
        writer = make(str(self.run.tensorboard), purge_step=purge)
        try:
            yield writer
        finally:
            writer.close()

    def _explained(self, error: OSError) -> EnvironmentFault | OSError:
        explained = explain_os_error(error)
        if not isinstance(explained, EnvironmentFault):
            return error
        kept = (
            f"the checkpoint of iteration {self.saved} is intact"
            if self.saved
            else ("no checkpoint was written yet")
        )
        return EnvironmentFault(
            f"{self.run.path}: stopped after iteration {self.iteration}: {explained} ({kept})"
        )
