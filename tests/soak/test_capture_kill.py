"""``acquisition.capture`` killed with signal 9 at any moment, and the same command again."""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
import pytest

from tests.hardware.twin.running_rig import Rig, alive
from tests.soak.capture_bench import (
    Capture,
    capture_words,
    capturing,
    last_line,
    prepared_rig,
    shared_memory,
)
from tests.soak.capture_family import CAMERAS, MAIN, RECORDER, wait_for_members
from tests.soak.capture_session import Sessions
from tests.soak.capture_witness import Reported, Witness
from tests.soak.family import wait_until_gone

pytestmark = [pytest.mark.soak, pytest.mark.timeout(6000)]

Victim = Literal["recorder", "camera", "main", "group"]

KILLS = 13  # of each of the four
CLIPS = 2
FRAMES = 50
PULSES = FRAMES + 2 * 5
SIZE_PX = (160, 120)
SHARE_OF_TRIES = 0.8
LIMIT_S = 120.0
LOOK_S = 0.005
SPARED: frozenset[Victim] = frozenset({"recorder", "camera"})
"""Whose death the capture outlives."""


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with prepared_rig(tmp_path_factory.mktemp("rig"), *SIZE_PX) as running:
        yield running


@dataclass
class Moment:
    """A kill: where it fell, and what the recorder had reported until then."""

    stage: str
    take: tuple[str, int] | None = None
    reported: Reported | None = None


@dataclass
class Trial:
    """One session that is killed over and over.

    Every other time that the main process is killed, the next run begins at once, while the
    children of the one before may still be ending (`lingering`).
    """

    rig: Rig
    folder: Path
    victim: Victim
    sessions: Sessions = field(init=False)
    runs: int = 0
    slowest_s: float = 0.0
    stages: Counter[str] = field(default_factory=Counter)
    ends: Counter[str] = field(default_factory=Counter)
    frames: int = 0
    kills: int = 0
    lingering: list[Capture] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.sessions = Sessions(self.folder / "session")

    def words(self) -> list[str]:
        """The command, always the same."""
        return capture_words(
            self.rig.file, self.sessions.folder, CLIPS, FRAMES, "--rate", "30", "--keep-discarded"
        )

    def place(self) -> Path:
        """A folder for the next run."""
        self.runs += 1
        return self.folder / f"run-{self.runs:03d}"

    def to_the_end(self) -> float:
        """Run the command; it must record its clips. The seconds it took."""
        before = len(self.sessions.sealed)
        begin_s = time.monotonic()
        with capturing(self.words(), self.place()) as capture:
            capture.process.wait(LIMIT_S)
            took_s = time.monotonic() - begin_s
        assert capture.process.returncode == 0, capture.text
        assert self.sessions.require_sealed_unchanged() == before + CLIPS, capture.text
        self.sessions.require_order()
        for each in [*self.lingering, capture]:
            wait_until_gone(each.session)
            self.require_clean(each)
        self.lingering.clear()
        return took_s

    def require_clean(self, capture: Capture) -> None:
        """Nothing of it is left on the machine."""
        left = list(capture.temporary.rglob("*"))
        assert not left, left
        assert "Traceback" not in capture.text, capture.text

    def kill(self, delay_s: float, begin: str, choice: int) -> Moment:
        """Run and kill; where it ended before, once more with a shorter delay."""
        while True:
            moment = self._kill(delay_s, begin, choice)
            if moment is not None:
                self.stages[moment.stage] += 1
                self.kills += 1
                return moment
            self.sessions.require_sealed_unchanged()
            delay_s *= SHARE_OF_TRIES

    def _kill(self, delay_s: float, begin: str, choice: int) -> Moment | None:
        with (
            capturing(self.words(), self.place()) as capture,
            Witness(capture.process.pid, SIZE_PX[0] * SIZE_PX[1]) as witness,
        ):
            moment = self._strike(capture, witness, delay_s, begin, choice)
            struck_s = time.monotonic()
            capture.process.wait(LIMIT_S)
            if self.victim in SPARED:
                self._require_word(capture, moment)
            elif moment is not None and self.victim == "main" and self.kills % 2:
                capture.may_linger = True
                self.lingering.append(capture)
                return moment
            wait_until_gone(capture.session)
            self.slowest_s = max(self.slowest_s, time.monotonic() - struck_s)
        self.require_clean(capture)
        return moment

    def _require_word(self, capture: Capture, moment: Moment | None) -> None:
        """A capture that outlives a child goes on, or says why it does not."""
        code = capture.process.returncode
        assert code in (0, 1, 3), capture.text
        if moment is not None:
            self.ends["went on" if code == 0 else "ended with a message"] += 1
        assert last_line(capture.text), "it ended without a word"

    def _strike(
        self, capture: Capture, witness: Witness, delay_s: float, begin: str, choice: int
    ) -> Moment | None:
        session = self.sessions.folder
        pid = self._victim(capture, begin, choice)
        before = witness.look()
        until_s = time.monotonic() + delay_s
        while capture.process.poll() is None and time.monotonic() < until_s:
            if not any(session.glob("clip-*.part")):
                before = witness.look()
            else:
                witness.look()  # finds the counters while they can be told from others
            time.sleep(LOOK_S)
        if capture.process.poll() is not None:
            return None
        with suppress(ProcessLookupError):
            if self.victim == "group":
                os.killpg(capture.process.pid, signal.SIGKILL)
            else:
                os.kill(pid, signal.SIGKILL)
        _wait_until_dead(pid)
        now, take = witness.look(), self.sessions.open_take()
        is_this_take = now is not None and now != before and now.blurry + now.sharp > 0
        reported = now if is_this_take and take is not None else None
        return Moment(self._stage(take, reported), take, reported)

    def _victim(self, capture: Capture, begin: str, choice: int) -> int:
        """Wait for what the delay begins with; whom to kill."""
        pid = capture.process.pid
        if self.victim in SPARED:
            found = wait_for_members(capture.session, self.rig.port)
            pid = found[RECORDER if self.victim == "recorder" else CAMERAS[choice]]
            assert found[MAIN] == capture.process.pid
        if begin == "take":
            until_s = time.monotonic() + LIMIT_S
            while not any(self.sessions.folder.glob("clip-*.part")):
                assert capture.process.poll() is None, capture.text
                assert time.monotonic() < until_s, capture.text
                time.sleep(LOOK_S)
        return pid

    def _stage(self, take: tuple[str, int] | None, reported: Reported | None) -> str:
        if take is None:
            return "between takes"
        if reported is None:
            return "before a take's first frame"
        full = min(reported.blurry, reported.sharp) >= PULSES
        return "as a take ended" if full else "among a take's frames"


