"""Completes a written dataset: manifest, splits, plan and documents, and last the description."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from bsd.document import sync_folder
from bsd.errors import UserMistake
from bsd.provenance import sha256_bytes, sha256_file
from dataset.addition import added_to, check_facts
from dataset.description import DESCRIPTION_NAME, Count, DatasetDescription, read_sealed
from dataset.installation import install_documents, stage_document, stage_path, staged_documents
from dataset.journal import PairLine, read_pairs
from dataset.layout import BUILD_NAME, PLAN_NAME, WORK_NAME, Product, map_note, product_of
from dataset.manifest import MANIFEST_NAME, Entry, iterate_manifest, write_sorted
from dataset.splits import SPLITS, SPLITS_NAME, Assignment, Split, Splits

_Place = tuple[Split, str]


def finish_tree(root: Path, description: DatasetDescription, splits: Splits) -> DatasetDescription:
    """Publish: merge the journals into the manifest, write the splits, and last ``dataset.json``.

    What `dataset.installation.stage_document` was given is published with it. All documents are
    staged first and then installed together, so that a kill leaves the dataset as it was before
    or, once the same command is run again, as it is now.

    Parameters
    ----------
    root
        Of a dataset whose every sequence is written.
    description
        Without hashes; size and counts may be left at their defaults, else they are checked. Of a
        dataset that is added to: the facts of what is new, or of everything.
    splits
        Every sequence that was written or is published already, and no other.

    Returns
    -------
    The description as published.

    Raises
    ------
    UserMistake
        A sequence is missing, empty or not in the splits; sizes, products or counts do not agree;
        what was published before would change.
    """
    described = described_tree(root, description, splits)
    earlier = _earlier(root)
    plan = (root / WORK_NAME / PLAN_NAME).read_bytes()
    if described.kind == "capture":
        stage_document(root, BUILD_NAME, plan)
    documents = staged_documents(root)
    if earlier and (gone := sorted(earlier.documents.keys() - documents.keys())):
        raise UserMistake(
            f"{root / gone[0]}: was published before, and the new state has none; give the options"
            " that make it again"
        )
    written = _new(splits, root, earlier)
    write_sorted(stage_path(root, MANIFEST_NAME), _all_entries(root, written, earlier))
    splits.write(stage_path(root, SPLITS_NAME))
    _sync_folders(root, [f"{item.split}/{item.sequence}" for item in written])
    hashes = {
        "documents": documents,
        "plan_sha256": sha256_bytes(plan),
        "manifest_sha256": sha256_file(stage_path(root, MANIFEST_NAME)),
        "splits_sha256": sha256_file(stage_path(root, SPLITS_NAME)),
    }
    described = described.model_copy(update=hashes).sealed()
    described.write(stage_path(root, DESCRIPTION_NAME))
    install_documents(root)
    return described


def described_tree(
    root: Path, description: DatasetDescription, splits: Splits
) -> DatasetDescription:
    """The description as `finish_tree` will publish it, but for its hashes.

    Parameters and errors are those of `finish_tree`; nothing is written.
    """
    earlier = _earlier(root)
    summary = _summary(root, splits, earlier)
    counts = {split: _count(summary, split, earlier) for split in SPLITS}
    height, width = summary.shape[:2]
    found = {"height_px": height, "width_px": width, "counts": counts}
    for field, value in found.items():
        said = getattr(description, field)
        if said and said != value:
            raise UserMistake(f"{root}: {field} was given as {said}, written were {value}")
    described = description.model_copy(update=found)
    check_facts(described, splits, summary.frames, root)
    return described if earlier is None else added_to(earlier, described, root)


def _earlier(root: Path) -> DatasetDescription | None:
    return read_sealed(root) if (root / DESCRIPTION_NAME).exists() else None


@dataclass(frozen=True)
class _Summary:
    """What the journals say: the frames' shape, and how many pairs each new sequence has."""

    shape: tuple[int, ...]
    frames: dict[_Place, int]


def _count(summary: _Summary, split: Split, earlier: DatasetDescription | None) -> Count:
    new = [count for (where, _name), count in summary.frames.items() if where == split]
    before = earlier.counts.get(split) if earlier else None
    return Count(
        sequences=len(new) + (before.sequences if before else 0),
        frames=sum(new) + (before.frames if before else 0),
    )


def _new(splits: Splits, root: Path, earlier: DatasetDescription | None) -> list[Assignment]:
    """The sequences that are not published yet; refuses splits that move a published one."""
    before = Splits.read(root / SPLITS_NAME).sequences if earlier else ()
    if lost := [item for item in before if item not in splits.sequences]:
        raise UserMistake(
            f"{root}: {lost[0].split}/{lost[0].sequence} shows scene '{lost[0].scene}' and is"
            " published; it is never moved or removed"
        )
    return [item for item in splits.sequences if item not in before]


