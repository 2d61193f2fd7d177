"""avr-gcc and avrdude, run as programs: build an image, write it to a board, read it back."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bsd.errors import EnvironmentFault, FoundBad, UserMistake

_HARDWARE: Final = Path(__file__).resolve().parent.parent
_BUILD_SECONDS: Final = 120
_FLASH_SECONDS: Final = 90

FLASH_BYTES: Final = 32768 - 512
"""Flash of an ATmega328P without Optiboot's share."""

RAM_BYTES: Final = 2048

APT_COMPILER: Final = "sudo apt install gcc-avr avr-libc binutils-avr make"
APT_AVRDUDE: Final = "sudo apt install avrdude"


@dataclass(frozen=True)
class Program:
    """A firmware: its folder, and the image committed there."""

    folder: Path
    image: Path


PROGRAMS: Final = {
    "controller": Program(_HARDWARE / "firmware", _HARDWARE / "firmware" / "controller.hex"),
    "ledbar": Program(_HARDWARE / "ledbar", _HARDWARE / "ledbar" / "ledbar.hex"),
}


@dataclass(frozen=True)
class Board:
    """How a board's bootloader is spoken to."""

    baud: int
    what: str


BOARDS: Final = {
    "uno": Board(115200, "Arduino Uno, Optiboot"),
    "nano": Board(115200, "Arduino Nano with Optiboot"),
    "nano-old": Board(57600, "Arduino Nano with the bootloader of before 2018"),
}

OLD_BOOTLOADER: Final = (
    "the old Nano bootloader never comes out of a watchdog reset: after the watchdog has saved a "
    "pulse the board stays dead until power is cut. Burn Optiboot once (an Uno as programmer and "
    "the Arduino IDE: board 'Arduino Nano', processor 'ATmega328P', Burn Bootloader), then use "
    "--board nano"
)


@dataclass(frozen=True)
class Built:
    """An image just built and what it takes of the chip."""

    program: str
    image: bytes
    flash_bytes: int
    ram_bytes: int


def named_program(name: str) -> Program:
    """The firmware of that name.

    Raises
    ------
    UserMistake
        There is none.
    """
    if name not in PROGRAMS:
        raise UserMistake(f"--program {name}: unknown; choose {' or '.join(PROGRAMS)}")
    return PROGRAMS[name]


def build(name: str) -> Built:
    """Compile a firmware in a temporary folder with its Makefile.

    Raises
    ------
    UserMistake
        No firmware of that name.
    EnvironmentFault
        avr-gcc or make is missing, or refuses; its first complaint is named.
    """
    program = named_program(name)
    for tool in ("make", "avr-gcc", "avr-objcopy", "avr-size"):
        _find(tool, APT_COMPILER)
    with tempfile.TemporaryDirectory(prefix="bsd-firmware-") as folder:
        words = ["make", "--silent", "-C", str(program.folder), f"OUT={folder}"]
        done = _run(words, _BUILD_SECONDS)
        if done.returncode != 0:
            first = next((x for x in done.stderr.splitlines() if "error" in x.lower()), done.stderr)
            raise EnvironmentFault(f"{program.folder}: avr-gcc cannot build it: {first.strip()}")
        image = Path(folder) / program.image.name
        flash_bytes, ram_bytes = _sizes(image.with_suffix(".elf"))
        return Built(name, image.read_bytes(), flash_bytes, ram_bytes)


def compare(built: Built) -> None:
    """Hold an image just built against the committed one.

    Raises
    ------
    FoundBad
        They differ.
    """
    committed = named_program(built.program).image
    if not committed.is_file() or committed.read_bytes() != built.image:
        raise FoundBad(
            f"{committed}: differs from what these sources make with this avr-gcc "
            f"({compiler_version()}); Debian 12's is 5.4.0; run build without --check to renew it"
        )


def compiler_version() -> str:
    """First line of ``avr-gcc --version``."""
    return _run([_find("avr-gcc", APT_COMPILER), "--version"], 30).stdout.partition("\n")[0]


