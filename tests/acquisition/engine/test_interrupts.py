"""Ctrl-C and SIGTERM at any time: one line, exit code 130, no pulse, no orphan, and it goes on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from acquisition.session.record import SessionRecord
from hardware.twin.control import ask
from hardware.twin.session_folder import CONTROL_FILE
from tests.acquisition.engine.bench import ROOT, capture, errors_of
from tests.hardware.twin.running_rig import Rig

pytestmark = [pytest.mark.rig, pytest.mark.timeout(240)]

WORDS = ["--setting", "1ms8ms", "--rate", "60", "--no-persons", "-y", "--bookend", "0"]


def group_of(pid: int) -> list[int]:
    """Processes that live in the group of `pid`, no zombies."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[2]) == pid and fields[0] != "Z":
            found.append(int(entry.name))
    return found


Until = Callable[[int, Path, str], bool]
"""Asked with the process, the session's folder and what was said so far."""


def devices_start(pid: int, _out: Path, _said: str) -> bool:
    return len(group_of(pid)) >= 4


def preflight_runs(_pid: int, out: Path, _said: str) -> bool:
    return (out / ".rehearsal.h5.part").exists()


def take_runs(_pid: int, out: Path, _said: str) -> bool:
    part = out / "clip-000.h5.part"
    return part.exists() and part.stat().st_size > 300_000


def counts_down(_pid: int, _out: Path, said: str) -> bool:
    return "… 30" in said


def interrupt(out: Path, rig: Rig, number: int, *words: str, when: Until) -> tuple[int, str, float]:
    """Run the verb and signal its group, as a terminal does, at the right moment."""
    said = out.parent / "said.txt"
    with said.open("w") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "acquisition.capture", "--rig", str(rig.file),
             "--out", str(out), *WORDS, *words],
            cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=errors,
            start_new_session=True,
        )  # fmt: skip
    try:
        until_s = time.monotonic() + 90
        while not when(process.pid, out, said.read_text()):
            assert process.poll() is None, said.read_text()
            assert time.monotonic() < until_s
            time.sleep(0.02)
        before = len(said.read_text())
        begun_s = time.monotonic()
        os.killpg(process.pid, number)
        process.wait(timeout=60)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
    took_s = time.monotonic() - begun_s
    until_s = time.monotonic() + 10
    while group_of(process.pid) and time.monotonic() < until_s:
        time.sleep(0.02)
    assert group_of(process.pid) == []
    return process.returncode, said.read_text()[before:], took_s


def exposures(rig: Rig) -> int:
    cameras = ask(rig.folder / CONTROL_FILE, {"status": True})["cameras"]
    return sum(camera["exposed"] + camera["ignored"] for camera in cameras.values())


def no_pulses(rig: Rig) -> bool:
    first = exposures(rig)
    time.sleep(0.1)
    return exposures(rig) == first


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("when", [devices_start, preflight_runs, take_runs])
def test_one_line_and_no_orphan(rig: Rig, tmp_path: Path, number: int, when: Until) -> None:
    out = tmp_path / "s"
    code, rest, took_s = interrupt(out, rig, number, "--frames", "1800", when=when)
    assert "Traceback" not in rest
    assert code == 130, rest
    told = [line for line in rest.splitlines() if line.startswith(("error:", "warning:"))]
    assert told == ["error: interrupted"], rest
    assert took_s < 30
    assert no_pulses(rig)
    assert list(out.glob("*.h5*")) + list(out.glob(".*.h5*")) == []
    record = SessionRecord.read(out)
    assert (record.clips, record.open_takes) == ([], [])
    whys = [each.why.removeprefix("ended early: ") for each in record.discarded]
    assert whys == (["interrupted"] if when is take_runs else [])


def test_the_session_goes_on_after_ctrl_c(rig: Rig, tmp_path: Path) -> None:
    out = tmp_path / "s"
    code, _, _ = interrupt(out, rig, signal.SIGINT, "--frames", "1800", when=take_runs)
    assert code == 130
    done = capture("--rig", str(rig.file), "--out", str(out), *WORDS, "--frames", "10")
    assert (done.returncode, errors_of(done)) == (0, [])
    record = SessionRecord.read(out)
    assert [(each.clip, each.attempt, each.pairs) for each in record.clips] == [("clip-000", 2, 10)]


def test_ctrl_c_in_the_countdown(rig: Rig, tmp_path: Path) -> None:
    out = tmp_path / "s"
    code, rest, _ = interrupt(
        out, rig, signal.SIGINT, "--frames", "60", "--countdown", "30", when=counts_down
    )
    assert (code, rest.splitlines()[-1]) == (130, "error: interrupted")
    assert "… 20" not in rest
    assert SessionRecord.read(out).discarded == []
