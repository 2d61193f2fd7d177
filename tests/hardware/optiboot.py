"""Optiboot, the bootloader of an Uno, from the source that Debian ships."""

import shutil
import subprocess
from pathlib import Path

from bsd.errors import EnvironmentFault

SOURCE = Path("/usr/share/arduino/hardware/arduino/avr/bootloaders/optiboot/optiboot.c")
# Debian's ready image is 532 bytes long and does not fit the boot section of 512; without the
# flashes of the LED it does.
FLAGS = ["-DLED_START_FLASHES=0", "-DBAUD_RATE=115200", "-DF_CPU=16000000L", "-mmcu=atmega328p"]
FLAGS += ["-Os", "-fno-inline-small-functions", "-fno-split-wide-types", "-mshort-calls"]
FLAGS += ["-nostartfiles", "-nostdlib", "-Wl,--relax"]
FLAGS += ["-Wl,--section-start=.text=0x7e00", "-Wl,--section-start=.version=0x7ffe"]


def build(folder: Path) -> Path:
    """Its image in Intel HEX, made in `folder`.

    Raises
    ------
    EnvironmentFault
        Its source or a tool is missing, with the line that installs it.
    """
    if not SOURCE.exists():
        raise EnvironmentFault("no Optiboot here: apt install arduino-core-avr")
    for tool, package in (("avr-gcc", "gcc-avr avr-libc"), ("avrdude", "avrdude")):
        if shutil.which(tool) is None:
            raise EnvironmentFault(f"no {tool} here: apt install {package}")
    elf, image = folder / "optiboot.elf", folder / "optiboot.hex"
    subprocess.run(["avr-gcc", *FLAGS, SOURCE, "-o", elf], check=True, timeout=30)
    sections = ["-j", ".text", "-j", ".data", "-j", ".version"]
    flags = ["--set-section-flags", ".version=alloc,load", "-O", "ihex"]
    subprocess.run(["avr-objcopy", *sections, *flags, elf, image], check=True, timeout=30)
    return image
