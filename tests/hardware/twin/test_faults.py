"""Every fault of the transport as a consumer meets it, on a running rig; optics by arithmetic."""

from __future__ import annotations

import importlib.util
import json
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bsd.errors import UserMistake
from hardware.twin.faults_config import (
    FAULTS,
    AlignmentDrift,
    Defocus,
    DirtySplitter,
    Flicker,
    WrongNd,
    parse_fault,
)
from hardware.twin.optics import homography_c2_to_c1
from hardware.twin.studio import changed
from hardware.twin.world_config import WorldConfig
from tests.hardware.twin.rig_consumer import Consumer
from tests.hardware.twin.running_rig import SMALL, Rig, Trigger, running_rig

pytestmark = pytest.mark.rig
needs_harvesters = pytest.mark.skipif(
    importlib.util.find_spec("harvesters") is None, reason="needs harvesters and genicam"
)

PERIOD_NS = 1e9 / 60
PROGRAM = {"W1": 16000, "W2": 2000, "D2": 7000, "PN": 100_000, "PD": 3}  # 8 and 1 ms at 60 fps
FLAT = ["--set", 'scene.layers=[{"picture":{"kind":"flat"}}]', "--set", "sensor_1.noise=false"]


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    folder = tmp_path_factory.mktemp("rig")
    with running_rig(folder, *SMALL, *FLAT, "--truth", str(folder / "truth")) as running:
        yield running


@pytest.fixture
def consumer(rig: Rig) -> Iterator[Consumer]:
    with Consumer(rig.producer, rig.serials[0]) as opened:
        yield opened


def ask(rig: Rig, kind: str, *assignments: str) -> None:
    words = [word for text in assignments for word in ("--set", text)]
    done = rig.verb("fault", kind, "--camera", "blurry", *words)
    assert done.returncode == 0, done.stderr


def pulses(rig: Rig, count: int) -> None:
    with Trigger(rig.port) as trigger:
        done = trigger.run(count, PROGRAM)
    assert (done["n1"], done["cause"]) == (str(count), "count")


def shoot(rig: Rig, consumer: Consumer, count: int, timeout_s: float = 1.0) -> list[list[float]]:
    """Frames of one short run, as many as come."""
    consumer.do("arm", {"PixelFormat": "Mono8"})
    pulses(rig, count)
    rows: list[list[float]] = consumer.do("fetch", count + 1, timeout_s)
    consumer.do("stop")
    return rows


def periods(rows: list[list[float]]) -> list[float]:
    """Steps of the device's time in frame periods, by which frames are paired."""
    return [round(float(step), 3) for step in np.diff([row[1] for row in rows]) / PERIOD_NS]


@needs_harvesters
def test_missed_trigger_slips_the_time_but_not_the_ids(rig: Rig, consumer: Consumer) -> None:
    ask(rig, "missed-trigger", "count=2")
    rows = shoot(rig, consumer, 6)
    assert [row[0] for row in rows] == [0, 1, 2, 3]
    assert periods(rows) == [1.0, 1.0, 1.0]  # the first two of six: only the count tells
    events = (rig.file.parent / "truth" / "events.jsonl").read_text().splitlines()
    assert any(json.loads(line).get("kind") == "missed-trigger" for line in events)


@needs_harvesters
def test_extra_frame_has_an_id_and_a_time_of_its_own(rig: Rig, consumer: Consumer) -> None:
    ask(rig, "extra-frame")
    rows = shoot(rig, consumer, 4)
    assert [row[0] for row in rows] == [0, 1, 2, 3, 4]
    odd = [step for step in periods(rows) if step != 1.0]
    assert len(odd) == 2
    assert sum(odd) == pytest.approx(1.0, abs=0.002)


@needs_harvesters
def test_incomplete_frame_leaves_a_gap(rig: Rig, consumer: Consumer) -> None:
    ask(rig, "incomplete-frame")
    rows = shoot(rig, consumer, 4)
    assert [row[0] for row in rows] == [1, 2, 3]  # harvesters throws the incomplete one away


