"""The manifest: every file of a dataset with its hash, its shape and what it was made from."""

from __future__ import annotations

import json
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path, PurePosixPath
from typing import Annotated, Literal

from pydantic import Field, ValidationError, field_validator

from bsd.document import Document, Part, first_fault, write_bytes
from bsd.errors import UserMistake

MANIFEST_NAME = "manifest.jsonl"
Mark = Literal["rate-mismatch", "stepped", "long-sharp-shutter", "shutter-unknown"]


class SyntheticSource(Part):
    """A pair that was averaged from frames of a faster video.

    Attributes
    ----------
    scene, input_name, input_sha256
        The recording: its name in the splits, its file's name and SHA-256.
    recipe, recipe_sha256
        ``NAME/VARIANT`` and the SHA-256 of the resolved recipe.
    first_frame, frame_count, sharp_frame
        Source frames that were averaged, and the one that is the sharp picture; counted from 0.
    rate_hz, shutter_us
        Of the source; the shutter is None where nobody knows it.
    marks
        What a user of the pair must know.
    """

    kind: Literal["synthetic"] = "synthetic"
    scene: str
    input_name: str
    input_sha256: str
    recipe: str
    recipe_sha256: str
    first_frame: int = Field(ge=0)
    frame_count: int = Field(ge=1)
    sharp_frame: int = Field(ge=0)
    rate_hz: float = Field(gt=0)
    shutter_us: float | None
    marks: tuple[Mark, ...] = ()


class CaptureSource(Part):
    """A pair that two cameras recorded at one pulse.

    Attributes
    ----------
    session, clip, clip_sha256
        The recording session and its clip file.
    pulse
        Number of the trigger's pulse in the clip, counted from 0.
    calibration_sha256
        The calibration that aligned the pair.
    """

    kind: Literal["capture"] = "capture"
    session: str
    clip: str
    clip_sha256: str
    pulse: int = Field(ge=0)
    calibration_sha256: str
    marks: tuple[str, ...] = ()


Source = Annotated[SyntheticSource | CaptureSource, Field(discriminator="kind")]


class Entry(Part):
    """One file of the dataset.

    Attributes
    ----------
    path
        Relative to the dataset's root, with forward slashes.
    sha256, bytes
        Of the file.
    shape, dtype
        Of the array that the file decodes to: (H, W, 3), ``uint8``.
    """

    path: str
    sha256: str = Field(pattern="^[0-9a-f]{64}$")
    bytes: int = Field(ge=0)
    shape: tuple[int, ...]
    dtype: str
    source: Source

    @field_validator("path")
    @classmethod
    def _inside(cls, path: str) -> str:
        pure = PurePosixPath(path)
        strange = "\\" in path or "\0" in path
        if pure.is_absolute() or ".." in pure.parts or str(pure) != path or strange:
            raise ValueError("must be a plain path inside the dataset")
        return path


class _Header(Document):
    format: Literal["bsd-manifest"] = "bsd-manifest"
    format_version: Literal[1] = 1


def write_manifest(path: Path, entries: Iterable[Entry]) -> None:
    """Write the header line and one line for each entry, sorted by path, atomically."""
    header = json.dumps(_Header().model_dump(), separators=(",", ":"))
    ordered = sorted(entries, key=lambda entry: entry.path)
    lines = [header, *(entry.model_dump_json() for entry in ordered)]
    write_bytes(path, ("\n".join(lines) + "\n").encode())


def read_manifest(path: Path) -> tuple[Entry, ...]:
    """Read and validate a manifest.

    Raises
    ------
    UserMistake
        No such file, another format, or a line that is damaged; the line is named.
    """
    try:
        # Not splitlines: a name may hold U+2028, which is a line's end to it but not to JSON.
        lines = path.read_text(encoding="utf-8").removesuffix("\n").split("\n")
    except FileNotFoundError as error:
        raise UserMistake(f"{path}: no such file") from error
    except UnicodeDecodeError as error:
        raise UserMistake(f"{path}: damaged, not a text file; restore it") from error
    try:
        _Header.from_fields(json.loads(lines[0]), str(path))
    except (ValueError, RecursionError) as error:
        raise UserMistake(f"{path}: line 1 is not a manifest's header; restore the file") from error
    entries = tuple(
        _entry(line, f"{path}: line {number}") for number, line in enumerate(lines[1:], 2)
    )
    for before, after in pairwise(entries):
        if before.path >= after.path:
            raise UserMistake(f"{path}: '{after.path}' is listed twice or out of order; restore it")
    return entries


def _entry(line: str, where: str) -> Entry:
    try:
        return Entry.model_validate_json(line)
    except ValidationError as error:
        raise UserMistake(f"{where}: {first_fault(error)}; restore the file") from error
