"""Pulse programs against closed forms, random delays, and a search through all of them."""

import doctest
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, event, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from acquisition import camera_timing, exposure, pulse_program
from acquisition.exposure import (
    CameraTiming,
    Exposure,
    ImpossibleExposure,
    Plan,
    PulseProgram,
    exposure_interval,
    parse_rate,
    plan,
)
from bsd.errors import UserMistake
from bsd.setting import SETTINGS, Setting

pytestmark = pytest.mark.unit

LEVEL = {"exposure": "trigger_width", "readout_us": 9_300}
IDEAL = CameraTiming(**LEVEL)
SLOW_OPTO = CameraTiming(rise_delay_ns=3_000, fall_delay_ns=40_000, **LEVEL)
FAST_OPTO = CameraTiming(rise_delay_ns=1_500, fall_delay_ns=30_000, **LEVEL)
TIMED = CameraTiming(exposure="timed", readout_us=9_300)


def _with(timing: CameraTiming, **changes: Any) -> CameraTiming:
    return CameraTiming(**{**timing.model_dump(), **changes})


@pytest.mark.parametrize(
    ("name", "widths", "delays", "rate_hz"),
    [
        ("1ms8ms", (16000, 2000), (0, 7000), 15),
        ("2ms16ms", (32000, 4000), (0, 14000), 15),
        ("3ms24ms", (48000, 6000), (0, 21000), 15),
        ("1ms8ms", (16000, 2000), (0, 7000), 30),
        ("2ms16ms", (32000, 4000), (0, 14000), 30),
        ("3ms24ms", (48000, 6000), (0, 21000), 30),
    ],
)
def test_ideal_cameras(name, widths, delays, rate_hz) -> None:
    made = plan(SETTINGS[name], rate_hz, "centre", IDEAL, IDEAL)
    assert made.program.width_ticks == widths
    assert made.program.delay_ticks == delays
    assert made.program.period_ticks == Fraction(2_000_000, rate_hz)
    assert (made.ratio, made.residual_ns, made.centre_offset_ns) == (8, 0, 0)


@pytest.mark.parametrize(
    ("name", "ratio"), [("1ms8ms", 7.81), ("2ms16ms", 7.91), ("3ms24ms", 7.94)]
)
def test_opto_isolators_uncompensated_and_compensated(name: str, ratio: float) -> None:
    setting = SETTINGS[name]
    raw = plan(setting, 15, "centre", SLOW_OPTO, FAST_OPTO, compensate=False)
    assert float(raw.ratio) == pytest.approx(ratio, abs=0.005)
    assert raw.ratio == Fraction(
        setting.blurry_us * 1000 + 37_000, setting.sharp_us * 1000 + 28_500
    )
    assert raw.centre_offset_ns == -5_750
    mended = plan(setting, 15, "centre", SLOW_OPTO, FAST_OPTO)
    assert (mended.ratio, mended.centre_offset_ns) == (8, 0)
    # W = target - (fall - rise); the difference of D is that of -(rise + fall) / 2
    assert mended.program.width_ticks[0] == 2 * setting.blurry_us - 74
    assert mended.program.width_ticks[1] == 2 * setting.sharp_us - 57
    later_ns = 500 * (mended.program.delay_ticks[1] - mended.program.delay_ticks[0])
    difference_ns = 500 * (mended.program.width_ticks[0] - mended.program.width_ticks[1])
    assert later_ns == difference_ns / 2 - (31_500 - 43_000) / 2


@pytest.mark.parametrize("mode", ["trigger_width", "timed"])
def test_additive_offset(mode: str) -> None:
    offset = {"exposure_offset_ns" if mode == "timed" else "end_latency_ns": 14_000}
    camera = CameraTiming(exposure=mode, readout_us=9_300, **offset)
    raw = plan(SETTINGS["2ms16ms"], 15, "centre", camera, camera, compensate=False)
    assert float(raw.ratio) == pytest.approx(7.951, abs=0.0005)
    assert plan(SETTINGS["2ms16ms"], 15, "centre", camera, camera).ratio == 8