@needs_harvesters
def test_stall_delays_frames_and_loses_none(rig: Rig, consumer: Consumer) -> None:
    consumer.do("arm", {"PixelFormat": "Mono8"})
    ask(rig, "stall", "stall_ms=4000")
    pulses(rig, 3)
    assert consumer.do("fetch", 3, 0.2) == []
    rows = consumer.do("fetch", 3, 15.0)
    assert [row[0] for row in rows] == [0, 1, 2]
    assert periods(rows) == [1.0, 1.0]
    consumer.do("stop")


@needs_harvesters
def test_late_arming_loses_the_first_pulses(rig: Rig, consumer: Consumer) -> None:
    ask(rig, "late-arming", "delay_ms=60000")
    assert shoot(rig, consumer, 3, 0.5) == []
    assert [row[0] for row in shoot(rig, consumer, 3)] == [0, 1, 2]


@needs_harvesters
def test_clock_drift_stretches_the_device_time(rig: Rig, consumer: Consumer) -> None:
    ask(rig, "clock-drift", "drift_ppm=5000")
    rows = shoot(rig, consumer, 5)
    ask(rig, "clock-drift", "drift_ppm=0")
    spans = (rows[4][1] - rows[0][1]) / (4 * PERIOD_NS)
    assert spans == pytest.approx(1.005, abs=1e-5)  # jitter of 50 ns in 67 ms


@needs_harvesters
def test_device_lost_and_back(rig: Rig, consumer: Consumer) -> None:
    consumer.do("arm", {"PixelFormat": "Mono8"})
    ask(rig, "device-lost")
    again = rig.verb("fault", "device-lost", "--camera", "blurry")
    assert (again.returncode, "lost already" in again.stderr) == (2, True)
    assert consumer.do("fetch", 1, 0.3) == []
    assert consumer.do("status") == 3  # not accessible
    assert consumer.do("stop") == "IoException"
    consumer.do("destroy")
    assert consumer.do("open") == [rig.serials[1]]
    ask(rig, "device-back")
    assert sorted(consumer.do("open")) == sorted(rig.serials)
    assert [row[0] for row in shoot(rig, consumer, 2)] == [0, 1]


@needs_harvesters
def test_producer_crash_takes_the_consumer_along(rig: Rig, consumer: Consumer) -> None:
    idle = rig.verb("fault", "producer-crash", "--camera", "blurry")
    assert (idle.returncode, "nobody streams" in idle.stderr) == (2, True)
    consumer.do("arm", {"PixelFormat": "Mono8"})
    until = time.monotonic() + 20  # the camera hears of its consumer's stream after the consumer
    while (done := rig.verb("fault", "producer-crash", "--camera", "blurry")).returncode != 0:
        assert "nobody streams" in done.stderr
        assert time.monotonic() < until, done.stderr
    assert consumer.process.wait(timeout=30) == -signal.SIGSEGV
    with Consumer(rig.producer, rig.serials[0]) as heir:
        assert [row[0] for row in shoot(rig, heir, 2)] == [0, 1]


@needs_harvesters
def test_wrong_nd_at_once_in_the_pictures(rig: Rig, consumer: Consumer) -> None:
    def signal_dn() -> float:
        rows = shoot(rig, consumer, 1)
        assert len(rows) == 1
        return rows[0][2] - 4.0  # black level of 64 DN at 12 bit

    before = signal_dn()
    ask(rig, "wrong-nd", "nd_error=0.5")
    after = signal_dn()
    ask(rig, "wrong-nd", "nd_error=0")
    assert after / before == pytest.approx(1.5, rel=0.01)
    assert signal_dn() == pytest.approx(before, rel=0.01)


@needs_harvesters
def test_another_scene_while_the_rig_runs(rig: Rig, consumer: Consumer) -> None:
    done = rig.verb("change", "--scene", "dark")
    assert done.returncode == 0, done.stderr
    assert shoot(rig, consumer, 1)[0][2] == pytest.approx(4.0, abs=0.3)  # the black level
    flat = 'scene={"layers":[{"picture":{"kind":"flat"}}]}'
    assert rig.verb("change", "--set", flat).returncode == 0
    assert shoot(rig, consumer, 1)[0][2] > 20
    refused = rig.verb("change", "--set", "sensor_1.prnu=0")
    assert (refused.returncode, "only scene, light" in refused.stderr) == (2, True)


