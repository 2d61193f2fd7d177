"""Blocked interrupts, hangs, resets, floods: what the controller makes of them, on both engines."""

import numpy as np
import pytest

from hardware.board import POWER
from tests.hardware.conversation import (
    MS,
    TICK_CYCLES,
    Conversation,
    configure,
    fields,
    first_rise,
    line,
    pulses,
)

pytestmark = pytest.mark.rig


@pytest.mark.parametrize("block_ms", [3, 7])
def test_an_edge_too_late_is_a_fault(talk: Conversation, block_ms: int) -> None:
    """The CPU stands still just before a rise of C2 and past its fall."""
    talk.do("RUN 0")
    rise = first_rise(talk.board)
    talk.board.run_until(rise + 6 * MS)
    talk.board.block(block_ms * MS)
    fault = talk.wait("FAULT")
    assert fault == {"cause": "late", "channel": "2", "n": "0"}
    done = talk.wait("DONE")
    assert (done["cause"], done["cut"], done["n2"]) == ("fault", "1", "0")
    assert talk.status()["state"] == "fault"
    assert talk.do("RUN 1") == "ERR 5 state state=fault"
    assert talk.do("SET W1 1000") == "ERR 5 state state=fault"
    assert talk.do("STOP") == "OK state=fault"
    assert talk.do("ABORT") == "OK state=idle"
    talk.board.edges()
    talk.do("RUN 2")
    assert talk.wait("DONE")["cause"] == "count"
    assert len(talk.board.edges()) == 8


def test_a_short_block_changes_no_edge(talk: Conversation) -> None:
    talk.do("RUN 3")
    rise = first_rise(talk.board)
    talk.board.run_until(rise + 9 * MS - 100)
    talk.board.block(6 * MS)  # C2's fall, by hardware
    assert talk.wait("DONE")["cause"] == "count"
    assert np.all(np.diff(pulses(talk.board.edges(), 2)) == 4000 * TICK_CYCLES)


HUNG = {
    "2ms16ms, 15 fps": {},
    "1 ms": {"W1": 100, "D1": 1000, "W2": 1700, "D2": 0, "PN": 2000, "PD": 1},
    "2 ms": {"W1": 3000, "D1": 0, "W2": 500, "D2": 2500, "PN": 4000, "PD": 1},
    "3ms24ms, 30 fps": {"W1": 48000, "W2": 6000, "D2": 21000, "PN": 200000},
}


