"""The trigger in a process of its own: it beats on time, whatever the capture is doing.

Spawned, never forked. The capture's death, by whatever cause, closes the pipe of orders: the child
then stops the pulses and ends.
"""

from __future__ import annotations

import multiprocessing
import pickle
import time
from collections import deque
from functools import partial
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, TypeVar

from acquisition.managed import Managed
from acquisition.signals import held_back
from acquisition.trigger.controller import BEAT_S, REPLY_S, TriggerController
from acquisition.trigger.fault import TriggerFault, TriggerLost
from acquisition.trigger.link import Identity, Status
from acquisition.trigger.message import (
    Abort,
    Answer,
    Ask,
    Configure,
    Ended,
    Failure,
    Leave,
    News,
    Numbered,
    Order,
    Ready,
    Run,
    Stop,
)
from acquisition.trigger.service import STUCK_S, Connect, serve, slack_s
from bsd.errors import EnvironmentFault

if TYPE_CHECKING:
    from acquisition.pulse_program import PulseProgram

START_TIMEOUT_S = 20.0

_KILL_S = 2.0
# A connect that cannot be pickled, or a machine without room for one more process.
_NOT_SPAWNED = (OSError, pickle.PickleError, AttributeError, TypeError)

Wanted = TypeVar("Wanted", Ready, Answer, Ended)


def connect_port(path: str | None, name: str | None, reply_s: float) -> TriggerController:
    """As `acquisition.trigger.port.connect`; imports pyserial in the child only."""
    from acquisition.trigger.port import connect

    return connect(path, name, reply_s=reply_s)


class _Gone(TriggerLost):
    """The child ended without a word; with exit code 0 it had been told to by a signal."""

    exit_status: int | None = None

    @property
    def is_in_order(self) -> bool:
        """Whether it brought the outputs low before it went."""
        return self.exit_status == 0


