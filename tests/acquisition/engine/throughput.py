"""How fast the real verb records without loss, and what it costs: the rig with prepared frames.

`python -m tests.acquisition.engine.throughput [RATE_HZ] [SECONDS] [WIDTH] [HEIGHT] [--page]`
"""

from __future__ import annotations

import contextlib
import json
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.hardware.twin.running_rig import running_rig

READOUT_US = 400


def setting(rate_hz: int) -> str:
    """Exposures that leave the sensor time: C1 half of the period."""
    return f"{1000 / rate_hz / 16:.3f}ms{8 * float(f'{1000 / rate_hz / 16:.3f}'):.3f}ms"


@contextlib.contextmanager
def watched(process: subprocess.Popen[str]) -> Iterator[dict[str, float]]:
    """Most own memory of the process and its descendants, MB, shared pages counted once each."""
    most = {"private_mb": 0.0}
    over = threading.Event()

    def look() -> None:
        while not over.wait(1.0):
            most["private_mb"] = max(most["private_mb"], private_mb(process.pid))

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield most
    finally:
        over.set()
        thread.join()


def private_mb(pid: int) -> float:
    """Memory that only this family has, rings left out: they are of a fixed size."""
    family, total = [pid], 0
    while family:
        number = family.pop()
        with contextlib.suppress(OSError):
            for task in Path(f"/proc/{number}/task").iterdir():
                family += [int(each) for each in (task / "children").read_text().split()]
            rollup = Path(f"/proc/{number}/smaps_rollup").read_text()
            found = re.findall(r"^Private_(?:Clean|Dirty):\s+(\d+)", rollup, re.MULTILINE)
            total += sum(map(int, found))
    return total / 1024


@contextlib.contextmanager
def opened(url: str) -> Iterator[None]:
    """The page in a browser that takes every picture."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as player:
        browser = player.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.goto(url)
        yield
        browser.close()


def measure(
    rate_hz: int, seconds: float, width: int, height: int, *, page: bool = False
) -> dict[str, Any]:
    """One take of the verb; what it stored, lost and cost."""
    words = ["--prepared", str(rate_hz), "--engine", "host", "--set", "scene.layers=[]"]
    for number in (1, 2):
        for name, value in (
            ("width_px", width), ("height_px", height), ("timing.readout_us", READOUT_US)
        ):  # fmt: skip
            words += ["--set", f"sensor_{number}.{name}={value}"]
    with tempfile.TemporaryDirectory() as name, running_rig(Path(name), *words) as rig:
        out = Path(name) / "session"
        command = [
            sys.executable, "-m", "acquisition.capture", "--rig", str(rig.file), "--setting",
            setting(rate_hz), "--rate", str(rate_hz), "--frames", str(round(rate_hz * seconds)),
            "--bookend", "0", "--retries", "0", "--policy", "mark", "--out", str(out), "--force",
            "--operator", "bench", "--no-persons", "--json", "-y", *(["--preview"] if page else []),
        ]  # fmt: skip
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        began_s = time.monotonic()
        capture = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        with watched(capture) as most, contextlib.ExitStack() as stack:
            if page:
                assert capture.stderr is not None
                line = capture.stderr.readline()
                stack.enter_context(opened(line.split()[-1]))
            said, complained = capture.communicate(timeout=seconds * 3 + 240)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        clips = json.loads(said)["clips"]
        stored = sum(path.stat().st_size for path in out.glob("clip-*.h5"))
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    asked = round(rate_hz * seconds)
    pairs = clips[-1]["pairs"] if clips else 0
    return {
        "rate_hz": rate_hz,
        "frames": f"2 × {width}×{height}",
        "page": page,
        "asked": asked,
        "pairs": pairs,
        "lost": asked - pairs,
        "verdict": clips[-1]["verdict"] if clips else complained[-300:],
        "gb": round(stored / 1e9, 3),
        "cpu_s_per_gb": round(cpu_s / (stored / 1e9), 2) if stored else None,
        "most_private_mb": round(most["private_mb"]),
        "wall_s": round(time.monotonic() - began_s, 1),
        "findings": clips[-1]["findings"][:3] if clips else [],
    }


if __name__ == "__main__":
    given = [word for word in sys.argv[1:] if not word.startswith("--")]
    filled = (*given, *("120", "60", "1280", "720")[len(given) :])
    rate, length, *size = filled
    result = measure(
        int(rate), float(length), int(size[0]), int(size[1]), page="--page" in sys.argv
    )
    sys.stdout.write(json.dumps(result, ensure_ascii=False) + "\n")
