"""A child that ends by its own error while it listens for its parent's end."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytestmark = pytest.mark.unit

CHILD = """
import sys, threading, time
from hardware.twin.lifeline import follow_parent
stop = threading.Event()
follow_parent(stop)
time.sleep(0.2)
if len(sys.argv) > 1:
    raise SystemExit(3)
print(stop.wait(10))
"""


def start(*words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", CHILD, *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_a_child_ends_with_its_own_exit_code() -> None:
    with start("fails") as child:
        assert child.wait(20) == 3
        assert child.stderr is not None
        assert child.stderr.read() == ""


def test_a_child_hears_of_its_parents_end() -> None:
    with start() as child:
        said, _ = child.communicate("words", timeout=20)
    assert (said, child.returncode) == ("True\n", 0)
