"""The producer as harvesters finds it, in processes of their own."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.hardware.twin import gentl_calls as g
from tests.hardware.twin.gentl_calls import Bench

pytestmark = [
    pytest.mark.rig,
    pytest.mark.skipif(
        importlib.util.find_spec("harvesters") is None, reason="needs harvesters and genicam"
    ),
]


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Bench]:
    with g.bench(tmp_path) as standing:
        yield standing


class Child:
    """A `bare_consumer.py` that works through its commands."""

    def __init__(self, rig: Bench, serial: str, commands: str) -> None:
        script = Path(__file__).with_name("bare_consumer.py")
        self.process = subprocess.Popen(
            [sys.executable, str(script), str(rig.path), serial, *commands.split()],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def answer(self, name: str) -> Any:
        assert self.process.stdout is not None
        told, value = json.loads(self.process.stdout.readline())
        assert told == name
        return value

    def go_on(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write("go\n")
        self.process.stdin.flush()
        assert self.answer("wait") == "go"


@contextlib.contextmanager
def child(rig: Bench, serial: str, commands: str) -> Iterator[Child]:
    running = Child(rig, serial, commands)
    try:
        yield running
        running.process.communicate(timeout=20)
    finally:
        running.process.kill()
        running.process.communicate(timeout=20)


def check_rows(fetched: dict[str, Any], count: int, shape: list[object]) -> None:
    rows = fetched["rows"]
    assert [row[0] for row in rows] == list(range(count))
    assert [row[1] for row in rows] == list(range(count))
    assert {rows[i + 1][2] - rows[i][2] for i in range(count - 1)} == {5_000_000}
    assert all(row[3] == shape for row in rows)
    assert fetched["lost"] == 0


def test_two_processes_fetch_a_camera_each(rig: Bench) -> None:
    commands = "open set:Gain:7 set:Gain:101 set:Width:96 start fetch:60 stop destroy reset"
    with contextlib.ExitStack() as stack:
        children = [stack.enter_context(child(rig, serial, commands)) for serial in g.SERIALS]
        for consumer, serial in zip(children, g.SERIALS, strict=True):
            assert serial in consumer.answer("open")
            told = [consumer.answer("set") for _ in range(3)]
            assert told == [7, "InvalidValueException", 96]
            assert consumer.answer("start") == 5
            check_rows(consumer.answer("fetch"), 60, [48, 96, "Mono8"])
            assert consumer.answer("stop") == "stopped"
            assert consumer.answer("destroy") == "destroyed"
            assert consumer.answer("reset") == "reset"
    assert [consumer.process.returncode for consumer in children] == [0, 0]


def test_a_lost_camera_shows_and_is_opened_again(rig: Bench) -> None:
    commands = "open start fetch:5 wait status stop destroy open start fetch:5 stop reset"
    with child(rig, g.SERIALS[0], commands) as consumer:
        assert consumer.answer("open") == list(g.SERIALS)
        assert consumer.answer("start") == 5
        check_rows(consumer.answer("fetch"), 5, [48, 64, "Mono8"])
        rig.tell("lose 0")
        rig.tell("restore 0")
        consumer.go_on()
        assert consumer.answer("status") == 3
        assert consumer.answer("stop") == "IoException"
        assert consumer.answer("destroy") == "destroyed"
        assert consumer.answer("open") == list(g.SERIALS)
        assert consumer.answer("start") == 5
        check_rows(consumer.answer("fetch"), 5, [48, 64, "Mono8"])
        assert consumer.answer("stop") == "stopped"
        assert consumer.answer("reset") == "reset"
    assert consumer.process.returncode == 0


def test_starting_and_stopping_loses_no_first_frame(rig: Bench) -> None:
    cycle = "start fetch:3 stop "
    with child(rig, g.SERIALS[1], "open " + 10 * cycle + "reset") as consumer:
        consumer.answer("open")
        for _ in range(10):
            consumer.answer("start")
            check_rows(consumer.answer("fetch"), 3, [48, 64, "Mono8"])
            assert consumer.answer("stop") == "stopped"


def test_a_crash_of_the_producer_can_be_ordered(rig: Bench) -> None:
    commands = "open set:CrashAtFrame:3 start fetch:9"
    with child(rig, g.SERIALS[0], commands) as consumer:
        pass
    assert consumer.process.returncode == -signal.SIGSEGV
    with child(rig, g.SERIALS[0], "open start fetch:3 stop reset") as consumer:
        assert consumer.answer("open") == list(g.SERIALS)
        assert consumer.answer("start") == 5
        check_rows(consumer.answer("fetch"), 3, [48, 64, "Mono8"])
