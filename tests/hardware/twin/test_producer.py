"""The producer's C interface, call by call: answers, refusals, stale handles, lost cameras."""

from __future__ import annotations

import ctypes as c
import os
import random
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hardware.twin import gentl_calls as g
from tests.hardware.twin.gentl_calls import Bench, GenTLError, Producer

pytestmark = pytest.mark.rig

RATE, LIMIT, INCOMPLETE, PAUSE, GAIN, SILENCE = 0x11C, 0x120, 0x124, 0x128, 0x12C, 0x134
FRAME_BYTES = 64 * 48


@pytest.fixture
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with g.bench(tmp_path_factory.mktemp("t")) as standing:
        yield standing


def refusal(producer: Producer, name: str, *arguments: object) -> int:
    """The code of a call that fails, which the last error has to repeat."""
    code = producer.code(name, *arguments)
    assert code < 0
    assert producer.last_error()[0] == code
    return code


def test_every_symbol_is_there_and_nothing_else(rig: Bench) -> None:
    for name in (*g.MANDATORY, *g.OPTIONAL):
        assert c.cast(getattr(rig.producer.library, name), c.c_void_p).value
    assert len(g.MANDATORY) == 41
    with pytest.raises(AttributeError):
        rig.producer.library.handle_create  # noqa: B018


def test_nothing_works_before_the_library_is_initialised(rig: Bench) -> None:
    producer, handle = rig.producer, g.H()
    assert producer.code("TLOpen", c.byref(handle)) == g.NOT_INITIALIZED
    assert producer.code("GCGetInfo", 0, None, None, c.byref(g.SIZE())) == g.NOT_INITIALIZED
    assert producer.code("GCCloseLib") == g.NOT_INITIALIZED
    assert producer.code("DevClose", 1234) == g.NOT_INITIALIZED
    producer.call("GCInitLib")
    assert refusal(producer, "GCInitLib") == g.IN_USE
    producer.call("TLOpen", c.byref(handle))
    assert refusal(producer, "TLOpen", c.byref(g.H())) == g.IN_USE
    producer.call("GCCloseLib")
    producer.call("GCInitLib")
    assert refusal(producer, "TLClose", handle) == g.INVALID_HANDLE


def test_information_comes_with_type_and_size(rig: Bench) -> None:
    producer, interface = rig.producer, rig.open_interface()
    system = producer.out("IFGetParentTL", interface)
    assert producer.info("TLGetInfo", system, 9) == 1
    assert producer.info("TLGetInfo", system, 10) == 5
    assert Path(str(producer.info("GCGetInfo", 6))) == rig.path
    assert producer.text("TLGetInterfaceID", system, 0) == g.INTERFACE_ID.decode()
    assert producer.info("TLGetInterfaceInfo", system, g.INTERFACE_ID, 0) == "bsd-twin-interface-0"
    assert producer.out("IFGetNumDevices", interface, kind=g.U32) == 2
    names = [producer.text("IFGetDeviceID", interface, i) for i in range(2)]
    assert names == [f"bsd-twin-{serial}" for serial in g.SERIALS]
    told = [producer.info("IFGetDeviceInfo", interface, names[1].encode(), i) for i in range(10)]
    assert told[6:8] == ["", g.SERIALS[1]]  # the name is read from DeviceUserID
    assert told[5] == 1
    assert told[9] == 1_000_000_000
    camera = rig.open_camera(interface)
    for command in (*range(7), *range(8, 14)):
        camera.status(command)
    assert refusal(producer, "DSGetInfo", camera.stream, 7, None, None, c.byref(g.SIZE())) == (
        g.NOT_AVAILABLE
    )
    (buffer,) = camera.announce(1)
    for command in (*range(24), *range(26, 31)):
        if command not in (24, 25):
            camera.about(buffer, command)
    assert camera.about(buffer, 0) == c.addressof(camera.memory[0])
    assert camera.about(buffer, 2) == 1
    assert producer.out("DSGetBufferID", camera.stream, 0) == buffer
    assert [producer.info("EventGetInfo", camera.event, i) for i in range(5)] == [1, 0, 0, 16, 16]


