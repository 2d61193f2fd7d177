"""The calls of `test_producer.py` once more, under the address and undefined sanitizers."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from hardware.compile import find_compiler
from hardware.twin.producer_build import producer_path
from tests.hardware.twin.gentl_calls import REPOSITORY

pytestmark = pytest.mark.rig


def runtime_of_the_sanitizer() -> str:
    words = [find_compiler(), "-print-file-name=libasan.so"]
    path = subprocess.run(words, capture_output=True, text=True, timeout=30, check=True).stdout
    if not Path(path.strip()).is_absolute():
        pytest.skip("the compiler has no address sanitizer; install libasan")
    return path.strip()


@pytest.mark.timeout(180)
def test_the_calls_break_no_rule_of_memory_and_leak_nothing(tmp_path: Path) -> None:
    runtime = runtime_of_the_sanitizer()
    built = producer_path(tmp_path, sanitize=True)  # not under the sanitizer's runtime
    log = tmp_path / "log"
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist"),
            "tests/hardware/twin/test_producer.py",
        ],
        cwd=REPOSITORY,
        env={
            **os.environ,
            "LD_PRELOAD": runtime,
            "BSD_SANITIZED_PRODUCER": str(built),
            "ASAN_OPTIONS": f"detect_leaks=1:log_path={log}",
            "UBSAN_OPTIONS": f"print_stacktrace=1:log_path={log}",
        },
        capture_output=True,
        text=True,
        timeout=170,
        check=False,
    )
    passed = re.search(r"(\d+) passed", done.stdout)
    assert passed, done.stdout[-3000:] + done.stderr[-3000:]
    assert int(passed[1]) >= 27
    assert " failed" not in done.stdout, done.stdout[-3000:]
    told = "\n".join(path.read_text() for path in tmp_path.glob("log.*"))
    assert "runtime error" not in told
    assert "ERROR: AddressSanitizer" not in told, told[:3000]
    # The interpreter never frees all of its own memory: only the producer's leaks count.
    assert "LeakSanitizer" in told, "the leak check did not run"
    leaks = [leak for leak in told.split("\n\n") if "/twin/producer/" in leak]
    assert not leaks, leaks[0]
