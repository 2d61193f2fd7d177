"""A child process that obeys orders: spawned, never forked, and gone when its parent is.

One pipe joins them. The parent sends numbered orders; the child answers them, and tells news and
log records in between. A child whose loop does not turn for too long is ended by a watchdog that
needs no lock of the interpreter: a vendor's library may hold it for ever.
"""

from __future__ import annotations

import faulthandler
import logging
import multiprocessing
import os
import pickle
import queue
import signal
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from acquisition.managed import Managed
from acquisition.priority import go_first
from acquisition.signals import GROUP, held_back, let_through
from bsd.errors import EnvironmentFault, ToolkitError, explain_os_error

STUCK_S = 30.0
START_S = 30.0

_ROOM = 100_000  # news that nobody reads
_FLUSH_S = 1.0
_KILL_S = 2.0
_NOT_SPAWNED = (OSError, pickle.PickleError, AttributeError, TypeError)


class ChildLost(EnvironmentFault):
    """A child process died, is stuck, or could not be started."""


class Leave(Exception):
    """Raised by `Desk.next`: the parent wants the child to end, or has died."""


@dataclass(frozen=True)
class _Order:
    number: int  # 0: no answer is awaited
    order: object


@dataclass(frozen=True)
class _Goodbye:
    pass


@dataclass(frozen=True)
class _Ready:
    value: object


@dataclass(frozen=True)
class _Answer:
    number: int
    value: object
    fault: ToolkitError | None


@dataclass(frozen=True)
class _News:
    news: object


@dataclass(frozen=True)
class _Log:
    record: logging.LogRecord


@dataclass(frozen=True)
class _Ended:
    fault: ToolkitError | None
    dropped: int


class Given:
    """An order as the child sees it; `answer` or `fail` it once."""

    def __init__(self, desk: Desk, number: int, order: object) -> None:
        self._desk = desk
        self._number = number
        self.order = order

    def answer(self, value: object = None) -> None:
        """It was carried out."""
        if self._number:
            self._desk.post(_Answer(self._number, value, None))

    def fail(self, fault: ToolkitError) -> None:
        """It was not; the child goes on."""
        if self._number:
            self._desk.post(_Answer(self._number, None, fault))
        else:
            logging.getLogger(__name__).warning("%s", fault)


class Desk:
    """The child's end of the pipe. `next` and `turn` are for one thread; `tell` for any."""

    def __init__(self, pipe: Connection, stuck_s: float) -> None:
        self._pipe = pipe
        self._stuck_s = stuck_s
        self._queue: queue.Queue[object] = queue.Queue(_ROOM)
        self._dropped = 0
        self._silence = Path(os.devnull).open("w")  # noqa: SIM115  for as long as the process lives
        self._writer = threading.Thread(target=self._write, daemon=True)
        self._writer.start()
        self.turn()

    def ready(self, value: object = None) -> None:
        """Tell the parent, which waits for it, that orders can be given now."""
        self.post(_Ready(value))

    def tell(self, news: object) -> None:
        """Send a message that nobody asked for. Never waits."""
        self.post(_News(news))

    def turn(self) -> None:
        """Say that the loop still turns; longer silence than `stuck_s` ends the process."""
        faulthandler.dump_traceback_later(self._stuck_s, exit=True, file=self._silence)

    def next(self, timeout_s: float = 0.0) -> Given | None:
        """The next order, waiting up to `timeout_s` for it; counts as a turn.

        Raises
        ------
        Leave
            It is time to end.
        """
        self.turn()
        try:
            if not self._pipe.poll(timeout_s):
                return None
            given = self._pipe.recv()
        except (EOFError, OSError) as error:  # the parent died
            raise Leave from error
        if isinstance(given, _Goodbye):
            raise Leave
        assert isinstance(given, _Order)  # noqa: S101  nothing else is sent
        return Given(self, given.number, given.order)

    def post(self, message: object) -> None:
        """Put a message on its way."""
        try:
            self._queue.put_nowait(message)
        except queue.Full:
            self._dropped += 1

    def end(self, fault: ToolkitError | None) -> None:
        """The last message; waits a moment for it to be sent."""
        while True:
            try:
                self._queue.put_nowait(_Ended(fault, self._dropped))
                break
            except queue.Full:
                self._queue.get_nowait()
                self._dropped += 1
        self._writer.join(_FLUSH_S)
        faulthandler.cancel_dump_traceback_later()

    def _write(self) -> None:
        while True:
            message = self._queue.get()
            try:
                self._pipe.send(message)
            except (OSError, ValueError):  # the parent is gone; the loop finds out by itself
                return
            if isinstance(message, _Ended):
                return


