"""The world's side of the producer's socket: devices, their registers and their frames.

`hardware/twin/producer/wire.h` is the other end and repeats every layout. Requests and answers go
one at a time on a connection that owns a device; frames go on a connection of their own, header
and pixels, from whichever thread sends them. Everything is little-endian.
"""

from __future__ import annotations

import secrets
import socket
import struct
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from bsd.errors import UserMistake
from hardware.twin.device import AccessDenied, Device, DeviceBusy, NotAvailable, Refused
from hardware.twin.frame import FrameSink, cut

SOCKET_FILE: Final = "world.sock"
"""Name of the socket, in the folder of the producer."""

_REQUEST = struct.Struct("<4I2Q")
_ANSWER = struct.Struct("<IiII")
_DEVICE = struct.Struct("<64s64s64s64s64siI")
_TOKEN = struct.Struct("<Q")
_REQUEST_MAGIC, _ANSWER_MAGIC = 0x31445342, 0x32445342
_LIST, _OPEN, _CLOSE, _XML, _READ, _WRITE, _STREAM = range(1, 8)
_STATUS_FREE, _STATUS_BUSY = 1, 4
_LONGEST_PAYLOAD = 1 << 20
_LONGEST_TEXT = 255
_LONGEST_PATH = 107
_SEND_BUFFER_BYTES = 4 << 20  # the system gives less where it must
_HANDOVER_S = 1.0


class _Seat:
    """A device and who sits in it."""

    def __init__(self, device: Device) -> None:
        self.device = device
        self.id = f"bsd-twin-{device.serial}"
        self.present = True
        self.owner: socket.socket | None = None
        self.stream: socket.socket | None = None
        self.token = b""
        self.changed = threading.Condition()

    def describe(self) -> bytes:
        status = _STATUS_BUSY if self.owner else _STATUS_FREE
        texts = (self.id, "BSD toolkit", self.device.model, self.device.serial, "1.0.0")
        return _DEVICE.pack(*(text.encode()[:63] for text in texts), status, 0)

    def take(self, connection: socket.socket, access: int) -> bytes:
        """Become the owner; one that has just died is waited for."""
        with self.changed:
            if not self.changed.wait_for(lambda: self.owner is None, _HANDOVER_S):
                raise DeviceBusy(f"device {self.device.serial} is open in another process")
            if not self.present:
                raise NotAvailable(f"device {self.device.serial} is not connected")
            self.owner = connection
        try:
            self.device.open(access)
        except Refused:
            self._vacate()
            raise
        self.token = _TOKEN.pack(secrets.randbits(64))
        return self.token

    def leave(self) -> None:
        """The owner goes; its stream ends before."""
        with self.changed:
            self.token = b""
            cut(self.stream)
            self.changed.wait_for(lambda: self.stream is None)
        self.device.close()
        self._vacate()

    def _vacate(self) -> None:
        with self.changed:
            self.owner = None
            self.changed.notify_all()

    def attach(self, connection: socket.socket, token: bytes) -> None:
        """Become the stream; one that is ending is waited for."""
        with self.changed:
            free = self.changed.wait_for(lambda: self.stream is None, _HANDOVER_S)
            if not free or token != self.token:
                raise NotAvailable(f"device {self.device.serial}: its stream is not free")
            self.stream = connection

    def detach(self) -> None:
        """The stream has ended."""
        with self.changed:
            self.stream = None
            self.changed.notify_all()

    def set_present(self, present: bool) -> None:
        """Plug in, or unplug: both connections break."""
        with self.changed:
            self.present = present
            if not present:
                cut(self.owner)
                cut(self.stream)


