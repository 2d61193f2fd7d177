"""The emulator as a process: a real port opened by pyserial, the stream of edges, and its end."""

import json
import os
import select
import signal
import socket
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import serial

from bsd.errors import EnvironmentFault, UserMistake
from hardware.board import EDGE, Board
from hardware.edge_stream import QUEUE_BYTES, EdgeStream
from hardware.emulator.engine import library
from hardware.live import serve
from hardware.pty_line import PtyLine
from tests.hardware.avr_program import compiled
from tests.hardware.conversation import line, read_until

pytestmark = pytest.mark.rig

ROOT = Path(__file__).resolve().parents[2]
Live = Callable[..., dict[str, Any]]

TICKER = """
ISR(TIMER1_COMPA_vect) { OCR1A += 2000; }
ISR(USART_RX_vect) { UDR0 = UDR0 + 1; }
int main(void) {
    line(); UCSR0B |= 1 << RXCIE0; say('S'); say('\\n');
    DDRB = 0x06; TCCR1A = 1 << COM1A0; OCR1A = 2000; TIMSK1 = 1 << OCIE1A; TCCR1B = 1 << CS11;
    sei();
    for (;;) { sleep_mode(); }
}
"""


@pytest.fixture
def live(tmp_path: Path) -> Iterator[Live]:
    """Starts emulators as processes; each is asked to end at the end, and must."""
    processes: list[subprocess.Popen[str]] = []
    try:
        library()
    except EnvironmentFault as fault:
        pytest.skip(str(fault))

    def start(*options: object) -> dict[str, Any]:
        words = [sys.executable, "-m", "hardware.emulator", *map(str, options)]
        process = subprocess.Popen(
            words, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        processes.append(process)
        assert process.stdout is not None
        assert select.select([process.stdout], [], [], 30)[0], "not ready in time"
        answer: dict[str, Any] = json.loads(process.stdout.readline())
        return {**answer, "process": process}

    yield start
    for process in processes:
        if process.poll() is None:
            process.terminate()
        process.communicate(timeout=10)


@pytest.fixture
def ticker(tmp_path: Path) -> Path:
    """Image that toggles channel 1 every ms and answers each byte with the next one."""
    return compiled(tmp_path, TICKER)


def _records(connection: socket.socket, wanted: int) -> Any:
    """At least so many records of a stream."""
    data = b""
    while len(data) < wanted * EDGE.itemsize:
        assert select.select([connection], [], [], 10)[0], "the stream is silent"
        more = connection.recv(1 << 16)
        assert more, "the stream has ended"
        data += more
    return np.frombuffer(data[: len(data) // 16 * 16], EDGE)


def _said(port: serial.Serial) -> bytes:
    """The next line with something in it."""
    while not (text := port.readline()).strip():
        assert text, "the board is silent"
    return bytes(text)


def test_the_firmware_answers_pyserial(live: Live, tmp_path: Path) -> None:
    answer = live("--link", tmp_path / "port", "--edges", tmp_path / "edges")
    assert (answer["engine"], answer["clock_hz"]) == ("emulator", 16_000_000)
    assert str((tmp_path / "port").readlink()) == answer["port"]
    with serial.Serial(str(tmp_path / "port"), 500_000, timeout=5) as port:
        port.write(line("0:OPEN 7"))
        while _said(port) != line("0:OK nonce=7 last=0"):
            port.write(line("0:OPEN 7"))  # BOOT, or the reset was later than the command
        port.write(line("0:STAT?"))
        while not (said := _said(port)).startswith(b"0:OK state="):
            pass  # answers to OPEN sent twice
        assert b"boot=external" in said
        port.write(line("0:ID?"))
        assert b"chip=atmega328p tick_ns=500" in _said(port)


def test_opening_the_port_resets_the_board_each_time(live: Live, ticker: Path) -> None:
    answer = live("--hex", ticker)
    for _ in range(3):
        file = os.open(answer["port"], os.O_RDWR | os.O_NOCTTY)  # pyserial drops what came first
        try:
            assert read_until(file, b"\n", 5) == b"S\n"
            os.write(file, b"A")
            assert read_until(file, b"B", 5) == b"B"
        finally:
            os.close(file)
        time.sleep(0.02)  # a port that is opened again within a step was never seen closed


def test_the_reset_at_opening_can_be_left_out(live: Live, ticker: Path) -> None:
    answer = live("--hex", ticker, "--no-reset-at-open")
    for _ in range(2):  # the program's greeting may be heard by who opens first
        with serial.Serial(answer["port"], 500_000, timeout=5) as port:
            port.write(b"A")
            heard = port.read_until(b"B")
        time.sleep(0.02)
    assert heard == b"B"


def test_a_speed_that_does_not_fit_is_noise(live: Live, ticker: Path) -> None:
    answer = live("--hex", ticker)
    with serial.Serial(answer["port"], 500_000, timeout=5) as port:
        port.write(b"A")
        assert port.read_until(b"B").endswith(b"B")
        port.baudrate = 115_200
        port.write(b"A")
        assert port.read(1) not in (b"", b"B")
        port.baudrate = 500_000
        port.write(b"A")
        assert port.read(1) == b"B"


def test_the_stream_greets_and_then_tells_each_edge_with_its_cycle(
    live: Live, ticker: Path, tmp_path: Path
) -> None:
    path = tmp_path / "edges"
    live("--hex", ticker, "--edges", path)
    with socket.socket(socket.AF_UNIX) as one, socket.socket(socket.AF_UNIX) as other:
        one.connect(str(path))
        records = _records(one, 400)
        other.connect(str(path))
        assert _records(other, 1)["channel"][0] == 255
    kinds = records["channel"]
    assert (kinds[0], records["level"][0]) == (255, 1)  # the format's version
    assert kinds[1:4].tolist() == [1, 2, 0]
    edges = records[4:][kinds[4:] == 1]
    assert set(np.diff(edges["cycle"])) == {16_000}
    assert set(np.diff(edges["level"].astype(int))) == {1, -1}
    assert edges["level"][0] != records["level"][1]
    marks = np.flatnonzero(kinds == 0)
    assert np.diff(records["cycle"][marks].astype(int)).max() <= 5 * 16_000
    for mark in marks:
        assert (records["cycle"][mark + 1 :] >= records["cycle"][mark]).all()
        assert (records["cycle"][:mark] < records["cycle"][mark]).all()


def _late_s(stream: socket.socket) -> float:
    """The wall's time minus the board's, of a second."""
    first = _records(stream, 1)["cycle"][-1]
    begin = time.monotonic()
    last = first
    while time.monotonic() < begin + 1.0:
        last = _records(stream, 1)["cycle"][-1]
    return time.monotonic() - begin - int(last - first) / 16e6


def test_time_passes_as_on_the_wall(live: Live, ticker: Path, tmp_path: Path) -> None:
    live("--hex", ticker, "--edges", tmp_path / "edges")
    with socket.socket(socket.AF_UNIX) as stream:
        stream.connect(str(tmp_path / "edges"))
        late_s = [_late_s(stream) for _ in range(5)]  # a busy machine is late now and then
    assert min(map(abs, late_s)) < 0.2, late_s


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_and_leaves_nothing_behind(
    live: Live, ticker: Path, tmp_path: Path, number: int
) -> None:
    link, edges, memory = tmp_path / "port", tmp_path / "edges", tmp_path / "memory"
    answer = live("--hex", ticker, "--link", link, "--edges", edges, "--eeprom", memory)
    assert link.is_symlink()
    assert edges.is_socket()
    answer["process"].send_signal(number)
    _, said = answer["process"].communicate(timeout=10)
    assert answer["process"].returncode == 0
    assert [text for text in said.splitlines() if "too busy" not in text] == []
    assert not os.path.lexists(link)
    assert not edges.exists()
    assert not Path(answer["port"]).exists()
    assert memory.read_bytes() == b"\xff" * 1024


def test_an_unbounded_board_loses_no_edge_of_a_reader_that_keeps_up(
    live: Live, ticker: Path, tmp_path: Path
) -> None:
    live("--hex", ticker, "--edges", tmp_path / "edges", "--speed", 0)
    with socket.socket(socket.AF_UNIX) as stream:
        stream.connect(str(tmp_path / "edges"))
        records = _records(stream, 40_000)
    edges = records[4:][records["channel"][4:] == 1]
    assert len(edges) > 20_000
    assert set(np.diff(edges["cycle"])) == {16_000}


class Source:
    """A board that makes edges on paper, for the stream alone."""

    def __init__(self) -> None:
        self.cycle = 0
        self.waiting = np.zeros(0, EDGE)

    def level(self, _channel: int) -> int:
        return 0

    def edges(self) -> Any:
        taken, self.waiting = self.waiting, np.zeros(0, EDGE)
        return taken

    def run(self, edges: int) -> None:
        made = np.zeros(edges, EDGE)
        made["cycle"] = self.cycle + 1 + np.arange(edges)
        made["channel"] = 1
        self.waiting = made
        self.cycle += edges


def test_a_reader_that_does_not_read_is_dropped_with_a_word(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    source = Source()
    stream = EdgeStream(source, tmp_path / "edges")  # type: ignore[arg-type]
    with socket.socket(socket.AF_UNIX) as slow, socket.socket(socket.AF_UNIX) as fast:
        slow.connect(str(tmp_path / "edges"))
        fast.connect(str(tmp_path / "edges"))
        stream.pump()
        got = b""
        for _ in range(60):
            source.run(2000)
            stream.pump()
            while select.select([fast], [], [], 0)[0]:
                got += fast.recv(1 << 20)
        assert "is too slow and was dropped" in caplog.text
        assert stream.fullest_bytes < QUEUE_BYTES
        while True:  # what had gone to it before it was dropped, then the end
            if not slow.recv(1 << 20):
                break
    stream.close()
    records = np.frombuffer(got, EDGE)
    assert np.array_equal(
        records["cycle"][records["channel"] == 1][1:], np.arange(1, 60 * 2000 + 1)
    )
    assert not (tmp_path / "edges").exists()


def test_places_that_are_taken_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("mine")
    source: Any = Source()
    with pytest.raises(UserMistake, match="there is a file"):
        EdgeStream(source, file)
    with pytest.raises(UserMistake, match="there is a file"):
        PtyLine(source, file)
    assert file.read_text() == "mine"
    served = EdgeStream(source, tmp_path / "edges")
    with pytest.raises(UserMistake, match="another board"):
        EdgeStream(source, tmp_path / "edges")
    served.close()


def test_a_socket_left_by_a_killed_board_is_replaced(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(tmp_path / "edges"))
    source: Any = Source()
    EdgeStream(source, tmp_path / "edges").close()
    assert not (tmp_path / "edges").exists()


class Talker(Source):
    """A board that sends without end and is never read."""

    def __init__(self) -> None:
        super().__init__()
        self.resets = 0

    def receive(self) -> bytes:
        return b"x" * 4096

    def reset(self, _cause: int) -> None:
        self.resets += 1

    def baud(self, _baud: int) -> None:
        pass


def test_a_port_that_nobody_reads_does_not_stall_the_board(
    caplog: pytest.LogCaptureFixture,
) -> None:
    talker: Any = Talker()
    port = PtyLine(talker)
    port.pump()
    assert talker.resets == 0  # nobody has opened it
    slave = os.open(port.port, os.O_RDWR | os.O_NOCTTY)
    assert not termios.tcgetattr(slave)[3] & termios.ECHO  # or the board would hear itself
    for _ in range(100):
        port.pump()
    os.close(slave)
    port.close()
    assert talker.resets == 1
    assert caplog.text.count("nobody reads") == 1


def test_serve_runs_any_board_in_this_process(tmp_path: Path) -> None:
    import threading

    stop = threading.Event()
    answers: list[dict[str, object]] = []

    class Still(Source):
        def receive(self) -> bytes:
            return b""

        def run_until(self, cycle: int) -> None:
            self.cycle = cycle
            if cycle > 160_000:
                stop.set()

    board: Any = Still()
    serve(board, engine="host", edges=tmp_path / "edges", stop=stop, ready=answers.append)
    assert answers[0]["engine"] == "host"
    assert 160_000 < board.cycle <= 160_000 + 80_000
    assert not (tmp_path / "edges").exists()


def test_a_board_is_what_serve_expects() -> None:
    verbs = ("cycle", "run_until", "receive", "send", "edges", "reset", "level", "baud")
    assert all(hasattr(Board, verb) for verb in verbs)
