"""The producer's C interface through ctypes, a call at a time, and the rig that it talks to."""

from __future__ import annotations

import contextlib
import ctypes as c
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from hardware.twin.producer_build import PRODUCER_FILE, producer_path

REPOSITORY = Path(__file__).resolve().parents[3]
SERIALS = ("000101", "000202")
INFINITE = 2**64 - 1
SUCCESS, NOT_INITIALIZED, NOT_IMPLEMENTED, IN_USE = 0, -1002, -1003, -1004
ACCESS_DENIED, INVALID_HANDLE, INVALID_ID, NO_DATA = -1005, -1006, -1007, -1008
INVALID_PARAMETER, IO, TIMEOUT, ABORT = -1009, -1010, -1011, -1012
NOT_AVAILABLE, INVALID_ADDRESS, TOO_SMALL, INVALID_INDEX = -1014, -1015, -1016, -1017
INVALID_VALUE, BUSY = -1019, -1022
STREAM_ID = b"bsd-twin-stream-0"
INTERFACE_ID = b"bsd-twin-interface-0"

H, U32, U64, I32, SIZE, PTR, STR = (
    *(c.c_void_p, c.c_uint32, c.c_uint64, c.c_int32, c.c_size_t, c.c_void_p, c.c_char_p),
)
OUT_H, OUT_U32, OUT_SIZE = c.POINTER(H), c.POINTER(U32), c.POINTER(SIZE)
_INFO = [I32, c.POINTER(I32), PTR, OUT_SIZE]
ARGUMENTS: dict[str, list[object]] = {
    "GCInitLib": [],
    "GCCloseLib": [],
    "GCGetInfo": _INFO,
    "GCGetLastError": [c.POINTER(I32), PTR, OUT_SIZE],
    "GCReadPort": [H, U64, PTR, OUT_SIZE],
    "GCWritePort": [H, U64, PTR, OUT_SIZE],
    "GCGetPortInfo": [H, *_INFO],
    "GCGetPortURL": [H, PTR, OUT_SIZE],
    "GCGetNumPortURLs": [H, OUT_U32],
    "GCGetPortURLInfo": [H, U32, *_INFO],
    "GCReadPortStacked": [H, PTR, OUT_SIZE],
    "GCWritePortStacked": [H, PTR, OUT_SIZE],
    "GCRegisterEvent": [H, I32, OUT_H],
    "GCUnregisterEvent": [H, I32],
    "TLOpen": [OUT_H],
    "TLClose": [H],
    "TLGetInfo": [H, *_INFO],
    "TLGetNumInterfaces": [H, OUT_U32],
    "TLGetInterfaceID": [H, U32, PTR, OUT_SIZE],
    "TLGetInterfaceInfo": [H, STR, *_INFO],
    "TLOpenInterface": [H, STR, OUT_H],
    "TLUpdateInterfaceList": [H, PTR, U64],
    "IFClose": [H],
    "IFGetInfo": [H, *_INFO],
    "IFGetNumDevices": [H, OUT_U32],
    "IFGetDeviceID": [H, U32, PTR, OUT_SIZE],
    "IFGetDeviceInfo": [H, STR, *_INFO],
    "IFUpdateDeviceList": [H, PTR, U64],
    "IFOpenDevice": [H, STR, I32, OUT_H],
    "IFGetParentTL": [H, OUT_H],
    "DevClose": [H],
    "DevGetInfo": [H, *_INFO],
    "DevGetPort": [H, OUT_H],
    "DevGetNumDataStreams": [H, OUT_U32],
    "DevGetDataStreamID": [H, U32, PTR, OUT_SIZE],
    "DevOpenDataStream": [H, STR, OUT_H],
    "DevGetParentIF": [H, OUT_H],
    "DSClose": [H],
    "DSGetInfo": [H, *_INFO],
    "DSAnnounceBuffer": [H, PTR, SIZE, PTR, OUT_H],
    "DSAllocAndAnnounceBuffer": [H, SIZE, PTR, OUT_H],
    "DSFlushQueue": [H, I32],
    "DSStartAcquisition": [H, I32, U64],
    "DSStopAcquisition": [H, I32],
    "DSQueueBuffer": [H, H],
    "DSRevokeBuffer": [H, H, OUT_H, OUT_H],
    "DSGetBufferID": [H, U32, OUT_H],
    "DSGetBufferInfo": [H, H, *_INFO],
    "DSGetBufferChunkData": [H, H, PTR, OUT_SIZE],
    "DSGetNumBufferParts": [H, H, OUT_U32],
    "DSGetBufferPartInfo": [H, H, U32, *_INFO],
    "DSGetParentDev": [H, OUT_H],
    "EventGetData": [H, PTR, OUT_SIZE, U64],
    "EventGetDataInfo": [H, PTR, SIZE, *_INFO],
    "EventGetInfo": [H, *_INFO],
    "EventFlush": [H],
    "EventKill": [H],
}
OPTIONAL = {
    *("TLGetInfo", "TLGetInterfaceInfo", "IFGetParentTL", "DevGetParentIF", "DSGetParentDev"),
    *("GCReadPortStacked", "GCWritePortStacked", "GCGetPortURL", "GCUnregisterEvent", "EventKill"),
    *("EventGetDataInfo", "DSAllocAndAnnounceBuffer", "DSGetBufferID", "DSGetBufferChunkData"),
    *("DSGetNumBufferParts", "DSGetBufferPartInfo"),
}
MANDATORY = ARGUMENTS.keys() - OPTIONAL
_DECODE = {  # INFO_DATATYPE: how its bytes read
    5: lambda raw: int.from_bytes(raw, "little", signed=True),
    **dict.fromkeys((6, 8, 10, 11, 12), lambda raw: int.from_bytes(raw, "little")),
}


