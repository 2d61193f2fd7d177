"""The producer as a file: built from its C sources where that has not been done yet."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Final

from bsd.errors import UserMistake
from hardware.compile import build

PRODUCER_FILE: Final = "bsd-twin.cti"
"""Name of the producer in a session's folder, beside the world's socket."""

_SOURCES: Final = Path(__file__).resolve().parent / "producer"
_FLAGS: Final = ("-fvisibility=hidden", "-pthread")


def producer_path(folder: Path, *, sanitize: bool = False) -> Path:
    """Put the producer into a folder; it looks for the world's socket there.

    Parameters
    ----------
    folder
        An existing folder, its path short enough for a socket (at most 96 bytes).
    sanitize
        Build with the address and undefined-behaviour sanitizers. A process that loads such a
        producer must have been started with the sanitizer's runtime.

    Returns
    -------
    Path
        The `.cti` file in `folder`.

    Raises
    ------
    UserMistake
        The folder is not there.
    EnvironmentFault
        No C compiler.
    """
    if not folder.is_dir():
        raise UserMistake(f"{folder}: no such folder; create it first")
    built = build("bsd-twin", sorted(_SOURCES.glob("*.c")), flags=_FLAGS, sanitize=sanitize)
    target = folder / PRODUCER_FILE
    part = folder / f"{PRODUCER_FILE}.part"
    shutil.copyfile(built, part)
    part.replace(target)
    return target