@pytest.mark.parametrize(
    ("alignment", "later_ns"), [("start", 0), ("centre", 7_000_000), ("end", 14_000_000)]
)
@pytest.mark.parametrize("modes", [("level", "timed"), ("timed", "level"), ("timed", "timed")])
def test_mixed_pairs_and_alignments(alignment, later_ns, modes) -> None:
    level = _with(SLOW_OPTO, start_latency_ns=12_000, end_latency_ns=5_000)
    timed = _with(TIMED, rise_delay_ns=2_000, start_latency_ns=9_500, exposure_offset_ns=-3_000)
    blurry, sharp = ({"level": level, "timed": timed}[mode] for mode in modes)
    made = plan(SETTINGS["2ms16ms"], 15, alignment, blurry, sharp)
    assert made.sharp.begin_ns - made.blurry.begin_ns == later_ns
    assert (made.residual_ns, made.ratio) == (0, 8)
    assert made.centre_offset_ns == later_ns - 7_000_000
    if modes == ("timed", "timed"):
        assert made.program.width_ticks == (100, 100)
        assert (made.blurry.commanded_us, made.sharp.commanded_us) == (16_003.0, 2_003.0)


def test_a_trigger_pulse_twice_outlasts_the_debouncer() -> None:
    camera = _with(
        TIMED, debounce_ns=60_000, rise_delay_ns=63_000, fall_delay_ns=61_000, readout_us=0
    )
    made = plan(SETTINGS["1ms8ms"], 15, "centre", IDEAL, camera)
    width_ticks = made.program.width_ticks[1]
    assert width_ticks * 500 + 61_000 - 63_000 > 120_000
    assert (width_ticks - 1) * 500 + 61_000 - 63_000 <= 120_000


def test_dither_is_exact_and_jitter_free_says_its_rate() -> None:
    exact = plan(SETTINGS["1ms8ms"], 15, "centre", IDEAL, IDEAL).program
    assert (exact.period_numerator, exact.period_denominator) == (400_000, 3)
    assert (exact.rate_hz, exact.period_jitter_ns) == (15, 500)
    assert [exact.begin_ticks(k) for k in range(4)] == [0, 133_333, 266_666, 400_000]
    assert exact.begin_ticks(54_000) * exact.tick_ns == 3_600 * 10**9
    still = plan(SETTINGS["1ms8ms"], 15, "centre", IDEAL, IDEAL, jitter_free=True)
    assert still.program.period_ticks == 133_333
    assert still.program.period_jitter_ns == 0
    assert round(float(still.program.rate_hz), 5) == 15.00004
    assert still.rate_hz == 15
    assert "at 15.00004 fps (asked: 15; frame periods differ by 0 ns)" in still.summary()


@pytest.mark.parametrize(
    ("rate_hz", "period"),
    [
        ("14.985", Fraction(400_000_000, 2997)),
        (14.985, Fraction(400_000_000, 2997)),
        ("30000/1001", Fraction(200_200, 3)),
        (Fraction(15), Fraction(400_000, 3)),
    ],
)
def test_rates_are_exact(rate_hz, period) -> None:
    assert plan(SETTINGS["1ms8ms"], rate_hz, "centre", IDEAL, IDEAL).program.period_ticks == period


@pytest.mark.parametrize("text", ["0", "0.0", "-15", "1e9", "nan", "15/0", "15 fps", "", "1/2/3"])
def test_what_is_no_rate_is_refused(text: str) -> None:
    with pytest.raises(UserMistake, match="rate '"):
        parse_rate(text)


def test_the_period_leaves_9333_us_for_readout() -> None:
    setting = SETTINGS["3ms24ms"]
    fits = _with(IDEAL, readout_us=9_333)
    assert plan(setting, 30, "centre", fits, fits).ratio == 8
    slow = _with(IDEAL, readout_us=9_334)
    with pytest.raises(
        ImpossibleExposure,
        match=r"blurry camera: after 24000 us of exposure it needs 9334 us of readout, the period"
        r" of 33333 us leaves 9333 us: short by 1000 ns; choose at most 29\.99 fps",
    ):
        plan(setting, 30, "centre", slow, slow)
    assert plan(setting, "29.99", "centre", slow, slow).ratio == 8
    overlapping = _with(slow, overlap=True)
    assert plan(setting, 30, "centre", overlapping, fits).ratio == 8


