"""The folder of a calibration: whole, the one before, or not there at all."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from numpy.typing import NDArray

from bsd.document import PART_SUFFIX, sync_folder
from bsd.errors import UserMistake
from calibration.bundle.array_file import write_array
from calibration.bundle.document import CALIBRATION_NAME, CalibrationDocument

Arrays = Mapping[str, NDArray[Any]]

_OLD_SUFFIX: Final = ".old"


def check_out(out: Path, *, force: bool) -> None:
    """Raise `UserMistake` where `out` holds something that must not be replaced."""
    _recover(out)
    if out.is_file():
        raise UserMistake(f"{out}: is a file; give a folder that is new")
    if not out.is_dir() or not any(out.iterdir()):
        return
    if not (out / CALIBRATION_NAME).is_file():
        raise UserMistake(f"{out}: holds something that is no calibration; give another folder")
    if not force:
        raise UserMistake(
            f"{out}: holds a calibration already; give another folder, or --force to replace it"
        )


def write_calibration(out: Path, document: CalibrationDocument, arrays: Arrays) -> None:
    """Write a calibration into a folder beside `out`, which then takes its name.

    Parameters
    ----------
    out
        New, empty, or a calibration, which is replaced.
    document
        Without its arrays.
    arrays
        By name.
    """
    out.parent.mkdir(parents=True, exist_ok=True)
    part = out.with_name(out.name + PART_SUFFIX)
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir()
    try:
        files = {name: write_array(part, name, array) for name, array in sorted(arrays.items())}
        document.model_copy(update={"arrays": files}).write(part / CALIBRATION_NAME)
        sync_folder(part)
        _take_name(part, out)
    except BaseException:
        with suppress(OSError):
            shutil.rmtree(part)
        raise


def _take_name(part: Path, out: Path) -> None:
    old = out.with_name(out.name + _OLD_SUFFIX)
    if out.is_dir():
        if (old / CALIBRATION_NAME).is_file():
            shutil.rmtree(old)
        out.rename(old)
    part.rename(out)
    sync_folder(out.parent)
    if (old / CALIBRATION_NAME).is_file():
        shutil.rmtree(old, ignore_errors=True)
    elif old.is_dir():
        with suppress(OSError):
            old.rmdir()


def _recover(out: Path) -> None:
    """Give a calibration its name back where a kill came between the two renames."""
    old = out.with_name(out.name + _OLD_SUFFIX)
    if not out.exists() and (old / CALIBRATION_NAME).is_file():
        old.rename(out)
