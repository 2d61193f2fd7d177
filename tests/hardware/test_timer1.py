"""Timer1's model against cases worked out from the datasheet, and a plain tick-by-tick model."""

import ctypes
import random
import subprocess
from pathlib import Path

import pytest

from bsd.errors import EnvironmentFault
from hardware.compile import build, find_compiler

pytestmark = pytest.mark.rig

FOLDER = Path(__file__).resolve().parents[2] / "hardware" / "timer1"
TIFR1, GTCCR, TIMSK1, TCCR1A, TCCR1B, TCCR1C = 0x36, 0x43, 0x6F, 0x80, 0x81, 0x82
TCNT1, ICR1, OCR1A, OCR1B = 0x84, 0x86, 0x88, 0x8A
TOV, OCFA, OCFB, ICF = 0x01, 0x02, 0x04, 0x20
CLEAR_A, SET_A, TOGGLE_A, CLEAR_B, SET_B = 0x80, 0xC0, 0x40, 0x20, 0x30
NEVER = 2**64 - 1
LEVEL = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int, ctypes.c_int, ctypes.c_uint64)


class Timer:
    """The model in C with both pins as outputs, and the list of edges it told."""

    def __init__(self, library: Path, cycle: int = 0) -> None:
        self.c = ctypes.CDLL(str(library))
        self.c.timer1_next.restype = ctypes.c_uint64
        self.c.timer1_read.restype = ctypes.c_uint8
        self.c.timer1_unsupported.restype = ctypes.c_char_p
        self.state = ctypes.create_string_buffer(512)  # more than the struct takes
        self.edges: list[tuple[int, int, int]] = []
        self.told = LEVEL(lambda _, channel, level, at: self.edges.append((at, channel, level)))
        self.c.timer1_on_level(self.state, self.told, None)
        self.c.timer1_reset(self.state, ctypes.c_uint64(cycle))
        self.c.timer1_port(self.state, 0x06, 0, ctypes.c_uint64(cycle))

    def write(self, address: int, value: int, cycle: int) -> None:
        if address >= TCNT1:
            self.c.timer1_write(self.state, address + 1, value >> 8, ctypes.c_uint64(cycle))
        self.c.timer1_write(self.state, address, value & 255, ctypes.c_uint64(cycle))

    def read(self, address: int, cycle: int) -> int:
        low = self.c.timer1_read(self.state, address, ctypes.c_uint64(cycle))
        if address < TCNT1:
            return int(low)
        return int(low | self.c.timer1_read(self.state, address + 1, ctypes.c_uint64(cycle)) << 8)

    def advance(self, cycle: int) -> None:
        self.c.timer1_advance(self.state, ctypes.c_uint64(cycle))

    def port(self, ddrb: int, portb: int, cycle: int) -> None:
        self.c.timer1_port(self.state, ddrb, portb, ctypes.c_uint64(cycle))

    @property
    def flags(self) -> int:
        return int(self.c.timer1_flags(self.state))

    @property
    def next(self) -> int:
        return int(self.c.timer1_next(self.state))

    @property
    def unsupported(self) -> bytes | None:
        found = self.c.timer1_unsupported(self.state)
        assert found is None or isinstance(found, bytes)
        return found


@pytest.fixture(scope="module")
def library() -> Path:
    try:
        return build("timer1", [FOLDER / "timer1.c"])
    except EnvironmentFault as fault:
        pytest.skip(str(fault))


@pytest.fixture
def timer(library: Path) -> Timer:
    return Timer(library)


def test_a_match_shows_one_tick_after_the_count_is_reached(timer: Timer) -> None:
    timer.write(OCR1A, 10, 0)
    timer.write(OCR1B, 1000, 0)
    timer.write(TCCR1A, SET_A, 0)
    timer.write(TCCR1B, 2, 0)  # one tick is 8 cycles
    assert timer.next == 88
    timer.advance(87)
    assert (timer.read(TCNT1, 87), timer.flags, timer.edges) == (10, 0, [])
    timer.advance(88)
    assert (timer.read(TCNT1, 88), timer.flags, timer.edges) == (11, OCFA, [(88, 1, 1)])


