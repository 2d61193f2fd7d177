"""One hour of recording at 15 fps: nothing lost, nothing grows."""

from __future__ import annotations

import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import pytest

from acquisition.session.document import DISCARDED_NAME
from acquisition.session.journal import JOURNAL_NAME, read_entries
from tests.soak.capture_bench import Capture, capture_words, capturing, last_line, prepared_rig
from tests.soak.capture_clip import Whole, require_whole
from tests.soak.capture_family import members, wait_for_members
from tests.soak.capture_memory import Growth

pytestmark = [pytest.mark.soak, pytest.mark.timeout(6000)]

PAIRS = 54_000
PAIRS_OF_A_TAKE = 9_000
BOOKEND = 5
RATE_HZ = Fraction(15)
SIZE_PX = (640, 480)
LOOKS = 60
GAIN_MB = 20.0


class _Clips:
    """Clips as they are sealed: verified, and deleted."""

    def __init__(self, session: Path, takes: int, pairs: int) -> None:
        self.found: list[Whole] = []
        self._session, self._takes, self._pairs = session, takes, pairs

    def look(self, *, over: bool) -> None:
        """Verify the next clip, once the program has turned from it."""
        number = len(self.found)
        if number == self._takes:
            return
        path = self._session / f"clip-{number:03d}.h5"
        later = self._session / f"clip-{number + 1:03d}.h5"
        is_done = over or later.exists() or later.with_name(later.name + ".part").exists()
        if not path.exists() or not is_done:
            return
        self.found.append(require_whole(path, self._pairs, RATE_HZ))
        path.unlink()


def _watch(capture: Capture, clips: _Clips, growth: Growth, port: str, every_s: float) -> None:
    """Until it ends: samples of its processes, and its clips."""
    wait_for_members(capture.session, port)
    next_s = time.monotonic()
    while capture.process.poll() is None:
        if time.monotonic() >= next_s:
            next_s += every_s
            growth.look(members(capture.session, port))
        clips.look(over=False)
        time.sleep(0.5)


def test_an_hour_without_loss(
    tmp_path: Path, count: Callable[[int], int], figure: Callable[[str], None]
) -> None:
    pairs = count(PAIRS)
    takes = max(1, round(pairs / PAIRS_OF_A_TAKE))
    of_a_take = pairs // takes
    session = tmp_path / "session"
    growth = Growth(tmp_path / "samples.csv")
    clips = _Clips(session, takes, of_a_take)
    every_s = max(1.0, pairs / float(RATE_HZ) / LOOKS)
    with prepared_rig(tmp_path, *SIZE_PX) as rig:
        words = capture_words(
            rig.file, session, takes, of_a_take - 2 * BOOKEND, "--retries", "0",
            "--bookend", str(BOOKEND), "--rate", str(RATE_HZ), "--policy", "abort",
            "--keep-discarded",
        )  # fmt: skip
        began_s = time.monotonic()
        with capturing(words, tmp_path) as capture:
            _watch(capture, clips, growth, rig.port, every_s)
        minutes = (time.monotonic() - began_s) / 60
        assert capture.process.returncode == 0, last_line(capture.text)
    while len(clips.found) < takes:
        before = len(clips.found)
        clips.look(over=True)
        assert len(clips.found) > before, f"clip {before} is missing"
    assert not list((session / DISCARDED_NAME).iterdir())
    entries, _ = read_entries(session / JOURNAL_NAME)
    kinds = [entry.kind for entry in entries]
    assert kinds.count("take_begun") == kinds.count("take_sealed") == takes
    assert not list(capture.temporary.iterdir())
    residual_us = max(each.residual_ns for each in clips.found) / 1000
    figure(
        f"{sum(each.pairs for each in clips.found)} pairs of {SIZE_PX[0]} × {SIZE_PX[1]} at"
        f" {RATE_HZ} fps in {takes} takes, {minutes:.1f} min, 0 lost; device times within"
        f" {residual_us:.1f} µs of a straight line"
    )
    figure(growth.told())
    growth.require_flat(GAIN_MB)
