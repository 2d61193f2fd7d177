"""A consumer with nothing of ours: harvesters alone, told what to do line by line.

`python feature_client.py PRODUCER SERIAL` answers each line of JSON, ``[verb, words...]``, by one.
What raises is answered by ``{"raised": name}``.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import numpy as np
from harvesters.core import Harvester


class Client:
    def __init__(self, producer: str, serial: str) -> None:
        self.serial = serial
        self.harvester = Harvester()
        self.harvester.add_file(producer)
        self.camera: Any = None

    @property
    def nodes(self) -> Any:
        return self.camera.remote_device.node_map

    def open(self) -> object:
        self.harvester.update()
        self.camera = self.harvester.create({"serial_number": self.serial})
        self.camera.num_buffers = 40
        return True

    def has(self, name: str) -> object:
        return self.nodes.has_node(name)

    def get(self, name: str) -> object:
        return getattr(self.nodes, name).value

    def set(self, name: str, value: Any) -> object:
        getattr(self.nodes, name).value = value
        return getattr(self.nodes, name).value

    def limits(self, name: str) -> object:
        node = getattr(self.nodes, name)
        return [node.min, node.max]

    def choices(self, name: str) -> object:
        return list(getattr(self.nodes, name).symbolics)

    def do(self, name: str) -> object:
        getattr(self.nodes, name).execute()
        return True

    def start(self) -> object:
        self.camera.start()
        return True

    def stop(self) -> object:
        self.camera.stop()
        return True

    def destroy(self) -> object:
        self.camera.destroy()
        return True

    def status(self) -> object:
        return self.camera.device.module.access_status

    def fetch(self, timeout: float = 3.0) -> object:
        buffer = self.camera.try_fetch(timeout=timeout)
        if buffer is None:
            return None
        with buffer:
            image = buffer.payload.components[0]
            data = np.array(image.data)
            return {
                "id": buffer.module.frame_id,
                "ns": buffer.timestamp_ns,
                "filled": buffer.module.size_filled,
                "format": image.data_format,
                "size": [image.width, image.height],
                "offset": [image.x_offset, image.y_offset],
                "dtype": str(data.dtype),
                "first": [int(value) for value in data[:12]],
                "sum": int(data.astype(np.int64).sum()),
            }

    def end(self) -> object:
        self.harvester.reset()
        return True


def main(producer: str, serial: str) -> None:
    client = Client(producer, serial)
    for line in sys.stdin:
        verb, *words = json.loads(line)
        try:
            answer = getattr(client, verb)(*words)
        except Exception as error:  # noqa: BLE001 - its name is what is told
            answer = {"raised": type(error).__name__, "text": str(error)[:200]}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
