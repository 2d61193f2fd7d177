"""What the trigger tells during a take: pulses, what is missing of them, and how the run ended."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from acquisition.ledger.row import PULSE
from acquisition.trigger.event import Done, Late, Pulse, PulsesMissing

if TYPE_CHECKING:
    from numpy.typing import NDArray

_ENDS_WELL = ("count", "stop", "unknown")
"""Where the word was lost, the counts are known all the same, and the ledger judges by them."""

_WHY = {
    "heartbeat": ": this machine was too busy to speak to it for half a second; end other programs",
    "gate": ": its gate was opened; close it and take it again",
}


class PulseLog:
    """Pulses and words of one run.

    Attributes
    ----------
    done
        The trigger's last word; None before it.
    trouble
        Remarks, one line each.
    """

    def __init__(self) -> None:
        self.done: Done | None = None
        self.trouble: list[str] = []
        self._pulses: list[tuple[int, int]] = []
        self._handed = 0

    def __len__(self) -> int:
        """Pulses told so far."""
        return len(self._pulses)

    @property
    def count(self) -> int:
        """Pulses that were made, by the trigger's last word or as far as they were told."""
        return len(self) if self.done is None else max(self.done.n1, self.done.n2)

    @property
    def rows(self) -> NDArray[np.void]:
        """(P,) of `acquisition.ledger.row.PULSE`."""
        return np.array(self._pulses, dtype=PULSE)

    def fresh(self) -> NDArray[np.void]:
        """Rows that were not handed out before."""
        rows = np.array(self._pulses[self._handed :], dtype=PULSE)
        self._handed = len(self._pulses)
        return rows

    def note(self, event: object) -> str | None:
        """Take in an event; why the take is spoilt by it, None where it is not."""
        match event:
            case Pulse(n=n, ticks=ticks):
                self._pulses.append((n, ticks))
            case PulsesMissing(first=first, last=last):
                self.trouble.append(f"trigger: the words of pulses {first} to {last} were lost")
            case Late(cause=cause, channel=channel, n=n):
                return f"trigger: {cause} at pulse {n}, channel {channel}"
            case Done(cause=cause):
                self.done = event
                if cause not in _ENDS_WELL:
                    return f"trigger: the run ended by '{cause}'{_WHY.get(cause, '')}"
        return None
