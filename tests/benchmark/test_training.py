import json
import os
import shutil
import signal
from pathlib import Path

import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from benchmark import snapshot, training
from benchmark.checkpoint import load_model
from benchmark.run import METRICS_NAME
from benchmark.trainer import Trainer, resolve
from benchmark.training_config import TrainConfig
from bsd.errors import EnvironmentFault, FoundBad, UserMistake
from bsd.provenance import sha256_document, sha256_file
from bsd.threads import available_cores
from dataset.tree import Tree

pytestmark = pytest.mark.unit

SMALL = (
    "model.config.blocks=1",
    "model.config.channels=5",
    "model.config.skip=centre",
    "data.crop_px=16",
    "data.frames=6",
    "data.batch=2",
    "iterations=8",
    "log_every=3",
    "checkpoint_every=2",
    "validation.every=4",
)
WEIGHTS = "model.safetensors"


def _config(*more: str) -> TrainConfig:
    return resolve(TrainConfig()).override([*SMALL, *more])


def _train(tree: Path, folder: Path, *more: str) -> training.Outcome:
    return training.train([tree], folder / "run", _config(*more), cache=folder.parent / "cache")


def _metrics(folder: Path) -> list[dict]:
    lines = (folder / "run" / METRICS_NAME).read_text().splitlines()
    timed = {"samples_per_s"}
    return [{k: v for k, v in json.loads(line).items() if k not in timed} for line in lines]


