"""Prepared frames at full rate: the rig as it is started, two consumers, pulses of the firmware.

`python -m tests.hardware.twin.prepared_throughput [RATE_HZ] [SECONDS] [WIDTH] [HEIGHT]`
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.hardware.twin.running_rig import Trigger, running_rig

_TICKS_HZ = 2_000_000


def consume(producer: str, serial: str, frames: int, size: list[int]) -> None:
    """Fetch so many frames and tell of them in one line."""
    import numpy as np
    from harvesters.core import Harvester

    harvester = Harvester()
    harvester.add_file(producer)
    harvester.update()
    camera = harvester.create({"serial_number": serial})
    nodes = camera.remote_device.node_map
    nodes.Width.value, nodes.Height.value = size
    nodes.PixelFormat.value = "BayerRG8"
    nodes.ExposureMode.value = "TriggerWidth"
    nodes.TriggerSource.value = "Line1"
    nodes.TriggerMode.value = "On"
    camera.num_buffers = 300
    camera.start()
    say({"armed": serial})
    ids, stamps, patience = [], [], 20.0
    while len(ids) < frames and (buffer := camera.try_fetch(timeout=patience)) is not None:
        ids.append(buffer.module.frame_id)
        stamps.append(buffer.timestamp_ns)
        buffer.queue()
        patience = 2.0
    steps = np.diff(stamps)
    told = {
        "serial": serial,
        "frames": len(ids),
        "lost": ids[-1] + 1 - len(ids) if ids else frames,
        "underrun": camera.data_streams[0].num_underrun,
        "period_ns": [round(float(q)) for q in np.percentile(steps, [0, 50, 100])],
        "fps": round(1e9 / float(steps.mean()), 3),
    }
    camera.stop()
    harvester.reset()
    say(told)


def say(answer: object) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


def measure(
    rate_hz: int, seconds: float, width: int, height: int
) -> tuple[list[dict[str, object]], dict[str, str]]:
    """What each consumer tells, and the firmware's DONE."""
    frames = round(rate_hz * seconds)
    size = [
        f"sensor_{n}.{side}={px}"
        for n in (1, 2)
        for side, px in (("width_px", width), ("height_px", height))
    ]
    size.append("scene.layers=[]")  # what the frames show is not measured
    words = ["--prepared", str(rate_hz), *(word for each in size for word in ("--set", each))]
    period = _TICKS_HZ // rate_hz
    program = {
        "W1": period // 2,
        "W2": period // 16,
        "D2": period * 7 // 32,
        "PN": _TICKS_HZ,
        "PD": rate_hz,
    }
    with tempfile.TemporaryDirectory() as name, running_rig(Path(name), *words) as rig:
        child = [sys.executable, "-m", __spec__.name, "consume", rig.producer]
        sizes = [str(frames), str(width), str(height)]
        consumers = [
            subprocess.Popen([*child, serial, *sizes], stdout=subprocess.PIPE, text=True)
            for serial in rig.serials
        ]
        for consumer in consumers:
            assert consumer.stdout is not None
            assert "armed" in consumer.stdout.readline()
        with Trigger(rig.port) as trigger:
            done = trigger.run(frames, program, patience_s=seconds + 20)
        told = [json.loads(c.communicate(timeout=40)[0].splitlines()[-1]) for c in consumers]
    return told, done


if __name__ == "__main__":
    if sys.argv[1:2] == ["consume"]:
        consume(sys.argv[2], sys.argv[3], int(sys.argv[4]), [int(a) for a in sys.argv[5:]])
    else:
        given = (*sys.argv[1:], *("300", "10", "1280", "720")[len(sys.argv) - 1 :])
        rate, length, *shape = given
        say(measure(int(rate), float(length), *(int(side) for side in shape)))
