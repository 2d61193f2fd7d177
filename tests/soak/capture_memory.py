"""Memory and descriptors of a family of processes over time."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

_MB = 1e6


@dataclass(frozen=True)
class Sample:
    """One process at one moment.

    Attributes
    ----------
    time_s
        Monotonic.
    name
        What it does.
    pid
        Its number.
    own_mb
        Memory of its own; rings shared with other processes and mapped files are not in it.
    resident_mb
        All that is resident.
    descriptors
        Open files.
    """

    time_s: float
    name: str
    pid: int
    own_mb: float
    resident_mb: float
    descriptors: int


def sample(pid: int, name: str) -> Sample | None:
    """A process now; None where it has gone."""
    folder = Path(f"/proc/{pid}")
    try:
        status = (folder / "status").read_text()
        descriptors = len(list((folder / "fd").iterdir()))
    except (FileNotFoundError, ProcessLookupError):
        return None
    kilobytes = dict(re.findall(r"^(VmRSS|RssAnon):\s+(\d+) kB", status, re.MULTILINE))
    if not kilobytes:  # a zombie has no memory
        return None
    own, resident = (int(kilobytes[key]) * 1024 / _MB for key in ("RssAnon", "VmRSS"))
    return Sample(time.monotonic(), name, pid, own, resident, descriptors)


@dataclass
class Growth:
    """Samples of several processes, and how they grew.

    Attributes
    ----------
    file
        Gets every sample at once as a line, for whoever looks while it runs.
    """

    file: Path
    samples: dict[str, list[Sample]] = field(default_factory=dict)

    def look(self, processes: dict[str, int]) -> None:
        """Take a sample of each process, by its name."""
        with self.file.open("a") as lines:
            for name, pid in processes.items():
                if (seen := sample(pid, name)) is None:
                    continue
                self.samples.setdefault(name, []).append(seen)
                lines.write(
                    f"{seen.time_s:.0f},{name},{pid},{seen.own_mb:.2f},{seen.resident_mb:.2f},"
                    f"{seen.descriptors}\n"
                )

    def settled(self, name: str, skip: int) -> list[Sample]:
        """Of a process without its first ones, while it still loads and fills what it keeps."""
        return self.samples.get(name, [])[skip:]

    def own_mb(self, name: str, skip: int) -> tuple[float, float]:
        """How much memory a process gained over its samples by their slope, and how much it has."""
        seen = self.settled(name, skip)
        memory = np.array([each.own_mb for each in seen])
        if len(seen) < 3:
            return 0.0, float(memory.max(initial=0.0))
        slope = np.polyfit(np.arange(len(seen)), memory, 1)[0]
        return float(slope * (len(seen) - 1)), float(memory.max())

    def descriptors(self, name: str, skip: int) -> tuple[int, int]:
        """Most open files in the first half of the samples, and in the second."""
        seen = [each.descriptors for each in self.settled(name, skip)]
        half = len(seen) // 2
        return max(seen[:half], default=0), max(seen[half:], default=0)
