"""The speed harness: what it calls, computes, prints and writes."""

import io
import json
import time

import pytest
from rich.console import Console

from perf.harness import Report, Row, Timing, compare

pytestmark = pytest.mark.unit


def _row(ours_s, usual_s, aim):
    return Row("job", Timing(ours_s, ours_s, ours_s), Timing(usual_s, usual_s, usual_s), aim, 3)


def test_ratio_and_verdict():
    assert _row(0.01, 0.1, 9.0).ratio == pytest.approx(10)
    assert _row(0.01, 0.1, 9.0).verdict == "reached"
    assert _row(0.01, 0.1, 15.0).verdict == "short by 1.50x"
    assert _row(0.01, 0.1, None).verdict == ""


def test_jobs_take_turns_after_one_warm_up_each():
    calls = []
    row = compare("turns", lambda: calls.append("ours"), lambda: calls.append("usual"), 2.0, 3)
    assert calls == ["usual", "ours"] * 4
    assert row.repeats == 3
    assert 0 < row.ours.min_s <= row.ours.median_s <= row.ours.max_s


def test_the_clock_is_the_walls():
    row = compare("wait", lambda: time.sleep(0.002), lambda: time.sleep(0.02), 3.0, 3)
    assert row.ours.min_s >= 0.002
    assert row.usual.min_s >= 0.02


def test_no_repeat_is_refused():
    with pytest.raises(ValueError, match="at least 1"):
        compare("none", lambda: None, lambda: None, None, 0)


def test_rows_are_printed_and_written(tmp_path):
    page = io.StringIO()
    report = Report(Console(file=page, width=140))
    report.add(_row(0.01, 0.1, 15.0))
    report.console.print(report.table())
    assert "job: ours 10 ms, usual 100 ms, 10.0x, aim 15x: short by 1.50x" in page.getvalue()
    assert "10 ms (10 to 10)" in page.getvalue()
    report.write_json(tmp_path / "rows.json")
    (row,) = json.loads((tmp_path / "rows.json").read_text())
    assert row["ratio"] == pytest.approx(10)
    assert row["ours"]["median_s"] == 0.01
    assert row["verdict"] == "short by 1.50x"
