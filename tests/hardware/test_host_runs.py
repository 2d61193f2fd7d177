"""Runs from their start to each of their ends, on both engines: edges, counts, causes."""

import numpy as np
import pytest

from tests.hardware.conversation import (
    MS,
    START,
    TICK_CYCLES,
    Conversation,
    configure,
    first_rise,
    line,
    pulses,
    run,
)

pytestmark = pytest.mark.rig


@pytest.mark.parametrize("frames", [1, 2, 15])
def test_a_burst_has_its_pulses_and_tells_each(talk: Conversation, frames: int) -> None:
    assert talk.do(f"RUN {frames}") == f"OK run=1 n={frames}"
    start = int(talk.wait("START")["t"], 16)
    told = []
    while len(told) < frames:
        if len(told) % 4 == 0:
            talk.do("HB")
        told.append(talk.wait("PULSE"))
    done = talk.wait("DONE")
    completed = {"n1": str(frames), "n2": str(frames)}
    assert done == {"run": "1", "cause": "count", "cut": "0"} | completed
    assert [int(pulse["n"]) for pulse in told] == list(range(frames))
    begins = np.array([k * 400000 // 3 for k in range(frames)])
    assert [int(pulse["t"], 16) - start for pulse in told] == list(begins)
    edges = talk.board.edges()
    first = pulses(edges, 1)[0, 0]
    for channel, delay, width in ((1, 0, 32000), (2, 14000, 4000)):
        rises = first + (begins + delay) * TICK_CYCLES
        expected = np.stack([rises, rises + width * TICK_CYCLES], 1)
        assert np.array_equal(pulses(edges, channel), expected)
    assert talk.do("RUN 1") == "OK run=2 n=1"


def test_thirds_of_a_tick_are_spread_evenly_for_long(talk: Conversation) -> None:
    configure(talk, PN=10001, PD=3, W1=1500, D1=100, W2=100, D2=850)
    done = run(talk, 3000)
    assert (done["n1"], done["n2"], done["cause"]) == ("3000", "3000", "count")
    edges = talk.board.edges()
    begins = np.arange(3000) * 10001 // 3
    for channel, width in ((1, 1500), (2, 100)):
        mine = pulses(edges, channel)
        assert np.array_equal((mine[:, 0] - mine[0, 0]) // TICK_CYCLES, begins)
        assert np.all(mine[:, 1] - mine[:, 0] == width * TICK_CYCLES)
    assert talk.status()["lost"] == "0"


def test_shortest_period_and_widths(talk: Conversation) -> None:
    configure(talk, PN=2000, PD=1, W1=100, D1=0, W2=1600, D2=200)
    assert run(talk, 400)["cause"] == "count"
    edges = talk.board.edges()
    assert np.all(np.diff(pulses(edges, 1)[:, 0]) == 2000 * TICK_CYCLES)
    assert np.all(np.diff(pulses(edges, 2)) == 1600 * TICK_CYCLES)
    assert len(edges) == 1600


def test_longest_period_and_delay(talk: Conversation) -> None:
    configure(talk, PN=20000000, PD=1, D1=16000000, W1=60000, D2=8191, W2=60000)
    assert run(talk, 2, 25)["cause"] == "count"
    edges = talk.board.edges()
    assert np.diff(pulses(edges, 1)[:, 0])[0] == 20000000 * TICK_CYCLES
    assert pulses(edges, 1)[0, 0] - pulses(edges, 2)[0, 0] == (16000000 - 8191) * TICK_CYCLES


@pytest.mark.parametrize("phase", np.random.default_rng(3).uniform(0.07, 0.21, 12).round(5))
def test_stop_ends_both_channels_on_the_same_frame(talk: Conversation, phase: float) -> None:
    assert talk.do("RUN 0") == "OK run=1 n=0"
    sent = talk.board.cycle
    begin = int(talk.wait("START")["t"], 16)
    raw = line(f"{talk.number + 1}:STOP")
    talk.board.send_at(sent + round(phase * 16e6), raw)
    done = talk.wait("DONE")
    assert (done["cause"], done["cut"], done["n1"]) == ("stop", "0", done["n2"])
    edges = talk.board.edges()
    n = int(done["n1"])
    assert len(pulses(edges, 1)) == len(pulses(edges, 2)) == n
    assert np.all(np.diff(pulses(edges, 1)) == 32000 * TICK_CYCLES)
    assert np.all(np.diff(pulses(edges, 2)) == 4000 * TICK_CYCLES)
    frame = 400000 / 3 * TICK_CYCLES
    executed = sent + phase * 16e6 + len(raw) * 320 - pulses(edges, 1)[0, 0]
    assert n == int(executed // frame) + 1
    assert begin > 0


def test_stop_before_the_first_frame_and_when_idle(talk: Conversation) -> None:
    assert talk.do("STOP") == "OK state=idle"
    talk.board.send(line("2:RUN 5") + line("3:STOP"))
    done = talk.wait("DONE")
    assert (done["n1"], done["n2"], done["cause"]) == ("0", "0", "stop")
    assert len(talk.board.edges()) == 0


@pytest.mark.parametrize(("after_ms", "cut"), [(5, 1), (30, 0)])
def test_abort_makes_both_low_at_once(talk: Conversation, after_ms: int, cut: int) -> None:
    talk.do("RUN 0")
    rise = first_rise(talk.board)
    talk.board.send_at(rise + after_ms * MS, line("2:ABORT"))
    done = talk.wait("DONE")
    assert (done["cause"], done["cut"], done["n1"]) == ("abort", str(cut), str(1 - cut))
    edges = talk.board.edges()
    assert talk.board.level(1) == talk.board.level(2) == 0
    if cut:
        assert edges["cycle"][-1] - rise < (after_ms + 1) * MS
    talk.number = 2
    assert talk.do("ABORT") == "OK state=idle"
    assert talk.do("RUN 1") == "OK run=2 n=1"
    assert talk.wait("DONE")["cut"] == "0"


def test_a_silent_host_ends_the_run(talk: Conversation) -> None:
    configure(talk, HB=100)
    talk.do("RUN 0")
    said = talk.board.cycle
    done = talk.wait("DONE")
    assert (done["cause"], done["cut"], done["n1"]) == ("heartbeat", "0", done["n2"])
    assert int(done["n1"]) == 2  # 100 ms after RUN the second frame has begun
    assert talk.board.cycle - said < 150 * MS


def test_no_damaged_line_is_a_heartbeat(talk: Conversation) -> None:
    configure(talk, HB=100)
    talk.do("RUN 0")
    for _ in range(20):
        talk.board.run_for(0.01)
        assert talk.say(b"2:HB*0000\n") == "?:ERR 2 crc"
    assert talk.wait("DONE")["cause"] == "heartbeat"


def test_a_bounded_run_without_heartbeat(talk: Conversation) -> None:
    configure(talk, HB=0)
    talk.do("RUN 20")
    assert talk.wait("DONE", 2)["cause"] == "count"


def test_what_is_refused_while_running(talk: Conversation) -> None:
    talk.do("RUN 0")
    assert talk.do("SET W1 1000") == "ERR 5 state state=running"
    assert talk.do("SET NAME x") == "ERR 5 state state=running"
    assert talk.do("RUN 1") == "ERR 5 state state=running"
    assert talk.do("STOP") == "OK state=stopping"
    assert talk.do("STOP") == "OK state=stopping"
    assert talk.do("SET W1 1000") == "ERR 5 state state=stopping"
    talk.wait("DONE")
    assert talk.do("CFG?") == f"OK {START}"


def test_the_gate_holds_and_ends_a_run(talk: Conversation) -> None:
    configure(talk, GATE=1)
    assert talk.do("RUN 0") == "OK run=1 n=0"
    assert talk.status()["state"] == "waiting"
    talk.board.gate(True)
    talk.wait("START", 0.03)
    assert talk.status()["gate"] == "1"
    talk.wait("PULSE")
    talk.board.gate(False)
    talk.board.run_for(0.004)
    talk.board.gate(True)  # a bounce
    talk.board.run_for(0.02)
    assert talk.status()["state"] == "running"
    talk.board.gate(False)
    done = talk.wait("DONE")
    assert (done["cause"], done["cut"], done["n1"]) == ("gate", "0", done["n2"])


def test_a_run_that_waits_can_be_stopped(talk: Conversation) -> None:
    configure(talk, GATE=1)
    for end in ("STOP", "ABORT"):
        talk.do("RUN 0")
        assert talk.do(end) == "OK state=idle"
        done = talk.wait("DONE")
        assert (done["cause"], done["n1"], done["n2"]) == (end.lower(), "0", "0")
    assert len(talk.board.edges()) == 0


def test_fields_that_just_fit(talk: Conversation) -> None:
    configure(talk, D1=101133, D2=129133)
    assert run(talk, 3)["cause"] == "count"
    edges = talk.board.edges()
    assert np.all(np.diff(pulses(edges, 1).ravel())[1::2] >= 200 * TICK_CYCLES)
