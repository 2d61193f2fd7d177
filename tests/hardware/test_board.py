"""What both engines promise of a board alike: where time stops, and what is refused."""

import numpy as np
import pytest

from hardware.board import EEPROM_BYTES, BoardFault
from tests.hardware.conftest import ENGINES
from tests.hardware.conversation import Conversation, configure

pytestmark = pytest.mark.rig


def test_time_stops_at_the_very_cycle(talk: Conversation) -> None:
    board, rng = talk.board, np.random.default_rng(4)
    configure(talk, W1=100, W2=150, D2=20, PN=2000, PD=1)
    talk.do("RUN 0")
    for step in rng.integers(1, 3000, 2000).tolist():
        wanted = board.cycle + step
        board.run_until(wanted)
        assert board.cycle == wanted
        edges = board.edges()
        assert np.all(edges["cycle"] <= wanted)
        for channel in (1, 2):
            mine = edges[edges["channel"] == channel]
            assert not len(mine) or board.level(channel) == mine["level"][-1]


def test_a_cycle_that_has_passed_changes_nothing(talk: Conversation) -> None:
    before = talk.board.cycle
    for cycle in (-1, 0, before):
        talk.board.run_until(cycle)
        assert talk.board.cycle == before


def test_numbers_beyond_the_interface_are_refused(talk: Conversation) -> None:
    with pytest.raises(ValueError, match="cycle"):
        talk.board.run_until(2**64 + 5)
    with pytest.raises(ValueError, match="cycle"):
        talk.board.send_at(-5, b"x")
    for cycles in (2**32 + 5, -1):
        with pytest.raises(ValueError, match="cycles"):
            talk.board.block(cycles)


def test_the_eeprom_has_1024_bytes(engine: str) -> None:
    with pytest.raises(BoardFault, match="1024 bytes, not 1025"):
        ENGINES[engine](eeprom=bytes(EEPROM_BYTES + 1))
    with ENGINES[engine](eeprom=bytes(range(256)) * 4) as board:
        assert board.eeprom() == bytes(range(256)) * 4
