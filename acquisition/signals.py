"""Signals to a terminal's whole group while a child starts: its parent decides, not its import."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

GROUP: Final = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
)
"""What reaches every process of a terminal or a service at once."""


@contextmanager
def held_back() -> Iterator[None]:
    """A process that is spawned in the block begins with these signals blocked.

    Without it a Ctrl-C kills an interpreter that has just been started in the middle of its own
    beginning, with a traceback. Where a system has no signal masks nothing changes.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    from multiprocessing import resource_tracker  # absent on Windows

    resource_tracker.ensure_running()  # its own start would lift the mask again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, GROUP)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def let_through() -> None:
    """Once the child has its handlers: what was blocked reaches them."""
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, GROUP)
