"""Cameras armed a thousand times, and lost a hundred times: memory and descriptors stay."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from acquisition.engine.apparatus import Apparatus
from acquisition.rig import ROLES, Role
from acquisition.rig import Rig as RigDocument
from acquisition.trigger.event import Done
from acquisition.trigger.message import Happened
from bsd.setting import Setting
from tests.hardware.twin.running_rig import Rig
from tests.soak.capture_bench import prepared_rig
from tests.soak.capture_memory import Growth

pytestmark = [pytest.mark.soak, pytest.mark.timeout(6000)]

ARMINGS = 1000
RECONNECTS = 100
PULSES = 2
RATE_HZ = 60
SAMPLES = 50
LIMIT_S = 20.0
GAIN_MB = 2.0
MAIN = "main"


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with prepared_rig(tmp_path_factory.mktemp("rig"), 160, 120) as running:
        yield running


@pytest.fixture
def apparatus(rig: Rig) -> Iterator[Apparatus]:
    with Apparatus(RigDocument.read(rig.file), ring_bytes=8 << 20) as started:
        started.set_drive(Setting.parse("1ms8ms"), RATE_HZ)
        yield started


def cycle(apparatus: Apparatus) -> None:
    """Arm both, a few pulses, disarm both: every frame comes, and no other."""
    assert apparatus.trigger is not None
    apparatus.arm(apparatus.next_arming())
    apparatus.run(PULSES)
    until_s = time.monotonic() + LIMIT_S
    done = None
    while done is None:
        assert time.monotonic() < until_s, "the run does not end"
        for message in apparatus.trigger.messages(0.2):
            if isinstance(message, Happened) and isinstance(message.event, Done):
                done = message.event
    assert (done.n1, done.n2, done.cause) == (PULSES, PULSES, "count")
    for role in ROLES:
        tally = apparatus.cameras[role].disarm(1.0, frames=PULSES)
        assert (tally.delivered, tally.incomplete, tally.overflow) == (PULSES, 0, 0), role
        apparatus.cameras[role].news()


def processes(apparatus: Apparatus) -> dict[str, int]:
    """Number of each process, by what it does."""
    assert apparatus.trigger is not None
    found = {
        MAIN: os.getpid(),
        "recorder": apparatus.recorder.pid,
        "trigger": apparatus.trigger.pid,
        **{f"{role} camera": apparatus.cameras[role].pid for role in ROLES},
    }
    return {name: pid for name, pid in found.items() if pid is not None}


def lose(apparatus: Apparatus, rig: Rig, role: Role, number: int) -> None:
    """Kill the camera's process, or pull its cable; wait until that has been noticed."""
    camera = apparatus.cameras[role]
    assert camera.pid is not None
    if number % 2:
        os.kill(camera.pid, signal.SIGKILL)
    else:
        words = ("fault", "device-lost", "--camera", role, "--set", "back_after_ms=100")
        told = rig.verb(*words)
        assert told.returncode == 0, told.stderr
    until_s = time.monotonic() + LIMIT_S
    while camera.state != "lost":
        assert time.monotonic() < until_s, f"nobody noticed that the {role} camera is gone"
        time.sleep(0.01)


def test_armed_and_disarmed(
    apparatus: Apparatus,
    tmp_path: Path,
    count: Callable[[int], int],
    figure: Callable[[str], None],
) -> None:
    cycles = max(SAMPLES, count(ARMINGS))
    growth = Growth(tmp_path / "samples.csv")
    begin_s = time.monotonic()
    for number in range(cycles):
        cycle(apparatus)
        if (number + 1) % (cycles // SAMPLES) == 0:
            growth.look(processes(apparatus))
    each_ms = (time.monotonic() - begin_s) / cycles * 1000
    figure(f"{cycles} armings of both cameras, {each_ms:.0f} ms each; {growth.told()}")
    growth.require_flat(GAIN_MB)


def test_lost_and_reconnected(
    apparatus: Apparatus,
    rig: Rig,
    tmp_path: Path,
    count: Callable[[int], int],
    figure: Callable[[str], None],
) -> None:
    losses = count(RECONNECTS)
    growth = Growth(tmp_path / "samples.csv")
    cycle(apparatus)
    longest_s = 0.0
    for number in range(losses):
        role = ROLES[number // 2 % 2]
        lose(apparatus, rig, role, number)
        begin_s = time.monotonic()
        assert apparatus.renew() == [role]
        longest_s = max(longest_s, time.monotonic() - begin_s)
        cycle(apparatus)
        if (number + 1) % max(1, losses // SAMPLES) == 0:
            growth.look(processes(apparatus))
    figure(f"{losses} losses, each camera back within {longest_s:.1f} s; {growth.told()}")
    growth.require_flat(GAIN_MB)