class GenTLError(Exception):
    """A call that did not succeed."""

    def __init__(self, name: str, code: int, text: str) -> None:
        super().__init__(f"{name}: {code} {text}")
        self.code = code


class Producer:
    """The calls, with failures raised and out parameters returned."""

    def __init__(self, path: Path) -> None:
        self.library = c.CDLL(str(path))
        for name, types in ARGUMENTS.items():
            getattr(self.library, name).argtypes = types

    def code(self, name: str, *arguments: object) -> int:
        """The bare result of a call."""
        return int(getattr(self.library, name)(*arguments))

    def call(self, name: str, *arguments: object) -> None:
        if code := self.code(name, *arguments):
            raise GenTLError(name, code, self.last_error()[1])

    def out(self, name: str, *arguments: object, kind: type = H) -> int:
        """What a call gives through its last parameter."""
        value = kind()
        self.call(name, *arguments, c.byref(value))
        return int(value.value or 0)

    def last_error(self) -> tuple[int, str]:
        code, size, text = I32(), SIZE(1024), c.create_string_buffer(1024)
        self.code("GCGetLastError", c.byref(code), text, c.byref(size))
        return code.value, text.value.decode()

    def info(self, name: str, *arguments: object) -> int | str:
        """The value of an information command, asked for its size first."""
        kind, size = I32(), SIZE(0)
        self.call(name, *arguments, c.byref(kind), None, c.byref(size))
        room = c.create_string_buffer(size.value)
        self.call(name, *arguments, c.byref(kind), room, c.byref(size))
        raw = room.raw[: size.value]
        return raw[:-1].decode() if kind.value == 1 else _DECODE[kind.value](raw)

    def text(self, name: str, *arguments: object) -> str:
        """A string that a call gives without a type."""
        size = SIZE(0)
        self.call(name, *arguments, None, c.byref(size))
        room = c.create_string_buffer(size.value)
        self.call(name, *arguments, room, c.byref(size))
        return room.value.decode()

    def read(self, port: int, address: int, size: int = 4) -> int:
        room, got = c.create_string_buffer(size), SIZE(size)
        self.call("GCReadPort", port, address, room, c.byref(got))
        return int.from_bytes(room.raw[: got.value], "little")

    def write(self, port: int, address: int, value: int) -> None:
        self.call("GCWritePort", port, address, value.to_bytes(4, "little"), c.byref(SIZE(4)))

    def fetch(self, event: int, timeout_ms: int) -> int:
        """The next new buffer."""
        data, size = (c.c_void_p * 2)(), SIZE(16)
        self.call("EventGetData", event, data, c.byref(size), timeout_ms)
        return int(data[0] or 0)


