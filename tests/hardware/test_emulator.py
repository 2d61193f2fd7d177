"""The emulated chip, with small programs of its own: what the firmware relies on, each alone."""

import hashlib
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from bsd.errors import EnvironmentFault
from hardware.board import EXTERNAL, POWER, Board, BoardFault
from hardware.emulator.engine import emulated
from tests.hardware.avr_program import compiled

pytestmark = pytest.mark.rig

Open = Callable[..., Board]

BLINK = """
ISR(TIMER1_COMPA_vect) { OCR1A += 10000; }
int main(void) {
    DDRB = 0x06;
    TCCR1A = 1 << COM1A0; OCR1A = 20000; TIMSK1 = 1 << OCIE1A; TCCR1B = 1 << CS11;
    sei();
    for (;;) { sleep_mode(); }
}
"""
ECHO = """
ISR(USART_RX_vect) { UDR0 = UDR0 + 1; }
int main(void) {
    line(); UCSR0B |= 1 << RXCIE0; sei();
    for (;;) { sleep_mode(); }
}
"""
CAUSE = """
uint8_t cause __attribute__((section(".noinit")));
uint8_t kept __attribute__((section(".noinit")));
int main(void) {
    cause = MCUSR; MCUSR = 0; wdt_disable(); line(); say('0' + cause); say(kept); kept = 'k';
    uint8_t next = hear();
    if (next == 'w') { wdt_enable(WDTO_30MS); sei(); }
    for (;;) { }
}
"""


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Open]:
    """Opens boards with a program; they are closed at the end."""
    boards: list[Board] = []

    def open_board(source: str, eeprom: bytes = b"") -> Board:
        folder = tmp_path / hashlib.sha256(source.encode()).hexdigest()[:8]
        if not folder.exists():
            folder.mkdir()
            compiled(folder, source)
        try:
            boards.append(emulated(folder / "program.hex", eeprom=eeprom))
        except EnvironmentFault as fault:
            pytest.skip(str(fault))
        return boards[-1]

    yield open_board
    for board in boards:
        board.close()


def test_edges_come_by_compare_match_at_exact_cycles(opened: Open) -> None:
    board = opened(BLINK)
    board.run_for(1.0)
    edges = board.edges()
    assert set(edges["channel"]) == {1}
    assert np.array_equal(edges["level"], np.arange(len(edges)) % 2 == 0)
    assert set(np.diff(edges["cycle"])) == {80_000}
    # the count leaves 20000 in tick 20001 of a prescaler that runs since the reset
    first = int(edges["cycle"][0])
    assert first % 8 == 0
    assert 160_008 <= first < 160_008 + 200


def test_it_stops_at_the_cycle_and_tells_nothing_later(opened: Open) -> None:
    board = opened(BLINK)
    board.run_for(0.1)
    first = int(board.edges()["cycle"][-1]) + 80_000
    board.run_until(first - 1)
    assert (board.cycle, len(board.edges()), board.level(1)) == (first - 1, 0, 0)
    board.run_until(first)
    assert board.edges()["cycle"].tolist() == [first]
    assert board.level(1) == 1
    board.run_until(first - 1000)
    assert board.cycle == first


def test_steps_of_any_length_give_the_same_run(opened: Open) -> None:
    def trace(step: int) -> tuple[bytes, bytes, bytes]:
        board = opened(BLINK.replace("int main(void) {", "int main(void) { line(); say('x');"))
        board.send_at(50_000, b"abc")
        while board.cycle < 3_000_000:
            board.run_until(min(board.cycle + step, 3_000_000))
        return board.edges().tobytes(), board.receive(), board.eeprom()

    assert trace(3_000_000) == trace(997) == trace(31)


def test_two_boards_know_nothing_of_each_other(opened: Open) -> None:
    one, other = opened(BLINK), opened(ECHO)
    for _ in range(20):
        one.run_for(0.005)
        other.send(b"a")
        other.run_for(0.001)
    assert other.receive() == b"b" * 20
    assert len(other.edges()) == 0
    assert len(one.edges()) == 18
    assert one.receive() == b""


