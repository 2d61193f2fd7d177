# SPDX-License-Identifier: GPL-3.0-or-later
"""The emulator as an engine: the real image on a simulated ATmega328P."""

from __future__ import annotations

from pathlib import Path

from bsd.errors import EnvironmentFault
from hardware.board import Board
from hardware.compile import build

CONTROLLER = Path(__file__).resolve().parent.parent / "firmware" / "controller.hex"
"""The trigger controller's image, as it is flashed."""

_HERE = Path(__file__).resolve().parent
_NOUNS = ("board", "eeprom", "image", "interrupts", "queue", "registers", "spi", "uart")


def emulated(hex_path: Path = CONTROLLER, *, eeprom: bytes = b"") -> Board:
    """A board with that image in its flash, just powered up.

    Parameters
    ----------
    hex_path
        Intel HEX for an ATmega328P. Where it holds a bootloader at 0x7E00, the chip starts there,
        as an Uno does; else at 0.
    eeprom
        First bytes of the EEPROM.

    Raises
    ------
    EnvironmentFault
        No compiler or no libsimavr, with the line that installs it, or an image that is damaged.
    """
    return Board(library(), hex_path, eeprom)


def library() -> Path:
    """The engine's shared library, built where it is not in the cache yet.

    Raises
    ------
    EnvironmentFault
        No compiler or no libsimavr.
    """
    sources = [_HERE / f"{noun}.c" for noun in _NOUNS]
    sources.append(_HERE.parent / "timer1" / "timer1.c")
    try:
        return build(
            "emulator",
            sources,
            include=[_HERE.parent],
            # libsimavr's headers include each other without their folder's name
            flags=["-isystem", "/usr/include/simavr"],
            libraries=["simavr"],
        )
    except EnvironmentFault as error:
        if "simavr" not in str(error):
            raise
        raise EnvironmentFault(
            "the emulator needs libsimavr 1.6: sudo apt install libsimavr-dev libelf-dev"
        ) from error
