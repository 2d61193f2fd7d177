"""What becomes of a camera when whoever uses it is killed or interrupted."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acquisition.camera.bench import PREPARED, gone, process, until
from tests.hardware.twin.running_rig import Rig, running_rig

pytestmark = pytest.mark.rig

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with running_rig(tmp_path_factory.mktemp("rig"), *PREPARED) as running:
        yield running


def owner(rig: Rig) -> tuple[subprocess.Popen[str], int]:
    """One that has armed its camera, in a group of its own; and the camera's process."""
    started = subprocess.Popen(
        [sys.executable, "-m", "tests.acquisition.camera.owner", str(rig.file)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert started.stdout is not None
    return started, int(started.stdout.readline())


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGINT])
def test_no_orphan_and_the_settings_as_before(rig: Rig, end: signal.Signals) -> None:
    with process(rig) as camera:
        before = camera.snapshot()
    started, pid = owner(rig)
    if end == signal.SIGKILL:
        started.kill()
    else:
        os.killpg(started.pid, signal.SIGINT)  # as a terminal does
    said, complaints = started.communicate(timeout=20)
    until(lambda: gone(pid))
    if end == signal.SIGINT:
        assert (said, complaints, started.returncode) == ("armed\n", "", 0)
    with process(rig) as camera:
        assert camera.snapshot() == before
