"""Serial ports: which one the trigger controller is on, and its line. The only user of pyserial."""

from __future__ import annotations

import errno
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

import serial
from serial.tools import list_ports

from acquisition.trigger.controller import REPLY_S, TriggerController
from acquisition.trigger.conversation import Conversation, MonotonicClock, Transport
from acquisition.trigger.fault import TriggerFault, TriggerLost
from acquisition.trigger.line import BAUD
from acquisition.trigger.link import OPEN_TIMEOUT_S
from bsd.errors import EnvironmentFault, UserMistake

WRITE_TIMEOUT_S = 1.0
REOPEN_TIMEOUT_S = 10.0

_POLL_S = 0.1
_READ_BYTES = 4096
# Arduino by its two vendors; CH340, FT232R and CP2102 as on clones. None: every product.
_BOARDS: frozenset[tuple[int, int | None]] = frozenset(
    {(0x2341, None), (0x2A03, None), (0x1A86, 0x7523), (0x0403, 0x6001), (0x10C4, 0xEA60)}
)


@dataclass(frozen=True)
class Port:
    """A serial port whose USB chip is one that controllers have."""

    path: str
    vid: int
    pid: int
    serial_number: str | None
    product: str | None


class SerialTransport:
    """An open serial port at 500,000 baud, or a pseudo-terminal.

    Raises
    ------
    EnvironmentFault
        The port is absent, busy or forbidden; says what to do.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        try:
            self._serial = serial.Serial(
                path, BAUD, timeout=0, write_timeout=WRITE_TIMEOUT_S, exclusive=True
            )
        except OSError as error:
            raise _explained(path, error) from error
        with suppress(ValueError, OSError, NotImplementedError):  # only FTDI and its like know it
            self._serial.set_low_latency_mode(True)

    @property
    def name(self) -> str:
        """Path of the port."""
        return self._path

    def write(self, data: bytes, /) -> None:
        """Send all bytes; `TriggerLost` where the port is gone or takes none for a second."""
        try:
            self._serial.write(data)
        except serial.SerialTimeoutException as error:
            raise TriggerLost(
                f"{self._path}: takes no bytes for {WRITE_TIMEOUT_S:g} s; unplug the controller"
                " and plug it in again"
            ) from error
        except (OSError, TypeError) as error:  # TypeError: closed under our feet
            raise self._gone(error) from error

    def read(self, timeout_s: float, /) -> bytes:
        """Bytes as soon as there are any; empty where none came in time."""
        try:
            if not self._serial.in_waiting:
                self._serial.timeout = timeout_s
                first: bytes = self._serial.read(1)
                if not first:
                    return b""
            else:
                first = b""
            self._serial.timeout = 0
            rest: bytes = self._serial.read(_READ_BYTES)
            return first + rest
        except (OSError, TypeError) as error:
            raise self._gone(error) from error

    def close(self) -> None:
        """Let go of the port."""
        with suppress(OSError):  # a port that is gone cannot be left any better
            self._serial.close()

    def _gone(self, error: Exception) -> TriggerLost:
        return TriggerLost(
            f"{self._path}: the port is gone ({error}); check the cable and reconnect"
        )


def find_ports() -> list[Port]:
    """Ports whose USB vendor and product are those of an Uno, a Nano or their clones."""
    found = []
    for port in list_ports.comports():
        if port.vid is None or port.pid is None:
            continue
        if {(port.vid, None), (port.vid, port.pid)} & _BOARDS:
            found.append(Port(port.device, port.vid, port.pid, port.serial_number, port.product))
    return sorted(found, key=lambda each: each.path)


def open_port(
    path: str | None = None,
    name: str | None = None,
    *,
    candidates: Sequence[str] | None = None,
    open_transport: Callable[[str], Transport] = SerialTransport,
) -> Transport:
    """Open the controller's port.

    Parameters
    ----------
    path
        Port or pseudo-terminal; it is opened without asking who is there, unless `name` is given.
    name
        Name that the controller must have.
    candidates
        Ports to ask where no path is given; None: `find_ports`.
    open_transport
        Opens one path.

    Raises
    ------
    UserMistake
        More than one controller answers: name the port or the controller.
    EnvironmentFault
        None answers, or the port cannot be opened; says why and what to do.
    """
    if path is not None and name is None:
        return open_transport(path)
    if path is not None:
        candidates = [path]
    elif candidates is None:
        candidates = [port.path for port in find_ports()]
    answers: dict[str, tuple[str, Transport]] = {}
    silent: list[str] = []
    try:
        for each in candidates:
            _ask(each, open_transport, answers, silent)
        fitting = [at for at, (its, _) in answers.items() if name in (None, its)]
        if len(fitting) == 1:
            return answers.pop(fitting[0])[1]
    finally:
        for _, transport in answers.values():
            transport.close()
    raise _undecided(name, {at: its for at, (its, _) in answers.items()}, fitting, silent)


def connect(
    path: str | None = None, name: str | None = None, *, reply_s: float = REPLY_S
) -> TriggerController:
    """A controller, not opened yet, that finds its port again after it was lost.

    Its port is the same path where one is given; else the one on which a controller of the same
    name answers.

    Parameters
    ----------
    path, name
        As of `open_port`.
    reply_s
        Longest time to wait for an answer before the controller counts as lost; it is asked again
        all the time. The rig's ``timeouts.reply_s``.
    """

    def reopen() -> Transport:
        if path is not None:  # whose it is the controller finds out by itself
            return reopen_port(path)
        return reopen_port(None, name or controller.identity.name)

    controller = TriggerController(
        open_port(path, name),
        reopen=reopen,
        deadline_s=reply_s,
        open_timeout_s=max(OPEN_TIMEOUT_S, reply_s),
    )
    return controller


def reopen_port(
    path: str | None = None,
    name: str | None = None,
    *,
    timeout_s: float = REOPEN_TIMEOUT_S,
    open_again: Callable[[str | None, str | None], Transport] = open_port,
) -> Transport:
    """Wait until the controller is plugged in again, then as `open_port`."""
    limit_s = time.monotonic() + timeout_s
    while True:
        try:
            return open_again(path, name)
        except EnvironmentFault:
            if time.monotonic() >= limit_s:
                raise
        time.sleep(_POLL_S)


def _ask(
    path: str,
    open_transport: Callable[[str], Transport],
    answers: dict[str, tuple[str, Transport]],
    silent: list[str],
) -> None:
    """Who is at a port: enters its name among the answers, or why there is none."""
    try:
        transport = open_transport(path)
    except EnvironmentFault as fault:
        silent.append(str(fault))
        return
    answers[path] = ("", transport)
    talk = Conversation(transport, MonotonicClock(), reply_timeout_s=0.1, deadline_s=1.0)
    try:
        reply = talk.ask_anyone("ID?", OPEN_TIMEOUT_S)
        answers[path] = (reply.text("name"), transport)
    except (TriggerFault, KeyError) as fault:
        silent.append(str(fault) if isinstance(fault, TriggerFault) else f"{path}: no name")
        del answers[path]
        transport.close()


def _undecided(
    name: str | None, names: dict[str, str], fitting: list[str], silent: list[str]
) -> UserMistake | EnvironmentFault:
    if fitting:
        listed = ", ".join(f"{path} (name {names[path]})" for path in fitting)
        return UserMistake(f"{len(fitting)} trigger controllers: {listed}; name the port to use")
    others = "".join(f"; {path} is '{its}'" for path, its in names.items())
    wanted = "no trigger controller" if name is None else f"no trigger controller named '{name}'"
    reasons = "".join(f"; {reason}" for reason in silent)
    return EnvironmentFault(
        f"{wanted} found{others}{reasons}; plug it in or name its port"
        " (python -m acquisition.doctor)"
    )


def _explained(path: str, error: OSError) -> EnvironmentFault:
    number = error.errno
    if number is None and "configure port" in str(error):
        number = errno.ENOTTY
    match number:
        case errno.EACCES | errno.EPERM:
            return EnvironmentFault(
                f"{path}: permission denied; 'sudo usermod -aG dialout $USER', then log in again"
            )
        case errno.EBUSY | errno.EAGAIN:
            return EnvironmentFault(
                f"{path}: in use by another program; close it, or if it is ModemManager:"
                " 'sudo systemctl stop ModemManager' (a udev rule keeps it away for good)"
            )
        case errno.ENOENT | errno.ENODEV | errno.ENXIO:
            return EnvironmentFault(
                f"{path}: no such port; plug in the controller or name its port"
            )
        case errno.ENOTTY | errno.EINVAL:
            return EnvironmentFault(f"{path}: is not a serial port; name the controller's port")
    return EnvironmentFault(f"{path}: cannot be opened: {error}")
