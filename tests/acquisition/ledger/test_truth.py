"""The ledger against a rig whose truth is known: no pair of two pulses, whatever goes wrong.

`BSD_LEDGER_EXAMPLES` sets how many random sessions are tried (150).
"""

from __future__ import annotations

import os
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from acquisition.ledger.joining import NO_PULSE, Anchor, Ledger, Verdict, reconcile
from acquisition.rig import ROLES, Role
from tests.acquisition.ledger.truth import Bench, Fault, Take, take

pytestmark = pytest.mark.unit

EXAMPLES = int(os.environ.get("BSD_LEDGER_EXAMPLES", "150"))
RATES = [Fraction(15), Fraction(30000, 1001), Fraction(24), Fraction(120), Fraction(300)]
KINDS = [
    *("miss", "lose", "truncate", "extra", "late", "early", "twice", "foreign", "untimed"),
    *("reset", "jump", "drift", "stall"),
]


def check(made: Take, ledger: Ledger) -> None:
    """What holds for every ledger."""
    rows = ledger.rows
    of_pulse = rows["pulse"] != NO_PULSE
    assert rows["pulse"][of_pulse].tolist() == list(range(int(of_pulse.sum())))
    for role, prefix in zip(ROLES, ("c1", "c2"), strict=True):
        index = rows[f"{prefix}_index"]
        assert sorted(index[index >= 0].tolist()) == list(range(len(made.arrivals[role])))
        ids = made.arrivals[role]["frame_id"][index[index >= 0]]
        assert (rows[f"{prefix}_frame_id"][index >= 0] == ids).all()
    for row in rows[rows["verdict"] == Verdict.PAIRED]:
        exposed_by = [
            made.truth["blurry"][row["c1_index"]],
            made.truth["sharp"][row["c2_index"]],
        ]
        assert exposed_by == [row["pulse"], row["pulse"]]
        assert (row["c1_verdict"], row["c2_verdict"]) == (Verdict.PAIRED, Verdict.PAIRED)
    both = (rows["c1_verdict"] == Verdict.PAIRED) | (rows["c2_verdict"] == Verdict.PAIRED)
    assert (both == (rows["verdict"] == Verdict.PAIRED)).all()
    whole = bool((rows["verdict"] == Verdict.PAIRED).all())
    assert whole or not ledger.good


def off_grid(bench: Bench, pulses: int) -> float:
    """How far from whole periods a disturbance must be to be one that can be known."""
    if pulses < 20:  # the rate is not known well
        return 0.15
    return 0.03 + 20 * bench.jitter_ns / float(bench.period * 500)


@st.composite
def benches(draw: st.DrawFn) -> Bench:
    def whole(low: int, high: int) -> int:
        return draw(st.integers(low, high))

    rate = draw(st.sampled_from(RATES))
    return Bench(
        rate_hz=rate,
        resonator_ppm=whole(-5_000, 5_000),
        crystal_ppm={role: whole(-100, 100) for role in ROLES},
        trigger_since_ns=-whole(1_000_000, 10**13),
        camera_since_ns={role: -whole(1_000_000, 10**13) for role in ROLES},
        latch_ns={role: whole(0, 30_000_000) for role in ROLES},
        jitter_ns=draw(st.sampled_from([0, 500, 5_000, 5_000 if rate > 100 else 30_000])),
        ids=draw(st.sampled_from(["long", "gige", "none"])),
        first_id=draw(st.sampled_from([0, 1, 65_520, 2**64 - 20])),
        times={role: draw(st.integers(0, 9)) > 0 for role in ROLES},
    )


@st.composite
def faults(draw: st.DrawFn, bench: Bench, pulses: int) -> tuple[Fault, ...]:
    found = []
    clear = off_grid(bench, pulses)
    for _ in range(draw(st.integers(0, 5))):
        kind = draw(st.sampled_from(KINDS))
        role = draw(st.sampled_from(ROLES))
        pulse = draw(
            st.one_of(st.integers(0, max(pulses - 1, 0)), st.sampled_from([0, max(pulses - 2, 0)]))
        )
        size = 0.0
        if kind == "extra":
            size = draw(st.floats(clear, 1 - clear)) + draw(st.integers(-2, 2))
        elif kind == "jump":
            size = draw(st.floats(clear, 1 - clear)) + draw(st.integers(-500, 500))
        elif kind == "drift":
            size = draw(st.integers(-9_000, 9_000))
        elif kind == "late":
            pulse = draw(st.integers(0, min(pulses, 9)))
        elif kind == "early":
            pulse = pulses - draw(st.integers(0, min(pulses, 9)))
        repeat = draw(st.integers(1, 4)) if kind in ("miss", "lose", "truncate") else 1
        if kind == "extra" and pulses >= 20:
            repeat = draw(st.integers(1, 4))
        if kind == "extra" and pulses < 20 and any(f.kind == "extra" for f in found):
            continue  # two periods apart, with all pulses missed, are a take to look at
        if kind in ("extra", "twice") and not bench.times[role]:
            continue  # with a missed one it keeps the count, which is all there is: see below
        found += [Fault(kind, role, pulse + k, size) for k in range(repeat)]
    return tuple(found)


