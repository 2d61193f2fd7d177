"""Ctrl-C and SIGTERM at any time: one line, exit code 130, no pulse, no orphan, and it goes on."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from acquisition.session_record import SessionRecord
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


def interrupt(
    out: Path, rig: Rig, number: int, *words: str, at: str = "", after_s: float = 0.0,
    group: bool = True,
) -> tuple[int, str, float]:  # fmt: skip
    """Run the verb, wait until its errors' stream shows `at`, and signal it as a terminal does."""
    process = subprocess.Popen(
        [sys.executable, "-m", "acquisition.capture", "--rig", str(rig.file), "--out", str(out),
         *WORDS, *words],
        cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        text=True, start_new_session=True,
    )  # fmt: skip
    assert process.stderr is not None
    said = ""
    try:
        while at and not re.search(at, said):
            line = process.stderr.readline()
            assert line, said
            said += line
        time.sleep(after_s)
        begun = time.monotonic()
        if group:
            os.killpg(process.pid, number)
        else:
            process.send_signal(number)
        rest = process.stderr.read()
        process.wait(timeout=30)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        process.stderr.close()
    took_s = time.monotonic() - begun
    until = time.monotonic() + 5
    while group_of(process.pid) and time.monotonic() < until:
        time.sleep(0.02)
    assert group_of(process.pid) == []
    return process.returncode, rest, took_s


def exposures(rig: Rig) -> int:
    cameras = ask(rig.folder / CONTROL_FILE, {"status": True})["cameras"]
    return sum(camera["exposed"] + camera["ignored"] for camera in cameras.values())


def no_pulses(rig: Rig) -> bool:
    first = exposures(rig)
    time.sleep(0.1)
    return exposures(rig) == first


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize(
    ("when", "at", "after_s"),
    [
        ("while devices start", "", 1.5),
        ("in the preflight", "", 4.5),
        ("in a take", "scene 1", 1.2),
    ],
)
def test_one_line_and_no_orphan(
    rig: Rig, tmp_path: Path, number: int, when: str, at: str, after_s: float
) -> None:
    out = tmp_path / "s"
    code, rest, took_s = interrupt(out, rig, number, "--frames", "600", at=at, after_s=after_s)
    assert "Traceback" not in rest, (when, rest)
    assert code == 130, rest
    told = [line for line in rest.splitlines() if "error" in line or "warning:" in line]
    assert told in (["error: interrupted"], []), rest
    assert took_s < 12
    assert no_pulses(rig)
    if at:
        record = SessionRecord.read(out)
        assert [each.why.removeprefix("ended early: ") for each in record.discarded] == [
            "interrupted"
        ]
        assert record.clips == []
        assert list(out.glob("*.part")) == []


def test_the_session_goes_on_after_ctrl_c(rig: Rig, tmp_path: Path) -> None:
    out = tmp_path / "s"
    code, _, _ = interrupt(out, rig, signal.SIGINT, "--frames", "600", at="scene 1", after_s=1.0)
    assert code == 130
    done = capture("--rig", str(rig.file), "--out", str(out), *WORDS, "--frames", "10")
    assert (done.returncode, errors_of(done)) == (0, [])
    record = SessionRecord.read(out)
    assert [(each.clip, each.attempt, each.pairs) for each in record.clips] == [("clip-000", 2, 10)]


def test_ctrl_c_in_the_countdown(rig: Rig, tmp_path: Path) -> None:
    out = tmp_path / "s"
    code, rest, took_s = interrupt(
        out, rig, signal.SIGINT, "--frames", "60", "--countdown", "30", at="… 30", after_s=0.2
    )
    assert (code, rest.splitlines()[-1]) == (130, "error: interrupted")
    assert took_s < 6
    assert SessionRecord.read(out).discarded == []