def test_a_byte_takes_320_cycles_each_way(opened: Open) -> None:
    board = opened(ECHO)
    board.run_until(10_000)
    board.send(b"AB")
    board.run_until(10_640)
    assert board.receive() == b""  # the first is in since 10320, its echo takes 320 from then
    board.run_until(10_720)
    assert board.receive() == b"B"
    board.run_until(11_040)
    assert board.receive() == b"C"
    board.send_at(20_000, b"x")
    board.run_until(20_319)
    assert board.receive() == b""
    board.run_until(20_400)
    assert board.receive() == b"y"


def test_the_receiver_holds_three_bytes_and_loses_what_comes_then(opened: Open) -> None:
    board = opened(
        "int main(void) { line(); say('s'); hear(); for (uint32_t i = 0; i < 20000; i++) "
        '{ __asm__ volatile("nop"); } for (;;) { say(hear()); } }'
    )
    board.run_until(2_000)
    board.send(b"-abcdef")
    board.run_for(0.1)
    assert board.receive() == b"sabc"


def test_a_line_at_another_speed_is_noise(opened: Open) -> None:
    board = opened(ECHO)
    board.run_until(1000)
    board.baud(115_200)
    board.send(b"AB")
    board.run_for(0.001)
    noise = board.receive()
    assert noise
    assert b"B" not in noise
    board.baud(500_000)
    board.send(b"A")
    board.run_for(0.001)
    assert board.receive() == b"B"


def test_causes_of_a_reset(opened: Open) -> None:
    board = opened(CAUSE)
    board.run_for(0.01)
    power = board.receive()
    assert power[:1] == b"1"
    assert power[1:] != b"k"  # memory is noise after power-up
    board.reset(EXTERNAL)
    board.run_for(0.01)
    assert board.receive() == b"2k"
    board.send(b"w")
    board.run_for(0.031)
    assert board.receive() == b""
    board.run_for(0.005)  # 4096 cycles of 128 kHz are 32 ms
    assert board.receive() == b"8k"
    board.reset(POWER)
    board.run_for(0.01)
    assert board.receive() == power


def test_a_hung_chip_is_reset_by_its_watchdog(opened: Open) -> None:
    board = opened(CAUSE)
    board.send(b"w")
    board.run_for(0.01)
    board.receive()
    board.hang()
    board.run_for(0.1)
    assert board.receive() == b"8k"


def test_a_hung_chip_without_a_watchdog_stays_so_until_a_reset(opened: Open) -> None:
    board = opened(ECHO)
    board.run_for(0.001)
    board.hang()
    board.send(b"A")
    board.run_for(1.0)
    assert board.receive() == b""
    board.reset(EXTERNAL)
    board.run_for(0.001)
    board.send(b"A")
    board.run_for(0.001)
    assert board.receive() == b"B"


def test_a_block_delays_service_but_not_the_pins(opened: Open) -> None:
    board = opened(BLINK)
    board.run_until(1_530_000)
    last = int(board.edges()["cycle"][-1])
    assert board.worst_latency() < 100
    board.run_until(last + 70_000)
    board.block(50_000)  # over the match at last + 80000
    board.run_until(last + 200_000)
    assert board.edges()["cycle"].tolist() == [last + 80_000, last + 160_000]
    assert 40_000 <= board.worst_latency() <= 40_020
    assert board.worst_latency() == 0


def test_too_long_a_block_loses_a_match(opened: Open) -> None:
    board = opened(BLINK)
    board.run_until(1_530_000)
    last = int(board.edges()["cycle"][-1])
    board.run_until(last + 70_000)
    board.block(100_000)  # the next compare value is written after its time has passed
    board.run_until(last + 600_000)
    assert board.edges()["cycle"].tolist() == [last + 80_000]


def test_a_reset_lets_the_pins_fall(opened: Open) -> None:
    board = opened(BLINK)
    board.run_for(0.1)
    while not board.level(1):
        board.run_for(0.001)
    board.edges()
    now = board.cycle
    board.reset()
    board.run_for(0.0005)
    edges = board.edges()
    assert edges["level"].tolist() == [0]
    assert now <= edges["cycle"][0] < now + 10


