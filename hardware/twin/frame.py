"""Frames on their way from a device to the producer: a header and its pixels.

The layout is `wire_frame_t` in `hardware/twin/producer/wire.h`.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Pixels = bytes | bytearray | memoryview | NDArray[np.uint8] | NDArray[np.uint16]

_FRAME = struct.Struct("<2I2Q8I2Q")
_MAGIC = 0x33445342
_CRASH = 1
_FINISH_S = 1.0
_ORDER_S = 0.05


@dataclass(frozen=True, slots=True)
class FrameHeader:
    """What the consumer is told of a frame."""

    frame_id: int
    timestamp_ns: int
    """Clock of the device; its ticks are nanoseconds."""
    width: int
    height: int
    pixel_format: int
    """Code of the pixel format naming convention (PFNC)."""
    payload_size: int
    """Bytes of the whole frame."""
    filled: int
    """Bytes that are sent; the frame is incomplete where they are fewer."""
    offset_x: int = 0
    offset_y: int = 0
    x_padding: int = 0
    y_padding: int = 0

    def pack(self, flags: int = 0) -> bytes:
        """The 72 bytes that go before the pixels."""
        image = 1
        return _FRAME.pack(
            *(_MAGIC, flags, self.frame_id, self.timestamp_ns, self.width, self.height),
            *(self.offset_x, self.offset_y, self.pixel_format, self.x_padding, self.y_padding),
            *(image, self.payload_size, self.filled),
        )


class FrameSink:
    """Where a device sends its frames while a consumer streams."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._lock = threading.Lock()
        self._open = True

    def send(self, header: FrameHeader, pixels: Pixels) -> bool:
        """Send one frame, from any thread; blocks on the socket alone.

        Parameters
        ----------
        header
            What is told of the frame.
        pixels
            At least `header.filled` bytes, contiguous; nothing is copied.

        Returns
        -------
        bool
            False once the consumer has gone or stopped.
        """
        whole = pixels.data if isinstance(pixels, np.ndarray) else memoryview(pixels)
        view = whole.cast("B")
        if view.nbytes < header.filled:
            raise ValueError(f"frame {header.frame_id}: {view.nbytes} bytes, {header.filled} told")
        return self._send([memoryview(header.pack()), view[: header.filled]])

    def crash(self) -> bool:
        """Order the consumer's producer to die of SIGSEGV, a fault that real ones show.

        Behind a consumer that reads nothing the order waits by itself, not its caller: it goes
        after the frame under way.

        Returns
        -------
        bool
            False once the consumer has gone or stopped.
        """
        order = [memoryview(FrameHeader(0, 0, 0, 0, 0, 0, 0).pack(_CRASH))]
        errand = threading.Thread(target=self._send, args=(order,), name="crash", daemon=True)
        errand.start()
        errand.join(_ORDER_S)
        return self._open

    def hold(self) -> threading.Lock:
        """The lock under which frames are sent; whoever has it holds them back."""
        return self._lock

    def close(self) -> None:
        """Finish the frame under way, for at most a second, and end the stream."""
        finished = self._lock.acquire(timeout=_FINISH_S)
        self._open = False
        cut(self._connection)
        if finished:
            self._lock.release()

    def _send(self, parts: list[memoryview]) -> bool:
        with self._lock:
            try:
                while self._open and parts:
                    sent = self._connection.sendmsg(parts)
                    while parts and sent >= parts[0].nbytes:
                        sent -= parts.pop(0).nbytes
                    if parts:
                        parts[0] = parts[0][sent:]
            except OSError:
                self._open = False
            return self._open


def cut(connection: socket.socket | None) -> None:
    """Break a connection in both directions, where there is one; its other end notices at once."""
    if connection is not None:
        with contextlib.suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)
