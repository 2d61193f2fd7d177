"""Damage of every kind: nothing is changed, and each line gets its error."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from bsd.errors import EnvironmentFault
from tests.hardware.conftest import ENGINES
from tests.hardware.conversation import Conversation, crc, fields, line

pytestmark = pytest.mark.rig

COMMANDS = (
    *("RUN 0", "RUN 3", "STOP", "ABORT", "SET W1 1000", "SET GATE 1", "SET NAME other"),
    *("HB", "TIME?", "CFG?", "OPEN 99"),
)
WORST = {"2 crc", "1 syntax", "6 too-long"}

look = settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@pytest.fixture(scope="module", params=list(ENGINES))
def shared(request: pytest.FixtureRequest) -> Iterator[Conversation]:
    """One open conversation for all examples: whatever one of them changes, the next one sees."""
    try:
        board = ENGINES[request.param]()
    except EnvironmentFault as fault:
        pytest.skip(str(fault))
    with board:
        talk = Conversation(board)
        talk.wait("BOOT", 0.2)
        talk.open()
        yield talk


def state_of(talk: Conversation) -> tuple[dict[str, str], str]:
    """All that a command could change, but the time and the count of damaged lines."""
    status = talk.status()
    del status["t"], status["bad"]
    conversation = talk.outside("OPEN 4711")
    return status, conversation


def unharmed(talk: Conversation, raw: bytes) -> None:
    """Send bytes that hold no whole command; each line must be refused and change nothing."""
    before = state_of(talk)
    bad = int(talk.status()["bad"])
    lines = [text for text in raw.split(b"\n") if text.removesuffix(b"\r")]
    talk.board.send(raw)
    talk.board.run_for(len(raw) * 20e-6 + 0.02)
    replies = list(talk.lines())
    assert len(replies) == len(lines)
    assert {reply.removeprefix("?:ERR ") for reply in replies} <= WORST
    assert int(talk.status()["bad"]) - bad == len(lines) or bad + len(lines) > 65535
    assert state_of(talk) == before
    assert len(talk.board.edges()) == 0


def is_whole(raw: bytes) -> bool:
    """Whether some line in `raw` carries a CRC that fits, by chance or not."""
    for text in raw.split(b"\n"):
        body = text.removesuffix(b"\r")
        if body[-5:-4] == b"*" and body[-4:] == b"%04X" % crc(body[:-5]):
            return True
    return False


def commands(talk: Conversation) -> st.SearchStrategy[bytes]:
    return st.sampled_from(COMMANDS).map(lambda command: line(f"{talk.number + 1}:{command}"))


@look
@given(raw=st.binary(max_size=300))
def test_random_bytes(shared: Conversation, raw: bytes) -> None:
    raw += b"\n"
    assume(not is_whole(raw))
    unharmed(shared, raw)


@look
@given(data=st.data())
def test_truncated_commands(shared: Conversation, data: st.DataObject) -> None:
    raw = data.draw(commands(shared))
    cut = data.draw(st.integers(0, len(raw) - 2))
    unharmed(shared, raw[:cut] + b"\n")
    unharmed(shared, raw[cut + 1 :])


@look
@given(data=st.data())
def test_corrupted_commands(shared: Conversation, data: st.DataObject) -> None:
    raw = bytearray(data.draw(commands(shared)))
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(raw) - 2))
        raw[place] ^= 1 << data.draw(st.integers(0, 7))
    assume(not is_whole(bytes(raw)))
    unharmed(shared, bytes(raw))


@look
@given(data=st.data())
def test_commands_run_into_each_other(shared: Conversation, data: st.DataObject) -> None:
    first, second = data.draw(commands(shared)), data.draw(commands(shared))
    cut = data.draw(st.integers(1, len(first) - 1))
    raw = first[:cut] + second
    assume(not is_whole(raw))
    unharmed(shared, raw)


@look
@given(
    text=st.text(
        st.sampled_from("0123456789:?*ADHIMNOPRSTUWbz -_.\t\r\0"),
        max_size=56,
    )
)
def test_whole_lines_that_are_no_commands(shared: Conversation, text: str) -> None:
    """The CRC fits: what the line says decides. It may name a command, but never this number."""
    assume(not text.startswith(f"{shared.number + 1}:"))
    before = state_of(shared)
    reply = shared.say(line(text))
    number, _, answer = reply.partition(":")
    if number == "?":
        assert answer == "ERR 1 syntax"
    else:
        assert answer.startswith(("ERR 7 sequence expect=", "OK ", "ERR 1 syntax"))
        assert text.startswith(f"{number}:")
        assert number == "0" or answer.startswith("ERR 7")
    assert state_of(shared) == before


@look
@given(
    verb=st.sampled_from(["SET", "RUN", "STOP", "ID?", "GO", "set"]),
    arguments=st.lists(st.text("0123456789AWDPN1-_.", min_size=1, max_size=12), max_size=3),
)
def test_commands_in_order_get_an_answer_of_their_own(
    shared: Conversation, verb: str, arguments: list[str]
) -> None:
    text = " ".join([verb, *arguments])
    if verb == "RUN" and len(arguments) == 1:  # a run is not what this is about
        text = "RUN -" + arguments[0]
    answer = shared.do(text)
    known = verb in ("SET", "RUN", "STOP", "ID?")
    assert answer.startswith(("OK", "ERR 1", "ERR 3", "ERR 4") if known else "ERR 3 unknown")
    assert fields(shared.outside("OPEN 4711"))["last"] == str(shared.number)
