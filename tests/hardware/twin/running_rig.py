"""A virtual rig as a user starts it, and its trigger spoken to without the project's client."""

from __future__ import annotations

import binascii
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import serial
import yaml

READY_S = 55.0
SMALL = [
    "--set", "sensor_1.width_px=160", "--set", "sensor_1.height_px=120",
    "--set", "sensor_2.width_px=160", "--set", "sensor_2.height_px=120",
]  # fmt: skip


@dataclass
class Rig:
    """A running rig.

    Attributes
    ----------
    process
        The parent of its processes.
    file
        Its rig.yaml.
    """

    process: subprocess.Popen[str]
    file: Path
    producer: str
    port: str
    serials: tuple[str, str]

    @property
    def folder(self) -> Path:
        """Of the session."""
        return Path(self.producer).parent

    def verb(self, *words: str) -> subprocess.CompletedProcess[str]:
        """A sub-command of the twin, on this rig."""
        name, *rest = words
        command = [sys.executable, "-m", "hardware.twin", name, "--rig-file", str(self.file), *rest]
        return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)


@contextmanager
def running_rig(folder: Path, *words: str) -> Iterator[Rig]:
    """Start one in `folder`; at the end it is interrupted, and must go with exit code 0."""
    rig = start_rig(folder, *words)
    try:
        yield rig
    finally:
        if rig.process.poll() is None:
            rig.process.send_signal(signal.SIGINT)
        try:
            rest, _ = rig.process.communicate(timeout=20)
        finally:
            rig.process.kill()
    assert rig.process.returncode == 0, rest


def start_rig(folder: Path, *words: str) -> Rig:
    """Start one and wait until it is ready."""
    file = folder / "rig.yaml"
    stale = file.stat().st_ino if file.exists() else None
    process = subprocess.Popen(
        [sys.executable, "-m", "hardware.twin", "--rig-file", str(file), *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    until = time.monotonic() + READY_S
    while not file.exists() or file.stat().st_ino == stale:
        if process.poll() is not None or time.monotonic() > until:
            process.kill()
            raise AssertionError(f"the rig is not ready: {process.communicate()[0]}")
        time.sleep(0.05)
    fields = yaml.safe_load(file.read_text())
    cameras = fields["cameras"]
    return Rig(
        process,
        file,
        cameras["blurry"]["producer"],
        fields["trigger"]["port"],
        (cameras["blurry"]["serial"], cameras["sharp"]["serial"]),
    )


@contextmanager
def numbered(port: str) -> Iterator[None]:
    """Keep a pseudo-terminal's number while its rig ends and a client still looks for it.

    Else the next terminal that anybody on the machine opens gets the number, and the client takes
    a stranger's line. While this is held the path is simply gone.
    """
    held = os.open(port, os.O_RDWR | os.O_NOCTTY)
    try:
        yield
    finally:
        os.close(held)


class Trigger:
    """The controller on a port; opening it resets it, as it does an Uno."""

    def __init__(self, port: str) -> None:
        self._line = serial.Serial(port, 500_000, timeout=0.05)
        self._number = 0
        self.events: list[str] = []
        self._rest = b""
        self._begin()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._line.close()

    def _begin(self) -> None:
        """Open a conversation; EVT BOOT may have come before pyserial emptied its buffer."""
        for _ in range(40):
            try:
                self.say("OPEN 4711", number=0, patience_s=0.5)
                return
            except AssertionError:
                continue
        raise AssertionError(f"no answer to OPEN; events: {self.events}")

    def say(self, command: str, *, number: int | None = None, patience_s: float = 20.0) -> str:
        """One command in order, and its reply."""
        if number is None:
            self._number = self._number % 65535 + 1
            number = self._number
        text = f"{number}:{command}".encode()
        self._line.write(b"%s*%04X\n" % (text, binascii.crc_hqx(text, 0xFFFF)))
        return self.wait(rf"{number}:", patience_s)

    def wait(self, pattern: str, patience_s: float) -> str:
        """The next line that begins so; events before it are kept."""
        until = time.monotonic() + patience_s
        while time.monotonic() < until:
            self._rest += self._line.read(4096)
            while b"\n" in self._rest:
                raw, _, self._rest = self._rest.partition(b"\n")
                text = raw.decode().rpartition("*")[0]
                if text.startswith("EVT"):
                    self.events.append(text)
                if re.match(pattern, text):
                    return text
        raise AssertionError(f"no {pattern} in {patience_s} s; events: {self.events[-5:]}")

    def run(self, frames: int, program: dict[str, int], patience_s: float = 30.0) -> dict[str, str]:
        """A run to its end, heartbeats by host time; the fields of DONE."""
        for name, value in program.items():
            assert "OK" in self.say(f"SET {name} {value}")
        assert "OK" in self.say(f"RUN {frames}")
        until = time.monotonic() + patience_s
        while time.monotonic() < until:
            self.say("HB")
            for text in self.events:
                if text.startswith("EVT DONE"):
                    return dict(re.findall(r"(\w+)=(\S+)", text))
            self.events.clear()
            time.sleep(0.1)
        raise AssertionError("the run does not end")


def alive(pid: int) -> bool:
    """Whether a process is there that is no zombie."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
