"""When a sensor exposes: from the edges of its trigger line, or by itself, all by board time.

With `d` the trigger delay, `s` and `e` the sensor's start and end latency, `o` its exposure offset
and j, j' its jitter, a trigger at `t` (and, for TriggerWidth, the line's return at `r`) exposes

- Timed: from t + d + s + j for the commanded time + o;
- TriggerWidth: from t + d + s + j to r + d + e + j'.

A trigger is ignored, as cameras do, while an exposure lasts and while the last one is read out.
Whoever feeds edges and marks does so in the order of time; what a consumer does (start, stop, a
changed setting) takes its place among them by its own time.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from hardware.twin.exposures import Cause, ExposureRequest, Program
from hardware.twin.world_config import TimingConfig

GLITCH_NS: Final = 100_000
"""Width of a disturbance that a TriggerWidth camera takes for a trigger."""

_NEVER: Final = 2**63
_NS_PER_US: Final = 1000.0


@dataclass
class Tally:
    """What came of the triggers since power-up."""

    triggers: int = 0
    """That came while an acquisition ran."""
    exposed: int = 0
    """Exposures that began, whatever began them."""
    busy: int = 0
    """Ignored during an exposure or a readout."""
    short: int = 0
    """Too short for any light."""
    missed: int = 0
    """Lost to the fault `miss_trigger`."""
    glitches: int = 0
    """Exposures that a disturbance began."""


@dataclass
class _Open:
    """A TriggerWidth exposure whose end is not known yet; times without jitter."""

    cause: Cause
    trigger_ns: int
    begin_ns: int
    program: Program


@dataclass
class Faults:
    """Disturbances that are still to come."""

    miss: int = 0
    """Triggers that will not be seen."""
    glitches: int = 0
    """Exposures without a trigger: after the next exposure, as soon as the sensor can."""


class Shutter:
    """When one sensor exposes.

    Parameters
    ----------
    timing
        Latencies, offset, jitter and readout.
    seed
        Numbers that seed the jitter: the same exposure of the same acquisition jitters alike.
    temperature_c
        Temperature of the sensor by board time.
    program
        What holds until it is changed.
    """

    def __init__(
        self,
        timing: TimingConfig,
        seed: tuple[int, ...],
        temperature_c: Callable[[int], float],
        program: Program,
    ) -> None:
        self.tally = Tally()
        self.faults = Faults()
        self._timing = timing
        self._seed = seed
        self._temperature_c = temperature_c
        self._readout_ns = round(timing.readout_us * _NS_PER_US)
        self._waiting: list[tuple[int, int, Callable[[int], None]]] = []
        self._order = itertools.count()
        self._settings = program
        self._running = False
        self._acquisition = self._ended = 0
        self._number = 0
        self._now_ns = 0
        self._free_ns = 0
        self._next_ns = 0
        self._level = 0
        self._disturbed = False
        self._open: _Open | None = None
        self._finished: list[ExposureRequest] = []

    @property
    def ended(self) -> int:
        """Number of the last acquisition that has ended, by a stop or by its count of frames."""
        return self._ended

    def start(self, time_ns: int, acquisition: int) -> None:
        """Begin an acquisition, unless it is stopped before its time has come."""

        def begin(now_ns: int) -> None:
            if acquisition <= self._ended:
                return
            self._running, self._open = True, None
            self._acquisition, self._number = acquisition, 0
            self._next_ns = now_ns + self._timing.start_latency_ns

        self._at(time_ns, begin)

    def change(self, time_ns: int, program: Program) -> None:
        """Expose by another program from now on; an exposure under way stays as it is."""

        def begin(_now_ns: int) -> None:
            self._settings = program

        self._at(time_ns, begin)

    def stop(self, time_ns: int, acquisition: int) -> None:
        """End an acquisition; an exposure under way is finished."""

        def end(_now_ns: int) -> None:
            self._running, self._ended = False, acquisition

        self._at(time_ns, end)

    def software_trigger(self, time_ns: int) -> None:
        """Expose once, where software may."""

        def fire(now_ns: int) -> None:
            if self._running and self._settings.trigger == "software":
                self._trigger("software", now_ns)

        self._at(time_ns, fire)

    def edge(self, level: int, time_ns: int) -> None:
        """The line has changed its level."""
        self._advance(time_ns)
        if level == self._level:
            return
        self._level = level
        program, held = self._settings, self._open
        if held is not None and held.cause == "line" and level != held.program.active_level:
            self._close(held, time_ns)
        elif self._running and program.trigger == "line" and level == program.active_level:
            self._trigger("line", time_ns)

    def mark(self, time_ns: int) -> None:
        """No edge will come before this time."""
        self._advance(time_ns)

    def take(self) -> list[ExposureRequest]:
        """Exposures that have been read out by now, in their order; each is handed out once."""
        count = sum(request.due_ns <= self._now_ns for request in self._finished)
        taken, self._finished = self._finished[:count], self._finished[count:]
        return taken

    def _at(self, time_ns: int, action: Callable[[int], None]) -> None:
        heapq.heappush(self._waiting, (time_ns, next(self._order), action))

    def _advance(self, time_ns: int) -> None:
        """Do all that lies before a time, in its order."""
        while True:
            own_ns, own = self._next_of_its_own()
            if self._waiting and self._waiting[0][0] <= min(time_ns, own_ns):
                at_ns, _, action = heapq.heappop(self._waiting)
                self._now_ns = max(at_ns, self._now_ns)
                action(self._now_ns)
            elif own_ns <= time_ns:
                own(own_ns)
            else:
                break
        self._now_ns = max(self._now_ns, time_ns)

    def _next_of_its_own(self) -> tuple[int, Callable[[int], None]]:
        """When the next exposure without a trigger begins, and what begins it."""
        if self._running and self._open is None:
            if self._settings.trigger == "free":
                return max(self._next_ns, self._free_ns), self._free_run
            if self._disturbed:
                return max(self._now_ns, self._free_ns), self._glitch
        return _NEVER, self._free_run

    def _free_run(self, begin_ns: int) -> None:
        program = self._settings
        self._next_ns = begin_ns + program.period_ns
        self._expose("free", begin_ns, begin_ns, begin_ns + self._timed_ns(program), program)

    def _glitch(self, begin_ns: int) -> None:
        self.faults.glitches -= 1
        self._disturbed = self.faults.glitches > 0
        self.tally.glitches += 1
        program = self._settings
        width_ns = GLITCH_NS if program.mode == "TriggerWidth" else self._timed_ns(program)
        self._expose("glitch", begin_ns, begin_ns, begin_ns + width_ns, program)

    def _trigger(self, cause: Cause, time_ns: int) -> None:
        program = self._settings
        self.tally.triggers += 1
        begin_ns = time_ns + program.delay_ns + self._timing.start_latency_ns
        if self.faults.miss:
            self.faults.miss -= 1
            self.tally.missed += 1
        elif self._open is not None or begin_ns < self._free_ns:
            self.tally.busy += 1
        elif program.mode == "TriggerWidth" and cause == "line":
            self._open = _Open(cause, time_ns, begin_ns, program)
        else:
            end_ns = begin_ns + self._timed_ns(program)
            self._expose(cause, time_ns, begin_ns, end_ns, program)

    def _close(self, held: _Open, time_ns: int) -> None:
        self._open = None
        end_ns = time_ns + held.program.delay_ns + self._timing.end_latency_ns
        self._expose(held.cause, held.trigger_ns, held.begin_ns, end_ns, held.program)

    def _timed_ns(self, program: Program) -> int:
        return max(program.exposure_ns + self._timing.exposure_offset_ns, 1)

    def _expose(
        self, cause: Cause, trigger_ns: int, begin_ns: int, end_ns: int, program: Program
    ) -> None:
        wide = program.mode == "TriggerWidth" and cause in ("line", "glitch")
        early_ns, late_ns = self._jitter_ns()
        light = (begin_ns + early_ns, end_ns + (late_ns if wide else early_ns))
        if light[1] <= light[0]:
            self.tally.short += 1
            return
        self._free_ns = end_ns + self._readout_ns
        self._finished.append(
            ExposureRequest(
                acquisition=self._acquisition,
                number=self._number,
                cause=cause,
                trigger_ns=trigger_ns,
                begin_ns=light[0],
                end_ns=light[1],
                due_ns=self._free_ns,
                commanded_us=None if wide else program.exposure_ns / _NS_PER_US,
                picture=program.picture,
                temperature_c=self._temperature_c(light[0]),
            )
        )
        self._disturbed = self.faults.glitches > 0
        self.tally.exposed += 1
        self._number += 1
        if self._number == program.frames:
            self._running, self._ended = False, self._acquisition

    def _jitter_ns(self) -> tuple[int, int]:
        seed = np.random.SeedSequence([*self._seed, self._acquisition, self._number])
        draws = np.random.default_rng(seed).standard_normal(2) * self._timing.jitter_rms_ns
        return round(draws[0]), round(draws[1])
