"""What the controller does, command by command, on the host build and on the emulated chip."""

import pytest

from hardware.board import POWER, Board
from tests.hardware.conversation import START, TICK_CYCLES, Conversation, configure, fields, line

pytestmark = pytest.mark.rig


# ---- commands ------------------------------------------------------------------------------------


def test_boot_names_its_cause(board: Board) -> None:
    talk = Conversation(board)
    assert talk.wait("BOOT", 0.2) == {"cause": "power", "proto": "1", "fw": "1.0.0"}
    board.reset()
    assert talk.wait("BOOT", 0.2)["cause"] == "external"
    board.reset(POWER)
    assert talk.wait("BOOT", 0.2)["cause"] == "power"


def test_identity_configuration_and_status(talk: Conversation) -> None:
    assert talk.outside("ID?") == "OK proto=1 fw=1.0.0 chip=atmega328p tick_ns=500 name=-"
    assert talk.do("ID?") == "OK proto=1 fw=1.0.0 chip=atmega328p tick_ns=500 name=-"
    assert talk.do("CFG?") == f"OK {START}"
    status = talk.status()
    assert len(status.pop("t")) == 12
    expected = {"state": "idle", "run": "0", "n1": "0", "n2": "0", "bad": "0", "lost": "0"}
    assert status == expected | {"boot": "power", "gate": "0"}


def test_longest_replies_fit_a_line(talk: Conversation) -> None:
    """What is told, each value replaced by the longest that it can have."""
    configure(talk, W1=60000, W2=60000, D1=16000000, D2=16000000, PN=4294967295, PD=65535)
    configuration = talk.do("CFG?")
    assert configuration == (
        "OK W1=60000 D1=16000000 W2=60000 D2=16000000 PN=4294967295 PD=65535 HB=500 GATE=0"
    )
    talk.do("SET NAME sixteen-letters_")
    longest = {"state": "stopping", "run": "65535", "bad": "65535", "lost": "65535"}
    longest |= {"n1": "4294967295", "n2": "4294967295", "boot": "brownout", "gate": "1"}
    status = talk.status() | longest
    assert len(status) == 9
    told = "OK " + " ".join(f"{key}={value}" for key, value in status.items())
    for reply in (configuration, told, talk.do("ID?")):
        assert len(f"65535:{reply}*FFFF") <= 127


@pytest.mark.parametrize(
    ("field", "inside", "outside"),
    [
        ("W1", (100, 60000), (0, 99, 60001, 4294967295, 4294967296, 99999999999)),
        ("W2", (100, 60000), (0, 99, 60001)),
        ("D1", (0, 16000000), (16000001,)),
        ("D2", (0, 16000000), (16000001,)),
        ("PN", (2000, 4294967295), (0, 1999, 4294967296, 42949672950)),
        ("PD", (1, 65535), (0, 65536)),
        ("HB", (0, 100, 500), (1, 99, 501)),
        ("GATE", (0, 1), (2,)),
    ],
)
def test_each_field_has_its_range(
    talk: Conversation, field: str, inside: tuple[int, ...], outside: tuple[int, ...]
) -> None:
    for value in inside:
        assert talk.do(f"SET {field} {value}") == f"OK {field}={value}"
    for value in outside:
        assert talk.do(f"SET {field} {value}") == "ERR 4 range"
    assert fields(talk.do("CFG?"))[field] == str(inside[-1])


@pytest.mark.parametrize(
    ("command", "error"),
    [
        ("SET W1", "1 syntax"),
        ("SET W1 1000 2", "1 syntax"),
        ("SET W1 0100", "1 syntax"),
        ("SET W1 -100", "1 syntax"),
        ("SET W1 12a", "1 syntax"),
        ("RUN", "1 syntax"),
        ("RUN x", "1 syntax"),
        ("ID? 1", "1 syntax"),
        ("STOP 1", "1 syntax"),
        ("SET W3 1000", "3 unknown"),
        ("SET W 1000", "3 unknown"),
        ("SET W11 1000", "3 unknown"),
        ("GO", "3 unknown"),
        ("run 1", "3 unknown"),
        ("RUN 4294967296", "4 range"),
        ("SET NAME seventeen-letters", "4 range"),
        ("SET NAME a.b", "4 range"),
    ],
)
def test_a_wrong_command_has_its_number_and_its_error(
    talk: Conversation, command: str, error: str
) -> None:
    assert talk.do(command) == f"ERR {error}"
    assert talk.do("CFG?") == f"OK {START}"  # the number counted: the next one is expected
    assert talk.status()["bad"] == "0"


