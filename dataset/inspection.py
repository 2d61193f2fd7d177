"""Checks a dataset as a whole: documents, files, numbers that must agree, pairs of frames."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from bsd.errors import UserMistake
from bsd.provenance import sha256_file
from bsd.threads import available_cores
from dataset.agreement import contradictions
from dataset.description import DESCRIPTION_NAME, DatasetDescription, is_sealed
from dataset.inventory import check_beside, check_files, check_leftovers, gathered
from dataset.layout import DOCUMENT_NAMES, WORK_NAME, is_extra_document
from dataset.manifest import MANIFEST_NAME, Entry, read_manifest
from dataset.screening import check_pairs, check_plain
from dataset.splits import SPLITS_NAME, Splits
from dataset.tree import Tree, plain_sequences, require_folder
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
        described = documents.description
        listed = [*(described.documents if described else ()), *(item.path for item in entries)]
        leftovers = [
            item
            for item in check_leftovers(root, listed)
            if described or not is_extra_document(item.path)  # nothing tells what belongs to it
        ]
        leftovers += contradictions(entries, documents.description, documents.splits)
        bad = {item.path for item in found}
        found += check_beside(root, entries, bad, threads, show)
        more, pairings = check_pairs(root, entries, bad, threads, show)
        found, files = found + more, len(entries)
        found, leftovers = list(gathered(root, [*leftovers, *found], entries)), []
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
            text += "" if "restore" in text else "; restore it from a copy"
            findings.append(Finding(path=name, kind="damaged", text=text))
            return None

    description = read(DESCRIPTION_NAME, DatasetDescription.read)
    entries = read(MANIFEST_NAME, read_manifest)
    splits = read(SPLITS_NAME, Splits.read)
    if description is None:
        return _Documents(findings, None, entries, splits)
    if not is_sealed(root / DESCRIPTION_NAME):
        text = "was edited after it was published (own_sha256 differs)"
        findings.append(Finding(path=DESCRIPTION_NAME, kind="changed", text=text))
    unread = {MANIFEST_NAME: entries is None, SPLITS_NAME: splits is None}
    for name, expected in description.hashes().items():
        if unread.get(name):
            continue  # said above
        if not (root / name).is_file():
            findings.append(Finding(path=name, kind="missing", text="missing: restore it"))
        elif sha256_file(root / name) != expected:
            text = f"is not the one that {DESCRIPTION_NAME} was published with"
            findings.append(Finding(path=name, kind="changed", text=text))
    return _Documents(findings, description, entries, splits)
