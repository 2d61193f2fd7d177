"""What a capture tells the operator: checks, what became of each take, and the sum of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from rich.table import Table

from bsd import command

if TYPE_CHECKING:
    from pathlib import Path

    from acquisition.capture.prompt import Prompt
    from acquisition.engine.shoot import Outcome
    from acquisition.health.finding import Finding as Check
    from acquisition.preflight.preflight import Preflight

COLOURS: Final = {"ok": "green", "warning": "yellow", "fault": "bold red"}
_SHOWN: Final = 5


def print_checks(checks: Sequence[Check]) -> None:
    """A line for each, and what to do where something is wrong."""
    console = command.err()
    width = max((len(each.name) for each in checks), default=0)
    for each in checks:
        console.print(f"{each.status:7}", style=COLOURS[each.status], end="  ")
        console.print(f"{each.name:{width}}  {each.what}", markup=False)
        if each.remedy:
            console.print(f"{'':{width + 9}}  → {each.remedy}", markup=False)


def tell_outcome(prompt: Prompt, outcome: Outcome, warnings: Sequence[Check]) -> None:
    """What became of a take, and what was found."""
    name = f"{outcome.take.clip}.{outcome.take.attempt}"
    if not outcome.kept:
        prompt.say(f"{name}: discarded: {outcome.why}", "bold red")
    else:
        seconds = outcome.recording.elapsed_s if outcome.recording else 0.0
        what = f"{outcome.pairs} pairs"
        if outcome.verdict == "free-running":
            what = outcome.why
        prompt.say(f"{name}: {outcome.verdict}, {what}, {seconds:.1f} s", "green")
    told = [finding for finding in outcome.findings if finding not in outcome.why]
    for finding in told[:_SHOWN]:
        prompt.say(f"  {finding}")
    if len(told) > _SHOWN:
        more = len(told) - _SHOWN
        prompt.say(f"  and {more} more; see python -m acquisition.inspect")
    for warning in warnings:
        prompt.say(f"  warning: {warning.name}: {warning.what}", "yellow")


def summary(outcomes: Sequence[Outcome]) -> Table:
    """Clips of a run."""
    table = Table(box=None, padding=(0, 2))
    for column in ("clip", "purpose", "verdict", "pairs"):
        table.add_column(column)
    for outcome in outcomes:
        if outcome.clip is None:
            continue
        plan = outcome.clip.plan
        table.add_row(
            outcome.clip.clip, plan.step or plan.purpose, outcome.verdict, str(outcome.pairs)
        )
    return table


def as_fields(folder: Path, found: Preflight | None, outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """For ``--json``: the preflight, and every take of the run, kept or not."""
    return {
        "session": str(folder),
        "preflight": None if found is None else found.as_fields(),
        "clips": [_fields(outcome) for outcome in outcomes if outcome.kept],
        "discarded": [_fields(outcome) for outcome in outcomes if not outcome.kept],
    }


def _fields(outcome: Outcome) -> dict[str, Any]:
    return {
        "clip": outcome.take.clip,
        "attempt": outcome.take.attempt,
        "verdict": outcome.verdict,
        "why": outcome.why,
        "pairs": outcome.pairs,
        "findings": list(outcome.findings),
    }
