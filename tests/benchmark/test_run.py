import json
from pathlib import Path

import pytest

from benchmark.run import METRICS_NAME, RunEnvironment, Stretch, open_run
from benchmark.trainconfig import TrainConfig
from bsd.errors import UserMistake
from bsd.provenance import environment

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
        pytest.raises(UserMistake, match="another process"),
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
