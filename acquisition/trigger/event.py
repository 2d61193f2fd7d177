"""What happens at the trigger controller, and the watch that finds pulses nobody told of."""

from __future__ import annotations

from dataclasses import dataclass

from acquisition.trigger.line import SEQUENCE_MAX, Event


@dataclass(frozen=True)
class Boot:
    """The controller began anew; `cause` is power, external, brownout or watchdog."""

    cause: str
    protocol: int
    firmware: str


@dataclass(frozen=True)
class Started:
    """Frame 0 of a run is scheduled and begins at `ticks`."""

    run: int
    ticks: int


@dataclass(frozen=True)
class Pulse:
    """Frame `n` (from 0) is complete on both channels; it began at `ticks`."""

    run: int
    n: int
    ticks: int


@dataclass(frozen=True)
class PulsesMissing:
    """Frames `first` to `last` were completed, but their `Pulse` never arrived here."""

    run: int
    first: int
    last: int


@dataclass(frozen=True)
class Late:
    """An edge could not be set in time: both outputs were forced low at frame `n`."""

    cause: str
    channel: int
    n: int


@dataclass(frozen=True)
class Done:
    """A run is over and both outputs are low.

    Attributes
    ----------
    n1, n2
        Frames completed by each channel.
    cause
        count, stop, heartbeat, gate, open, abort, fault; "unknown" where the controller's word
        was lost and its state told that the run is over.
    cut
        Whether a pulse was shortened; None where unknown.
    missing
        Ranges (first, last) of frames whose `Pulse` never arrived.
    """

    run: int
    n1: int
    n2: int
    cause: str
    cut: bool | None
    missing: tuple[tuple[int, int], ...] = ()


RUN_MAX = SEQUENCE_MAX  # then comes 1 again

TriggerEvent = Boot | Started | Pulse | PulsesMissing | Late | Done


def newer(run: int, than: int) -> bool:
    """Whether a run's number comes after another in the round of 1 to 65535; 0 is before all."""
    if 0 in (run, than):
        return run > than
    return 0 < (run - than) % RUN_MAX <= RUN_MAX // 2


class RunWatch:
    """Follows one run after another by its events, which may be lost or come twice.

    Parameters
    ----------
    run
        Number of the last run, which is over.
    idle_ticks
        A moment after that run; pulses before it are told late and belong to nobody.
    """

    def __init__(self, run: int = 0, idle_ticks: int = 0) -> None:
        self.run = run
        self.done: Done | None = None
        self._idle_ticks = idle_ticks
        self._over = True
        self._next = 0
        self._missing: list[tuple[int, int]] = []

    @property
    def running(self) -> bool:
        """Whether a run has begun whose end is not known."""
        return not self._over

    def begin(self, run: int) -> None:
        """A run has this number; nothing where that is known already."""
        if not newer(run, self.run):
            return
        self.run = run
        self.done = None
        self._over = False
        self._next = 0
        self._missing = []

    def feed(self, event: Event) -> list[TriggerEvent]:
        """What an event of the line means; nothing where it is a repetition or unknown."""
        match event.name:
            case "BOOT":
                protocol = event.number("proto")
                return [Boot(event.text("cause"), protocol, event.text("fw"))]
            case "START":
                return self._start(event.number("run"), event.number("t"))
            case "PULSE":
                return self._pulse(event.number("n"), event.number("t"))
            case "FAULT":
                channel = event.number("channel")
                return [Late(event.text("cause"), channel, event.number("n"))]
            case "DONE":
                return self._end(
                    event.number("run"),
                    (event.number("n1"), event.number("n2")),
                    event.text("cause"),
                    event.number("cut") == 1,
                )
        return []

    def end_unheard(self, run: int, n1: int, n2: int, ticks: int) -> list[TriggerEvent]:
        """The controller is idle after `run` at `ticks`: its end was not heard."""
        found = self._end(run, (n1, n2), "unknown", None)
        self._idle_ticks = ticks
        return found

    def _start(self, run: int, ticks: int) -> list[TriggerEvent]:
        if newer(self.run, run) or (run == self.run and (self._over or self._next > 0)):
            return []
        self.begin(run)
        return [Started(run, ticks)]

    def _pulse(self, n: int, ticks: int) -> list[TriggerEvent]:
        if ticks < self._idle_ticks:
            return []
        if self._over:  # neither START nor the answer to RUN has been heard yet
            self.begin(self.run % RUN_MAX + 1)
        if n < self._next:
            return []
        missing = self._miss(n)
        self._next = n + 1
        return [*missing, Pulse(self.run, n, ticks)]

    def _end(
        self, run: int, frames: tuple[int, int], cause: str, cut: bool | None
    ) -> list[TriggerEvent]:
        self.begin(run)
        if run != self.run or self._over:
            return []
        missing = self._miss(min(frames))
        self._over = True
        self.done = Done(run, *frames, cause, cut, tuple(self._missing))
        return [*missing, self.done]

    def _miss(self, until: int) -> list[TriggerEvent]:
        """Frames from the next one expected to before `until` have not been told."""
        if until <= self._next:
            return []
        first, self._next = self._next, until
        self._missing.append((first, until - 1))
        return [PulsesMissing(self.run, first, until - 1)]