@pytest.mark.parametrize("program", HUNG)
def test_no_hang_holds_a_pin_high_for_30_ms(talk: Conversation, program: str) -> None:
    """At each phase of the hang to the frame, and of the frame to the tick of 8 ms."""
    board = talk.board
    longest_ms = {1: 0.0, 2: 0.0}
    for tick_phase_ms in np.arange(0, 8, 1.0):
        for hang_ms in np.arange(1.7, 12, 0.85):
            configure(talk, **HUNG[program])
            board.run_until((board.cycle // (8 * MS) + 1) * 8 * MS + round(tick_phase_ms * MS))
            board.edges()
            board.send(line(f"{talk.number + 1}:RUN 0"))
            board.run_for(hang_ms / 1000)
            board.hang()
            board.run_for(0.04)
            assert b"EVT BOOT cause=watchdog" in board.receive()  # behind a line that broke off
            talk.rest = b""
            assert board.level(1) == board.level(2) == 0
            edges = board.edges()
            for channel in (1, 2):
                widths = np.diff(pulses(edges, channel)) / MS
                longest_ms[channel] = max(longest_ms[channel], widths.max(initial=0.0))
            assert talk.open() == "OK nonce=4711 last=0"
    assert max(longest_ms.values()) <= 30
    # Half of what is allowed: the watchdog's oscillator may be slow.
    programmed = {c: HUNG[program].get(f"W{c}", d) / 2000 for c, d in ((1, 32000), (2, 4000))}
    assert all(longest_ms[c] <= max(programmed[c], 16.5) for c in (1, 2)), longest_ms


def test_a_hang_ends_in_a_reset_that_forgets(talk: Conversation) -> None:
    talk.do("RUN 0")
    talk.board.hang()
    talk.board.run_for(0.036)
    assert b"EVT BOOT cause=watchdog" in talk.board.receive()
    talk.rest = b""
    assert talk.status()["boot"] == "watchdog"
    assert talk.say(line("2:STOP")) == "2:ERR 7 sequence expect=0"


def test_the_busiest_controller_is_no_hang(talk: Conversation) -> None:
    """The shortest period and a line that is never still: the main loop still comes round."""
    configure(talk, W1=100, D1=0, W2=100, D2=50, PN=2000, PD=1)
    talk.do("RUN 1200")
    for _ in range(20):
        talk.board.send(line("0:STAT?") * 100 + b"x\n" * 500 + bytes(600) + b"\n")
    talk.board.run_for(1.4)
    talk.board.send(b"\n")  # what was lost at the flood's end spoils the line after it
    talk.board.run_for(0.01)
    assert b"BOOT" not in talk.board.receive()
    talk.rest = b""
    assert talk.status()["n1"] == "1200"


def test_a_reset_amid_a_pulse_ends_it(talk: Conversation) -> None:
    talk.do("RUN 0")
    rise = first_rise(talk.board)
    talk.board.run_until(rise + MS)
    talk.board.reset()
    assert talk.board.level(1) == 0
    assert talk.wait("BOOT", 0.2)["cause"] == "external"
    talk.board.run_for(0.2)
    assert len(talk.board.edges()) == 2


def test_the_name_outlives_a_reset(talk: Conversation) -> None:
    assert talk.do("SET NAME Rig_2-left") == "OK name=Rig_2-left"
    talk.board.reset(POWER)
    talk.wait("BOOT", 0.2)
    assert fields(talk.outside("ID?"))["name"] == "Rig_2-left"
    talk.open()
    assert talk.do("SET NAME sixteen-letters_") == "OK name=sixteen-letters_"
    talk.board.reset()
    talk.wait("BOOT", 0.2)
    assert fields(talk.outside("ID?"))["name"] == "sixteen-letters_"


def test_a_name_half_written_is_none(talk: Conversation) -> None:
    """Reset at any moment: the name is whole or none, told or not, and the next reset agrees."""
    board, names = talk.board, set()
    for write_ms in np.linspace(1, 66, 90):
        talk.open()
        assert talk.do("SET NAME before") == "OK name=before"
        board.send(line("2:SET NAME sixteen-letters_"))
        board.run_for(write_ms / 1000)
        told = b"2:OK name=sixteen-letters_*" in board.receive()
        seen = []
        for _ in range(2):
            board.reset()
            talk.rest = b""
            talk.wait("BOOT", 0.2)
            seen.append(fields(talk.outside("ID?"))["name"])
            board.run_for(0.005)
        assert seen[0] == seen[1], write_ms
        assert seen[0] == "sixteen-letters_" or not told
        names.add((seen[0], told))
    whole = ("sixteen-letters_", True)
    assert (
        {("-", False), whole}
        <= names
        <= {("before", False), ("-", False), whole}
        | {
            ("sixteen-letters_", False)  # reset as its last byte was being written
        }
    )


def test_a_flood_of_noise_moves_no_edge_and_hides_no_command(talk: Conversation) -> None:
    configure(talk, HB=0)
    noise = np.random.default_rng(7).integers(0, 256, 30000, np.uint8).tobytes()
    talk.board.send(line("2:RUN 9"))
    talk.board.send(noise + b"\n")
    done = talk.wait("DONE", 2)
    assert (done["n1"], done["n2"], done["cause"]) == ("9", "9", "count")
    edges = talk.board.edges()
    assert np.all(np.diff(pulses(edges, 1)) == 32000 * TICK_CYCLES)
    begins = np.arange(9) * 400000 // 3
    assert np.array_equal(np.diff(pulses(edges, 2)[:, 0]) // TICK_CYCLES, np.diff(begins))
    talk.board.run_for(0.1)
    talk.events += [text for text in talk.lines() if text.startswith("EVT")]
    lines = sum(1 for text in noise.split(b"\n") if text.strip(b"\r"))
    status = talk.status()
    assert int(status["bad"]) == lines
    assert status["lost"] == "0"
    talk.number = 2
    assert talk.do("STOP") == "OK state=idle"


def test_a_flood_of_short_lines_is_counted(talk: Conversation) -> None:
    talk.board.send(b"x\n" * 5000)
    talk.board.run_for(0.3)
    replies = list(talk.lines())
    assert set(replies) == {"?:ERR 2 crc"}
    talk.board.send(b"\n")  # what was lost at the flood's end spoils the line after it
    talk.board.run_for(0.01)
    list(talk.lines())
    assert 300 < int(talk.status()["bad"]) <= 5000
    assert talk.do("STOP") == "OK state=idle"