class Bench:
    """A world of two fake cameras and the producer beside its socket, in this process."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / PRODUCER_FILE
        if built := os.environ.get("BSD_SANITIZED_PRODUCER"):
            shutil.copyfile(built, self.path)
        else:
            producer_path(folder)
        self.producer = Producer(self.path)
        # Frames come in until the library is closed, whatever a test has let go of by then.
        self.kept: list[object] = []
        environment = {k: v for k, v in os.environ.items() if k != "LD_PRELOAD"}
        self._world = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("fake_camera.py")), str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**environment, "PYTHONPATH": str(REPOSITORY)},
        )
        assert self._read() == "ready"

    def tell(self, line: str) -> None:
        """Have the world lose or restore a camera."""
        assert self._world.stdin is not None
        self._world.stdin.write(f"{line}\n")
        self._world.stdin.flush()
        assert self._read() == line.split()[0]

    def kill(self) -> None:
        self._world.kill()
        self._world.wait(timeout=10)

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._world.communicate(timeout=10)

    def _read(self) -> str:
        assert self._world.stdout is not None
        return self._world.stdout.readline().strip()

    def open_interface(self) -> int:
        self.producer.call("GCInitLib")
        system = self.producer.out("TLOpen")
        self.producer.call("TLUpdateInterfaceList", system, None, 100)
        interface = self.producer.out("TLOpenInterface", system, INTERFACE_ID)
        self.producer.call("IFUpdateDeviceList", interface, None, 100)
        return interface

    def open_camera(self, interface: int, index: int = 0, access: int = 4) -> Camera:
        identity = f"bsd-twin-{SERIALS[index]}".encode()
        device = self.producer.out("IFOpenDevice", interface, identity, access)
        camera = Camera(self.producer, device)
        self.kept.append(camera.memory)
        return camera


class Camera:
    """An open device with its port, stream and new-buffer event."""

    def __init__(self, producer: Producer, device: int) -> None:
        self.producer = producer
        self.device = device
        self.port = producer.out("DevGetPort", device)
        self.stream = producer.out("DevOpenDataStream", device, STREAM_ID)
        self.event = producer.out("GCRegisterEvent", self.stream, 1)
        self.memory: list[c.Array[c.c_char]] = []

    def announce(self, count: int, size: int = 64 * 48) -> list[int]:
        """Announce and queue buffers."""
        buffers = []
        for index in range(count):
            self.memory.append(c.create_string_buffer(size))
            arguments = (self.stream, self.memory[-1], size, index + 1)
            buffers.append(self.producer.out("DSAnnounceBuffer", *arguments))
            self.producer.call("DSQueueBuffer", self.stream, buffers[-1])
        return buffers

    def start(self, frames: int = INFINITE) -> None:
        self.producer.call("DSStartAcquisition", self.stream, 0, frames)
        self.producer.write(self.port, 0x110, 1)

    def stop(self, flags: int = 0) -> None:
        self.producer.write(self.port, 0x114, 1)
        self.producer.call("DSStopAcquisition", self.stream, flags)

    def frame(self, timeout_ms: int = 2000) -> tuple[int, int, int]:
        """Handle, frame number and bytes of the next buffer."""
        buffer = self.producer.fetch(self.event, timeout_ms)
        about = [self.about(buffer, command) for command in (16, 9)]
        return buffer, int(about[0]), int(about[1])

    def about(self, buffer: int, command: int) -> int | str:
        return self.producer.info("DSGetBufferInfo", self.stream, buffer, command)

    def status(self, command: int) -> int | str:
        return self.producer.info("DSGetInfo", self.stream, command)

    def close(self) -> None:
        self.producer.call("DevClose", self.device)


@contextlib.contextmanager
def bench(folder: Path) -> Iterator[Bench]:
    """A bench that is taken down whatever happens."""
    standing = Bench(folder)
    try:
        yield standing
    finally:
        standing.producer.code("GCCloseLib")
        standing.close()
