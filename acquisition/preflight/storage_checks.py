"""Whether the disk can take a session: room for it, and fast enough."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from acquisition.health.finding import Finding as Check
from acquisition.preflight.disk_speed import write_speed
from acquisition.preflight.limits import Limits
from bsd.errors import explain_os_error

_MB = 1e6


def space(folder: Path, free_bytes: int | None, needed_bytes: int, limits: Limits) -> Check:
    """Whether `needed_bytes` and the reserve are free."""
    wanted = limits.disk_reserve * needed_bytes
    if free_bytes is None:
        way = "look at it with the system's means"
        return Check("disk space", "warning", f"{folder}: free space cannot be read", way)
    text = f"{_size(free_bytes)} free in {folder}, the session needs about {_size(needed_bytes)}"
    if free_bytes >= wanted:
        return Check("disk space", "ok", text)
    way = (
        f"free {_size(wanted - free_bytes)}, record to another disk, fewer clips or frames"
        f" ({limits.disk_reserve:g} times the estimate is asked for)"
    )
    return Check("disk space", "fault", text, way)


def speed(
    folder: Path, bytes_per_s: float | None, rate_bytes_per_s: float, limits: Limits
) -> Check:
    """Whether a disk keeps up; None where its speed was not measured."""
    if bytes_per_s is None:
        return Check(
            "disk speed", "ok", f"not measured; {rate_bytes_per_s / _MB:.1f} MB/s will come"
        )
    text = (
        f"{folder} takes {bytes_per_s / _MB:.0f} MB/s, the cameras give"
        f" {rate_bytes_per_s / _MB:.1f} MB/s"
    )
    if bytes_per_s >= limits.speed_reserve * rate_bytes_per_s:
        return Check("disk speed", "ok", text)
    way = (
        "record to a faster local disk (SSD), a lower --rate or a smaller region"
        f" ({limits.speed_reserve:g} times the rate is asked for)"
    )
    return Check("disk speed", "fault", text, way)


def examine(
    folder: Path,
    needed_bytes: int,
    rate_bytes_per_s: float,
    limits: Limits,
    measure: Callable[[Path, int, float], float] | None = write_speed,
) -> list[Check]:
    """Both checks of a folder that exists.

    Parameters
    ----------
    measure
        Measures the writing speed; None leaves it out. No more than a tenth of what is free is
        written.
    """
    try:
        free = shutil.disk_usage(folder).free
    except OSError as error:
        way = "create the folder, or choose another with --out"
        return [Check("disk space", "fault", str(explain_os_error(error)), way)]
    found = [space(folder, free, needed_bytes, limits)]
    measured = None
    if measure is not None:
        try:
            most = max(1, min(limits.speed_test_bytes, free // 10))
            measured = measure(folder, most, limits.speed_test_s)
        except OSError as error:
            what, _, way = str(explain_os_error(error)).partition("; ")
            found.append(Check("disk speed", "fault", what, way or "choose another folder"))
            return found
    return [*found, speed(folder, measured, rate_bytes_per_s, limits)]


def _size(count: float) -> str:
    for unit, size in (("GB", 1e9), ("MB", 1e6)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count / 1e3:.0f} kB"
