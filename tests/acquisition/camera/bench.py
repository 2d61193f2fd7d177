"""A virtual rig and its cameras' processes, for tests."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from acquisition.camera.configuration import CameraSettings
from acquisition.camera.message import Lost
from acquisition.camera.process import CameraProcess
from acquisition.rig import Rig as RigDocument
from acquisition.rig import Role
from acquisition.ring import ARRIVAL, FrameRing
from tests.hardware.twin.running_rig import SMALL, Rig, Trigger

PREPARED = ["--prepared", "300", "--engine", "host", *SMALL, "--set", "camera_2.guise=older"]
"""The blurry camera has the names of today, the sharp one those of yesterday."""

WIDTH = CameraSettings(trigger="hardware", exposure="trigger_width")
TIMED = CameraSettings(trigger="hardware", exposure="timed", exposure_us=2000)
PERIOD_NS = 10_000_000
FAST = {"W1": 4000, "W2": 2000, "D2": 1000, "PN": 2_000_000, "PD": 100}
"""100 Hz: 2 ms of exposure for C1, 1 ms for C2."""


def process(
    rig: Rig, role: Role = "blurry", ring: FrameRing | None = None, **timeouts: float
) -> CameraProcess:
    """Not started."""
    document = RigDocument.read(rig.file)
    limits = {"arm_s": 8.0, "frame_s": 1.0, **timeouts}
    return CameraProcess(
        document.camera(role), role, ring or FrameRing(8 << 20), **limits  # type: ignore[arg-type]
    )  # fmt: skip


def drained(ring: FrameRing) -> NDArray[np.void]:
    """Rows of all frames in a ring, which is empty then."""
    rows = []
    while (slot := ring.take()) is not None:
        rows.append(slot.arrival)
        ring.release()
    return np.array(rows, ARRIVAL)


def shoot(rig: Rig, camera: CameraProcess, arming: int, frames: int) -> NDArray[np.void]:
    """Arm, pulse, disarm; what is in the ring then."""
    camera.arm(arming)
    with Trigger(rig.port) as trigger:
        done = trigger.run(frames, FAST)
    assert done["cause"] == "count"
    camera.disarm(0.5)
    return drained(camera.ring)


def until(met: Callable[[], bool], patience_s: float = 10.0) -> None:
    """Wait for it."""
    limit_s = time.monotonic() + patience_s
    while not met():
        assert time.monotonic() < limit_s, "it did not come"
        time.sleep(0.01)


def lost_reason(camera: CameraProcess, patience_s: float = 10.0) -> str:
    """Wait until it is told that the camera is lost."""
    limit_s = time.monotonic() + patience_s
    while time.monotonic() < limit_s:
        for news in camera.news(0.05):
            if isinstance(news, Lost):
                return news.reason
    raise AssertionError("no loss was told")


def gone(pid: int) -> bool:
    """Whether a process has ended, or is only not yet reaped."""
    with suppress(FileNotFoundError):
        return "\nState:\tZ" in Path(f"/proc/{pid}/status").read_text()
    return True
