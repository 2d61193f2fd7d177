"""The trigger's own process: its rhythm under load, and its end, whoever dies."""

import ctypes
import fcntl
import itertools
import multiprocessing
import os
import signal
import subprocess
import sys
import termios
import time
from array import array
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from acquisition.trigger.controller import (
    Done,
    Pulse,
    TriggerController,
    TriggerFault,
    TriggerLost,
    TriggerRefused,
)
from acquisition.trigger.link import Status
from acquisition.trigger.message import Beat, ClockNews, Ended, Happened, News
from acquisition.trigger.process import TriggerProcess, connect_port
from bsd.errors import EnvironmentFault
from tests.acquisition.conftest import ROOT, Server
from tests.acquisition.fake_controller import FakeController, FakeLine
from tests.acquisition.trigger.test_controller import program

pytestmark = pytest.mark.unit

FULL_BYTES = 60_000  # of 65,536: a page is not begun anew for a message that fits in no rest
HOLD_S = 2.0
HOLD = "import ctypes; ctypes.PyDLL(None).usleep(2_000_000)"  # PyDLL keeps the GIL


class Stuck(FakeLine):
    """A port that neither answers nor fails any more after some reads."""

    def __init__(self, reads: int) -> None:
        super().__init__(FakeController())
        self._reads = reads

    def read(self, timeout_s: float) -> bytes:
        self._reads -= 1
        if self._reads < 0:
            time.sleep(60)
        return super().read(timeout_s)


def stuck(reads: int) -> TriggerController:
    return TriggerController(Stuck(reads))


def defect() -> TriggerController:
    raise ZeroDivisionError("a defect")


def until(process: TriggerProcess, kind: type, limit_s: float = 10.0) -> list[News]:
    """Messages up to the first of a kind (events by their own kind)."""
    found: list[News] = []
    end_s = time.monotonic() + limit_s
    while time.monotonic() < end_s:
        found += process.messages(0.2)
        if any(isinstance(m.event if isinstance(m, Happened) else m, kind) for m in found):
            return found
    raise AssertionError(f"no {kind.__name__} among {found[-5:]}")


def wait_until_full(process: TriggerProcess, limit_s: float = 20.0) -> None:
    """Wait until the pipe of news has taken nothing more for half a second."""
    assert process._news is not None
    end_s = time.monotonic() + limit_s
    found, before, since_s = array("i", [0]), 0, time.monotonic()
    while time.monotonic() < end_s:
        fcntl.ioctl(process._news.fileno(), termios.FIONREAD, found)
        if found[0] != before:
            before, since_s = found[0], time.monotonic()
        elif before > FULL_BYTES and time.monotonic() - since_s > 0.5:
            return
        time.sleep(0.01)
    raise AssertionError(f"{found[0]} bytes of news in {limit_s:g} s")


def gone(pid: int, limit_s: float = 8.0) -> bool:
    """Whether a process ends in time."""
    end_s = time.monotonic() + limit_s
    while time.monotonic() < end_s:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except FileNotFoundError:
            return True
        if state == "Z":
            return True
        time.sleep(0.02)
    return False


def test_a_run_is_told_and_the_clock_with_it(serve: Callable[..., Server]) -> None:
    server = serve()
    with TriggerProcess(server.path) as process:
        process.configure(program(30).model_copy(update={"width_ticks": (16_000, 2_000)}))
        assert process.run(40) == 1
        assert process.status().state == "running"
        with pytest.raises(TriggerRefused, match="state=running"):
            process.run(1)
        news = until(process, Done)
        pid = process.pid
    events = [each.event for each in news if isinstance(each, Happened)]
    assert [each.n for each in events if isinstance(each, Pulse)] == list(range(40))
    (clock,) = [each.line for each in news if isinstance(each, ClockNews)][:1]
    # The fake counts from the machine's own zero.
    assert abs(clock.host_ns(0)) < 6000e-6 * time.monotonic_ns()
    assert abs(clock.host_ns(clock.ticks) - clock.ticks * 500) <= clock.uncertainty_ns + 1e6
    assert isinstance(process.messages()[-1], Ended)
    assert pid is not None
    assert gone(pid)
    assert server.report()["runs"] == [40]


