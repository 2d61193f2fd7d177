"""A take under way, in numbers: asked of the recorder some times a second, told to an onlooker."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from acquisition.rig import ROLES, Role

if TYPE_CHECKING:
    from acquisition.engine.apparatus import Apparatus
    from acquisition.recorder.message import Progress

Phase = Literal["arming", "running", "draining", "closing"]

LOOK_S: Final = 0.2
_REMEMBERED: Final = 16


@dataclass(frozen=True)
class TakeStatus:
    """A take under way, several times a second.

    Attributes
    ----------
    pulses, asked
        Pulses told so far, and how many there will be; 0 without a trigger.
    stored
        Frames in the file.
    fill
        Share of each ring in use.
    overflow
        Frames that found no room in the ring.
    stored_bytes
        In the file.
    rate_hz
        Frames per second over the last seconds by the host's clock, of each camera.
    elapsed_s
        Since the begin.
    """

    phase: Phase
    pulses: int
    asked: int
    stored: Mapping[Role, int]
    fill: Mapping[Role, float]
    overflow: Mapping[Role, int]
    stored_bytes: int
    rate_hz: Mapping[Role, float]
    elapsed_s: float


Watch = Callable[[TakeStatus], None]


class TakeGauge:
    """How far a take is.

    Parameters
    ----------
    apparatus
        Its recorder is asked.
    asked
        Pulses to come; 0 without a trigger.
    watch
        Told of every look.
    """

    def __init__(self, apparatus: Apparatus, asked: int, watch: Watch) -> None:
        self._recorder = apparatus.recorder
        self._asked = asked
        self._watch = watch
        self._overflow_before = {role: ring.overflow for role, ring in apparatus.rings.items()}
        self._begun_s = time.monotonic()
        self._looked_s = 0.0
        self._history: deque[tuple[float, Mapping[Role, int]]] = deque(maxlen=_REMEMBERED)
        self._came = dict.fromkeys(ROLES, 0)
        self._changed_s = dict.fromkeys(ROLES, self._begun_s)
        self.stored: Mapping[Role, int] = dict.fromkeys(ROLES, 0)

    @property
    def elapsed_s(self) -> float:
        """Since the begin."""
        return time.monotonic() - self._begun_s

    @property
    def is_due(self) -> bool:
        """Whether it is time to look again."""
        return time.monotonic() - self._looked_s >= LOOK_S

    def has(self, frames: int, roles: Iterable[Role] = ROLES) -> bool:
        """Whether so many frames of these cameras are stored, as far as was seen."""
        return all(self.stored[role] >= frames for role in roles)

    def silent_s(self, role: Role) -> float:
        """Since a look at which a frame of a camera had come, stored or not, or none was due."""
        return self._looked_s - self._changed_s[role]

    def look(self, phase: Phase, pulses: int, due: int | None = None) -> str | None:
        """Ask, and tell the onlooker; why nothing is stored any more, None where it is.

        Parameters
        ----------
        phase, pulses
            As told to the onlooker.
        due
            Frames that each camera owes by now; as many as pulses where not given.

        Raises
        ------
        ToolkitError
            The recorder died.
        """
        self._looked_s = now_s = time.monotonic()
        owed = pulses if due is None else due
        progress = self._recorder.progress()
        for role in ROLES:
            came = progress.stored[role] + progress.used[role] + progress.overflow[role]
            if came != self._came[role] or progress.stored[role] >= owed:
                self._came[role], self._changed_s[role] = came, now_s
        self.stored = dict(progress.stored)
        if not any(self.stored.values()):
            self._history.clear()  # the time before the first frame says nothing of the rate
        self._history.append((now_s, self.stored))
        self._watch(self._status(phase, pulses, progress))
        return progress.fault

    def _status(self, phase: Phase, pulses: int, progress: Progress) -> TakeStatus:
        return TakeStatus(
            phase=phase,
            pulses=pulses,
            asked=self._asked,
            stored=self.stored,
            fill=progress.fill,
            overflow={
                role: count - self._overflow_before.get(role, 0)
                for role, count in progress.overflow.items()
            },
            stored_bytes=progress.stored_bytes,
            rate_hz=self._rates(),
            elapsed_s=self.elapsed_s,
        )

    def _rates(self) -> dict[Role, float]:
        (first_s, first), (last_s, last) = self._history[0], self._history[-1]
        span_s = last_s - first_s
        return {role: (last[role] - first[role]) / span_s if span_s else 0.0 for role in ROLES}