class TriggerProcess(Managed):
    """A trigger controller behind a process. A context manager: starts, and always ends low.

    Parameters
    ----------
    path, name, reply_s
        As of `acquisition.trigger.port.connect`; `reply_s` is the rig's ``timeouts.reply_s``.
    connect
        Makes the controller in the child instead; must be picklable.
    beat_s
        Heartbeats are so far apart.
    stuck_s
        The child ends itself where its port has blocked it for so long; None: 30 s, and longer
        where `reply_s` is above 1 s.
    """

    def __init__(
        self,
        path: str | None = None,
        name: str | None = None,
        *,
        reply_s: float = REPLY_S,
        connect: Connect | None = None,
        beat_s: float = BEAT_S,
        stuck_s: float | None = None,
    ) -> None:
        self._connect = connect or partial(connect_port, path, name, reply_s)
        self._port = path or name or "the trigger"
        self._beat_s = beat_s
        self._slack_s = slack_s(reply_s)
        self.stuck_s = STUCK_S + self._slack_s if stuck_s is None else stuck_s
        self._process: multiprocessing.process.BaseProcess | None = None
        self._orders: Connection | None = None
        self._news: Connection | None = None
        self._read: deque[News] = deque()
        self._ended: Ended | None = None
        self._number = 0

    @property
    def pid(self) -> int | None:
        """Process number of the child while there is one."""
        return self._process.pid if self._process is not None else None

    def start(self, timeout_s: float | None = None) -> Identity:
        """Spawn the child and wait until its controller is open; again after it has ended.

        What the one before said and nobody read is gone.

        Parameters
        ----------
        timeout_s
            Longest time to wait; None: 20 s, and longer where `reply_s` is above 1 s.

        Raises
        ------
        EnvironmentFault
            No process could be started.
        TriggerFault
            It is running already.
        ToolkitError
            As of `acquisition.trigger.port.open_port` and `TriggerController.open`; `TriggerLost`
            where it does not come in time.
        """
        if self._process is not None and self._ended is None and self._process.is_alive():
            raise TriggerFault(f"{self._port}: its process is running already; close it first")
        self._end_process()
        self._ended = None
        self._read.clear()
        self._spawn()
        limit_s = START_TIMEOUT_S + self._slack_s if timeout_s is None else timeout_s
        try:
            return self._wait_for(Ready, limit_s).identity
        except BaseException:
            self._end_process()
            raise

    def configure(self, program: PulseProgram, heartbeat_ms: int = 500, gate: bool = False) -> None:
        """As `TriggerController.configure`."""
        self._order(Configure(program, heartbeat_ms, gate))

    def run(self, frames: int) -> int:
        """As `TriggerController.run`."""
        value = self._order(Run(frames))
        if not isinstance(value, int):
            raise TypeError(f"answer to a run: {value!r}")
        return value

    def stop(self) -> str:
        """As `TriggerController.stop`."""
        return str(self._order(Stop()))

    def abort(self) -> None:
        """As `TriggerController.abort`."""
        self._order(Abort())

    def status(self) -> Status:
        """As `TriggerController.status`."""
        value = self._order(Ask())
        if not isinstance(value, Status):
            raise TypeError(f"answer to a status: {value!r}")
        return value

    def messages(self, timeout_s: float = 0.0) -> list[News]:
        """Beats, events, clock and end since the last call; waits for the first if there is none.

        Raises
        ------
        ToolkitError
            The child ended by a fault; what it had said before was returned by earlier calls.
        """
        if not self._read:
            if self._ended is not None and self._ended.fault is not None:
                raise self._ended.fault
            if self._ended is None:
                self._receive(timeout_s)
        while self._ended is None and self._receive(0.0):
            pass
        found = list(self._read)
        self._read.clear()
        return found

    def close(self) -> None:
        """Outputs low, child ended; again is no error.

        Raises
        ------
        ToolkitError
            The child could not leave in good order.
        """
        if self._process is None:
            return
        reported = self._ended is not None
        try:
            if self._ended is None:
                self._send(Leave())
                self._wait_for(Ended, self.stuck_s + _KILL_S)
        except _Gone as gone:
            if not gone.is_in_order:
                raise
        finally:
            self._end_process()
        fault = None if reported or self._ended is None else self._ended.fault
        if fault is not None and not (isinstance(fault, _Gone) and fault.is_in_order):
            raise fault

    def _spawn(self) -> None:
        context = multiprocessing.get_context("spawn")
        orders, our_orders = context.Pipe(duplex=False)
        our_news, news = context.Pipe(duplex=False)
        process = context.Process(
            target=serve,
            args=(self._connect, orders, news, self._beat_s, self.stuck_s),
            name="trigger",
            daemon=True,  # ends with its parent even where nobody closes it
        )
        try:
            with held_back():
                process.start()
        except BaseException as error:
            for end in (our_orders, our_news):
                end.close()
            if isinstance(error, _NOT_SPAWNED):
                raise EnvironmentFault(
                    f"{self._port}: its process cannot be started: {error}; end other programs, or"
                    " give a connect that can be pickled"
                ) from error
            raise
        finally:
            orders.close()
            news.close()
        self._process, self._orders, self._news = process, our_orders, our_news

    def _order(self, order: Order) -> int | str | Status | None:
        self._send(order)
        return self._wait_for(Answer, self.stuck_s + _KILL_S).value

    def _send(self, order: Order) -> None:
        if self._orders is None:
            raise TriggerLost(f"{self._port}: the trigger process is not started; start it first")
        if self._ended is not None:
            raise self._ended.fault or self._gone()
        self._number += 1
        try:
            self._orders.send(Numbered(self._number, order))
        except OSError as error:
            while self._receive(0.0):  # it may have said why
                pass
            raise (self._ended.fault if self._ended else None) or self._gone() from error

    def _wait_for(self, kind: type[Wanted], timeout_s: float) -> Wanted:
        """The first message of its kind; a failure of the last order is raised.

        Answers to orders before the last are nobody's; all other messages are kept for `messages`.
        """
        limit_s = time.monotonic() + timeout_s
        while True:
            kept = len(self._read)
            if not self._receive(max(0.0, limit_s - time.monotonic())):
                if self._ended is not None:
                    raise self._ended.fault or self._gone()
                self._end_process()
                raise TriggerLost(
                    f"{self._port}: the trigger process is stuck, no answer for {timeout_s:g} s; it"
                    " was ended, and a run ends by its heartbeat limit; plug the controller in anew"
                )
            message = self._read[kept]
            if isinstance(message, Ready | Answer | Failure):
                del self._read[kept]
                if isinstance(message, Answer | Failure) and message.number != self._number:
                    continue
                if isinstance(message, Failure):
                    raise message.fault
            if isinstance(message, kind):
                return message

    def _receive(self, timeout_s: float) -> bool:
        """Take in one message; False where none came or none can come any more."""
        if self._news is None or self._ended is not None:
            return False
        try:
            if not self._news.poll(timeout_s):
                return False
        except OSError:
            self._ended = Ended(self._gone())
            return False
        try:
            message: News = self._news.recv()
        except (EOFError, OSError):
            self._ended = Ended(self._gone())
            return False
        except BaseException:
            # Its rest cannot be told from the next; closing the orders will still bring it low.
            self._ended = Ended(
                TriggerLost(f"{self._port}: interrupted in the middle of a message; start it again")
            )
            raise
        if isinstance(message, Ended):
            self._ended = message
        self._read.append(message)
        return True

    def _gone(self) -> TriggerLost:
        code = None
        if self._process is not None:
            self._process.join(_KILL_S)
            code = self._process.exitcode
        gone = _Gone(
            f"{self._port}: the trigger process ended (exit code {code}); a run ends by its"
            " heartbeat limit; start it again"
        )
        gone.exit_status = code
        return gone

    def _end_process(self) -> None:
        """No orphan: ask, then kill."""
        process, self._process = self._process, None
        if process is None:
            return
        if self._orders is not None:
            self._orders.close()  # tells the child to stop the pulses and end
        process.join(_KILL_S)
        if process.is_alive():
            process.terminate()
            process.join(_KILL_S)
        if process.is_alive():
            process.kill()
            process.join()
        process.close()
        if self._news is not None:
            self._news.close()
        self._orders = self._news = None
