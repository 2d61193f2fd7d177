"""Grammar of the trigger's lines: both ways, and nothing that comes in raises."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acquisition.trigger.line import (
    Damaged,
    Event,
    LineSplitter,
    Reply,
    crc16,
    encode_command,
    parse_line,
)
from tests.acquisition.fake_controller import crc

pytestmark = pytest.mark.unit


def line(text: str) -> bytes:
    return text.encode() + b"*%04X\n" % crc(text.encode())


def test_crc_of_the_protocols_page() -> None:
    assert crc16(b"123456789") == 0x29B1


@given(st.binary(max_size=80))
def test_crc_is_that_of_an_independent_one(data: bytes) -> None:
    assert crc16(data) == crc(data)


def test_a_command_carries_number_text_and_crc() -> None:
    assert encode_command(1, "SET W1 32000") == line("1:SET W1 32000")


@pytest.mark.parametrize("text", ["", "set W1 1", "RUN  1", "RUN 1 ", "RUN 1\n2", "RUN *", "RÜN"])
def test_text_outside_the_grammar_is_not_sent(text: str) -> None:
    with pytest.raises(ValueError, match="command"):
        encode_command(1, text)


@pytest.mark.parametrize("seq", [-1, 65_536])
def test_numbers_outside_the_range_are_not_sent(seq: int) -> None:
    with pytest.raises(ValueError, match="65535"):
        encode_command(seq, "HB")


def test_a_command_has_63_characters_at_most() -> None:
    # "1:SET NAME " is 11 characters, "*" and CRC 5: 47 are left.
    assert len(encode_command(1, "SET NAME " + "a" * 47)) == 64
    with pytest.raises(ValueError, match="63"):
        encode_command(1, "SET NAME " + "a" * 48)


def test_a_replys_fields_are_typed() -> None:
    reply = parse_line(line("7:OK state=idle run=12 n1=0 n2=0 gate=1 name=007 t=0000001E8480"))
    assert reply == Reply(
        7,
        fields={
            "state": "idle",
            "run": 12,
            "n1": 0,
            "n2": 0,
            "gate": 1,
            "name": "007",
            "t": 2_000_000,
        },
    )


def test_an_error_has_code_word_and_fields() -> None:
    reply = parse_line(line("?:ERR 7 sequence expect=3").replace(b"\n", b"\r\n"))
    assert reply == Reply(None, 7, "sequence", {"expect": 3})
    assert isinstance(reply, Reply)
    assert not reply.ok


def test_an_event_is_an_event() -> None:
    assert parse_line(line("EVT PULSE n=1 t=FFFFFFFFFFFF")) == Event(
        "PULSE", {"n": 1, "t": 2**48 - 1}
    )


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("1:OK n=01", "not a number"),
        ("1:OK n=-1", "not a number"),
        ("1:OK t=12", "12 hexadecimal"),
        ("1:OK n=1 n=2", "twice"),
        ("1:OK  n=1", "not fields"),
        ("1:OK n", "not fields"),
        ("1:OKn=1", "not fields"),
        ("70000:OK", "above"),
        ("1:ERR 0 none", "code 0"),
        ("1:MAYBE", "neither"),
        ("EVT PULSE n=1", "without t"),
        ("EVT DONE run=1 n1=1 n2=1 cause=count", "without cut"),
    ],
)
def test_a_line_with_a_good_crc_can_still_be_wrong(text: str, reason: str) -> None:
    damaged = parse_line(line(text))
    assert isinstance(damaged, Damaged)
    assert reason in damaged.reason


@given(st.binary(max_size=200))
def test_whatever_comes_nothing_raises(data: bytes) -> None:
    assert isinstance(parse_line(data), Damaged)
    body = data.replace(b"\n", b"")
    assert isinstance(parse_line(body + b"*%04X" % crc(body)), Reply | Event | Damaged)


@given(st.integers(0, 10**6), st.integers(0, 7))
def test_one_wrong_bit_is_seen(position: int, bit: int) -> None:
    good = line("12:OK run=3 n=150")[:-1]
    data = bytearray(good)
    data[position % len(data)] ^= 1 << bit
    assert isinstance(parse_line(bytes(data)), Damaged)


@given(st.lists(st.binary(max_size=12), max_size=10))
def test_lines_are_the_same_however_the_bytes_come(pieces: list[bytes]) -> None:
    stream = b"".join(pieces)
    splitter = LineSplitter()
    got = [each for piece in pieces for each in splitter.feed(piece)]
    whole = [each.removesuffix(b"\r") for each in stream.split(b"\n")[:-1]]
    assert got == [each for each in whole if each]


def test_a_line_without_end_takes_no_room() -> None:
    splitter = LineSplitter()
    assert all(splitter.feed(b"x" * 1000) == [] for _ in range(100))
    (cut,) = splitter.feed(b"\n")
    assert len(cut) <= 1200
    assert isinstance(parse_line(cut), Damaged)
    assert splitter.feed(line("1:OK")) == [line("1:OK")[:-1]]
