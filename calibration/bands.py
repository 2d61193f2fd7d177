"""Bands of rows: how threads share a picture."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Final

_LEAST_ROWS: Final = 16

Job = Callable[[int, int], object]
"""Works on the rows from the first number up to, not including, the second."""


class Bands:
    """Threads that stay, and share rows among them.

    Parameters
    ----------
    threads
        How many, at least 1; with 1 everything runs where it is called.
    """

    def __init__(self, threads: int = 1) -> None:
        if threads < 1:
            raise ValueError(f"threads: {threads} asked for, at least 1 is needed")
        self.threads = threads
        self._pool = ThreadPoolExecutor(threads - 1) if threads > 1 else None

    def run(self, job: Job, rows: int) -> None:
        """Call `job` on bands that cover rows 0 to `rows`; back when all are done.

        What a band raises is raised here.
        """
        count = max(1, min(self.threads, rows // _LEAST_ROWS))
        bands = list(pairwise(rows * k // count for k in range(count + 1)))
        others = [self._pool.submit(job, *band) for band in bands[1:]] if self._pool else []
        try:
            job(*bands[0])
        finally:
            for other in others:
                other.exception()  # wait: the arrays are in use until all are done
        for other in others:
            other.result()

    def close(self) -> None:
        """Let go of the threads."""
        if self._pool is not None:
            self._pool.shutdown()