def _summary(root: Path, splits: Splits, earlier: DatasetDescription | None) -> _Summary:
    """One journal in memory at a time."""
    new = _new(splits, root, earlier)
    expected = {f"{item.split}-{item.sequence}" for item in new}
    if not new and earlier is None:
        raise UserMistake(f"{root}: no sequence was written; is every input too short?")
    for path in sorted((root / WORK_NAME).glob("*.jsonl")):
        if path.stem not in expected:
            raise UserMistake(f"{root}: sequence {path.stem} was written but is in no split")
    shape: tuple[int, ...] | None = None
    if earlier:
        shape = (earlier.height_px, earlier.width_px, 3)
    products = _published_products(root) if earlier else None
    frames: dict[_Place, int] = {}
    for item in new:
        pairs = _pairs(root, item)
        where = f"{root}: {item.split}/{item.sequence}"
        shape = shape or pairs[0].blurry.shape
        products = products or _contents(root, item, pairs[0])
        for pair in pairs:
            if pair.blurry.shape != shape or pair.sharp.shape != shape:
                raise UserMistake(
                    f"{where}: frame {pair.frame} is {pair.blurry.shape}, others are {shape}; all"
                    " must have one size"
                )
            if (found := _contents(root, item, pair)) != products:
                raise UserMistake(
                    f"{where}: frame {pair.frame} has {_names(found)}, others have"
                    f" {_names(products)}; all must have the same"
                )
        frames[item.split, item.sequence] = len(pairs)
    if shape is None:
        raise UserMistake(f"{root}: no sequence was written")
    return _Summary(shape, frames)


_Contents = frozenset[Product | None]
"""Products of a sequence; None stands for its map."""


def _contents(root: Path, item: Assignment, pair: PairLine) -> _Contents:
    mapped = map_note(root, item.split, item.sequence).exists()
    return frozenset(pair.products) | (frozenset({None}) if mapped else frozenset())


def _published_products(root: Path) -> _Contents:
    """Of the first sequence in the manifest: all have the same."""
    found: set[Product | None] = set()
    first = None
    for entry in iterate_manifest(root / MANIFEST_NAME):
        place = entry.path.split("/")[:2]
        first = first or place
        if place != first:
            break
        found.add(product_of(entry.path))
    return frozenset(found)


def _names(contents: _Contents) -> str:
    return ", ".join(sorted(name or "a map" for name in contents))


def _pairs(root: Path, item: Assignment) -> list[PairLine]:
    name = f"{item.split}-{item.sequence}"
    pairs = read_pairs(root / WORK_NAME / f"{name}.jsonl")
    if not pairs:
        raise UserMistake(f"{root}: sequence {name} is in the splits but has no frame")
    return pairs


def _all_entries(
    root: Path, written: Sequence[Assignment], earlier: DatasetDescription | None
) -> Iterator[Entry]:
    """Every file, sorted by path, each looked at once more; one sequence in memory at a time."""
    before = iterate_manifest(root / MANIFEST_NAME) if earlier else iter(())
    merged = heapq.merge(before, _journaled(root, written), key=lambda entry: entry.path)
    for entry in merged:
        path = root / entry.path
        if not path.is_file() or path.stat().st_size != entry.bytes:
            raise UserMistake(f"{path}: changed or removed since it was written; run again")
        yield entry


def _journaled(root: Path, written: Sequence[Assignment]) -> Iterator[Entry]:
    for item in sorted(written, key=lambda item: f"{item.split}/{item.sequence}/"):
        entries = [entry for pair in _pairs(root, item) for entry in pair.entries]
        note = map_note(root, item.split, item.sequence)
        if note.exists():
            entries.append(Entry.model_validate_json(note.read_bytes()))
        yield from sorted(entries, key=lambda entry: entry.path)


def _sync_folders(root: Path, sequences: Sequence[str]) -> None:
    """Wait until the disk has the name of every file: nothing else knows them from here on."""
    folders = {PurePosixPath(".")}
    for name in sequences:
        below = [path for path in (root / name).rglob("*") if path.is_dir()]
        inside = {PurePosixPath(path.relative_to(root).as_posix()) for path in below}
        folders |= inside | {PurePosixPath(name), PurePosixPath(name).parent}
    for folder in sorted(folders, key=lambda path: len(path.parts), reverse=True):
        sync_folder(root / folder)
