"""The papers' settings, planned for real delays, on the real firmware: every edge, exactly."""

import numpy as np
import pytest

from acquisition.exposure import CameraTiming, ImpossibleExposure, Plan, exposure_interval, plan
from bsd.errors import EnvironmentFault
from bsd.setting import SETTINGS
from hardware.board import CLOCK_HZ, Board
from tests.hardware.conftest import ENGINES
from tests.hardware.conversation import TICK_CYCLES, Conversation, pulses

pytestmark = pytest.mark.rig

FRAMES = 100
TICK_NS = 500
IDEAL = CameraTiming(exposure="trigger_width", readout_us=5000)
# Opto-isolators and sensors as unequal as they come.
SLOW = CameraTiming(
    exposure="trigger_width",
    rise_delay_ns=3_000,
    fall_delay_ns=40_000,
    start_latency_ns=6_300,
    end_latency_ns=20_300,
    readout_us=5000,
)
FAST = CameraTiming(
    exposure="trigger_width", rise_delay_ns=1_500, fall_delay_ns=30_000, readout_us=5000
)
PAIRS = {"ideal": (IDEAL, IDEAL), "delayed": (SLOW, FAST)}


def _run(talk: Conversation, planned: Plan, frames: int) -> tuple[np.ndarray, np.ndarray]:
    """Rise and fall in cycles of both channels' pulses, each (frames, 2)."""
    program = planned.program
    for channel in (1, 2):
        assert talk.do(f"SET W{channel} {program.width_ticks[channel - 1]}").startswith("OK")
        assert talk.do(f"SET D{channel} {program.delay_ticks[channel - 1]}").startswith("OK")
    assert talk.do(f"SET PN {program.period_numerator}").startswith("OK")
    assert talk.do(f"SET PD {program.period_denominator}").startswith("OK")
    assert talk.do("SET HB 0").startswith("OK")
    assert talk.do(f"RUN {frames}").startswith("OK")
    done = talk.wait("DONE", frames / float(program.rate_hz) + 1)
    assert (done["n1"], done["n2"], done["cause"], done["cut"]) == (str(frames),) * 2 + (
        "count",
        "0",
    )
    talk.board.run_for(0.1)  # nothing may come after
    edges = talk.board.edges()
    assert len(edges) == 4 * frames, "exactly 2N pulses and no glitch"
    return pulses(edges, 1), pulses(edges, 2)


def _optical_ns(pair: str, c1: np.ndarray, c2: np.ndarray) -> list[np.ndarray]:
    """Begin and end of the optical exposures of both cameras, by the clock of the first edge."""
    exposures = []
    for timing, cycles in zip(PAIRS[pair], (c1, c2), strict=True):
        edges_ns = (cycles - c1[0, 0]) // TICK_CYCLES * TICK_NS
        rows = [exposure_interval(timing, *row) for row in edges_ns.tolist()]
        exposures.append(np.array(rows))
    return exposures


@pytest.mark.parametrize("compensate", [True, False], ids=["compensated", "plain"])
@pytest.mark.parametrize("pair", PAIRS)
@pytest.mark.parametrize("rate", [15, 30])
@pytest.mark.parametrize("setting", SETTINGS)
def test_every_edge_of_a_hundred_frames(
    talk: Conversation, setting: str, rate: int, pair: str, compensate: bool
) -> None:
    planned = plan(SETTINGS[setting], rate, "centre", *PAIRS[pair], compensate=compensate)
    c1, c2 = _run(talk, planned, FRAMES)
    for channel, cycles in ((1, c1), (2, c2)):
        ticks = planned.program.width_ticks[channel - 1]
        assert np.array_equal(np.diff(cycles, axis=1)[:, 0], np.full(FRAMES, ticks * TICK_CYCLES))
        begins = np.arange(FRAMES) * planned.program.period_numerator
        begins = begins // planned.program.period_denominator
        delay = planned.program.delay_ticks[channel - 1]
        expected = (begins + delay) * TICK_CYCLES
        assert np.array_equal(cycles[:, 0] - cycles[0, 0], expected - expected[0])
    electrical_ns = np.abs(c2.sum(axis=1) - c1.sum(axis=1)) / 2 / TICK_CYCLES * TICK_NS
    optical = _optical_ns(pair, c1, c2)
    offset_ns = np.abs(optical[1].sum(axis=1) - optical[0].sum(axis=1)) / 2
    ratio = np.diff(optical[0], axis=1) / np.diff(optical[1], axis=1)
    if pair == "ideal" or not compensate:
        assert electrical_ns.max() <= 500
    if pair == "ideal" or compensate:
        assert offset_ns.max() <= 500
        assert np.abs(ratio / 8 - 1).max() <= 0.001
    else:  # what compensation is for
        assert offset_ns.min() > 5_000
        assert ratio.max() < 7.95


@pytest.mark.parametrize("alignment", ["start", "end"])
def test_begins_or_ends_can_coincide_instead(talk: Conversation, alignment: str) -> None:
    planned = plan(SETTINGS["2ms16ms"], 15, alignment, SLOW, FAST)  # type: ignore[arg-type]
    c1, c2 = _run(talk, planned, 20)
    side = 0 if alignment == "start" else 1
    optical = _optical_ns("delayed", c1, c2)
    assert np.abs(optical[1][:, side] - optical[0][:, side]).max() <= 500


def test_a_readout_that_does_not_fit_thirty_frames_is_refused() -> None:
    slow = IDEAL.model_copy(update={"readout_us": 12_000})
    with pytest.raises(ImpossibleExposure, match="readout"):
        plan(SETTINGS["3ms24ms"], 30, "centre", slow, slow)


@pytest.mark.parametrize("setting", SETTINGS)
def test_both_engines_give_the_same_edges(setting: str) -> None:
    planned = plan(SETTINGS[setting], 30, "centre", SLOW, FAST)
    seen = []
    for open_board in ENGINES.values():
        try:
            board = open_board()
        except EnvironmentFault as fault:
            pytest.skip(str(fault))
        with board:
            talk = Conversation(board)
            talk.wait("BOOT", 0.2)
            talk.open()
            c1, c2 = _run(talk, planned, FRAMES)
            seen.append(np.concatenate([c1, c2]) - c1[0, 0])
    assert np.array_equal(seen[0], seen[1])


def test_an_hour_at_fifteen_frames_ends_within_a_microsecond(board: Board) -> None:
    talk = Conversation(board)
    talk.wait("BOOT", 0.2)
    talk.open()
    assert talk.do("SET HB 0").startswith("OK")
    frames = 54_000
    assert talk.do(f"RUN {frames + 1}").startswith("OK")
    board.run_for(3601)
    edges = board.edges()
    c1, c2 = pulses(edges, 1), pulses(edges, 2)
    assert len(c1) == len(c2) == frames + 1
    hour_cycles = int(c1[frames, 0] - c1[0, 0])
    assert abs(hour_cycles - 3600 * CLOCK_HZ) <= CLOCK_HZ // 1_000_000
    assert np.array_equal(c1.sum(axis=1), c2.sum(axis=1)), "centred in every frame"
