"""The machine: compiler, optional tools, disk, shared memory, clock."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from acquisition.health.finding import Finding

_GIB = 1 << 30
_DISK_FAULT_BYTES = 1 * _GIB
_DISK_WARNING_BYTES = 20 * _GIB
_SHARED_WARNING_BYTES = 512 << 20
_CLOCK = Path("/sys/devices/system/clocksource/clocksource0/current_clocksource")
_SLOW_CLOCKS = {"hpet", "acpi_pm", "jiffies", "refined-jiffies", "pit"}
_COMPILE_LIMIT_S = 20.0


@dataclass(frozen=True)
class Tool:
    """An optional program or library of the machine."""

    name: str
    purpose: str
    remedy: str
    candidates: tuple[str, ...]  # program names, or absolute paths of files


TOOLS = (
    Tool(
        "avrdude",
        "writes the firmware to a board",
        "apt-get install avrdude",
        ("avrdude",),
    ),
    Tool(
        "avr-gcc",
        "rebuilds the firmware; the built one is in the checkout",
        "apt-get install gcc-avr avr-libc binutils-avr",
        ("avr-gcc",),
    ),
    Tool(
        "simavr",
        "runs the firmware without a board (hardware.emulator)",
        "apt-get install libsimavr-dev libelf-dev; hardware.host needs only a C compiler",
        (
            "/usr/include/simavr/sim_avr.h",
            "/usr/local/include/simavr/sim_avr.h",
            "/opt/homebrew/include/simavr/sim_avr.h",
        ),
    ),
)


def compiler(path: str | None, complaint: str | None) -> Finding:
    """Whether C can be compiled here.

    Parameters
    ----------
    path
        The compiler found; None where there is none.
    complaint
        Its first line of complaint about a file that includes ``<stdio.h>``; None where it
        compiled.
    """
    remedy = "apt-get install gcc libc6-dev (or set CC)"
    if path is None:
        what = "none: the virtual rig compiles its parts at first use"
        return Finding("C compiler", "warning", what, remedy)
    if complaint is not None:
        return Finding("C compiler", "warning", f"{path} does not work: {complaint}", remedy)
    return Finding("C compiler", "ok", path)


def tool(wanted: Tool, path: str | None) -> Finding:
    """Whether an optional program is there, and what it would be for."""
    if path is not None:
        return Finding(wanted.name, "ok", path)
    return Finding(wanted.name, "warning", f"absent (optional: {wanted.purpose})", wanted.remedy)


def disk(folder: Path, free_bytes: int | None) -> Finding:
    """Whether there is room for recordings: two cameras fill about 3 GiB a minute."""
    if free_bytes is None:
        return Finding("disk", "warning", f"{folder}: free space cannot be read")
    text = f"{free_bytes / _GIB:.1f} GiB free in {folder}"
    if free_bytes >= _DISK_WARNING_BYTES:
        return Finding("disk", "ok", text)
    status = "fault" if free_bytes < _DISK_FAULT_BYTES else "warning"
    minutes = free_bytes / _GIB / 3
    return Finding(
        "disk",
        "fault" if status == "fault" else "warning",
        f"{text}, about {minutes:.1f} minutes of two cameras (1280 × 720, 16 bit, 15 fps)",
        "free some space or record to another disk",
    )


def shared_memory(total_bytes: int | None, free_bytes: int | None) -> Finding:
    """Whether /dev/shm can hold the rings between camera processes and the recorder."""
    name = "/dev/shm"  # noqa: S108 - the place itself is what is looked at
    if total_bytes is None or free_bytes is None:
        return Finding(name, "warning", "absent", "mount -t tmpfs tmpfs /dev/shm")
    text = f"{free_bytes / _GIB:.2f} of {total_bytes / _GIB:.2f} GiB free"
    if free_bytes >= _SHARED_WARNING_BYTES:
        return Finding(name, "ok", text)
    return Finding(
        name,
        "warning",
        f"{text}: too small for seconds of frames of two cameras",
        "mount -o remount,size=2G /dev/shm (a container: --shm-size 2g)",
    )


def clock_source(name: str | None) -> Finding:
    """Whether the kernel's clock is a fast and steady one."""
    if name is None:
        return Finding("clock source", "ok", "not told by this system")
    if name not in _SLOW_CLOCKS:
        return Finding("clock source", "ok", name)
    return Finding(
        "clock source",
        "warning",
        f"{name} is slow to read: host times get coarse (pairs are not decided by them)",
        "see 'dmesg | grep -i clocksource' for why the kernel left tsc",
    )


def read_compiler() -> tuple[str | None, str | None]:
    """(path of the compiler, its complaint); tried on a file that needs the C library."""
    asked = os.environ.get("CC", "").split()[:1]
    path = next(filter(None, map(shutil.which, [*asked, "cc", "gcc", "clang"])), None)
    if path is None:
        return None, None
    try:
        tried = subprocess.run(  # noqa: S603 - the compiler that the user's PATH names
            [path, "-x", "c", "-fsyntax-only", "-"],
            input='#include <stdio.h>\nint main(void) { return puts("") < 0; }\n',
            capture_output=True,
            text=True,
            timeout=_COMPILE_LIMIT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return path, str(error)
    if tried.returncode == 0:
        return path, None
    return path, (tried.stderr.strip().splitlines() or ["it gave no reason"])[0]


def read_tool(wanted: Tool) -> str | None:
    """Path of the first candidate that is there."""
    for candidate in wanted.candidates:
        path = Path(candidate)
        if path.is_absolute():
            if path.exists():
                return candidate
        elif (found := shutil.which(candidate)) is not None:
            return found
    return None


def read_space(folder: Path) -> tuple[int | None, int | None]:
    """(total, free) bytes for this user; None where the system does not tell."""
    try:
        usage = shutil.disk_usage(folder)
    except OSError:
        return None, None
    return usage.total, usage.free


def read_clock_source(path: Path = _CLOCK) -> str | None:
    """The kernel's clock source; None where there is no /sys."""
    try:
        return path.read_text().strip()
    except OSError:
        return None


def examine(folder: Path) -> list[Finding]:
    """All findings on the machine, with its facts."""
    return [
        compiler(*read_compiler()),
        *(tool(wanted, read_tool(wanted)) for wanted in TOOLS),
        disk(folder, read_space(folder)[1]),
        shared_memory(*read_space(Path("/dev/shm"))),  # noqa: S108
        clock_source(read_clock_source()),
    ]
