"""What a capture asks the operator: answered at the keyboard, or not asked at all."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from typing import Final

from bsd import command

_TICK_S: Final = 0.1


class Prompt:
    """Questions to the operator.

    Parameters
    ----------
    asks
        False: every question is answered by its default, and nothing waits.
    ask
        Reads a line; the keyboard's by default.
    """

    def __init__(self, asks: bool, ask: Callable[[str], str] = input) -> None:
        self.asks = asks
        self._ask = ask
        self._console = command.err()

    @staticmethod
    def has_keyboard() -> bool:
        """Whether somebody can answer."""
        return sys.stdin is not None and sys.stdin.isatty()

    def say(self, text: str, style: str | None = None) -> None:
        """One paragraph for the operator."""
        self._console.print(text, style=style, markup=False)

    def wait(self, text: str) -> None:
        """Until Enter is pressed."""
        if self.asks:
            self._ask(f"{text} [Enter] ")

    def text(self, question: str) -> str:
        """A line of free words; empty where nobody is asked."""
        return self._ask(f"{question} ").strip() if self.asks else ""

    def choice(self, question: str, choices: Mapping[str, str], default: str) -> str:
        """A letter of `choices`; Enter means the default."""
        if not self.asks:
            return default
        shown = ", ".join(
            f"[{letter}] {meaning}" + (" (Enter)" if letter == default else "")
            for letter, meaning in choices.items()
        )
        while True:
            answer = self._ask(f"{question} {shown}: ").strip().lower() or default
            if answer in choices:
                return answer

    def countdown(self, seconds: int, stop: Callable[[], bool] = lambda: False) -> bool:
        """Count down aloud; False where `stop` ended it."""
        for left in range(seconds, 0, -1):
            self.say(f"… {left}")
            until_s = time.monotonic() + 1.0
            while time.monotonic() < until_s:
                if stop():
                    return False
                time.sleep(_TICK_S)
        return not stop()
