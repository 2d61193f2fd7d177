"""Two tiny cameras in a process of their own, told what to do over standard input.

`python fake_camera.py FOLDER` serves them at FOLDER/world.sock. A line such as ``lose 0`` unplugs
the first camera; each line is answered by one.
"""

from __future__ import annotations

import struct
import sys
import threading
import time
from pathlib import Path

import numpy as np

from hardware.twin.device import InvalidAddress, InvalidValue
from hardware.twin.frame import FrameHeader, FrameSink
from hardware.twin.wire import Server

MONO8 = 0x01080001
START, STOP, PAYLOAD = 0x110, 0x114, 0x10C
REGISTERS = {  # name: (address, first value, access)
    "Width": (0x100, 64, "RW"),
    "Height": (0x104, 48, "RW"),
    "PixelFormatReg": (0x108, MONO8, "RO"),
    "PayloadSize": (PAYLOAD, 64 * 48, "RO"),
    "AcquisitionStartReg": (START, 0, "WO"),
    "AcquisitionStopReg": (STOP, 0, "WO"),
    "TLParamsLocked": (0x118, 0, "RW"),
    "RateHz": (0x11C, 200, "RW"),
    "FrameLimit": (0x120, 0, "RW"),  # 0: no end
    "IncompleteEvery": (0x124, 0, "RW"),
    "PauseInFrameMs": (0x128, 0, "RW"),
    "Gain": (0x12C, 0, "RW"),  # 0 to 100
    "CrashAtFrame": (0x130, 0, "RW"),
    "SilenceMs": (0x134, 0, "RW"),  # before the answer to the next reading
}
ADDRESSES = {address: name for name, (address, _, _) in REGISTERS.items()}

_HEAD = """<?xml version="1.0" encoding="utf-8"?>
<RegisterDescription ModelName="Fake" VendorName="BSD" ToolTip="" StandardNameSpace="None"
 SchemaMajorVersion="1" SchemaMinorVersion="1" SchemaSubMinorVersion="0" MajorVersion="1"
 MinorVersion="0" SubMinorVersion="0" ProductGuid="2b8e7f3a-5a3d-4c6b-8f0e-9d1c2b3a4f51"
 VersionGuid="7c9d1e2f-3b4a-4d5c-9e8f-0a1b2c3d4e61"
 xmlns="http://www.genicam.org/GenApi/Version_1_1">
<Category Name="Root" NameSpace="Standard">{features}</Category>
"""
_REGISTER = """<IntReg Name="{name}" NameSpace="Standard"><Address>0x{address:X}</Address>
<Length>4</Length><AccessMode>{access}</AccessMode><pPort>Device</pPort>
<Cachable>NoCache</Cachable><Sign>Unsigned</Sign><Endianess>LittleEndian</Endianess></IntReg>
"""
_COMMAND = """<Command Name="{name}" NameSpace="Standard"><pValue>{name}Reg</pValue>
<CommandValue>1</CommandValue></Command>
"""
_TAIL = """<Enumeration Name="PixelFormat" NameSpace="Standard">
<EnumEntry Name="Mono8" NameSpace="Standard"><Value>17301505</Value></EnumEntry>
<pValue>PixelFormatReg</pValue></Enumeration>
<Port Name="Device" NameSpace="Standard"/>
</RegisterDescription>
"""


def description() -> bytes:
    names = [name for name in REGISTERS if not name.endswith("Reg")]
    names += ["PixelFormat", "AcquisitionStart", "AcquisitionStop"]
    parts = [_HEAD.format(features="".join(f"<pFeature>{name}</pFeature>" for name in names))]
    for name, (address, _, access) in REGISTERS.items():
        parts.append(_REGISTER.format(name=name, address=address, access=access))
    parts += [_COMMAND.format(name=f"Acquisition{verb}") for verb in ("Start", "Stop")]
    return "".join([*parts, _TAIL]).encode()


