"""The manifest: every file of a dataset with its hash, its shape and what it was made from."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, ClassVar, Literal

from pydantic import (
    Field,
    SerializerFunctionWrapHandler,
    ValidationError,
    field_validator,
    model_serializer,
)

from bsd.document import Document, Part, atomic_path, first_fault
from bsd.errors import UserMistake

MANIFEST_NAME = "manifest.jsonl"
_LONGEST_PATH = 255  # bytes that a file system takes for one name
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
    session, clip, clip_uuid, clip_sha256
        The recording session and its clip file; `clip_uuid` is None in manifests of version 1.
    pulse, row
        Number of the trigger's pulse in the clip and the row of its ledger, counted from 0; `row`
        is None in manifests of version 1.
    calibration_sha256
        The calibration that aligned the pair.
    marks
        What a user of the pair must know.
    """

    kind: Literal["capture"] = "capture"
    session: str
    clip: str
    clip_uuid: str | None = None
    clip_sha256: str
    pulse: int = Field(ge=0)
    row: int | None = Field(default=None, ge=0)
    calibration_sha256: str
    marks: tuple[str, ...] = ()


class ClipSource(Part):
    """What belongs to a whole captured sequence; the fields are those of `CaptureSource`."""

    kind: Literal["clip"] = "clip"
    session: str
    clip: str
    clip_uuid: str | None = None
    clip_sha256: str
    calibration_sha256: str


Source = Annotated[SyntheticSource | CaptureSource | ClipSource, Field(discriminator="kind")]
PairSource = SyntheticSource | CaptureSource


class Entry(Part):
    """One file of the dataset.

    Attributes
    ----------
    path
        Relative to the dataset's root, with forward slashes.
    sha256, bytes
        Of the file.
    shape, dtype
        Of the array that the file decodes to: (H, W, 3) ``uint8`` for a frame.
    cfa
        Colours of the 2x2 cell at the upper left corner of a RAW mosaic, such as ``RGGB``; None
        for what has none.
    """

    path: str
    sha256: str = Field(pattern="^[0-9a-f]{64}$")
    bytes: int = Field(ge=0)
    shape: tuple[int, ...]
    dtype: str
    cfa: str | None = Field(default=None, pattern="^[RGB]{4}$")
    source: Source

    @field_validator("path")
    @classmethod
    def _inside(cls, path: str) -> str:
        pure = PurePosixPath(path)
        strange = "\\" in path or not path.isprintable() or len(path.encode()) > _LONGEST_PATH
        if pure.is_absolute() or ".." in pure.parts or str(pure) != path or strange:
            raise ValueError("must be a plain path inside the dataset")
        return path

    @model_serializer(mode="wrap")
    def _without_empty_cfa(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Lines of frames stay as they were before there was a mosaic to publish."""
        fields: dict[str, Any] = handler(self)
        if fields["cfa"] is None:
            del fields["cfa"]
        return fields


class _Header(Document):
    """First line. Version 2 adds fields that have defaults to an entry: version 1 is read as is."""

    upgrades: ClassVar[Mapping[int, Callable[[dict[str, Any]], dict[str, Any]]]] = {1: dict}

    format: Literal["bsd-manifest"] = "bsd-manifest"
    format_version: Literal[2] = 2


def write_manifest(path: Path, entries: Iterable[Entry]) -> None:
    """Write the header line and one line for each entry, sorted by path, atomically."""
    write_sorted(path, sorted(entries, key=lambda entry: entry.path))


def write_sorted(path: Path, entries: Iterable[Entry]) -> None:
    """As `write_manifest`, of entries that come in the order of their paths, one at a time."""
    with atomic_path(path) as part, part.open("wb") as file:
        file.write(json.dumps(_Header().model_dump(), separators=(",", ":")).encode() + b"\n")
        for entry in entries:
            file.write(entry.model_dump_json().encode() + b"\n")


def read_manifest(path: Path) -> tuple[Entry, ...]:
    """Read and validate a manifest.

    Raises
    ------
    UserMistake
        No such file, another format, or a line that is damaged; the line is named.
    """
    return tuple(iterate_manifest(path))


def iterate_manifest(path: Path) -> Iterator[Entry]:
    """The entries of a manifest one by one; raises as `read_manifest` when it comes to a fault."""
    try:
        # No other line end than this one: a name may hold U+2028, or a carriage return.
        with path.open(encoding="utf-8", newline="\n") as file:
            yield from _entries(file, path)
    except FileNotFoundError as error:
        raise UserMistake(f"{path}: no such file") from error
    except UnicodeDecodeError as error:
        raise UserMistake(f"{path}: damaged, not a text file; restore it") from error


def _entries(lines: Iterator[str], path: Path) -> Iterator[Entry]:
    try:
        _Header.from_fields(json.loads(next(lines, "")), str(path))
    except (ValueError, RecursionError) as error:
        raise UserMistake(f"{path}: line 1 is not a manifest's header; restore the file") from error
    before = ""
    for number, line in enumerate(lines, 2):
        entry = _entry(line.removesuffix("\n"), f"{path}: line {number}")
        if before >= entry.path:
            raise UserMistake(f"{path}: '{entry.path}' is listed twice or out of order; restore it")
        before = entry.path
        yield entry


def _entry(line: str, where: str) -> Entry:
    try:
        return Entry.model_validate_json(line)
    except ValidationError as error:
        if error.errors()[0]["type"] == "json_invalid":  # not the line again, which may be long
            raise UserMistake(f"{where}: cut off, or not JSON; restore the file") from error
        raise UserMistake(f"{where}: {first_fault(error)}; restore the file") from error