SHORT, LONG = SETTINGS["1ms8ms"], SETTINGS["3ms24ms"]
OVER = {"overlap": True, "readout_us": 0}


def _same(debounce_ns: int) -> dict[str, int]:
    return dict.fromkeys(("debounce_ns", "rise_delay_ns", "fall_delay_ns"), debounce_ns)


@pytest.mark.parametrize(
    ("setting", "rate_hz", "blurry", "sharp", "words"),
    [
        (
            SHORT,
            40,
            {"overlap": True, "readout_us": 40_000},
            OVER,
            r"40000 us of readout is 15000000 ns more than the period .*at most 25 fps",
        ),
        (
            LONG,
            41,
            OVER | {"dead_us": 1_000},
            OVER,
            r"needs 1000 us of rest.*at most 40 fps or a shorter setting$",
        ),
        (
            LONG,
            50,
            OVER,
            OVER,
            r"blurry camera: its exposure of 24000 us is 4000000 ns longer than the period of"
            r" 20000 us; choose at most 41\.66 fps or a shorter setting$",
        ),
        (
            Setting(sharp_us=4_000, blurry_us=32_000),
            15,
            {},
            {},
            r"64000 ticks \(32000 us\), the controller's widest is 60000 ticks, 2000000 ns less",
        ),
        (
            Setting(sharp_us=40, blurry_us=320),
            15,
            {},
            {},
            r"sharp camera: needs a pulse of 80 ticks \(40 us\), .* 10000 ns more",
        ),
        (
            SHORT,
            30,
            OVER | {"start_latency_ns": 26_000_000, "end_latency_ns": 26_000_000},
            OVER,
            "ends 34000 us after .* 667000 ns after the next",
        ),
        (SHORT, 124, OVER | {"fall_delay_ns": 100}, OVER, r"35500 ns more than the period of 8064"),
        (
            SHORT,
            15,
            {},
            {"exposure": "timed", **_same(20_000), "fall_delay_ns": 66_620_000},
            r"is low for 16500 ns a frame .* \(short by 3500 ns\)",
        ),
        (SHORT, 15, {}, {"exposure": "timed", **_same(20_000_000)}, "shorten the camera's debounc"),
        (
            SHORT,
            15,
            {},
            {"exposure": "timed", "exposure_step_ns": 14_260},
            "the sharp exposure is off by a residual of -1800 ns, more than the 500 ns allowed",
        ),
        (
            SHORT,
            15,
            {},
            {"exposure": "timed", "exposure_offset_ns": 1_000_000},
            "would have to be set to 0 ns, its shortest is 1000 ns",
        ),
        (SHORT, 1_500, {}, {}, r"333333\.3333 ns beyond .* 2000 ticks; .* 0\.1 to 1000 fps"),
        (SHORT, "0.05", {}, {}, "limit of 20000000 ticks"),
        (
            SHORT,
            "14.98765432",
            {},
            {},
            r"the nearest rate is 4868000000/324800659 fps \(residual 2\.7e-06 ns a frame\)",
        ),
    ],
)
def test_refused_in_words_with_the_residual(setting, rate_hz, blurry, sharp, words) -> None:
    with pytest.raises(ImpossibleExposure, match=words) as caught:
        plan(setting, rate_hz, "centre", _with(IDEAL, **blurry), _with(IDEAL, **sharp))
    assert caught.value.exit_code == 2
    assert "\n" not in str(caught.value)


def test_an_uncompensated_delay_may_leave_no_exposure() -> None:
    late = _with(IDEAL, rise_delay_ns=1_000_000)
    with pytest.raises(ImpossibleExposure, match="sharp camera: its delays leave 0 ns of exposure"):
        plan(SHORT, 15, "centre", IDEAL, late, compensate=False)