@pytest.mark.parametrize(
    ("values", "frames", "channel"),
    [
        ({"D1": 101134}, 1, 1),
        ({"D2": 129134}, 1, 2),
        ({"PN": 2000, "PD": 2}, 1, 0),
        ({"PN": 20000001, "PD": 1}, 1, 0),
        ({"PN": 40000001, "PD": 2}, 1, 0),
        ({"HB": 0}, 0, 0),
        ({"HB": 0}, 108001, 0),
        ({"HB": 0}, 4294967295, 0),
        ({"HB": 0, "PN": 2000, "PD": 1, "W1": 100, "W2": 100, "D2": 0}, 7200001, 0),
        ({"HB": 0, "PN": 20000000, "PD": 1}, 721, 0),
    ],
)
def test_fields_that_do_not_fit_together(
    talk: Conversation, values: dict[str, int], frames: int, channel: int
) -> None:
    configure(talk, **values)
    assert talk.do(f"RUN {frames}") == f"ERR 8 program channel={channel}"
    assert talk.status()["run"] == "0"


@pytest.mark.parametrize(
    ("values", "frames"),
    [
        ({"HB": 0}, 108000),
        ({"HB": 0, "PN": 2000, "PD": 1, "W1": 100, "W2": 100, "D2": 0}, 7200000),
        ({"HB": 0, "PN": 20000000, "PD": 1}, 720),
        ({"HB": 100}, 4294967295),
    ],
)
def test_a_run_of_two_hours_needs_no_heartbeat(
    talk: Conversation, values: dict[str, int], frames: int
) -> None:
    configure(talk, **values)
    assert talk.do(f"RUN {frames}") == f"OK run=1 n={frames}"


# ---- damaged lines -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("raw", "error"),
    [
        (b"1:RUN 5*0000\n", "2 crc"),
        (b"1:RUN 5\n", "2 crc"),
        (b"*\n", "2 crc"),
        (line("1:RUN 5").lower(), "2 crc"),
        (line("RUN 5"), "1 syntax"),
        (line(":RUN 5"), "1 syntax"),
        (line("01:RUN 5"), "1 syntax"),
        (line("65536:RUN 5"), "1 syntax"),
        (line("000001:RUN 5"), "1 syntax"),
        (line("1:"), "1 syntax"),
        (line("1: RUN 5"), "1 syntax"),
        (line("1:RUN  5"), "1 syntax"),
        (line("1:RUN 5 "), "1 syntax"),
        (line("1:RUN\t5"), "1 syntax"),
        (line("1:RUN 5\0"), "1 syntax"),
        (line("1:RUN " + "0" * 53), "6 too-long"),
        (b"x" * 500 + b"\n", "6 too-long"),
    ],
)
def test_a_damaged_line_changes_nothing(talk: Conversation, raw: bytes, error: str) -> None:
    assert talk.say(raw) == f"?:ERR {error}"
    assert talk.status()["bad"] == "1"
    assert talk.status()["run"] == "0"
    assert talk.do("CFG?") == f"OK {START}"


def test_a_line_of_63_characters_is_read(talk: Conversation) -> None:
    longest = line("1:RUN " + "0" * 52)
    assert len(longest) == 64
    assert talk.say(longest) == "1:ERR 1 syntax"
    assert talk.say(line("2:STOP").replace(b"\n", b"\r\n")) == "2:OK state=idle"


def test_empty_lines_are_ignored(talk: Conversation) -> None:
    talk.board.send(b"\n\n\r\n\n" * 20)
    assert talk.do("STOP") == "OK state=idle"
    assert talk.status()["bad"] == "0"