def test_an_unknown_command_gets_an_error_and_writes_nothing(rig: Bench) -> None:
    producer, interface = rig.producer, rig.open_interface()
    camera = rig.open_camera(interface)
    (buffer,) = camera.announce(1)
    calls: list[tuple[object, ...]] = [
        ("GCGetInfo",),
        ("IFGetInfo", interface),
        ("IFGetDeviceInfo", interface, b"bsd-twin-000202"),
        ("DevGetInfo", camera.device),
        ("DSGetInfo", camera.stream),
        ("DSGetBufferInfo", camera.stream, buffer),
        ("EventGetInfo", camera.event),
        ("GCGetPortInfo", camera.port),
        ("GCGetPortURLInfo", camera.port, 0),
    ]
    for name, *arguments in calls:
        room, size = c.create_string_buffer(b"?" * 8), g.SIZE(8)
        code = refusal(producer, str(name), *arguments, 77, None, room, c.byref(size))
        assert code == g.NOT_IMPLEMENTED
        assert (room.raw[:8], size.value) == (b"?" * 8, 8)


def test_a_small_buffer_is_refused_and_told_the_size(rig: Bench) -> None:
    producer, interface = rig.producer, rig.open_interface()
    room, size = c.create_string_buffer(b"?" * 15), g.SIZE(15)
    code = refusal(producer, "IFGetDeviceID", interface, 0, room, c.byref(size))
    assert (code, size.value, room.raw[:15]) == (g.TOO_SMALL, 16, b"?" * 15)
    assert refusal(producer, "IFGetDeviceID", interface, 2, None, c.byref(size)) == g.INVALID_INDEX
    assert refusal(producer, "IFGetDeviceID", interface, 0, room, None) == g.INVALID_PARAMETER
    camera = rig.open_camera(interface)
    assert refusal(producer, "EventGetData", camera.event, room, c.byref(g.SIZE(15)), 0) == (
        g.TOO_SMALL
    )
    last, small = g.I32(), g.SIZE(3)
    assert producer.code("GCGetLastError", c.byref(last), room, c.byref(small)) == g.TOO_SMALL
    assert last.value == g.TOO_SMALL
    assert small.value == len(producer.last_error()[1]) + 1


def test_errors_belong_to_their_thread(rig: Bench) -> None:
    rig.producer.call("GCInitLib")
    assert refusal(rig.producer, "IFClose", 42) == g.INVALID_HANDLE
    seen: list[int] = []
    thread = threading.Thread(target=lambda: seen.append(rig.producer.last_error()[0]))
    thread.start()
    thread.join(timeout=5)
    assert seen == [g.SUCCESS]
    assert rig.producer.last_error()[0] == g.INVALID_HANDLE


def test_ports_have_descriptions_and_registers(rig: Bench) -> None:
    producer, interface = rig.producer, rig.open_interface()
    camera = rig.open_camera(interface)
    system = producer.out("IFGetParentTL", interface)
    ports = (system, interface, camera.device, camera.stream, camera.port)
    names = ["TLPort", "InterfacePort", "DevicePort", "StreamPort", "Device"]
    assert [producer.info("GCGetPortInfo", port, 12) for port in ports] == names
    for port, name in zip(ports, names, strict=True):
        assert producer.out("GCGetNumPortURLs", port, kind=g.U32) == 1
        place, address, size = str(producer.info("GCGetPortURLInfo", port, 0, 0)).split(";")
        assert place.startswith("Local:")
        assert producer.text("GCGetPortURL", port) == f"{place};{address};{size}"
        xml = producer.read(port, int(address, 16), int(size, 16))
        text = xml.to_bytes(int(size, 16), "little").decode()
        assert f'<Port Name="{name}"' in text
        assert text.rstrip().endswith("</RegisterDescription>")
    producer.write(camera.port, GAIN, 7)
    assert producer.read(camera.port, GAIN) == 7
    four = c.byref(g.SIZE(4))
    assert refusal(producer, "GCWritePort", camera.port, GAIN, b"\x65\0\0\0", four) == (
        g.INVALID_VALUE
    )
    assert "gain 101" in producer.last_error()[1]
    assert refusal(producer, "GCReadPort", camera.port, 0x9999, b"1234", four) == g.INVALID_ADDRESS
    assert refusal(producer, "GCWritePort", interface, 0, b"1234", four) == g.ACCESS_DENIED
    entries = (c.c_uint64 * 6)(0x100, 0, 4, 0x9999, 0, 4)
    values = (c.c_uint32 * 2)()
    entries[1], entries[4] = c.addressof(values), c.addressof(values) + 4
    count = g.SIZE(2)
    code = refusal(producer, "GCReadPortStacked", camera.port, entries, c.byref(count))
    assert (code, count.value, values[0]) == (g.INVALID_ADDRESS, 1, 64)


