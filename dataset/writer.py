"""Writes a dataset so that a kill at any moment costs only the frames in flight."""

from __future__ import annotations

import logging
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from bsd.document import write_bytes
from bsd.errors import UserMistake
from bsd.provenance import sha256_bytes, sha256_file
from dataset.description import DESCRIPTION_NAME
from dataset.extras import PairExtras, encode_map
from dataset.image import size_text
from dataset.journal import Journal, PairLine, first_pair
from dataset.layout import (
    VIEWS,
    WORK_NAME,
    Product,
    frame_path,
    map_note,
    map_path,
)
from dataset.manifest import ClipSource, Entry, PairSource, Source
from dataset.png import encode_png
from dataset.splits import SPLITS_NAME, Split, Splits

log = logging.getLogger(__name__)

_QUEUE_PER_THREAD = 2  # pairs waiting or being encoded, for each encoder thread


class SequenceWriter:
    """Writes the pairs of one sequence: encodes and hashes in threads, journals in order.

    A context manager; leaving it waits for all files, or after an error drops what is queued.

    Parameters
    ----------
    root
        Of a dataset that `open_tree` opened.
    split, sequence
        Where the sequence belongs, such as ``train`` and ``000``.
    threads
        Encoder threads, at least 1. The files do not depend on it.

    Attributes
    ----------
    frames_done
        Pairs that an earlier run completed and that are still whole; the next `append` is the
        pair of this number.

    Raises
    ------
    OSError
        From `append` or `close`, with the file's name, when an encoder could not write.
    UserMistake
        Another run writes the same sequence, or it is published already.
    """

    def __init__(self, root: Path, split: Split, sequence: str, threads: int = 1) -> None:
        self.root, self.split, self.sequence = root, split, sequence
        _refuse_published(root, split, sequence)
        self._threads = threads
        self._journal = Journal(root / WORK_NAME / f"{split}-{sequence}.jsonl")
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix=f"encode-{split}-{sequence}")
        self._pending: deque[Future[PairLine]] = deque()
        self._failure: BaseException | None = None
        try:
            self.frames_done = self._keep_whole()
            first = self._known_pair()
            self._shape = first.blurry.shape if first else None
            self._products = first.products if first else None
            self._make_folders(self._products or ("RGB",))
        except BaseException:
            self._drop()
            raise
        self._next = self.frames_done

    def append(
        self,
        blurry: NDArray[np.uint8],
        sharp: NDArray[np.uint8],
        source: PairSource,
        extras: PairExtras | None = None,
    ) -> None:
        """Queue the next pair; waits while the queue is full.

        Parameters
        ----------
        blurry, sharp
            uint8 (H, W, 3) RGB of one shape; copied, so the caller may use them again.
        source
            What the pair was made from.
        extras
            What is published beside the frames: the same products for all pairs of a dataset.
        """
        self._check(blurry, "blurry")
        self._check(sharp, "sharp")
        extras = extras or PairExtras()
        self._check_extras(extras, blurry.shape)
        self._settle(_QUEUE_PER_THREAD * self._threads - 1)
        pair = (np.array(blurry, order="C"), np.array(sharp, order="C"))
        self._pending.append(
            self._pool.submit(self._write, self._next, pair, extras.copied(), source)
        )
        self._next += 1

    def put_map(self, map_xy: NDArray[np.float32], source: ClipSource) -> None:
        """Write the sequence's map; a second call writes the same again.

        Parameters
        ----------
        map_xy
            float32 (h, w, 2): x and y, in px of the sharp view's RAW mosaic as it is published,
            of every pixel of the blurry one's.
        source
            What it was made from.
        """
        if map_xy.dtype != np.float32 or map_xy.ndim != 3 or map_xy.shape[2] != 2:
            raise UserMistake(
                f"{self.split}/{self.sequence}: map is {map_xy.dtype} {map_xy.shape}, needs"
                " float32 (h, w, 2)"
            )
        path = map_path(self.split, self.sequence)
        entry = self._store(path, encode_map(map_xy), map_xy, None, source)
        note = map_note(self.root, self.split, self.sequence)
        write_bytes(note, entry.model_dump_json().encode())

    def close(self) -> None:
        """Wait until every queued pair is on the disk and in the journal."""
        try:
            self._settle(0)
        finally:
            self._drop()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            self.close()
        else:
            self._drop()

    def _drop(self) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._pending.clear()
        self._journal.close()

    def _settle(self, leave: int) -> None:
        """Journal what is done, in order; waits until at most `leave` pairs are in flight."""
        if self._failure is not None:
            raise self._failure
        done: list[PairLine] = []
        try:
            while self._pending and (len(self._pending) > leave or self._pending[0].done()):
                done.append(self._pending.popleft().result())
        except BaseException as error:
            self._failure = error
            self._pool.shutdown(wait=False, cancel_futures=True)
            raise
        finally:
            if done:
                self._journal.append(done)

    def _write(
        self,
        index: int,
        pair: tuple[NDArray[np.uint8], NDArray[np.uint8]],
        extras: PairExtras,
        source: PairSource,
    ) -> PairLine:
        where = (self.split, self.sequence)
        blurry, sharp = (
            self._store(frame_path(*where, view, index), encode_png(image), image, None, source)
            for view, image in zip(VIEWS, pair, strict=True)
        )
        beside = tuple(
            self._store(frame_path(*where, view, index, product), content, image, cfa, source)
            for view in VIEWS
            for product, image, cfa, content in extras.files(view)
        )
        return PairLine(frame=index, blurry=blurry, sharp=sharp, extras=beside)

    def _store(
        self, path: str, content: bytes, image: NDArray[Any], cfa: str | None, source: Source
    ) -> Entry:
        try:
            write_bytes(self.root / path, content)
        except OSError as error:
            error.filename = error.filename or str(self.root / path)
            raise
        return Entry(
            path=path,
            sha256=sha256_bytes(content),
            bytes=len(content),
            shape=image.shape,
            dtype=str(image.dtype),
            cfa=cfa,
            source=source,
        )

    def _make_folders(self, products: tuple[Product, ...]) -> None:
        for view in VIEWS:
            for product in products:
                path = frame_path(self.split, self.sequence, view, 0, product)
                (self.root / path).parent.mkdir(parents=True, exist_ok=True)

    def _check_extras(self, extras: PairExtras, shape: tuple[int, ...]) -> None:
        where = f"{self.split}/{self.sequence}: frame {self._next}"
        extras.check(shape, where)
        products: tuple[Product, ...] = ("RGB", *extras.products)
        if self._products is not None and self._products != products:
            raise UserMistake(
                f"{where}: has {', '.join(products)}, other frames of this dataset have"
                f" {', '.join(self._products)}; all must have the same"
            )
        self._products = products
        if self._next == self.frames_done:
            self._make_folders(products)

    def _check(self, image: NDArray[np.uint8], role: str) -> None:
        where = f"{self.split}/{self.sequence}: {role} frame {self._next}"
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
            raise UserMistake(f"{where}: is {image.dtype} {image.shape}, needs uint8 (H, W, 3)")
        self._shape = self._shape or image.shape
        if image.shape != self._shape:
            here, others = size_text(image.shape), size_text(self._shape)
            raise UserMistake(
                f"{where}: is {here} px, other frames of this dataset are {others};"
                " all must have one size"
            )

    def _keep_whole(self) -> int:
        """Cut the journal at the first pair whose files are not as it says; how many are left."""
        whole = 0
        for good in self._pool.map(self._is_whole, self._journal.pairs):
            if not good:
                log.warning(
                    "%s/%s: frame %d was changed since it was written; made again from there",
                    self.split,
                    self.sequence,
                    whole,
                )
                break
            whole += 1
        self._journal.cut(whole)
        return whole

    def _is_whole(self, pair: PairLine) -> bool:
        for entry in pair.entries:
            path = self.root / entry.path
            if not path.is_file() or path.stat().st_size != entry.bytes:
                return False
            if sha256_file(path) != entry.sha256:
                return False
        return True

    def _known_pair(self) -> PairLine | None:
        """Any pair of the dataset: all have one size and the same products."""
        if self._journal.pairs:
            return self._journal.pairs[0]
        for path in sorted((self.root / WORK_NAME).glob("*.jsonl")):
            if (pair := first_pair(path)) is not None:
                return pair
        return None


def _refuse_published(root: Path, split: Split, sequence: str) -> None:
    if not (root / DESCRIPTION_NAME).exists():
        return
    splits = Splits.read(root / SPLITS_NAME)
    if any((item.split, item.sequence) == (split, sequence) for item in splits.sequences):
        raise UserMistake(
            f"{root}: sequence {split}/{sequence} is published, and never written again; take the"
            " next number"
        )
