"""Blur: the average of a window of frames, in code values or in light.

Pure functions of arrays: window plan, average, and the same for frames as they arrive. The response
and the rounding are `dataset.sums`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import pairwise
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from dataset.sums import GROUP_FRAMES, TILE, SumTable, sum_part

Frame = NDArray[np.uint8]


@dataclass(frozen=True)
class Window:
    """Source frames of one output frame.

    Attributes
    ----------
    first
        Number of its first source frame, from 0.
    frames
        How many follow each other in it.
    sharp
        Number of the source frame that is the sharp one.
    """

    first: int
    frames: int
    sharp: int


def plan_windows(total: int, frames: int, hop: int) -> tuple[Window, ...]:
    """Windows that lie wholly within a source.

    Parameters
    ----------
    total
        Frames of the source.
    frames
        Frames of a window, odd: the middle one is the sharp frame.
    hop
        Source frames from the start of a window to the start of the next.
    """
    if frames < 1 or frames % 2 == 0 or hop < 1:
        raise ValueError(f"a window of {frames} frames every {hop}: odd and at least 1 wanted")
    starts = range(0, total - frames + 1, hop)
    return tuple(Window(start, frames, start + frames // 2) for start in starts)


def average(frames: Sequence[Frame], table: SumTable, threads: int = 1) -> Frame:
    """The blurred frame of one window.

    Parameters
    ----------
    frames
        ``table.frames`` arrays of one shape, uint8.
    table
        From `code_value_table` or `response_table`.
    threads
        Threads that share the work; the result does not depend on it.

    Returns
    -------
    array
        The window's mean, quantised; same shape, uint8.
    """
    with WindowAverage(table, frames[0].shape, threads) as window:
        for frame in frames:
            window.add(frame)
        return window.finish()


class WindowAverage:
    """Averages one window after another as their frames arrive.

    Frames are summed eight at a time, so that a sum is read and written once for eight frames;
    no more frames than that are held.

    Parameters
    ----------
    table
        From `code_value_table` or `response_table`.
    shape
        Shape of the frames.
    threads
        Threads that share the work.
    """

    def __init__(self, table: SumTable, shape: tuple[int, ...], threads: int = 1) -> None:
        self._table = table
        self._shape = shape
        size = int(np.prod(shape))
        self._sums = np.empty(size, dtype=np.uint32)
        tiles = -(-size // TILE)
        cuts = [min(size, tiles * k // threads * TILE) for k in range(threads)] + [size]
        self._parts = list(pairwise(cuts))
        self._pool = ThreadPoolExecutor(threads - 1) if threads > 1 else None
        self._held: list[Frame] = []
        self._count = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the threads."""
        if self._pool is not None:
            self._pool.shutdown()

    def add(self, frame: Frame) -> None:
        """Take the window's next frame, uint8 of the shape stated.

        Raises
        ------
        ValueError
            Another shape or type, or more frames than the window has.
        """
        if frame.shape != self._shape or frame.dtype != np.uint8:
            raise ValueError(f"frame of {frame.shape} {frame.dtype}, expected {self._shape} uint8")
        if self._count == self._table.frames:
            raise ValueError(f"the window has {self._count} frames already")
        self._held.append(np.ascontiguousarray(frame).reshape(-1))
        self._count += 1
        if len(self._held) == GROUP_FRAMES and self._count < self._table.frames:
            self._flush(None)

    def finish(self) -> Frame:
        """The window's blurred frame; the next `add` starts a new window."""
        if self._count != self._table.frames:
            raise ValueError(f"{self._count} frames of a window of {self._table.frames}")
        out = np.empty(self._sums.size, dtype=np.uint8)
        self._flush(out)
        self._count = 0
        return out.reshape(self._shape)

    def _flush(self, out: NDArray[np.uint8] | None) -> None:
        held = self._held
        fresh = self._count == len(held)
        # The kernel wants eight arrays; what stands behind the count is not read.
        group = tuple(held + [held[0]] * (GROUP_FRAMES - len(held)))
        table = self._table
        result = out if out is not None else held[0][:0]

        def work(part: tuple[int, int]) -> None:
            sum_part(
                group,
                len(held),
                part[0],
                part[1],
                table.linear,
                table.code_values,
                fresh,
                self._sums,
                out is not None,
                table.factor,
                table.thresholds,
                table.first_code,
                result,
            )

        others = [self._pool.submit(work, part) for part in self._parts[1:]] if self._pool else []
        work(self._parts[0])
        for other in others:
            other.result()
        self._held = []


def blur_windows(
    frames: Iterable[tuple[int, Frame]],
    windows: Iterable[Window],
    table: SumTable,
    threads: int = 1,
) -> Iterator[tuple[Window, Frame, Frame]]:
    """Blurry and sharp frames of windows, as the source's frames arrive.

    Parameters
    ----------
    frames
        (number, uint8 array), rising; every frame of every window, others are passed over.
    windows
        In the order of their first frames; they may overlap.
    table
        From `code_value_table` or `response_table`.
    threads
        Threads that share the work; the result does not depend on it.

    Yields
    ------
    window, blurry, sharp
        Held in memory: eight source frames and one sum for each window that is open at a time.
    """
    coming = deque(windows)
    active: list[tuple[Window, WindowAverage]] = []
    idle: list[WindowAverage] = []
    sharp: dict[Window, Frame] = {}
    with ExitStack() as held:
        for number, frame in frames:
            while coming and coming[0].first == number:
                if not idle:
                    idle.append(held.enter_context(WindowAverage(table, frame.shape, threads)))
                active.append((coming.popleft(), idle.pop()))
            for window, mean in active:
                mean.add(frame)
                if number == window.sharp:
                    sharp[window] = frame
            while active and number == active[0][0].first + active[0][0].frames - 1:
                window, mean = active.pop(0)
                idle.append(mean)
                yield window, mean.finish(), sharp.pop(window)
