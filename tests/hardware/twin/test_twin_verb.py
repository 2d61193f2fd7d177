"""The verb as a user types it: a rig file when it is ready, and nothing left however it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from acquisition.rig import Rig as RigDocument
from bsd.document import load_fields
from hardware.twin.session_folder import PREFIX
from tests.hardware.twin.running_rig import SMALL, Rig, alive, running_rig, start_rig
from tests.mounts import mounted

pytestmark = pytest.mark.rig


def children(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def wait_gone(pids: list[int], folder: Path, patience_s: float = 15.0) -> None:
    until = time.monotonic() + patience_s
    while (any(alive(pid) for pid in pids) or folder.exists()) and time.monotonic() < until:
        time.sleep(0.05)
    assert [pid for pid in pids if alive(pid)] == []
    assert not folder.exists()


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_nothing_is_left_behind(tmp_path: Path, end: signal.Signals) -> None:
    rig = start_rig(tmp_path, *SMALL)
    pids = children(rig.process.pid)
    assert len(pids) == 2
    mapped = "".join(Path(f"/proc/{pid}/maps").read_text() for pid in [rig.process.pid, *pids])
    assert "/dev/shm" not in mapped  # noqa: S108 - frames go over sockets
    rig.process.send_signal(end)
    said, _ = rig.process.communicate(timeout=20)
    wait_gone(pids, rig.folder)
    assert rig.process.returncode == (-signal.SIGKILL if end == signal.SIGKILL else 0), said
    assert rig.file.exists() is (end == signal.SIGKILL)


@pytest.mark.parametrize("victim", [0, 1])
def test_a_child_that_dies_takes_the_rig_along(tmp_path: Path, victim: int) -> None:
    rig = start_rig(tmp_path, *SMALL)
    pids = children(rig.process.pid)
    os.kill(pids[victim], signal.SIGKILL)
    said, _ = rig.process.communicate(timeout=20)
    assert rig.process.returncode == 3
    assert f"the {('controller', 'world')[victim]} has ended" in said
    wait_gone(pids, rig.folder)
    assert not rig.file.exists()


def test_what_all_killed_processes_left_is_swept(tmp_path: Path) -> None:
    rig = start_rig(tmp_path, *SMALL)
    pids = [*children(rig.process.pid), rig.process.pid]
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)  # so that none of them tidies up
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    rig.process.communicate(timeout=10)
    left = rig.folder
    assert left.exists()
    with running_rig(tmp_path, *SMALL) as heir:  # over the old rig file, too
        assert not left.exists()
        assert heir.folder != left


def test_rig_file_is_one_that_a_capture_reads(tmp_path: Path) -> None:
    lenses = ["optics.kind=two_lenses", "optics.view_1.nd_error=0.2", "sensor_2.colour=mono"]
    words = [word for text in lenses for word in ("--set", text)]
    with running_rig(tmp_path, *SMALL, *words, "--engine", "host") as rig:
        described = RigDocument.read(rig.file)
        assert described.host_clock == "none"
        assert described.optics.nd_transmission == 0.125  # as labelled
        assert described.optics.lens == "two_lenses"
        assert described.cameras.sharp.flip == "horizontal"
        assert described.cameras.sharp.pixel_format == "Mono8"
        assert described.cameras.blurry.timing.start_latency_ns == 5000
        assert Path(described.cameras.blurry.producer).is_file()
        assert described.timeouts.frame_s >= 20
        second = run("--rig-file", str(rig.file))
        assert (second.returncode, "another virtual rig runs" in second.stderr) == (2, True)
        check_status(rig)


def check_status(rig: Rig) -> None:
    told = rig.verb("status")
    assert told.returncode == 0
    assert "blurry (TW0001): acquisition 0, 0 exposures" in told.stdout


def run(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "hardware.twin", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)


def test_prepared_rig_tells_real_time_and_has_no_optics(tmp_path: Path) -> None:
    with running_rig(tmp_path, *SMALL, "--prepared", "200", "--engine", "host") as rig:
        fields = load_fields(rig.file)
        assert isinstance(fields, dict)
        assert fields["host_clock"] == "real"
        assert fields["cameras"]["blurry"]["timing"]["readout_us"] == 500
        refused = rig.verb("fault", "flicker")
        assert (refused.returncode, "without --prepared" in refused.stderr) == (2, True)


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ([], "--rig-file"),
        (["--rig-file", "mine.yaml"], "is no virtual rig's file"),
        (["--rig-file", "none/rig.yaml"], "no such folder"),
        (["--rig-file", "new.yaml", "--truth", "full"], "is not empty"),
        (["--rig-file", "new.yaml", "--set", "optics.lens=3"], "--set optics.lens: unknown field"),
        (["fault", "stall", "--rig-file", "mine.yaml", "--camera", "blurry"], "is no rig file"),
        (["status", "--rig-file", "gone.yaml"], "no virtual rig answers"),
        (["fault", "quake", "--rig-file", "gone.yaml"], "there are missed-trigger"),
    ],
)
def test_mistakes_get_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], complaint: str
) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "a").touch()
    (tmp_path / "mine.yaml").write_text("name: bench-1\n")
    gone = tmp_path / f"{PREFIX}gone" / "bsd-twin.cti"
    (tmp_path / "gone.yaml").write_text(
        f"name: virtual-rig\ncameras: {{blurry: {{producer: {gone}}}}}\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(Path.cwd()))
    monkeypatch.chdir(tmp_path)
    with tempfile.TemporaryDirectory() as own:  # other rigs may come and go in the usual one
        monkeypatch.setenv("XDG_RUNTIME_DIR", own)
        done = run(*words)
        assert list(Path(own).iterdir()) == []
    assert done.returncode in (2, 3)
    assert complaint in done.stderr
    assert done.stderr.count("\n") == 1


def test_picture_shows_a_pair_and_its_truth(tmp_path: Path) -> None:
    import cv2

    small = [*SMALL, "--sharp-us", "1000"]
    done = run("picture", "--out", str(tmp_path / "p.png"), *small)
    assert done.returncode == 0, done.stderr
    shown = cv2.imread(str(tmp_path / "p.png")).astype(float)
    assert shown.shape == (120, 3 * 160 + 16, 3)
    blurry, sharp, truth = (shown[:, x : x + 160] for x in (0, 168, 336))
    assert sharp[:, :, 1].mean() == pytest.approx(truth[:, :, 1].mean(), rel=0.05)
    assert blurry[:, :, 1].mean() == pytest.approx(truth[:, :, 1].mean(), rel=0.05)


def test_faults_are_listed(tmp_path: Path) -> None:
    done = run("fault", "list", "--rig-file", str(tmp_path / "none.yaml"))
    assert done.returncode == 0
    assert len(done.stdout.splitlines()) == 14
    assert "producer-crash    The producer dies of SIGSEGV" in done.stdout


def test_truth_on_a_disk_that_takes_nothing_is_one_line(tmp_path: Path) -> None:
    with mounted(tmp_path / "disk", "ro,size=1m") as disk:
        file = tmp_path / "rig.yaml"
        truth = disk / "truth"
        done = run("--rig-file", str(file), "--truth", str(truth), *SMALL, "--engine", "host")
    assert done.returncode == 3
    cause, end = (line for line in done.stderr.splitlines() if line.startswith("error:"))
    way_out = "the file system is read-only; choose a folder that can be written"
    assert cause == f"error: {truth}: {way_out}"
    assert end == "error: the world ended at its start; its message stands above"
    assert "Fatal" not in done.stderr
    assert not file.exists()


def test_a_disk_that_is_full_ends_the_rig_with_its_name(tmp_path: Path) -> None:
    with mounted(tmp_path / "disk", "size=8k") as disk:
        rig = start_rig(tmp_path, *SMALL, "--truth", str(disk), "--engine", "host")
        (disk / "filler").write_bytes(bytes(8192))
        try:
            rig.verb("fault", "missed-trigger", "--camera", "blurry")
            said, _ = rig.process.communicate(timeout=20)
        finally:
            rig.process.kill()
    assert rig.process.returncode == 3
    cause = next(line for line in said.splitlines() if line.startswith("error:"))
    way_out = "no space left on the disk; free some or choose another folder, then run again"
    assert cause == f"error: {disk / 'events.jsonl'}: {way_out}"
    assert "the world has ended (exit 3)" in said
    assert "Fatal" not in said
