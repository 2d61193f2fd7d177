"""Arms and reconnects again and again; prints memory and descriptors as it goes.

`python -m tests.acquisition.camera.endurance [ARMINGS] [RECONNECTS]`
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from acquisition.camera.process import CameraProcess
from tests.acquisition.camera.bench import FAST, PREPARED, WIDTH, drained, process
from tests.hardware.twin.running_rig import Trigger, running_rig

Footprint = dict[str, int]


def footprint(pid: int) -> Footprint:
    """Private resident memory in kB and open descriptors."""
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    kb = {line.split(":")[0]: int(line.split()[1]) for line in rollup[1:]}
    descriptors = len(list(Path(f"/proc/{pid}/fd").iterdir()))
    return {"kb": kb["Private_Clean"] + kb["Private_Dirty"], "descriptors": descriptors}


def armings(camera: CameraProcess, trigger: Trigger, count: int) -> Iterator[Footprint]:
    """The camera's process after each."""
    trigger.run(1, FAST)
    for arming in range(1, count + 1):
        camera.arm(arming)
        trigger.run(2, {})
        assert camera.disarm(1.0, frames=2).delivered == 2
        assert set(drained(camera.ring)["arming"]) == {arming}
        assert camera.pid is not None
        yield footprint(camera.pid)


def reconnects(camera: CameraProcess, count: int) -> Iterator[Footprint]:
    """This process and the camera's together, after each."""
    for _ in range(count):
        camera.reconnect(5.0)
        assert camera.pid is not None
        own, its = footprint(os.getpid()), footprint(camera.pid)
        yield {name: own[name] + its[name] for name in own}


def main(arm_count: int, reconnect_count: int) -> None:
    with (
        tempfile.TemporaryDirectory() as folder,
        running_rig(Path(folder), *PREPARED) as rig,
        process(rig) as camera,
        Trigger(rig.port) as trigger,
    ):
        camera.configure(WIDTH)
        say("arming", arm_count, armings(camera, trigger, arm_count))
        say("reconnect", reconnect_count, reconnects(camera, reconnect_count))


def say(name: str, count: int, rows: Iterator[Footprint]) -> None:
    """Every tenth part."""
    for number, row in enumerate(rows, 1):
        if number == 1 or number % max(1, count // 10) == 0:
            sys.stdout.write(f"{name} {number}: {row}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    given = sys.argv[1:]
    main(*(int(word) for word in (*given, *("100", "20")[len(given) :])))
