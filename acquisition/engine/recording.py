"""What a take leaves behind: the part file, and what is known of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from acquisition.ledger.record import Expected, Ledger
from acquisition.rig import Role

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from acquisition.camera.message import Tally


@dataclass
class Recording:
    """What a take left: the part file, and what is known of it.

    Attributes
    ----------
    part
        The clip file, closed but not sealed.
    ledger
        Pulses and frames joined.
    pulses
        As the controller told them.
    expected
        What should have been.
    tallies
        What each camera says that it delivered; None where it could not say.
    trouble
        Faults and remarks, one line each, in their order; the first is what ended the take early.
    stopped
        Why it ended before its count, in words; None where it did not.
    stop_was_asked
        Whether somebody wanted that, and nothing had failed.
    elapsed_s
        By the host's clock.
    fault
        Why not all that arrived is in the file; None where it is.
    """

    part: Path
    ledger: Ledger
    pulses: NDArray[np.void]
    expected: Expected
    tallies: Mapping[Role, Tally | None]
    trouble: list[str] = field(default_factory=list)
    stopped: str | None = None
    stop_was_asked: bool = False
    elapsed_s: float = 0.0
    fault: str | None = None

    @property
    def broke(self) -> bool:
        """Whether something that failed ended it, not a count, a person or the ledger."""
        return self.stopped is not None and not self.stop_was_asked

    @property
    def lines(self) -> tuple[str, ...]:
        """Trouble and findings, each once."""
        found = (finding.text for finding in self.ledger.findings)
        return tuple(dict.fromkeys([*self.trouble, *found]))
