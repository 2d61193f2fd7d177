"""A command with all its descendants: started, killed at a moment, and looked for afterwards."""

import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_LAST_S = 10.0
_RUN_S = 240.0
_TRIES = 8


@dataclass(frozen=True)
class Ended:
    """How a command that ran to its end did."""

    seconds: float
    output: str


def run_to_the_end(words: Sequence[str]) -> Ended:
    """Run a command; it must end with 0 and leave no process behind ten seconds later."""
    start = time.perf_counter()
    with _started(words) as process:
        try:
            output, _ = process.communicate(timeout=_RUN_S)
        finally:
            process.kill()
    seconds = time.perf_counter() - start
    assert process.returncode == 0, output
    _wait_until_gone(process.pid)
    return Ended(seconds, output)


def kill(words: Sequence[str], out: Path, delay_s: float, first: str | None = None) -> None:
    """Start a command and kill it, and it alone, after a delay.

    Fails where a descendant of it is alive ten seconds later. A command that ended by itself
    counts for nothing: `out` is emptied and it is tried again with four fifths of the delay.

    Parameters
    ----------
    words
        The module and its arguments.
    out
        The folder that it writes, not there yet.
    delay_s
        From the start; or where `first` is given, from the first file below `out` of that pattern.
    first
        Such as ``*.png``.
    """
    for _ in range(_TRIES):
        if _was_killed(words, out, delay_s, first):
            return
        if out.exists():
            shutil.rmtree(out)
        delay_s *= 0.8
    raise AssertionError(f"it always ended before it was killed: {words}")


def _was_killed(words: Sequence[str], out: Path, delay_s: float, first: str | None) -> bool:
    with _started(words) as process:
        try:
            if first is not None:
                _wait_for_file(process, out, first)
            with suppress(subprocess.TimeoutExpired):
                process.wait(delay_s)
        finally:
            process.kill()
        output, _ = process.communicate()
    _wait_until_gone(process.pid)
    assert process.returncode in (0, -signal.SIGKILL), output
    return process.returncode != 0


def _wait_for_file(process: "subprocess.Popen[str]", out: Path, pattern: str) -> None:
    end = time.monotonic() + _RUN_S
    while process.poll() is None and not any(out.rglob(pattern)):
        assert time.monotonic() < end, f"no {pattern} in {out} after {_RUN_S:g} s"
        time.sleep(0.005)


def _started(words: Sequence[str]) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", *words],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,  # descendants stay in it, whatever becomes of their parent
    )


def _wait_until_gone(session: int) -> None:
    end = time.monotonic() + _LAST_S
    while left := _left_of(session):
        assert time.monotonic() < end, f"processes {left} outlived their parent by {_LAST_S:g} s"
        time.sleep(0.02)


def _left_of(session: int) -> list[str]:
    """Live processes of a session, with their command lines."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdecimal():
            continue
        try:
            state, _, _, number = (entry / "stat").read_text().rpartition(")")[2].split()[:4]
            if int(number) == session and state not in "ZX":
                found.append((entry / "cmdline").read_text().replace("\0", " "))
        except (FileNotFoundError, ProcessLookupError):
            continue
    return found


def files_of(root: Path) -> dict[str, bytes]:
    """Every file below a folder, by its path from there."""
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }
