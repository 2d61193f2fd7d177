"""The ledger, fault by fault, with the verdict of every row."""

from __future__ import annotations

import time
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from acquisition.arrival import NO_ID, NO_TIME
from acquisition.ledger.joining import (
    NO_INDEX,
    NO_PULSE,
    Expected,
    Ledger,
    TakePart,
    Verdict,
    decide,
    reconcile,
)
from bsd.errors import UserMistake
from tests.acquisition.ledger.truth import Bench, Fault, Take, take

pytestmark = pytest.mark.unit

V = Verdict
BENCH = Bench(resonator_ppm=3_000, crystal_ppm={"blurry": 40, "sharp": -60})


def join(made: Take, anchors=None) -> Ledger:
    return reconcile(made.expected, made.pulses, made.arrivals, anchors)


def anchors_of(bench: Bench = BENCH, **more):
    """From a good take that began 20 s before."""
    ledger = join(take(bench, 40, start_ns=-20_000_000_000, seed=9, **more))
    assert ledger.good
    return ledger.anchors


def verdicts(ledger: Ledger, role=None) -> list[Verdict]:
    """Of the pulses' rows."""
    rows = ledger.rows["pulse"] != NO_PULSE
    column = ledger.rows["verdict"] if role is None else ledger.of(role, "verdict")
    return [Verdict(code) for code in column[rows]]


def loose(ledger: Ledger) -> list[Verdict]:
    return [Verdict(code) for code in ledger.rows["verdict"][ledger.rows["pulse"] == NO_PULSE]]


def kinds(ledger: Ledger, *, bad: bool = True) -> list[str]:
    return [finding.kind for finding in ledger.findings if finding.bad == bad]


def expect(pulses: int, other: dict[int, Verdict], usual: Verdict = V.PAIRED) -> list[Verdict]:
    return [other.get(pulse, usual) for pulse in range(pulses)]


