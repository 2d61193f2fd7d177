"""The example on the protocol's page is a conversation that a board really has."""

import re
from pathlib import Path

import pytest

from hardware.board import Board
from tests.hardware.conversation import crc

pytestmark = pytest.mark.rig

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "trigger-protocol.md"
TIME = re.compile(r" t=([0-9A-F]{12})")


def _example() -> list[tuple[str, str]]:
    """(arrow, line) of each line of the page's last block, in order."""
    block = PAGE.read_text(encoding="utf-8").split("## Example")[1].split("```")[1]
    return [(text[0], text[1:].strip()) for text in block.strip().splitlines()]


def _timeless(lines: list[str]) -> list[str]:
    """Texts without CRC, each time replaced by the ticks since the first one."""
    times = [int(found[1], 16) for text in lines if (found := TIME.search(text))]
    return [
        TIME.sub(lambda found: f" t=+{int(found[1], 16) - times[0]}", text).partition("*")[0]
        for text in lines
    ]


def test_every_line_has_its_crc() -> None:
    for _, text in _example():
        said, _, told = text.partition("*")
        assert told == f"{crc(said.encode()):04X}", text


def test_a_board_answers_as_the_page_says(board: Board) -> None:
    board.run_for(0.02)
    board.receive()
    board.reset()
    board.run_for(0.02)
    received = board.receive()
    for arrow, text in _example():
        if arrow == "→":
            board.send(text.encode() + b"\n")
            board.run_for(0.005)
            received += board.receive()
    board.run_for(0.5)
    received += board.receive()
    heard = [raw.decode() for raw in received.split(b"\n") if raw]
    assert _timeless(heard) == _timeless([text for arrow, text in _example() if arrow == "←"])