def test_wrong_handles_are_found_out(rig: Bench) -> None:
    producer, interface = rig.producer, rig.open_interface()
    camera = rig.open_camera(interface)
    (buffer,) = camera.announce(1)
    system = producer.out("IFGetParentTL", interface)
    living = [system, interface, camera.device, camera.port, camera.stream, camera.event, buffer]
    draw = random.Random(4)  # noqa: S311
    foreign = [0, 1, 2**64 - 1, c.addressof(camera.memory[0]), *(h ^ 1 << 24 for h in living)]
    foreign += [draw.getrandbits(64) for _ in range(200)]
    for handle in foreign:
        for name in ("TLClose", "IFClose", "DevClose", "DSClose", "EventFlush", "EventKill"):
            assert producer.code(name, handle) == g.INVALID_HANDLE
        assert producer.code("GCGetNumPortURLs", handle, g.U32()) == g.INVALID_HANDLE
        assert producer.code("DSQueueBuffer", camera.stream, handle) == g.INVALID_HANDLE
    for handle in (system, interface, camera.device, camera.event, buffer):
        assert refusal(producer, "DSClose", handle) == g.INVALID_HANDLE
    other = rig.open_camera(interface, 1)
    assert refusal(producer, "DSQueueBuffer", other.stream, buffer) == g.INVALID_HANDLE


def test_closing_a_parent_closes_its_children(rig: Bench) -> None:
    producer, interface = rig.producer, rig.open_interface()
    camera = rig.open_camera(interface)
    buffers = camera.announce(3)
    camera.start()
    camera.frame()
    system = producer.out("IFGetParentTL", interface)
    producer.call("TLClose", system)
    stale = {"TLClose": system, "IFClose": interface, "DevClose": camera.device}
    stale |= {"DSClose": camera.stream, "EventFlush": camera.event, "EventKill": camera.event}
    for name, handle in stale.items():
        assert refusal(producer, name, handle) == g.INVALID_HANDLE
    size = c.byref(g.SIZE())
    for buffer in buffers:
        arguments = (camera.stream, buffer, 0, None, None, size)
        assert refusal(producer, "DSGetBufferInfo", *arguments) == g.INVALID_HANDLE
    assert refusal(producer, "GCReadPort", camera.port, 0x100, b"1234", size) == g.INVALID_HANDLE
    assert producer.out("TLOpen") not in (0, system)


