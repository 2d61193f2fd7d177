"""Arrays beside a calibration's document: one plain ``.npy`` file each, with its hash."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from bsd.document import Part, write_bytes
from bsd.errors import UserMistake
from bsd.provenance import sha256_bytes


class ArrayFile(Part):
    """One array of a calibration.

    Attributes
    ----------
    file
        Name beside ``calibration.json``, such as ``ratio-2ms16ms.npy``.
    sha256
        Of the file.
    shape, dtype
        As it decodes.
    """

    file: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]*\.npy$")
    sha256: str = Field(pattern="^[0-9a-f]{64}$")
    shape: tuple[int, ...]
    dtype: str


def write_array(folder: Path, name: str, array: NDArray[Any]) -> ArrayFile:
    """Write ``NAME.npy`` and tell what it holds; the same array gives the same bytes."""
    memory = io.BytesIO()
    np.save(memory, np.ascontiguousarray(array), allow_pickle=False)
    content = memory.getvalue()
    path = folder / f"{name}.npy"
    write_bytes(path, content)
    return ArrayFile(
        file=path.name, sha256=sha256_bytes(content), shape=array.shape, dtype=str(array.dtype)
    )


def read_array(folder: Path, told: ArrayFile) -> NDArray[Any]:
    """The array, checked against its hash.

    Raises
    ------
    UserMistake
        The file is missing, changed, or not what the document says.
    """
    path = folder / told.file
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise UserMistake(f"{path}: missing; restore the calibration, or solve it again") from error
    if sha256_bytes(content) != told.sha256:
        raise UserMistake(f"{path}: changed since it was solved; restore it, or solve it again")
    array: NDArray[Any] = np.load(io.BytesIO(content), allow_pickle=False)
    if array.shape != told.shape or str(array.dtype) != told.dtype:
        raise UserMistake(
            f"{path}: holds {array.dtype} {array.shape}, not what calibration.json says"
        )
    return array
