"""Completes a written dataset: manifest, splits, and last the description."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from bsd.document import sync_folder
from bsd.errors import UserMistake
from bsd.provenance import sha256_file
from dataset.description import DESCRIPTION_NAME, Count, DatasetDescription
from dataset.journal import PairLine, read_pairs
from dataset.layout import PLAN_NAME, WORK_NAME
from dataset.manifest import MANIFEST_NAME, Entry, write_manifest
from dataset.splits import SPLITS, SPLITS_NAME, Split, Splits


def finish_tree(root: Path, description: DatasetDescription, splits: Splits) -> DatasetDescription:
    """Publish: merge the journals into the manifest, write the splits, and last ``dataset.json``.

    Parameters
    ----------
    root
        Of a dataset whose every sequence is written.
    description
        Without hashes; size and counts may be left at their defaults, else they are checked.
    splits
        Every sequence that was written, and no other.

    Returns
    -------
    The description as published.

    Raises
    ------
    UserMistake
        A sequence is missing, empty or not in the splits; sizes or counts do not agree.
    """
    pairs = _journaled(root, splits)
    entries = [
        entry for frames in pairs.values() for pair in frames for entry in (pair.blurry, pair.sharp)
    ]
    for entry in entries:
        path = root / entry.path
        if not path.is_file() or path.stat().st_size != entry.bytes:
            raise UserMistake(f"{path}: changed or removed since it was written; run again")
    described = _described(description, pairs, root)
    write_manifest(root / MANIFEST_NAME, entries)
    splits.write(root / SPLITS_NAME)
    _sync_folders(root, entries)
    hashes = {
        "plan_sha256": sha256_file(root / WORK_NAME / PLAN_NAME),
        "manifest_sha256": sha256_file(root / MANIFEST_NAME),
        "splits_sha256": sha256_file(root / SPLITS_NAME),
    }
    described = described.model_copy(update=hashes).sealed()
    described.write(root / DESCRIPTION_NAME)
    sync_folder(root)
    shutil.rmtree(root / WORK_NAME)
    return described


def _sync_folders(root: Path, entries: Sequence[Entry]) -> None:
    """Wait until the disk has the name of every file: nothing else knows them from here on."""
    folders = {parent for entry in entries for parent in PurePosixPath(entry.path).parents}
    for folder in sorted(folders, key=lambda path: len(path.parts), reverse=True):
        sync_folder(root / folder)


def _journaled(root: Path, splits: Splits) -> dict[tuple[Split, str], list[PairLine]]:
    expected = {f"{item.split}-{item.sequence}": item for item in splits.sequences}
    if not expected:
        raise UserMistake(f"{root}: no sequence was written; is every input too short?")
    journals = {path.stem: path for path in sorted((root / WORK_NAME).glob("*.jsonl"))}
    for name in journals.keys() - expected.keys():
        raise UserMistake(f"{root}: sequence {name} was written but is in no split")
    pairs = {}
    for name, item in expected.items():
        frames = read_pairs(root / WORK_NAME / f"{name}.jsonl")
        if not frames:
            raise UserMistake(f"{root}: sequence {name} is in the splits but has no frame")
        pairs[item.split, item.sequence] = frames
    return pairs


def _described(
    description: DatasetDescription, pairs: dict[tuple[Split, str], list[PairLine]], root: Path
) -> DatasetDescription:
    first = next(iter(pairs.values()))[0].blurry.shape
    for (split, sequence), frames in pairs.items():
        for pair in frames:
            if pair.blurry.shape != first or pair.sharp.shape != first:
                raise UserMistake(
                    f"{root}: {split}/{sequence}: frame {pair.frame} is {pair.blurry.shape},"
                    f" others are {first}; all must have one size"
                )
    counts = {
        split: Count(
            sequences=sum(1 for where, _ in pairs if where == split),
            frames=sum(len(frames) for (where, _), frames in pairs.items() if where == split),
        )
        for split in SPLITS
    }
    found = {"height_px": first[0], "width_px": first[1], "counts": counts}
    for field, value in found.items():
        said = getattr(description, field)
        if said and said != value:
            raise UserMistake(f"{root}: {field} was given as {said}, written were {value}")
    return description.model_copy(update=found)
