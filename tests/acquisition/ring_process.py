"""What other processes do with a ring, for tests that spawn them."""

import multiprocessing
import os
import signal
import time
from multiprocessing.process import BaseProcess

import numpy as np
from numpy.typing import NDArray

from acquisition.ring import FrameRing

PATIENCE_S = 20.0


def spawned(body: object, *arguments: object) -> BaseProcess:
    """Start `body(*arguments)` in a process of its own."""
    process = multiprocessing.get_context("spawn").Process(
        target=body,
        args=arguments,
        daemon=True,
    )
    process.start()
    return process


def pattern(number: int, size: int) -> NDArray[np.uint8]:
    """Bytes that tell their frame and their place."""
    return ((np.arange(size, dtype=np.uint32) * 7 + number * 31) % 251).astype(np.uint8)


def write_patterns(ring: FrameRing, frames: int, frame_bytes: int) -> None:
    """Lay out and put so many, each as soon as there is room."""
    ring.lay_out(frame_bytes)
    limit_s = time.monotonic() + PATIENCE_S
    for number in range(frames):
        data = pattern(number, frame_bytes)
        while not ring.put(1, number, number * 10, time.monotonic_ns(), data):
            assert time.monotonic() < limit_s
            time.sleep(0.0002)


def write_constants(ring: FrameRing, frames: int, frame_bytes: int) -> None:
    """Frame n holds n modulo 251 only, and nobody waits for a reader: it takes what it puts."""
    for number in range(frames):
        ring.put(1, number, number, number, np.full(frame_bytes, number % 251, np.uint8))
        ring.take()
        ring.release()


def die_writing(ring: FrameRing, frame_bytes: int) -> None:
    """Put three frames and die by SIGKILL in the middle of a layout."""
    ring.lay_out(frame_bytes)
    for number in range(3):
        ring.put(1, number, 0, 0, np.full(frame_bytes, 100 + number, np.uint8))
    ring._count[0] += np.uint64(1)  # as where lay_out has begun
    os.kill(os.getpid(), signal.SIGKILL)


def die_holding(ring: FrameRing) -> None:
    """Take a frame and die with it."""
    limit_s = time.monotonic() + PATIENCE_S
    while ring.take() is None:
        assert time.monotonic() < limit_s
        time.sleep(0.001)
    os.kill(os.getpid(), signal.SIGKILL)


def sleep_beside(ring: FrameRing) -> None:
    """Live until somebody ends it."""
    ring.take()
    time.sleep(60)
