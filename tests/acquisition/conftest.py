"""Fixtures of the acquisition tests."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent


class Server:
    """A fake controller in another process, behind a pseudo-terminal."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.acquisition.fake_server"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        self.path = self._process.stdout.readline().strip()

    def go_deaf(self) -> None:
        """From now on it hears and answers nothing; what it has begun goes on."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write("x")
        self._process.stdin.flush()
        assert self._process.stdout.readline() == "deaf\n"

    def report(self) -> dict[str, Any]:
        """What it heard and did; it ends."""
        said, _ = self._process.communicate("", timeout=30)
        report: dict[str, Any] = json.loads(said)
        return report

    def end(self) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.communicate()


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    """Start fake controllers; they are ended with the test."""
    servers: list[Server] = []

    def start() -> Server:
        servers.append(Server())
        return servers[-1]

    yield start
    for server in servers:
        server.end()
