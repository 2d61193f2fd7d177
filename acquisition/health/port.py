"""Serial ports: which are there, who may open them, who holds them, who would grab them."""

from __future__ import annotations

import errno
import os
import shutil
import stat
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from acquisition.health.finding import Finding

GROUP = "dialout"
RULE_FILE = "/etc/udev/rules.d/99-bsd-trigger.rules"
_NAMED_HOLDERS = 3
_PROC = Path("/proc")
_UDEV = Path("/run/udev/data")
_DEVICES = Path("/sys/dev/char")
_MANAGERS = ("/usr/sbin/ModemManager", "/usr/bin/ModemManager")


@dataclass(frozen=True)
class Port:
    """A serial port as the system shows it."""

    path: str
    vid: int | None = None
    pid: int | None = None
    description: str = ""
    known: bool = False  # its VID and PID are those of boards that carry the firmware

    def __str__(self) -> str:
        """Path, VID:PID and description, as far as they are known."""
        numbers = "" if self.vid is None else f" {self.vid:04x}:{self.pid or 0:04x}"
        named = self.description not in ("", "n/a")
        return f"{self.path}{numbers}" + (f" ({self.description})" if named else "")


@dataclass(frozen=True)
class Access:
    """Who may open a port, and whether this process may."""

    exists: bool
    device: bool  # a terminal's device, as serial lines are; no plain file, no /dev/null
    allowed: bool
    group: str  # of the device file
    user: str
    listed: bool  # the user is in that group, or belongs to it by /etc/group
    effective: bool  # this login session has it already


@dataclass(frozen=True)
class Holder:
    """A process that has a port open."""

    pid: int
    command: str


@dataclass(frozen=True)
class ModemManager:
    """Whether ModemManager is here, and whether it was told to leave a port alone."""

    installed: bool
    running: bool
    ignored: bool | None  # None: udev does not tell


def ports(found: Sequence[Port], asked: str | None) -> Finding:
    """Which serial ports there are; without one nothing more can be looked at."""
    listed = "; ".join(map(str, found))
    if asked is not None:
        return Finding("serial ports", "ok", listed or f"no USB adapter; looking at {asked}")
    if any(port.known for port in found):
        return Finding("serial ports", "ok", listed)
    return Finding(
        "serial ports",
        "warning",
        f"no trigger controller by VID and PID; found {listed or 'none'}",
        "plug the controller in with a USB cable that carries data, see 'dmesg | tail', then"
        " run again, or name the port with --port (a container needs --device)",
    )


def choice(found: Sequence[Port], asked: str | None) -> tuple[str | None, Finding | None]:
    """Which port to look at: the one asked for, or the only one that fits."""
    if asked is not None:
        return asked, None
    fitting = [port for port in found if port.known]
    if len(fitting) == 1:
        return fitting[0].path, None
    if not fitting:
        return None, None
    names = ", ".join(port.path for port in fitting)
    return None, Finding(
        "controller",
        "warning",
        f"several ports could be it: {names}; none was opened, opening resets a board",
        "name one with --port",
    )


def permission(path: str, access: Access) -> Finding:
    """Whether this user may open the port, and how to be allowed to."""
    if not access.exists:
        return Finding(
            "permission",
            "fault",
            f"{path} does not exist",
            "plug the controller in; 'ls /dev/ttyACM* /dev/ttyUSB*' and 'dmesg | tail' show"
            " its name",
        )
    if not access.device:
        return Finding(
            "permission", "fault", f"{path} is no serial port", "name a device, as /dev/ttyACM0"
        )
    if access.allowed:
        return Finding("permission", "ok", f"{access.user} may read and write {path}")
    group = access.group or GROUP
    if access.listed and not access.effective:
        return Finding(
            "permission",
            "fault",
            f"{access.user} is in group {group}, but this login began before that",
            "log out and in again (or restart the machine)",
        )
    return Finding(
        "permission",
        "fault",
        f"{access.user} may not open {path} (group {group})",
        f"sudo usermod -aG {group} {access.user}, then log out and in again",
    )


def busy(path: str, holders: Sequence[Holder]) -> Finding:
    """Whether another program has the port open; then it is not touched."""
    if not holders:
        return Finding("port free", "ok", f"no other program seen on {path}")
    named = ", ".join(f"{each.command} (process {each.pid})" for each in holders[:_NAMED_HOLDERS])
    if len(holders) > _NAMED_HOLDERS:
        named += f" and {len(holders) - _NAMED_HOLDERS} more"
    return Finding(
        "port free",
        "fault",
        f"{path} is held by {named}: not opened, opening would reset the board",
        "end that program (a capture, a serial monitor) or wait for its end, then run again",
    )


def modem_manager(manager: ModemManager, port: Port | None) -> Finding:
    """Whether ModemManager would talk to the controller as if it were a modem."""
    name = "ModemManager"
    if not manager.installed and not manager.running:
        return Finding(name, "ok", "not installed")
    if port is None:
        state = "running" if manager.running else "installed, not running"
        return Finding(name, "ok", f"{state}; no port to look at")
    if manager.ignored:
        return Finding(name, "ok", f"told by udev to leave {port.path} alone")
    if not manager.running and port.vid is None:
        return Finding(name, "ok", "installed, not running")
    seconds = "" if manager.running else ", once it is started,"
    return Finding(
        name,
        "warning",
        f"may open {port.path}{seconds} for some seconds after plugging in and send modem"
        " commands, which resets the board",
        f"put into {RULE_FILE}: {udev_rule(port)} - then: sudo udevadm control --reload &&"
        " sudo udevadm trigger",
    )