def test_a_tolerance_of_the_users_own() -> None:
    odd = _with(IDEAL, fall_delay_ns=240)
    assert plan(SHORT, 15, "centre", odd, IDEAL).blurry.width_error_ns == 240
    words = r"the blurry exposure is off by a residual of \+240 ns, more than the 100 ns allowed"
    with pytest.raises(ImpossibleExposure, match=words):
        plan(SHORT, 15, "centre", odd, IDEAL, tolerance_ns=100)


def test_the_nearest_rate_that_a_refusal_names_is_possible() -> None:
    made = plan(SETTINGS["1ms8ms"], "4868000000/324800659", "centre", IDEAL, IDEAL)
    assert float(made.rate_hz) == pytest.approx(14.98765432, rel=1e-12)


@pytest.mark.parametrize(
    ("alignment", "tick_ns", "words"), [("middle", 500, "choose one of"), ("end", 0, "tick_ns 0")]
)
def test_what_is_no_request_is_refused(alignment, tick_ns, words) -> None:
    with pytest.raises(UserMistake, match=words):
        plan(SETTINGS["1ms8ms"], 15, alignment, IDEAL, IDEAL, tick_ns)


delays_ns = st.integers(0, 80_000)


@st.composite
def cameras(draw, most_readout_us):
    if draw(st.booleans()):
        own = {"exposure": "trigger_width", "end_latency_ns": draw(delays_ns)}
    else:
        own = {
            "exposure": "timed",
            "exposure_offset_ns": draw(st.integers(-20_000, 20_000)),
            "exposure_step_ns": draw(st.sampled_from([1, 25, 1_000])),
        }
    debounce_ns = draw(st.integers(0, 40_000))
    return CameraTiming(
        **own,
        rise_delay_ns=debounce_ns + draw(delays_ns),
        fall_delay_ns=debounce_ns + draw(delays_ns),
        start_latency_ns=draw(delays_ns),
        debounce_ns=debounce_ns,
        readout_us=draw(st.integers(0, most_readout_us)),
        overlap=draw(st.booleans()),
        dead_us=draw(st.integers(0, 300)),
    )


@settings(max_examples=200, deadline=None, derandomize=True)
@given(
    name=st.sampled_from(list(SETTINGS)),
    rate_hz=st.sampled_from(["15", "30", "14.985", "30000/1001", "7.5"]),
    alignment=st.sampled_from(["centre", "start", "end"]),
    blurry=cameras(9_000),
    sharp=cameras(9_000),
    tick_ns=st.sampled_from([500, 62, 1000]),
    jitter_free=st.booleans(),
)
def test_properties_of_every_plan(
    name, rate_hz, alignment, blurry, sharp, tick_ns, jitter_free
) -> None:
    options = {"jitter_free": jitter_free}
    try:
        made = plan(SETTINGS[name], rate_hz, alignment, blurry, sharp, tick_ns, **options)
    except ImpossibleExposure:
        assume(False)
    program = made.program
    steps = [
        tick_ns if camera.exposure == "trigger_width" else camera.exposure_step_ns
        for camera in (blurry, sharp)
    ]
    assert 2 * abs(made.residual_ns) <= tick_ns
    assert 2 * abs(made.blurry.width_error_ns) <= steps[0]
    assert 2 * abs(made.sharp.width_error_ns) <= steps[1]
    assert abs(made.blurry.width_ns - 8 * made.sharp.width_ns) <= (steps[0] + 8 * steps[1]) / 2
    assert min(program.delay_ticks) == 0
    for frame in (0, 1, 2, 1_000_003):
        begin_ns = program.begin_ticks(frame) * tick_ns
        end_ns = program.begin_ticks(frame + 1) * tick_ns
        for channel, (camera, light) in enumerate(
            [(blurry, made.blurry), (sharp, made.sharp)], start=1
        ):
            rise_ns, fall_ns = program.edges_ns(channel, frame)
            assert begin_ns <= rise_ns < fall_ns <= end_ns - 200 * tick_ns
            seen = exposure_interval(camera, rise_ns, fall_ns, light.commanded_ns)
            assert seen == (light.begin_ns + begin_ns, light.end_ns + begin_ns)
            assert begin_ns <= seen[0] < seen[1] <= end_ns
    assert Plan.model_validate_json(made.model_dump_json()) == made


