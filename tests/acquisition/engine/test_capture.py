"""The verb as a person types it: what it records, and one line for everything that is wrong."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from acquisition.clip.reader import Clip
from acquisition.session.record import SessionRecord
from tests.acquisition.engine.bench import ROOT, capture, errors_of, ready_rig
from tests.hardware.twin.running_rig import Rig, numbered
from tests.mounts import mounted

pytestmark = [pytest.mark.rig, pytest.mark.timeout(240)]

WORDS = ["--setting", "1ms8ms", "--rate", "60", "--no-persons", "-y", "--bookend", "0"]


def shoot(rig_file: Path, out: Path, *words: str, **fields: object) -> subprocess.CompletedProcess:
    given = ["--rig", str(rig_file), "--out", str(out), *WORDS, *words]
    return capture(*given, **fields)


def one_line(done: subprocess.CompletedProcess, code: int, *told: str) -> None:
    lines = errors_of(done)
    assert len(lines) == 1, done.stderr
    assert done.stderr.splitlines()[-1] == lines[0], done.stderr
    for text in told:
        assert text in lines[0]
    assert done.returncode == code, lines


def test_two_clips_with_bookends_and_then_one_more(rig: Rig, tmp_path: Path) -> None:
    out = tmp_path / "s"
    words = "--clips 2 --frames 10 --bookend 5 --json --notes first --motion walk --light sun"
    done = shoot(rig.file, out, *words.split(), "--compress")
    assert (done.returncode, errors_of(done)) == (0, [])
    answer = json.loads(done.stdout)
    assert [each["pairs"] for each in answer["clips"]] == [20, 20]
    assert answer["preflight"]["good"] is True
    assert answer["discarded"] == []
    with Clip(out / "clip-001.h5") as clip:
        head = clip.head
        assert (head.notes, head.motion, head.light) == ("first", "walk", "sun")
        assert (head.compression, head.frames_asked, head.bookend_frames) == (
            "bitshuffle-lz4", 10, 5,
        )  # fmt: skip
        assert clip.ledger["part"].tolist() == [1] * 5 + [0] * 10 + [1] * 5
        assert next(row for row, _, _ in clip.pairs())["c1_frame_id"] == 0
    again = shoot(rig.file, out, "--frames", "5")
    assert again.returncode == 0
    assert "clip-002" in again.stdout
    record = SessionRecord.read(out)
    assert [each.clip for each in record.clips] == ["clip-000", "clip-001", "clip-002"]


def lossy_world(folder: Path) -> Path:
    """A trigger is missed in the first take: acquisition 1 is the rehearsal."""
    world = folder / "world.yaml"
    world.write_text(
        "format: bsd-world\nformat_version: 1\nfaults:\n"
        "  - {kind: missed-trigger, camera: sharp, pulse: 7, acquisition: 2}\n"
    )
    return world


def test_a_loss_is_tried_again_and_told(tmp_path: Path) -> None:
    with ready_rig(tmp_path, "--world", str(lossy_world(tmp_path))) as rig:
        done = shoot(rig.file, tmp_path / "s", "--frames", "20", "--json")
        assert (done.returncode, errors_of(done)) == (0, [])
        answer = json.loads(done.stdout)
        assert [(each["clip"], each["attempt"]) for each in answer["clips"]] == [("clip-000", 2)]
        assert [(each["attempt"], each["pairs"]) for each in answer["discarded"]] == [(1, 19)]
        assert "clip-000.1: discarded: sharp" in done.stderr


def test_abort_ends_the_session(tmp_path: Path) -> None:
    with ready_rig(tmp_path, "--world", str(lossy_world(tmp_path))) as rig:
        done = shoot(rig.file, tmp_path / "s", "--frames", "20", "--policy", "abort")
        one_line(done, 1, "clip-000: sharp", "the policy ends the session")
        record = SessionRecord.read(tmp_path / "s")
        assert (record.clips, len(record.discarded)) == ([], 1)


def test_nothing_but_the_file_is_wrong(rig: Rig, tmp_path: Path) -> None:
    out = tmp_path / "s"
    one_line(shoot(tmp_path / "no.yaml", out), 2, "no.yaml")
    fields = yaml.safe_load(rig.file.read_text())
    broken = tmp_path / "broken.yaml"
    same = {**fields, "cameras": {**fields["cameras"]}}
    same["cameras"]["sharp"] = {**same["cameras"]["sharp"], "serial": rig.serials[0]}
    broken.write_text(yaml.safe_dump(same))
    one_line(shoot(broken, out), 2, "blurry and sharp are the same camera")
    for words, told in (
        (["--setting", "2ms15ms"], "8"),
        (["--setting", "3ms24ms", "--rate", "60"], "choose at most 41.09 fps"),
        (["--rate", "0"], "rate"),
        (["--policy", "perhaps"], "perhaps"),
        (["--consent", "Ann"], "exclude"),
    ):
        one_line(shoot(rig.file, out, *words), 2, told)
    assert not out.exists()


def test_no_consent_and_no_such_step(rig: Rig, tmp_path: Path) -> None:
    out = tmp_path / "s"
    words = ["--rig", str(rig.file), "--setting", "1ms8ms", "--out", str(out), "-y"]
    one_line(capture(*words), 2, "--no-persons")
    one_line(capture(*words, "--consent", "Ann"), 2, "--consent-how")
    one_line(capture(*words, "--step", "nonsense"), 2, "nonsense", "there are")


def test_the_rig_is_not_there(rig: Rig, tmp_path: Path) -> None:
    fields = yaml.safe_load(rig.file.read_text())
    other = tmp_path / "other.yaml"
    fields["cameras"]["sharp"]["serial"] = "TW0009"
    other.write_text(yaml.safe_dump(fields))
    one_line(shoot(other, tmp_path / "a"), 3, "TW0009")
    fields["cameras"]["sharp"]["serial"] = rig.serials[1]
    fields["trigger"]["port"] = str(tmp_path / "ttyNO")
    other.write_text(yaml.safe_dump(fields))
    done = shoot(other, tmp_path / "b")
    one_line(done, done.returncode, "ttyNO")
    assert done.returncode in (2, 3)
    fields["trigger"]["port"] = rig.port
    for role in ("blurry", "sharp"):
        fields["cameras"][role]["producer"] = str(tmp_path / "gone.cti")
    other.write_text(yaml.safe_dump(fields))
    done = shoot(other, tmp_path / "c")
    one_line(done, done.returncode, "gone.cti")
    assert done.returncode in (2, 3)


def test_folders_that_cannot_be_used(rig: Rig, tmp_path: Path) -> None:
    foreign = tmp_path / "foreign"
    foreign.mkdir()
    (foreign / "letter.txt").write_text("dear")
    one_line(shoot(rig.file, foreign), 2, "foreign")
    assert [path.name for path in foreign.iterdir()] == ["letter.txt"]
    with mounted(tmp_path / "ro", "size=1m,ro") as readonly:
        one_line(shoot(rig.file, readonly / "s"), 3, "read-only")
    with mounted(tmp_path / "small", "size=8m") as small:
        done = shoot(rig.file, small / "s", "--frames", "900")
        one_line(done, 1, "disk space", "free")
        assert list((small / "s").glob("*.h5*")) == []


def test_a_disk_that_fills_in_the_middle(rig: Rig, tmp_path: Path) -> None:
    """There is room when it begins; somebody else takes it."""
    with mounted(tmp_path / "small", "size=48m") as small:
        out = small / "s"
        process = subprocess.Popen(
            [sys.executable, "-m", "acquisition.capture", "--rig", str(rig.file), "--out",
             str(out), *WORDS, "--frames", "300"],
            cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True,
        )  # fmt: skip
        part, until = out / "clip-000.h5.part", time.monotonic() + 90
        while not part.exists() and time.monotonic() < until:
            time.sleep(0.02)
        free = os.statvfs(small).f_bavail * os.statvfs(small).f_frsize
        (small / "other").write_bytes(b"x" * (free - (5 << 20)))
        said, wrong = process.communicate(timeout=90)
        done = subprocess.CompletedProcess([], process.returncode, said, wrong)
        assert (done.returncode, wrong.splitlines()[-1]) == (3, errors_of(done)[-1])
        assert "MB are free, the take needs" in wrong.splitlines()[-1]
        assert "clip-000.1: discarded:" in wrong
        assert "no space left on the disk; free some" in wrong
        assert list(out.glob("*.h5*")) == []
        (small / "other").unlink()
        again = shoot(rig.file, out, "--frames", "10")
        assert (again.returncode, errors_of(again)) == (0, [])
        assert [each.clip for each in SessionRecord.read(out).clips] == ["clip-000"]


def test_two_at_once(rig: Rig, tmp_path: Path) -> None:
    out = tmp_path / "s"
    first = subprocess.Popen(
        [sys.executable, "-m", "acquisition.capture", "--rig", str(rig.file), "--out", str(out),
         *WORDS, "--frames", "3000"],
        cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        text=True,
    )  # fmt: skip
    try:
        assert first.stderr is not None
        while "scene 1" not in first.stderr.readline():
            assert first.poll() is None
        one_line(shoot(rig.file, out), 2, "another run writes here")
        done = shoot(rig.file, tmp_path / "other")
        one_line(done, 3)
        assert any(word in errors_of(done)[0] for word in ("use", "busy", "open")), done.stderr
    finally:
        first.send_signal(signal.SIGINT)
        first.communicate(timeout=20)
    assert first.returncode == 130


def test_the_rig_restarted_is_the_same_and_another_is_not(tmp_path: Path) -> None:
    out = tmp_path / "s"
    for turn in ("one", "two"):
        (tmp_path / turn).mkdir()
        with ready_rig(tmp_path / turn) as rig:
            done = shoot(rig.file, out, "--frames", "5")
            assert (done.returncode, errors_of(done)) == (0, [])
            copy = rig.file.read_text()
    assert len(SessionRecord.read(out).clips) == 2
    ended = tmp_path / "ended.yaml"
    ended.write_text(copy)
    done = shoot(ended, out)
    one_line(done, done.returncode)
    assert done.returncode in (2, 3)
    ended.write_text(copy.replace("nd_transmission: 0.125", "nd_transmission: 0.12"))
    one_line(shoot(ended, out), 2, "--rig-changed")


def test_the_controller_dies_in_the_middle(tmp_path: Path) -> None:
    with ready_rig(tmp_path) as rig:
        process = subprocess.Popen(
            [sys.executable, "-m", "acquisition.capture", "--rig", str(rig.file), "--out",
             str(tmp_path / "s"), *WORDS, "--frames", "600"],
            cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
            text=True,
        )  # fmt: skip
        assert process.stderr is not None
        said = ""
        while "scene 1" not in said:
            line = process.stderr.readline()
            assert line, said
            said += line
        until, part = time.monotonic() + 30, tmp_path / "s" / "clip-000.h5.part"
        while not part.exists() or part.stat().st_size < 300_000:
            assert time.monotonic() < until, said
            time.sleep(0.02)
        with numbered(rig.port):
            rig.process.send_signal(signal.SIGINT)  # all of it: cameras and controller
            said += process.communicate(timeout=90)[1]
        done = subprocess.CompletedProcess([], process.returncode, "", said)
        one_line(done, 3)
        record = SessionRecord.read(tmp_path / "s")
        assert len(record.discarded) == 1
        assert record.open_takes == []


def test_the_older_guise(tmp_path: Path) -> None:
    guise = ["--set", "camera_1.guise=older", "--set", "camera_2.guise=older"]
    with ready_rig(tmp_path, *guise) as rig:
        assert "exposure: timed" in rig.file.read_text()
        done = shoot(rig.file, tmp_path / "s", "--frames", "20", "--rate", "30", "--force")
        assert (done.returncode, errors_of(done)) == (0, []), done.stderr
        with Clip(tmp_path / "s" / "clip-000.h5") as clip:
            assert (clip.tail.verdict, clip.pair_count) == ("good", 20)
