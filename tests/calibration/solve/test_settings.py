"""A session of two settings: each has its dark clip and its flat field, the colours are shared."""

import json
import shutil

import numpy as np
import pytest

from calibration.solve.options import SolveOptions
from calibration.solve.solution import solve
from tests.calibration.worlds import LEAN, LEAN_OPTIONS, LEAN_WORDS, forget, only, told
from tests.twin_session import twin_session

pytestmark = pytest.mark.unit

SECOND = "1ms8ms"


def add(session, other):
    """Clips of another session behind those of a copied one."""
    journal = session.folder / "journal.jsonl"
    lines = journal.read_text().splitlines()
    names = {
        each.clip: f"clip-{len(session.record.clips) + index:03}"
        for index, each in enumerate(other.record.clips)
    }
    for line in (other.folder / "journal.jsonl").read_text().splitlines():
        entry = json.loads(line)
        if entry.get("clip") in names:
            entry |= {"n": len(lines), "clip": names[entry["clip"]]}
            lines.append(json.dumps(entry))
    journal.write_text("\n".join(lines) + "\n")
    for old, new in names.items():
        shutil.copyfile(other.folder / f"{old}.h5", session.folder / f"{new}.h5")


def test_both_settings_are_solved_and_a_missing_dark_clip_is_told(
    solve_verb, lean_session, tmp_path
):
    both = lean_session.copy(tmp_path / "session")
    second = only("dark", "flat", setting=SECOND)
    add(both, second)
    calibration = solve(both.folder, tmp_path / "cal", LEAN_OPTIONS)
    assert calibration.settings == (SECOND, LEAN.setting)
    for name, true in ((SECOND, second), (LEAN.setting, both)):
        found = calibration.document.settings[name]
        np.testing.assert_allclose(found.start.gains.gain, true.level_ratio(), rtol=0.005)
        assert found.exposures_us[1] == pytest.approx(float(name.split("ms")[0]) * 1000, rel=0.01)
        assert calibration.pair_model(name, found.start.utc).ratio.shape == (240, 320, 3)
    alone = lean_session.copy(tmp_path / "alone")
    add(alone, twin_session(second.spec, missing=(*second.spec.missing, "dark")))
    code, _, stderr = solve_verb(alone.folder, "--out", tmp_path / "none", *LEAN_WORDS)
    (line,) = told(stderr)
    assert code == 1
    assert SECOND in line
    assert "no dark clip at its exposure" in line
    assert not (tmp_path / "none").exists()


def test_without_a_series_the_calibration_says_what_it_does_not_know(lean_session, tmp_path):
    copy = lean_session.copy(tmp_path / "session")
    forget(copy, "series")
    allowed = SolveOptions(allow_missing=("series", "near", "end"))
    document = solve(copy.folder, tmp_path / "cal", allowed).document
    assert document.verdict == "good"
    assert document.cameras["sharp"].linearity is None
    assert document.cameras["sharp"].noise is None
    (item,) = [each for each in document.items if each.name == "linearity, sharp"]
    assert (item.passed, "no exposure series" in item.text) == (None, True)
