"""How much of each soak is run, and the figures that it ends with.

``BSD_SOAK_SHARE`` (default 1) scales every count: CI runs a twentieth, 0.05.
"""

import os
from collections.abc import Callable, Iterator

import numba
import pytest

_VARIABLE = "BSD_SOAK_SHARE"
_FIGURE = "figure"


def _share() -> float:
    text = os.environ.get(_VARIABLE, "1")
    try:
        share = float(text)
    except ValueError:
        share = 0.0
    if not 0 < share <= 10:
        raise pytest.UsageError(f"{_VARIABLE}={text}: give a number above 0, at most 10")
    return share


@pytest.fixture(scope="session")
def count() -> Callable[[int], int]:
    """Scales the full count of a test to the share that is run, at least 1."""
    share = _share()
    return lambda full: max(1, round(full * share))


@pytest.fixture
def figure(record_property: Callable[[str, object], None]) -> Callable[[str], None]:
    """Keeps one line of result, for the report file and the end of the run."""
    return lambda text: record_property(_FIGURE, text)


@pytest.fixture
def numba_threads() -> Iterator[tuple[int, ...]]:
    """Numbers of numba threads to try: 1, and 2 where there are two; put back afterwards."""
    before = numba.get_num_threads()
    yield (1, 2) if before > 1 else (1,)
    numba.set_num_threads(before)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    rows = [
        (report.nodeid.rpartition("/")[2], text, outcome)
        for outcome in ("passed", "failed")
        for report in terminalreporter.getreports(outcome)
        for name, text in report.user_properties
        if name == _FIGURE and report.when == "call"
    ]
    if not rows:
        return
    terminalreporter.section(f"soak figures, share {_share():g}")
    for node, text, outcome in rows:
        terminalreporter.write_line(f"{node} ({outcome}): {text}")