def test_beats_keep_their_rhythm_while_others_hold_their_gil(
    serve: Callable[..., Server],
) -> None:
    server = serve()
    with TriggerProcess(server.path) as process:
        process.configure(program())
        process.run(0)
        until(process, Pulse)
        other = subprocess.Popen([sys.executable, "-c", HOLD])
        ctypes.PyDLL(None).usleep(int(HOLD_S * 1e6))
        assert other.wait(10) == 0
        news = process.messages()
        process.stop()
        news += until(process, Done)
    beats = [each for each in news if isinstance(each, Beat)]
    assert len(beats) >= 18
    report = server.report()
    heard = [at for at, text in report["heard"] if text == "HB"]
    gap_ms = max(b - a for a, b in itertools.pairwise(heard)) / 1e6
    print(f"longest gap between heartbeats: {gap_ms:.0f} ms")  # noqa: T201
    assert gap_ms < 300
    assert report["cause"] == "stop"
    assert report["cuts"] == 0


def test_closing_finishes_the_frame(serve: Callable[..., Server]) -> None:
    server = serve()
    process = TriggerProcess(server.path)
    process.start()
    process.configure(program())
    process.run(0)
    until(process, Pulse)
    process.close()
    process.close()
    done = [each.event for each in process.messages() if isinstance(each, Happened)][-1]
    assert isinstance(done, Done)
    assert done.cause == "stop"
    report = server.report()
    assert (report["state"], report["cuts"]) == ("idle", 0)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_the_parents_death_stops_the_pulses(serve: Callable[..., Server], number: int) -> None:
    server = serve()
    parent = subprocess.Popen(
        [sys.executable, "-m", "tests.acquisition.fake_parent", server.path],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    parent.send_signal(number)
    parent.communicate(timeout=10)
    assert gone(child)
    report = server.report()
    assert (report["state"], report["cuts"], report["cause"]) == ("idle", 0, "stop")


def test_sigterm_to_the_child_stops_the_pulses(serve: Callable[..., Server]) -> None:
    server = serve()
    process = TriggerProcess(server.path)
    process.start()
    process.configure(program())
    process.run(0)
    assert process.pid is not None
    os.kill(process.pid, signal.SIGTERM)
    news = until(process, Ended)
    process.close()
    assert news[-1] == Ended(None)
    assert server.report()["cause"] == "stop"


def test_the_childs_death_is_told(serve: Callable[..., Server]) -> None:
    server = serve()
    process = TriggerProcess(server.path)
    process.start()
    process.configure(program())
    process.run(0)
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    with pytest.raises(TriggerLost, match=r"exit code -9.*heartbeat"):
        until(process, Ended)
    with pytest.raises(TriggerLost, match="exit code -9"):
        process.run(1)
    process.close()
    time.sleep(0.7)  # the heartbeat's limit of the controller itself
    assert server.report()["cause"] == "heartbeat"


def test_a_controller_that_falls_silent_is_told(serve: Callable[..., Server]) -> None:
    server = serve()
    process = TriggerProcess(server.path)
    process.start()
    server.go_deaf()
    with pytest.raises(TriggerLost, match=f"{server.path}: no answer"):
        until(process, TriggerController, 15.0)
    process.close()


def test_a_port_that_is_stuck_from_the_start_leaves_no_orphan() -> None:
    process = TriggerProcess(connect=partial(stuck, 0))
    with pytest.raises(TriggerLost, match="stuck, no answer for 1 s"):
        process.start(timeout_s=1.0)
    assert process.pid is None
    assert not [each for each in multiprocessing.active_children() if each.name == "trigger"]


def test_a_port_that_gets_stuck_ends_the_child_with_a_report() -> None:
    process = TriggerProcess(connect=partial(stuck, 60), stuck_s=0.6)
    process.start()
    pid = process.pid
    news = until(process, Ended)
    assert isinstance(news[-1], Ended)
    assert "fake: stuck for 0.6 s" in str(news[-1].fault)
    assert pid is not None
    assert gone(pid)
    process.close()


def test_a_port_that_is_not_there_is_told_at_the_start() -> None:
    with pytest.raises(EnvironmentFault, match=r"/dev/absent: no such port"):
        TriggerProcess("/dev/absent").start()


def test_a_defect_in_the_child_is_told() -> None:
    with pytest.raises(TriggerFault, match="ZeroDivisionError: a defect"):
        TriggerProcess(connect=defect).start()


def test_news_that_nobody_reads_do_not_stop_the_beats(serve: Callable[..., Server]) -> None:
    server = serve()
    process = TriggerProcess(server.path, beat_s=0.002)  # a pipe's 64 KiB are full in a second
    process.start()
    wait_until_full(process)
    full_ns = time.monotonic_ns()
    time.sleep(1.0)
    assert len(until(process, Beat)) > 400
    process.close()
    beats = [at for at, text in server.report()["heard"] if text == "HB"]
    assert sum(at > full_ns for at in beats) > 250


def test_an_interrupt_in_an_order_does_not_shift_the_answers(serve: Callable[..., Server]) -> None:
    server = serve()
    process = TriggerProcess(server.path)
    process.start()
    process.configure(program())
    process.run(0)
    receive = process._receive

    def interrupted(timeout_s: float) -> bool:
        raise KeyboardInterrupt

    for interrupted_order in (process.status, lambda: process.run(1)):  # an answer, a failure
        process._receive = interrupted  # type: ignore[method-assign]
        with pytest.raises(KeyboardInterrupt):
            interrupted_order()
        process._receive = receive  # type: ignore[method-assign]
        assert isinstance(process.status(), Status)
    process._receive = interrupted  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        process.run(1)
    process._receive = receive  # type: ignore[method-assign]
    process.close()  # the refusal of that run is nobody's any more
    report = server.report()
    assert (report["cause"], report["runs"]) == ("stop", [0])


def test_an_interrupt_in_the_middle_of_a_message_ends_low(serve: Callable[..., Server]) -> None:
    server = serve()
    process = TriggerProcess(server.path)
    process.start()
    process.configure(program())
    process.run(0)
    assert process._news is not None
    process.messages()

    def torn() -> News:
        raise KeyboardInterrupt

    process._news.recv = torn  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        process.messages(5.0)
    with pytest.raises(TriggerLost, match="interrupted in the middle"):
        process.status()
    process.close()
    assert server.report()["cause"] == "stop"


@pytest.mark.parametrize("closed", [True, False])
def test_it_can_be_started_again(serve: Callable[..., Server], closed: bool) -> None:
    server = serve()
    process = TriggerProcess(server.path)
    first = process.start()
    if closed:
        process.close()
    else:
        assert process.pid is not None
        os.kill(process.pid, signal.SIGKILL)
        with pytest.raises(TriggerLost, match="start it again"):
            until(process, Ended)
    assert process.start() == first
    assert process.status().state == "idle"
    process.configure(program())
    assert process.run(1) == 1
    until(process, Done)
    process.close()
    assert server.report()["runs"] == [1]


def test_a_second_start_is_refused_and_the_first_goes_on(serve: Callable[..., Server]) -> None:
    server = serve()
    with TriggerProcess(server.path) as process:
        pid = process.pid
        with pytest.raises(TriggerFault, match="is running already; close it first"):
            process.start()
        assert process.pid == pid
        assert process.status().state == "idle"


def test_a_child_that_cannot_be_spawned_leaves_nothing_behind() -> None:
    process = TriggerProcess(connect=lambda: stuck(0))  # cannot be pickled
    before = len(list(Path("/proc/self/fd").iterdir()))
    with pytest.raises(EnvironmentFault, match="the trigger: its process cannot be started"):
        process.start()
    assert len(list(Path("/proc/self/fd").iterdir())) <= before
    begin_s = time.monotonic()
    process.close()
    assert time.monotonic() - begin_s < 1.0


def test_the_rigs_patience_reaches_the_client(serve: Callable[..., Server]) -> None:
    server = serve()
    process = TriggerProcess(connect=partial(connect_port, server.path, None, 0.3))
    process.start()
    server.go_deaf()
    with pytest.raises(TriggerLost, match=r"no answer to 'HB' within 0\.3 s"):
        until(process, TriggerController, 10.0)
    process.close()
    patient = TriggerProcess("/dev/absent", reply_s=7.0)
    with pytest.raises(EnvironmentFault, match="no such port"):
        patient.start()
    # Whoever waits for the client has to wait longer than it does itself.
    assert patient.stuck_s >= TriggerProcess("/dev/absent").stuck_s + 60