@settings(max_examples=150, deadline=None, derandomize=True)
@given(
    sharp_us=st.integers(1, 6_000),
    rate=st.tuples(st.integers(1, 900), st.integers(1, 30)),
    blurry=cameras(20_000),
    sharp=cameras(20_000),
    tick_ns=st.integers(50, 5_000),
    compensate=st.booleans(),
)
def test_whatever_is_asked_is_planned_or_refused(
    sharp_us, rate, blurry, sharp, tick_ns, compensate
) -> None:
    setting = Setting(sharp_us=sharp_us, blurry_us=8 * sharp_us)
    try:
        made = plan(
            setting, Fraction(*rate), "centre", blurry, sharp, tick_ns, compensate=compensate
        )
    except ImpossibleExposure:
        event("refused")
        return
    event("planned")
    assert made.program.rate_hz == Fraction(*rate)
    if not compensate and blurry.exposure == sharp.exposure == "trigger_width":
        gains = [
            camera.fall_delay_ns + camera.end_latency_ns - head_ns
            for camera, head_ns in (
                (blurry, blurry.rise_delay_ns + blurry.start_latency_ns),
                (sharp, sharp.rise_delay_ns + sharp.start_latency_ns),
            )
        ]
        assert abs(made.blurry.width_error_ns - gains[0]) <= tick_ns / 2
        assert abs(made.sharp.width_error_ns - gains[1]) <= tick_ns / 2


def _nearest_all(errors: np.ndarray) -> np.ndarray:
    return np.flatnonzero(np.abs(errors) == np.abs(errors).min())


def _searched(setting, rate_hz, alignment, cameras_, tick_ns) -> bool:
    """Whether any program does it, by trying every width, exposure and delay."""
    period = Fraction(10**9) / (tick_ns * rate_hz)
    if not 2000 <= period <= 20_000_000:
        return False
    shortest = int(period)
    options = []
    for camera, target_us in zip(cameras_, (setting.blurry_us, setting.sharp_us), strict=True):
        target = 1000 * target_us
        fall_less_rise = camera.fall_delay_ns - camera.rise_delay_ns
        if camera.exposure == "timed":
            around = range(target - 50_000, target + 50_000)
            steps = np.array([n for n in around if n % camera.exposure_step_ns == 0])
            lengths = steps + camera.exposure_offset_ns
            widths = np.arange(100, 60_001)
            enough = widths[widths * tick_ns + fall_less_rise > 2 * camera.debounce_ns]
            found = [(int(enough[0]), int(lengths[i])) for i in _nearest_all(lengths - target)]
        else:
            widths = np.arange(60_001)
            latency = camera.end_latency_ns - camera.start_latency_ns
            lengths = widths * tick_ns + fall_less_rise + latency
            best = _nearest_all(lengths - target)
            found = [(int(i), int(lengths[i])) for i in best if 100 <= i <= 60_000]
        gap = 1000 * (camera.dead_us + (0 if camera.overlap else camera.readout_us))
        fits = [
            (width, length)
            for width, length in found
            if length > 0
            and length + gap <= shortest * tick_ns
            and 1000 * camera.readout_us * camera.overlap <= shortest * tick_ns
            and camera.debounce_ns < width * tick_ns + fall_less_rise
            and camera.debounce_ns < shortest * tick_ns - width * tick_ns - fall_less_rise
        ]
        options.append(fits)
    heads = [camera.rise_delay_ns + camera.start_latency_ns for camera in cameras_]
    shares = {"start": 0, "centre": 0.5, "end": 1}[alignment]
    later = np.arange(-shortest, shortest + 1)
    for width1, length1 in options[0]:
        for width2, length2 in options[1]:
            apart = later * tick_ns + heads[1] - heads[0] + shares * (length2 - length1)
            if (
                max(abs(length1 - 1000 * setting.blurry_us), abs(length2 - 1000 * setting.sharp_us))
                > tick_ns
            ):
                continue
            for lead in later[_nearest_all(apart)]:
                delay1 = np.arange(shortest)
                delay2 = delay1 + lead
                room = (delay2 >= 0) & (delay1 + width1 + 200 <= shortest)
                room &= delay2 + width2 + 200 <= shortest
                room &= delay1 * tick_ns + heads[0] + length1 <= shortest * tick_ns
                room &= delay2 * tick_ns + heads[1] + length2 <= shortest * tick_ns
                if room.any():
                    return True
    return False


