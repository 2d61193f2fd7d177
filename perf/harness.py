"""Speed comparisons: ours beside what a user would write, in one run.

Machines are noisy and differ, so only the ratio of two figures of one run means anything. A
missed aim is reported and never fails.
"""

import json
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TypeVar

from rich.console import Console
from rich.table import Table

__all__ = ["Failure", "Report", "Row", "Timing", "compare"]

Job = Callable[[], object]
Size = TypeVar("Size")

_LOG_WIDTH = 120


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds per call: median, least and most over the repeats."""

    median_s: float
    min_s: float
    max_s: float


@dataclass(frozen=True, slots=True)
class Row:
    """One comparison.

    Attributes
    ----------
    name
        What was compared.
    ours, usual
        Timing of our code and of the usual script.
    aim_ratio
        The ratio to reach, or None where there is no aim.
    repeats
        Calls of each that were timed.
    note
        What the reader should know (threads, packages): in the line and the JSON.
    """

    name: str
    ours: Timing
    usual: Timing
    aim_ratio: float | None
    repeats: int
    note: str = ""

    @property
    def ratio(self) -> float:
        """How many times faster ours is: the quotient of the medians."""
        return self.usual.median_s / self.ours.median_s

    @property
    def verdict(self) -> str:
        """``reached``, ``short by 1.20x`` (the factor that is missing), or nothing."""
        if self.aim_ratio is None:
            return ""
        if self.ratio >= self.aim_ratio:
            return "reached"
        return f"short by {self.aim_ratio / self.ratio:.2f}x"

    def as_document(self) -> dict[str, object]:
        """Plain values for JSON."""
        return {**asdict(self), "ratio": self.ratio, "verdict": self.verdict}


@dataclass(frozen=True, slots=True)
class Failure:
    """A benchmark that did not run through: its name, and why in one line."""

    name: str
    failure: str


def compare(
    name: str,
    ours: Job,
    usual: Job,
    aim_ratio: float | None,
    repeats: int = 9,
    *,
    note: str = "",
    warm_up: bool = True,
) -> Row:
    """Time two jobs in turn: one warm-up of each, then usual, ours, usual, ours, ...

    Parameters
    ----------
    name
        What is compared.
    ours, usual
        Called without arguments; setting up belongs outside.
    aim_ratio
        The ratio to reach, or None.
    repeats
        Timed calls of each, at least 1.
    note
        Shown behind the row and in the JSON.
    warm_up
        Whether each is called once before it is timed.

    Returns
    -------
    Row
        With the medians of the repeats.

    Raises
    ------
    ValueError
        Where repeats is less than 1.
    """
    if repeats < 1:
        raise ValueError(f"repeats must be at least 1, got {repeats}")
    if warm_up:
        usual()
        ours()
    usual_s: list[float] = []
    ours_s: list[float] = []
    for _ in range(repeats):
        usual_s.append(_seconds(usual))
        ours_s.append(_seconds(ours))
    return Row(name, _timing(ours_s), _timing(usual_s), aim_ratio, repeats, note)


class Report:
    """The rows of one run: printed as they come, then as a table, and written as JSON.

    Parameters
    ----------
    console
        Where to print.
    trial
        True: one call of each job without a warm-up, and the small ones of the sizes, to see that
        a benchmark runs through at all. Its figures mean nothing.
    """

    def __init__(self, console: Console | None = None, *, trial: bool = False) -> None:
        self.trial = trial
        # A pipe has no width of its own; 80 columns would fold the table.
        self.console = console or Console()
        if not self.console.is_terminal:
            self.console.width = max(self.console.width, _LOG_WIDTH)
        self.rows: list[Row] = []
        self.failures: list[Failure] = []

    def sized(self, full: Size, trial: Size) -> Size:
        """A size or a count of repeats: the full one, or that of a trial."""
        return trial if self.trial else full

    def fail(self, name: str, failure: str) -> None:
        """Keep that a benchmark did not run through, and print it."""
        self.failures.append(Failure(name, failure))
        self.console.print(f"{name}: {failure}", markup=False, highlight=False, soft_wrap=True)

    def add(self, row: Row) -> Row:
        """Keep a row and print it in one line."""
        self.rows.append(row)
        aim = "" if row.aim_ratio is None else f", aim {row.aim_ratio:g}x: {row.verdict}"
        self.console.print(
            f"{row.name}: ours {_per_call(row.ours)}, usual {_per_call(row.usual)}, "
            f"{row.ratio:.1f}x{aim}{f' ({row.note})' if row.note else ''}",
            markup=False,
            highlight=False,
            soft_wrap=True,
        )
        return row

    def compare(
        self,
        name: str,
        ours: Job,
        usual: Job,
        aim_ratio: float | None,
        repeats: int = 9,
        *,
        note: str = "",
    ) -> Row:
        """`compare`, and `add` what it gives; in a trial each job is called once."""
        count = self.sized(repeats, 1)
        warm_up = not self.trial
        return self.add(compare(name, ours, usual, aim_ratio, count, note=note, warm_up=warm_up))

    def table(self) -> Table:
        """All rows as one table: medians with least and most in brackets."""
        table = Table(title="Ours beside the usual script, medians of one run")
        table.add_column("job")
        for heading in ("ours", "usual", "ratio", "aim"):
            table.add_column(heading, justify="right")
        table.add_column("verdict")
        for row in self.rows:
            table.add_row(
                row.name,
                _spread(row.ours),
                _spread(row.usual),
                f"{row.ratio:.1f}x",
                "" if row.aim_ratio is None else f"{row.aim_ratio:g}x",
                row.verdict,
            )
        for each in self.failures:
            table.add_row(each.name, "", "", "", "", each.failure)
        return table

    def write_json(self, path: Path) -> None:
        """Write rows, then failures, as a JSON list, seconds per call throughout."""
        rows = [row.as_document() for row in self.rows]
        rows += [asdict(each) for each in self.failures]
        path.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")


def _seconds(job: Job) -> float:
    start_ns = time.perf_counter_ns()
    job()
    # A job shorter than the clock's step still took some time.
    return max(time.perf_counter_ns() - start_ns, 1) / 1e9


def _timing(seconds: list[float]) -> Timing:
    return Timing(statistics.median(seconds), min(seconds), max(seconds))


def _per_call(timing: Timing) -> str:
    return f"{timing.median_s * 1e3:.3g} ms"


def _spread(timing: Timing) -> str:
    low, high = (f"{value * 1e3:.3g}" for value in (timing.min_s, timing.max_s))
    return f"{_per_call(timing)} ({low} to {high})"