def test_a_camera_is_exclusive(rig: Bench, tmp_path: Path) -> None:
    interface = rig.open_interface()
    camera = rig.open_camera(interface)
    with pytest.raises(GenTLError) as raised:
        rig.open_camera(interface)
    assert raised.value.code == g.IN_USE
    with pytest.raises(GenTLError) as raised:
        rig.producer.out("IFOpenDevice", interface, b"nobody", 4)
    assert raised.value.code == g.INVALID_ID
    link = tmp_path / "second.cti"
    link.write_bytes(rig.path.read_bytes())
    (tmp_path / "world.sock").symlink_to(rig.path.with_name("world.sock"))
    other = Producer(link)  # as another process has it: a library of its own
    other.call("GCInitLib")
    system = other.out("TLOpen")
    elsewhere = other.out("TLOpenInterface", system, g.INTERFACE_ID)
    other.call("IFUpdateDeviceList", elsewhere, None, 0)
    name = f"bsd-twin-{g.SERIALS[0]}".encode()
    assert other.info("IFGetDeviceInfo", elsewhere, name, 5) == 4
    assert refusal(other, "IFOpenDevice", elsewhere, name, 4, c.byref(g.H())) == g.ACCESS_DENIED
    camera.close()
    assert other.info("IFGetDeviceInfo", elsewhere, name, 5) == 1
    taken = other.out("IFOpenDevice", elsewhere, name, 2)
    port, size = other.out("DevGetPort", taken), c.byref(g.SIZE(4))
    assert other.info("DevGetInfo", taken, 5) == 6
    assert refusal(other, "GCWritePort", port, GAIN, b"1234", size) == g.ACCESS_DENIED
    other.call("GCCloseLib")


def test_frames_arrive_whole_and_in_order(rig: Bench) -> None:
    camera = rig.open_camera(rig.open_interface())
    camera.announce(4)
    camera.start()
    last_ns = 0
    for number in range(30):
        buffer, frame, filled = camera.frame()
        assert (frame, filled) == (number, FRAME_BYTES)
        index = int(camera.about(buffer, 2)) - 1
        raw = camera.memory[index].raw
        assert int.from_bytes(raw[:8], "little") == number
        assert raw[8:FRAME_BYTES] == bytes([number]) * (FRAME_BYTES - 8)
        told = [camera.about(buffer, i) for i in (4, 5, 7, 10, 11, 19, 20, 21, 29)]
        assert told == [1, 0, 0, 64, 48, 1, 0x01080001, 4, 0]
        time_ns = int(camera.about(buffer, 28))
        assert not last_ns or time_ns - last_ns == 5_000_000
        last_ns = time_ns
        rig.producer.call("DSQueueBuffer", camera.stream, buffer)
    assert (camera.status(1), camera.status(2)) >= (30, 0)
    camera.stop()
    assert camera.status(8) == 0
    assert refusal(rig.producer, "DSStopAcquisition", camera.stream, 0) == g.IN_USE


def test_frames_without_a_buffer_are_counted(rig: Bench) -> None:
    camera = rig.open_camera(rig.open_interface())
    camera.announce(2)
    rig.producer.write(camera.port, LIMIT, 10)
    camera.start()
    until = time.monotonic() + 5
    while camera.status(2) != 8 and time.monotonic() < until:
        time.sleep(0.01)
    assert [camera.status(i) for i in (1, 2, 4, 5, 6)] == [2, 8, 0, 2, 10]
    assert [camera.frame()[1] for _ in range(2)] == [0, 1]
    assert refusal(rig.producer, "EventGetData", camera.event, b"1" * 16, g.SIZE(16), 20) == (
        g.TIMEOUT
    )


def test_an_acquisition_ends_after_its_frames(rig: Bench) -> None:
    camera = rig.open_camera(rig.open_interface())
    camera.announce(6)
    camera.start(frames=3)
    assert [camera.frame()[1] for _ in range(3)] == [0, 1, 2]
    with pytest.raises(GenTLError):
        camera.frame(timeout_ms=50)
    assert [camera.status(i) for i in (1, 2, 4)] == [3, 0, 3]


def test_incomplete_and_oversized_frames_say_so(rig: Bench) -> None:
    camera = rig.open_camera(rig.open_interface())
    camera.announce(1)
    camera.announce(1, size=100)
    rig.producer.write(camera.port, INCOMPLETE, 3)
    camera.start()
    told = []
    for _ in range(4):
        buffer, number, filled = camera.frame()
        told.append((number, filled, camera.about(buffer, 7), camera.about(buffer, 29)))
        rig.producer.call("DSQueueBuffer", camera.stream, buffer)
    whole, half = FRAME_BYTES, FRAME_BYTES // 2
    assert [row[0] for row in told] == [0, 1, 2, 3]
    for number, filled, incomplete, larger in told:
        if larger:
            assert (filled, incomplete) == (100, 1)
        else:
            assert (filled, incomplete) == ((half, 1) if number % 3 == 2 else (whole, 0))
    assert {bool(row[3]) for row in told} == {False, True}


