"""What keeps a child process alive: its parent. Standard input ends when the parent does."""

from __future__ import annotations

import os
import sys
import threading


def follow_parent(stop: threading.Event) -> None:
    """Set `stop` when standard input ends, however the parent came to its end."""
    descriptor = sys.stdin.fileno()

    def wait() -> None:
        # not through `sys.stdin`: its lock, held by this thread, would abort the interpreter's end
        while os.read(descriptor, 1):
            pass
        stop.set()

    threading.Thread(target=wait, name="lifeline", daemon=True).start()
