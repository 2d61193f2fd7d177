"""What can go wrong with the trigger controller, each in one line that names the port."""

from __future__ import annotations

from collections.abc import Mapping

from bsd.errors import EnvironmentFault


class TriggerFault(EnvironmentFault):
    """Base of the trigger's errors, and what is said where no narrower one fits."""


class TriggerLost(TriggerFault):
    """The controller does not answer, or its port is gone.

    Attributes
    ----------
    ran
        Of the `RUN` that failed with this: True, it began exactly once and has been stopped;
        False, it never began; None, not known (or no `RUN` was asked for).
    """

    def __init__(self, message: str, *, ran: bool | None = None) -> None:
        super().__init__(message)
        self.ran = ran


class TriggerRestarted(TriggerFault):
    """The controller was reset, or belongs to another host: configuration and run are gone.

    Attributes
    ----------
    cause
        What the controller says of the reset; "unknown" where its word was lost.
    ran
        As of `TriggerLost`; pulses that began were ended by the reset.
    """

    def __init__(self, message: str, *, cause: str = "unknown", ran: bool | None = None) -> None:
        super().__init__(message)
        self.cause = cause
        self.ran = ran


class TriggerRefused(TriggerFault):
    """The controller answered ``ERR``; nothing was done.

    Attributes
    ----------
    code, word, fields
        As in the protocol's table of errors.
    """

    def __init__(
        self,
        message: str,
        *,
        code: int = 0,
        word: str = "",
        fields: Mapping[str, int | str] | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.word = word
        self.fields = dict(fields or {})


class TriggerUnfit(TriggerFault):
    """Something answers, but not the controller that is needed: version, tick or settings."""
