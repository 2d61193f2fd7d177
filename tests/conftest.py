"""What all tests share: real material where it is present, one thread per test process."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
if "PYTEST_XDIST_WORKER" in os.environ:  # two test processes on two cores
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ.setdefault("NUMBA_NUM_THREADS", "2")


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder of real clips and photographs; a test that needs it skips where it is absent."""
    folder = Path(os.environ.get("BSD_REAL_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no real material: {folder} is absent (set BSD_REAL_DATA)")
    return folder
