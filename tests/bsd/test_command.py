"""Every ending of a verb: its one line and its exit code, in a real child process."""

import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bsd import errors
from bsd.command import VERBS

pytestmark = pytest.mark.unit

VERB = '''
import errno, sys, time
import typer
from bsd import command, errors

app = command.application("A verb for tests.")


@app.command()
def main(ending: str, count: int = 1) -> None:
    """End in the way that is asked for."""
    if ending == "found-bad":
        raise errors.FoundBad("frame 3: changed;\\n see above")
    if ending == "mistake":
        raise errors.UserMistake("rig.yaml: no such file")
    if ending == "full":
        raise OSError(errno.ENOSPC, "No space left on device", "out/frame.png")
    if ending == "defect":
        raise ZeroDivisionError("one over nothing")
    if ending == "wait":
        sys.stdout.write("ready\\n")
        sys.stdout.flush()
        for _ in range(1200):  # a signal just before a long sleep would end after it
            time.sleep(0.05)
    if ending == "exit":
        raise typer.Exit(1)
    sys.stdout.write("fine\\n")


command.run(app, "tests.verb")
'''


@pytest.fixture(scope="module")
def verb(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("verb") / "verb.py"
    path.write_text(VERB)
    return path


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["fine"], 0, ""),
        (["found-bad"], 1, "error: frame 3: changed; see above\n"),
        (["mistake"], 2, "error: rig.yaml: no such file\n"),
        (["full"], 3, "error: out/frame.png: no space left on the disk"),
        (["exit"], 1, ""),
        (["fine", "--count", "x"], 2, "(see --help)"),
        (["fine", "--unknown"], 2, "--unknown"),
        ([], 2, "Missing argument 'ending'"),
    ],
)
def test_endings(verb: Path, arguments: list[str], code: int, words: str) -> None:
    done = subprocess.run(
        [sys.executable, verb, *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == code, done.stderr
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr.count("\n") <= 1


def test_a_defect_shows_its_traceback(verb: Path) -> None:
    done = subprocess.run(
        [sys.executable, verb, "defect"], capture_output=True, text=True, check=False
    )
    assert done.returncode == errors.EXIT_DEFECT
    assert "one over nothing" in done.stderr
    assert "please report" in done.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupt_is_130_and_one_line(verb: Path, number: signal.Signals) -> None:
    with subprocess.Popen(
        [sys.executable, verb, "wait"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        child.send_signal(number)
        _, complaint = child.communicate(timeout=20)
    assert child.returncode == errors.EXIT_INTERRUPTED
    assert complaint == "error: interrupted\n"


def test_help_and_version() -> None:
    shown = subprocess.run(
        [sys.executable, "-m", "bsd", "--help"], capture_output=True, text=True, check=True
    )
    assert "bsd dataset verify" in shown.stdout
    unknown = subprocess.run(
        [sys.executable, "-m", "bsd", "dataset", "fly"], capture_output=True, text=True, check=False
    )
    assert unknown.returncode == errors.EXIT_USER_MISTAKE
    version = subprocess.run(
        [sys.executable, "-m", "bsd", "--version"], capture_output=True, text=True, check=True
    )
    assert version.stdout.strip().count(".") == 2


@pytest.mark.parametrize("module", [name for verbs in VERBS.values() for name in verbs.values()])
def test_each_verb_explains_itself_quickly(module: str) -> None:
    begun = time.monotonic()
    shown = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", module, "--help"],
        capture_output=True,
        text=True,
        check=True,
    )
    name = module.removesuffix(".__main__")
    assert f"python -m {name}" in shown.stdout.partition("Usage:")[2].partition("\n")[2], (
        "an example"
    )
    assert not [line for line in shown.stderr.splitlines() if line.endswith("| torch")]
    assert time.monotonic() - begun < 30


@pytest.mark.parametrize(
    ("number", "kind", "words"),
    [
        (errno.ENOSPC, errors.EnvironmentFault, "no space left"),
        (errno.EROFS, errors.EnvironmentFault, "read-only"),
        (errno.EACCES, errors.EnvironmentFault, "permission denied"),
        (errno.ENOENT, errors.UserMistake, "no such file"),
        (errno.ENOTDIR, errors.UserMistake, "not a directory"),
        (errno.EPIPE, errors.EnvironmentFault, os.strerror(errno.EPIPE)),
    ],
)
def test_system_errors_are_explained(number: int, kind: type, words: str) -> None:
    explained = errors.explain_os_error(OSError(number, os.strerror(number), "out/a.png"))
    assert isinstance(explained, kind)
    assert str(explained).startswith("out/a.png: ")
    assert words in str(explained)
