"""The tree of a dataset: read here; `opening`, `writer` and `completion` of `dataset` write it.

``ROOT/{train,valid,test}/000/{Blur,Sharp}/RGB/00000000.png``. A published tree has a manifest
beside its folders; a plain one, as older data sets came, has none, and may lack ``RGB``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from pathlib import Path

from bsd.errors import UserMistake
from bsd.provenance import sha256_file
from dataset.completion import described_tree, finish_tree
from dataset.description import (
    DESCRIPTION_NAME,
    Count,
    DatasetDescription,
    LeftOut,
    read_sealed,
)
from dataset.installation import is_decided
from dataset.layout import VIEWS, WORK_NAME, Product, frame_path, map_path, product_of
from dataset.manifest import MANIFEST_NAME, Entry, read_manifest
from dataset.opening import Published, held_tree, open_tree, published, refuse_undescribed
from dataset.order import natural
from dataset.sequence import SequenceFiles
from dataset.splits import SPLITS, SPLITS_NAME, Split, Splits
from dataset.writer import SequenceWriter

__all__ = [
    "Count",
    "DatasetDescription",
    "LeftOut",
    "Published",
    "SequenceFiles",
    "SequenceWriter",
    "Tree",
    "described_tree",
    "finish_tree",
    "frame_path",
    "held_tree",
    "open_tree",
    "plain_sequences",
    "published",
    "require_folder",
    "sequence_of",
    "unlike",
]


@dataclass(frozen=True)
class Tree:
    """A dataset on the disk.

    Attributes
    ----------
    root, name
        Its folder; its published name, or the folder's.
    description
        ``dataset.json``; None for a plain tree.
    splits
        Split → sequences in the order of their numbers; a split may be empty.
    """

    root: Path
    name: str
    description: DatasetDescription | None
    splits: dict[Split, tuple[SequenceFiles, ...]]

    @classmethod
    def open(cls, root: Path) -> Tree:
        """Read the structure of a tree; images are not touched (see `dataset.verify`).

        Raises
        ------
        UserMistake
            No such folder, not a dataset, unfinished, or its parts contradict each other.
        """
        require_folder(root)
        if is_decided(root):
            raise UserMistake(f"{root}: is being published; run the command that made it again")
        if (root / DESCRIPTION_NAME).exists():
            return _published(root)
        if (root / WORK_NAME).exists():
            raise UserMistake(f"{root}: is unfinished; run the command that made it again")
        refuse_undescribed(root)
        return _plain(root)

    @property
    def is_plain(self) -> bool:
        """Whether it has no manifest."""
        return self.description is None

    @property
    def manifest_sha256(self) -> str | None:
        """SHA-256 of the manifest; None for a plain tree."""
        return self.description.manifest_sha256 if self.description else None

    @cached_property
    def identity(self) -> str:
        """What names this very content: the manifest's SHA-256.

        For a plain tree SHA-256 over the sorted lines "path size sha256" of all frames, which
        reads every file once.
        """
        if self.description is not None:
            return self.description.manifest_sha256
        files = [file for item in self.all_sequences() for file in (*item.blurry, *item.sharp)]
        digest = hashlib.sha256()
        for name, path in sorted((file.relative_to(self.root).as_posix(), file) for file in files):
            digest.update(f"{name} {path.stat().st_size} {sha256_file(path)}\n".encode())
        return digest.hexdigest()

    def sequences(self, split: Split) -> tuple[SequenceFiles, ...]:
        """The sequences of one split.

        Raises
        ------
        UserMistake
            The split has none.
        """
        if not self.splits.get(split):
            present = ", ".join(name for name, items in self.splits.items() if items)
            raise UserMistake(f"{self.root}: no sequence in split '{split}'; it has {present}")
        return self.splits[split]

    def all_sequences(self) -> Iterator[SequenceFiles]:
        """All sequences, train first."""
        for split in SPLITS:
            yield from self.splits[split]


def require_folder(root: Path) -> None:
    """Raise `UserMistake` unless `root` is a folder."""
    if not root.exists():
        raise UserMistake(f"{root}: no such folder")
    if not root.is_dir():
        raise UserMistake(f"{root}: is a file; give the folder of a dataset")


def _published(root: Path) -> Tree:
    description = read_sealed(root, everything=False)
    entries = read_manifest(root / MANIFEST_NAME)
    splits = Splits.read(root / SPLITS_NAME)
    scenes = {(item.split, item.sequence): item.scene for item in splits.sequences}
    found: dict[Split, list[SequenceFiles]] = {split: [] for split in SPLITS}
    groups = {key: list(group) for key, group in groupby(entries, key=sequence_of)}
    for item in splits.sequences:
        group = groups.get((item.split, item.sequence), [])
        scene = scenes[item.split, item.sequence]
        found[item.split].append(_listed(root, item.split, item.sequence, scene, group))
    return Tree(root, description.name, description, {key: tuple(v) for key, v in found.items()})


def sequence_of(entry: Entry) -> tuple[str, str]:
    """(split, sequence) of a file of the manifest."""
    split, _, rest = entry.path.partition("/")
    return split, rest.partition("/")[0]


def _listed(root: Path, split: Split, name: str, scene: str, entries: list[Entry]) -> SequenceFiles:
    stem = f"{split}/{name}"
    blurry = [entry for entry in entries if entry.path.startswith(f"{stem}/Blur/RGB/")]
    sharp = [entry for entry in entries if entry.path.startswith(f"{stem}/Sharp/RGB/")]
    for index, (one, other) in enumerate(zip(blurry, sharp, strict=False)):
        wanted = (
            frame_path(split, name, "Blur", index),
            frame_path(split, name, "Sharp", index),
        )
        if (one.path, other.path) != wanted:
            raise UserMistake(f"{root}: {stem}: frame {index} is not in the manifest")
    if len(blurry) != len(sharp) or not blurry:
        raise UserMistake(
            f"{root}: {stem}: {len(blurry)} blurry and {len(sharp)} sharp frames in the manifest"
        )
    return SequenceFiles(
        split,
        name,
        scene,
        tuple(root / entry.path for entry in blurry),
        tuple(root / entry.path for entry in sharp),
        tuple(zip(blurry, sharp, strict=True)),
        _beside(root, split, name, entries, len(blurry)),
        next((entry for entry in entries if entry.path == map_path(split, name)), None),
    )


def _beside(
    root: Path, split: Split, name: str, entries: list[Entry], frames: int
) -> dict[Product, tuple[tuple[Entry, Entry], ...]]:
    """Product → (blurry, sharp) of every frame; refuses a product that some frames lack."""
    held: dict[Product, dict[str, Entry]] = {}
    for entry in entries:
        if (product := product_of(entry.path)) is not None and product != "RGB":
            held.setdefault(product, {})[entry.path] = entry
    found = {}
    for product, files in held.items():
        wanted = [
            tuple(frame_path(split, name, view, index, product) for view in VIEWS)
            for index in range(frames)
        ]
        if {path for pair in wanted for path in pair} != files.keys():
            raise UserMistake(f"{root}: {split}/{name}: {product} is not there for each frame")
        found[product] = tuple((files[blurry], files[sharp]) for blurry, sharp in wanted)
    return found


def plain_sequences(root: Path) -> list[SequenceFiles]:
    """All sequences of a plain tree as they lie on the disk, whole or not; unpaired ones too."""
    found = []
    for split in SPLITS:
        folders = [path for path in (root / split).glob("*") if path.is_dir()]
        for folder in sorted(folders, key=natural):
            views = [folder / view for view in VIEWS]
            if any(view.is_dir() for view in views):
                blurry, sharp = (_frames(view) for view in views)
                found.append(SequenceFiles(split, folder.name, None, blurry, sharp))
    return found


def unlike(sequence: SequenceFiles) -> str | None:
    """How the blurry and the sharp files of a plain sequence differ in number or name, or None."""
    blurry, sharp = ([path.name for path in view] for view in (sequence.blurry, sequence.sharp))
    if len(blurry) != len(sharp) or not blurry:
        return f"{len(blurry)} blurry and {len(sharp)} sharp frames; there must be one each"
    for one, other in zip(blurry, sharp, strict=True):
        if one != other:
            return f"blurry frame '{one}' lies beside sharp frame '{other}'; names must be equal"
    return None


def _frames(view: Path) -> tuple[Path, ...]:
    folder = view / "RGB" if (view / "RGB").is_dir() else view
    files = (path for path in folder.glob("*") if path.suffix.lower() == ".png" and path.is_file())
    return tuple(sorted(files, key=natural))


def _plain(root: Path) -> Tree:
    sequences = plain_sequences(root)
    if not sequences:
        inside = sorted(
            path.name
            for path in root.iterdir()
            if path.is_dir() and ((path / DESCRIPTION_NAME).exists() or plain_sequences(path))
        )
        hint = f"; did you mean {root / inside[0]}?" if inside else ""
        raise UserMistake(
            f"{root}: not a dataset: neither {DESCRIPTION_NAME} nor"
            f" {{train,valid,test}}/000/{{Blur,Sharp}}/ with PNG files{hint}"
        )
    for item in sequences:
        if fault := unlike(item):
            raise UserMistake(f"{root}: {item.split}/{item.name}: {fault}")
    splits = {split: tuple(item for item in sequences if item.split == split) for split in SPLITS}
    return Tree(root, root.resolve().name, None, splits)
