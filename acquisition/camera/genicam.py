"""One camera through its GenTL producer. Only a camera's own process imports this."""

from __future__ import annotations

import logging
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from genicam import genapi, gentl
from harvesters.core import Callback, Harvester, ImageAcquirer, ParameterKey, ParameterSet
from numpy.typing import NDArray

from acquisition.arrival import NO_ID
from acquisition.camera.fault import CameraFault, CameraLost
from acquisition.camera.feature import Refused
from acquisition.camera.frame_clock import FrameClock, latch
from acquisition.camera.node_tree import NodeTree, one_line

GONE: Final = 3
"""Access status of a device that cannot be reached any more."""

_AGAIN_S: Final = 0.1
_LEAST_BUFFERS: Final = 16
_USUAL_BUFFERS: Final = 64  # at 15 fps a process that is held up for four seconds loses nothing
_MOST_BUFFER_BYTES: Final = 1 << 29
# What producers and harvesters raise beside their own where something is not as they expect.
_FAULTS: Final = (
    gentl.GenericException,
    genapi.GenericException,
    AttributeError,
    IndexError,
    KeyError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
)


@dataclass(frozen=True)
class Frame:
    """A frame in the producer's memory, valid until the next is asked for.

    Attributes
    ----------
    data
        Samples in a row, unpacked, uint8 or uint16.
    """

    frame_id: int
    device_ns: int
    host_ns: int
    data: NDArray[Any]


class _Incomplete(Callback):  # type: ignore[misc]
    """Counts the frames that harvesters throws away because a part of them is missing."""

    def __init__(self) -> None:
        self.count = 0

    def emit(self, context: object | None = None) -> None:  # noqa: ARG002
        self.count += 1


