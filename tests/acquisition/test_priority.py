"""Priority is asked for, and a refusal changes nothing."""

import os
import subprocess
import sys

import pytest

from acquisition.priority import go_first

pytestmark = pytest.mark.unit

ASK = """
import os, sys
from acquisition.priority import go_first
if sys.argv[1] == "nobody":
    os.setresuid(65534, 65534, 65534)
print(go_first(-3), os.getpriority(os.PRIO_PROCESS, 0))
"""


def asked(who: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", ASK, who], capture_output=True, text=True, timeout=30, check=True
    )
    return done.stdout.strip()


@pytest.mark.skipif(sys.platform == "win32" or os.getuid() != 0, reason="needs root")
def test_root_is_put_first_and_others_go_on_as_they_were() -> None:
    before = os.getpriority(os.PRIO_PROCESS, 0)
    assert asked("root") == "True -3"
    assert asked("nobody") == f"False {before}"


def test_it_never_raises() -> None:
    assert go_first(os.getpriority(os.PRIO_PROCESS, 0)) in (True, False)
