"""What keeps a child process alive: its parent. Standard input ends when the parent does."""

from __future__ import annotations

import sys
import threading


def follow_parent(stop: threading.Event) -> None:
    """Set `stop` when standard input ends, however the parent came to its end."""

    def wait() -> None:
        while sys.stdin.buffer.read(1):
            pass
        stop.set()

    threading.Thread(target=wait, name="lifeline", daemon=True).start()
