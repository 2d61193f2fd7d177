"""A command with all its descendants: started, killed at a moment, and looked for afterwards."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_LAST_S = 10.0
_RUN_S = 240.0
_TRIES = 8


@dataclass
class _Running:
    """A command's process, and what it had said when it was over."""

    process: "subprocess.Popen[bytes]"
    output: str = ""


def run_to_the_end(words: Sequence[str]) -> float:
    """Run a command; the seconds it took.

    It must end with 0 and leave no process behind ten seconds later.
    """
    start = time.perf_counter()
    with _started(words) as command:
        command.process.wait(_RUN_S)
        seconds = time.perf_counter() - start
    assert command.process.returncode == 0, command.output
    return seconds


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
    with _started(words) as command:
        if first is not None:
            _wait_for_file(command.process, out, first)
        with suppress(subprocess.TimeoutExpired):
            command.process.wait(delay_s)
    code = command.process.returncode
    assert code in (0, -signal.SIGKILL), command.output
    return bool(code)


def _wait_for_file(process: "subprocess.Popen[bytes]", out: Path, pattern: str) -> None:
    end = time.monotonic() + _RUN_S
    while process.poll() is None and not any(out.rglob(pattern)):
        assert time.monotonic() < end, f"no {pattern} in {out} after {_RUN_S:g} s"
        time.sleep(0.005)


@contextmanager
def _started(words: Sequence[str]) -> Iterator[_Running]:
    """Start a command; at the end it is killed, and its descendants must be gone."""
    # Not a pipe: a descendant that lives on would hold its other end open.
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(
            [sys.executable, "-m", *words],
            cwd=ROOT,
            stdout=said,
            stderr=said,
            start_new_session=True,  # descendants stay in it, whatever becomes of their parent
        )
        command = _Running(process)
        try:
            yield command
        finally:
            process.kill()
            process.wait()
            said.seek(0)
            command.output = said.read().decode()
            wait_until_gone(process.pid)


def wait_until_gone(session: int) -> None:
    end = time.monotonic() + _LAST_S
    while left := left_of(session):
        if time.monotonic() > end:
            for pid in left:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            raise AssertionError(f"outlived their parent by {_LAST_S:g} s: {left}")
        time.sleep(0.02)


def left_of(session: int) -> dict[int, str]:
    """Live processes of a session, with their command lines."""
    found = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdecimal():
            continue
        try:
            state, _, _, number = (entry / "stat").read_text().rpartition(")")[2].split()[:4]
            if int(number) == session and state not in "ZX":
                found[int(entry.name)] = (entry / "cmdline").read_text().replace("\0", " ")
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