@st.composite
def powered_anew(draw: st.DrawFn, bench: Bench) -> Bench:
    """Between two takes a device may be reset."""
    who = draw(st.sampled_from(["nobody", "nobody", "trigger", "blurry", "sharp"]))
    since = -draw(st.integers(1_000_000, 10**13))
    if who == "trigger":
        return bench.with_(trigger_since_ns=since)
    if who == "nobody":
        return bench
    return bench.with_(camera_since_ns={**bench.camera_since_ns, who: since})


@pytest.mark.timeout(180)
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(st.data())
def test_no_pair_is_of_two_pulses(data: st.DataObject) -> None:
    """Sessions of three takes; anchors go from take to take, also across a reset."""
    bench = data.draw(benches())
    anchors: dict[Role, Anchor] = {}
    start_ns = 0
    for number in range(3):
        pulses = data.draw(st.sampled_from([1, 2, 3, 5, 24, 60, 90]))
        wrong = data.draw(faults(bench, pulses)) if number else ()
        words_lost = tuple(data.draw(st.lists(st.integers(0, pulses - 1), max_size=3)))
        made = take(
            bench,
            pulses,
            wrong,
            start_ns=start_ns,
            seed=number,
            words_lost=words_lost,
            skipped_told=data.draw(st.booleans()),
        )
        ledger = reconcile(made.expected, made.pulses, made.arrivals, anchors)
        check(made, ledger)
        if not wrong and pulses > 1:
            assert (ledger.counts["paired"], ledger.good) == (pulses, True)
        event("good" if ledger.good else "bad")
        event(f"some paired: {ledger.paired > 0}")
        event(f"anchors: {len(anchors)}")
        anchors = ledger.anchors
        start_ns += round(pulses * 1e9 / float(bench.rate_hz)) + data.draw(
            st.sampled_from([10**9, 2 * 10**10, 10**12])
        )
        bench = data.draw(powered_anew(bench))


def test_a_slip_that_an_anchor_alone_can_see() -> None:
    """The first pulse missed, and a disturbance where one pulse more would have been."""
    bench = Bench(resonator_ppm=-1_000)
    good = take(bench, 60, seed=1, start_ns=-8_000_000_000)
    anchors = reconcile(good.expected, good.pulses, good.arrivals).anchors
    faults = (Fault("miss", "sharp", 0), Fault("extra", "sharp", 60, 0.0))
    made = take(bench, 60, faults, seed=2)
    blind = reconcile(made.expected, made.pulses, made.arrivals)
    assert blind.good  # this is what cannot be known without one
    seen = reconcile(made.expected, made.pulses, made.arrivals, anchors)
    check(made, seen)
    assert {Verdict(v) for v in seen.of("sharp", "verdict")} == {
        Verdict.UNDECIDED,
        Verdict.SLIPPED,
    }
    assert [finding.kind for finding in seen.findings] == ["slipped"]
    assert set(seen.anchors) == {"blurry"}


def test_without_times_a_missed_and_an_extra_frame_cannot_be_known() -> None:
    bench = Bench(times={"blurry": True, "sharp": False})
    made = take(bench, 30, (Fault("miss", "sharp", 5), Fault("extra", "sharp", 20, 0.4)))
    ledger = reconcile(made.expected, made.pulses, made.arrivals)
    assert ledger.paired == 30
    assert [(f.kind, f.bad) for f in ledger.findings] == [("count", False)]
    assert "would not be noticed" in ledger.findings[0].text


@pytest.mark.parametrize("off", [-3, -1, 1, 2, 40])
def test_an_anchor_wrong_by_whole_periods_pairs_nothing_and_is_given_up(off) -> None:
    bench = Bench()
    anchors = dict(_anchors(bench))
    wrong = replace(anchors["sharp"], device_ns=anchors["sharp"].device_ns + round(off * 1e9 / 15))
    made = take(bench, 60, seed=3)
    ledger = reconcile(made.expected, made.pulses, made.arrivals, {**anchors, "sharp": wrong})
    assert ledger.paired == 0
    assert set(ledger.anchors) == {"blurry"}
    again = reconcile(made.expected, made.pulses, made.arrivals, ledger.anchors)
    assert again.good


