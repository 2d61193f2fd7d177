"""Compares a published dataset's files with its manifest, and finds what should not be there."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from numpy.typing import NDArray

from bsd.document import PART_SUFFIX
from bsd.errors import UserMistake
from bsd.phrase import counted
from bsd.provenance import sha256_file
from dataset.extras import decode_extra, decode_map
from dataset.layout import DOCUMENT_NAMES, MAP_NAME, WORK_NAME, is_own_part, product_of
from dataset.manifest import Entry
from dataset.verification import Finding, Kind, Progress

_AGAIN = "run the command that made the dataset again"


@dataclass(frozen=True)
class _Other:
    """What lies in the place of a listed file: not its content."""

    sha256: str
    size: int


def check_files(
    root: Path, entries: Sequence[Entry], hashes: bool, threads: int, progress: Progress
) -> list[Finding]:
    """Compare every listed file with its entry: there, of the right size, of the right content."""
    others: dict[str, _Other] = {}
    findings = []
    with ThreadPoolExecutor(threads) as pool, progress("files", len(entries)) as advance:
        whole = pool.map(lambda entry: _found(root, entry, hashes), entries)
        for entry, found in zip(entries, whole, strict=True):
            advance(1)
            if found is None:
                text = "is in the manifest but not on the disk"
                findings.append(Finding(path=entry.path, kind="missing", text=text))
            elif found.sha256 != entry.sha256:
                others[entry.path] = found
    return findings + _changed(others, entries)


def _found(root: Path, entry: Entry, hashes: bool) -> _Other | None:
    path = root / entry.path
    if not path.is_file():
        return None
    size = path.stat().st_size
    known = size == entry.bytes and not hashes
    return _Other(entry.sha256 if known else sha256_file(path), size)


def _changed(others: Mapping[str, _Other], entries: Sequence[Entry]) -> list[Finding]:
    expected = {entry.path: entry for entry in entries}
    owners: dict[str, list[str]] = {}
    for entry in entries:
        owners.setdefault(entry.sha256, []).append(entry.path)
    findings = []
    for path, found in others.items():
        entry = expected[path]
        kind: Kind
        if found.sha256 in owners:
            kind = "swapped"
            theirs = owners[found.sha256]
            mutual = [
                name for name in theirs if name in others and others[name].sha256 == entry.sha256
            ]
            text = f"changed places with {mutual[0]}" if mutual else f"is a copy of {theirs[0]}"
        elif found.size < entry.bytes:
            kind, text = "truncated", f"has {found.size} of {entry.bytes} bytes"
        else:
            kind, text = "changed", "its content is not what was published (SHA-256 differs)"
        findings.append(Finding(path=path, kind=kind, text=text))
    return findings


def check_beside(
    root: Path, entries: Sequence[Entry], bad: set[str], threads: int, progress: Progress
) -> list[Finding]:
    """Decode every file beside the RGB frames and compare it with its entry; `bad` are skipped."""
    beside = [item for item in entries if product_of(item.path) != "RGB" and item.path not in bad]
    if not beside:
        return []
    findings = []
    with ThreadPoolExecutor(threads) as pool, progress("RAW, masks", len(beside)) as advance:
        for finding in pool.map(lambda entry: _undecoded(root, entry), beside):
            advance(1)
            if finding is not None:
                findings.append(finding)
    return findings


def _undecoded(root: Path, entry: Entry) -> Finding | None:
    path = root / entry.path
    product = product_of(entry.path)
    content = path.read_bytes()
    image: NDArray[Any]
    try:
        if product is not None:
            image, cfa = decode_extra(content, product, str(path))
        elif path.name == MAP_NAME:
            image, cfa = decode_map(content, str(path)), None
        else:
            return Finding(path=entry.path, kind="extra", text="no dataset has such a file")
    except UserMistake as error:
        text = str(error).removeprefix(f"{path}: ")
        return Finding(path=entry.path, kind="damaged", text=text)
    found = (image.shape, str(image.dtype), cfa)
    if found != (entry.shape, entry.dtype, entry.cfa):
        text = f"is {_array(*found)}, listed as {_array(entry.shape, entry.dtype, entry.cfa)}"
        return Finding(path=entry.path, kind="shape", text=text)
    return None


def _array(shape: tuple[int, ...], dtype: str, cfa: str | None) -> str:
    return f"{dtype} {shape}{f' {cfa}' if cfa else ''}"


def check_leftovers(root: Path, listed: Iterable[str] | None) -> list[Finding]:
    """Unfinished work; with `listed` also links, and files neither listed nor a document."""
    known = None if listed is None else {*listed, *DOCUMENT_NAMES}
    findings = []
    if (root / WORK_NAME).exists():
        findings.append(Finding(path=WORK_NAME, kind="unfinished", text=f"unfinished: {_AGAIN}"))
    for path in sorted(root.rglob("*")):
        name = path.relative_to(root).as_posix()
        if name.startswith(f"{WORK_NAME}/") or name == WORK_NAME:
            continue
        if is_own_part(name):
            text = f"half-written file: remove it, or {_AGAIN}"
            findings.append(Finding(path=name, kind="unfinished", text=text))
        elif known is not None and path.is_symlink():
            text = "is a link, which a copy may lack: put what it points to in its place"
            findings.append(Finding(path=printable(name), kind="link", text=text))
        elif known is not None and name not in known and not path.is_dir():
            text = "is not in the manifest"
            findings.append(Finding(path=printable(name), kind="extra", text=text))
        elif known is None and name.endswith(PART_SUFFIX):
            text = "half-written file: remove it"
            findings.append(Finding(path=printable(name), kind="unfinished", text=text))
    return findings


def printable(name: str) -> str:
    """A name as it may be shown: what a terminal would obey, or cannot show, is escaped."""
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode()
        for letter in name
    )


def gathered(
    root: Path, findings: Iterable[Finding], entries: Sequence[Entry]
) -> Iterator[Finding]:
    """The findings, with one for each folder that is missing or foreign as a whole."""
    held = {str(parent) for entry in entries for parent in PurePosixPath(entry.path).parents}
    held |= {"qc"}
    folders: dict[tuple[Kind, str], list[Finding]] = {}
    for item in findings:
        folder = None
        if item.kind == "missing":
            folder = _outermost(item.path, lambda name: not (root / name).exists())
        elif item.kind == "extra":
            folder = _outermost(item.path, lambda name: name not in held)
        folders.setdefault((item.kind, folder or item.path), []).append(item)
    gone = {
        name: _below(name, found) for (kind, name), found in folders.items() if kind == "missing"
    }
    for (kind, name), found in folders.items():
        if len(found) == 1:
            yield found[0]
            continue
        files = counted(len(found), "file")
        text = f"{files} of the manifest: the whole folder is not on the disk"
        if kind == "extra":
            text = f"a folder of {files} that are not in the manifest"
            same = [other for other, names in gone.items() if names == _below(name, found)]
            text += f"; has the files of {same[0]}: rename it" if same else ""
        yield Finding(path=name, kind=kind, text=text)


def _outermost(path: str, is_such: Callable[[str], bool]) -> str | None:
    """The outermost folder above a file that is such a one."""
    folders = [str(folder) for folder in PurePosixPath(path).parents][:-1]
    return next((folder for folder in reversed(folders) if is_such(folder)), None)


def _below(folder: str, findings: Iterable[Finding]) -> set[str]:
    return {item.path.removeprefix(f"{folder}/") for item in findings}
