"""Where the time of a run goes: seconds inside named functions, each without those it calls."""

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest import mock

Place = tuple[object, str]
"""A module or class, and the name of its function."""


class StageClock:
    """Adds up seconds by stage, over all threads of this process.

    Parameters
    ----------
    stages
        Name → functions. A watched function that another one calls counts for itself alone.

    Attributes
    ----------
    seconds
        Stage → wall seconds within its functions, by each thread on its own.
    """

    def __init__(self, stages: Mapping[str, Sequence[Place]]) -> None:
        self._stages = stages
        self._lock = threading.Lock()
        self._open = threading.local()
        self.seconds: dict[str, float] = defaultdict(float)

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Watch the functions for as long as the block lasts."""
        with ExitStack() as held:
            for stage, places in self._stages.items():
                for owner, name in places:
                    timed = self._timed(stage, getattr(owner, name))
                    held.enter_context(mock.patch.object(owner, name, timed))
            yield

    def shares(self) -> dict[str, float]:
        """Stage → share of all that was watched, the largest first."""
        total = sum(self.seconds.values()) or 1.0
        largest = sorted(self.seconds.items(), key=lambda item: -item[1])
        return {stage: seconds / total for stage, seconds in largest}

    def _timed(self, stage: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*given: Any, **named: Any) -> Any:
            inner: list[float] = getattr(self._open, "inner", [])
            self._open.inner = [*inner, 0.0]
            begin = time.perf_counter()
            try:
                found = function(*given, **named)
            finally:
                whole = time.perf_counter() - begin
                called = self._open.inner[-1]
                self._open.inner = self._open.inner[:-1]
                if self._open.inner:
                    self._open.inner[-1] += whole
                with self._lock:
                    self.seconds[stage] += whole - called
            return found

        return timed
