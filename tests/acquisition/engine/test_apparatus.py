"""The devices of a rig together: started at once, driven alike, brought back, and gone."""

from __future__ import annotations

import time
from fractions import Fraction
from pathlib import Path

import pytest

from acquisition.engine.apparatus import Apparatus
from acquisition.exposure import ImpossibleExposure
from acquisition.rig import Rig as RigFile
from bsd.errors import ToolkitError, UserMistake
from bsd.setting import Setting
from tests.acquisition.engine.bench import FAST, RATE, RING_BYTES
from tests.hardware.twin.running_rig import Rig, alive

pytestmark = [pytest.mark.rig, pytest.mark.timeout(240)]


def pids_of(apparatus: Apparatus) -> list[int]:
    assert apparatus.trigger is not None
    found = [apparatus.trigger.pid, apparatus.recorder.pid]
    found += [camera.pid for camera in apparatus.cameras.values()]
    assert None not in found
    return [pid for pid in found if pid is not None]


def test_drives_both_cameras_alike(apparatus: Apparatus) -> None:
    drive = apparatus.set_drive(FAST, RATE)
    assert drive.plan is not None
    assert drive.is_triggered
    assert drive.plan.blurry.width_ns == 8 * drive.plan.sharp.width_ns == 8_000_000
    sizes = {(each.width, each.height) for each in apparatus.configured.values()}
    assert sizes == {(160, 120)}
    slots = RING_BYTES // apparatus.configured["sharp"].frame_bytes
    assert 0.9 * slots < apparatus.configured["sharp"].slots <= slots
    first = apparatus.next_arming()
    assert apparatus.next_arming() == first + 1


def test_a_drive_that_is_refused_leaves_none(apparatus: Apparatus) -> None:
    apparatus.set_drive(FAST, RATE)
    with pytest.raises(ImpossibleExposure):
        apparatus.set_drive(Setting.parse("3ms24ms"), Fraction(60))
    assert apparatus.drive is not None
    assert apparatus.drive.setting == FAST
    camera = apparatus.cameras["sharp"].camera
    changed = camera.model_copy(update={"settings": {"NoSuchFeature": 1}})
    cameras = apparatus.rig.cameras.model_copy(update={"sharp": changed})
    before = apparatus.rig
    apparatus.rig = before.model_copy(update={"cameras": cameras})
    try:
        with pytest.raises(ToolkitError, match="NoSuchFeature"):
            apparatus.set_drive(Setting.parse("2ms16ms"), Fraction(15))
    finally:
        apparatus.rig = before
    assert apparatus.drive is None


def test_renews_what_is_lost_and_only_that(apparatus: Apparatus) -> None:
    apparatus.set_drive(FAST, RATE)
    before = pids_of(apparatus)
    assert apparatus.renew() == []
    assert pids_of(apparatus) == before
    apparatus.cameras["blurry"].kill()
    apparatus.anchors["blurry"] = apparatus.anchors["sharp"] = object()  # type: ignore[assignment]
    assert apparatus.renew() == ["blurry"]
    assert set(apparatus.anchors) == {"sharp"}
    apparatus.anchors.clear()
    after = pids_of(apparatus)
    assert [a == b for a, b in zip(before, after, strict=True)] == [True, True, False, True]
    assert apparatus.cameras["blurry"].state == "configured"


def test_a_trigger_that_was_renewed_is_configured_again(apparatus: Apparatus) -> None:
    apparatus.set_drive(FAST, RATE)
    assert apparatus.trigger is not None
    apparatus.trigger.close()
    apparatus.renew()
    assert apparatus.drive is None  # so that the next take sets it
    apparatus.set_drive(FAST, RATE)
    assert apparatus.trigger.status().state == "idle"


def test_one_fault_at_the_start_ends_all(rig: Rig, apparatus: Apparatus) -> None:
    """The port is held by the module's own apparatus."""
    second = Apparatus(RigFile.read(rig.file), ring_bytes=RING_BYTES)
    with pytest.raises(ToolkitError, match="use"):
        second.start()
    assert second.recorder.pid is None
    assert all(camera.pid is None for camera in second.cameras.values())
    assert all(alive(pid) for pid in pids_of(apparatus))  # the first is not disturbed


def test_without_a_trigger_nothing_is_run(rig: Rig) -> None:
    free = Apparatus(RigFile.read(rig.file), free_running=True, ring_bytes=RING_BYTES)
    assert free.trigger is None
    with pytest.raises(UserMistake, match="no trigger"):
        free.run(1)
    free.close()


def test_no_process_outlives_it(rig: Rig, apparatus: Apparatus) -> None:
    """The last test of the module: it ends the module's apparatus and starts it again."""
    pids = pids_of(apparatus)
    apparatus.close()
    until = time.monotonic() + 5
    while any(Path(f"/proc/{pid}").exists() for pid in pids) and time.monotonic() < until:
        time.sleep(0.02)
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids)
    apparatus.close()
    descriptors = len(list(Path("/proc/self/fd").iterdir()))
    apparatus.start()
    assert all(alive(pid) for pid in pids_of(apparatus))
    apparatus.close()
    assert len(list(Path("/proc/self/fd").iterdir())) == descriptors