@needs_harvesters
def test_scheduled_faults_happen_at_their_pulse(tmp_path: Path) -> None:
    faults = [
        {"kind": "missed-trigger", "camera": "blurry", "pulse": 2},
        {"kind": "wrong-nd", "pulse": 4, "nd_error": 0.5},
        {"kind": "missed-trigger", "camera": "blurry", "pulse": 1, "acquisition": 2},
    ]
    words = [*SMALL, *FLAT, "--set", f"faults={json.dumps(faults)}", "--engine", "host"]
    with running_rig(tmp_path, *words) as rig, Consumer(rig.producer, rig.serials[0]) as consumer:
        rows = shoot(rig, consumer, 6)
        assert [row[0] for row in rows] == [0, 1, 2, 3, 4]
        assert periods(rows) == [1.0, 2.0, 1.0, 1.0]
        light = [row[2] - 4.0 for row in rows]
        assert light[3] / light[2] == pytest.approx(1.5, rel=0.01)  # pulses 4 and 3
        assert periods(shoot(rig, consumer, 4)) == [2.0, 1.0]


WORLD = WorldConfig()


def test_faults_of_the_optics_change_what_they_say() -> None:
    assert changed(WORLD, WrongNd(nd_error=0.2), 0).optics.view_1.nd_error == 0.2
    assert changed(WORLD, Defocus(defocus_sigma_px=3), 0).optics.view_2.defocus_sigma_px == 3
    lamps = changed(WORLD, Flicker(frequency_hz=120, modulation=0.4), 0).light.components
    assert [(lamp.frequency_hz, lamp.modulation) for lamp in lamps] == [(120, 0.4)]
    assert changed(WORLD, DirtySplitter(dust_spots=7), 0).optics.splitter.dust_spots == 7


@pytest.mark.parametrize("time_s", [0.0, 90.0])
def test_alignment_drift_begins_when_it_is_asked_for(time_s: float) -> None:
    fault = AlignmentDrift(shift_px=(2.0, -1.0), time_constant_s=30.0)
    world = changed(WORLD, fault, round(time_s * 1e9))
    centre = np.array([319.5, 239.5, 1.0])
    for after_s in (0.0, 15.0, 300.0):
        now_ns = round((time_s + after_s) * 1e9)
        moved, rest = (homography_c2_to_c1(w, now_ns) @ centre for w in (world, WORLD))
        way = (moved / moved[2] - rest / rest[2])[:2]
        grown = 1 - np.exp(-after_s / 30.0)
        assert way == pytest.approx(np.array([2.0, -1.0]) * grown, abs=2e-3)


def test_alignment_drift_that_cannot_be_is_refused() -> None:
    with pytest.raises(UserMistake, match="too short"):
        changed(WORLD, AlignmentDrift(time_constant_s=1.0), 60_000_000_000)
    drifting = WORLD.override(["optics.drift.shift_px=[1, 0]"])
    with pytest.raises(UserMistake, match="drifts already"):
        changed(drifting, AlignmentDrift(time_constant_s=10.0), 0)
    at_once = changed(drifting, AlignmentDrift(shift_px=(1.0, 0.5)), 0)
    assert at_once.optics.alignment.shift_px == pytest.approx((4.3, -1.6))


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"kind": "earthquake"}, "there are missed-trigger"),
        ({"kind": "stall"}, "camera"),
        ({"kind": "wrong-nd", "nd_error": -2}, "nd_error"),
        ({"kind": "flicker", "camera": "blurry"}, "unknown field"),
    ],
)
def test_faults_that_do_not_exist_are_refused(fields: dict[str, Any], complaint: str) -> None:
    with pytest.raises(UserMistake, match=complaint):
        parse_fault(fields)


def test_every_fault_of_the_list_has_a_model() -> None:
    assert len(FAULTS) == 14
    assert all(model.__doc__ for model in FAULTS.values())