def _wait_until_dead(pid: int) -> None:
    until_s = time.monotonic() + LIMIT_S
    while True:
        try:
            if not alive(pid):
                return
        except FileNotFoundError:  # it went between two looks
            return
        assert time.monotonic() < until_s, f"{pid} outlives signal 9"
        time.sleep(LOOK_S)


@pytest.mark.parametrize("victim", ["recorder", "camera", "main", "group"])
def test_killed_anywhere_and_resumed(
    rig: Rig,
    victim: Victim,
    tmp_path: Path,
    count: Callable[[int], int],
    figure: Callable[[str], None],
) -> None:
    trial = Trial(rig, tmp_path, victim)
    shared, runtime = shared_memory(), set(rig.folder.rglob("*"))
    whole_s = trial.to_the_end()
    kills = count(KILLS)
    random = np.random.default_rng(np.random.SeedSequence([53, kills, ord(victim[0])]))
    for number in range(kills):
        begin = "take" if number % 2 == 0 else "start"
        # Takes and what lies between them are about half of a run, the start is the other half.
        length_s = whole_s / 2 if begin == "take" or victim in SPARED else whole_s
        delay_s = length_s * (number + random.random()) / kills
        moment = trial.kill(delay_s, begin, int(random.integers(2)))
        trial.sessions.require_sealed_unchanged()
        trial.to_the_end()
        reported = moment.reported  # a part without a frame is nothing to keep
        if moment.take is not None and reported is not None and max(reported[:2]) > 0:
            trial.sessions.require_reported(moment.take, reported)
            trial.frames += reported.blurry + reported.sharp
    assert not {name for name in shared_memory() - shared if name.startswith(("pym", "sem.mp"))}
    assert set(rig.folder.rglob("*")) == runtime
    told = ", ".join(f"{number} {stage}" for stage, number in trial.stages.most_common())
    ends = ", ".join(f"{number} {end}" for end, number in trial.ends.most_common())
    figure(
        f"{victim} killed {kills} times ({told}); {ends or f'gone after {trial.slowest_s:.1f} s'};"
        f" {trial.frames} frames reported as stored, all readable; {len(trial.sessions.sealed)}"
        f" clips sealed and unchanged, {len(trial.sessions.stored)} files, no frame in two"
    )
