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
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from bsd.errors import UserMistake
from bsd.provenance import sha256_bytes, sha256_file
from dataset.completion import finish_tree
from dataset.description import (
    DESCRIPTION_NAME,
    Count,
    DatasetDescription,
    LeftOut,
    read_sealed,
)
from dataset.layout import VIEWS, WORK_NAME, frame_path
from dataset.manifest import MANIFEST_NAME, Entry, Source, read_manifest
from dataset.opening import held_tree, open_tree, refuse_undescribed
from dataset.order import natural
from dataset.png import decode_png, png_shape
from dataset.splits import SPLITS, SPLITS_NAME, Split, Splits
from dataset.writer import SequenceWriter

__all__ = [
    "Count",
    "DatasetDescription",
    "LeftOut",
    "SequenceFiles",
    "SequenceWriter",
    "Tree",
    "finish_tree",
    "frame_path",
    "held_tree",
    "open_tree",
    "plain_sequences",
    "require_folder",
    "sequence_of",
    "unlike",
]


@dataclass(frozen=True)
class SequenceFiles:
    """The files of one sequence.

    Read frames with `read_blurry` and `read_sharp`, not through the paths: of a published tree
    they give out no frame that was changed since, whatever it was changed to.

    Attributes
    ----------
    split, name
        Such as ``test`` and ``000``.
    scene
        The recording that it shows; None in a plain tree.
    blurry, sharp
        Files in the order of the frames, one each per frame.
    entries
        What the manifest says of each pair, (blurry, sharp); None in a plain tree.
    """

    split: Split
    name: str
    scene: str | None
    blurry: tuple[Path, ...]
    sharp: tuple[Path, ...]
    entries: tuple[tuple[Entry, Entry], ...] | None = None

    def __len__(self) -> int:
        return len(self.blurry)

    @cached_property
    def sources(self) -> tuple[Source, ...] | None:
        """What each pair was made from; None in a plain tree."""
        return None if self.entries is None else tuple(pair[0].source for pair in self.entries)

    @cached_property
    def shape(self) -> tuple[int, int, int]:
        """(H, W, 3) of the first blurry frame: from the manifest, or else from its header."""
        if self.entries is not None:
            height, width = self.entries[0][0].shape[:2]
            return height, width, 3
        with self.blurry[0].open("rb") as file:
            height, width, _channels = png_shape(file.read(64), str(self.blurry[0]))
        return height, width, 3

    def read_blurry(self, index: int) -> NDArray[np.uint8]:
        """Blurry frame `index`: uint8 (H, W, 3) RGB.

        Raises
        ------
        UserMistake
            The file is damaged or, in a published tree, not the one that was published: its very
            bytes are compared with the manifest's SHA-256.
        """
        return _read(self.blurry[index], None if self.entries is None else self.entries[index][0])

    def read_sharp(self, index: int) -> NDArray[np.uint8]:
        """Sharp frame `index`; see `read_blurry`."""
        return _read(self.sharp[index], None if self.entries is None else self.entries[index][1])


def _read(path: Path, entry: Entry | None) -> NDArray[np.uint8]:
    content = path.read_bytes()
    if entry is not None and sha256_bytes(content) != entry.sha256:
        root = path.parents[len(PurePosixPath(entry.path).parts) - 1]
        raise UserMistake(
            f"{path}: changed since the dataset was published; restore it, and look at the rest"
            f" with python -m dataset.verify {root}"
        )
    return decode_png(content, str(path))


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
    description = read_sealed(root)
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
    )


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
