"""What a check of a dataset found, and the checks of single files behind it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from bsd.document import PART_SUFFIX, Part
from bsd.provenance import sha256_file
from dataset.description import DESCRIPTION_NAME
from dataset.manifest import MANIFEST_NAME, Entry
from dataset.pairing import Verdict
from dataset.splits import SPLITS_NAME, Split
from dataset.writer import WORK_NAME

Kind = Literal[
    "missing",
    "extra",
    "changed",
    "truncated",
    "swapped",
    "damaged",
    "unfinished",
    "shape",
    "count",
    "splits",
    "pairing",
]
Advance = Callable[[int], None]
Progress = Callable[[str, int], AbstractContextManager[Advance]]
_DOCUMENTS = (DESCRIPTION_NAME, MANIFEST_NAME, SPLITS_NAME)


def silent(_title: str, _total: int) -> AbstractContextManager[Advance]:
    """Progress that shows nothing."""
    return nullcontext(lambda _steps: None)


class Finding(Part):
    """One thing that is wrong: which file or sequence (relative to the root), how, and in words."""

    path: str
    kind: Kind
    text: str


class PairingResult(Part):
    """The verdict of `dataset.pairing.judge` on one sequence, with its numbers."""

    split: Split
    sequence: str
    verdict: Verdict
    offset: int | None = None
    gain: float = 0.0
    agreement: float = 0.5
    detail_ratio: float = 1.0
    frames: int = 0
    text: str


class Verification(Part):
    """All that `dataset.verify.verify` found.

    Attributes
    ----------
    root
        The folder as it was given.
    plain
        Whether there was no manifest to check against.
    hashed
        Whether the files' hashes were compared.
    files
        Files that were checked.
    findings, pairings
        What is wrong; the verdict on every sequence.
    """

    root: str
    plain: bool
    hashed: bool
    files: int
    findings: tuple[Finding, ...]
    pairings: tuple[PairingResult, ...]

    @property
    def good(self) -> bool:
        """Whether nothing is wrong; undetermined sequences are not wrong."""
        return not self.findings

    @property
    def undetermined(self) -> int:
        """Sequences of which nobody can say whether their pairs belong together."""
        return sum(1 for item in self.pairings if item.verdict == "undetermined")

    def summary(self) -> str:
        """One line."""
        state = "good" if self.good else f"BAD, {len(self.findings)} findings"
        how = "hashes equal" if self.hashed and self.good else "hashes compared"
        if not self.hashed:
            how = "no manifest, files decoded" if self.plain else "hashes not compared"
        total = len(self.pairings)
        matched = sum(1 for item in self.pairings if item.verdict == "ok")
        pairs = f"pairing verified in {matched} of {total} sequences"
        if self.undetermined:
            pairs += f", {self.undetermined} of {total} undetermined"
        return f"{self.root}: {state}; {self.files} files, {how}; {pairs}"


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


def check_leftovers(root: Path, listed: Iterable[str] | None) -> list[Finding]:
    """Unfinished work, and with `listed` every file that is neither listed nor a document."""
    known = None if listed is None else {*listed, *_DOCUMENTS}
    findings = []
    if (root / WORK_NAME).exists():
        text = "unfinished: run the command that made the dataset again"
        findings.append(Finding(path=WORK_NAME, kind="unfinished", text=text))
    for path in sorted(root.rglob("*")):
        name = path.relative_to(root).as_posix()
        if name.startswith(f"{WORK_NAME}/") or name == WORK_NAME:
            continue
        if name.endswith(PART_SUFFIX):
            text = "half-written file: run the command that made the dataset again"
            findings.append(Finding(path=name, kind="unfinished", text=text))
        elif known is not None and name not in known and not path.is_dir():
            findings.append(Finding(path=name, kind="extra", text="is not in the manifest"))
    return findings
