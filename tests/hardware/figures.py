"""``python -m tests.hardware.figures [NAME ...]``: measure docs/reference/trigger-figures.md anew.

All but the wall times are the emulator's (or the named engine's) and repeat to the cycle.
"""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import typer

from acquisition.trigger.controller import TriggerController
from acquisition.trigger.port import open_port
from bsd.setting import SETTINGS
from hardware.board import CLOCK_HZ, Board
from hardware.emulator.engine import emulated
from hardware.firmware import toolchain
from tests.hardware import optiboot
from tests.hardware.conftest import ENGINES
from tests.hardware.conversation import MS, Conversation, configure, line, pulses

US = CLOCK_HZ // 1_000_000
BYTE_CYCLES = 320
SHORTEST = {"W1": 100, "D1": 0, "W2": 100, "D2": 50, "PN": 2000, "PD": 1}
PHASES = 50


def _talk(board: Board, **fields: int) -> Conversation:
    talk = Conversation(board)
    talk.wait("BOOT", 0.2)
    talk.open()
    configure(talk, **fields)
    return talk


def size() -> Iterator[str]:
    """Of the image in flash, of its variables in RAM."""
    built = toolchain.build("controller")
    toolchain.compare(built)
    yield f"flash {built.flash_bytes} of {toolchain.FLASH_BYTES} bytes"
    yield f"RAM {built.ram_bytes} of {toolchain.RAM_BYTES} bytes, the rest is stack"


# ---- latency of the interrupts -------------------------------------------------------------------


def _flood(noise: Callable[[np.random.Generator], bytes]) -> Callable[[Conversation], None]:
    def send(talk: Conversation) -> None:
        rng = np.random.default_rng(1)
        for _ in range(40):
            data = noise(rng)
            talk.board.send(data)
            talk.board.run_for(len(data) * BYTE_CYCLES / CLOCK_HZ)
            talk.board.receive()

    return send


def _quiet(talk: Conversation) -> None:
    talk.board.run_for(10)


def _normal(talk: Conversation) -> None:
    for _ in range(300):
        talk.do("HB")
        talk.board.run_for(0.1)
    assert sum("PULSE" in event for event in talk.events) > 400


def _starts_and_ends(talk: Conversation) -> None:
    rng = np.random.default_rng(5)
    for n in range(600):
        talk.do("RUN 0" if n % 3 == 0 else "STOP" if n % 3 == 1 else "ABORT")
        talk.board.run_for(float(rng.uniform(0, 0.03)))


def interrupts() -> Iterator[str]:
    """Most cycles from a flag of Timer1 to the first instruction of its handler."""
    scenes: dict[str, tuple[dict[str, int], Callable[[Conversation], None]]] = {
        "15 fps, nobody on the line": ({"HB": 0}, _quiet),
        "15 fps, 10 heartbeats a second, PULSE events": ({}, _normal),
        "1000 frames a second on both channels, line full of STAT?": (
            SHORTEST | {"HB": 0},
            _flood(lambda _: line("0:STAT?") * 50),
        ),
        "the same, line full of random bytes": (
            SHORTEST | {"HB": 0},
            _flood(lambda rng: rng.bytes(700)),
        ),
        "the same, line full of wrong short lines": (
            SHORTEST | {"HB": 0},
            _flood(lambda _: b"x\n" * 350),
        ),
        "RUN, STOP and ABORT at any phase (no edge is due as RUN is carried out)": (
            {},
            _starts_and_ends,
        ),
    }
    for name, (fields, play) in scenes.items():
        with emulated() as board:
            talk = _talk(board, **fields)
            if play is not _starts_and_ends:
                talk.do("RUN 4000")
                talk.wait("START")
            board.worst_latency()
            play(talk)
            worst = board.worst_latency()
            yield f"{name}: {worst} cycles, {worst / US:.1f} µs"
    worst, faults = _crowded(np.random.default_rng(9))
    yield (
        "200 programs of 1000 frames a second, 50 µs pulses that nearly coincide, line full: "
        f"{worst} cycles, {worst / US:.1f} µs, {faults} late edges"
    )


def _crowded(rng: np.random.Generator) -> tuple[int, int]:
    """The worst that there is: both handlers, the overflow's and the line's at once."""
    worst = faults = 0
    for _ in range(200):
        delays = [int(rng.integers(0, 60)), 0][:: int(rng.choice([-1, 1]))]
        near = {"W1": 100, "W2": 100, "D1": delays[0], "D2": delays[1], "PD": 7, "HB": 0}
        with emulated() as board:
            talk = _talk(board, PN=14000 + int(rng.integers(0, 40)), **near)
            talk.do("RUN 4000")
            talk.wait("START")
            board.worst_latency()
            for _ in range(40):
                noises = (line("0:STAT?") * 50, rng.bytes(700), b"x\n" * 350, b"xx\n" * 233)
                board.send(noises[int(rng.integers(4))])
                board.run_for(0.014)
                faults += b"FAULT" in board.receive()
            worst = max(worst, board.worst_latency())
    return worst, faults