@pytest.fixture(scope="module")
def through(plain_tree: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a training that ran through."""
    folder = tmp_path_factory.mktemp("through")
    _train(plain_tree, folder)
    return folder


def test_a_finished_run_holds_what_a_run_holds(through: Path, plain_tree: Path) -> None:
    run = through / "run"
    module, card, sha256 = load_model(run)
    config = TrainConfig.read(run / "config.yaml")
    assert not module.training
    assert sha256 == sha256_file(run / WEIGHTS)
    assert (card.iterations, card.seed) == (8, 39)
    assert card.train_config_sha256 == sha256_document(config)
    assert card.training_sets[0].identity == Tree.open(plain_tree).identity
    names = {path.name for path in run.iterdir()} - {".lock"}
    assert names == {
        "config.yaml",
        "environment.json",
        METRICS_NAME,
        WEIGHTS,
        "model.json",
        "tensorboard",
    }


def test_metrics_say_loss_rate_and_gain(through: Path) -> None:
    lines = _metrics(through)
    train = [line for line in lines if line["kind"] == "train"]
    valid = [line for line in lines if line["kind"] == "valid"]
    assert [line["iteration"] for line in train] == [3, 6, 8]
    assert [line["iteration"] for line in valid] == [4, 8]
    assert train[0]["lr"] > train[1]["lr"] > train[2]["lr"] > 0
    for line in valid:
        assert line["gain_db"] == pytest.approx(line["psnr_db"] - line["blurry_psnr_db"])
    events = EventAccumulator(str(through / "run" / "tensorboard")).Reload()
    assert [event.step for event in events.Scalars("train/loss")] == [3, 6, 8]
    assert events.Scalars("valid/gain_db")[1].value == pytest.approx(valid[1]["gain_db"], abs=1e-5)


class _Stop(Exception):
    pass


@pytest.mark.parametrize("after", [1, 5])
def test_a_training_that_broke_off_ends_with_the_same_bits(
    plain_tree: Path, through: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    step = Trainer.step

    def breaks_off(self: Trainer, iteration: int) -> tuple[float, float]:
        if iteration > after:
            raise _Stop
        return step(self, iteration)

    monkeypatch.setattr(Trainer, "step", breaks_off)
    with pytest.raises(_Stop):
        _train(plain_tree, tmp_path)
    monkeypatch.undo()
    outcome = _train(plain_tree, tmp_path)
    assert outcome.resumed_from == after // 2 * 2
    assert sha256_file(tmp_path / "run" / WEIGHTS) == sha256_file(through / "run" / WEIGHTS)
    assert _metrics(tmp_path) == _metrics(through)


def test_ctrl_c_saves_and_the_next_start_goes_on(
    plain_tree: Path, through: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    step = Trainer.step

    def interrupted(self: Trainer, iteration: int) -> tuple[float, float]:
        if iteration == 5:
            os.kill(os.getpid(), signal.SIGINT)
        return step(self, iteration)

    monkeypatch.setattr(Trainer, "step", interrupted)
    outcome = _train(plain_tree, tmp_path)
    assert (outcome.iterations, outcome.card) == (5, None)
    monkeypatch.undo()
    outcome = _train(plain_tree, tmp_path)
    assert (outcome.iterations, outcome.resumed_from) == (8, 5)
    assert sha256_file(tmp_path / "run" / WEIGHTS) == sha256_file(through / "run" / WEIGHTS)


def test_a_finished_run_is_left_as_it_is(plain_tree: Path, through: Path) -> None:
    before = (through / "run" / WEIGHTS).stat().st_mtime_ns
    outcome = _train(plain_tree, through)
    assert (outcome.iterations, outcome.resumed_from) == (8, 8)
    assert (through / "run" / WEIGHTS).stat().st_mtime_ns == before


def test_a_finished_run_without_its_weights_is_not_called_finished(
    plain_tree: Path, through: Path, tmp_path: Path
) -> None:
    shutil.copytree(through / "run", tmp_path / "run")
    (tmp_path / "run" / WEIGHTS).unlink()
    with pytest.raises(UserMistake, match=r"model\.safetensors: .*remove .*model\.json"):
        _train(plain_tree, tmp_path)
    (tmp_path / "run" / "model.json").unlink()
    assert _train(plain_tree, tmp_path).resumed_from == 0
    assert sha256_file(tmp_path / "run" / WEIGHTS) == sha256_file(through / "run" / WEIGHTS)


def test_another_dataset_or_setting_is_refused(through: Path, own_tree: Path) -> None:
    with pytest.raises(UserMistake, match="iterations: 8, now 9"):
        _train(own_tree, through, "iterations=9")
    (own_tree / "train" / "000" / "Blur" / "RGB" / "00000000.png").write_bytes(
        (own_tree / "train" / "001" / "Blur" / "RGB" / "00000000.png").read_bytes()
    )
    with pytest.raises(UserMistake, match=r"training_sets\.0\.identity"):
        _train(own_tree, through)


def test_without_a_valid_split_nothing_is_held_out_and_it_is_said(
    own_tree: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for path in sorted((own_tree / "valid").rglob("*"), reverse=True):
        path.unlink() if path.is_file() else path.rmdir()
    outcome = _train(own_tree, tmp_path / "a", "iterations=2")
    assert outcome.validation is None
    assert "nothing is validated" in caplog.text


def test_a_diverged_training_names_the_iteration(plain_tree: Path, tmp_path: Path) -> None:
    with pytest.raises(FoundBad, match=r"iteration \d+: loss .*diverged"):
        _train(plain_tree, tmp_path, "optimiser.lr=1e30", "validation.every=0")
    assert not (tmp_path / "run" / WEIGHTS).exists()


def test_a_full_disk_is_one_line_and_the_last_checkpoint_is_intact(
    plain_tree: Path, through: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = snapshot.write_bytes

    def fills_up(path: Path, content: bytes) -> None:
        if path.name == "000000006.safetensors":
            raise OSError(28, "No space left on device")
        write(path, content)

    monkeypatch.setattr(snapshot, "write_bytes", fills_up)
    with pytest.raises(EnvironmentFault, match=r"after iteration 6: no space.*iteration 4 is int"):
        _train(plain_tree, tmp_path)
    monkeypatch.undo()
    assert _train(plain_tree, tmp_path).resumed_from == 4
    assert sha256_file(tmp_path / "run" / WEIGHTS) == sha256_file(through / "run" / WEIGHTS)


def test_a_disk_that_is_really_full_is_one_line(plain_tree: Path, small_disk: Path) -> None:
    config = _config("model.config.channels=20", "validation.every=0")
    with pytest.raises(EnvironmentFault, match="no space left on the disk") as caught:
        training.train([plain_tree], small_disk / "run", config, cache=small_disk.parent / "cache")
    assert "\n" not in str(caught.value)


def test_an_unknown_device_is_refused(plain_tree: Path, tmp_path: Path) -> None:
    for name in ("abacus", "meta"):
        with pytest.raises(UserMistake, match=f"--device {name}"):
            training.train([plain_tree], tmp_path / "run", _config(), device=name)
    assert not (tmp_path / "run").exists()


def test_threads_are_those_that_were_asked_for(plain_tree: Path, tmp_path: Path) -> None:
    try:
        training.train(
            [plain_tree], tmp_path / "run", _config("iterations=1"), cache=tmp_path, threads=1
        )
        assert torch.get_num_threads() == 1
        text = (tmp_path / "run" / "environment.json").read_text()
        assert json.loads(text)["stretches"][0]["threads"] == 1
    finally:
        torch.set_num_threads(available_cores())


def test_the_first_signal_asks_and_the_second_interrupts() -> None:
    before = signal.getsignal(signal.SIGINT)
    with training.Interruption() as interruption:
        assert not interruption.requested
        os.kill(os.getpid(), signal.SIGTERM)
        assert interruption.requested
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before


def test_snapshots_that_a_kill_left_beside_the_model_go(
    through: Path, plain_tree: Path, tmp_path: Path
) -> None:
    run = Path(shutil.copytree(through, tmp_path / "run"))
    left = run / "run" / "state" / "000000001.json"
    left.parent.mkdir()
    left.write_text("{}")
    assert _train(plain_tree, run).card is not None
    assert not left.parent.exists()