def test_the_gate_reads_low_when_closed_and_needs_the_pull_up_when_open(opened: Open) -> None:
    board = opened(
        "int main(void) { line(); hear(); say('0' + !!(PIND & 4)); PORTD |= 4; "
        "for (;;) { hear(); say('0' + !!(PIND & 4)); } }"
    )
    seen = b""
    for closed in (False, False, True, True, False):
        board.gate(closed)
        board.send(b"?")
        board.run_for(0.001)
        seen += board.receive()
    assert seen == b"01001"


def test_the_eeprom_is_busy_while_it_writes_and_survives_resets(opened: Open) -> None:
    board = opened(
        "int main(void) { line(); say(eeprom_read_byte((uint8_t *)3)); "
        "eeprom_write_byte((uint8_t *)3, 'N'); say('w'); eeprom_busy_wait(); say('r'); "
        "for (;;) { } }",
        eeprom=b"abcdef",
    )
    board.run_for(0.003)
    assert board.receive() == b"dw"
    board.run_for(0.001)  # 3.4 ms in all
    assert board.receive() == b"r"
    assert board.eeprom() == b"abcNef" + b"\xff" * 1018
    board.reset(POWER)
    board.run_for(0.001)
    assert board.receive() == b"Nw"


def test_a_flag_that_waits_is_served_when_its_mask_is_set(opened: Open) -> None:
    board = opened(
        "ISR(TIMER1_COMPA_vect) { say('A'); TIMSK1 = 0; } ISR(TIMER1_OVF_vect) { say('O'); }"
        "int main(void) { line(); OCR1A = 100; TCCR1B = 1; sei(); while (!(TIFR1 & 2)) { } "
        "say('f'); TIFR1 |= 1; say('0' + !!(TIFR1 & 2)); TIMSK1 = 2; for (;;) { sleep_mode(); } }"
    )
    board.run_for(0.002)
    # "TIFR1 |= 1" is one SBI on this chip and leaves the other flags alone
    assert board.receive() == b"f1A"


def test_a_flag_that_is_cleared_is_not_served(opened: Open) -> None:
    board = opened(
        "ISR(TIMER1_COMPA_vect) { say('A'); }"
        "int main(void) { line(); OCR1A = 100; TIMSK1 = 2; TCCR1B = 1; while (!(TIFR1 & 2)) { } "
        "TIFR1 = 2; TCCR1B = 0; sei(); say('n'); for (;;) { } }"
    )
    board.run_for(0.01)
    assert board.receive() == b"n"


def test_each_overflow_is_served_in_its_time(opened: Open) -> None:
    board = opened(
        "ISR(TIMER1_OVF_vect) { say('O'); }"
        "int main(void) { line(); TIMSK1 = 1; TCCR1B = 2; sei(); for (;;) { sleep_mode(); } }"
    )
    board.run_for(1.0)
    assert board.receive() == b"O" * 30  # every 32.768 ms
    assert board.worst_latency() <= 16


def test_timer0_wakes_the_chip(opened: Open) -> None:
    board = opened(
        "ISR(TIMER0_COMPA_vect) { say('t'); }"
        "int main(void) { line(); TCCR0A = 2; OCR0A = 124; TIMSK0 = 2; TCCR0B = 5; sei(); "
        "for (;;) { sleep_mode(); } }"
    )
    board.run_for(0.1)
    assert len(board.receive()) == 12  # every 8 ms


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("TCCR1A = 1;", "phase-correct"),
        ('__asm__ volatile(".word 0x0001");', "Invalid Opcode"),
        ("*(volatile uint8_t *)0x4000 = 1;", "Invalid write address"),
    ],
)
def test_a_program_that_goes_astray_stops_the_board_with_a_reason(
    opened: Open, body: str, words: str
) -> None:
    board = opened("int main(void) { " + body + " for (;;) { } }")
    with pytest.raises(BoardFault, match=words):
        board.run_for(0.01)
    with pytest.raises(BoardFault, match=words):
        board.run_for(0.01)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (":0400000001020304F2\n", "no end record"),
        (":0400000001020304F3\n:00000001FF\n", "line 1 has a wrong checksum"),
        (":04000000010203\n:00000001FF\n", "line 1 has a wrong length"),
        ("hello\n", "line 1 does not begin with a colon"),
        (":0400000901020304E9\n", "line 1 has an unknown type"),
        (":048000000102030472\n:00000001FF\n", "line 1 lies beyond the 32 KiB"),
    ],
)
def test_a_damaged_image_is_refused(tmp_path: Path, text: str, words: str) -> None:
    image = tmp_path / "bad.hex"
    image.write_text(text)
    with pytest.raises(EnvironmentFault, match=words) as caught:
        emulated(image)
    if "libsimavr" in str(caught.value):
        pytest.skip(str(caught.value))
    assert str(image) in str(caught.value)


