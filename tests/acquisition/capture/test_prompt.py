"""Questions to the operator: asked, answered by default, or not waited for."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from acquisition.capture.prompt import Prompt

pytestmark = pytest.mark.unit


def answering(*answers: str) -> tuple[Prompt, list[str]]:
    asked: list[str] = []
    rest = list(answers)

    def ask(question: str) -> str:
        asked.append(question)
        return rest.pop(0)

    return Prompt(asks=True, ask=ask), asked


def never(_: str) -> str:
    raise AssertionError("nobody is asked")


def test_a_choice_is_asked_until_it_is_one() -> None:
    prompt, asked = answering("x", " R ")
    assert prompt.choice("so?", {"k": "keep", "r": "again"}, "k") == "r"
    assert len(asked) == 2
    assert "[k] keep (Enter)" in asked[0]
    assert "[r] again" in asked[0]


def test_enter_is_the_default() -> None:
    prompt, _ = answering("", "  words of mine ")
    assert prompt.choice("so?", {"k": "keep", "r": "again"}, "k") == "k"
    assert prompt.text("note:") == "words of mine"


def test_without_a_keyboard_nothing_waits() -> None:
    prompt = Prompt(asks=False, ask=never)
    prompt.wait("ready?")
    assert prompt.text("note:") == ""
    assert prompt.choice("so?", {"k": "keep"}, "k") == "k"
    assert not prompt.asks


def counter(turns: int) -> Callable[[], bool]:
    left = [turns]

    def stop() -> bool:
        left[0] -= 1
        return left[0] < 0

    return stop


def test_a_countdown_is_said_and_can_be_stopped(capsys: pytest.CaptureFixture[str]) -> None:
    prompt = Prompt(asks=False)
    assert prompt.countdown(1)
    assert not prompt.countdown(30, counter(3))
    said = capsys.readouterr().err.split("\n")
    assert said[:2] == ["… 1", "… 30"]
    assert prompt.countdown(0)
    assert not prompt.countdown(0, lambda: True)
