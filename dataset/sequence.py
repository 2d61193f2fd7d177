"""The files of one sequence, read with their hashes checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bsd.errors import UserMistake
from bsd.provenance import sha256_bytes
from dataset.extras import decode_extra, decode_map
from dataset.layout import SUFFIXES, VIEWS, Product, View, frame_path
from dataset.manifest import Entry, Source
from dataset.png import decode_png, png_shape
from dataset.splits import Split

_DEPTH = len(PurePosixPath(frame_path("train", "000", "Blur", 0)).parts)


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
    beside
        Product → the same of each pair's files beside RGB.
    map_entry
        What the manifest says of the sequence's map; None where it has none.
    """

    split: Split
    name: str
    scene: str | None
    blurry: tuple[Path, ...]
    sharp: tuple[Path, ...]
    entries: tuple[tuple[Entry, Entry], ...] | None = None
    beside: Mapping[Product, tuple[tuple[Entry, Entry], ...]] = field(
        default_factory=dict, hash=False
    )
    map_entry: Entry | None = None

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

    @property
    def products(self) -> tuple[Product, ...]:
        """What is published of each frame, RGB first."""
        return tuple(name for name in SUFFIXES if name == "RGB" or name in self.beside)

    def cfa(self, view: View) -> str | None:
        """Colours of the 2x2 cell at the upper left corner of a view's mosaics; None without."""
        return self._entry("RAW", view, 0).cfa

    def read_raw(self, view: View, index: int) -> NDArray[Any]:
        """Mosaic of a view as it was sensed: uint8 or uint16 (h, w), in the sensor's DN.

        Raises
        ------
        UserMistake
            The dataset has none, or the file is not the one that was published.
        """
        return self._read_beside("RAW", view, index)

    def read_linear(self, view: View, index: int) -> NDArray[np.uint16]:
        """Aligned frame of a view in linear light: uint16 (H, W, 3) RGB; see `read_raw`.

        `dataset.sequence_facts.LinearScale` says what its samples stand for.
        """
        return np.asarray(self._read_beside("Linear", view, index), np.uint16)

    def read_mask(self, view: View, index: int) -> NDArray[np.bool_]:
        """Where a view is saturated: bool (H, W); see `read_raw`."""
        return self._read_beside("Mask", view, index) > 0

    def read_map(self) -> NDArray[np.float32]:
        """Place in the sharp RAW mosaic of each pixel of the blurry one: float32 (h, w, 2), px."""
        if self.map_entry is None:
            raise UserMistake(f"{self._folder()}: was published without a map")
        path = self._root() / self.map_entry.path
        return decode_map(_content(path, self.map_entry), str(path))

    def _read_beside(self, product: Product, view: View, index: int) -> NDArray[Any]:
        entry = self._entry(product, view, index)
        path = self._root() / entry.path
        return decode_extra(_content(path, entry), product, str(path))[0]

    def _entry(self, product: Product, view: View, index: int) -> Entry:
        if product not in self.beside:
            raise UserMistake(f"{self._folder()}: was published without {product} files")
        return self.beside[product][index][VIEWS.index(view)]

    def _root(self) -> Path:
        return self.blurry[0].parents[_DEPTH - 1]

    def _folder(self) -> Path:
        return self._root() / self.split / self.name


def _read(path: Path, entry: Entry | None) -> NDArray[np.uint8]:
    content = path.read_bytes() if entry is None else _content(path, entry)
    return decode_png(content, str(path))


def _content(path: Path, entry: Entry) -> bytes:
    """A published file; refused unless its very bytes are those that were published."""
    content = path.read_bytes()
    if sha256_bytes(content) != entry.sha256:
        root = path.parents[len(PurePosixPath(entry.path).parts) - 1]
        raise UserMistake(
            f"{path}: changed since the dataset was published; restore it, and look at the rest"
            f" with python -m dataset.verify {root}"
        )
    return content
