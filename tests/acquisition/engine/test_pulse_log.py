"""What the trigger tells during a take."""

from __future__ import annotations

import pytest

from acquisition.engine.pulse_log import PulseLog
from acquisition.trigger.event import Done, Late, Pulse, PulsesMissing, Started

pytestmark = pytest.mark.unit


def test_pulses_are_kept_and_handed_out_once() -> None:
    log = PulseLog()
    for event in (Started(1, 5), Pulse(1, 0, 10), Pulse(1, 1, 20)):
        assert log.note(event) is None
    assert log.fresh()["ticks"].tolist() == [10, 20]
    assert len(log.fresh()) == 0
    log.note(Pulse(1, 2, 30))
    assert log.fresh()["n"].tolist() == [2]
    assert log.rows["n"].tolist() == [0, 1, 2]
    assert (len(log), log.count, log.done) == (3, 3, None)


def test_the_last_word_counts_more_than_what_was_told() -> None:
    log = PulseLog()
    log.note(Pulse(1, 0, 10))
    log.note(PulsesMissing(1, 1, 3))
    assert log.note(Done(1, 4, 5, "count", False)) is None
    assert (len(log), log.count) == (1, 5)
    assert log.trouble == ["trigger: the words of pulses 1 to 3 were lost"]


@pytest.mark.parametrize(
    ("cause", "said"),
    [
        ("stop", None),
        ("unknown", None),
        ("heartbeat", "this machine was too busy"),
        ("fault", "the run ended by 'fault'"),
    ],
)
def test_why_a_run_ended(cause: str, said: str | None) -> None:
    found = PulseLog().note(Done(1, 2, 2, cause, False))
    assert (found is None) == (said is None)
    assert said is None or said in str(found)


def test_an_edge_that_came_late() -> None:
    assert PulseLog().note(Late("late", 2, 7)) == "trigger: late at pulse 7, channel 2"
