"""`python -m hardware.host`: the host build behind a pseudo terminal, in a process of its own."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.hardware.conversation import line, read_until

pytestmark = pytest.mark.rig


def test_it_serves_a_port_and_keeps_the_name(tmp_path: Path) -> None:
    memory = tmp_path / "eeprom"
    command = [sys.executable, "-m", "hardware.host", "--link", str(tmp_path / "port")]
    served = subprocess.Popen(
        [*command, "--eeprom", str(memory)], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    try:
        assert served.stdout is not None
        ready = json.loads(read_until(served.stdout.fileno(), b"\n", 30))
        assert ready["engine"] == "host"
        file = os.open(tmp_path / "port", os.O_RDWR | os.O_NOCTTY)
        try:
            assert b"\nEVT BOOT cause=" in read_until(file, b"*", 5)
            os.write(file, line("0:OPEN 1") + line("1:SET NAME bench"))
            assert b"1:OK name=bench*" in read_until(file, b"1:OK name=bench*", 5)
        finally:
            os.close(file)
        served.send_signal(signal.SIGTERM)
        _, errors = served.communicate(timeout=10)
    finally:
        if served.poll() is None:
            served.kill()
            served.communicate()
    assert (served.returncode, errors) == (0, b"")
    assert memory.read_bytes()[:16] == b"bench".ljust(16, b"\0")
    assert not (tmp_path / "port").exists()
