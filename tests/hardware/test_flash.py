"""avrdude writes the firmware through a real Optiboot, and it starts and answers."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from acquisition.trigger import TriggerController
from acquisition.trigger_port import open_port
from bsd.errors import EnvironmentFault, FoundBad
from hardware.emulator.engine import library
from hardware.firmware import toolchain

pytestmark = pytest.mark.rig

SOURCE = Path("/usr/share/arduino/hardware/arduino/avr/bootloaders/optiboot/optiboot.c")
# Debian's ready image is 532 bytes long and does not fit the boot section of 512; without the
# flashes of the LED it does.
FLAGS = ["-DLED_START_FLASHES=0", "-DBAUD_RATE=115200", "-DF_CPU=16000000L", "-mmcu=atmega328p"]
FLAGS += ["-Os", "-fno-inline-small-functions", "-fno-split-wide-types", "-mshort-calls"]
FLAGS += ["-nostartfiles", "-nostdlib", "-Wl,--relax"]
FLAGS += ["-Wl,--section-start=.text=0x7e00", "-Wl,--section-start=.version=0x7ffe"]


@pytest.fixture(scope="module")
def optiboot(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Optiboot for an Uno, from its source."""
    if not SOURCE.exists():
        pytest.skip("no Optiboot here: apt install arduino-core-avr")
    for tool, package in (("avr-gcc", "gcc-avr avr-libc"), ("avrdude", "avrdude")):
        if shutil.which(tool) is None:
            pytest.skip(f"no {tool} here: apt install {package}")
    folder = tmp_path_factory.mktemp("optiboot")
    elf, image = folder / "optiboot.elf", folder / "optiboot.hex"
    subprocess.run(["avr-gcc", *FLAGS, SOURCE, "-o", elf], check=True, timeout=30)
    sections = ["-j", ".text", "-j", ".data", "-j", ".version"]
    flags = ["--set-section-flags", ".version=alloc,load", "-O", "ihex"]
    subprocess.run(["avr-objcopy", *sections, *flags, elf, image], check=True, timeout=30)
    return image


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
        assert (identity.proto, identity.chip) == (1, "atmega328p")
        run = controller.run(3)
        done = controller.wait_done(5)
        assert (done.run, done.n1, done.n2, done.cause) == (run, 3, 3, "count")
