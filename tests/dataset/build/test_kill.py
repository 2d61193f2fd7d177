"""A build that is killed in any of its stages, and run again, publishes the same bytes."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from bsd.provenance import sha256_file
from tests.dataset.build.killed_build import STAGES

pytestmark = pytest.mark.rig

ROOT = Path(__file__).parents[3]
NAME = "BSD_2ms16ms"


def run(stage: str, out: Path) -> int:
    """Exit status of a build that is killed in a stage, or not."""
    command = [sys.executable, "-m", "tests.dataset.build.killed_build", stage, str(out)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, timeout=55).returncode


def hashes(root: Path) -> dict[str, str]:
    """SHA-256 of every file."""
    files = (path for path in sorted(root.rglob("*")) if path.is_file())
    return {path.relative_to(root).as_posix(): sha256_file(path) for path in files}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Files of a build that nobody killed."""
    out = tmp_path_factory.mktemp("undisturbed") / "out"
    assert run("none", out) == 0
    return hashes(out / NAME)


@pytest.mark.parametrize("stage", STAGES)
def test_a_kill_and_a_second_run_give_the_same_bytes(
    undisturbed: dict[str, str], tmp_path: Path, stage: str
) -> None:
    """Also of dataset.json, build.json, the datasheet and the quality page."""
    assert run(stage, tmp_path / "out") == -signal.SIGKILL
    assert run("none", tmp_path / "out") == 0
    found = hashes(tmp_path / "out" / NAME)
    assert found == undisturbed
    assert {"dataset.json", "build.json", "qc.html", "datasheet.md"} <= set(found)
