"""One trigger controller to run in steps of one's own: the same class over both engines in C.

The interface in C is `board.h`. Time moves in `Board.run_until` alone, so the same calls give the
same edges and bytes, cycle for cycle.
"""

from __future__ import annotations

import ctypes
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from bsd.errors import EnvironmentFault

CLOCK_HZ: Final = 16_000_000
POWER: Final = 0
EXTERNAL: Final = 1
EEPROM_BYTES: Final = 1024
FLASH_BYTES: Final = 32768

EDGE: Final = np.dtype(
    {
        "names": ["cycle", "channel", "level"],
        "formats": ["<u8", "u1", "u1"],
        "offsets": [0, 8, 9],
        "itemsize": 16,
    }
)
"""A change of level: CPU cycle since power-up, channel (1 blurry, 2 sharp), level (0, 1)."""

SHIFTED: Final = np.dtype(
    {"names": ["cycle", "byte"], "formats": ["<u8", "u1"], "offsets": [0, 8], "itemsize": 16}
)
"""A byte that the SPI began to shift out: CPU cycle since power-up, the byte."""

_CHUNK = 4096
_LAST_CYCLE = 2**62
_LONGEST_BLOCK = 2**32 - 1  # what the C interface takes


class BoardFault(EnvironmentFault):
    """The program on the board did what no chip could go on from, or what is not modelled."""


class Board:
    """A controller that has just been powered up, at cycle 0.

    Parameters
    ----------
    library
        An engine, built from C that has the functions of ``board.h``.
    hex_path
        The image in its flash; None for an engine that has none.
    eeprom
        Its first bytes, at most 1024; the rest is erased (0xFF).
    private
        Load a copy of the library for this board alone: for an engine with static state.

    Raises
    ------
    EnvironmentFault
        The library or the image cannot be loaded, or the EEPROM is longer than the chip's.
    """

    def __init__(
        self,
        library: Path,
        hex_path: Path | None = None,
        eeprom: bytes = b"",
        *,
        private: bool = False,
    ) -> None:
        self._board: int | None = None
        self._c = _load(library, private=private)
        error = ctypes.create_string_buffer(512)
        path = None if hex_path is None else str(hex_path).encode()
        self._board = self._c.board_open(path, eeprom, len(eeprom), error, len(error))
        if not self._board:
            raise BoardFault(error.value.decode(errors="replace"))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __del__(self) -> None:
        self.close()

    def close(self) -> None:
        """Let go of it; closing twice is fine."""
        if self._board is not None:
            self._c.board_close(self._board)
            self._board = None

    @property
    def cycle(self) -> int:
        """Now, in CPU cycles since power-up; it goes on over resets."""
        return int(self._c.board_cycle(self._open()))

    def run_until(self, cycle: int) -> None:
        """Run up to and including that cycle; a cycle that has passed changes nothing.

        Raises
        ------
        BoardFault
            The program crashed, or asked for what the engine does not model.
        ValueError
            No board gets as far as `cycle`.
        """
        if cycle <= self.cycle:
            return
        _check_count(cycle, _LAST_CYCLE, "cycle")
        if self._c.board_run_until(self._open(), cycle):
            raise BoardFault((self._c.board_error(self._open()) or b"").decode(errors="replace"))

    def run_for(self, seconds: float) -> None:
        """Run for so long from now."""
        self.run_until(self.cycle + round(seconds * CLOCK_HZ))

    def send(self, data: bytes) -> None:
        """Send bytes to the chip, back to back from now on or behind those still on their way."""
        self._c.board_send(self._open(), data, len(data))

    def send_at(self, cycle: int, data: bytes) -> None:
        """Send bytes so that the first one's stop bit ends at `cycle` at the earliest."""
        _check_count(cycle, _LAST_CYCLE, "cycle")
        self._c.board_send_at(self._open(), cycle, data, len(data))

    def receive(self) -> bytes:
        """Take what the chip has sent whole since the last call."""
        parts = []
        buffer = ctypes.create_string_buffer(_CHUNK)
        while n := self._c.board_receive(self._open(), buffer, _CHUNK):
            parts.append(buffer.raw[:n])
        return b"".join(parts)

    def edges(self) -> NDArray[np.void]:
        """Take the changes of level since the last call, oldest first.

        Returns
        -------
        ndarray, shape (N,), dtype `EDGE`
        """
        return self._take(self._c.board_edges, EDGE)

    def spi(self) -> NDArray[np.void]:
        """Take the bytes that the SPI has begun to shift out since the last call.

        Returns
        -------
        ndarray, shape (N,), dtype `SHIFTED`

        Raises
        ------
        BoardFault
            This engine has no SPI.
        """
        if not hasattr(self._c, "board_spi"):
            raise BoardFault("this engine has no SPI; use the emulator")
        return self._take(self._c.board_spi, SHIFTED)

    def pin(self, number: int) -> int:
        """Level that the chip gives to pin PB`number`: 0 or 1, -1 where it is an input.

        Raises
        ------
        BoardFault
            This engine has no other pins than the channels'.
        """
        if not hasattr(self._c, "board_pin"):
            raise BoardFault("this engine has two pins only; use the emulator")
        return int(self._c.board_pin(self._open(), number))

    def _take(self, fetch: Callable[..., int], kind: np.dtype[np.void]) -> NDArray[np.void]:
        parts = []
        while True:
            buffer = np.zeros(_CHUNK, kind)
            n = fetch(self._open(), buffer.ctypes.data, _CHUNK)
            parts.append(buffer[:n])
            if n < _CHUNK:
                return np.concatenate(parts) if len(parts) > 1 else parts[0].copy()

    def reset(self, cause: int = EXTERNAL) -> None:
        """Reset it now: `POWER` (memory lost) or `EXTERNAL` (button, DTR). The EEPROM stays."""
        self._c.board_reset(self._open(), cause)

    def gate(self, closed: bool) -> None:
        """Close (to ground) or open the gate input; at power-up it is open."""
        self._c.board_gate(self._open(), int(closed))

    def block(self, cycles: int) -> None:
        """Stall the CPU for so long: no instruction, no interrupt; timers and pins go on.

        Raises
        ------
        ValueError
            Negative, or over 268 s: use `hang`.
        """
        _check_count(cycles, _LONGEST_BLOCK, "cycles")
        self._c.board_block(self._open(), cycles)

    def hang(self) -> None:
        """Stall the CPU until something resets it."""
        self._c.board_hang(self._open())

    def eeprom(self) -> bytes:
        """The EEPROM as it is now, 1024 bytes."""
        buffer = ctypes.create_string_buffer(EEPROM_BYTES)
        n = self._c.board_eeprom(self._open(), buffer, EEPROM_BYTES)
        return buffer.raw[:n]

    def level(self, channel: int) -> int:
        """Level of channel 1 or 2: 0 or 1."""
        return int(self._c.board_level(self._open(), channel))

    def baud(self, baud: int) -> None:
        """Set the speed of the host's end of the line; bytes at another than the chip's are noise.

        An engine that passes bytes without a line takes any speed.
        """
        if hasattr(self._c, "board_baud"):
            self._c.board_baud(self._open(), baud)

    def worst_latency(self) -> int:
        """Most cycles from an enabled flag of Timer1 to its service, since this was asked last.

        Raises
        ------
        BoardFault
            This engine executes no instructions, so it cannot say.
        """
        if not hasattr(self._c, "board_worst_latency"):
            raise BoardFault("this engine has no latency; measure it with the emulator")
        return int(self._c.board_worst_latency(self._open()))

    def flash(self) -> bytes:
        """The flash as it is now, 32768 bytes: what a bootloader has written.

        Raises
        ------
        BoardFault
            This engine has no flash.
        """
        if not hasattr(self._c, "board_flash"):
            raise BoardFault("this engine has no flash; use the emulator")
        buffer = ctypes.create_string_buffer(FLASH_BYTES)
        n = self._c.board_flash(self._open(), buffer, FLASH_BYTES)
        return buffer.raw[:n]

    def _open(self) -> int:
        if self._board is None:
            raise BoardFault("the board is closed; open another")
        return self._board


