"""Finding the port: by USB numbers, by who answers, and what is said where none will do."""

import errno
import os
import pty
import tty
from collections.abc import Callable, Iterator
from contextlib import suppress
from types import SimpleNamespace

import pytest
import serial
from serial.tools import list_ports

from acquisition.trigger import port as trigger_port
from acquisition.trigger.controller import Transport, TriggerController, TriggerLost
from acquisition.trigger.port import SerialTransport, find_ports, open_port, reopen_port
from bsd.errors import EnvironmentFault, UserMistake
from tests.acquisition.conftest import Server

pytestmark = pytest.mark.unit


@pytest.fixture
def terminal() -> Iterator[tuple[int, str]]:
    near, far = pty.openpty()
    tty.setraw(far)
    place = os.fstat(near)
    yield near, os.ttyname(far)
    os.close(far)
    with suppress(OSError):  # the test has unplugged it; the number may be another file's by now
        if os.path.samestat(os.fstat(near), place):
            os.close(near)


def usb(path: str, vid: int | None, pid: int | None) -> SimpleNamespace:
    return SimpleNamespace(device=path, vid=vid, pid=pid, serial_number="1", product="x")


def test_boards_are_known_by_their_usb_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    listed = [
        usb("/dev/ttyUSB3", 0x10C4, 0xEA60),
        usb("/dev/ttyACM0", 0x2341, 0x0043),
        usb("/dev/ttyACM1", 0x2A03, 0x0001),
        usb("/dev/ttyUSB0", 0x1A86, 0x7523),
        usb("/dev/ttyUSB1", 0x0403, 0x6001),
        usb("/dev/ttyUSB2", 0x0403, 0x6010),  # a camera's cable, say
        usb("/dev/ttyS0", None, None),
        usb("/dev/ttyACM9", 0x1199, 0x9079),  # a modem
    ]
    monkeypatch.setattr(list_ports, "comports", lambda: listed)
    assert [port.path for port in find_ports()] == [
        "/dev/ttyACM0",
        "/dev/ttyACM1",
        "/dev/ttyUSB0",
        "/dev/ttyUSB1",
        "/dev/ttyUSB3",
    ]


def test_the_only_one_that_answers_is_taken(
    serve: Callable[..., Server], terminal: tuple[int, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trigger_port, "OPEN_TIMEOUT_S", 0.5)
    server = serve()
    transport = open_port(candidates=[terminal[1], server.path, "/dev/absent"])
    with TriggerController(transport) as controller:
        assert controller.port == server.path
        assert controller.identity.name == "left"


def test_two_controllers_are_left_to_the_user(serve: Callable[..., Server]) -> None:
    paths = [serve().path, serve().path]
    with pytest.raises(UserMistake, match=r"2 trigger controllers: .*left.*name the port"):
        open_port(candidates=paths)
    open_port(paths[0]).close()  # neither is held


def test_a_name_decides(serve: Callable[..., Server]) -> None:
    path = serve().path
    open_port(name="left", candidates=[path]).close()
    with pytest.raises(EnvironmentFault, match=f"named 'right' found; {path} is 'left'"):
        open_port(path, "right")


def test_nobody_is_said_with_the_reasons() -> None:
    with pytest.raises(EnvironmentFault, match=r"no trigger controller found; /dev/absent: no"):
        open_port(candidates=["/dev/absent"])


@pytest.mark.parametrize(
    ("number", "hint"),
    [(errno.EACCES, "dialout"), (errno.EBUSY, "ModemManager"), (errno.ENOENT, "no such port")],
)
def test_a_port_that_cannot_be_opened_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, number: int, hint: str
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise serial.SerialException(number, "could not open port")

    monkeypatch.setattr(serial, "Serial", refuse)
    with pytest.raises(EnvironmentFault, match=f"^/dev/ttyACM0: .*{hint}"):
        open_port("/dev/ttyACM0")


def test_a_port_that_another_has_is_busy(terminal: tuple[int, str]) -> None:
    first = SerialTransport(terminal[1])
    with pytest.raises(EnvironmentFault, match="in use by another program"):
        SerialTransport(terminal[1])
    first.close()
    SerialTransport(terminal[1]).close()


def test_a_file_is_no_port() -> None:
    with pytest.raises(EnvironmentFault, match="is not a serial port"):
        SerialTransport("/dev/null")


def test_bytes_come_as_soon_as_there_are_any(terminal: tuple[int, str]) -> None:
    near, path = terminal
    transport = SerialTransport(path)
    assert transport.read(0.0) == b""
    os.write(near, b"EVT BOOT")
    assert transport.read(30.0) == b"EVT BOOT"
    transport.write(b"0:ID?\n")
    assert os.read(near, 100) == b"0:ID?\n"
    transport.close()
    transport.close()


def test_a_port_that_goes_away_is_named(terminal: tuple[int, str]) -> None:
    near, path = terminal
    transport = SerialTransport(path)
    os.close(near)
    with pytest.raises(TriggerLost, match=f"^{path}: the port is gone"):
        transport.read(1.0)
    with pytest.raises(TriggerLost, match=f"^{path}: the port is gone"):
        transport.write(b"x")
    transport.close()
    with pytest.raises(TriggerLost, match="gone"):
        transport.read(0.0)


def test_a_port_that_takes_no_bytes_is_named(
    terminal: tuple[int, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trigger_port, "WRITE_TIMEOUT_S", 0.1)
    transport = SerialTransport(terminal[1])
    with pytest.raises(TriggerLost, match="takes no bytes"):
        transport.write(b"x" * 1_000_000)
    transport.close()


def test_reopening_waits_until_it_is_plugged_in_again(terminal: tuple[int, str]) -> None:
    tries = iter([None, None, terminal[1]])

    def plugged_late(path: str | None, name: str | None) -> Transport:
        now = next(tries)
        if now is None:
            raise EnvironmentFault(f"{path}: no such port")
        return SerialTransport(now)

    reopen_port("/dev/ttyACM0", open_again=plugged_late).close()
    with pytest.raises(EnvironmentFault, match="/dev/absent: no such port"):
        reopen_port("/dev/absent", timeout_s=0.15)


def test_a_controller_is_looked_for_again_by_the_name_it_had(
    monkeypatch: pytest.MonkeyPatch, serve: Callable[..., Server]
) -> None:
    path = serve().path
    asked: list[tuple[str | None, str | None]] = []

    def found(at: str | None = None, name: str | None = None) -> Transport:
        asked.append((at, name))
        return SerialTransport(path)

    monkeypatch.setattr(trigger_port, "open_port", found)
    monkeypatch.setattr(trigger_port, "reopen_port", found)
    with trigger_port.connect() as controller:
        controller.reconnect()
    assert asked == [(None, None), (None, "left")]
    asked.clear()
    with trigger_port.connect(path) as controller:  # who is there then is asked by the client
        controller.reconnect()
    assert asked == [(path, None), (path, None)]


def test_the_replys_limit_reaches_the_client(serve: Callable[..., Server]) -> None:
    server = serve()
    with trigger_port.connect(server.path, reply_s=0.2) as controller:
        server.go_deaf()
        with pytest.raises(TriggerLost, match=r"within 0\.2 s"):
            controller.heartbeat()
        with suppress(TriggerLost):
            controller.close()
