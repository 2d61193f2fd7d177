"""The doctor, and the build guide's program, at the end of a line with the real firmware."""

from __future__ import annotations

import json
import re
import select
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.rig,
    pytest.mark.skipif(find_spec("hardware.live") is None, reason="no hardware.live in here"),
]

ROOT = Path(__file__).resolve().parents[2]
GUIDE = ROOT / "docs" / "how-to" / "build-rig-trigger.md"


@pytest.fixture
def served_port() -> Iterator[str]:
    """Port of the host build of the firmware, served behind a pseudo-terminal."""
    command = [sys.executable, "-m", "hardware.host"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            ready, _, _ = select.select([server.stdout], [], [], 40)
            assert ready, "the firmware was not served within 40 s"
            yield json.loads(server.stdout.readline())["port"]
        finally:
            server.terminate()
            server.wait(timeout=10)


def _doctor(port: str) -> tuple[int, dict[str, dict[str, str]]]:
    run = subprocess.run(
        [sys.executable, "-m", "acquisition.doctor", "--port", port, "--json"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=45,
    )
    found = json.loads(run.stdout)["findings"]
    return run.returncode, {each["name"]: each for each in found}


def test_the_doctor_finds_the_firmware_well(served_port: str) -> None:
    code, found = _doctor(served_port)
    assert found["permission"]["status"] == "ok"
    assert found["port free"]["status"] == "ok"
    assert found["controller"]["status"] == "ok", found["controller"]
    assert "protocol 1, tick 500 ns" in found["controller"]["what"]
    assert found["controller state"]["what"].startswith("idle, gate open")
    assert code == (1 if any(each["status"] == "fault" for each in found.values()) else 0)


def test_a_port_in_use_is_left_alone(served_port: str) -> None:
    hold = "import serial, sys; line = serial.Serial(sys.argv[1]); print(1, flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", hold, served_port],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as holder:
        assert holder.stdout is not None
        assert select.select([holder.stdout], [], [], 20)[0]
        code, found = _doctor(served_port)
        holder.communicate("\n", timeout=10)
    assert code == 1
    assert f"process {holder.pid}" in found["port free"]["what"]
    assert "controller" not in found


def test_the_guide_makes_its_pulses(served_port: str) -> None:
    first, *_ = re.findall(r"```python\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    assert '"/dev/ttyACM0"' in first
    program = first.replace("/dev/ttyACM0", served_port).replace("run(900)", "run(6)")
    run = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=45
    )
    assert run.stderr == ""
    assert re.search(r"n1=6, n2=6", run.stdout), run.stdout
