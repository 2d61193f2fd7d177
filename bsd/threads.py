"""The one place that sets how many threads the numerical libraries of a process use."""

from __future__ import annotations

import os
import sys

_ENVIRONMENT = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMBA_NUM_THREADS",
    "OPENCV_FOR_THREADS_NUM",
)


def available_cores() -> int:
    """Cores that this process may run on (the affinity mask, not the machine's count)."""
    if hasattr(os, "sched_getaffinity"):
        return max(1, len(os.sched_getaffinity(0)))
    return os.cpu_count() or 1


def set_threads(count: int) -> None:
    """Hold cv2, numba, torch and BLAS to `count` threads each, loaded already or not yet.

    Parameters
    ----------
    count
        Threads per library, at least 1. A worker process passes 1.

    Notes
    -----
    Libraries that are not loaded read the environment when they start; those that are loaded
    are told directly. Nothing is imported here, so a camera process never drags in torch.
    numba cannot grow beyond the count that it was started with.
    """
    if count < 1:
        raise ValueError(f"threads: {count} asked for, at least 1 is needed")
    for name in _ENVIRONMENT:
        if not (name == "NUMBA_NUM_THREADS" and "numba" in sys.modules):
            os.environ[name] = str(count)
    if (cv2 := sys.modules.get("cv2")) is not None:
        cv2.setNumThreads(count)
    if (torch := sys.modules.get("torch")) is not None:
        torch.set_num_threads(count)
    if (numba := sys.modules.get("numba")) is not None:
        numba.set_num_threads(min(count, numba.config.NUMBA_NUM_THREADS))
