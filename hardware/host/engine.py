"""The host build as an engine: the firmware's own sources, with nothing but a C compiler."""

from __future__ import annotations

from pathlib import Path

from hardware.board import Board
from hardware.compile import build

_HERE = Path(__file__).resolve().parent
_FIRMWARE = _HERE.parent / "firmware"
_MODELS = ("board_host.c", "chip_host.c", "queue.c", "uart.c")
_CHIP_ONLY = {"main.c", "start.c"}


def hosted(*, eeprom: bytes = b"", sanitize: bool = False) -> Board:
    """A board that runs the firmware natively, just powered up.

    Edges are those of the chip, cycle for cycle within a run; latencies are rough.

    Parameters
    ----------
    eeprom
        First bytes of the EEPROM.
    sanitize
        Build with the address and undefined sanitizers.

    Raises
    ------
    EnvironmentFault
        No C compiler, with the line that installs one.
    """
    return Board(library(sanitize=sanitize), eeprom=eeprom, private=True)


def library(*, sanitize: bool = False) -> Path:
    """The engine's shared library, built where it is not in the cache yet.

    Raises
    ------
    EnvironmentFault
        No C compiler.
    """
    firmware = [path for path in sorted(_FIRMWARE.glob("*.c")) if path.name not in _CHIP_ONLY]
    models = [_HERE / name for name in _MODELS]
    return build(
        "host",
        [*firmware, *models, _HERE.parent / "timer1" / "timer1.c"],
        include=[_FIRMWARE, _HERE, _HERE.parent],
        sanitize=sanitize,
    )