# ---- numbers -------------------------------------------------------------------------------------


def test_nothing_is_done_before_a_conversation_is_open(board: Board) -> None:
    talk = Conversation(board)
    talk.wait("BOOT", 0.2)
    assert talk.say(line("1:RUN 1")) == "1:ERR 7 sequence expect=0"
    assert talk.outside("RUN 1") == "ERR 7 sequence expect=0"
    assert talk.say(line("5:OPEN 1")) == "5:ERR 7 sequence expect=0"
    assert talk.outside("OPEN 0") == "ERR 4 range"
    assert talk.outside("OPEN 65536") == "ERR 4 range"
    assert talk.outside("OPEN") == "ERR 1 syntax"
    assert talk.outside("OPEN 65535") == "OK nonce=65535 last=0"
    assert talk.outside("RUN 1") == "ERR 7 sequence expect=1"


def test_a_repeated_command_is_answered_and_not_done_again(talk: Conversation) -> None:
    configure(talk, HB=0)
    again = line("2:RUN 1")
    assert talk.say(again) == "2:OK run=1 n=1"
    assert talk.status()["run"] == "1"  # number 0 does not take the stored reply's place
    assert talk.say(b"noise\n") == "?:ERR 2 crc"
    assert talk.say(line("9:STOP")) == "9:ERR 7 sequence expect=3"
    for _ in range(3):
        assert talk.say(again) == "2:OK run=1 n=1"
    talk.wait("DONE")
    assert talk.say(again) == "2:OK run=1 n=1"
    assert talk.status()["run"] == "1"
    assert len(talk.board.edges()) == 4
    assert talk.say(line("2:RUN 2")) == "2:ERR 7 sequence expect=3"
    assert talk.say(line("1:SET HB 0")) == "1:ERR 7 sequence expect=3"
    assert talk.outside("OPEN 4711") == "OK nonce=4711 last=2"
    assert talk.say(line("3:STOP")) == "3:OK state=idle"


def test_a_refusal_is_repeated_too(talk: Conversation) -> None:
    assert talk.do("SET W1 1") == "ERR 4 range"
    assert talk.say(line("1:SET W1 1")) == "1:ERR 4 range"
    assert talk.do("SET W1 1000") == "OK W1=1000"


def test_after_65535_comes_1(talk: Conversation) -> None:
    board = talk.board
    for first in range(1, 65536, 5):  # as many as the line takes in without an answer being read
        for number in range(first, min(first + 5, 65536)):
            board.send(line(f"{number}:HB"))
        board.run_for(0.0055)
        board.receive()
    talk.rest = b""
    board.run_for(0.01)
    board.receive()
    assert talk.say(line("65535:HB")).startswith("65535:OK n=0 t=")
    assert talk.say(line("2:HB")) == "2:ERR 7 sequence expect=1"
    assert talk.say(line("1:HB")).startswith("1:OK n=0 t=")


def test_another_conversation_stops_what_runs(talk: Conversation) -> None:
    assert talk.do("RUN 0") == "OK run=1 n=0"
    talk.wait("PULSE")
    assert talk.open(4711) == "OK nonce=4711 last=1"
    assert talk.status()["state"] == "running"
    assert talk.open(4712) == "OK nonce=4712 last=0"
    done = talk.wait("DONE")
    assert (done["cause"], done["cut"], done["n1"]) == ("open", "0", done["n2"])


def test_time_is_that_of_the_line_feed(talk: Conversation) -> None:
    """Two questions 3 s apart; t grows by the cycles between the ends of their stop bits."""
    times, cycles = [], []
    for _ in range(2):
        talk.number += 1
        raw = line(f"{talk.number}:TIME?")
        cycles.append(talk.board.cycle + len(raw) * 320)
        times.append(int(fields(talk.say(raw))["t"], 16))
        talk.board.run_for(3)
    assert abs((times[1] - times[0]) - (cycles[1] - cycles[0]) / TICK_CYCLES) <= 4