@pytest.mark.parametrize("rate_hz", [15, 30, 120, 300, Fraction(30000, 1001)])
@pytest.mark.parametrize("resonator_ppm", [-5_000, 0, 5_000])
def test_a_take_without_faults_is_fully_paired(rate_hz, resonator_ppm) -> None:
    bench = BENCH.with_(rate_hz=Fraction(rate_hz), resonator_ppm=resonator_ppm)
    made = take(bench, 60, seed=1, bookend=5)
    ledger = join(made)
    rows = ledger.rows
    assert verdicts(ledger) == [V.PAIRED] * 60
    assert (ledger.findings, ledger.good, loose(ledger)) == ((), True, [])
    assert rows["pulse_ns"][59] == (59 * bench.period.numerator // bench.period.denominator) * 500
    assert rows["c1_index"].tolist() == rows["c2_index"].tolist() == list(range(60))
    assert (rows["part"] == TakePart.BOOKEND).nonzero()[0].tolist() == [*range(5), *range(55, 60)]
    assert (rows["c2_device_ns"] == made.arrivals["sharp"]["device_ns"]).all()
    assert ledger.counts == {"paired": 60, "pulses": 60, "frames_blurry": 60, "frames_sharp": 60}


def test_a_missed_trigger_slips_nothing() -> None:
    ledger = join(take(BENCH, 30, (Fault("miss", "sharp", 11),)))
    assert verdicts(ledger) == expect(30, {11: V.MISSED})
    assert verdicts(ledger, "sharp")[11] == V.MISSED
    assert verdicts(ledger, "blurry")[11] == V.UNPAIRED
    assert ledger.rows["c2_index"][[10, 11, 12]].tolist() == [10, NO_INDEX, 11]
    assert [(f.kind, f.role, f.pulse) for f in ledger.findings] == [("missed", "sharp", 11)]
    assert "pulse 11 missed" in ledger.findings[0].text


@pytest.mark.parametrize("skipped_told", [False, True])
@pytest.mark.parametrize("ids", ["long", "gige"])
def test_a_frame_lost_on_its_way_leaves_a_gap_in_the_ids(ids, skipped_told) -> None:
    bench = BENCH.with_(ids=ids, first_id=65_525)  # frame 10 has 65535, and frame 11 may have 1
    faults = tuple(Fault("lose", "blurry", pulse) for pulse in (7, 10, 11))
    faults += (Fault("miss", "blurry", 20),)
    ledger = join(take(bench, 30, faults, skipped_told=skipped_told))
    lost = dict.fromkeys((7, 10, 11), V.INCOMPLETE)
    assert verdicts(ledger) == expect(30, {**lost, 20: V.MISSED})
    assert ledger.findings[2].text.startswith("blurry: pulses 10 to 11 lost")


def test_without_ids_only_what_the_producer_counts_tells_lost_from_missed() -> None:
    bench = BENCH.with_(ids="none")
    faults = (Fault("lose", "blurry", 7), Fault("miss", "sharp", 20))
    told = join(take(bench, 30, faults, skipped_told=True))
    assert verdicts(told) == expect(30, {7: V.INCOMPLETE, 20: V.UNDECIDED})
    untold = join(take(bench, 30, faults))
    assert verdicts(untold) == expect(30, {7: V.UNDECIDED, 20: V.UNDECIDED})


def test_one_lost_and_one_missed_side_by_side_are_not_told_apart() -> None:
    ledger = join(take(BENCH, 30, (Fault("lose", "blurry", 7), Fault("miss", "blurry", 8))))
    assert verdicts(ledger) == expect(30, {7: V.UNDECIDED, 8: V.UNDECIDED})


def test_a_truncated_frame_stands_at_its_pulse_and_is_not_paired() -> None:
    ledger = join(take(BENCH, 30, (Fault("truncate", "sharp", 5),)))
    assert verdicts(ledger) == expect(30, {5: V.INCOMPLETE})
    assert ledger.rows["c2_index"][5] == 5


@pytest.mark.parametrize("phase", [0.1, 0.38, 0.5, 0.9])
def test_an_extra_frame_is_off_the_grid(phase) -> None:
    ledger = join(take(BENCH, 30, (Fault("extra", "blurry", 12, phase),)))
    assert verdicts(ledger) == [V.PAIRED] * 30
    assert loose(ledger) == [V.EXTRA]
    assert ledger.rows["c1_index"][30] == 13
    assert [(f.kind, f.pulse) for f in ledger.findings] == [("extra", 12)]


def test_an_extra_frame_after_the_last_pulse() -> None:
    ledger = join(take(BENCH, 30, (Fault("extra", "sharp", 29, 0.4),)))
    assert (verdicts(ledger), loose(ledger)) == ([V.PAIRED] * 30, [V.EXTRA])


def test_missed_and_extra_together_keep_the_count_and_are_told_apart() -> None:
    faults = (Fault("miss", "sharp", 5), Fault("extra", "sharp", 20, 0.4))
    made = take(BENCH, 30, faults)
    assert len(made.arrivals["sharp"]) == 30
    ledger = join(made)
    assert verdicts(ledger) == expect(30, {5: V.MISSED})
    assert loose(ledger) == [V.EXTRA]
    assert kinds(ledger) == ["missed", "extra", "slipped"] or "slipped" in kinds(ledger)


def test_both_cameras_missing_the_same_pulse() -> None:
    ledger = join(take(BENCH, 30, (Fault("miss", "sharp", 5), Fault("miss", "blurry", 5))))
    assert verdicts(ledger) == expect(30, {5: V.MISSED})
    assert (verdicts(ledger, "blurry")[5], verdicts(ledger, "sharp")[5]) == (V.MISSED, V.MISSED)


@pytest.mark.parametrize(
    ("fault", "named", "pulses"),
    [
        (Fault("late", "sharp", 3), V.LATE_ARMED, (0, 1, 2)),
        (Fault("early", "sharp", 27), V.ENDED_EARLY, (27, 28, 29)),
    ],
)
def test_first_or_last_pulses_unseen_are_told_apart_by_an_anchor_only(fault, named, pulses) -> None:
    made = take(BENCH, 30, (fault,))
    without = join(made)
    assert verdicts(without) == [V.UNDECIDED] * 30
    assert verdicts(without, "blurry") == [V.UNPAIRED] * 30
    assert loose(without) == [V.UNDECIDED] * 27
    assert set(without.anchors) == {"blurry"}
    anchored = join(made, anchors_of())
    assert verdicts(anchored) == expect(30, dict.fromkeys(pulses, named))
    assert loose(anchored) == []


def test_a_stall_is_late_by_the_hosts_clock_only() -> None:
    faults = tuple(Fault("stall", "sharp", pulse) for pulse in range(10, 20))
    assert join(take(BENCH, 30, faults)).good


def test_words_of_pulses_that_were_lost() -> None:
    lost = join(take(BENCH, 30, words_lost=(0, 1, 8, 29)))
    whole = join(take(BENCH, 30))
    assert (lost.rows == whole.rows).all()
    assert lost.anchors == whole.anchors
    silent = join(take(BENCH, 30, words_lost=tuple(range(30))))
    assert (silent.rows == whole.rows).all()
    assert silent.anchors == {}


def test_ticks_and_times_may_wrap() -> None:
    wrap_ns = round(2**48 * 500 / (1 + 3e-3))
    bench = BENCH.with_(
        trigger_since_ns=-wrap_ns + 700_000_000,
        camera_since_ns={"blurry": -(2**63) + 900_000_000, "sharp": -(2**63) + 300_000_000},
        crystal_ppm={"blurry": 0.0, "sharp": 0.0},
        first_id=2**64 - 8,
    )
    made = take(bench, 30)
    for counted in (made.arrivals["blurry"]["device_ns"], made.pulses["ticks"]):
        assert counted[0] > counted[-1]
    assert join(made).good
    after = take(bench, 30, (Fault("late", "blurry", 4),), start_ns=12_000_000_000)
    assert verdicts(join(after, join(made).anchors))[4:] == [V.PAIRED] * 26


@pytest.mark.parametrize(
    "fault",
    [
        Fault("reset", "sharp", 12),
        Fault("jump", "sharp", 12, 0.4),
        Fault("jump", "sharp", 20, 700.3),
        Fault("jump", "sharp", 12, -0.5),
    ],
)
@pytest.mark.parametrize("anchored", [False, True])
def test_a_clock_that_begins_anew_pairs_nothing(fault, anchored) -> None:
    ledger = join(take(BENCH, 30, (fault,)), anchors_of() if anchored else None)
    assert verdicts(ledger) == [V.UNDECIDED] * 30
    assert loose(ledger) == [V.UNDECIDED] * 30
    assert "clock" in kinds(ledger)
    assert "sharp" not in ledger.anchors


@pytest.mark.parametrize("anchored", [False, True])
def test_a_clock_that_jumps_by_whole_periods_is_contradicted_by_the_count(anchored) -> None:
    made = take(BENCH, 30, (Fault("jump", "sharp", 12, 2.0),))
    ledger = join(made, anchors_of() if anchored else None)
    assert V.PAIRED not in verdicts(ledger)
    assert "sharp" not in ledger.anchors


@pytest.mark.parametrize("drift_ppm", [1_500, -2_800, 5_000])
def test_a_drifting_clock_is_named_from_where_it_drifts(drift_ppm) -> None:
    ledger = join(take(BENCH, 150, (Fault("drift", "sharp", 90, drift_ppm),)))
    found = verdicts(ledger)
    first = found.index(V.DRIFTING)
    assert 70 <= first <= 92
    assert set(found[:first]) == {V.PAIRED}
    assert set(found[first:]) == {V.DRIFTING}
    assert set(verdicts(ledger, "blurry")[first:]) == {V.UNPAIRED}
    assert "sharp" not in ledger.anchors
    assert ("drifting", "sharp") in [(f.kind, f.role) for f in ledger.findings]


def test_a_small_change_of_rate_is_said_and_does_no_harm() -> None:
    ledger = join(take(BENCH.with_(jitter_ns=500), 150, (Fault("drift", "sharp", 60, 100),)))
    assert ledger.good
    assert kinds(ledger, bad=False) == ["drifting"]
    assert "rate" in ledger.findings[0].text


def test_a_camera_that_runs_freely_at_nearly_the_triggers_rate() -> None:
    bench = BENCH.with_(crystal_ppm={"blurry": 40, "sharp": 900})
    ledger = join(take(bench, 60))
    assert verdicts(ledger) == [V.DRIFTING] * 60
    assert not ledger.anchors


def test_frames_of_another_arming_and_frames_that_came_twice() -> None:
    made = take(BENCH, 30, (Fault("foreign", "sharp", 0), Fault("twice", "blurry", 4)))
    made.expected = replace(made.expected, arming=None)
    ledger = join(made, anchors_of())
    assert verdicts(ledger) == expect(30, {0: V.LATE_ARMED})
    assert sorted(loose(ledger)) == [V.FOREIGN, V.REPEATED]


@pytest.mark.parametrize("first_id", [1, 17, 2**64 - 3])
def test_ids_begin_anywhere(first_id) -> None:
    assert join(take(BENCH.with_(first_id=first_id), 30)).good


def test_ids_that_stand_still_tell_nothing() -> None:
    made = take(BENCH, 30, (Fault("miss", "sharp", 9),))
    made.arrivals["sharp"]["frame_id"] = 0
    ledger = join(made)
    assert verdicts(ledger) == expect(30, {9: V.UNDECIDED})


def test_a_frame_without_a_time_and_one_with_a_wild_time() -> None:
    made = take(BENCH, 30, (Fault("untimed", "sharp", 9),))
    made.arrivals["blurry"]["device_ns"][20] = 5
    ledger = join(made)
    assert [pulse for pulse, v in enumerate(verdicts(ledger)) if v != V.PAIRED] == [9, 20]
    assert loose(ledger) == [V.UNDECIDED, V.UNDECIDED]


def test_two_frames_at_one_time_leave_their_pulse_open() -> None:
    ledger = join(take(BENCH, 30, (Fault("extra", "sharp", 9, 0.0004),)))
    assert verdicts(ledger) == expect(30, {9: V.UNDECIDED})
    assert V.EXTRA not in loose(ledger)


def test_a_camera_that_exposes_twice_at_each_pulse_is_not_believed() -> None:
    faults = tuple(Fault("extra", "sharp", pulse, 0.5) for pulse in range(30))
    ledger = join(take(BENCH, 30, faults), anchors_of())
    assert verdicts(ledger) == [V.UNDECIDED] * 30


@pytest.mark.parametrize("cameras", [("sharp",), ("blurry", "sharp")])
def test_without_times_counts_must_be_equal(cameras) -> None:
    bench = BENCH.with_(times={role: role not in cameras for role in ("blurry", "sharp")})
    right = join(take(bench, 30))
    assert right.good
    assert kinds(right, bad=False) == ["count"] * len(cameras)
    for fault in (Fault("miss", "sharp", 4), Fault("extra", "sharp", 4, 0.4)):
        assert V.PAIRED not in verdicts(join(take(bench, 30, (fault,))))
    slipped = (Fault("lose", "sharp", 4), Fault("extra", "sharp", 20, 0.4))
    assert V.PAIRED not in verdicts(join(take(bench, 30, slipped)))  # its ids tell


def test_times_that_never_come_are_none() -> None:
    made = take(BENCH, 30)
    made.arrivals["sharp"]["device_ns"] = NO_TIME
    assert kinds(join(made), bad=False) == ["count"]


def test_free_running_cameras_pair_nothing() -> None:
    made = take(BENCH, 30, (Fault("lose", "sharp", 4), Fault("truncate", "blurry", 8)))
    expected = replace(made.expected, sync="none")
    ledger = reconcile(expected, made.pulses[:0], made.arrivals)
    assert len(ledger.rows) == 59
    assert loose(ledger).count(V.FREE_RUNNING) == 58
    assert kinds(ledger) == ["incomplete", "incomplete"]
    assert (np.diff(np.maximum(ledger.rows["c1_host_ns"], ledger.rows["c2_host_ns"])) >= 0).all()
    assert decide(ledger, "mark").verdict == "free-running"
    whole = take(BENCH, 30)
    sound = reconcile(replace(whole.expected, sync="none"), whole.pulses[:0], whole.arrivals)
    decision = decide(sound, "discard_clip")
    assert (decision.keep, decision.verdict) == (True, "free-running")


def test_no_frame_at_all() -> None:
    made = take(BENCH, 30, (Fault("late", "sharp", 30),))
    known = anchors_of()
    ledger = join(made, known)
    assert verdicts(ledger) == [V.UNDECIDED] * 30
    assert kinds(ledger) == ["absent"]
    assert ledger.anchors["sharp"] == known["sharp"]
    empty = join(take(BENCH, 0))
    assert (len(empty.rows), empty.good) == (0, True)


def test_frames_without_any_pulse_are_extra() -> None:
    made = take(BENCH, 3)
    made.expected, made.pulses = replace(made.expected, pulses=0), made.pulses[:0]
    assert loose(join(made)) == [V.EXTRA] * 6


def test_one_frame_needs_an_anchor_two_show_the_period() -> None:
    one, two = take(BENCH, 1), take(BENCH, 2)
    assert verdicts(join(one)) == [V.UNDECIDED]
    assert verdicts(join(one, anchors_of())) == [V.PAIRED]
    assert verdicts(join(two)) == [V.PAIRED] * 2
    apart = take(BENCH, 2, (Fault("miss", "sharp", 1), Fault("extra", "sharp", 0, 0.8)))
    assert V.PAIRED not in verdicts(join(apart))
    assert verdicts(join(take(BENCH, 3, (Fault("extra", "sharp", 1, 0.4),)))) == [V.PAIRED] * 3


def test_a_take_that_was_stopped() -> None:
    made = take(BENCH, 18, asked=40, bookend=5)
    ledger = join(made)
    assert ledger.good
    assert kinds(ledger, bad=False) == ["stopped"]
    assert (ledger.rows["part"] == TakePart.BOOKEND).sum() == 5


def test_a_run_that_broke_off_between_the_channels() -> None:
    made = take(BENCH, 20, (Fault("early", "sharp", 19),))
    made.expected = replace(
        made.expected, pulses=19, completed={"blurry": 20, "sharp": 19}, cut=True
    )
    known = anchors_of()
    ledger = join(made, known)
    assert verdicts(ledger) == expect(20, {19: V.UNTRIGGERED})
    assert not ledger.good
    exposed = take(BENCH, 20)  # and here the shortened pulse made a frame
    exposed.expected = made.expected
    ledger = join(exposed, known)
    assert verdicts(ledger) == expect(20, {19: V.UNTRIGGERED})
    assert ledger.rows["c2_index"][19] == 19


def test_an_end_that_nobody_told_needs_an_anchor() -> None:
    made = take(BENCH, 20, words_lost=(18, 19))
    made.expected = replace(made.expected, pulses=None, cut=True)
    assert V.PAIRED not in verdicts(join(made))
    ledger = join(made, anchors_of())
    assert verdicts(ledger) == [V.PAIRED] * 18
    assert loose(ledger) == [V.UNDECIDED] * 4
    assert not ledger.good


def test_words_of_another_run_spoil_everything() -> None:
    made = take(BENCH, 30)
    made.pulses["ticks"][4] += 9
    assert V.PAIRED not in verdicts(join(made))
    made = take(BENCH, 30)
    made.expected = replace(made.expected, pulses=20)
    ledger = join(made)
    assert V.PAIRED not in verdicts(ledger)
    assert kinds(ledger)[0] == "pulses"


def test_roles_must_be_there() -> None:
    made = take(BENCH, 3)
    with pytest.raises(UserMistake, match="sharp"):
        reconcile(made.expected, made.pulses, {"blurry": made.arrivals["blurry"]})


@pytest.mark.parametrize(
    ("policy", "keep", "verdict", "stop"),
    [
        ("discard_clip", False, "discarded", False),
        ("mark", True, "marked", False),
        ("abort", False, "discarded", True),
    ],
)
def test_policies(policy, keep, verdict, stop) -> None:
    bad = decide(join(take(BENCH, 30, (Fault("miss", "sharp", 11),))), policy)
    assert (bad.keep, bad.verdict, bad.stop_session) == (keep, verdict, stop)
    assert bad.reason.startswith("sharp: pulse 11 missed")
    assert "\n" not in bad.reason
    good = decide(join(take(BENCH, 30)), policy)
    assert (good.keep, good.verdict, good.stop_session) == (True, "good", False)


def test_every_row_is_blank_where_there_is_no_frame() -> None:
    row = join(take(BENCH, 30, (Fault("miss", "sharp", 11),))).rows[11]
    assert (row["c2_index"], row["c2_frame_id"], row["c2_device_ns"]) == (-1, NO_ID, NO_TIME)
    assert row["c2_host_ns"] == -1


@pytest.mark.parametrize("rate_hz", [15, 300])
def test_an_hour_is_joined_within_a_second(rate_hz) -> None:
    made = take(BENCH.with_(rate_hz=Fraction(rate_hz)), 54_000, (Fault("miss", "sharp", 40_000),))
    begun_s = time.process_time()
    ledger = join(made)
    assert time.process_time() - begun_s < 1.0
    assert ledger.counts["paired"] == 53_999


def test_an_hour_of_a_bending_resonator() -> None:
    """Some degrees in an hour bend the trigger's clock by more than a period in all."""
    made = take(BENCH, 54_000)
    seconds = np.arange(54_000) / 15
    bend_ns = 40e-6 * seconds**2 / 3600 / 2 * 1e9
    assert bend_ns[-1] > 1e9 / 15
    for arrivals in made.arrivals.values():
        arrivals["device_ns"] += np.rint(bend_ns).astype(np.int64)
    assert join(made).good


def test_expected_counts() -> None:
    expected: Expected = take(BENCH, 30, asked=30, bookend=5).expected
    assert (expected.asked, expected.frames) == (30, 20)
    assert expected.period_ns == pytest.approx(1e9 / 15)
