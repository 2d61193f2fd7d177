"""How fast frames travel: two consumer processes with harvesters, 1280 x 720 x 8 bit each.

`python -m tests.hardware.twin.throughput [RATE_HZ] [SECONDS]` (0: as fast as it goes). Ready frames
are sent, so what is measured is the socket, the producer and harvesters. Run by hand.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from hardware.twin.frame import FrameHeader, FrameSink
from hardware.twin.producer_build import producer_path
from hardware.twin.wire import SOCKET_FILE, Server
from tests.hardware.twin.fake_camera import MONO8, FakeCamera

WIDTH, HEIGHT, READY = 1280, 720, 8


class ReadyCamera(FakeCamera):
    """Sends frames that were made before; one that is late is not skipped."""

    rate_hz = 300

    def _run(self, sink: FrameSink) -> None:
        ready = [np.full((HEIGHT, WIDTH), 20 * i, np.uint8) for i in range(READY)]
        begin_ns, number = time.monotonic_ns(), 0
        while not self._stop.is_set():
            due_ns = begin_ns + number * 1_000_000_000 // max(1, self.rate_hz)
            while self.rate_hz and (wait_ns := due_ns - time.monotonic_ns()) > 0:
                time.sleep(wait_ns / 1e9)
            size = WIDTH * HEIGHT
            header = FrameHeader(number, time.monotonic_ns(), WIDTH, HEIGHT, MONO8, size, size)
            if not sink.send(header, ready[number % READY]):
                return
            number += 1


def consume(producer: str, serial: str, seconds: float) -> None:
    """Fetch for so long and tell of it in one line."""
    from harvesters.core import Harvester

    harvester = Harvester()
    harvester.add_file(producer)
    harvester.update()
    camera = harvester.create({"serial_number": serial})
    nodes = camera.remote_device.node_map
    nodes.Width.value, nodes.Height.value = WIDTH, HEIGHT
    camera.num_buffers = 300
    camera.start()
    late_us, ids = [], []
    until = time.monotonic() + seconds
    begin_cpu, begin = time.process_time(), time.monotonic()
    while time.monotonic() < until:
        if (buffer := camera.try_fetch(timeout=1)) is not None:
            late_us.append((time.monotonic_ns() - buffer.timestamp_ns) / 1000)
            ids.append(buffer.module.frame_id)
            buffer.queue()
    spent = time.monotonic() - begin
    told = {
        "fps": round(len(ids) / spent, 1),
        "lost": ids[-1] - ids[0] + 1 - len(ids),
        "underrun": camera.data_streams[0].num_underrun,
        "cpu": round((time.process_time() - begin_cpu) / spent, 2),
        "latency_us": {p: round(float(np.percentile(late_us, p))) for p in (50, 99, 100)},
    }
    camera.stop()
    harvester.reset()
    sys.stdout.write(json.dumps({serial: told}) + "\n")


def main(rate_hz: int, seconds: float) -> None:
    """Serve two cameras here and consume each in a process."""
    ReadyCamera.rate_hz = rate_hz
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        producer = producer_path(Path(name))
        cameras = [ReadyCamera("000101"), ReadyCamera("000202")]
        stack.enter_context(Server(Path(name) / SOCKET_FILE, cameras))
        words = [sys.executable, "-m", __spec__.name, str(producer)]
        children = [subprocess.Popen([*words, c.serial, str(seconds)]) for c in cameras]
        begin = time.process_time()
        for child in children:
            child.wait(timeout=seconds + 30)
        cpu = (time.process_time() - begin) / seconds
        sys.stdout.write(f"world: cpu {cpu:.2f}, load of the machine {os.getloadavg()[0]:.1f}\n")


if __name__ == "__main__":
    if len(sys.argv) == 4:
        consume(sys.argv[1], sys.argv[2], float(sys.argv[3]))
    else:
        rate, length = (*sys.argv[1:], *("300", "10")[len(sys.argv) - 1 :])
        main(int(rate), float(length))