def test_queues_are_flushed_as_the_standard_says(rig: Bench) -> None:
    producer, camera = rig.producer, rig.open_camera(rig.open_interface())
    buffers = camera.announce(3)

    def counts() -> tuple[object, object]:
        return camera.status(4), camera.status(5)

    assert counts() == (3, 0)
    assert refusal(producer, "DSQueueBuffer", camera.stream, buffers[0]) == g.BUSY
    assert refusal(producer, "DSRevokeBuffer", camera.stream, buffers[0], None, None) == g.BUSY
    producer.call("DSFlushQueue", camera.stream, 0)
    assert counts() == (0, 3)
    assert [producer.fetch(camera.event, 0) for _ in range(2)] == buffers[:2]
    producer.call("DSFlushQueue", camera.stream, 3)
    assert counts() == (2, 1)
    producer.call("DSFlushQueue", camera.stream, 2)
    assert counts() == (3, 0)
    producer.call("DSFlushQueue", camera.stream, 0)
    producer.call("EventFlush", camera.event)
    assert counts() == (0, 0)
    assert refusal(producer, "DSFlushQueue", camera.stream, 9) == g.INVALID_PARAMETER
    base, user = g.H(), g.H()
    producer.call("DSRevokeBuffer", camera.stream, buffers[1], c.byref(base), c.byref(user))
    assert (base.value, user.value) == (c.addressof(camera.memory[1]), 2)
    assert camera.status(3) == 2
    again = refusal(producer, "DSRevokeBuffer", camera.stream, buffers[1], None, None)
    assert again == g.INVALID_HANDLE
    own = producer.out("DSAllocAndAnnounceBuffer", camera.stream, 5000, None)
    producer.call("DSQueueBuffer", camera.stream, own)
    assert counts() == (1, 0)
    twice = (camera.stream, camera.memory[0], 10, None, c.byref(g.H()))
    assert refusal(producer, "DSAnnounceBuffer", *twice) == g.IN_USE
    empty = (camera.stream, None, 10, None, c.byref(g.H()))
    assert refusal(producer, "DSAnnounceBuffer", *empty) == g.INVALID_PARAMETER


@pytest.mark.parametrize("timeout_ms", [0, 1, 50, 200])
def test_a_wait_lasts_as_long_as_asked(rig: Bench, timeout_ms: int) -> None:
    camera = rig.open_camera(rig.open_interface())
    data, size = c.create_string_buffer(16), g.SIZE(16)
    waited_ms = []
    for _ in range(4):  # a machine may be late now and then, and never early
        begin = time.monotonic()
        code = refusal(rig.producer, "EventGetData", camera.event, data, size, timeout_ms)
        waited_ms.append((time.monotonic() - begin) * 1000)
        assert code == g.TIMEOUT
    assert timeout_ms <= min(waited_ms) < timeout_ms + 100


def waiter(rig: Bench, event: int) -> tuple[threading.Thread, list[int]]:
    """A thread that waits without end for a frame, and what it gets."""
    got: list[int] = []
    entered = threading.Event()

    def wait() -> None:
        data, size = c.create_string_buffer(16), g.SIZE(16)
        entered.set()
        got.append(rig.producer.code("EventGetData", event, data, size, g.INFINITE))

    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    assert entered.wait(timeout=5)
    time.sleep(0.02)  # into the call itself; the answer is the same where it comes later
    return thread, got