@pytest.mark.parametrize(("select", "cycles"), [(1, 1), (2, 8), (3, 64), (4, 256), (5, 1024)])
def test_the_prescaler_runs_from_the_reset_not_from_the_start_of_the_timer(
    library: Path, select: int, cycles: int
) -> None:
    timer = Timer(library, cycle=1000)
    timer.write(TCCR1B, select, 1003)
    first = 1000 + cycles * (3 // cycles + 1)
    assert timer.read(TCNT1, first - 1) == 0
    assert timer.read(TCNT1, first) == 1
    assert timer.read(TCNT1, first + 5 * cycles) == 6


def test_a_reset_of_the_prescaler_moves_its_phase(timer: Timer) -> None:
    timer.write(TCCR1B, 2, 0)
    timer.write(GTCCR, 0x01, 13)  # one tick at 8, the next would have been at 16
    assert timer.read(TCNT1, 20) == 1
    assert timer.read(TCNT1, 21) == 2


def test_both_bytes_of_a_word_go_through_one_temporary_byte(timer: Timer) -> None:
    timer.write(TCNT1, 0x12FF, 0)
    timer.write(TCCR1B, 1, 0)
    assert timer.c.timer1_read(timer.state, TCNT1, ctypes.c_uint64(0)) == 0xFF
    # the count is 0x1300 now, but the high byte was caught with the low one
    assert timer.c.timer1_read(timer.state, TCNT1 + 1, ctypes.c_uint64(1)) == 0x12
    timer.c.timer1_write(timer.state, OCR1A + 1, 0xAB, ctypes.c_uint64(2))
    assert timer.read(OCR1A, 2) == 0  # nothing happens before the low byte
    timer.c.timer1_write(timer.state, OCR1B, 0xCD, ctypes.c_uint64(2))
    assert (timer.read(OCR1A, 2), timer.read(OCR1B, 2)) == (0, 0xABCD)


@pytest.mark.parametrize(
    ("control", "levels"),
    [(TOGGLE_A, [1, 0, 1]), (CLEAR_A, []), (SET_A, [1])],
    ids=["toggle", "clear", "set"],
)
def test_actions_at_a_match(timer: Timer, control: int, levels: list[int]) -> None:
    timer.write(OCR1A, 99, 0)
    timer.write(TCCR1A, control, 0)
    timer.write(TCCR1B, 1, 0)
    timer.advance(3 * 65536)
    assert [level for _, _, level in timer.edges] == levels
    assert [at for at, _, _ in timer.edges] == [100 + 65536 * i for i in range(len(levels))]


def test_forced_compare_moves_the_pin_at_once_and_raises_no_flag(timer: Timer) -> None:
    timer.write(TCCR1A, SET_A | SET_B, 0)
    timer.write(TCCR1C, 0xC0, 5)
    timer.write(TCCR1A, CLEAR_A | CLEAR_B, 6)
    timer.write(TCCR1C, 0x80, 7)
    assert timer.edges == [(5, 1, 1), (5, 2, 1), (7, 1, 0)]
    assert (timer.flags, timer.read(TCCR1C, 8)) == (0, 0)


def test_forced_compare_does_nothing_in_pwm(timer: Timer) -> None:
    timer.write(TCCR1A, SET_A | 3, 0)
    timer.write(TCCR1B, 0x08, 0)
    timer.write(TCCR1C, 0x80, 5)
    assert timer.edges == []


def test_writing_the_count_takes_the_next_match_away(timer: Timer) -> None:
    timer.write(OCR1A, 100, 0)
    timer.write(OCR1B, 101, 0)
    timer.write(TCCR1B, 2, 0)
    timer.write(TCNT1, 100, 3)
    timer.advance(8)
    assert (timer.read(TCNT1, 8), timer.flags) == (101, 0)
    timer.advance(16)
    assert timer.flags == OCFB


def test_a_compare_register_written_in_its_own_tick_still_matches(timer: Timer) -> None:
    timer.write(OCR1A, 0xFFFF, 0)
    timer.write(TCCR1B, 2, 0)
    timer.write(OCR1A, 5, 47)  # the count is 5 from cycle 40 to 47
    timer.advance(48)
    assert timer.flags & OCFA


def test_a_compare_register_written_a_tick_late_waits_for_a_whole_turn(timer: Timer) -> None:
    timer.write(OCR1A, 0xFFFF, 0)
    timer.write(TCCR1B, 2, 0)
    timer.write(OCR1A, 5, 48)
    timer.advance(8 * (65536 + 6) - 1)
    assert not timer.flags & OCFA
    timer.advance(8 * (65536 + 6))
    assert timer.flags & OCFA


def test_the_count_overflows_in_normal_mode(timer: Timer) -> None:
    timer.write(TCCR1B, 2, 0)
    timer.advance(65536 * 8 - 1)
    assert timer.flags & TOV == 0
    timer.advance(65536 * 8)
    assert timer.flags & TOV
    assert timer.read(TCNT1, 65536 * 8) == 0


@pytest.mark.parametrize(
    ("control_b", "top", "flag"), [(0x0A, OCR1A, OCFA), (0x1A, ICR1, ICF)], ids=["OCR1A", "ICR1"]
)
def test_clear_on_compare_has_a_period_of_top_and_one(
    timer: Timer, control_b: int, top: int, flag: int
) -> None:
    timer.write(TCCR1A, 0x10, 0)  # OC1B toggles
    timer.write(TCCR1B, control_b, 0)
    timer.write(top, 999, 0)
    timer.write(OCR1B, 10, 0)
    timer.advance(8000 * 3 + 100)
    assert timer.edges == [(88, 2, 1), (8088, 2, 0), (16088, 2, 1), (24088, 2, 0)]
    assert timer.flags & (flag | TOV) == flag


def test_a_top_below_the_count_is_missed(timer: Timer) -> None:
    timer.write(OCR1A, 1000, 0)
    timer.write(TCCR1B, 0x09, 0)
    timer.write(OCR1A, 50, 500)
    assert timer.read(TCNT1, 60000) == 60000
    assert timer.read(TCNT1, 65536 + 51) == 0
    assert timer.flags & TOV


@pytest.mark.parametrize(
    ("mode_a", "mode_b", "top"),
    [(1, 0x09, 0xFF), (2, 0x09, 0x1FF), (3, 0x09, 0x3FF), (2, 0x19, 4999)],
    ids=["8 bits", "9 bits", "10 bits", "ICR1"],
)
def test_fast_pwm(timer: Timer, mode_a: int, mode_b: int, top: int) -> None:
    timer.write(TCCR1A, CLEAR_A | mode_a, 0)
    timer.write(TCCR1B, mode_b & ~7, 0)
    timer.write(ICR1, 4999, 0)
    timer.write(OCR1A, 99, 0)
    timer.write(TCCR1B, mode_b, 0)
    period = top + 1
    timer.advance(3 * period)
    # the buffer reaches the comparator at the first bottom: high there, low OCR1A + 1 ticks later
    assert [edge for edge in timer.edges if edge[0] >= period] == [
        (period, 1, 1),
        (period + 100, 1, 0),
        (2 * period, 1, 1),
        (2 * period + 100, 1, 0),
        (3 * period, 1, 1),
    ]
    assert timer.flags & TOV


def test_a_pwm_compare_register_at_top_gives_a_constant_level(timer: Timer) -> None:
    timer.write(TCCR1A, CLEAR_A | 1, 0)
    timer.write(OCR1A, 255, 0)
    timer.write(TCCR1B, 0x09, 0)
    timer.advance(2000)
    assert timer.edges == [(256, 1, 1)]  # at the first bottom, and never again


def test_flags_go_by_writing_ones(timer: Timer) -> None:
    timer.write(OCR1A, 1, 0)
    timer.write(OCR1B, 2, 0)
    timer.write(TCCR1B, 1, 0)
    timer.advance(10)
    assert timer.read(TIFR1, 10) == OCFA | OCFB
    timer.write(TIFR1, OCFA, 11)
    assert timer.read(TIFR1, 12) == OCFB


def test_the_pin_is_the_ports_until_a_compare_action_is_chosen(timer: Timer) -> None:
    timer.port(0x06, 0x02, 1)
    timer.write(TCCR1A, CLEAR_A, 2)  # the latch is low
    timer.port(0x04, 0x02, 3)
    timer.write(TCCR1A, 0, 4)
    timer.port(0x06, 0x02, 5)
    timer.port(0x04, 0x02, 6)  # no output: the pull-down holds it
    assert timer.edges == [(1, 1, 1), (2, 1, 0), (5, 1, 1), (6, 1, 0)]


def test_a_reset_releases_the_pins(timer: Timer) -> None:
    timer.port(0x06, 0x06, 1)
    timer.c.timer1_reset(timer.state, ctypes.c_uint64(9))
    assert timer.edges[2:] == [(9, 1, 0), (9, 2, 0)]


@pytest.mark.parametrize(
    ("address", "value", "word"),
    [(TCCR1A, 1, b"phase"), (TCCR1B, 6, b"T1"), (TIMSK1, ICF, b"capture"), (GTCCR, 0x80, b"TSM")],
)
def test_what_is_not_modelled_is_said(timer: Timer, address: int, value: int, word: bytes) -> None:
    assert timer.unsupported is None
    timer.write(address, value, 0)
    assert timer.unsupported is not None
    assert word in timer.unsupported


class Plain:
    """Normal mode, clear on compare and fast PWM, one tick at a time; shares nothing with the C."""

    def __init__(self) -> None:
        self.count, self.flags, self.blocked = 0, 0, False
        self.latch, self.match, self.buffer = [0, 0], [0, 0], [0, 0]
        self.a, self.b, self.edges = 0, 0, list[tuple[int, int, int]]()
        self.pins = [0, 0]

    @property
    def kind(self) -> tuple[bool, int]:
        """Fast PWM or not, and top."""
        mode = self.a & 3 | self.b >> 1 & 12
        tops = {0: 0xFFFF, 4: self.match[0], 15: self.match[0], 5: 255, 6: 511, 7: 1023}
        return mode in (5, 6, 7, 15), tops.get(mode, 0xFFFF)

    def com(self, side: int) -> int:
        pwm, _ = self.kind
        com = self.a >> (6 - 2 * side) & 3
        dead = com == 1 and pwm and not (side == 0 and self.b & 0x10)
        return 0 if dead else com

    def show(self, cycle: int) -> None:
        for side in (0, 1):
            level = self.latch[side] if self.com(side) else 0
            if level != self.pins[side]:
                self.pins[side] = level
                self.edges.append((cycle, side + 1, level))

    def tick(self, cycle: int) -> None:
        pwm, top = self.kind
        for side in (0, 1):
            if self.count == self.match[side] and not self.blocked:
                self.flags |= (OCFA, OCFB)[side]
                com = self.com(side)
                self.latch[side] = [self.latch[side], 1 - self.latch[side], 0, 1][com]
        at_top = self.count == top and not self.blocked
        if at_top if pwm else self.count == 0xFFFF:
            self.flags |= TOV
        self.count = 0 if at_top else (self.count + 1) % 65536
        self.blocked = False
        if pwm and self.count == 0:
            for side in (0, 1):
                if self.a >> (6 - 2 * side) & 2:
                    self.latch[side] = int(self.a >> (6 - 2 * side) & 3 == 2)
            self.match = list(self.buffer)
        self.show(cycle)

    def write(self, address: int, value: int, cycle: int) -> None:
        if address == TCNT1:
            self.count, self.blocked = value, True
        elif address in (OCR1A, OCR1B):
            self.buffer[address == OCR1B] = value
            if not self.kind[0]:
                self.match[address == OCR1B] = value
        elif address == TIFR1:
            self.flags &= ~value
        elif address == TCCR1C and not self.kind[0]:
            for side in (0, 1):
                if value & 0x80 >> side:
                    self.latch[side] = [self.latch[side], 1 - self.latch[side], 0, 1][
                        self.com(side)
                    ]
        elif address in (TCCR1A, TCCR1B):
            self.a, self.b = (value, self.b) if address == TCCR1A else (self.a, value)
            if not self.kind[0]:
                self.buffer = list(self.match)
        self.show(cycle)


def _program(seed: int) -> list[tuple[int, int, int]]:
    """Register writes at random cycles; the count often lands close below a compare register."""
    pick = random.Random(seed)  # noqa: S311
    mode_a, mode_b = pick.choice([(0, 0x02), (0, 0x0A), (1, 0x0A), (2, 0x0A), (3, 0x0A), (3, 0x1A)])
    writes = [(0, TCCR1B, mode_b), (0, TCCR1A, mode_a)]
    cycle = 1
    for _ in range(60):
        address = pick.choice([TCNT1, OCR1A, OCR1A, OCR1B, OCR1B, TIFR1, TCCR1A, TCCR1C])
        value = pick.choice(
            [pick.randrange(40), pick.randrange(600), 65536 - pick.randrange(1, 40)]
        )
        if address == TCCR1A:
            value = pick.randrange(16) << 4 | mode_a
        elif address in (TIFR1, TCCR1C):
            value = pick.choice([0, 0x40, 0x80, 0xC0, TOV, OCFA, OCFB])
        writes.append((cycle, address, value))
        cycle += pick.choice([1, 7, 8, 9, 200, 1500, 4000])
    return writes


@pytest.mark.parametrize("seed", range(40))
def test_random_programs_agree_with_the_plain_model(library: Path, seed: int) -> None:
    timer, plain = Timer(library), Plain()
    program = _program(seed)
    waiting = list(program)
    for cycle in range(program[-1][0] + 6000):
        if cycle % 8 == 0 and cycle and plain.b & 7:
            plain.tick(cycle)
        while waiting and waiting[0][0] == cycle:
            _, address, value = waiting.pop(0)
            plain.write(address, value, cycle)
            timer.write(address, value, cycle)
            assert timer.read(TCNT1, cycle) == plain.count
    timer.advance(program[-1][0] + 5999)
    assert timer.edges == plain.edges
    assert timer.flags == plain.flags


@pytest.mark.parametrize("seed", range(10))
def test_nothing_changes_before_the_next_cycle_that_was_foretold(library: Path, seed: int) -> None:
    timer = Timer(library)
    for cycle, address, value in _program(seed):
        timer.write(address, value, cycle)
    now = _program(seed)[-1][0]
    for _ in range(20):
        foretold = timer.next
        before = (timer.flags, len(timer.edges))
        if foretold == NEVER:
            timer.advance(now + 8 * 200_000)
            assert (timer.flags, len(timer.edges)) == before
            return
        assert foretold > now
        timer.advance(foretold - 1)
        assert (timer.flags, len(timer.edges)) == before
        timer.advance(foretold)
        now = foretold


SELF_CHECK = """
#include <stdio.h>
#include <stdlib.h>
#include "timer1.h"
static unsigned long edges;
static void count(void *context, int channel, int level, uint64_t cycle) {
    (void)context; edges += (unsigned long)(channel + level) + (unsigned long)cycle;
}
int main(void) {
    static uint8_t const registers[] = {0x36, 0x43, 0x6F, 0x80, 0x81, 0x82, 0x84, 0x85,
                                        0x86, 0x87, 0x88, 0x89, 0x8A, 0x8B, 0x99};
    timer1_t *timer = calloc(1, sizeof *timer);
    uint64_t cycle = 0;
    srand(1);
    timer1_on_level(timer, count, NULL);
    timer1_reset(timer, 0);
    timer1_port(timer, 0x06, 0, 0);
    for (int i = 0; i < 200000; i++) {
        uint8_t const address = registers[(unsigned)rand() % sizeof registers];
        timer1_write(timer, address, (uint8_t)rand(), cycle);
        cycle += (unsigned)rand() % 4000;
        timer1_read(timer, address, cycle);
        if (timer1_next(timer) <= cycle || timer1_level(timer, 1) > 1) {
            return 1;
        }
        if (i % 1000 == 0) {
            timer1_reset(timer, cycle);
            timer1_port(timer, 0x06, 0x02, cycle);
        }
    }
    free(timer);
    return edges == 0;
}
"""


def test_random_writes_under_the_sanitizers(tmp_path: Path) -> None:
    source = tmp_path / "check.c"
    source.write_text(SELF_CHECK)
    try:
        compiler = find_compiler()
    except EnvironmentFault as fault:
        pytest.skip(str(fault))
    words = [compiler, "-std=c11", "-Wall", "-Wextra", "-Werror", "-g", "-O1", f"-I{FOLDER}"]
    words += ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
    words += [str(source), str(FOLDER / "timer1.c"), "-o", str(tmp_path / "check")]
    built = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    if built.returncode and "cannot find" in built.stderr:
        pytest.skip("the compiler's sanitizer libraries are not installed")
    assert built.returncode == 0, built.stderr
    run = subprocess.run(
        [tmp_path / "check"], capture_output=True, text=True, timeout=60, check=False
    )
    assert run.returncode == 0, run.stderr