@settings(max_examples=120, deadline=None, derandomize=True)
@given(
    sharp_us=st.sampled_from([700, 1_100, 2_000, 3_000, 4_500]),
    rate_hz=st.integers(20, 52),
    alignment=st.sampled_from(["centre", "start", "end"]),
    blurry=cameras(30_000),
    sharp=cameras(30_000),
)
def test_refused_exactly_when_no_program_does_it(
    sharp_us, rate_hz, alignment, blurry, sharp
) -> None:
    tick_ns = 9_500  # coarse, so that everything can be tried
    setting = Setting(sharp_us=sharp_us, blurry_us=8 * sharp_us)
    possible = _searched(setting, rate_hz, alignment, (blurry, sharp), tick_ns)
    try:
        plan(setting, rate_hz, alignment, blurry, sharp, tick_ns)
        made = True
    except ImpossibleExposure:
        made = False
    event("possible" if possible else "impossible")
    assert made == possible


def test_edges_give_the_exposure_back() -> None:
    opto = _with(SLOW_OPTO, start_latency_ns=7_000, end_latency_ns=8_000)
    assert exposure_interval(opto, 100, 16_000_100) == (10_100, 16_048_100)
    timed = _with(TIMED, rise_delay_ns=3_000, exposure_offset_ns=14_000)
    assert exposure_interval(timed, 100, 200, 2_000_000) == (3_100, 2_017_100)
    with pytest.raises(UserMistake, match="commanded_ns is missing"):
        exposure_interval(timed, 0, 100)
    with pytest.raises(UserMistake, match="before it rises"):
        exposure_interval(opto, 100, 99)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"exposure": "timed", "end_latency_ns": 5}, "for 'timed' give exposure_offset_ns"),
        ({"exposure": "trigger_width", "exposure_offset_ns": 5}, "whose difference is the offset"),
        ({"exposure": "timed", "debounce_ns": 5}, "add it to both"),
        ({"exposure": "timed", "rise_delay_ns": -1}, "greater than or equal to 0"),
        ({"exposure": "rolling"}, "trigger_width"),
    ],
)
def test_timings_that_contradict_themselves(fields, words) -> None:
    with pytest.raises(ValidationError, match=words):
        CameraTiming(readout_us=0, **fields)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"width_ticks": (99, 4000)}, "greater than or equal to 100"),
        ({"delay_ticks": (0, 129_134)}, "channel 2: delay 129134, width 4000 and 200 low ticks"),
        ({"period_numerator": 4_000, "period_denominator": 3}, "outside 2000 to 20000000"),
    ],
)
def test_programs_that_the_firmware_would_refuse(changes, words) -> None:
    fields = {
        "width_ticks": (32_000, 4_000),
        "delay_ticks": (0, 129_133),
        "period_numerator": 400_000,
        "period_denominator": 3,
        "tick_ns": 500,
    }
    assert PulseProgram(**fields).shortest_period_ticks == 133_333
    with pytest.raises(ValidationError, match=words):
        PulseProgram(**{**fields, **changes})


def test_a_plan_holds_its_exposures_in_whole_ns() -> None:
    light = Exposure(target_ns=10, begin_ns=0, end_ns=11, commanded_ns=None)
    assert (light.width_error_ns, light.centre_ns, light.commanded_us) == (1, 5.5, None)


@pytest.mark.parametrize("module", [exposure, camera_timing, pulse_program])
def test_examples_in_docstrings(module) -> None:
    result = doctest.testmod(module)
    assert result.failed == 0
    assert result.attempted >= 2
