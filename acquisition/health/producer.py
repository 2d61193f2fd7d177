"""GenTL producers: the ``.cti`` files that the machine names, and whether they load."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from acquisition.health.finding import Finding

VARIABLE = "GENICAM_GENTL64_PATH"
_LOAD_LIMIT_S = 20.0
_LOAD = "import ctypes, sys; ctypes.CDLL(sys.argv[1]).GCInitLib"


@dataclass(frozen=True)
class Producer:
    """One ``.cti`` file; `complaint` is empty where it loads."""

    path: Path
    complaint: str


def folders(value: str | None, missing: Sequence[Path]) -> Finding:
    """Whether the variable is set and its folders are there."""
    if not value:
        return Finding(
            VARIABLE,
            "warning",
            "not set: no camera producer is named on this machine",
            "install the camera maker's GenTL producer, log in again; or name its .cti in the"
            " rig's file",
        )
    if missing:
        gone = ", ".join(map(str, missing))
        return Finding(VARIABLE, "warning", f"no such folder: {gone}", f"mend {VARIABLE}")
    return Finding(VARIABLE, "ok", value)


def producers(found: Sequence[Producer]) -> Finding:
    """Whether the producers load; that one of several does not is a warning."""
    name = "camera producers"
    if not found:
        return Finding(name, "warning", "no .cti file", "install the camera maker's producer")
    broken = [f"{each.path}: {each.complaint}" for each in found if each.complaint]
    whole = [str(each.path) for each in found if not each.complaint]
    if not broken:
        return Finding(name, "ok", ", ".join(whole))
    return Finding(
        name,
        "warning" if whole else "fault",
        "; ".join([*(f"{path} loads" for path in whole), *broken]),
        "install what the loader misses ('ldd FILE.cti'), or take the folder out of " + VARIABLE,
    )


def harvesters(version: str | None) -> Finding:
    """Whether the library that speaks to producers is installed; it is not imported."""
    if version is not None:
        return Finding("harvesters", "ok", version)
    return Finding(
        "harvesters",
        "warning",
        "not installed (needed to record, not to build datasets or train)",
        "python -m pip install harvesters",
    )


def read_folders(environment: Mapping[str, str]) -> tuple[str | None, list[Path]]:
    """(the variable, its folders)."""
    value = environment.get(VARIABLE)
    return value, [Path(part) for part in (value or "").split(os.pathsep) if part]


def read_producers(places: Iterable[Path]) -> list[Producer]:
    """Load each ``.cti`` in a child process: a broken one must not take the doctor along."""
    files = [file for place in places if place.is_dir() for file in sorted(place.glob("*.cti"))]
    return [Producer(file, _complaint(file)) for file in files]


def examine(version: str | None, environment: Mapping[str, str] = os.environ) -> list[Finding]:
    """All findings on producers."""
    value, places = read_folders(environment)
    found = [folders(value, [place for place in places if not place.is_dir()])]
    if value:
        found.append(producers(read_producers(places)))
    return [*found, harvesters(version)]


def _complaint(file: Path) -> str:
    try:
        child = subprocess.run(  # noqa: S603 - our own interpreter
            [sys.executable, "-P", "-c", _LOAD, str(file)],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_LOAD_LIMIT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"does not load within {_LOAD_LIMIT_S:.0f} s"
    if child.returncode == 0:
        return ""
    if child.returncode < 0:
        return f"the process died with signal {-child.returncode}"
    lines = child.stderr.strip().splitlines()
    return lines[-1].partition(": ")[2] if lines else f"exit code {child.returncode}"
