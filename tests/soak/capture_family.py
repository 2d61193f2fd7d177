"""Which process of a capture does what, seen from outside."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path
from typing import Final

from tests.soak.family import left_of

MAIN: Final = "main"
RECORDER: Final = "recorder"
CAMERAS: Final = ("camera 1", "camera 2")
TRIGGER: Final = "trigger"
_NAMES: Final = {MAIN, RECORDER, *CAMERAS, TRIGGER}
_CHILD: Final = "spawn_main"
_LIBRARY: Final = "bsd-twin"
_TRIES_S: Final = 0.05


def members(session: int, port: str) -> dict[str, int]:
    """Process number by what it does, of those that are there.

    A camera's has the producer loaded, the trigger's the port open, and the recorder's neither.
    The cameras are told apart by their age only.
    """
    found: dict[str, int] = {}
    cameras: list[int] = []
    for pid, command in sorted(left_of(session).items()):
        if pid == session:
            found[MAIN] = pid
        if _CHILD not in command:
            continue
        try:
            libraries = (Path("/proc") / str(pid) / "maps").read_text()
            files = _open_files(pid)
        except (FileNotFoundError, ProcessLookupError):
            continue
        if _LIBRARY in libraries:
            cameras.append(pid)
        elif port in files:
            found[TRIGGER] = pid
        else:
            found[RECORDER] = pid
    return found | dict(zip(CAMERAS, cameras, strict=False))


def wait_for_members(session: int, port: str, limit_s: float = 60.0) -> dict[str, int]:
    """All five, as soon as each has opened what it needs."""
    end = time.monotonic() + limit_s
    while (found := members(session, port)).keys() != _NAMES:
        assert time.monotonic() < end, f"a capture's processes after {limit_s:g} s: {found}"
        time.sleep(_TRIES_S)
    return found


def _open_files(pid: int) -> set[str]:
    found = set()
    for entry in (Path("/proc") / str(pid) / "fd").iterdir():
        with suppress(FileNotFoundError):
            found.add(str(entry.readlink()))
    return found
