"""What passes between a capture and the process of its trigger: orders one way, news the other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from acquisition.trigger.device_clock import ClockLine
from acquisition.trigger.event import TriggerEvent
from acquisition.trigger.link import Identity, Status
from bsd.errors import ToolkitError

if TYPE_CHECKING:
    from acquisition.pulse_program import PulseProgram


@dataclass(frozen=True)
class Configure:
    """Order: `TriggerController.configure`."""

    program: PulseProgram
    heartbeat_ms: int = 500
    gate: bool = False


@dataclass(frozen=True)
class Run:
    """Order: `TriggerController.run`."""

    frames: int


@dataclass(frozen=True)
class Stop:
    """Order: `TriggerController.stop`."""


@dataclass(frozen=True)
class Abort:
    """Order: `TriggerController.abort`."""


@dataclass(frozen=True)
class Ask:
    """Order: `TriggerController.status`."""


@dataclass(frozen=True)
class Leave:
    """Order: bring the outputs low and end."""


Order = Configure | Run | Stop | Abort | Ask | Leave


@dataclass(frozen=True)
class Numbered:
    """An order on its way; its answer carries the same number.

    Who gave an order may have stopped waiting for its answer (Ctrl-C), which then is nobody's.
    """

    number: int
    order: Order


@dataclass(frozen=True)
class Ready:
    """The controller is open."""

    identity: Identity


@dataclass(frozen=True)
class Answer:
    """The order of this number was carried out."""

    number: int
    value: int | str | Status | None


@dataclass(frozen=True)
class Failure:
    """The order of this number was not carried out; the process goes on unless it says so."""

    number: int
    fault: ToolkitError


@dataclass(frozen=True)
class Beat:
    """A heartbeat was answered; the process's own lateness is `received_ns - due_ns`."""

    n: int
    ticks: int
    due_ns: int
    sent_ns: int
    received_ns: int


@dataclass(frozen=True)
class ClockNews:
    """The device's clock on the host's CLOCK_MONOTONIC, once a second."""

    line: ClockLine


@dataclass(frozen=True)
class Happened:
    """An event of the controller, in its order."""

    event: TriggerEvent


@dataclass(frozen=True)
class Ended:
    """The last message: None where the outputs were brought low in good order.

    Attributes
    ----------
    fault
        Why it ended otherwise.
    dropped
        Messages that found no room because nobody read them.
    """

    fault: ToolkitError | None
    dropped: int = 0


News = Ready | Answer | Failure | Beat | ClockNews | Happened | Ended