class Server:
    """Serves devices to producers, with one thread for each connection.

    Parameters
    ----------
    path
        Socket to listen on, `SOCKET_FILE` in the folder of the producer; it must not exist.
    devices
        The cameras, in the order in which they are listed.

    Raises
    ------
    UserMistake
        The path is too long for a socket.
    """

    def __init__(self, path: Path, devices: Sequence[Device]) -> None:
        if len(str(path).encode()) > _LONGEST_PATH:
            raise UserMistake(f"{path}: over {_LONGEST_PATH} bytes; use a folder with a short path")
        self._path = path
        self._seats = [_Seat(device) for device in devices]
        self._connections: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(str(path))
        self._listener.listen()
        self._threads: list[threading.Thread] = []
        self._accepting = threading.Thread(target=self._accept, name="wire accept", daemon=True)
        self._accepting.start()

    def lose(self, device: Device) -> None:
        """Unplug a device: its connections break and it is listed no more."""
        self._seat(device).set_present(False)

    def restore(self, device: Device) -> None:
        """Plug it in again; consumers find it when they update their list."""
        self._seat(device).set_present(True)

    def close(self) -> None:
        """End every connection and thread and remove the socket."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._accepting.join()
        self._listener.close()
        with self._lock:
            for connection in self._connections:
                cut(connection)
        for thread in self._threads:
            thread.join()
        self._path.unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _seat(self, device: Device) -> _Seat:
        return next(seat for seat in self._seats if seat.device is device)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:  # closed
                return
            self._threads = [thread for thread in self._threads if thread.is_alive()]
            thread = threading.Thread(
                target=self._serve, args=(connection,), name="wire", daemon=True
            )
            with self._lock:
                self._connections.add(connection)
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            _Conversation(connection, self._seats).run()
        except OSError:  # the consumer's process has gone
            pass
        finally:
            with self._lock:
                self._connections.discard(connection)
            connection.close()


class _Conversation:
    """Requests of one connection, until its other end closes."""

    def __init__(self, connection: socket.socket, seats: Sequence[_Seat]) -> None:
        self._connection = connection
        self._seats = seats
        self._seat: _Seat | None = None
        self._answers: dict[int, Callable[[int, int, bytes], bytes]] = {
            _LIST: lambda *_: b"".join(seat.describe() for seat in seats if seat.present),
            _OPEN: self._open,
            _CLOSE: lambda *_: self._close(),
            _XML: lambda *_: self._device().xml(),
            _READ: lambda address, length, _: self._device().read(address, length),
            _WRITE: self._write,
        }

    def run(self) -> None:
        """Answer until the end."""
        try:
            while head := _receive(self._connection, _REQUEST.size):
                magic, operation, sequence, length, address, argument = _REQUEST.unpack(head)
                if magic != _REQUEST_MAGIC or length > _LONGEST_PAYLOAD:
                    return
                payload = _receive(self._connection, length)
                if operation == _STREAM:
                    self._stream(sequence, payload)
                    return
                self._answer(operation, sequence, (address, argument, payload))
        finally:
            self._close()

    def _answer(self, operation: int, sequence: int, words: tuple[int, int, bytes]) -> None:
        try:
            if operation not in self._answers:
                raise Refused(f"the world knows no operation {operation}; is the producer older?")
            self._reply(sequence, 0, self._answers[operation](*words))
        except Refused as refusal:
            self._reply(sequence, refusal.status, str(refusal).encode()[:_LONGEST_TEXT])

    def _reply(self, sequence: int, status: int, payload: bytes) -> None:
        head = _ANSWER.pack(_ANSWER_MAGIC, status, sequence, len(payload))
        self._connection.sendall(head + payload)

    def _device(self) -> Device:
        if self._seat is None:
            raise AccessDenied("open a device first")
        return self._seat.device

    def _open(self, _address: int, access: int, name: bytes) -> bytes:
        if self._seat is not None:
            raise DeviceBusy("this connection has a device already")
        for seat in self._seats:
            if seat.id.encode() == name:
                token = seat.take(self._connection, access)
                self._seat = seat
                return token
        raise NotAvailable(f"there is no device {name.decode(errors='replace')}")

    def _close(self) -> bytes:
        if self._seat is not None:
            seat, self._seat = self._seat, None
            seat.leave()
        return b""

    def _write(self, address: int, _argument: int, data: bytes) -> bytes:
        self._device().write(address, data)
        return b""

    def _stream(self, sequence: int, token: bytes) -> None:
        """Frames until the consumer closes its side; no frame goes before the answer."""
        self._connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER_BYTES)
        sink = FrameSink(self._connection)
        try:
            with sink.hold():
                seat = self._start(sink, token)
                self._reply(sequence, 0, b"")
        except Refused as refusal:
            self._reply(sequence, refusal.status, str(refusal).encode()[:_LONGEST_TEXT])
            return
        try:
            _receive(self._connection, 1)
        finally:
            seat.device.stop_stream()
            sink.close()
            seat.detach()

    def _start(self, sink: FrameSink, token: bytes) -> _Seat:
        seats = [seat for seat in self._seats if token and seat.token == token]
        if not seats:
            raise NotAvailable("the device of this stream is not open")
        seats[0].attach(self._connection, token)
        try:
            seats[0].device.start_stream(sink)
        except Refused:
            seats[0].detach()
            raise
        return seats[0]


def _receive(connection: socket.socket, size: int) -> bytes:
    """Exactly `size` bytes, or none at the end of the connection."""
    data = connection.recv(size, socket.MSG_WAITALL) if size else b""
    return data if len(data) == size else b""
