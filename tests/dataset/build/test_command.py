"""The command with a solved calibration: workers and kills change nothing."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bsd.provenance import sha256_file
from calibration.solve.options import SolveOptions
from calibration.solve.solution import solve
from tests.twin_session import SceneClip, TwinSession, twin_session

pytestmark = [pytest.mark.rig, pytest.mark.timeout(240)]

SCENES = (SceneClip(frames=12, number=0), SceneClip(frames=12, number=1))


@pytest.fixture(scope="module")
def twin() -> TwinSession:
    """A whole session with two scenes."""
    return twin_session(scenes=SCENES, end=False, missing=("sync",))


@pytest.fixture(scope="module")
def calibration(twin: TwinSession, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Solved from the session."""
    out = tmp_path_factory.mktemp("solved") / "cal"
    solve(twin.folder, out, SolveOptions(allow_missing=("end",)))
    return out


def command(twin: TwinSession, calibration: Path, out: Path, workers: int) -> list[str]:
    """The command line of a small build."""
    words = ["--session", str(twin.folder), "--calibration", str(calibration), "--out", str(out)]
    words += ["--size", "176x132", "--workers", str(workers), "--json"]
    return [sys.executable, "-m", "dataset.build", *words]


def hashes(out: Path) -> dict[str, str]:
    """SHA-256 of every file of the tree."""
    root = out / "BSD_2ms16ms"
    files = (path for path in sorted(root.rglob("*")) if path.is_file())
    return {str(path.relative_to(root)): sha256_file(path) for path in files}


def test_workers_and_kills_change_nothing(
    twin: TwinSession, calibration: Path, tmp_path: Path
) -> None:
    """One worker; two of them; and two that are killed with -9 in the midst, then one goes on."""
    for workers in (1, 2):
        line = command(twin, calibration, tmp_path / str(workers), workers)
        done = subprocess.run(line, capture_output=True, text=True, timeout=100, check=False)
        assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["trees"][0]["counts"]["train"] == {"sequences": 1, "frames": 12}
    expected = hashes(tmp_path / "1")
    assert len(expected) > 2 * 12 * 8
    assert hashes(tmp_path / "2") == expected

    out = tmp_path / "killed"
    line = command(twin, calibration, out, 2)
    running = subprocess.Popen(
        line, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    try:
        deadline = time.monotonic() + 90
        while not list(out.glob("*/*/*/Sharp/RGB/00000003.png")):
            assert time.monotonic() < deadline
            assert running.poll() is None, "ended before it could be killed"
            time.sleep(0.02)
    finally:
        os.killpg(running.pid, signal.SIGKILL)
        running.wait(timeout=20)
    assert not (out / "BSD_2ms16ms" / "dataset.json").exists()
    line = command(twin, calibration, out, 1)
    done = subprocess.run(line, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stderr
    assert hashes(out) == expected


def test_publish_and_licence_go_together(twin: TwinSession, calibration: Path) -> None:
    """Before any work: exit code 2 and one line."""
    line = [*command(twin, calibration, Path("nowhere"), 1), "--publish"]
    done = subprocess.run(line, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert "--publish needs --licence" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
