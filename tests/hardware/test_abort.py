"""ABORT beside each edge, cycle by cycle: what is told of the pulses is what happened to them."""

import numpy as np
import pytest

from hardware.board import Board
from tests.hardware.conversation import (
    MS,
    TICK_CYCLES,
    Conversation,
    configure,
    fields,
    line,
    pulses,
)

pytestmark = pytest.mark.rig

WIDTHS = {1: 8000, 2: 1000}
SCENES = {
    "apart": {"W1": 8000, "D1": 0, "W2": 1000, "D2": 3500},
    "rise together": {"W1": 8000, "D1": 0, "W2": 1000, "D2": 0},
    "fall together": {"W1": 8000, "D1": 0, "W2": 1000, "D2": 7000},
    "fall 3 ticks apart": {"W1": 8000, "D1": 0, "W2": 1000, "D2": 7003},
}
SPREAD = 260
"""Cycles before and after an edge in which ABORT comes; about what it takes to be carried out."""


def _abort(talk: Conversation, after_start: int) -> tuple[dict[str, str], int, np.ndarray]:
    """Fields of DONE, the cycle of the LF, and the edges of a run that is aborted."""
    board = talk.board
    run, abort = line(f"{talk.number + 1}:RUN 0"), line(f"{talk.number + 2}:ABORT")
    talk.number += 2
    # At the same phase to the controller's own ticks each time.
    start = (board.cycle // (8 * MS) + 2) * 8 * MS
    board.send_at(start - (len(run) - 1) * 320, run)
    arrival = start + after_start
    board.send_at(arrival - (len(abort) - 1) * 320, abort)
    board.run_until(arrival + 3 * MS)
    done = [text for text in talk.lines() if text.startswith("EVT DONE")]
    return fields(done[0]), arrival, board.edges()


def _check(done: dict[str, str], edges: np.ndarray, offset: int) -> None:
    shortened = False
    for channel, width in WIDTHS.items():
        widths = np.diff(pulses(edges, channel)).ravel()
        whole = widths == width * TICK_CYCLES
        assert int(done[f"n{channel}"]) == np.count_nonzero(whole), (offset, channel, widths, done)
        shortened |= not np.all(whole)
    assert done["cut"] == str(int(shortened)), (offset, edges, done)


def _open(board: Board) -> Conversation:
    talk = Conversation(board)
    talk.wait("BOOT", 0.2)
    talk.open()
    return talk


@pytest.mark.parametrize("scene", SCENES)
def test_what_is_told_is_what_happened(board: Board, scene: str) -> None:
    talk = _open(board)
    configure(talk, PN=40000, PD=1, **SCENES[scene])
    _, arrival, edges = _abort(talk, 4 * MS)  # amid the pulse: how long it takes
    delay = int(edges["cycle"][-1]) - arrival
    assert 0 < delay < MS
    first = int(edges["cycle"][0]) - (arrival - 4 * MS)
    starts = [TICK_CYCLES * SCENES[scene][f"D{channel}"] for channel in (1, 2)]
    near = {
        first + start + w * TICK_CYCLES
        for start, c in zip(starts, WIDTHS, strict=True)
        for w in (0, WIDTHS[c])
    }
    outcomes = set()
    for edge in sorted(near):
        for offset in range(-SPREAD, SPREAD, 11):
            done, _, edges = _abort(talk, edge - delay + offset)
            assert done["cause"] == "abort"
            _check(done, edges, offset)
            outcomes.add((done["n1"], done["n2"], done["cut"]))
    assert {cut for *_, cut in outcomes} == {"0", "1"}
    assert len(outcomes) >= 3
