"""The first Ctrl-C is remembered while a take runs; the second is raised at once."""

from __future__ import annotations

import os
import signal

import pytest

from acquisition.capture.interrupt import Interrupt
from bsd.errors import UserMistake

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_the_first_is_remembered(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    interrupt = Interrupt()
    assert interrupt.reason() is None
    interrupt.raise_if_asked()
    with interrupt.held():
        os.kill(os.getpid(), number)
        assert interrupt.asked
    assert interrupt.reason() == "interrupted"
    assert signal.getsignal(number) is before
    with pytest.raises(KeyboardInterrupt):
        interrupt.raise_if_asked()


def test_the_second_is_raised_at_once() -> None:
    interrupt = Interrupt()
    before = signal.getsignal(signal.SIGINT)
    with interrupt.held():
        os.kill(os.getpid(), signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before


def test_outside_it_is_what_it_always_was() -> None:
    interrupt = Interrupt()
    with pytest.raises(KeyboardInterrupt):
        os.kill(os.getpid(), signal.SIGINT)
    assert not interrupt.asked


def test_what_fails_after_it_is_the_interrupts_doing() -> None:
    interrupt = Interrupt()
    with pytest.raises(UserMistake, match="mine"), interrupt.held():
        raise UserMistake("mine")
    interrupt.asked = True
    with pytest.raises(KeyboardInterrupt), interrupt.held():
        raise UserMistake("a device that was ended by the same signal")
