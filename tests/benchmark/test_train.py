import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bsd.provenance import sha256_file

pytestmark = pytest.mark.unit

ROOT = Path(__file__).resolve().parents[2]
SETTINGS = {
    "model.config.blocks": 1,
    "model.config.channels": 5,
    "data.crop_px": 16,
    "data.frames": 6,
    "data.batch": 2,
    "iterations": 24,
    "log_every": 7,
    "checkpoint_every": 4,
    "validation.every": 10,
}


def _command(tree: Path, folder: Path, *more: str) -> list[str]:
    words = [sys.executable, "-m", "benchmark.train", "--dataset", str(tree)]
    words += [
        "--run",
        str(folder / "run"),
        "--cache",
        str(folder / "cache"),
        "--threads",
        "1",
    ]  # two would wait for each other on a busy machine
    for name, value in SETTINGS.items():
        words += ["--set", f"{name}={value}"]
    return [*words, *more]


def _call(tree: Path, folder: Path, *more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        _command(tree, folder, *more), cwd=ROOT, capture_output=True, text=True, check=False
    )


def _wait_for(process: subprocess.Popen[bytes], path: Path) -> None:
    end = time.monotonic() + 40
    while not path.exists():
        assert process.poll() is None, "the training ended before it was killed"
        assert time.monotonic() < end, f"{path} did not appear"
        time.sleep(0.002)


@pytest.fixture(scope="module")
def through(plain_tree: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("through")
    done = _call(plain_tree, folder, "--json")
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["iterations"] == 24
    assert answer["weights_sha256"] == sha256_file(folder / "run" / "model.safetensors")
    return folder


def test_killed_with_signal_9_and_taken_up_the_weights_have_the_same_hash(
    plain_tree: Path, through: Path, tmp_path: Path
) -> None:
    with subprocess.Popen(
        _command(plain_tree, tmp_path), cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    ) as process:
        _wait_for(process, tmp_path / "run" / "state" / "000000008.json")
        process.kill()
    assert process.returncode == -signal.SIGKILL
    assert not (tmp_path / "run" / "model.safetensors").exists()
    done = _call(plain_tree, tmp_path)
    assert done.returncode == 0, done.stderr
    assert "of them now" in done.stdout
    first, second = (folder / "run" / "model.safetensors" for folder in (through, tmp_path))
    assert sha256_file(first) == sha256_file(second)
    lines = (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()
    steps = [json.loads(line)["iteration"] for line in lines]
    assert steps == sorted(steps)
    trained = [json.loads(line) for line in lines if '"train"' in line]
    assert [line["iteration"] for line in trained] == [7, 14, 21, 24]


def test_ctrl_c_ends_with_130_and_says_how_to_go_on(plain_tree: Path, tmp_path: Path) -> None:
    with subprocess.Popen(
        _command(plain_tree, tmp_path, "--set", "iterations=100000"),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        _wait_for(process, tmp_path / "run" / "state" / "000000004.json")
        process.send_signal(signal.SIGINT)
        text, errors = process.communicate(timeout=40)
    assert process.returncode == 130, errors
    assert "run the same command to go on" in text
    assert text.count("\n") == 1
    assert "Traceback" not in errors


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--set", "data.crop_px=4000"], "do not fit into sequence 000 of 48x40"),
        (["--set", "colour=red"], "unknown field 'colour'"),
        (["--dataset", "/nonexistent"], "/nonexistent: no such folder"),
        (["--config", "/nonexistent.yaml"], "/nonexistent.yaml: no such file"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(
    plain_tree: Path, tmp_path: Path, words: list[str], message: str
) -> None:
    done = _call(plain_tree, tmp_path, *words)
    assert done.returncode == 2
    (line,) = [text for text in done.stderr.splitlines() if text.startswith("error:")]
    assert message in line
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("view", ["Blur", "Sharp"])
def test_a_frame_that_was_replaced_is_refused(
    published_tree: Path, tmp_path: Path, view: str
) -> None:
    path = published_tree / "train" / "001" / view / "RGB" / "00000004.png"
    path.write_bytes(path.with_name("00000003.png").read_bytes())
    done = _call(published_tree, tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = [text for text in done.stderr.splitlines() if text.startswith("error:")]
    assert str(path) in line
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "run" / "model.safetensors").exists()