def test_a_missing_image_is_named(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentFault, match=r"none\.hex: No such file"):
        emulated(tmp_path / "none.hex")


def test_a_closed_board_says_so(opened: Open) -> None:
    board = opened(ECHO)
    board.close()
    board.close()
    with pytest.raises(BoardFault, match="closed"):
        board.run_for(1)


def test_the_library_is_asked_for_where_simavr_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = tmp_path / "cc"
    fake.write_text(
        '#!/bin/sh\n[ "$1" = --version ] && echo fake && exit 0\n'
        'echo "chip.h:6: fatal error: simavr/sim_avr.h: No such file or directory" >&2\nexit 1\n'
    )
    fake.chmod(0o755)
    monkeypatch.setenv("CC", str(fake))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(EnvironmentFault, match="apt install libsimavr-dev"):
        emulated()


def test_the_whole_engine_under_the_sanitizers(tmp_path: Path) -> None:
    """A child process runs, resets, blocks, hangs and closes boards of the real firmware."""
    folder = Path(__file__).resolve().parents[2] / "hardware"
    source = tmp_path / "check.c"
    source.write_text(SELF_CHECK)
    sources = [*sorted((folder / "emulator").glob("*.c")), folder / "timer1" / "timer1.c"]
    words = ["cc", "-std=c11", "-g", "-O1", f"-I{folder}", "-isystem", "/usr/include/simavr"]
    words += ["-fsanitize=address,undefined", "-fno-sanitize-recover=all", str(source)]
    words += [*map(str, sources), "-lsimavr", "-o", str(tmp_path / "check")]
    built = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    if built.returncode and ("cannot find" in built.stderr or "simavr" in built.stderr):
        pytest.skip("no libsimavr or no sanitizer libraries")
    assert built.returncode == 0, built.stderr
    done = subprocess.run(
        [tmp_path / "check", compiled(tmp_path, ECHO)],
        env={"ASAN_OPTIONS": "detect_leaks=0"},  # simavr keeps the names of its interrupts
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr


SELF_CHECK = """
#include <stdio.h>
#include <string.h>
#include "board.h"
int main(int n, char **words) {
    char error[256];
    uint8_t bytes[4096];
    board_edge_t edges[64];
    for (int round = 0; round < 3 && n > 1; round++) {
        board_t *board = board_open(words[1], (const uint8_t *)"abc", 3, error, sizeof error);
        size_t heard = 0;
        if (!board) { fprintf(stderr, "%s", error); return 2; }
        for (int i = 1; i < 200; i++) {
            board_send(board, (const uint8_t *)"some bytes", 10);
            if (i % 50 == 0) { board_hang(board); }
            if (i % 60 == 0) { board_block(board, 5000); }
            if (i % 70 == 0) { board_reset(board, i & 1); }
            if (board_run_until(board, (uint64_t)i * 20000)) { return 3; }
            heard += board_receive(board, bytes, sizeof bytes);
            board_edges(board, edges, 64);
            board_gate(board, i & 1);
        }
        if (heard < 500 || board_eeprom(board, bytes, 4096) != 1024 || memcmp(bytes, "abc", 3)) {
            return 4;
        }
        board_close(board);
    }
    return board_open("/nowhere.hex", NULL, 0, error, sizeof error) != NULL;
}
"""