def _check_count(value: int, most: int, name: str) -> None:
    if not 0 <= value <= most:
        raise ValueError(f"{name} {value}: it has to be between 0 and {most}")


def _load(library: Path, *, private: bool) -> ctypes.CDLL:
    try:
        if not private:
            return _declare(ctypes.CDLL(str(library)))
        with tempfile.TemporaryDirectory(prefix="bsd-board-") as folder:
            copy = (
                Path(folder) / library.name
            )  # the loader takes the same file for the same library
            copy.write_bytes(library.read_bytes())
            return _declare(ctypes.CDLL(str(copy)))
    except OSError as error:
        raise EnvironmentFault(
            f"{library}: cannot be loaded ({error}); remove it and run again to build it anew"
        ) from error


def _declare(c: ctypes.CDLL) -> ctypes.CDLL:
    board, size, cycle = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_uint64
    text = ctypes.c_char_p
    signatures: dict[str, tuple[object, list[object]]] = {
        "board_open": (board, [text, text, size, text, size]),
        "board_close": (None, [board]),
        "board_cycle": (cycle, [board]),
        "board_run_until": (ctypes.c_int, [board, cycle]),
        "board_error": (text, [board]),
        "board_send": (None, [board, text, size]),
        "board_send_at": (None, [board, cycle, text, size]),
        "board_receive": (size, [board, text, size]),
        "board_edges": (size, [board, ctypes.c_void_p, size]),
        "board_reset": (None, [board, ctypes.c_int]),
        "board_gate": (None, [board, ctypes.c_int]),
        "board_block": (None, [board, ctypes.c_uint32]),
        "board_hang": (None, [board]),
        "board_eeprom": (size, [board, text, size]),
        "board_level": (ctypes.c_int, [board, ctypes.c_int]),
        "board_baud": (None, [board, ctypes.c_uint32]),
        "board_worst_latency": (cycle, [board]),
        "board_flash": (size, [board, text, size]),
        "board_spi": (size, [board, ctypes.c_void_p, size]),
        "board_pin": (ctypes.c_int, [board, ctypes.c_int]),
    }
    for name, (result, arguments) in signatures.items():
        function = getattr(c, name, None)
        if function is not None:
            function.restype = result
            function.argtypes = arguments
    return c