# ---- latency of commands -------------------------------------------------------------------------


def _answer_us(talk: Conversation, command: str) -> float:
    """From the end of the LF's stop bit to the begin of the reply's first start bit."""
    board = talk.board
    if command.startswith("OPEN"):
        talk.number, raw = 0, line(f"0:{command}")
    else:
        talk.number += 1
        raw = line(f"{talk.number}:{command}")
    arrival = board.cycle + 100 + len(raw) * BYTE_CYCLES
    board.send_at(arrival - (len(raw) - 1) * BYTE_CYCLES, raw)
    board.run_until(arrival)
    board.receive()  # an event may have ended before
    head = raw.partition(b":")[0] + b":"
    got = b""
    while head not in got.split(b"\n")[-1]:
        board.run_until(board.cycle + US // 2)
        got += board.receive()
        assert board.cycle < arrival + 200 * MS, (raw, got)
    return (board.cycle - len(head) * BYTE_CYCLES - arrival) / US


def _drain(talk: Conversation) -> None:
    talk.board.run_for(0.01)
    talk.board.receive()
    talk.rest = b""


def commands() -> Iterator[str]:
    """Latency of each command, idle and while 15 frames a second run."""
    rng = np.random.default_rng(2)
    idle = ["OPEN 7", "ID?", "CFG?", "STAT?", "SET W1 32000", "STOP", "ABORT", "HB", "TIME?"]
    for running, words in ((False, idle), (True, ["STAT?", "HB", "TIME?", "STOP", "ABORT"])):
        for word in words:
            with emulated() as board:
                talk, seen = _talk(board), []
                for _ in range(PHASES):
                    if running:
                        talk.do("RUN 0")
                    board.run_for(float(rng.uniform(0, 0.15)))
                    board.receive()
                    seen.append(_answer_us(talk, word))
                    if running:
                        talk.number += 1
                        board.send(line(f"{talk.number}:ABORT"))
                    _drain(talk)
            state = "running" if running else "idle"
            yield f"{word}, {state}: median {np.median(seen):.0f} µs, worst {max(seen):.0f} µs"
    yield from _rare_commands(rng)


def _rare_commands(rng: np.random.Generator) -> Iterator[str]:
    with emulated() as board:
        talk, seen = _talk(board), []
        for n in range(12):
            _drain(talk)
            board.run_for(float(rng.uniform(0, 0.01)))
            seen.append(_answer_us(talk, f"SET NAME {'ab'[n % 2] * 16}"))
        yield f"SET NAME, 16 other letters: worst {max(seen) / 1000:.1f} ms"
    with emulated() as board:
        talk, seen = _talk(board), []
        for _ in range(PHASES):
            _drain(talk)
            board.run_for(float(rng.uniform(0, 0.01)))
            seen.append(_answer_us(talk, "RUN 1"))
            board.run_for(0.1)
        yield f"RUN: median {np.median(seen):.0f} µs, worst {max(seen):.0f} µs"


def actions() -> Iterator[str]:
    """From the end of a command's LF to the edge that it makes, program 2ms16ms at 15 fps."""
    rng = np.random.default_rng(3)
    first, low, last = [], [], []
    with emulated() as board:
        talk = _talk(board)
        for n in range(200):
            board.run_for(float(rng.uniform(0, 0.01)))
            run = line(f"{talk.number + 1}:RUN 0")
            verb = "ABORT" if n % 2 else "STOP"
            end = line(f"{talk.number + 2}:{verb}")
            talk.number += 2
            started = board.cycle + 100 + len(run) * BYTE_CYCLES
            board.send_at(started - (len(run) - 1) * BYTE_CYCLES, run)
            # ABORT within frame 0's pulse, STOP just before frame 1 begins: the longest way.
            span_ms = (2.1, 18.1) if n % 2 else (68.3, 69.1)
            arrival = started + int(rng.uniform(*span_ms) * MS)
            board.send_at(arrival - (len(end) - 1) * BYTE_CYCLES, end)
            board.run_until(arrival + 70 * MS)
            cycles = board.edges()["cycle"].astype(np.int64)
            first.append(int(cycles[0]) - started)
            (low if n % 2 else last).append(int(cycles[-1]) - arrival)
            _drain(talk)
    low = [cycles for cycles in low if cycles > 0]  # the others' pulse had ended
    yield f"RUN to the first edge: {min(first) / US:.1f} to {max(first) / US:.1f} µs"
    yield f"ABORT amid a pulse to low: {min(low) / US:.1f} to {max(low) / US:.1f} µs"
    yield f"STOP to the last edge: at most {max(last) / MS:.3f} ms (the pulse has 16 ms)"


# ---- hangs ---------------------------------------------------------------------------------------


def hangs() -> Iterator[str]:
    """Longest pulse when the CPU stops for good, at random phases to frame and watchdog."""
    rng = np.random.default_rng(4)
    programs = {"shortest period": SHORTEST}
    for name, setting in SETTINGS.items():
        wide, narrow = (2 * us for us in (setting.blurry_us, setting.sharp_us))
        centred = {"W1": wide, "D1": 0, "W2": narrow, "D2": (wide - narrow) // 2, "PD": 3}
        programs |= {f"{name} at {fps} fps": centred | {"PN": 6_000_000 // fps} for fps in (15, 30)}
    for name, fields in programs.items():
        longest = {1: 0.0, 2: 0.0}
        with emulated() as board:
            talk = _talk(board)
            for _ in range(200):
                configure(talk, **fields)
                board.run_for(float(rng.uniform(0, 0.008)))
                board.edges()
                talk.do("RUN 0")
                board.run_for(float(rng.uniform(0, 0.1)))
                board.hang()
                board.run_for(0.05)
                board.receive()
                talk.rest, edges = b"", board.edges()
                for channel in (1, 2):
                    widths = np.diff(pulses(edges, channel)) / MS
                    longest[channel] = max(longest[channel], float(widths.max(initial=0)))
                talk.open()
        told = ", ".join(f"channel {c} {ms:.2f} ms" for c, ms in longest.items())
        yield f"{name}, 200 hangs: {told}"


# ---- an hour -------------------------------------------------------------------------------------


def hour() -> Iterator[str]:
    """54,000 frames at 15 fps on both engines."""
    for name, make in ENGINES.items():
        with make() as board:
            talk = _talk(board, HB=0)
            talk.do("RUN 54001")
            began = time.perf_counter()
            board.run_for(3601)
            wall_s = time.perf_counter() - began
            edges = board.edges()
        c1, c2 = (pulses(edges, channel) for channel in (1, 2))
        error = int(c1[54000, 0] - c1[0, 0]) - 3600 * CLOCK_HZ
        centre = int(np.abs(c1.sum(axis=1) - c2.sum(axis=1)).max())
        yield f"{name}: off by {error} cycles after 3600 s, centres apart by {centre} cycles"
        yield f"{name}: {wall_s:.1f} s of wall time, {3601 / wall_s:.0f} times real time"


# ---- through a port ------------------------------------------------------------------------------


@contextmanager
def _port(*options: str) -> Iterator[str]:
    words = [sys.executable, "-m", "hardware.emulator", *options]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield str(json.loads(process.stdout.readline())["port"])
        finally:
            process.terminate()


def port() -> Iterator[str]:
    """pyserial and avrdude on the emulator's port, in real time: wall times of this machine."""
    with _port() as path, TriggerController(open_port(path)) as controller:
        controller.open()
        trips = []
        for _ in range(300):
            beat = controller.heartbeat()
            trips.append((beat.received_ns - beat.sent_ns) / 1e6)
            time.sleep(0.01)
        yield (
            f"heartbeat and back by pyserial: median {np.median(trips):.2f} ms, 95 % within "
            f"{np.percentile(trips, 95):.2f} ms, worst of 300 {max(trips):.2f} ms"
        )
    image = toolchain.named_program("controller").image
    with (
        tempfile.TemporaryDirectory() as folder,
        _port("--hex", str(optiboot.build(Path(folder)))) as path,
    ):
        began = time.perf_counter()
        toolchain.flash(image, Path(path), "uno")
        yield f"avrdude, written and read back: {time.perf_counter() - began:.1f} s"


FIGURES = {
    figure.__name__: figure for figure in (size, interrupts, commands, actions, hangs, hour, port)
}


def main(names: list[str]) -> None:
    """Print the figures of that name, or all."""
    for name in names or FIGURES:
        typer.echo(f"{name}:")
        for text in FIGURES[name]():
            typer.echo(f"  {text}")


if __name__ == "__main__":
    main(sys.argv[1:])