class _Forward(logging.Handler):
    """Log records travel to the parent, whose handlers write them."""

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self._desk = desk

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info:
            record.exc_text = logging.Formatter().formatException(record.exc_info)
        record.msg, record.args, record.exc_info = record.getMessage(), None, None
        self._desk.post(_Log(record))


def _body(
    serve: Callable[..., None],
    arguments: tuple[Any, ...],
    pipe: Connection,
    stuck_s: float,
    level: int,
    niceness: int,
) -> None:
    for number in GROUP:  # they reach everybody; the parent decides, and the pipe's end tells
        signal.signal(number, signal.SIG_IGN)
    let_through()
    if niceness:
        go_first(niceness)
    desk = Desk(pipe, stuck_s)
    logging.basicConfig(level=level, handlers=[_Forward(desk)], force=True)
    fault: ToolkitError | None = None
    try:
        serve(desk, *arguments)
    except Leave:
        pass
    except ToolkitError as found:
        fault = found
    except OSError as found:
        fault = explain_os_error(found)
    except Exception as found:
        name = multiprocessing.current_process().name
        logging.getLogger(__name__).exception("%s: a defect of this toolkit", name)
        fault = ChildLost(f"{name}: {type(found).__name__}: {found}; a defect, please report it")
    desk.end(fault)


