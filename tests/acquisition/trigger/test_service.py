"""The child's loop: what it tells before it ends, and what does not end it."""

import os
import signal
import time
from collections.abc import Callable

import pytest

from acquisition.trigger.controller import Done, Pulse, TriggerLost
from acquisition.trigger.message import Beat, Ended, Happened
from acquisition.trigger.process import TriggerProcess
from bsd.errors import UserMistake
from tests.acquisition.conftest import Server
from tests.acquisition.trigger.test_controller import program
from tests.acquisition.trigger.test_process import until

pytestmark = pytest.mark.unit


def test_what_was_heard_as_the_line_failed_is_told(serve: Callable[..., Server]) -> None:
    server = serve()
    process = TriggerProcess(server.path)
    process.start()
    process.configure(program())
    process.run(0)
    news = until(process, Pulse)
    server.go_deaf()
    with pytest.raises(TriggerLost, match="no answer"):  # noqa: PT012
        while True:
            news += process.messages(0.3)
    process.close()
    events = [each.event for each in news if isinstance(each, Happened)]
    told = [each.n for each in events if isinstance(each, Pulse)]
    assert [each.cause for each in events if isinstance(each, Done)] == ["heartbeat"]
    assert told == list(range(server.report()["pulses"]))


def test_a_hangup_of_the_terminal_stops_the_pulses(serve: Callable[..., Server]) -> None:
    server = serve()
    process = TriggerProcess(server.path)
    process.start()
    process.configure(program())
    process.run(0)
    assert process.pid is not None
    os.kill(process.pid, signal.SIGHUP)
    assert until(process, Ended)[-1] == Ended(None)
    process.close()
    report = server.report()
    assert (report["cause"], report["cuts"]) == ("stop", 0)


def test_a_pause_longer_than_its_patience_does_not_end_it(serve: Callable[..., Server]) -> None:
    server = serve()
    process = TriggerProcess(server.path, stuck_s=0.8)
    process.start()
    until(process, Beat)
    assert process.pid is not None
    os.kill(process.pid, signal.SIGSTOP)
    time.sleep(1.3)
    os.kill(process.pid, signal.SIGCONT)
    process.messages()
    until(process, Beat)
    assert process.status().state == "idle"
    process.close()


def test_an_order_that_is_no_command_is_refused_and_the_run_goes_on(
    serve: Callable[..., Server],
) -> None:
    server = serve()
    with TriggerProcess(server.path) as process:
        process.configure(program())
        process.run(0)
        with pytest.raises(UserMistake, match="command 'RUN ä'"):
            process.run("ä")  # type: ignore[arg-type]
        assert process.status().state == "running"
        process.stop()
    assert server.report()["cause"] == "stop"
