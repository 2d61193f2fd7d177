"""The folder of a calibration: whole, the one before, or not there at all.

While it is written it lies beside its place under a hidden name that holds ``bsd-`` and the number
of the process, and so does the one that it replaces. Nothing else is ever touched.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, Literal

from numpy.typing import NDArray

from bsd.document import sync_folder
from bsd.errors import UserMistake
from calibration.bundle.array_file import write_array
from calibration.bundle.document import CALIBRATION_NAME, CalibrationDocument

Arrays = Mapping[str, NDArray[Any]]
Kind = Literal["part", "old"]

_HIDDEN: Final = r"\.bsd-(?P<process>[0-9]+)-[0-9a-f]{8}\.(?P<kind>part|old)"


def check_out(out: Path, *, force: bool) -> Path:
    """The folder to make, without links; what kills left of earlier ones is cleared up.

    Raises
    ------
    UserMistake
        It cannot be made, or holds something that must not be replaced.
    """
    out = out.resolve()
    if out.parent == out or os.path.ismount(out):
        raise UserMistake(f"{out}: is the top of a file system; give a folder in it, that is new")
    if out in (here := Path.cwd().resolve(), *here.parents):
        raise UserMistake(f"{out}: is the folder you work in; give a folder in it, that is new")
    _recover(out)
    _check(out, force=force)
    return out


def _check(out: Path, *, force: bool) -> None:
    if out.exists() and not out.is_dir():
        raise UserMistake(f"{out}: is a file; give a folder that is new")
    if not out.is_dir() or not any(out.iterdir()):
        return
    if not (out / CALIBRATION_NAME).is_file():
        raise UserMistake(f"{out}: holds something that is no calibration; give another folder")
    if not force:
        raise UserMistake(
            f"{out}: holds a calibration already; give another folder, or --force to replace it"
        )


def write_calibration(
    out: Path, document: CalibrationDocument, arrays: Arrays, *, force: bool = False
) -> None:
    """Write a calibration into a folder beside `out`, which then takes its name.

    Parameters
    ----------
    out
        As `check_out` gave it: new, empty, or a calibration.
    document
        Without its arrays.
    arrays
        By name.
    force
        Replace a calibration.
    """
    out.parent.mkdir(parents=True, exist_ok=True)
    part = _hidden(out, "part")
    part.mkdir()
    try:
        files = {name: write_array(part, name, array) for name, array in sorted(arrays.items())}
        document.model_copy(update={"arrays": files}).write(part / CALIBRATION_NAME)
        sync_folder(part)
        _check(out, force=force)  # again: the solve took its time
        _take_name(part, out)
    except BaseException:
        with suppress(OSError):
            shutil.rmtree(part)
        raise


def _take_name(part: Path, out: Path) -> None:
    old = _hidden(out, "old")
    if out.is_dir():
        out.rename(old)
    part.rename(out)
    sync_folder(out.parent)
    shutil.rmtree(old, ignore_errors=True)


def _recover(out: Path) -> None:
    """Clear up after killed processes; one that died between the renames gets its name back."""
    for path, kind in sorted(_left(out)):
        if kind == "old" and not out.exists():
            path.rename(out)
        else:
            shutil.rmtree(path, ignore_errors=True)


def _hidden(out: Path, kind: Kind) -> Path:
    return out.with_name(f".{out.name}.bsd-{os.getpid()}-{secrets.token_hex(4)}.{kind}")


def _left(out: Path) -> Iterator[tuple[Path, str]]:
    """Hidden folders of this `out` whose process is dead."""
    if not out.parent.is_dir():
        return
    pattern = re.compile(re.escape(f".{out.name}") + _HIDDEN)
    for path in out.parent.iterdir():
        found = pattern.fullmatch(path.name)
        if found and path.is_dir() and not path.is_symlink() and not _lives(int(found["process"])):
            yield path, found["kind"]


def _lives(process: int) -> bool:
    if process == os.getpid():
        return False  # the one before had the same number
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True
