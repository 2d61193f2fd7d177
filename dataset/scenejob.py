"""Makes all sequences of one source in one pass over it, going on where an earlier run ended."""

from __future__ import annotations

import copy
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from dataset.blur import Window, blur_windows
from dataset.executor import Advance, ahead
from dataset.folder import Frame
from dataset.manifest import SyntheticSource
from dataset.probe import Cut
from dataset.recipe import Recipe
from dataset.splits import Split
from dataset.video import Source
from dataset.writer import SequenceWriter

_FRAMES_AHEAD = 6


@dataclass(frozen=True)
class SequenceJob:
    """One sequence of a source: where it goes and what it is made from."""

    split: Split
    sequence: str
    cut: Cut

    @property
    def place(self) -> tuple[Split, str]:
        """Split and number."""
        return self.split, self.sequence


@dataclass(frozen=True)
class SceneJob:
    """All sequences of one source, made in one pass over it."""

    root: Path
    source: Source
    recipe: Recipe
    recipe_sha256: str
    sequences: tuple[SequenceJob, ...]


_Rest = tuple[SequenceJob, tuple[Window, ...], SequenceWriter | None]


def make_scene(job: SceneJob, threads: int, advance: Advance) -> None:
    """Write all sequences of one source that are not complete yet.

    Parameters
    ----------
    job
        The source and its sequences.
    threads
        Threads for each of decoding, blurring and encoding.
    advance
        Is told of every pair, those of an earlier run included.
    """
    with ExitStack() as begun:
        todo = _unfinished(job, threads, advance, begun)
        windows = [window for _, rest, _ in todo for window in rest]
        if not windows:
            return
        table = job.recipe.response.sum_table(job.recipe.window.frames)
        with closing(ahead(_numbered(job.source, windows, threads), _FRAMES_AHEAD)) as frames:
            pairs = blur_windows(frames, windows, table, threads)
            for item, rest, writer in todo:
                with writer or SequenceWriter(job.root, *item.place, threads) as opened:
                    for window, blurry, sharp in islice(pairs, len(rest)):
                        if window is windows[-1]:
                            # The source checks at its end that it was whole. Until then a pair is
                            # lacking, so that no other run takes the scene for complete.
                            deque(frames, maxlen=0)
                        opened.append(blurry, sharp, _origin(job, item, window))
                        advance(1)


def _unfinished(job: SceneJob, threads: int, advance: Advance, begun: ExitStack) -> list[_Rest]:
    """The windows that each sequence lacks, and the writer of one that was begun.

    Such a writer stays open until `begun` is left: a second one would hash its files again.
    """
    todo: list[_Rest] = []
    for item in job.sequences:
        with ExitStack() as checked:
            writer = checked.enter_context(SequenceWriter(job.root, *item.place, threads))
            advance(writer.frames_done)
            rest = item.cut.windows[writer.frames_done :]
            if rest and writer.frames_done:
                begun.push(checked.pop_all())
            if rest:
                todo.append((item, rest, writer if writer.frames_done else None))
    return todo


def _numbered(
    source: Source, windows: Sequence[Window], threads: int
) -> Iterator[tuple[int, Frame]]:
    """The frames that some window needs, with their numbers."""
    needed = np.zeros(source.frame_count, dtype=np.bool_)
    for window in windows:
        needed[window.first : window.first + window.frames] = True
    numbers = np.flatnonzero(needed)
    source = copy.copy(source)
    source.threads = threads
    frames = source.frames(int(numbers[0]), needed.__getitem__)
    return zip(map(int, numbers), frames, strict=True)


def _origin(job: SceneJob, item: SequenceJob, window: Window) -> SyntheticSource:
    return SyntheticSource(
        scene=job.source.name,
        input_name=job.source.path.name,
        input_sha256=job.source.sha256,
        recipe=job.recipe.title,
        recipe_sha256=job.recipe_sha256,
        first_frame=window.first,
        frame_count=window.frames,
        sharp_frame=window.sharp,
        rate_hz=float(job.source.rate_hz),
        shutter_us=job.source.shutter_us,
        marks=item.cut.marks,
    )