@pytest.mark.parametrize("off_s", [-0.03, 0.03, 5e3, 1e6])
def test_an_anchor_of_another_power_up_is_noticed(off_s) -> None:
    bench = Bench()
    anchors = dict(_anchors(bench))
    wrong = replace(anchors["sharp"], device_ns=anchors["sharp"].device_ns + round(off_s * 1e9))
    whole = take(bench, 60, seed=3)
    ledger = reconcile(whole.expected, whole.pulses, whole.arrivals, {**anchors, "sharp": wrong})
    assert ledger.good
    assert [finding.kind for finding in ledger.findings] == ["anchor"]
    late = take(bench, 60, (Fault("late", "sharp", 2),), seed=3)
    ledger = reconcile(late.expected, late.pulses, late.arrivals, {**anchors, "sharp": wrong})
    assert ledger.paired == 0
    assert "sharp" not in ledger.anchors


def test_an_anchor_is_blunt_when_the_resonator_may_have_wandered_too_far() -> None:
    bench = Bench()
    for pause_s, paired in [(120, 57), (900, 0)]:
        late = take(bench, 60, (Fault("late", "sharp", 3),), start_ns=pause_s * 10**9)
        ledger = reconcile(late.expected, late.pulses, late.arrivals, _anchors(bench))
        assert ledger.paired == paired


def test_an_anchor_of_another_exposure_is_as_unsure_as_the_exposures_differ() -> None:
    """A camera that stamps the end of an exposure is off by what the exposure has changed."""
    bench = Bench()
    first = take(bench, 60, seed=1, start_ns=-8_000_000_000)
    lengths = {"blurry": 8_000_000, "sharp": 1_000_000}
    told = replace(first.expected, exposure_ns=lengths)
    anchors = reconcile(told, first.pulses, first.arrivals).anchors
    later = take(
        bench.with_(latch_ns={"blurry": 12_000_000, "sharp": 2_000_000}),
        60,
        (Fault("late", "sharp", 3),),
    )
    longer = {"blurry": 20_000_000, "sharp": 3_000_000}
    told = replace(later.expected, exposure_ns=longer)
    assert reconcile(told, later.pulses, later.arrivals, anchors).paired == 57
    untold = reconcile(later.expected, later.pulses, later.arrivals, anchors)
    assert untold.paired == 0  # taken as a clock that began anew


def test_an_anchor_holds_from_setting_to_setting() -> None:
    """The delay of the sharp pulse changes with the setting, and the program says by how much."""
    bench = Bench()
    anchors = _anchors(bench)
    other = bench.with_(begin_ns={"blurry": 8_000, "sharp": 21_008_000})
    made = take(other, 60, (Fault("late", "sharp", 3),))
    assert reconcile(made.expected, made.pulses, made.arrivals, anchors).paired == 57


def test_an_anchor_foretells_the_next_take() -> None:
    bench = Bench(resonator_ppm=2_345, crystal_ppm={"blurry": 30, "sharp": -70})
    anchor = _anchors(bench)["sharp"]
    expected_ppm = 1e6 * ((1 - 70e-6) / (1 / (1 + 2_345e-6)) ** -1 - 1)
    assert anchor.slope_ppm == pytest.approx(expected_ppm, abs=3 * anchor.slope_uncertainty_ppm)
    assert anchor.uncertainty_ns < 20_000
    made = take(bench, 30, start_ns=30_000_000_000)
    ticks = int(made.pulses["ticks"][0])
    elapsed_ns = ticks * 500 + bench.begin_ns["sharp"] - anchor.trigger_ns
    foretold = anchor.device_ns + anchor.device_ns_after(elapsed_ns)
    off_ns = abs(foretold - int(made.arrivals["sharp"]["device_ns"][0]))
    assert off_ns < anchor.uncertainty_after_ns(elapsed_ns, None)


def _anchors(bench: Bench) -> dict[Role, Anchor]:
    good = take(bench, 60, seed=1, start_ns=-8_000_000_000)
    return reconcile(good.expected, good.pulses, good.arrivals).anchors


def test_extra_frames_at_random_phases() -> None:
    """2,000 disturbances in 100 takes: none is ever taken for a pulse's frame."""
    rng = np.random.default_rng(4)
    for seed in range(100):
        bench = Bench(resonator_ppm=float(rng.uniform(-5_000, 5_000)))
        phases = rng.uniform(0.02, 0.98, 20)
        pulses = rng.choice(90, 20, replace=False)
        faults = tuple(
            Fault("extra", "sharp", int(pulse), float(phase))
            for pulse, phase in zip(pulses, phases, strict=True)
        )
        made = take(bench, 90, faults, seed=seed)
        ledger = reconcile(made.expected, made.pulses, made.arrivals)
        check(made, ledger)
        assert ledger.paired == 90
