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


@pytest.mark.parametrize("block_ms", [3, 18])
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


@pytest.mark.parametrize("phase_ms", [-1.9, -0.5, 0.01, 5.0, 6.9, 7.5, 12.0, 40.0])
def test_a_hang_ends_in_a_reset_with_the_pins_low(talk: Conversation, phase_ms: float) -> None:
    talk.do("RUN 0")
    hung = talk.board.cycle + round((2 + phase_ms) * MS)
    talk.board.run_until(hung)
    talk.board.hang()
    talk.board.run_for(0.036)
    assert b"EVT BOOT cause=watchdog" in talk.board.receive()  # behind a line that broke off
    talk.rest = b""
    assert talk.board.level(1) == talk.board.level(2) == 0
    edges = talk.board.edges()
    for channel in (1, 2):
        assert np.all(np.diff(pulses(edges, channel)) <= 30 * MS)
    assert talk.status()["boot"] == "watchdog"
    assert talk.say(line("2:STOP")) == "2:ERR 7 sequence expect=0"


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
    talk.board.send(line("1:SET NAME half-written"))
    talk.board.run_for(0.02)
    talk.board.reset()
    talk.wait("BOOT", 0.2)
    assert fields(talk.outside("ID?"))["name"] == "-"


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
