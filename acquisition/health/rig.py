"""A rig's file: whether its producers load, list its cameras, and its trigger's port is told."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from acquisition.health.finding import Finding
from acquisition.health.packages import our_root
from acquisition.rig import ROLES, Rig
from bsd.errors import ToolkitError

_LIST_LIMIT_S = 30.0
_READY = (None, 0, 1, 2)  # access status: not told, unknown, ready to read and write, to read
_BUSY = 4
_GONE = 3


@dataclass(frozen=True)
class Device:
    """A device as its producer lists it.

    Attributes
    ----------
    serial
        Serial number; the producer's id where it tells none.
    access
        Of the GenTL standard: 1 ready, 3 gone, 4 in use; None where it is not told.
    """

    serial: str
    name: str
    access: int | None = None


@dataclass(frozen=True)
class Listing:
    """What a producer lists; `complaint` is empty where it could be asked."""

    devices: tuple[Device, ...] = ()
    complaint: str = ""


def producer(path: str, listing: Listing) -> Finding:
    """Whether a producer of the file can be asked, and what it lists."""
    name = "rig: producer"
    if listing.complaint:
        way = "mend the path in rig.yaml; is the camera maker's software installed and running?"
        return Finding(name, "fault", f"{path}: {listing.complaint}", way)
    if not listing.devices:
        way = "plug the cameras in and power them; see that no firewall blocks GigE cameras"
        return Finding(name, "fault", f"{path}: loads, and lists no camera", way)
    told = ", ".join(f"{each.serial} ({each.name})" for each in listing.devices)
    return Finding(name, "ok", f"{path}: {told}")


def cameras(rig: Rig, listings: Mapping[str, Listing]) -> list[Finding]:
    """Whether each camera of the file is listed and free."""
    found = []
    for role in ROLES:
        name, wanted = f"rig: {role}", rig.camera(role)
        listing = listings[wanted.producer]
        if listing.complaint:
            continue  # the producer's finding says so
        device = next((each for each in listing.devices if each.serial == wanted.serial), None)
        if device is None:
            there = ", ".join(each.serial for each in listing.devices) or "none"
            what = f"serial {wanted.serial} is not listed; there are: {there}"
            way = f"plug it in, or put its serial into cameras.{role}.serial of rig.yaml"
            found.append(Finding(name, "fault", what, way))
        elif device.access in _READY:
            found.append(Finding(name, "ok", f"serial {wanted.serial}, {device.name}"))
        else:
            states = {_BUSY: "is in use by another program", _GONE: "does not answer"}
            what = f"serial {wanted.serial} {states.get(device.access or 0, 'cannot be opened')}"
            way = "close the other program, or unplug the camera and plug it in again"
            found.append(Finding(name, "warning", what, way))
    return found


def trigger(rig: Rig) -> Finding:
    """What the file says of the trigger's port."""
    if rig.trigger.port is None:
        told = f"named {rig.trigger.name}" if rig.trigger.name else "by its VID and PID"
        return Finding("rig: trigger", "ok", f"no port in the file: it is looked for, {told}")
    return Finding("rig: trigger", "ok", rig.trigger.port)


def read_listing(path: str) -> Listing:
    """Ask a producer in a process of its own: a broken one must not take the doctor along."""
    if not Path(path).is_file():
        return Listing(complaint="no such file")
    paths = os.pathsep.join(filter(None, (str(our_root()), os.environ.get("PYTHONPATH"))))
    try:
        child = subprocess.run(  # noqa: S603 - our own interpreter
            [sys.executable, "-P", "-m", "acquisition.health.device_list", path],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_LIST_LIMIT_S,
            check=False,
            env={**os.environ, "PYTHONPATH": paths},
        )
    except subprocess.TimeoutExpired:
        return Listing(complaint=f"does not list its cameras within {_LIST_LIMIT_S:.0f} s")
    if child.returncode < 0:
        return Listing(complaint=f"the process died with signal {-child.returncode}")
    lines = (child.stdout if child.returncode == 0 else child.stderr).strip().splitlines()
    if child.returncode != 0:
        missing = "No module named" in child.stderr
        way = "harvesters is not installed: python -m pip install 'bsd-toolkit[acquisition]'"
        return Listing(complaint=way if missing else (lines or ["it gave no reason"])[-1])
    return parse_listing(lines[-1] if lines else "")


def parse_listing(line: str) -> Listing:
    """Read what `acquisition.health.device_list` prints."""
    try:
        told = json.loads(line)
    except ValueError:
        return Listing(complaint="its list of cameras cannot be read")
    devices = []
    for each in told:
        access = each.get("access_status")
        devices.append(
            Device(
                serial=str(each.get("serial_number") or each.get("id")),
                name=" ".join(str(each[part]) for part in ("vendor", "model") if each.get(part)),
                access=int(access) if isinstance(access, int | float) else None,
            )
        )
    return Listing(tuple(devices))


def examine(
    path: Path, ask: Callable[[str], Listing] = read_listing
) -> tuple[list[Finding], Rig | None]:
    """All findings on a rig's file, and the rig where the file can be read."""
    try:
        rig = Rig.read(path)
    except ToolkitError as error:
        what = str(error).removeprefix(f"{path}: ")
        way = "mend the field; docs/reference/rig.md explains each"
        return [Finding("rig file", "fault", f"{path}: {what}", way)], None
    listings = {name: ask(name) for name in dict.fromkeys(rig.camera(r).producer for r in ROLES)}
    return [
        Finding("rig file", "ok", f"{path}: {rig.name}, {rig.optics.lens}"),
        *(producer(name, listing) for name, listing in listings.items()),
        *cameras(rig, listings),
        trigger(rig),
    ], rig
