"""Versioned documents: what is written is validated, complete or absent, and readable for good.

A document is a frozen pydantic model that carries `format` and `format_version`. Files are
written to ``NAME.part`` beside the target, fsynced and renamed, so that no reader ever sees half
a file. A reader accepts every released version: one upgrade function per step.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, ClassVar, Self

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from bsd.errors import UserMistake

PART_SUFFIX = ".part"


class Part(BaseModel):
    """A frozen group of fields inside a document; unknown fields are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Document(Part):
    """A versioned file. Subclasses declare `format` and `format_version` with defaults.

    Attributes
    ----------
    upgrades
        Version n → function from the raw fields of version n to those of version n + 1.
    """

    upgrades: ClassVar[Mapping[int, Callable[[dict[str, Any]], dict[str, Any]]]] = {}

    format: str
    format_version: int

    @classmethod
    def current_version(cls) -> int:
        """The version that this toolkit writes."""
        return int(cls.model_fields["format_version"].default)

    @classmethod
    def from_fields(cls, fields: object, where: str) -> Self:
        """Validate raw fields, upgrading older versions step by step.

        Raises
        ------
        UserMistake
            Names `where` and the field that is wrong, unknown or of an unreadable version.
        """
        if not isinstance(fields, dict):
            raise UserMistake(f"{where}: expected a mapping of fields, found {_kind(fields)}")
        fields = dict(fields)
        expected = cls.model_fields["format"].default
        if fields.get("format", expected) != expected:
            raise UserMistake(f"{where}: is a '{fields['format']}' file, expected '{expected}'")
        version = fields.get("format_version")
        if not isinstance(version, int) or isinstance(version, bool):
            raise UserMistake(f"{where}: field 'format_version' is missing or not a whole number")
        if version > cls.current_version():
            raise UserMistake(
                f"{where}: format_version {version} is newer than this toolkit reads"
                f" ({cls.current_version()}); install a newer bsd-toolkit"
            )
        while version < cls.current_version():
            if version not in cls.upgrades:
                raise UserMistake(f"{where}: format_version {version} was never released")
            fields = cls.upgrades[version](fields)
            version += 1
            fields["format_version"] = version
        try:
            return cls.model_validate(fields)
        except ValidationError as error:
            raise UserMistake(f"{where}: {first_fault(error)}") from error

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read and validate a ``.json``, ``.yaml`` or ``.yml`` file."""
        return cls.from_fields(load_fields(path), str(path))

    def to_json(self) -> str:
        """Deterministic JSON text, fields in declared order, ending in a newline."""
        return json.dumps(self.model_dump(mode="json"), indent=2, ensure_ascii=False) + "\n"

    def to_yaml(self) -> str:
        """Deterministic YAML text, fields in declared order."""
        return yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False, allow_unicode=True)

    def write(self, path: Path) -> None:
        """Write atomically, as YAML where the name ends in ``.yaml``, else as JSON."""
        text = self.to_yaml() if path.suffix in {".yaml", ".yml"} else self.to_json()
        write_bytes(path, text.encode())

    def override(self, assignments: Iterable[str]) -> Self:
        """Replace fields by ``a.b=value`` assignments (values are read as YAML) and validate.

        Raises
        ------
        UserMistake
            An assignment without ``=``, an unknown field, or a value that does not fit.
        """
        fields = self.model_dump(mode="json")
        for assignment in assignments:
            _assign(fields, *parse_assignment(assignment))
        return type(self).from_fields(fields, "--set")


def parse_assignment(text: str) -> tuple[str, object]:
    """Split ``FIELD=VALUE`` into the field's name and its value, read as YAML.

    Raises
    ------
    UserMistake
        No ``=``, no name, or a value that is not YAML.
    """
    name, sign, value = text.partition("=")
    if not sign or not name:
        raise UserMistake(f"--set {text}: write it as FIELD=VALUE, e.g. a.b=3")
    try:
        return name, yaml.safe_load(value)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise UserMistake(f"--set {_shortened(text)}: the value cannot be read") from error


def first_fault(error: ValidationError) -> str:
    """The first fault of a pydantic error as one line: field, what is wrong, what was given."""
    faults = error.errors(include_url=False)
    fault = faults[0]
    field = ".".join(str(part) for part in fault["loc"])
    message = fault["msg"].removeprefix("Value error, ")
    if fault["type"] == "extra_forbidden":
        text = f"unknown field '{field}'; remove or rename it"
    else:
        text = f"field '{field}': {message}" if field else message
        if isinstance(fault.get("input"), str | int | float | bool):
            text += f" (given: {fault['input']!r})"
    more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
    return text.replace("\n", " ") + more


def load_fields(path: Path) -> object:
    """Raw content of a JSON or YAML file.

    Raises
    ------
    UserMistake
        No such file, a folder, not text, or not JSON/YAML (line named where known).
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise UserMistake(f"{path}: no such file") from error
    except IsADirectoryError as error:
        raise UserMistake(f"{path}: is a folder, expected a file") from error
    except UnicodeDecodeError as error:
        raise UserMistake(f"{path}: is not a text file") from error
    if path.suffix == ".json":
        return parse_json(text, str(path))
    try:
        return yaml.safe_load(text)
    # ValueError: a date or a number that Python refuses; RecursionError: nested too deeply.
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise UserMistake(f"{path}: not valid YAML: {_shortened(str(error))}") from error


def parse_json(text: str, where: str) -> object:
    """Raw content of JSON text; `UserMistake` names `where` for whatever cannot be parsed."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UserMistake(f"{where}: not valid JSON: {_shortened(str(error))}") from error


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yield ``NAME.part`` beside `path`; on success fsync and rename, on failure remove it."""
    part = path.with_name(path.name + PART_SUFFIX)
    try:
        yield part
        with part.open("rb+") as file:
            os.fsync(file.fileno())
        part.replace(path)
    except BaseException as error:
        if isinstance(error, OSError) and error.filename is None:
            error.filename = str(path)  # a full disk names no file by itself
        with suppress(OSError):
            part.unlink(missing_ok=True)
        raise


def write_bytes(path: Path, content: bytes) -> None:
    """Write a whole file atomically; an error leaves neither the target nor a part changed."""
    with atomic_path(path) as part, part.open("wb") as file:
        file.write(content)


def sync_folder(folder: Path) -> None:
    """Wait until the names in a folder are on the disk, not only the files that they stand for.

    `atomic_path` leaves this to whoever removes what the new files could be made again from.
    """
    if os.name != "posix":  # elsewhere a folder cannot be opened
        return
    file = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)


def sweep_part(target: Path) -> bool:
    """Remove the ``.part`` file that a killed writer of `target` left; whether there was one."""
    try:
        target.with_name(target.name + PART_SUFFIX).unlink()
    except FileNotFoundError:
        return False
    return True


def _shortened(text: str) -> str:
    """One line, of which the middle is left out where it is long."""
    line = " ".join(text.split())
    return line if len(line) <= 200 else f"{line[:120]} … {line[-60:]}"


def _kind(value: object) -> str:
    return "nothing" if value is None else f"a {type(value).__name__}"


def _assign(fields: dict[str, Any], name: str, value: object) -> None:
    *groups, last = name.split(".")
    node = fields
    for group in groups:
        child = node.get(group)
        if not isinstance(child, dict):
            raise UserMistake(f"--set {name}: no group '{group}'; fields here: {_names(node)}")
        node = child
    if last not in node:
        raise UserMistake(f"--set {name}: unknown field '{last}'; fields here: {_names(node)}")
    node[last] = value


def _names(fields: Mapping[str, Any]) -> str:
    return ", ".join(sorted(fields))