class GenicamCamera:
    """A camera that is open until `destroy`.

    Parameters
    ----------
    producer
        Path of a GenTL producer.
    serial
        Serial number, else the producer's id of the device.
    patience_s
        A camera that is not listed yet, or still open elsewhere, is tried again for so long.
    at_each
        Called before every try.

    Raises
    ------
    CameraLost
        It is not there, or cannot be opened.
    """

    def __init__(
        self,
        producer: str,
        serial: str,
        patience_s: float = 0.0,
        at_each: Callable[[], None] = lambda: None,
    ) -> None:
        self.name = f"camera {serial}"
        self.incomplete = 0
        self._lost_parts = _Incomplete()
        self._buffer: Any = None
        _quieten()
        self._harvester = _loaded(producer, self.name)
        until_s = time.monotonic() + patience_s
        while True:
            at_each()
            try:
                self._acquirer = self._open(serial)
                break
            except CameraLost:
                if time.monotonic() > until_s:
                    self._harvester.reset()
                    raise
                time.sleep(_AGAIN_S)
        self._acquirer.add_callback(ImageAcquirer.Events.INCOMPLETE_BUFFER, self._lost_parts)
        self.tree = NodeTree(self._acquirer.remote_device.node_map)
        self._access_at_first = self.access()
        self._end_leftover_stream()

    def start(self, rate_hz: float) -> None:
        """Begin to take frames, with buffers for a second of them.

        Raises
        ------
        CameraFault
            It does not.
        """
        with self._explained("cannot be armed"):
            self._lost_parts.count = 0
            self._clock = FrameClock(self.tree, _FAULTS)
            least = max(_LEAST_BUFFERS, self._acquirer.min_num_buffers)
            most = max(least, _MOST_BUFFER_BYTES // max(1, self._payload_bytes()))
            self._acquirer.num_buffers = min(max(least, _USUAL_BUFFERS, round(rate_hz)), most)
            self._acquirer.start()

    def fetch(self, timeout_s: float) -> Frame | None:
        """The next complete frame; None where none comes in time or an incomplete one came.

        Raises
        ------
        CameraLost
            The producer fails.
        """
        self.give_back()
        with self._explained("gives no more frames", CameraLost):
            buffer = self._acquirer.try_fetch(timeout=timeout_s)
            host_ns = time.monotonic_ns()
            self.incomplete = self._lost_parts.count
            if buffer is None:
                return None
            self._buffer = buffer
            data = buffer.payload.components[0].data
            return Frame(_frame_id(buffer), self._clock.read(buffer.module), host_ns, data)

    def give_back(self) -> None:
        """The last frame's memory is the producer's again."""
        buffer, self._buffer = self._buffer, None
        if buffer is not None:
            with self._explained("takes no buffer back", CameraLost):
                buffer.queue()

    def halt(self) -> None:
        """No more exposures; what was taken can still be fetched."""
        with self._explained("cannot be stopped", CameraLost):
            self._acquirer.remote_device.node_map.AcquisitionStop.execute()

    def stop(self) -> int | None:
        """End; buffers are flushed. How often the producer had none, where it tells.

        Raises
        ------
        CameraLost
            It cannot be stopped: it is gone.
        """
        underrun = self._underrun()
        self.give_back()
        with self._explained("cannot be stopped", CameraLost):
            self._acquirer.stop()
        return underrun

    def access(self) -> int | None:
        """Access status of the GenTL standard, where the producer tells."""
        try:
            return int(self._acquirer.device.module.access_status)
        except _FAULTS:
            return None

    @property
    def gone(self) -> bool:
        """Whether the producer says that the device cannot be reached."""
        return self.access() == GONE and self._access_at_first != GONE

    def latch(self) -> tuple[int, int, int] | None:
        """The camera's clock in ns, and the host's before and after; None where it has none."""
        return latch(self.tree)

    def destroy(self) -> None:
        """Close it and its producer; what fails then is only logged."""
        log = logging.getLogger(__name__)
        for what in (self._acquirer.destroy, self._harvester.reset):
            try:
                what()
            except _FAULTS as error:
                log.debug("%s: at closing: %s", self.name, one_line(error))

    def information(self, name: str) -> str:
        """What the producer says of the device, such as ``vendor``; empty where it does not."""
        try:
            return str(getattr(self._acquirer.device.module, name) or "")
        except _FAULTS:
            return ""

    def _open(self, serial: str) -> Any:
        try:
            self._harvester.update()
            listed = list(self._harvester.device_info_list)
        except _FAULTS as error:
            raise CameraLost(f"{self.name}: no devices are told: {one_line(error)}") from error
        by_serial = [each for each in listed if _said(each, "serial_number") == serial]
        matching = by_serial or [each for each in listed if _said(each, "id_") == serial]
        if len(matching) != 1:
            known = ", ".join(_said(each, "serial_number") or _said(each, "id_") for each in listed)
            how = "is not there" if not matching else "is there more than once"
            raise CameraLost(
                f"{self.name}: {how}; the producer lists {known or 'no camera'}: check cable,"
                " power and the serial in the rig file"
            )
        config = ParameterSet(
            {
                ParameterKey.TIMEOUT_PERIOD_ON_UPDATE_EVENT_DATA_CALL: 1,  # ms, with the GIL held
                ParameterKey.ENABLE_AUTO_CHUNK_DATA_UPDATE: False,  # breaks on some producers
            }
        )
        try:
            with _interrupts_kept():
                return self._harvester.create(matching[0], config=config)
        except _FAULTS as error:
            raise CameraLost(
                f"{self.name}: cannot be opened: {one_line(error)}; end the program that has it"
            ) from error

    def _end_leftover_stream(self) -> None:
        """A program that was killed may have left it streaming, with its settings locked."""
        try:
            if self.tree.has("TLParamsLocked") and self.tree.read("TLParamsLocked"):
                self.tree.run("AcquisitionStop")
                self.tree.write("TLParamsLocked", 0)
        except Refused as refusal:
            logging.getLogger(__name__).debug("%s: %s", self.name, refusal)

    def _payload_bytes(self) -> int:
        stream = self._acquirer.data_streams[0]
        if stream.defines_payload_size():
            return int(stream.payload_size)
        return int(self.tree.read("PayloadSize"))

    def _underrun(self) -> int | None:
        try:
            return int(self._acquirer.data_streams[0].num_underrun)
        except _FAULTS:
            return None

    @contextmanager
    def _explained(self, what: str, kind: type[CameraFault] = CameraFault) -> Iterator[None]:
        try:
            yield
        except (*_FAULTS, Refused) as error:
            raise kind(f"{self.name}: {what}: {one_line(error)}") from error


def _frame_id(buffer: Any) -> int:
    try:
        return int(buffer.module.frame_id)
    except _FAULTS:
        return NO_ID


def _said(device: Any, field: str) -> str:
    try:
        return str(getattr(device, field) or "")
    except _FAULTS:
        return ""


def _loaded(producer: str, name: str) -> Any:
    if not Path(producer).is_file():
        raise CameraLost(f"{name}: no producer at {producer}; mend producer in the rig file")
    harvester = Harvester()
    harvester.add_file(producer)
    return harvester


@contextmanager
def _interrupts_kept() -> Iterator[None]:
    """Harvesters takes Ctrl-C for itself where an acquirer is made in the main thread."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handler = signal.getsignal(signal.SIGINT)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)


def _quieten() -> None:
    """What harvesters warns of is told by us, in words that name the camera and the way out."""
    log = logging.getLogger("harvesters")
    log.setLevel(max(logging.CRITICAL, log.getEffectiveLevel()))