class Child(Managed):
    """A process that serves orders, seen from its parent. A context manager: starts and closes.

    Parameters
    ----------
    name
        For messages, such as ``camera TW0001``.
    serve
        ``serve(desk, *arguments)``, a module's function; runs in the child until `Leave`.
    arguments
        Must be picklable while spawning; shared arrays are.
    stuck_s
        The child is ended where its loop does not turn for so long.
    niceness
        As of `acquisition.priority.go_first`; 0 asks for nothing.
    """

    def __init__(
        self,
        name: str,
        serve: Callable[..., None],
        arguments: tuple[Any, ...] = (),
        *,
        stuck_s: float = STUCK_S,
        niceness: int = 0,
    ) -> None:
        self.name = name
        self._serve = serve
        self._arguments = arguments
        self._stuck_s = stuck_s
        self._niceness = niceness
        self._process: BaseProcess | None = None
        self._pipe: Connection | None = None
        self._read: deque[object] = deque()
        self._answers: dict[int, _Answer] = {}
        self._ready: _Ready | None = None
        self._ended: _Ended | None = None
        self._number = 0

    @property
    def pid(self) -> int | None:
        """Process number while there is a process."""
        return self._process.pid if self._process is not None else None

    @property
    def alive(self) -> bool:
        """Whether the process runs and has not said goodbye."""
        return self._process is not None and self._ended is None and self._process.is_alive()

    @property
    def pipe(self) -> Connection | None:
        """For `multiprocessing.connection.wait`; readable where there may be news."""
        return self._pipe if self._ended is None else None

    def start(self, timeout_s: float = START_S) -> Any:
        """Spawn it and wait until it is ready; its word of readiness. Again after it has ended.

        Raises
        ------
        ToolkitError
            What the child ended by; `ChildLost` where it does not come in time or dies.
        """
        if self.alive:
            raise ChildLost(f"{self.name}: is running already; close it first")
        self.kill()
        self._ended, self._ready = None, None
        self._read.clear()
        self._answers.clear()
        self._spawn()
        try:
            self._wait(lambda: self._ready is not None, timeout_s)
        except BaseException:
            self.kill()
            raise
        return self._ready.value if self._ready is not None else None

    def ask(self, order: object, timeout_s: float) -> Any:
        """Give an order and wait for its answer, whose fault is raised.

        Raises
        ------
        ToolkitError
            The order's fault, or the child's; `ChildLost` where it is stuck: it is killed then.
        """
        self._number += 1
        number = self._number
        self._send(_Order(number, order))
        self._wait(lambda: number in self._answers, timeout_s)
        answer = self._answers.pop(number)
        self._answers.clear()  # to orders that nobody waits for any more
        if answer.fault is not None:
            raise answer.fault
        return answer.value

    def tell(self, order: object) -> None:
        """Give an order and do not wait; its fault is only logged."""
        self._send(_Order(0, order))

    def news(self, timeout_s: float = 0.0) -> list[Any]:
        """What the child has told since the last call; waits for the first if there is none.

        Raises
        ------
        ToolkitError
            The child has ended by a fault, or died; told once all its news were returned.
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

    def close(self, timeout_s: float | None = None) -> None:
        """End it in good order, else by force; again is no error.

        Raises
        ------
        ToolkitError
            It could not end in good order.
        """
        if self._process is None:
            return
        reported = self._ended is not None
        try:
            if self._ended is None:
                self._send(_Goodbye())
                limit_s = self._stuck_s + _KILL_S if timeout_s is None else timeout_s
                self._wait(lambda: self._ended is not None, limit_s)
        finally:
            self.kill()
        if not reported and self._ended is not None and self._ended.fault is not None:
            raise self._ended.fault

    def kill(self) -> None:
        """No orphan: its pipe is closed, which tells it to end; then it is forced."""
        process, self._process = self._process, None
        if process is None:
            return
        if self._pipe is not None:
            self._pipe.close()
        process.join(_KILL_S)
        if process.is_alive():
            process.kill()
            process.join()
        process.close()
        self._pipe = None
        if self._ended is None:
            self._ended = _Ended(None, 0)

    def _spawn(self) -> None:
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(
            target=_body,
            args=(
                self._serve,
                self._arguments,
                theirs,
                self._stuck_s,
                logging.getLogger().getEffectiveLevel(),
                self._niceness,
            ),
            name=self.name,
            daemon=True,  # ends with its parent even where nobody closes it
        )
        try:
            with held_back():
                process.start()
        except BaseException as error:
            ours.close()
            if isinstance(error, _NOT_SPAWNED):
                raise ChildLost(
                    f"{self.name}: its process cannot be started: {error}; end other programs"
                ) from error
            raise
        finally:
            theirs.close()
        self._process, self._pipe = process, ours

    def _send(self, message: object) -> None:
        if self._pipe is None or self._ended is not None:
            raise self._fault()
        try:
            self._pipe.send(message)
        except OSError as error:
            while self._receive(0.0):  # it may have said why
                pass
            raise self._fault() from error

    def _wait(self, done: Callable[[], bool], timeout_s: float) -> None:
        limit_s = time.monotonic() + timeout_s
        while not done():
            if self._receive(max(0.0, limit_s - time.monotonic())):
                continue
            if self._ended is not None:
                if done():
                    return
                raise self._fault()
            self._ended = _Ended(
                ChildLost(f"{self.name}: stuck, no answer for {timeout_s:g} s; it was ended"), 0
            )
            self.kill()
            raise self._fault()

    def _receive(self, timeout_s: float) -> bool:
        """Take in one message; False where none came or none can come any more."""
        if self._pipe is None or self._ended is not None:
            return False
        try:
            if not self._pipe.poll(timeout_s):
                return False
            message = self._pipe.recv()
        except (EOFError, OSError):
            self._ended = _Ended(self._gone(), 0)
            return False
        except BaseException:  # the rest of a message cannot be told from the next
            self._ended = _Ended(
                ChildLost(f"{self.name}: interrupted in the middle of a message; start it again"), 0
            )
            raise
        match message:
            case _Ready():
                self._ready = message
            case _Answer():
                self._answers[message.number] = message
            case _News(news):
                self._read.append(news)
            case _Log(record):
                log = logging.getLogger(record.name)
                if log.isEnabledFor(record.levelno):
                    log.handle(record)
            case _Ended():
                self._ended = message
        return True

    def _fault(self) -> ToolkitError:
        if self._ended is not None and self._ended.fault is not None:
            return self._ended.fault
        return ChildLost(f"{self.name}: its process is not running; start it again")

    def _gone(self) -> ChildLost:
        code = None
        if self._process is not None:
            self._process.join(_KILL_S)
            code = self._process.exitcode
        how = f"signal {-code}" if code is not None and code < 0 else f"exit code {code}"
        return ChildLost(f"{self.name}: its process died ({how}); start it again")
