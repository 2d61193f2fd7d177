"""A consumer with nothing of ours: harvesters alone, one camera, one process.

`python bare_consumer.py PRODUCER SERIAL COMMAND...` runs commands in order and tells of each in one
line of JSON. ``wait`` waits for a line of input.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from harvesters.core import Harvester


class Consumer:
    def __init__(self, producer: str, serial: str) -> None:
        self.serial = serial
        self.harvester = Harvester()
        self.harvester.add_file(producer)
        self.camera: Any = None

    def open(self) -> object:
        self.harvester.update()
        self.camera = self.harvester.create({"serial_number": self.serial})
        self.camera.num_buffers = 30
        return [info.serial_number for info in self.harvester.device_info_list]

    def set(self, name: str, value: str) -> object:
        node = self.camera.remote_device.node_map.get_node(name)
        try:
            node.value = int(value)
        except Exception as error:  # noqa: BLE001 - its name is what is told
            return type(error).__name__
        return node.value

    def start(self) -> object:
        self.camera.start()
        return self.status()

    def fetch(self, count: str) -> object:
        rows = []
        for _ in range(int(count)):
            buffer = self.camera.try_fetch(timeout=2)
            if buffer is None:
                return [*rows, None]
            with buffer:
                image = buffer.payload.components[0]
                inside = int.from_bytes(image.data[:8].tobytes(), "little")
                shape = [image.height, image.width, image.data_format]
                rows.append([buffer.module.frame_id, inside, buffer.timestamp_ns, shape])
        stream = self.camera.data_streams[0]
        return {"rows": rows, "lost": stream.num_underrun}

    def status(self) -> object:
        return self.camera.device.module.access_status

    def stop(self) -> object:
        try:
            self.camera.stop()
        except Exception as error:  # noqa: BLE001
            return type(error).__name__
        return "stopped"

    def destroy(self) -> object:
        self.camera.destroy()
        return "destroyed"

    def wait(self) -> object:
        return sys.stdin.readline().strip()

    def reset(self) -> object:
        self.harvester.reset()
        return "reset"


def main(producer: str, serial: str, commands: list[str]) -> None:
    consumer = Consumer(producer, serial)
    for command in commands:
        name, *words = command.split(":")
        sys.stdout.write(json.dumps([name, getattr(consumer, name)(*words)]) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3:])
