"""A session, made or kept from before."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from functools import lru_cache, partial
from importlib.metadata import version
from pathlib import Path
from platform import machine, python_version
from typing import Any

from tests.twin_session.keeping import Keeping, place
from tests.twin_session.session import TwinSession
from tests.twin_session.spec import Spec
from tests.twin_session.writing import write

ROOT = Path(__file__).resolve().parent.parent.parent

_FOLDERS = ("tests/twin_session", "hardware/twin", "acquisition", "bsd")
_LIBRARIES = ("numpy", "numba", "h5py", "hdf5plugin", "pydantic", "PyYAML")


def twin_session(
    spec: Spec | None = None, folder: Path | None = None, **fields: Any
) -> TwinSession:
    """A session: made, or kept from before.

    Parameters
    ----------
    spec
        Default: `Spec()`.
    folder
        Write it there and keep nothing: for large ones. Else it goes to the folder that
        ``BSD_TWIN_SESSIONS`` names, or one in the user's cache; test processes share it.
    fields
        Replace some of the spec's.
    """
    spec = replace(spec or Spec(), **fields)
    if folder is not None:
        write(folder, spec)
        return TwinSession(folder, spec)
    key = hashlib.sha256(f"{spec!r} {_code()}".encode()).hexdigest()[:20]
    kept = _keeping(place()).get(key, partial(_make, spec))
    return TwinSession(kept / "session", spec)


def _make(spec: Spec, folder: Path) -> None:
    write(folder / "session", spec)


@lru_cache(maxsize=4)
def _keeping(base: Path) -> Keeping:
    return Keeping(base)


@lru_cache(maxsize=1)
def _code() -> str:
    """Of all that decides what a session's bytes are."""
    digest = hashlib.sha256(f"{python_version()} {machine()}".encode())
    for library in _LIBRARIES:
        digest.update(f" {library} {version(library)}".encode())
    for path in sorted(each for name in _FOLDERS for each in (ROOT / name).rglob("*.py")):
        digest.update(str(path.relative_to(ROOT)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()