def udev_rule(port: Port) -> str:
    """The udev rule that keeps ModemManager away from boards of this VID and PID."""
    if port.vid is None or port.pid is None:
        match = f'KERNEL=="{Path(port.path).name}"'
    else:
        match = f'ATTRS{{idVendor}}=="{port.vid:04x}", ATTRS{{idProduct}}=="{port.pid:04x}"'
    return f'SUBSYSTEM=="tty", {match}, ENV{{ID_MM_PORT_IGNORE}}="1"'


def read_ports() -> list[Port] | None:
    """USB serial ports of this machine; None where pyserial is not installed."""
    try:
        from serial.tools.list_ports import comports

        from acquisition.trigger.port import find_ports
    except ModuleNotFoundError as missing:
        if missing.name is None or missing.name.partition(".")[0] != "serial":
            raise
        return None
    boards = {each.path for each in find_ports()}
    return [
        Port(each.device, each.vid, each.pid, each.description or "", each.device in boards)
        for each in sorted(comports(), key=lambda each: str(each.device))
        if each.vid is not None
    ]


def read_access(path: str) -> Access:
    """Permission bits and groups of a port, by its resolved name."""
    user = _user_name(os.geteuid())
    try:
        status = Path(path).stat()
    except OSError as error:
        there = error.errno == errno.EACCES
        return Access(there, there, False, "", user, False, False)
    group = _group_name(status.st_gid)
    return Access(
        exists=True,
        device=stat.S_ISCHR(status.st_mode) and not _foreign(status.st_rdev),
        allowed=os.access(path, os.R_OK | os.W_OK),
        group=group,
        user=user,
        listed=_listed(user, status.st_gid),
        effective=status.st_gid in {os.getegid(), *os.getgroups()},
    )


def read_holders(path: str, proc: Path = _PROC) -> tuple[Holder, ...]:
    """Processes that have the port open, as far as this user may see; never this one.

    A process that also holds ``/dev/ptmx`` is the one that serves a pseudo-terminal: the board's
    side of the line, not a user of it.
    """
    target = os.path.realpath(path)
    found = []
    for process in _processes(proc):
        if int(process.name) == os.getpid():
            continue
        links = set(_links(process / "fd"))
        if target in links and not links & {"/dev/ptmx", "/dev/pts/ptmx"}:
            found.append(Holder(int(process.name), _command(process)))
    return tuple(found)


def read_modem_manager(path: str | None, proc: Path = _PROC, udev: Path = _UDEV) -> ModemManager:
    """Whether ModemManager is installed and running, and what udev says of the port."""
    running = any(_text(process / "comm") == "ModemManager" for process in _processes(proc))
    installed = shutil.which("ModemManager") is not None or any(
        Path(place).exists() for place in _MANAGERS
    )
    ignored = None
    if path is not None and udev.is_dir():
        ignored = "ID_MM_PORT_IGNORE=1" in _udev(path, udev) or (
            "ID_MM_DEVICE_IGNORE=1" in _udev(path, udev)
        )
    return ModemManager(installed, running, ignored)


def _foreign(device: int) -> bool:
    """Whether the kernel has a character device for something other than a terminal.

    It is not opened for that, which would reset a board. Pseudo-terminals are not listed there.
    """
    subsystem = _DEVICES / f"{os.major(device)}:{os.minor(device)}" / "subsystem"
    return subsystem.exists() and subsystem.resolve().name != "tty"


def _user_name(number: int) -> str:
    import pwd

    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:  # a container's user without an entry
        return str(number)


def _group_name(number: int) -> str:
    import grp

    try:
        return grp.getgrgid(number).gr_name
    except KeyError:
        return str(number)


def _listed(user: str, group: int) -> bool:
    import grp

    try:
        return user in grp.getgrgid(group).gr_mem
    except KeyError:
        return False


def _processes(proc: Path) -> Iterator[Path]:
    try:
        entries = list(proc.iterdir())
    except OSError:  # no /proc here
        return
    yield from (entry for entry in entries if entry.name.isdigit())


def _links(folder: Path) -> Iterable[str]:
    try:
        entries = list(folder.iterdir())
    except OSError:  # ended meanwhile, or another user's
        return
    for entry in entries:
        try:
            yield str(entry.readlink())
        except OSError:
            continue


def _command(process: Path) -> str:
    words = _text(process / "cmdline").replace("\0", " ").split()
    return " ".join(words)[:60] or _text(process / "comm") or "?"


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace").strip()
    except OSError:
        return ""


def _udev(path: str, udev: Path) -> str:
    try:
        device = Path(path).stat().st_rdev
    except OSError:
        return ""
    return _text(udev / f"c{os.major(device)}:{os.minor(device)}")
