"""avrdude writes the firmware through a real Optiboot, and it starts and answers."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from acquisition.exposure import CameraTiming, plan
from acquisition.trigger.controller import TriggerController
from acquisition.trigger.port import open_port
from bsd.errors import EnvironmentFault, FoundBad
from bsd.setting import Setting
from hardware.emulator.engine import library
from hardware.firmware import toolchain
from tests.hardware.optiboot import build

pytestmark = pytest.mark.rig


@pytest.fixture(scope="module")
def optiboot(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Optiboot for an Uno, from its source."""
    try:
        return build(tmp_path_factory.mktemp("optiboot"))
    except EnvironmentFault as fault:
        pytest.skip(str(fault))


@pytest.fixture
def port(optiboot: Path) -> Iterator[str]:
    """A fresh board that holds nothing but its bootloader, behind a serial port."""
    try:
        library()
    except EnvironmentFault as fault:
        pytest.skip(str(fault))
    serving = [sys.executable, "-m", "hardware.emulator", "--hex", str(optiboot)]
    with subprocess.Popen(serving, stdout=subprocess.PIPE, text=True) as board:
        assert board.stdout is not None
        yield str(json.loads(board.stdout.readline())["port"])
        board.terminate()
        assert board.wait(10) == 0


def test_flash_verify_and_talk(port: str) -> None:
    path, image = Path(port), toolchain.named_program("controller").image
    with pytest.raises(FoundBad, match="flash it again"):
        toolchain.verify(image, path, "uno")
    toolchain.flash(image, path, "uno")
    toolchain.verify(image, path, "uno")
    with TriggerController(open_port(port)) as controller:
        identity = controller.open()
        assert identity.chip == "atmega328p"
        ideal = CameraTiming(exposure="trigger_width", readout_us=5000)
        planned = plan(Setting.parse("2ms16ms"), 15, "centre", ideal, ideal)
        controller.configure(planned.program)
        run = controller.run(3)
        done = controller.wait_done(5)
        assert (done.run, done.n1, done.n2, done.cause) == (run, 3, 3, "count")
