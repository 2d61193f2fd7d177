"""Checks a dataset as a whole: documents, files, numbers that must agree, pairs of frames."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import TypeVar

from bsd.errors import UserMistake
from bsd.provenance import sha256_file
from bsd.threads import available_cores
from dataset.description import DESCRIPTION_NAME, DatasetDescription
from dataset.image import size_text
from dataset.inventory import check_files, check_leftovers
from dataset.layout import DOCUMENT_NAMES, VIEWS, WORK_NAME, frame_path
from dataset.manifest import MANIFEST_NAME, Entry, read_manifest
from dataset.screening import check_pairs, check_plain
from dataset.splits import SPLITS_NAME, Splits
from dataset.tree import Tree, plain_sequences, require_folder, sequence_of
from dataset.verification import Advance, Finding, Progress, Verification

_MOST_THREADS = 8  # each holds the thumbnails of one sequence
Content = TypeVar("Content")


def verify(root: Path, hashes: bool = True, progress: Progress | None = None) -> Verification:
    """Check a dataset; everything wrong is a finding, the check goes on behind it.

    Parameters
    ----------
    root
        A published or a plain tree.
    hashes
        False compares sizes only, which is quick and finds less.
    progress
        Such as `bsd.command.progress`.

    Raises
    ------
    UserMistake
        No such folder, or nothing in it is a dataset.
    """
    require_folder(root)
    show = progress or _silent
    threads = min(available_cores(), _MOST_THREADS)
    plain = not any((root / name).exists() for name in DOCUMENT_NAMES)
    if plain and (root / WORK_NAME).exists():
        return Verification(
            root=str(root),
            plain=False,
            hashed=False,
            files=0,
            findings=tuple(check_leftovers(root, None)),
            pairings=(),
        )
    documents = _Documents([], None, None, None) if plain else _documents(root)
    entries = documents.entries
    if entries is None:
        sequences = plain_sequences(root)
        if plain and not sequences:
            Tree.open(root)  # says why it is none
        leftovers = check_leftovers(root, None)
        found, pairings = check_plain(root, sequences, threads, show)
        files = sum(len(item.blurry) + len(item.sharp) for item in sequences)
    else:
        found = check_files(root, entries, hashes, threads, show)
        leftovers = check_leftovers(root, [entry.path for entry in entries])
        leftovers += _contradictions(entries, documents)
        bad = {item.path for item in found}
        more, pairings = check_pairs(root, entries, bad, threads, show)
        found, files = found + more, len(entries)
    return Verification(
        root=str(root),
        plain=plain,
        hashed=hashes and entries is not None,
        files=files,
        findings=(*documents.findings, *leftovers, *found),
        pairings=pairings,
    )


def _silent(_title: str, _total: int) -> AbstractContextManager[Advance]:
    return nullcontext(lambda _steps: None)


@dataclass(frozen=True)
class _Documents:
    """The three documents; one that cannot be read is None and a finding."""

    findings: list[Finding]
    description: DatasetDescription | None
    entries: tuple[Entry, ...] | None
    splits: Splits | None


def _documents(root: Path) -> _Documents:
    findings: list[Finding] = []

    def read(name: str, reader: Callable[[Path], Content]) -> Content | None:
        if not (root / name).is_file():
            text = "missing: restore it from a copy, or make the dataset again in another folder"
            findings.append(Finding(path=name, kind="missing", text=text))
            return None
        try:
            return reader(root / name)
        except UserMistake as error:
            text = str(error).removeprefix(f"{root / name}: ")
            findings.append(Finding(path=name, kind="damaged", text=text))
            return None

    description = read(DESCRIPTION_NAME, DatasetDescription.read)
    entries = read(MANIFEST_NAME, read_manifest)
    splits = read(SPLITS_NAME, Splits.read)
    if description is None:
        return _Documents(findings, None, entries, splits)
    if not description.is_sealed():
        text = "was edited after it was published (own_sha256 differs)"
        findings.append(Finding(path=DESCRIPTION_NAME, kind="changed", text=text))
    for name, content, expected in (
        (MANIFEST_NAME, entries, description.manifest_sha256),
        (SPLITS_NAME, splits, description.splits_sha256),
    ):
        if content is not None and sha256_file(root / name) != expected:
            text = f"is not the one that {DESCRIPTION_NAME} was published with"
            findings.append(Finding(path=name, kind="changed", text=text))
    return _Documents(findings, description, entries, splits)


def _contradictions(entries: tuple[Entry, ...], documents: _Documents) -> list[Finding]:
    """Where manifest, splits and description do not agree with one another."""
    description, splits = documents.description, documents.splits
    findings = []
    listed: dict[tuple[str, str], int] = {}
    for (split, name), group in groupby(entries, key=sequence_of):
        paths = {entry.path for entry in group}
        count = len(paths) // 2
        listed[split, name] = count
        wanted = {frame_path(split, name, view, index) for view in VIEWS for index in range(count)}
        if wanted != paths:
            text = f"{split}/{name}: blurry and sharp frames are not numbered 0 to N - 1 alike"
            findings.append(Finding(path=MANIFEST_NAME, kind="count", text=text))
    if splits is not None:
        assigned = {(item.split, item.sequence) for item in splits.sequences}
        for split, name in sorted(assigned ^ listed.keys()):
            there, lacking = (
                (MANIFEST_NAME, SPLITS_NAME)
                if (split, name) in listed
                else (SPLITS_NAME, MANIFEST_NAME)
            )
            text = f"is in {there} but not in {lacking}"
            findings.append(Finding(path=f"{split}/{name}", kind="splits", text=text))
    if description is None:
        return findings
    for split, said in description.counts.items():
        frames = [count for (where, _), count in listed.items() if where == split]
        if (said.sequences, said.frames) != (len(frames), sum(frames)):
            text = (
                f"{split}: {said.sequences} sequences, {said.frames} frames; the manifest has"
                f" {len(frames)} and {sum(frames)}"
            )
            findings.append(Finding(path=DESCRIPTION_NAME, kind="count", text=text))
    size = (description.height_px, description.width_px)
    for entry in entries:
        if entry.shape[:2] != size:
            text = f"shape {entry.shape}, the dataset's frames are {size_text(size)} px"
            findings.append(Finding(path=entry.path, kind="shape", text=text))
    return findings
