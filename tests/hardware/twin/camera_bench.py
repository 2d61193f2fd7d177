"""A virtual camera in the test's hands: its clock, its line, its pictures; and a consumer."""

from __future__ import annotations

import json
import select
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hardware.twin.camera import VirtualCamera
from hardware.twin.camera_config import CameraConfig
from hardware.twin.exposures import ExposureRequest
from hardware.twin.frame import FrameHeader
from hardware.twin.genapi import registers
from hardware.twin.world_config import SensorConfig, TimingConfig

MS = 1_000_000
STEADY = TimingConfig(
    start_latency_ns=5_000, end_latency_ns=9_000, jitter_rms_ns=0.0, readout_us=3_000.0
)


def small_sensor(**fields: Any) -> SensorConfig:
    return SensorConfig(**{"width_px": 64, "height_px": 48, "timing": STEADY, **fields})


class Stage:
    """One camera whose time is the test's."""

    def __init__(self, sensor: SensorConfig | None = None, **fields: Any) -> None:
        self.now_ns = 1_000 * MS
        config = CameraConfig(
            **{"serial": "T001", "sensor": sensor or small_sensor(), "number": 1, **fields}
        )
        self.camera = VirtualCamera(config, lambda: self.now_ns)
        self._places = {
            (place.feature.name, place.part): place for place in registers(self.camera._features)
        }

    def read(self, name: str, part: str = "Value") -> bytes:
        place = self._places[name, part]
        return self.camera.read(place.address, place.length)

    def whole(self, name: str, part: str = "Value") -> int:
        return int.from_bytes(self.read(name, part), "little", signed=True)

    def real(self, name: str, part: str = "Value") -> float:
        return float(np.frombuffer(self.read(name, part), "<f8")[0])

    def write(self, name: str, value: float | str) -> None:
        place = self._places[name, "Value"]
        if isinstance(value, str):
            value = place.feature.entries[value]  # type: ignore[attr-defined]
        dtype = "<f8" if isinstance(value, float) else "<i8"
        self.camera.write(place.address, np.array([value], dtype).tobytes())

    def do(self, name: str) -> None:
        self.write(name, 1)

    def edge(self, level: int, after_ms: float = 0.0) -> None:
        self.now_ns += round(after_ms * MS)
        self.camera.edge(level, self.now_ns)

    def pulse(self, high_ms: float, low_ms: float) -> int:
        """One pulse from now on; its rising edge is returned."""
        rise_ns = self.now_ns
        self.edge(1)
        self.edge(0, high_ms)
        self.wait(low_ms)
        return rise_ns

    def wait(self, ms: float) -> None:
        self.now_ns += round(ms * MS)
        self.camera.mark(self.now_ns)

    def triggered(self, mode: str = "TriggerWidth", **settings: float | str) -> None:
        """Ready for pulses of Line1."""
        self.write("TriggerSource", "Line1")
        self.write("TriggerMode", "On")
        for name, value in settings.items():
            self.write(name, value)
        self.write("ExposureMode", mode)
        self.do("AcquisitionStart")

    def deliver_all(self, value: int = 0) -> list[int | None]:
        """Deliver what waits, as constant pictures of a value, or of the exposure's number."""
        return [
            self.camera.deliver(request, picture(request, value or request.number))
            for request in self.camera.take()
        ]


class Sink:
    """Keeps what it is sent."""

    def __init__(self) -> None:
        self.frames: list[tuple[FrameHeader, bytes]] = []
        self.open = True

    def send(self, header: FrameHeader, pixels: np.ndarray) -> bool:
        self.frames.append((header, pixels.tobytes()[: header.filled]))
        return self.open

    @property
    def ids(self) -> list[int]:
        return [header.frame_id for header, _ in self.frames]


def picture(request: ExposureRequest, value: int) -> np.ndarray:
    size = (request.region.height, request.region.width)
    shape = (*size, 3) if request.pixel_format.output == "rgb" else size
    return np.full(shape, value, np.uint16)


class Client:
    """`feature_client.py` in a process of its own."""

    def __init__(self, producer: Path, serial: str) -> None:
        script = Path(__file__).with_name("feature_client.py")
        self.process = subprocess.Popen(
            [sys.executable, str(script), str(producer), serial],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )

    def tell(self, *words: object) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write((json.dumps(words) + "\n").encode())
        self.process.stdin.flush()

    def answer(self, timeout_s: float = 20.0) -> Any:
        assert self.process.stdout is not None
        assert select.select([self.process.stdout], [], [], timeout_s)[0], "no answer"
        return json.loads(self.process.stdout.readline() or "null")

    def ask(self, *words: object) -> Any:
        self.tell(*words)
        return self.answer()

    def raised(self, *words: object) -> str:
        return str(self.ask(*words)["raised"])

    def fetch(self, count: int) -> list[Any]:
        return [self.ask("fetch") for _ in range(count)]

    def set_all(self, settings: Sequence[tuple[str, object]]) -> None:
        for name, value in settings:
            assert self.ask("set", name, value) == value

    def close(self) -> None:
        self.process.kill()
        self.process.communicate(timeout=20)
