"""Exposures from edges: latency, jitter, ignored triggers, modes, free run."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from acquisition.camera_timing import CameraTiming, exposure_interval
from hardware.twin.exposures import ExposureRequest, Picture, Program
from hardware.twin.optics import Region
from hardware.twin.pixel_formats import PIXEL_FORMATS
from hardware.twin.shutter import GLITCH_NS, Shutter
from hardware.twin.world_config import TimingConfig

pytestmark = pytest.mark.unit

US, MS = 1_000, 1_000_000
PICTURE = Picture(Region(0, 0, 64, 48), PIXEL_FORMATS["BayerRG8"])
TIMING = TimingConfig(
    start_latency_ns=5_000,
    end_latency_ns=9_000,
    exposure_offset_ns=14_000,
    jitter_rms_ns=0.0,
    readout_us=3_000.0,
)


def program(**fields: object) -> Program:
    return Program(**{"picture": PICTURE, "trigger": "line", **fields})  # type: ignore[arg-type]


def sensor(timing: TimingConfig = TIMING, **fields: object) -> Shutter:
    """One that acquires from 0 on."""
    shutter = Shutter(timing, (7, 1), lambda _: 30.0, program(**fields))
    shutter.start(0, 1)
    shutter.mark(0)
    return shutter


def run(shutter: Shutter, *edges: int) -> list[ExposureRequest]:
    """Edges at these times, the first one rising, then a long wait."""
    for count, time_ns in enumerate(edges):
        shutter.edge(1 - count % 2, time_ns)
    shutter.mark(edges[-1] + 1_000 * MS)
    return shutter.take()


def spans(requests: list[ExposureRequest]) -> list[tuple[int, int]]:
    return [(request.begin_ns, request.end_ns) for request in requests]


def test_the_triggers_width_exposes_with_both_latencies() -> None:
    found = run(sensor(mode="TriggerWidth"), 10 * MS, 26 * MS, 60 * MS, 62 * MS)
    assert spans(found) == [
        (10 * MS + 5 * US, 26 * MS + 9 * US),
        (60 * MS + 5 * US, 62 * MS + 9 * US),
    ]
    assert [request.number for request in found] == [0, 1]
    assert [request.trigger_ns for request in found] == [10 * MS, 60 * MS]
    assert found[0].exposure_us == 16_004.0
    assert found[0].commanded_us is None
    assert found[0].due_ns == found[0].end_ns + 3 * MS
    assert found[0].temperature_c == 30.0


def test_a_timed_exposure_has_its_offset_whatever_the_falling_edge_does() -> None:
    found = run(sensor(exposure_ns=2 * MS), 10 * MS, 10 * MS + US, 40 * MS, 60 * MS)
    assert spans(found) == [(t + 5 * US, t + 5 * US + 2_014 * US) for t in (10 * MS, 40 * MS)]
    assert found[0].commanded_us == 2000.0


def test_the_delay_moves_both_ends_of_a_pulse() -> None:
    found = run(sensor(mode="TriggerWidth", delay_ns=250 * US), 10 * MS, 12 * MS)
    assert spans(found) == [(10_255 * US, 12_259 * US)]


def test_a_falling_activation_exposes_while_the_line_is_low() -> None:
    shutter = sensor(mode="TriggerWidth", active_level=0)
    assert spans(run(shutter, 10 * MS, 20 * MS, 30 * MS)) == [(20_005 * US, 30_009 * US)]


def test_triggers_during_exposure_and_readout_are_ignored() -> None:
    shutter = sensor(exposure_ns=10 * MS)
    # the first one reads out until 10 + 0.005 + 10.014 + 3 = 23.019 ms
    found = run(shutter, 10 * MS, 11 * MS, 15 * MS, 16 * MS, 23_013 * US, 23_013_500, 50 * MS)
    assert [request.trigger_ns for request in found] == [10 * MS, 50 * MS]
    assert shutter.tally.busy == 2
    assert [request.number for request in found] == [0, 1]
    just = run(sensor(exposure_ns=10 * MS), 10 * MS, 11 * MS, 23_014 * US)
    assert len(just) == 2


def test_a_pulse_that_ends_before_the_sensor_begins_exposes_nothing() -> None:
    late = TIMING.model_copy(update={"start_latency_ns": 50_000, "end_latency_ns": 0})
    shutter = sensor(late, mode="TriggerWidth")
    assert run(shutter, 10 * MS, 10 * MS + 50_000, 20 * MS, 22 * MS)[0].trigger_ns == 20 * MS
    assert shutter.tally.short == 1


def test_a_line_that_is_high_already_does_not_trigger() -> None:
    shutter = Shutter(TIMING, (7, 1), lambda _: 30.0, program(mode="TriggerWidth"))
    shutter.edge(1, 1 * MS)
    shutter.start(2 * MS, 1)
    shutter.edge(0, 10 * MS)
    shutter.edge(1, 20 * MS)
    shutter.edge(0, 21 * MS)
    shutter.mark(50 * MS)
    assert [request.trigger_ns for request in shutter.take()] == [20 * MS]


def test_what_a_consumer_does_takes_its_place_by_time() -> None:
    shutter = Shutter(TIMING, (7, 1), lambda _: 30.0, program(exposure_ns=MS))
    shutter.start(15 * MS, 1)
    shutter.change(25 * MS, program(exposure_ns=2 * MS))
    shutter.stop(35 * MS, 1)
    found = run(shutter, *[t * MS for n in range(1, 5) for t in (10 * n, 10 * n + 1)])
    assert [(r.trigger_ns, r.commanded_us) for r in found] == [(20 * MS, 1000.0), (30 * MS, 2000.0)]


def test_an_exposure_under_way_outlives_a_stop() -> None:
    shutter = sensor(mode="TriggerWidth")
    shutter.edge(1, 10 * MS)
    shutter.stop(12 * MS, 1)
    assert spans(run(shutter, 10 * MS, 20 * MS)) == [(10_005 * US, 20_009 * US)]


def test_a_late_start_that_was_stopped_never_begins() -> None:
    shutter = Shutter(TIMING, (7, 1), lambda _: 30.0, program())
    shutter.start(50 * MS, 1)
    shutter.stop(20 * MS, 1)
    assert run(shutter, 60 * MS, 61 * MS) == []


def test_so_many_frames_end_an_acquisition() -> None:
    shutter = sensor(exposure_ns=MS, frames=2)
    found = run(shutter, *[t * MS for n in range(1, 6) for t in (10 * n, 10 * n + 1)])
    assert [request.number for request in found] == [0, 1]
    assert shutter.ended == 1
    shutter.start(2_000 * MS, 2)
    again = run(shutter, 2_010 * MS, 2_011 * MS)
    assert [(request.acquisition, request.number) for request in again] == [(2, 0)]


def test_without_trigger_it_runs_at_its_rate_or_as_fast_as_it_can() -> None:
    shutter = sensor(trigger="free", period_ns=20 * MS, exposure_ns=4 * MS)
    shutter.mark(100 * MS)
    found = shutter.take()
    assert [r.begin_ns for r in found] == [n * 20 * MS + 5 * US for n in range(5)]
    fast = sensor(trigger="free", exposure_ns=4 * MS)
    fast.mark(100 * MS)
    steps = np.diff([request.begin_ns for request in fast.take()])
    assert set(steps.tolist()) == {4 * MS + 14 * US + 3 * MS}


def test_a_changed_rate_counts_from_the_next_exposure() -> None:
    shutter = sensor(trigger="free", period_ns=20 * MS, exposure_ns=MS)
    shutter.change(45 * MS, program(trigger="free", period_ns=10 * MS, exposure_ns=MS))
    shutter.mark(90 * MS)
    begins = [(request.begin_ns - 5 * US) // MS for request in shutter.take()]
    assert begins == [0, 20, 40, 60, 70, 80]


def test_nothing_is_handed_out_before_it_is_read_out() -> None:
    shutter = sensor(exposure_ns=10 * MS)
    shutter.edge(1, 10 * MS)
    shutter.mark(23_018 * US)
    assert shutter.take() == []
    shutter.mark(23_019 * US)
    assert len(shutter.take()) == 1
    assert shutter.take() == []


def test_jitter_has_its_size_and_is_the_same_again() -> None:
    shaky = TIMING.model_copy(update={"jitter_rms_ns": 800.0})
    times = [t * MS for n in range(1, 1001) for t in (10 * n, 10 * n + 2)]
    first, again = (run(sensor(shaky, mode="TriggerWidth"), *times) for _ in range(2))
    assert spans(first) == spans(again)
    starts = np.array([r.begin_ns - r.trigger_ns - 5_000 for r in first], float)
    ends = np.array([r.end_ns - r.trigger_ns - 2 * MS - 9_000 for r in first], float)
    for error in (starts, ends):
        assert abs(error.mean()) < 4 * 800 / 1000**0.5
        assert error.std() == pytest.approx(800, rel=4 / 2000**0.5)
    assert abs(np.corrcoef(starts, ends)[0, 1]) < 0.13
    timed = run(sensor(shaky, exposure_ns=2 * MS), *times)
    assert {request.exposure_us for request in timed} == {2014.0}
    assert len(timed) == 1000


def test_a_missed_trigger_is_not_numbered() -> None:
    shutter = sensor(mode="TriggerWidth")
    shutter.faults.miss = 1
    found = run(shutter, *[t * MS for n in range(1, 4) for t in (20 * n, 20 * n + 2)])
    assert [request.trigger_ns for request in found] == [40 * MS, 60 * MS]
    assert [request.number for request in found] == [0, 1]
    assert (shutter.tally.triggers, shutter.tally.missed) == (3, 1)


def test_a_disturbance_follows_the_next_exposure_and_takes_no_trigger_away() -> None:
    shutter = sensor(mode="TriggerWidth")
    shutter.faults.glitches = 1
    found = run(shutter, *[t * MS for n in range(1, 4) for t in (20 * n, 20 * n + 2)])
    assert [request.cause for request in found] == ["line", "glitch", "line", "line"]
    assert [request.number for request in found] == [0, 1, 2, 3]
    assert spans(found)[1] == (25_009 * US, 25_009 * US + GLITCH_NS)
    assert shutter.tally.glitches == 1
    timed = sensor(exposure_ns=4 * MS)
    timed.faults.glitches = 1
    assert run(timed, 20 * MS, 21 * MS)[1].exposure_us == 4014.0


def test_software_triggers_only_where_it_may() -> None:
    shutter = sensor(trigger="software", exposure_ns=MS, mode="TriggerWidth")
    shutter.software_trigger(5 * MS)
    assert spans(run(shutter, 20 * MS, 22 * MS)) == [(5_005 * US, 6_019 * US)]
    line = sensor(exposure_ns=MS)
    line.software_trigger(5 * MS)
    assert len(run(line, 20 * MS, 22 * MS)) == 1


@settings(max_examples=60, deadline=None)
@given(
    wide=st.booleans(),
    rise_ns=st.integers(0, 50 * MS),
    width_ns=st.integers(100 * US, 24 * MS),
    latency_ns=st.tuples(st.integers(0, 50_000), st.integers(0, 50_000)),
    offset_ns=st.integers(-10_000, 50_000),
)
def test_it_exposes_when_the_host_expects_it_to(
    wide: bool, rise_ns: int, width_ns: int, latency_ns: tuple[int, int], offset_ns: int
) -> None:
    start_ns, end_ns = latency_ns
    host = CameraTiming(
        exposure="trigger_width" if wide else "timed",
        start_latency_ns=start_ns,
        end_latency_ns=end_ns if wide else 0,
        exposure_offset_ns=0 if wide else offset_ns,
        readout_us=3_000,
    )
    timing = TimingConfig(
        start_latency_ns=start_ns,
        end_latency_ns=end_ns,
        exposure_offset_ns=offset_ns,
        jitter_rms_ns=0.0,
    )
    shutter = sensor(timing, mode="TriggerWidth" if wide else "Timed", exposure_ns=2 * MS)
    found = run(shutter, rise_ns, rise_ns + width_ns)
    assert spans(found) == [exposure_interval(host, rise_ns, rise_ns + width_ns, 2 * MS)]