def test_a_wait_is_ended_by_kill_by_unregistering_and_by_closing(rig: Bench) -> None:
    producer, camera = rig.producer, rig.open_camera(rig.open_interface())
    thread, got = waiter(rig, camera.event)
    producer.call("EventKill", camera.event)
    thread.join(timeout=5)
    assert got == [g.ABORT]
    producer.call("EventKill", camera.event)  # the next wait, where none is under way
    assert refusal(producer, "EventGetData", camera.event, b"1" * 16, g.SIZE(16), 0) == g.ABORT
    assert refusal(producer, "EventGetData", camera.event, b"1" * 16, g.SIZE(16), 0) == g.TIMEOUT
    thread, got = waiter(rig, camera.event)
    producer.call("GCUnregisterEvent", camera.stream, 1)
    thread.join(timeout=5)
    assert got[0] in (g.ABORT, g.INVALID_HANDLE)
    unregistered = refusal(producer, "GCUnregisterEvent", camera.stream, 1)
    assert unregistered == g.INVALID_PARAMETER
    event = producer.out("GCRegisterEvent", camera.stream, 1)
    assert refusal(producer, "GCRegisterEvent", camera.stream, 1, g.H()) == g.IN_USE
    for kind in (0, 2, 3, 4, 5):
        assert refusal(producer, "GCRegisterEvent", camera.device, kind, g.H()) == g.NOT_IMPLEMENTED
    thread, got = waiter(rig, event)
    camera.close()
    thread.join(timeout=5)
    assert got[0] in (g.ABORT, g.INVALID_HANDLE)


@pytest.mark.parametrize("flags", [0, 1])
def test_stop_waits_for_the_frame_under_way(rig: Bench, flags: int) -> None:
    camera = rig.open_camera(rig.open_interface())
    (buffer,) = camera.announce(1)
    rig.producer.write(camera.port, PAUSE, 150)
    camera.start()
    until = time.monotonic() + 5
    while not camera.about(buffer, 6) and time.monotonic() < until:
        time.sleep(0.001)
    rig.producer.call("DSStopAcquisition", camera.stream, flags)
    assert camera.about(buffer, 6) == 0
    assert camera.frame(timeout_ms=0)[2] == FRAME_BYTES
    before = camera.memory[0].raw
    time.sleep(0.2)
    assert camera.memory[0].raw == before


def test_stop_cuts_off_a_frame_that_does_not_come(rig: Bench) -> None:
    camera = rig.open_camera(rig.open_interface())
    (buffer,) = camera.announce(1)
    rig.producer.write(camera.port, PAUSE, 1500)
    camera.start()
    until = time.monotonic() + 5
    while not camera.about(buffer, 6) and time.monotonic() < until:
        time.sleep(0.001)
    begin = time.monotonic()
    rig.producer.call("DSStopAcquisition", camera.stream, 1)
    assert 0.2 <= time.monotonic() - begin < 0.6
    assert (camera.status(4), camera.status(5)) == (1, 0)  # the buffer waits again
    rig.producer.call("DSFlushQueue", camera.stream, 4)
    rig.producer.call("DSRevokeBuffer", camera.stream, buffer, None, None)


def test_a_lost_camera_and_its_return(rig: Bench) -> None:
    producer, interface = rig.producer, rig.open_interface()
    camera = rig.open_camera(interface)
    camera.announce(3)
    camera.start()
    for _ in range(3):
        camera.frame()
    thread, got = waiter(rig, camera.event)
    rig.tell("lose 0")
    thread.join(timeout=5)
    assert got == [g.IO]
    name, size = f"bsd-twin-{g.SERIALS[0]}".encode(), c.byref(g.SIZE(4))
    assert producer.info("DevGetInfo", camera.device, 5) == 3
    assert producer.info("IFGetDeviceInfo", interface, name, 5) == 3
    assert refusal(producer, "GCReadPort", camera.port, GAIN, b"1234", size) == g.IO
    assert refusal(producer, "GCWritePort", camera.port, GAIN, b"1234", size) == g.IO
    assert refusal(producer, "EventGetData", camera.event, b"1" * 16, g.SIZE(16), 20) == g.TIMEOUT
    producer.call("DSStopAcquisition", camera.stream, 0)
    assert refusal(producer, "DSStartAcquisition", camera.stream, 0, 1) in (g.IO, g.NOT_AVAILABLE)
    changed = c.c_uint8()
    producer.call("IFUpdateDeviceList", interface, c.byref(changed), 0)
    assert (changed.value, producer.out("IFGetNumDevices", interface, kind=g.U32)) == (1, 1)
    other = rig.open_camera(interface, 1)
    other.announce(2)
    other.start()
    assert other.frame()[1] == 0
    camera.close()
    assert refusal(producer, "IFOpenDevice", interface, name, 4, g.H()) == g.INVALID_ID
    rig.tell("restore 0")
    producer.call("IFUpdateDeviceList", interface, c.byref(changed), 0)
    assert (changed.value, producer.out("IFGetNumDevices", interface, kind=g.U32)) == (1, 2)
    camera = rig.open_camera(interface)
    camera.announce(2)
    camera.start()
    assert [camera.frame()[1] for _ in range(2)] == [0, 1]


