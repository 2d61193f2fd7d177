"""The whole virtual rig, reached as a real one is: a producer, a serial port, the firmware."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from hardware.twin.truth import TruthRecord, read_pictures
from tests.hardware.twin.rig_consumer import Consumer
from tests.hardware.twin.running_rig import Trigger, running_rig

pytestmark = [
    pytest.mark.rig,
    pytest.mark.skipif(
        importlib.util.find_spec("harvesters") is None, reason="needs harvesters and genicam"
    ),
]

SCRIPT = Path(__file__).with_name("bare_script.py")


def size(width: int, height: int) -> list[str]:
    sides = {"width_px": width, "height_px": height}
    return [w for n in (1, 2) for s, px in sides.items() for w in ("--set", f"sensor_{n}.{s}={px}")]


def bare(*words: str) -> list[list[str]]:
    """Rows of serial number, frame id and mean that the bare script prints."""
    command = [sys.executable, str(SCRIPT), *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=45, check=False)
    assert done.returncode == 0, done.stderr
    return [line.split() for line in done.stdout.splitlines()]


def test_bare_script_is_short_and_knows_nothing_of_ours() -> None:
    lines = SCRIPT.read_text().splitlines()
    assert len(lines) <= 30
    imports = {
        line.split()[1].split(".")[0] for line in lines if line.startswith(("import", "from"))
    }
    assert imports == {"binascii", "sys", "serial", "harvesters"}


def test_bare_script_gets_triggered_frames(tmp_path: Path) -> None:
    with running_rig(tmp_path, *size(320, 240), "--truth", str(tmp_path / "truth")) as rig:
        rows = bare(rig.producer, rig.port, "3")
    assert [row[:2] for row in rows] == [[s, str(n)] for n in range(3) for s in rig.serials]
    records = [TruthRecord.read(path) for path in sorted((tmp_path / "truth").glob("0*.json"))]
    assert [(r.pair, r.blurry.frame_id, r.sharp.frame_id) for r in records] == [
        (n, n, n) for n in range(3)
    ]
    for record in records:  # the firmware's start: 16 ms and 2 ms about the same middle
        assert record.blurry.end_ns - record.blurry.begin_ns == pytest.approx(16e6, abs=500)
        assert record.sharp.end_ns - record.sharp.begin_ns == pytest.approx(2e6, abs=500)
        assert abs(record.centre_offset_ns) < 400  # four edges of 50 ns jitter each
    begins = [record.blurry.begin_ns for record in records]
    assert np.diff(begins) == pytest.approx([1e9 / 15] * 2, abs=1_000)
    pictures = read_pictures(tmp_path / "truth" / "00000001.json")
    assert pictures["truth"].shape == (240, 320, 3)
    # what was delivered is what the truth holds: 8 bit, 40 e⁻ per DN, 6·10⁶ e⁻ per light-second
    luma = pictures["sharp"] @ np.array([0.2126, 0.7152, 0.0722], dtype=np.float32)
    expected = np.minimum(luma * 6e6, 10_000).mean() / 40 + 4
    assert float(rows[3][2]) == pytest.approx(expected, rel=0.02)


def test_bare_script_runs_on_a_foreign_producer() -> None:
    import genicam

    producers = sorted(Path(genicam.__file__).parent.rglob("viky.cti"))
    if not producers:
        pytest.skip("this genicam carries no viky.cti")
    rows = bare(str(producers[0]), "", "3")
    assert [row[0] for row in rows] == ["0", "1"] * 3  # it has no trigger: frames by themselves
    ids = [int(row[1]) for row in rows if row[0] == "0"]
    assert ids == sorted(set(ids))


def test_slow_pictures_slow_the_rig_and_break_nothing(tmp_path: Path) -> None:
    """Heartbeats by host time, a firmware that wants one each 500 ms of board time."""
    words = [*size(400, 300), "--truth", str(tmp_path / "truth"), "--no-truth-pictures"]
    frames = 6
    with (
        running_rig(tmp_path, *words, "--ahead", "3") as rig,
        Consumer(rig.producer, rig.serials[0]) as blurry,
        Consumer(rig.producer, rig.serials[1]) as sharp,
    ):
        assert blurry.do("arm", {}) == sharp.do("arm", {}) == "armed"
        with Trigger(rig.port) as trigger:
            done = trigger.run(frames, {"HB": 100, "W1": 48000, "W2": 6000, "D2": 21000})
        rows = [camera.do("fetch", frames, 15.0) for camera in (blurry, sharp)]
        status = json.loads(rig.verb("status", "--json").stdout)
    assert (done["cause"], done["cut"], done["n1"]) == ("count", "0", str(frames))
    assert [[row[0] for row in each] for each in rows] == [list(range(frames))] * 2
    assert [camera["exposed"] for camera in status["cameras"].values()] == [frames] * 2
    lines = (tmp_path / "truth" / "events.jsonl").read_text().splitlines()
    exposures = [json.loads(line) for line in lines]
    for role, each, offset_ns in (("blurry", rows[0], 0), ("sharp", rows[1], 1_000_000_000)):
        mine = [e for e in exposures if e["camera"] == role]
        assert [e["begin_ns"] + offset_ns for e in mine] == [row[1] for row in each]
        steps = np.diff([e["begin_ns"] for e in mine])
        assert steps == pytest.approx([1e9 / 15] * (frames - 1), abs=1_000)  # by the board's clock


def test_free_running_camera_keeps_its_rate_by_board_time(tmp_path: Path) -> None:
    code = (
        "import sys; from harvesters.core import Harvester; h = Harvester();"
        "h.add_file(sys.argv[1]); h.update();"
        "c = h.create({'serial_number': 'TW0002'}); n = c.remote_device.node_map;"
        "n.AcquisitionFrameRateEnable.value = True; n.AcquisitionFrameRate.value = 50;"
        "n.ExposureTime.value = 2000; c.num_buffers = 60; c.start(); t = []\n"
        "for _ in range(50):\n  b = c.fetch(timeout=5); t.append(b.timestamp_ns); b.queue()\n"
        "print(*t); h.reset()"
    )
    with running_rig(tmp_path, *size(160, 120), "--prepared", "60", "--engine", "host") as rig:
        command = [sys.executable, "-c", code, rig.producer]
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    stamps = [int(word) for word in done.stdout.split()]
    assert len(stamps) == 50, done.stderr
    assert np.diff(stamps) == pytest.approx([20e6] * 49, abs=1_000)
