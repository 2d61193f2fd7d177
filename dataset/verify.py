"""``python -m dataset.verify DIR``: whether a dataset is whole and its pairs belong together."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bsd import command, errors

if TYPE_CHECKING:
    from dataset.description import DatasetDescription
    from dataset.manifest import Entry
    from dataset.splits import Splits
    from dataset.verification import Finding, Progress, Verification

app = command.application("Check a dataset: files, hashes, counts, sizes, splits and pairing.")
_MOST_THREADS = 8  # each holds the thumbnails of one sequence


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
    from bsd.threads import available_cores
    from dataset.description import DESCRIPTION_NAME
    from dataset.manifest import MANIFEST_NAME
    from dataset.pairs import check_pairs, check_plain
    from dataset.tree import plain_sequences, require_folder
    from dataset.verification import Verification, check_files, check_leftovers, silent
    from dataset.writer import WORK_NAME

    require_folder(root)
    show = progress or silent
    threads = min(available_cores(), _MOST_THREADS)
    plain = not any((root / name).exists() for name in (DESCRIPTION_NAME, MANIFEST_NAME))
    if plain and (root / WORK_NAME).exists():
        findings = check_leftovers(root, None)
        return Verification(
            root=str(root),
            plain=False,
            hashed=False,
            files=0,
            findings=tuple(findings),
            pairings=(),
        )
    findings, description, entries, splits = ([], None, None, None) if plain else _documents(root)
    if entries is None:
        sequences = plain_sequences(root)
        if plain and not sequences:
            _refuse(root)
        findings += check_leftovers(root, None)
        found, pairings = check_plain(root, sequences, threads, show)
        files = sum(len(item.blurry) + len(item.sharp) for item in sequences)
    else:
        found = check_files(root, entries, hashes, threads, show)
        findings += check_leftovers(root, [entry.path for entry in entries])
        findings += _contradictions(entries, description, splits)
        bad = {item.path for item in found}
        more, pairings = check_pairs(root, entries, bad, threads, show)
        found, files = found + more, len(entries)
    return Verification(
        root=str(root),
        plain=plain,
        hashed=hashes and entries is not None,
        files=files,
        findings=(*findings, *found),
        pairings=pairings,
    )


def _refuse(root: Path) -> None:
    from dataset.tree import Tree

    Tree.open(root)


def _documents(
    root: Path,
) -> tuple[list[Finding], DatasetDescription | None, tuple[Entry, ...] | None, Splits | None]:
    """Read the three documents; what cannot be read is None and a finding."""
    from bsd.provenance import sha256_file
    from dataset.description import DESCRIPTION_NAME, DatasetDescription
    from dataset.manifest import MANIFEST_NAME, read_manifest
    from dataset.splits import SPLITS_NAME, Splits
    from dataset.verification import Finding

    findings: list[Finding] = []
    read: dict[str, object] = {}
    readers = {
        DESCRIPTION_NAME: DatasetDescription.read,
        MANIFEST_NAME: read_manifest,
        SPLITS_NAME: Splits.read,
    }
    for name, reader in readers.items():
        if not (root / name).is_file():
            text = "missing: restore it, or run the command that made the dataset again"
            findings.append(Finding(path=name, kind="missing", text=text))
            continue
        try:
            read[name] = reader(root / name)
        except errors.UserMistake as error:
            text = str(error).removeprefix(f"{root / name}: ")
            findings.append(Finding(path=name, kind="damaged", text=text))
    description = read.get(DESCRIPTION_NAME)
    entries = read.get(MANIFEST_NAME)
    splits = read.get(SPLITS_NAME)
    if isinstance(description, DatasetDescription):
        if not description.is_sealed():
            text = "was edited after it was published (own_sha256 differs)"
            findings.append(Finding(path=DESCRIPTION_NAME, kind="changed", text=text))
        for name, expected in (
            (MANIFEST_NAME, description.manifest_sha256),
            (SPLITS_NAME, description.splits_sha256),
        ):
            if name in read and sha256_file(root / name) != expected:
                text = f"is not the one that {DESCRIPTION_NAME} was published with"
                findings.append(Finding(path=name, kind="changed", text=text))
    return (
        findings,
        description if isinstance(description, DatasetDescription) else None,
        entries if isinstance(entries, tuple) else None,
        splits if isinstance(splits, Splits) else None,
    )


def _contradictions(
    entries: tuple[Entry, ...], description: DatasetDescription | None, splits: Splits | None
) -> list[Finding]:
    """Where manifest, splits and description do not agree with one another."""
    from dataset.description import DESCRIPTION_NAME
    from dataset.manifest import MANIFEST_NAME
    from dataset.splits import SPLITS_NAME
    from dataset.tree import frame_path, sequence_of
    from dataset.verification import Finding
    from dataset.writer import VIEWS

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
            text = f"shape {entry.shape}, the dataset's frames are {size[1]} × {size[0]} px"
            findings.append(Finding(path=entry.path, kind="shape", text=text))
    return findings


@app.command()
def main(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The dataset's folder.")],
    json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False,
    hashes: Annotated[
        bool, typer.Option("--hash/--no-hash", help="Compare the content of every file.")
    ] = True,
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit code 1 for undetermined sequences too.")
    ] = False,
) -> int:
    """Check a dataset: files, hashes, counts, sizes, splits, pairing. Exit code 1 if it is bad.

    Example: python -m dataset.verify BSD_2ms16ms
    """
    found = verify(folder, hashes, command.progress)
    if json:
        fields = {"good": found.good, "undetermined": found.undetermined}
        command.print_json({**fields, "summary": found.summary(), **found.model_dump(mode="json")})
    else:
        _print(found)
    bad = not found.good or (strict and found.undetermined > 0)
    return errors.EXIT_FOUND_BAD if bad else errors.EXIT_DONE


def _print(found: Verification) -> None:
    rows: list[tuple[str, str, str]] = [
        (item.kind, item.path, item.text) for item in found.findings
    ]
    for pairing in found.pairings:
        if pairing.verdict == "undetermined":
            rows.append((pairing.verdict, f"{pairing.split}/{pairing.sequence}", pairing.text))
    console = command.out()
    if rows:  # plain columns: a path is never folded, whatever reads the output
        first, second = (max(len(row[column]) for row in rows) for column in (0, 1))
        for kind, path, text in rows:
            console.print(f"{kind:{first}}  {path:{second}}  {text}", markup=False)
    console.print(found.summary(), markup=False)


if __name__ == "__main__":
    command.run(app, "dataset.verify")