class FakeCamera:
    """Frames of Mono8 whose first eight bytes are the frame's number, the rest its low byte."""

    model = "Fake"

    def __init__(self, serial: str) -> None:
        self.serial = serial
        self.values = {address: value for address, value, _ in REGISTERS.values()}
        self._sink: FrameSink | None = None
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def xml(self) -> bytes:
        return description()

    def open(self, _access: int) -> None:
        self.values.update({address: value for address, value, _ in REGISTERS.values()})

    def close(self) -> None:
        self._halt()

    def read(self, address: int, length: int) -> bytes:
        if address not in self.values or length != 4:
            raise InvalidAddress(f"no register of {length} bytes at 0x{address:x}")
        silence_ms, self.values[0x134] = self.values[0x134], 0
        time.sleep(silence_ms / 1000)
        return struct.pack("<I", self.values[address])

    def write(self, address: int, data: bytes) -> None:
        if address not in self.values or len(data) != 4:
            raise InvalidAddress(f"no register of {len(data)} bytes at 0x{address:x}")
        value = int.from_bytes(data, "little")
        if ADDRESSES[address] == "Gain" and value > 100:
            raise InvalidValue(f"gain {value}: at most 100")
        self.values[address] = value
        if ADDRESSES[address] in ("Width", "Height"):
            self.values[PAYLOAD] = self.value("Width") * self.value("Height")
        if address == START and self._sink:
            self._halt()
            self._stop.clear()
            self._thread = threading.Thread(target=self._run, args=(self._sink,))
            self._thread.start()
        if address == STOP:
            self._halt()

    def start_stream(self, sink: FrameSink) -> None:
        self._sink = sink

    def stop_stream(self) -> None:
        self._stop.set()
        self._sink = None

    def value(self, name: str) -> int:
        return self.values[REGISTERS[name][0]]

    def _halt(self) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _run(self, sink: FrameSink) -> None:
        pixels = np.zeros((self.value("Height"), self.value("Width")), np.uint8)
        period_ns = 1_000_000_000 // max(1, self.value("RateHz"))
        begin_ns = time.monotonic_ns()
        number = 0
        while not self._stop.is_set():
            wait_ns = begin_ns + number * period_ns - time.monotonic_ns()
            if wait_ns > 0 and self._stop.wait(wait_ns / 1e9):
                return
            pixels[:] = number % 256
            pixels.reshape(-1)[:8] = np.frombuffer(struct.pack("<Q", number), np.uint8)
            if not self._send(sink, number, begin_ns + number * period_ns, pixels):
                return
            number += 1
            if number == self.value("FrameLimit"):
                return

    def _send(self, sink: FrameSink, number: int, time_ns: int, pixels: np.ndarray) -> bool:
        every, pause_ms = self.value("IncompleteEvery"), self.value("PauseInFrameMs")
        if number and number == self.value("CrashAtFrame"):
            return sink.crash()
        short = every and number % every == every - 1
        header = FrameHeader(
            frame_id=number,
            timestamp_ns=time_ns,
            width=pixels.shape[1],
            height=pixels.shape[0],
            pixel_format=MONO8,
            payload_size=pixels.nbytes,
            filled=pixels.nbytes // 2 if short else pixels.nbytes,
        )
        if not pause_ms:
            return sink.send(header, pixels)
        return self._send_in_halves(sink, header.pack() + pixels.tobytes(), pause_ms)

    def _send_in_halves(self, sink: FrameSink, whole: bytes, pause_ms: int) -> bool:
        half = len(whole) // 2
        with sink.hold():
            try:
                sink._connection.sendall(whole[:half])
                time.sleep(pause_ms / 1000)
                sink._connection.sendall(whole[half:])
            except OSError:
                return False
        return True


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main(folder: Path) -> None:
    cameras = [FakeCamera("000101"), FakeCamera("000202")]
    with Server(folder / "world.sock", cameras) as server:
        say("ready")
        for line in sys.stdin:
            verb, _, index = line.strip().partition(" ")
            if verb == "lose":
                server.lose(cameras[int(index)])
            elif verb == "restore":
                server.restore(cameras[int(index)])
            say(verb)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
