"""Every comparison runs through once, small; one that crashes does not hide the others."""

from __future__ import annotations

import importlib
import io
import json
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from rich.console import Console

from bsd.errors import EnvironmentFault, FoundBad
from perf import __main__ as main
from perf.harness import Report, Row, Timing

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("name", main.bench_names())
def test_each_comparison_runs_through(name: str) -> None:
    """One call of each job, small: nothing else runs them between two releases."""
    report = Report(Console(file=io.StringIO(), width=140), trial=True)
    importlib.import_module(f"perf.bench_{name}").run(report)
    assert report.rows
    assert {row.repeats for row in report.rows} == {1}
    assert all(row.ours.median_s > 0 for row in report.rows)


def _one_row(report: Report) -> None:
    second = Timing(1.0, 1.0, 1.0)
    report.add(Row("whole", second, second, None, 1))


def _crash(_report: Report) -> None:
    raise KeyError("cameras")


def _refuse(_report: Report) -> None:
    raise EnvironmentFault("no such package here; install it")


@pytest.fixture
def three(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two comparisons that fail before one that does not."""
    runs = {"a_crash": _crash, "b_refusal": _refuse, "c_whole": _one_row}
    for name, run in runs.items():
        monkeypatch.setitem(sys.modules, f"perf.bench_{name}", SimpleNamespace(run=run))
    monkeypatch.setattr(main, "bench_names", lambda: list(runs))


@pytest.mark.usefixtures("three")
def test_a_crash_is_told_and_the_others_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """In the table and in the JSON; the exit code is that of bad findings."""
    with pytest.raises(FoundBad, match="2 of 3 benchmarks did not run through: a_crash, b_refusal"):
        main.compare(json_path=tmp_path / "rows.json")
    rows = json.loads((tmp_path / "rows.json").read_text())
    assert [row["name"] for row in rows] == ["whole", "a_crash", "b_refusal"]
    assert "KeyError: 'cameras'" in rows[1]["failure"]
    shown = capsys.readouterr().out
    table = shown[shown.index("Ours beside") :]
    assert "a_crash" in table
    assert "crashed: KeyError: 'cameras'" in table
    assert "refused: no such package here" in table
    assert "test_benches.py" in caplog.text  # where it crashed
