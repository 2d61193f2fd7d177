"""One camera in a process of its own, through harvesters alone, told what to do line by line.

`python rig_consumer.py PRODUCER SERIAL`; each line of JSON, [verb, argument...], gets one answer.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from types import TracebackType
from typing import Any, Self

ARMED = {"ExposureMode": "TriggerWidth", "TriggerSource": "Line1", "TriggerMode": "On"}


class Camera:
    def __init__(self, producer: str, serial: str) -> None:
        from harvesters.core import Harvester

        self.serial = serial
        self.harvester = Harvester()
        self.harvester.add_file(producer)
        self.camera: Any = None

    def open(self) -> object:
        self.harvester.update()
        known = [info.serial_number for info in self.harvester.device_info_list]
        if self.serial in known:
            self.camera = self.harvester.create({"serial_number": self.serial})
            self.camera.num_buffers = 30
        return known

    def arm(self, settings: dict[str, Any]) -> object:
        nodes = self.camera.remote_device.node_map
        for name, value in (settings | ARMED).items():
            nodes.get_node(name).value = value
        self.camera.start()
        return "armed"

    def fetch(self, count: int, timeout_s: float) -> object:
        """Rows of frame id, device time and mean, until so many came or none does any more."""
        rows: list[list[float]] = []
        until = time.monotonic() + timeout_s
        while len(rows) < count and time.monotonic() < until:
            buffer = self.camera.try_fetch(timeout=timeout_s)
            if buffer is None:  # at once where the frame was incomplete
                continue
            until = time.monotonic() + timeout_s
            with buffer:
                image = buffer.payload.components[0]
                mean = float(image.data.mean())
                rows.append([buffer.module.frame_id, buffer.timestamp_ns, mean])
        return rows

    def status(self) -> object:
        return self.camera.device.module.access_status

    def stop(self) -> object:
        try:
            self.camera.stop()
        except Exception as error:  # noqa: BLE001 - its name is what is told
            return type(error).__name__
        return "stopped"

    def destroy(self) -> object:
        self.camera.destroy()
        return "destroyed"


class Consumer:
    """The process, seen from a test."""

    def __init__(self, producer: str, serial: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, __file__, producer, serial],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.do("open") is not None

    def tell(self, *words: object) -> None:
        """Begin something."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(words) + "\n")
        self.process.stdin.flush()

    def hear(self) -> Any:
        """Its answer; None where the process has died."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        return json.loads(line) if line else None

    def do(self, *words: object) -> Any:
        self.tell(*words)
        return self.hear()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        try:
            self.process.wait(timeout=10)
        finally:
            self.process.kill()
            self.process.stdout.close()


def main(producer: str, serial: str) -> None:
    camera = Camera(producer, serial)
    for line in sys.stdin:
        name, *words = json.loads(line)
        sys.stdout.write(json.dumps(getattr(camera, name)(*words)) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
