"""What all tests share: real material where it is present, one thread per test process."""

import os
import signal
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
if "PYTEST_XDIST_WORKER" in os.environ:  # two test processes on two cores
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ.setdefault("NUMBA_NUM_THREADS", "2")
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:  # of a shell's background: children inherit
    signal.signal(signal.SIGINT, signal.default_int_handler)
for _number in (signal.SIGTERM, signal.SIGHUP):  # nohup
    if signal.getsignal(_number) == signal.SIG_IGN:
        signal.signal(_number, signal.SIG_DFL)


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder of real clips and photographs; a test that needs it skips where it is absent."""
    folder = Path(os.environ.get("BSD_REAL_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no real material: {folder} is absent (set BSD_REAL_DATA)")
    return folder
