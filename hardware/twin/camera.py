"""A virtual camera: registers, trigger line and frames, behind the interface of a device.

Three threads meet in it: the consumer's calls come from the server, edges and marks from whoever
reads the board, pictures from whoever renders them.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final, Literal, Protocol

from hardware.twin.camera_config import MODELS, CameraConfig
from hardware.twin.controls import Controls
from hardware.twin.delivery import Delivery, packed
from hardware.twin.device import Device
from hardware.twin.device_clock import DeviceClock
from hardware.twin.exposures import ExposureRequest, Picture, Program
from hardware.twin.feature import Value
from hardware.twin.feature_catalogue import features_of
from hardware.twin.frame import FrameSink
from hardware.twin.genapi import description
from hardware.twin.pixel_formats import Samples
from hardware.twin.registers import Registers
from hardware.twin.shutter import Shutter, Tally

_NS_PER_US: Final = 1000.0
_NS_PER_MS: Final = 1_000_000
_NS_PER_S: Final = 1e9
_STANDARDS: Final = {"sfnc": "2.4.0", "older": "1.5.1"}


class Plug(Protocol):
    """What a camera is plugged into (`hardware.twin.wire.Server`)."""

    def lose(self, device: Device) -> None:
        """Unplug it."""

    def restore(self, device: Device) -> None:
        """Plug it in again."""


class VirtualCamera:
    """One camera of the virtual rig.

    Parameters
    ----------
    config
        What makes it the one it is.
    clock
        Board time in ns, never running backwards. What a consumer does takes effect at this time.
    temperature_c
        Temperature of the sensor by board time; the sensor's surroundings where nothing is given.
    """

    def __init__(
        self,
        config: CameraConfig,
        clock: Callable[[], int],
        temperature_c: Callable[[int], float] | None = None,
    ) -> None:
        self.config = config
        self._clock = clock
        self._temperature_c = temperature_c or (lambda _: config.sensor.ambient_c)
        self._features = features_of(config)
        self._lock = threading.RLock()
        self._plug: Plug | None = None
        self._late_ns = 0
        self._acquisition = 0
        self._delivery = Delivery(clock)
        self._power_up(DeviceClock(config.clock_offset_ns, config.clock_drift_ppm))

    @property
    def serial(self) -> str:
        """Serial number."""
        return self.config.serial

    @property
    def model(self) -> str:
        """Name of the model."""
        return MODELS[self.config.guise]

    @property
    def tally(self) -> Tally:
        """What came of the triggers since power-up."""
        return self._shutter.tally

    @property
    def acquisition(self) -> int:
        """How many acquisitions have been started since the world began."""
        return self._acquisition

    @property
    def is_acquiring(self) -> bool:
        """Whether one runs."""
        return self._controls.acquiring

    def xml(self) -> bytes:
        """The GenApi description."""
        return description(
            self._features,
            model=self.model.replace("-", "_"),
            vendor="BSD_toolkit",
            standard=_STANDARDS[self.config.guise],
        )

    def open(self, access: int) -> None:
        """Somebody takes the camera; its settings are those that the last one left."""

    def close(self) -> None:
        """Its owner is gone: it stops and is unlocked."""
        with self._lock:
            self._stop()
            self._controls.set("TLParamsLocked", 0)

    def read(self, address: int, length: int) -> bytes:
        """Read a register."""
        with self._lock:
            return self._registers.read(address, length)

    def write(self, address: int, data: bytes) -> None:
        """Write a register; it holds from the present board time on."""
        with self._lock:
            self._registers.write(address, data)
            self._shutter.change(self._clock(), self._program())

    def start_stream(self, sink: FrameSink) -> None:
        """Frames go to `sink`."""
        self._delivery.attach(sink)

    def stop_stream(self) -> None:
        """Nobody takes frames any more."""
        self._delivery.attach(None)

    def edge(self, level: int, time_ns: int) -> None:
        """Its trigger line changes at a board time; in the order of time, marks included."""
        with self._lock:
            self._shutter.edge(level, time_ns)
            self._note_end()

    def mark(self, time_ns: int) -> None:
        """No edge will come before this board time."""
        with self._lock:
            self._shutter.mark(time_ns)
            self._note_end()
        self._delivery.release()

    def take(self) -> list[ExposureRequest]:
        """Exposures that have been read out and wait for their pictures, in their order."""
        with self._lock:
            return self._shutter.take()

    def deliver(self, request: ExposureRequest, pixels: Samples) -> int | None:
        """Send the picture of an exposure; in the order in which they were taken.

        Parameters
        ----------
        request
            The exposure.
        pixels
            (H, W), or (H, W, 3) for RGB8, of the request's region in raw order (mirroring and
            gamma come here); uint8 or uint16 within the format's depth. Not copied where it is
            sent as it is.

        Returns
        -------
        int or None
            Its frame id; None where nobody takes it any more.

        Raises
        ------
        ValueError
            Shape or values do not fit the request.
        """
        return self._send(request, lambda: packed(request.picture, pixels))

    def deliver_ready(self, request: ExposureRequest, payload: Samples) -> int | None:
        """Send bytes that `hardware.twin.delivery.packed` has made; as `deliver`, no copy."""
        return self._send(request, lambda: payload)

    def wants(self, request: ExposureRequest) -> bool:
        """Whether somebody would still take the frame of an exposure."""
        return self._delivery.takes(request)

    def plug_into(self, plug: Plug) -> None:
        """What `lose` and `restore` act on."""
        self._plug = plug

    def miss_trigger(self, count: int = 1) -> None:
        """The next triggers are not seen; frame ids stay consecutive."""
        with self._lock:
            self._shutter.faults.miss += count

    def extra_frame(self, count: int = 1) -> None:
        """After the next frame a disturbance is taken for a trigger, once the sensor can expose."""
        with self._lock:
            self._shutter.faults.glitches += count

    def incomplete(self, count: int = 1) -> None:
        """Half of each of the next frames is lost on its way."""
        self._delivery.incomplete(count)

    def drop(self, count: int = 1) -> None:
        """The next frames are lost on their way: a gap in the frame ids."""
        self._delivery.drop(count)

    def stall(self, duration_ms: float) -> None:
        """No frame leaves for so long by board time; then all that waited do."""
        self._delivery.stall(duration_ms)

    def arm_late(self, delay_ms: float) -> None:
        """The next start is acknowledged, but takes effect so much later."""
        with self._lock:
            self._late_ns = round(delay_ms * _NS_PER_MS)

    def drift(self, drift_ppm: float) -> None:
        """Its clock runs so much faster than the board's from now on."""
        with self._lock:
            self._device_clock.drift(self._clock(), drift_ppm)

    def crash(self) -> bool:
        """Its consumer's producer dies; False where nobody streams."""
        return self._delivery.crash()

    def lose(self) -> None:
        """Unplugged: connections break, settings and clock are lost."""
        if self._plug is None:
            raise RuntimeError(f"camera {self.serial} is not plugged in: call plug_into first")
        self._plug.lose(self)
        with self._lock:
            self._stop()

    def restore(self) -> None:
        """Plugged in again, as after power-up."""
        if self._plug is None:
            raise RuntimeError(f"camera {self.serial} is not plugged in: call plug_into first")
        with self._lock:
            clock = DeviceClock(0, self.config.clock_drift_ppm)
            clock.reset(self._clock())
            self._power_up(clock)
        self._plug.restore(self)

    def _send(self, request: ExposureRequest, payload: Callable[[], Samples]) -> int | None:
        return self._delivery.send(request, payload, self._device_clock.at(request.begin_ns))

    def _power_up(self, device_clock: DeviceClock) -> None:
        sensor = self.config.sensor
        self._device_clock = device_clock
        self._latched_ns = 0
        self._controls = Controls(
            self._features,
            {
                "Temperature": lambda: round(self._temperature_c(self._clock()), 2),
                "TimestampLatchValue": lambda: self._latched_ns,
                "PayloadSize": self._payload_bytes,
                "ResultingFrameRate": self._most_rate_hz,
            },
            {
                "AcquisitionStart": self._start,
                "AcquisitionStop": self._stop,
                "TriggerSoftware": lambda: self._shutter.software_trigger(self._clock()),
                "TimestampLatch": self._latch,
                "TimestampReset": lambda: self._device_clock.reset(self._clock()),
                "UserSetLoad": lambda: self._controls.reset(),
            },
            colour=sensor.colour != "mono",
        )
        self._registers = Registers(self._features, self._controls)
        seed = (self.config.seed, self.config.number)
        self._shutter = Shutter(sensor.timing, seed, self._temperature_c, self._program())

    def _start(self) -> None:
        if self._controls.acquiring:
            return
        self._acquisition += 1
        self._controls.acquiring = True
        self._delivery.begin(self._acquisition)
        now_ns = self._clock()
        self._shutter.change(now_ns, self._program())
        self._shutter.start(now_ns + self._late_ns, self._acquisition)
        self._late_ns = 0

    def _stop(self) -> None:
        self._shutter.stop(self._clock(), self._acquisition)
        self._controls.acquiring = False

    def _note_end(self) -> None:
        """An acquisition of so many frames has ended by itself."""
        if self._shutter.ended == self._acquisition:
            self._controls.acquiring = False

    def _latch(self) -> None:
        self._latched_ns = self._device_clock.at(self._clock())

    def _payload_bytes(self) -> Value:
        controls = self._controls
        return controls.pixel_format.payload_bytes(
            controls.whole("Width"), controls.whole("Height")
        )

    def _most_rate_hz(self) -> Value:
        """Of exposures by time, one after the other."""
        controls = self._controls
        timing = self.config.sensor.timing
        least_us = controls.real("ExposureTime") + timing.readout_us
        fastest_hz = 1e6 / least_us
        free = controls.text("TriggerMode") == "Off"
        if free and controls.on("AcquisitionFrameRateEnable"):
            return min(fastest_hz, controls.real("AcquisitionFrameRate"))
        return fastest_hz

    def _program(self) -> Program:
        """The present settings as what decides exposures."""
        controls = self._controls
        mode = controls.text("AcquisitionMode")
        frames = {"SingleFrame": 1, "MultiFrame": controls.whole("AcquisitionFrameCount")}
        limited = controls.on("AcquisitionFrameRateEnable")
        return Program(
            picture=Picture(
                region=controls.region,
                pixel_format=controls.pixel_format,
                offset_px=(controls.whole("OffsetX"), controls.whole("OffsetY")),
                reverse_x=controls.on("ReverseX"),
                reverse_y=controls.on("ReverseY"),
                gain_db=controls.gain_db,
                black_level_dn12=controls.black_level_dn12,
                gamma=controls.gamma,
            ),
            mode="TriggerWidth" if controls.text("ExposureMode") == "TriggerWidth" else "Timed",
            exposure_ns=round(controls.real("ExposureTime") * _NS_PER_US),
            trigger=self._trigger(),
            active_level=int(controls.text("TriggerActivation") == "RisingEdge"),
            delay_ns=round(controls.real("TriggerDelay") * _NS_PER_US),
            period_ns=round(_NS_PER_S / controls.real("AcquisitionFrameRate")) if limited else 0,
            frames=frames.get(mode),
        )

    def _trigger(self) -> Literal["line", "software", "free"]:
        if self._controls.text("TriggerMode") == "Off":
            return "free"
        return "line" if self._controls.text("TriggerSource") == "Line1" else "software"
