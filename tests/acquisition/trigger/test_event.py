"""The watch over runs: numbers that go round, pulses and ends that are told late."""

import pytest

from acquisition.trigger.event import Done, Pulse, PulsesMissing, RunWatch, Started
from acquisition.trigger.line import Event

pytestmark = pytest.mark.unit

LAST = 65_535


def pulse(n: int, ticks: int) -> Event:
    return Event("PULSE", {"n": n, "t": ticks})


def done(run: int, frames: int) -> Event:
    return Event("DONE", {"run": run, "n1": frames, "n2": frames, "cause": "count", "cut": 0})


def test_after_the_last_number_comes_1() -> None:
    watch = RunWatch(LAST, 100)
    watch.begin(1)
    assert (watch.run, watch.running) == (1, True)
    assert watch.feed(Event("START", {"run": 1, "t": 200})) == [Started(1, 200)]
    assert watch.feed(pulse(0, 200)) == [Pulse(1, 0, 200)]
    assert watch.feed(done(LAST, 9)) == []  # the run before it, again
    assert watch.feed(done(1, 1)) == [Done(1, 1, 1, "count", False)]
    watch.begin(LAST)
    assert (watch.run, watch.running) == (1, False)


def test_a_pulse_before_its_start_belongs_to_the_next_number_in_the_round() -> None:
    watch = RunWatch(LAST, 100)
    assert watch.feed(pulse(0, 200)) == [Pulse(1, 0, 200)]


def test_numbers_follow_over_the_whole_round() -> None:
    watch = RunWatch()
    for run in (1, 2, 8_000, 30_000, 50_000, LAST, 1, 2):
        watch.begin(run)
        assert watch.run == run


def test_pulses_behind_an_end_that_was_found_are_no_run_of_their_own() -> None:
    watch = RunWatch(0, 100)
    watch.begin(1)
    watch.feed(pulse(0, 200))
    assert watch.end_unheard(1, 3, 3, ticks=900) == [
        PulsesMissing(1, 1, 2),
        Done(1, 3, 3, "unknown", None, ((1, 2),)),
    ]
    assert watch.feed(pulse(1, 400)) == []
    assert watch.feed(pulse(2, 600)) == []
    assert watch.feed(done(1, 3)) == []
    assert (watch.run, watch.running) == (1, False)
    assert watch.feed(pulse(0, 1000)) == [Pulse(2, 0, 1000)]
