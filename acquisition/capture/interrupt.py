"""Ctrl-C during a take: the frame under way is finished, the devices are told, nothing is torn."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

from bsd.errors import ToolkitError

_SIGNALS: Final = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
)


class Interrupt:
    """Remembers that somebody wants to end; the second time it is raised at once."""

    def __init__(self) -> None:
        self.asked = False

    def reason(self) -> str | None:
        """For `acquisition.engine.take.StopAsked`."""
        return "interrupted" if self.asked else None

    @contextmanager
    def held(self) -> Iterator[None]:
        """While the block runs, the first interrupt only sets `asked`. For the main thread.

        What fails in the block after that is the interrupt's doing: SIGTERM to the whole group of
        processes ends devices, too.

        Raises
        ------
        KeyboardInterrupt
            The second interrupt, or a fault after the first.
        """
        before = {number: signal.signal(number, self._note) for number in _SIGNALS}
        try:
            yield
        except ToolkitError:
            self.raise_if_asked()
            raise
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def raise_if_asked(self) -> None:
        """What the interrupt would have raised."""
        if self.asked:
            raise KeyboardInterrupt

    def _note(self, _number: int, _frame: FrameType | None) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True