def test_a_camera_that_is_silent_for_a_while_is_not_lost(rig: Bench) -> None:
    producer, camera = rig.producer, rig.open_camera(rig.open_interface())
    producer.write(camera.port, GAIN, 9)
    producer.write(camera.port, SILENCE, 4500)
    begin = time.monotonic()
    code = refusal(producer, "GCReadPort", camera.port, 0x100, b"1234", g.SIZE(4))
    assert code == g.TIMEOUT
    assert 3.0 <= time.monotonic() - begin < 3.2
    assert producer.info("DevGetInfo", camera.device, 5) == 5
    assert producer.read(camera.port, GAIN) == 9  # and not the late answer, a width of 64


def test_a_dead_world_is_an_empty_interface(rig: Bench) -> None:
    producer, interface = rig.producer, rig.open_interface()
    camera = rig.open_camera(interface)
    camera.announce(2)
    camera.start()
    camera.frame()
    rig.kill()
    until = time.monotonic() + 5
    while producer.info("DevGetInfo", camera.device, 5) != 3 and time.monotonic() < until:
        time.sleep(0.01)
    assert refusal(producer, "GCReadPort", camera.port, GAIN, b"1234", g.SIZE(4)) == g.IO
    producer.call("DSStopAcquisition", camera.stream, 0)
    producer.call("IFUpdateDeviceList", interface, None, 0)
    assert producer.out("IFGetNumDevices", interface, kind=g.U32) == 0
    camera.close()


def resident_pages() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1])


def test_opening_again_and_again_leaves_nothing_behind(rig: Bench) -> None:
    counts = []
    for cycle in range(200):
        interface = rig.open_interface()
        camera = rig.open_camera(interface, cycle % 2)
        camera.announce(4)
        camera.start()
        if cycle % 10 == 0:
            assert camera.frame()[1] == 0
            camera.stop()
        if cycle % 3 == 0:
            camera.close()
        rig.producer.call("GCCloseLib")
        camera.memory.clear()
        if cycle in (49, 199):
            counts.append((len(list(Path("/proc/self/fd").iterdir())), resident_pages()))
    assert counts[1][0] == counts[0][0]
    if "BSD_SANITIZED_PRODUCER" not in os.environ:  # which keeps freed memory for a while
        assert counts[1][1] - counts[0][1] < 64  # pages of 4 KiB in 150 cycles


class Disturber(threading.Thread):
    """Calls at random into a camera that others close and open meanwhile."""

    def __init__(self, rig: Bench, cameras: list[g.Camera], seed: int) -> None:
        super().__init__(daemon=True)
        self.ending = threading.Event()
        self.codes: set[int] = set()
        self._producer, self._cameras = rig.producer, cameras
        self._draw = random.Random(seed)  # noqa: S311
        self._room = c.create_string_buffer(64)

    def run(self) -> None:
        while not self.ending.is_set():
            name, *arguments = self._choose(self._cameras[-1])
            self.codes.add(self._producer.code(str(name), *arguments))
            time.sleep(0.0002)

    def _choose(self, camera: g.Camera) -> tuple[object, ...]:
        calls: list[tuple[object, ...]] = [
            ("EventGetData", camera.event, self._room, g.SIZE(16), 1),
            ("DSFlushQueue", camera.stream, self._draw.randrange(5)),
            ("DSStartAcquisition", camera.stream, 0, g.INFINITE),
            ("DSStopAcquisition", camera.stream, 1),
            ("GCReadPort", camera.port, GAIN, self._room, g.SIZE(4)),
            ("DSGetInfo", camera.stream, 1, None, self._room, g.SIZE(8)),
            ("DSClose", camera.stream),
        ]
        return calls[self._draw.randrange(7 if self._draw.random() < 0.01 else 6)]


