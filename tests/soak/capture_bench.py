"""A capture on a virtual rig with prepared frames, started as a user starts it."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.hardware.twin.running_rig import Rig, running_rig
from tests.soak.family import ROOT, wait_until_gone

_END_S = 60.0


@contextmanager
def prepared_rig(folder: Path, width_px: int, height_px: int, *words: str) -> Iterator[Rig]:
    """Start a virtual rig that streams ready frames in real time; its sockets are its own."""
    runtime = tempfile.mkdtemp(prefix="bsd-soak-")  # short: a socket's path is limited
    before = os.environ.get("XDG_RUNTIME_DIR")
    os.environ["XDG_RUNTIME_DIR"] = runtime
    sizes = [
        word
        for number in (1, 2)
        for side, size in (("width_px", width_px), ("height_px", height_px))
        for word in ("--set", f"sensor_{number}.{side}={size}")
    ]
    try:
        with running_rig(folder, "--prepared", "300", "--engine", "host", *sizes, *words) as rig:
            yield rig
    finally:
        if before is None:
            del os.environ["XDG_RUNTIME_DIR"]
        else:
            os.environ["XDG_RUNTIME_DIR"] = before
        shutil.rmtree(runtime)


def capture_words(rig: Path, session: Path, clips: int, frames: int, *more: str) -> list[str]:
    """The command that records; the same again resumes."""
    return [
        *("-m", "acquisition.capture", "--rig", str(rig), "--setting", "2ms16ms"),
        *("--out", str(session), "--clips", str(clips), "--frames", str(frames)),
        *("--no-persons", "--operator", "soak", "--yes", *more),
    ]


@dataclass
class Capture:
    """A running capture with all its processes.

    Attributes
    ----------
    process
        The command's own.
    log
        What it and its children say.
    temporary
        Its folder for temporary files.
    may_linger
        Its descendants may still be ending when it has ended.
    """

    process: subprocess.Popen[bytes]
    log: Path
    temporary: Path
    may_linger: bool = field(default=False)

    @property
    def text(self) -> str:
        """What it has said so far."""
        return self.log.read_text(errors="replace")

    @property
    def session(self) -> int:
        """Number of the kernel's session that all its descendants stay in."""
        return self.process.pid


@contextmanager
def capturing(words: list[str], folder: Path) -> Iterator[Capture]:
    """Start a capture; at the end it is ended if it still runs, and all of it must be gone.

    Parameters
    ----------
    words
        For the interpreter.
    folder
        Gets the log, and the folder for its temporary files.
    """
    temporary = folder / "tmp"
    temporary.mkdir(parents=True, exist_ok=True)
    log = folder / "capture.log"
    with log.open("wb") as said:
        process = subprocess.Popen(
            [sys.executable, *words],
            cwd=ROOT,
            env=os.environ | {"TMPDIR": str(temporary)},
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
            start_new_session=True,
        )
    capture = Capture(process, log, temporary)
    try:
        yield capture
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        try:
            process.wait(_END_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        finally:
            if not capture.may_linger:
                wait_until_gone(process.pid)


def shared_memory() -> set[str]:
    """Names in the machine's shared memory, where there is such a folder."""
    folder = Path("/dev/shm")  # noqa: S108  not written to
    return {path.name for path in folder.iterdir()} if folder.is_dir() else set()


def last_line(text: str) -> str:
    """Of an output, without the terminal's colours."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return re.sub(r"\x1b\[[0-9;]*m", "", lines[-1]) if lines else ""
