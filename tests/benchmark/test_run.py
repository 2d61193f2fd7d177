import json
from pathlib import Path

import pytest

from benchmark.checkpoint import ModelCard, save_model
from benchmark.run import METRICS_NAME, RunEnvironment, Stretch, open_run
from benchmark.training_config import TrainConfig
from bsd.errors import UserMistake
from bsd.provenance import environment
from models.registry import create

pytestmark = pytest.mark.unit


def test_a_run_is_begun_and_taken_up_with_the_same_settings(tmp_path: Path) -> None:
    config = TrainConfig().override(["iterations=7"])
    with open_run(tmp_path / "run", config) as run:
        assert run.finished() is None
    assert TrainConfig.read(tmp_path / "run" / "config.yaml") == config
    with open_run(tmp_path / "run", config) as again:
        assert again.config_sha256 == run.config_sha256


def test_other_settings_are_refused_with_the_field(tmp_path: Path) -> None:
    with open_run(tmp_path, TrainConfig()):
        pass
    with (
        pytest.raises(UserMistake, match=r"other settings \(optimiser\.lr: 0\.0005, now 0\.001\)"),
        open_run(tmp_path, TrainConfig().override(["optimiser.lr=1e-3"])),
    ):
        pass


def test_a_folder_that_holds_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("x")
    with (
        pytest.raises(UserMistake, match=r"holds 'thesis\.tex'"),
        open_run(tmp_path, TrainConfig()),
    ):
        pass
    with (
        pytest.raises(UserMistake, match="is a file"),
        open_run(tmp_path / "thesis.tex", TrainConfig()),
    ):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_two_trainings_in_one_folder_are_refused(tmp_path: Path) -> None:
    with (
        open_run(tmp_path, TrainConfig()),
        pytest.raises(UserMistake, match="another run writes here now"),
        open_run(tmp_path, TrainConfig()),
    ):
        pass


def test_metrics_after_an_iteration_and_cut_lines_are_dropped(tmp_path: Path) -> None:
    with open_run(tmp_path, TrainConfig()) as run:
        for iteration in (10, 20, 30):
            run.log_metrics({"kind": "train", "iteration": iteration, "loss": 0.5})
        with (tmp_path / METRICS_NAME).open("a") as file:
            file.write('{"kind": "train", "iterat')
        run.keep_metrics_until(20)
        lines = (tmp_path / METRICS_NAME).read_text().splitlines()
        assert [json.loads(line)["iteration"] for line in lines] == [10, 20]
        run.log_metrics({"kind": "train", "iteration": 30})
        assert len((tmp_path / METRICS_NAME).read_text().splitlines()) == 3


def test_the_environment_grows_only_when_it_changes(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    here = environment(["numpy"])

    def stretch(first: int, threads: int) -> Stretch:
        return Stretch(first_iteration=first, environment=here, device="cpu", threads=threads)

    with open_run(tmp_path, TrainConfig()) as run:
        for noted in (stretch(1, 2), stretch(11, 2), stretch(21, 1)):
            run.note_environment(noted)
    kept = RunEnvironment.read(tmp_path / "environment.json").stretches
    assert [(one.first_iteration, one.threads) for one in kept] == [(1, 2), (21, 1)]
    assert "before iteration 21" in caplog.text


def _tree(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ("lr: 0.1\n", r"config\.yaml: .*format_version.*no RUN"),
        ("- a list\n", "config.yaml: expected a mapping"),
        ("format: bsd-recipe\nformat_version: 1\n", "is a 'bsd-recipe' file"),
        (None, "other settings"),
    ],
)
def test_a_foreign_folder_with_a_config_is_left_as_it_is(
    tmp_path: Path, config: str | None, words: str
) -> None:
    """A refused folder keeps every byte: somebody's lock, somebody's unfinished download."""
    text = TrainConfig().to_yaml() if config is None else config
    (tmp_path / "config.yaml").write_text(text)
    (tmp_path / ".lock").write_text("pid 4711")
    (tmp_path / "downloads").mkdir()
    (tmp_path / "downloads" / "video.mkv.part").write_text("half")
    (tmp_path / "metrics.jsonl.part").write_text("half")
    before = _tree(tmp_path)
    with (
        pytest.raises(UserMistake, match=words),
        open_run(tmp_path, TrainConfig().override(["seed=1"])),
    ):
        pass
    assert _tree(tmp_path) == before


def test_taking_up_a_run_sweeps_its_own_parts_only(tmp_path: Path) -> None:
    with open_run(tmp_path, TrainConfig()):
        pass
    (tmp_path / ".lock").write_text("pid 4711")
    (tmp_path / "tensorboard").mkdir()
    foreign = [tmp_path / "video.mkv.part", tmp_path / "tensorboard" / "notes.part"]
    ours = [tmp_path / f"{name}.part" for name in (METRICS_NAME, "model.json", "config.yaml")]
    for path in (*foreign, *ours):
        path.write_text("half")
    with open_run(tmp_path, TrainConfig()):
        pass
    assert [path.exists() for path in foreign] == [True, True]
    assert not any(path.exists() for path in ours)
    assert (tmp_path / ".lock").read_text() == "pid 4711"


def test_lines_of_the_metrics_that_are_not_text_are_dropped(tmp_path: Path) -> None:
    with open_run(tmp_path, TrainConfig()) as run:
        run.log_metrics({"kind": "train", "iteration": 10})
        with (tmp_path / METRICS_NAME).open("ab") as file:
            file.write(b"\xff\xfe\x00\n")
        run.keep_metrics_until(20)
    assert (tmp_path / METRICS_NAME).read_bytes() == b'{"kind": "train", "iteration": 10}\n'


def _finish(folder: Path, train_config_sha256: str) -> None:
    config = {"blocks": 1, "channels": 5}
    card = ModelCard(model="estrnn", config=config, train_config_sha256=train_config_sha256)
    save_model(folder, create("estrnn", config), card)


@pytest.mark.parametrize("damage", ["none", "gone", "byte", "other training"])
def test_a_run_is_finished_only_with_its_own_whole_weights(tmp_path: Path, damage: str) -> None:
    with open_run(tmp_path, TrainConfig()) as run:
        other = damage == "other training"
        _finish(tmp_path, "ab" * 32 if other else run.config_sha256)
        weights = tmp_path / "model.safetensors"
        if damage == "gone":
            weights.unlink()
        elif damage == "byte":
            content = bytearray(weights.read_bytes())
            content[-1] ^= 1
            weights.write_bytes(content)
        if damage == "none":
            card = run.finished()
            assert card is not None
            assert card.model == "estrnn"
            return
        name = "model.json" if other else "model.safetensors"
        with pytest.raises(UserMistake, match=rf"{name}: .*remove .*model\.json"):
            run.finished()
