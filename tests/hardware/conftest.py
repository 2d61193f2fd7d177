"""A board to test against, on each engine that this machine can build."""

from collections.abc import Iterator

import pytest

from bsd.errors import EnvironmentFault
from hardware.board import Board
from hardware.emulator.engine import emulated
from hardware.host.engine import hosted
from tests.hardware.conversation import Conversation

ENGINES = {"host": hosted, "emulator": emulated}


@pytest.fixture(params=list(ENGINES))
def engine(request: pytest.FixtureRequest) -> str:
    """Name of an engine; the test runs once with each."""
    return str(request.param)


@pytest.fixture
def board(engine: str) -> Iterator[Board]:
    """A board just powered up, its pins not yet moved."""
    try:
        opened = ENGINES[engine]()
    except EnvironmentFault as fault:
        pytest.skip(str(fault))
    with opened:
        yield opened


@pytest.fixture
def talk(board: Board) -> Conversation:
    """A conversation with it that is open; BOOT has come."""
    conversation = Conversation(board)
    conversation.wait("BOOT", 0.2)
    conversation.open()
    return conversation
