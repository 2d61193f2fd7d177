"""The LED timing target: pattern, reading of an exposure, and the firmware on the emulator."""

import shutil
import subprocess
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bsd.errors import EnvironmentFault
from hardware.board import Board
from hardware.emulator.engine import emulated
from hardware.ledbar import pattern
from hardware.ledbar.pattern import (
    CHASE,
    ROUND_US,
    SPAN_US,
    STEP_US,
    UnreadablePattern,
    fractions,
    light_integral,
    read_exposure,
    separation_us,
    step_fraction,
)

pytestmark = pytest.mark.rig

FOLDER = Path(pattern.__file__).parent
STEP_CYCLES = 7680
EQUALISE_CYCLES = 500
SECOND = 16_000_000
OUTPUT_DISABLE = 0  # PB0, /OE of the registers
EXPOSURES_MS = (1, 2, 3, 8, 16, 24)


def _is_lit(led: int, time_us: float) -> bool:
    """The page's rules, once more and the slow way."""
    step = int(time_us // STEP_US)
    if led < 64:
        return step % 64 == led
    number = step // 64 % 256
    return led >= 72 or format(number ^ (number >> 1), "08b")[7 - (led - 64)] == "1"


def _read(begin_us: float, exposure_us: float) -> pattern.Reading:
    return read_exposure(*fractions(light_integral(begin_us, begin_us + exposure_us)))


def test_an_exposure_of_3_ms_in_closed_form() -> None:
    begin = 13 * ROUND_US + 17.7 * STEP_US
    light = light_integral(begin, begin + 3000)
    wanted = np.zeros(75)
    wanted[17], wanted[18:23], wanted[23] = 0.3 * STEP_US, STEP_US, 0.95 * STEP_US
    wanted[[64, 65, 67]] = wanted[72:] = 3000  # 13 is 0000 1011 in Gray code
    np.testing.assert_allclose(light, wanted, atol=1e-6)


@pytest.mark.parametrize("begin_us", [0.0, 29_000.0, SPAN_US - 7000.0, 1_234_567.0])
def test_light_is_the_sum_of_what_is_lit(begin_us: float) -> None:
    times = begin_us + 10.0 * np.arange(2400) + 5.0
    counted = [10.0 * sum(_is_lit(led, t) for t in times) for led in range(75)]
    np.testing.assert_allclose(light_integral(begin_us, begin_us + 24_000), counted, atol=10.01)


def test_any_exposure_reads_back_without_noise() -> None:
    rng = np.random.default_rng(3)
    for _ in range(500):
        begin, exposure = rng.uniform(0, SPAN_US), rng.uniform(960, pattern.LONGEST_US)
        reading = _read(begin, exposure)
        assert abs(separation_us(begin, reading.begin_us)) < 1e-5
        assert reading.duration_us == pytest.approx(exposure, abs=1e-5)
        assert 0 <= reading.begin_us < SPAN_US
        assert reading.place_us == 0


@pytest.mark.parametrize("number", [0, 1, 7, 127, 128, 254, 255])
@pytest.mark.parametrize("before", [0.0, 0.004, 0.25, 0.5, 0.75, 0.996, 1.0])
def test_the_round_is_known_where_the_exposure_wraps(number: int, before: float) -> None:
    begin = (number + 1) * ROUND_US - before * 16_000
    rng = np.random.default_rng(number)
    light, counter = fractions(light_integral(begin, begin + 16_000))
    noisy = counter + rng.normal(0, 0.08, 8)
    reading = read_exposure(light + rng.normal(0, 0.01, 64), noisy)
    assert abs(separation_us(begin, reading.begin_us)) < 5 * STEP_US / 100


def _noisy(begin_us: float, exposure_us: float, rng: np.random.Generator) -> pattern.Reading:
    """8 bits, a full step's light at 200 DN, 1 % noise; counter at 40 DN."""
    light, counter = fractions(light_integral(begin_us, begin_us + exposure_us))
    light = np.rint(200 * (light + rng.normal(0, 0.01, 64))) / 200
    return read_exposure(light, np.rint(40 * (counter + rng.normal(0, 0.05, 8))) / 40)


@pytest.mark.parametrize("sharp_ms", [1, 2, 3])
def test_the_offset_of_two_views_to_5_us(sharp_ms: int) -> None:
    """Alone a mid-exposure has 3.5 us; their difference in one pair of pictures 5 us."""
    rng = np.random.default_rng(sharp_ms)
    errors, begins, claimed = [], [], []
    for _ in range(300):
        middle, offset = rng.uniform(0, SPAN_US), rng.uniform(-40, 40)
        blurry = _noisy(middle - sharp_ms * 4000, sharp_ms * 8000, rng)
        sharp = _noisy(middle + offset - sharp_ms * 500, sharp_ms * 1000, rng)
        errors.append(separation_us(blurry.middle_us, sharp.middle_us) - offset)
        begins.append(separation_us(middle - sharp_ms * 4000, blurry.begin_us))
        claimed.append(blurry.sigma_us)
    assert 4.2 < np.std(errors) < 5.7
    assert abs(np.mean(errors)) < 1.0
    assert np.std(begins) == pytest.approx(np.mean(claimed), rel=0.2)


def test_errors_of_black_level_cancel_in_the_middle() -> None:
    light, counter = fractions(light_integral(100_100.0, 103_100.0))
    right, wrong = read_exposure(light, counter), read_exposure(light + 0.01, counter)
    assert wrong.begin_us - right.begin_us == pytest.approx(-4.8, abs=0.01)
    assert wrong.end_us - right.end_us == pytest.approx(4.8, abs=0.01)
    assert wrong.middle_us == pytest.approx(right.middle_us, abs=1e-6)


@pytest.mark.parametrize("rate_hz", [15, 30])
def test_pictures_of_different_pulses_are_told_apart(rate_hz: int) -> None:
    period = 1e6 / rate_hz
    count = int(SPAN_US / period)
    begins = [_read(1234.5 + k * period, 24_000).begin_us for k in range(count)]
    steps = [separation_us(a, b) for a, b in pairwise(begins)]
    np.testing.assert_allclose(steps, period, atol=1e-4)
    assert np.diff(np.sort(begins)).min() > 0.9 * period


@pytest.mark.parametrize("exposure_ms", EXPOSURES_MS)
def test_a_full_step_is_in_every_picture(exposure_ms: int) -> None:
    """So each picture checks its own scale: also 14 us short, as with a sensor's latency."""
    for begin in np.linspace(0, 3 * STEP_US, 97):
        assert _read(begin, 1000 * exposure_ms - 14).full == pytest.approx(1.0)


def test_pulses_meet_a_step_at_nine_phases() -> None:
    """Neither rate is in step with the target: a mean over pictures is no single phase's error."""
    for rate_hz in (15, 30):
        phases = np.unique(np.rint(np.arange(90) * 1e6 / rate_hz * 3 % (3 * STEP_US)))
        np.testing.assert_array_equal(phases, 160 * np.arange(9))


def test_shorter_than_a_step_within_one_led() -> None:
    begin = 5 * ROUND_US + 20.3 * STEP_US
    reading = _read(begin, 0.4 * STEP_US)
    assert reading.duration_us == pytest.approx(0.4 * STEP_US)
    assert reading.place_us == pytest.approx(0.3 * STEP_US)
    assert abs(reading.begin_us - begin) <= reading.place_us
    over_an_edge = _read(5 * ROUND_US + 63.8 * STEP_US, 0.4 * STEP_US)
    assert over_an_edge.begin_us == pytest.approx(5 * ROUND_US + 63.8 * STEP_US)
    assert over_an_edge.place_us == 0


def test_what_cannot_be_read_is_refused() -> None:
    light, counter = fractions(light_integral(1000.0, 4000.0))
    with pytest.raises(UnreadablePattern, match="no LED"):
        read_exposure(np.zeros(CHASE), counter)
    with pytest.raises(UnreadablePattern, match="fits no exposure"):
        read_exposure(np.random.default_rng(0).permutation(light), counter)
    with pytest.raises(UnreadablePattern, match="Gray code"):
        read_exposure(light, np.full(8, 0.5))
    for exposure in (62.3 * STEP_US, ROUND_US, 1.5 * ROUND_US):
        with pytest.raises(UnreadablePattern):
            _read(700.0, exposure)
    with pytest.raises(ValueError, match="64 finite"):
        read_exposure(light[:63], counter)
    with pytest.raises(ValueError, match="before it begins"):
        light_integral(2.0, 1.0)


@pytest.mark.parametrize("hang_us", [50.0, 100.0, 150.0, 180.0, 5000.0])
@pytest.mark.parametrize("begin_us", [100.0, 29_000.0])
def test_an_exposure_that_ends_in_a_hang_is_refused(begin_us: float, hang_us: float) -> None:
    """The LED that was lit as the program hung stays lit to the exposure's end."""
    stop_us = (begin_us // STEP_US + 5) * STEP_US
    light = light_integral(begin_us, stop_us)
    light[int(stop_us // STEP_US - 1) % CHASE] += hang_us
    light[CHASE + 8 :] += hang_us
    with pytest.raises(UnreadablePattern):
        read_exposure(*fractions(light))


def test_equalised_pictures_take_out_unequal_leds() -> None:
    rng = np.random.default_rng(9)
    gain = rng.uniform(0.7, 1.3, CHASE)
    light = light_integral(5_000_111.0, 5_003_111.0)
    for exposure_ms in (2, 16, 24):
        closed = light_integral(777.7, 777.7 + 1000 * exposure_ms, equalise=True)
        np.testing.assert_allclose(closed[:CHASE], exposure_ms / 2 * 31.25, atol=1e-6)
        np.testing.assert_allclose(closed[CHASE:], 1000 * exposure_ms, atol=1e-6)
        share = step_fraction(40 * gain * light[:64], 40 * gain * closed[:64], exposure_ms)
        np.testing.assert_allclose(share, light[:64] / STEP_US, atol=1e-9)
    with pytest.raises(ValueError, match="even number"):
        step_fraction(light[:64], light[:64], 3)


# --- the firmware ---------------------------------------------------------------------------------


def test_the_committed_image_is_what_the_sources_give(tmp_path: Path) -> None:
    if shutil.which("avr-gcc") is None or shutil.which("make") is None:
        pytest.skip("no avr-gcc: sudo apt install gcc-avr avr-libc binutils-avr make")
    make = ["make", "-s", "-C", str(FOLDER), f"OUT={tmp_path}", "all", "check"]
    subprocess.run(make, check=True, timeout=50)
    assert (tmp_path / "ledbar.hex").read_bytes() == (FOLDER / "ledbar.hex").read_bytes()


@pytest.fixture
def board() -> Iterator[Board]:
    try:
        target = emulated(hex_path=FOLDER / "ledbar.hex")
    except EnvironmentFault as error:
        pytest.skip(str(error))
    with target:
        yield target


class _Images:
    """What the registers took at each rising edge of the latch."""

    def __init__(self, board: Board) -> None:
        edges = board.edges()
        edges = edges[edges["channel"] == 1]
        self.rise: Any = edges["cycle"][edges["level"] == 1].astype(np.int64)
        self.fall: Any = edges["cycle"][edges["level"] == 0].astype(np.int64)
        sent = board.spi()
        stamps = sent["cycle"].astype(np.int64)
        self.whole = int(np.searchsorted(stamps, self.rise[-1])) // 3
        self.stamps = stamps[: 3 * self.whole].reshape(-1, 3)
        self.bytes = sent["byte"][: 3 * self.whole].reshape(-1, 3)
        self.rise = self.rise[: self.whole]

    @property
    def led(self) -> Any:
        """The one that is lit; fails where none or several are."""
        rows, columns = 255 - self.bytes[:, 1], self.bytes[:, 2]
        for one in (rows, columns):
            assert np.isin(one, 1 << np.arange(8)).all()
        return (8 * np.log2(rows) + np.log2(columns)).astype(int)

    @property
    def worst_us(self) -> float:
        """From an edge to the last bit of the next image, at 16 cycles a byte."""
        return float((self.stamps[1:, 2] + 16 - self.rise[:-1]).max()) / 16


def test_ten_seconds_to_the_cycle(board: Board) -> None:
    board.run_until(10 * SECOND)
    shown = _Images(board)
    steps = np.arange(shown.whole)
    assert shown.whole > 20_800
    assert set(np.diff(shown.rise)) == {STEP_CYCLES}
    assert set(shown.fall[: shown.whole] - shown.rise) == {16}
    # each image is complete before its edge, and none of it is sent before the edge before
    assert (shown.stamps[:, 2] + 17 < shown.rise).all()
    assert (shown.stamps[1:, 0] > shown.rise[:-1]).all()
    np.testing.assert_array_equal(shown.led, steps % 64)
    number = steps // 64 % 256
    np.testing.assert_array_equal(shown.bytes[:, 0], number ^ (number >> 1))
    assert shown.worst_us < 20  # of 480


def test_dark_until_the_first_edge(board: Board) -> None:
    """What the registers hold after power-up is anything."""
    board.run_until(100)
    assert board.pin(OUTPUT_DISABLE) == 1
    board.run_until(STEP_CYCLES)
    assert board.pin(OUTPUT_DISABLE) == 1
    assert len(board.edges()) == 0
    board.run_until(2 * STEP_CYCLES)
    assert board.pin(OUTPUT_DISABLE) == 0
    assert board.edges()["cycle"][0] < 1.1 * STEP_CYCLES


def test_a_hang_ends_by_itself(board: Board) -> None:
    board.run_until(SECOND // 10)
    board.spi()
    board.hang()
    board.run_for(0.1)
    sent = board.spi()
    assert sent["byte"][:3].tolist() == [0, 0xFE, 1]  # round 0, LED 0
    assert 0.02 * SECOND < sent["cycle"][0] - SECOND // 10 < 0.06 * SECOND


def test_image_and_pattern_are_the_same(board: Board) -> None:
    board.run_until(8 * SECOND)
    shown = _Images(board)
    for step in [0, 1, 63, 64, 65, 16_383, 16_384, 16_385, *range(97, 16_000, 331)]:
        light = light_integral(step * STEP_US, (step + 1) * STEP_US)
        assert light[shown.led[step]] == pytest.approx(STEP_US)
        bits = [shown.bytes[step, 0] >> bit & 1 for bit in range(8)]
        np.testing.assert_allclose(light[64:72], STEP_US * np.array(bits), atol=1e-6)


def test_jumper_changes_the_mode_between_rounds(board: Board) -> None:
    board.run_until(SECOND // 10)
    board.gate(closed=True)
    board.run_until(SECOND // 5)
    board.gate(closed=False)
    board.run_until(SECOND // 4)
    shown = _Images(board)
    np.testing.assert_array_equal(shown.led, np.arange(shown.whole) % 64)
    length = np.diff(shown.rise)
    assert set(length) == {STEP_CYCLES, EQUALISE_CYCLES}
    short = length == EQUALISE_CYCLES
    first, last = int(np.argmax(short)), len(short) - int(np.argmax(short[::-1]))
    assert short[first:last].all()
    assert first % 64 == last % 64 == 0
    assert first == 4 * 64  # the round that the jumper found goes on to its end
    assert (shown.bytes[first:last, 0] == 255).all()
    np.testing.assert_array_equal(shown.bytes[last:, 0], np.arange(len(length) + 1 - last) // 64)
    assert shown.worst_us < 20  # of 31.25


def test_a_late_image_leaves_it_dark_until_it_begins_anew(board: Board) -> None:
    board.run_until(SECOND // 10)
    before = _Images(board)
    board.run_until(int(before.rise[-1]) + STEP_CYCLES + 100)  # it works on the next image
    board.block(2 * STEP_CYCLES)
    board.run_for(0.002)
    assert board.pin(OUTPUT_DISABLE) == 1
    board.spi()
    board.edges()
    board.run_for(0.1)
    assert board.pin(OUTPUT_DISABLE) == 0
    after = _Images(board)
    quiet = int(after.stamps[0, 0]) - int(before.rise[-1])
    assert 0.02 * SECOND < quiet < 0.06 * SECOND  # the watchdog's 30 ms
    np.testing.assert_array_equal(after.led, np.arange(after.whole) % 64)
    assert (after.bytes[:64, 0] == 0).all()
