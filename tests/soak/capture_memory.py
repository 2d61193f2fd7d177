"""Memory and descriptors of a family of processes over time."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

_MB = 1e6
_FEWEST = 20


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

    def settled(self, name: str) -> list[Sample]:
        """Of a process, without the first sixth of them, while it fills what it keeps."""
        seen = self.samples.get(name, [])
        return seen[len(seen) // 6 :]

    def own_mb(self, name: str) -> tuple[float, float]:
        """How much memory a process gained over its samples by their slope, and how much it has."""
        memory = np.array([each.own_mb for each in self.settled(name)])
        if len(memory) < 3:
            return 0.0, float(memory.max(initial=0.0))
        slope = np.polyfit(np.arange(len(memory)), memory, 1)[0]
        return float(slope * (len(memory) - 1)), float(memory.max())

    def descriptors(self, name: str) -> tuple[int, int]:
        """Most open files in the first half of the samples, and in the second."""
        seen = [each.descriptors for each in self.settled(name)]
        half = len(seen) // 2
        return max(seen[:half], default=0), max(seen[half:], default=0)

    def told(self) -> str:
        """Every process in words: gain and most of its memory, descriptors in both halves."""
        words = []
        for name in self.samples:
            gain, most = self.own_mb(name)
            first, second = self.descriptors(name)
            words.append(f"{name} {gain:+.2f} to {most:.1f} MB, {first} and {second} files")
        return "own memory by its slope, most files in either half: " + "; ".join(words)

    def require_flat(self, gain_mb: float) -> None:
        """No process grows by more than that, none keeps files open; too few samples pass."""
        for name in self.samples:
            if len(self.settled(name)) < _FEWEST:
                continue
            gain, _ = self.own_mb(name)
            first, second = self.descriptors(name)
            assert gain < gain_mb, f"{name}: gained {gain:.1f} MB"
            assert second <= first + 1, f"{name}: {first} files, then {second}"
