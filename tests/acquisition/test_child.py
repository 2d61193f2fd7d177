"""A child process: its orders, its news, and its end, whoever dies."""

import ctypes
import logging
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from acquisition.child import Child, ChildLost, Desk, Leave
from bsd.errors import EnvironmentFault, UserMistake
from tests.acquisition.trigger.test_process import gone

pytestmark = pytest.mark.unit


def echo(desk: Desk, greeting: str) -> None:
    """Answers what it is told, and obeys a few words."""
    desk.ready(greeting)
    try:
        while True:
            given = desk.next(0.2)
            if given is None:
                continue
            match given.order:
                case "mistake":
                    given.fail(UserMistake("that was wrong; say something else"))
                case "news":
                    desk.tell("one")
                    desk.tell("two")
                    given.answer()
                case "log":
                    logging.getLogger("acquisition.echo").warning("heard %d words", 3)
                    given.answer()
                case "hang":
                    ctypes.PyDLL(None).sleep(60)  # keeps the interpreter's lock
                case "slow":
                    time.sleep(0.5)
                    given.answer("late")
                case "end":
                    raise EnvironmentFault("the camera is gone; plug it in")
                case "defect":
                    raise ZeroDivisionError("a defect")
                case word:
                    given.answer((word, os.getpid()))
    except Leave:
        logging.getLogger("acquisition.echo").warning("good bye")
        raise


def silent(desk: Desk) -> None:
    while True:
        desk.next(0.1)


def test_orders_are_answered_and_their_faults_raised() -> None:
    with Child("echo", echo, ("hello",)) as child:
        assert child.ask("word", 5) == ("word", child.pid)
        with pytest.raises(UserMistake, match="say something else"):
            child.ask("mistake", 5)
        assert child.ask("word", 5)[0] == "word"
        pid = child.pid
    assert pid is not None
    assert gone(pid)
    with pytest.raises(ChildLost, match="not running"):
        child.ask("word", 5)
    assert child.start() == "hello"  # again
    child.close()
    child.close()


def test_news_come_in_order_and_between_answers() -> None:
    with Child("echo", echo, ("",)) as child:
        child.tell("news")
        assert child.ask("word", 5)[0] == "word"
        assert child.news() == ["one", "two"]
        assert child.news() == []


def test_logs_reach_the_parents_handlers(caplog: pytest.LogCaptureFixture) -> None:
    with Child("echo", echo, ("",)) as child:
        child.ask("log", 5)
    assert [record.getMessage() for record in caplog.records] == ["heard 3 words", "good bye"]
    assert caplog.records[0].name == "acquisition.echo"


def test_an_answer_that_nobody_waited_for_is_nobodys() -> None:
    with Child("echo", echo, ("",)) as child:
        child.tell("slow")
        assert child.ask("word", 5)[0] == "word"


def test_its_own_end_is_told_with_the_reason() -> None:
    child = Child("echo", echo, ("",))
    child.start()
    with pytest.raises(EnvironmentFault, match="the camera is gone"):
        child.ask("end", 5)
    assert not child.alive
    with pytest.raises(EnvironmentFault, match="the camera is gone"):
        child.news()
    child.close()


def test_a_defect_is_told_as_one(caplog: pytest.LogCaptureFixture) -> None:
    child = Child("echo", echo, ("",))
    child.start()
    with pytest.raises(ChildLost, match="echo: ZeroDivisionError: a defect"):
        child.ask("defect", 5)
    child.close()
    assert "Traceback" in (caplog.records[0].exc_text or "")


def test_a_killed_child_is_told_with_its_signal() -> None:
    child = Child("echo", echo, ("",))
    child.start()
    assert child.pid is not None
    os.kill(child.pid, signal.SIGKILL)
    with pytest.raises(ChildLost, match=r"echo: its process died \(signal 9\)"):
        child.ask("word", 5)
    child.close()  # was told already
    assert child.start() == ""
    child.close()


def test_a_child_that_keeps_the_interpreters_lock_is_ended_by_its_watchdog() -> None:
    child = Child("echo", echo, ("",), stuck_s=1.0)
    child.start()
    pid = child.pid
    begun = time.monotonic()
    with pytest.raises(ChildLost, match="died"):
        child.ask("hang", 20)
    assert time.monotonic() - begun < 15
    assert pid is not None
    assert gone(pid)
    child.kill()


def test_a_child_that_does_not_answer_in_time_is_ended_by_its_parent() -> None:
    child = Child("echo", echo, ("",))
    child.start()
    pid = child.pid
    with pytest.raises(ChildLost, match=r"echo: stuck, no answer for 0\.3 s"):
        child.ask("hang", 0.3)
    assert pid is not None
    assert gone(pid)
    assert not child.alive


def test_one_that_never_becomes_ready_is_ended() -> None:
    child = Child("silent", silent)
    with pytest.raises(ChildLost, match="silent: stuck"):
        child.start(1.5)
    assert child.pid is None


def test_what_cannot_be_spawned_is_told() -> None:
    child = Child("echo", echo, (lambda: None,))
    with pytest.raises(ChildLost, match="cannot be started"):
        child.start()


PARENT = """
import sys, time
from acquisition.child import Child
from tests.acquisition.test_child import echo
if __name__ == "__main__":
    child = Child("echo", echo, ("",))
    child.start()
    print(child.pid, flush=True)
    if sys.argv[1] == "hang":
        child.tell("hang")
    time.sleep(60)
"""


@pytest.mark.parametrize("word", ["wait", "hang"])
def test_a_killed_parent_leaves_no_child(word: str, tmp_path: Path) -> None:
    script = tmp_path / "parent.py"
    # A hanging child has no loop that could see its parent's end: the watchdog ends it.
    script.write_text(PARENT.replace('("",))', '("",), stuck_s=2.0)'))
    root = Path(__file__).parents[2]
    parent = subprocess.Popen(
        [sys.executable, str(script), word],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(root)},
    )
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    parent.kill()
    parent.wait(10)
    parent.stdout.close()
    assert gone(pid, 15)


def test_signals_to_the_group_are_left_to_the_parent() -> None:
    with Child("echo", echo, ("",)) as child:
        assert child.pid is not None
        os.kill(child.pid, signal.SIGINT)
        assert child.ask("word", 5)[0] == "word"
        os.kill(child.pid, signal.SIGTERM)  # a whole group may be told to end
        assert child.ask("word", 5)[0] == "word"