def test_threads_may_close_what_others_use(rig: Bench) -> None:
    producer, interface = rig.producer, rig.open_interface()
    cameras = [rig.open_camera(interface)]
    disturbers = [Disturber(rig, cameras, seed) for seed in range(6)]
    for thread in disturbers:
        thread.start()
    memory = [c.create_string_buffer(FRAME_BYTES) for _ in range(3)]
    rig.kept.append(memory)
    for _ in range(25):
        camera = cameras[-1]
        for base in memory:
            arguments = (camera.stream, base, FRAME_BYTES, None, c.byref(g.H()))
            assert producer.code("DSAnnounceBuffer", *arguments) in (g.SUCCESS, g.INVALID_HANDLE)
        producer.code("GCWritePort", camera.port, 0x110, b"\1\0\0\0", g.SIZE(4))
        time.sleep(0.02)
        camera.close()
        cameras.append(rig.open_camera(interface))
    for thread in disturbers:
        thread.ending.set()
        thread.join(timeout=10)
        assert not thread.is_alive()
    seen = set().union(*(thread.codes for thread in disturbers))
    usual = {g.SUCCESS, g.INVALID_HANDLE, g.TIMEOUT, g.ABORT, g.IN_USE, g.NOT_AVAILABLE}
    assert {g.SUCCESS, g.INVALID_HANDLE} <= seen <= usual


def together(rig: Bench, late_us: int, *calls: tuple[object, ...]) -> list[int]:
    """The codes of two calls that begin at once, the second one `late_us` later."""
    codes = [1, 1]
    begin = threading.Barrier(2)

    def run(place: int) -> None:
        name, *arguments = calls[place]
        begin.wait(timeout=5)
        if place and late_us:
            time.sleep(late_us / 1e6)
        codes[place] = rig.producer.code(str(name), *arguments)

    threads = [threading.Thread(target=run, args=(place,), daemon=True) for place in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=5)
        assert not thread.is_alive(), f"{calls} hang, {codes}"
    return codes


@pytest.mark.parametrize(("level", "cycles"), [("interface", 300), ("device", 100)])
def test_a_module_may_be_closed_while_its_child_opens(rig: Bench, level: str, cycles: int) -> None:
    producer, name = rig.producer, f"bsd-twin-{g.SERIALS[0]}".encode()
    seen = set()
    for cycle in range(cycles):
        child = c.byref(g.H())
        if level == "interface":
            producer.call("GCInitLib")
            parent = producer.out("TLOpen")
            opening: tuple[object, ...] = ("TLOpenInterface", parent, g.INTERFACE_ID, child)
            opened, closed = together(rig, 0, opening, ("TLClose", parent))
        else:
            parent = rig.open_interface()
            opening = ("IFOpenDevice", parent, name, 4, child)
            opened, closed = together(rig, cycle % 20 * 50, opening, ("IFClose", parent))
        seen.add(opened)
        assert closed == g.SUCCESS
        producer.call("GCCloseLib")
    assert seen <= {g.SUCCESS, g.INVALID_HANDLE}


def test_a_device_may_be_closed_while_its_stream_opens(rig: Bench) -> None:
    producer, interface = rig.producer, rig.open_interface()
    name = f"bsd-twin-{g.SERIALS[0]}".encode()
    for _ in range(300):
        device = producer.out("IFOpenDevice", interface, name, 4)
        opening = ("DevOpenDataStream", device, g.STREAM_ID, c.byref(g.H()))
        opened, closed = together(rig, 0, opening, ("DevClose", device))
        assert (opened in (g.SUCCESS, g.INVALID_HANDLE), closed) == (True, g.SUCCESS)
