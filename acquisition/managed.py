"""What is started and must be closed: a ``with`` block that never hides the first error."""

from __future__ import annotations

from abc import ABC, abstractmethod
from types import TracebackType
from typing import Any, Self

from bsd.errors import ToolkitError


class Managed(ABC):
    """Starts on entering a ``with`` block and closes on leaving it."""

    @abstractmethod
    def start(self) -> Any:
        """Begin."""

    @abstractmethod
    def close(self) -> None:
        """End in good order; raises `ToolkitError` where that was not possible."""

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self.close()
        except ToolkitError as fault:
            if error is None:
                raise
            error.add_note(str(fault))  # the first error is the one that is raised