def flash(image: Path, port: Path, board_name: str, *, old_bootloader: bool = False) -> None:
    """Write an image through the board's bootloader and read it back.

    Parameters
    ----------
    image
        Intel HEX.
    port
        Serial port of the board.
    board_name
        A key of `BOARDS`.
    old_bootloader
        Go on with a bootloader that a watchdog reset kills.

    Raises
    ------
    UserMistake
        No such image, port or board; or an old bootloader without `old_bootloader`.
    EnvironmentFault
        No avrdude, no answer of the bootloader, no permission, or the flash does not take it.
    """
    _avrdude(image, port, board_name, "w", old_bootloader=old_bootloader)


def verify(image: Path, port: Path, board_name: str) -> None:
    """Read the board's flash back and compare it with an image.

    Raises
    ------
    FoundBad
        The board holds another program.
    UserMistake, EnvironmentFault
        As `flash`.
    """
    _avrdude(image, port, board_name, "v", old_bootloader=True)


def _avrdude(
    image: Path, port: Path, board_name: str, action: str, *, old_bootloader: bool
) -> None:
    if board_name not in BOARDS:
        raise UserMistake(f"--board {board_name}: unknown; choose {', '.join(BOARDS)}")
    if board_name == "nano-old" and not old_bootloader:
        raise UserMistake(f"--board nano-old: {OLD_BOOTLOADER} (--anyway to go on all the same)")
    if not image.is_file():
        raise UserMistake(f"{image}: no such image; build it: python -m hardware.firmware build")
    if not port.exists():
        raise UserMistake(f"{port}: no such port; plug the board in and look at /dev/serial/by-id")
    tool = _find("avrdude", APT_AVRDUDE)
    board = BOARDS[board_name]
    words = [tool, "-q", "-q", "-p", "m328p", "-c", "arduino", "-P", str(port)]
    words += ["-b", str(board.baud), "-D", "-U", f"flash:{action}:{image}:i"]
    done = _run(words, _FLASH_SECONDS)
    if done.returncode != 0:
        _explain(done.stderr, port, board)


def _explain(complaint: str, port: Path, board: Board) -> None:
    text = complaint.lower()
    if "verification" in text or "mismatch" in text:
        raise FoundBad(f"{port}: the board's flash is not this image; flash it again")
    if "permission denied" in text:
        raise EnvironmentFault(
            f"{port}: permission denied; sudo usermod -aG dialout $USER, then log in again"
        )
    if "busy" in text:
        raise EnvironmentFault(f"{port}: in use by another program; close it")
    if re.search(r"not in sync|sync\(\)|not responding|programmer is not responding", text):
        raise EnvironmentFault(
            f"{port}: no answer of the bootloader at {board.baud} baud ({board.what}); press reset "
            "and run again, or name another --board (uno, nano, nano-old)"
        )
    first = next((line for line in complaint.splitlines() if line.strip()), "no message")
    raise EnvironmentFault(f"{port}: avrdude: {first.strip()}")


def _sizes(elf: Path) -> tuple[int, int]:
    done = _run(["avr-size", "-A", str(elf)], 30)
    found = dict(re.findall(r"^\.(\w+)\s+(\d+)", done.stdout, re.MULTILINE))
    text, data, bss = (int(found.get(name, 0)) for name in ("text", "data", "bss"))
    return text + data, data + bss + int(found.get("noinit", 0))


def _find(tool: str, apt: str) -> str:
    if found := shutil.which(tool):
        return found
    raise EnvironmentFault(f"{tool} is missing; install it: {apt}")


def _run(words: Sequence[str], seconds: float) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(  # noqa: S603
            list(words), capture_output=True, text=True, timeout=seconds, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise EnvironmentFault(
            f"{Path(words[0]).name} did not end within {seconds:.0f} s; unplug the board, run again"
        ) from error
