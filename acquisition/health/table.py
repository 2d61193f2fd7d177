"""Findings as a table for a terminal: plain columns, each remedy under what it mends."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from acquisition.health.finding import Finding, Status
from bsd import command
from bsd.phrase import counted

if TYPE_CHECKING:
    from rich.console import Console

_COLOURS: Final[dict[Status, str]] = {"ok": "green", "warning": "yellow", "fault": "bold red"}


def print_findings(found: Sequence[Finding], console: Console | None = None) -> None:
    """Print findings and how many are bad.

    Parameters
    ----------
    found
        Of a doctor or a preflight.
    console
        Where to; default the standard output.
    """
    console = console or command.out()
    width = max((len(each.name) for each in found), default=0)
    for each in found:  # plain columns: a path is never folded, whatever reads the output
        console.print(f"{each.status:7}", style=_COLOURS[each.status], end="  ")
        console.print(f"{each.name:{width}}  {each.what}", markup=False)
        if each.remedy:
            console.print(f"{'':{width + 9}}  → {each.remedy}", markup=False)
    faults = sum(each.status == "fault" for each in found)
    warnings = sum(each.status == "warning" for each in found)
    summary = f"{counted(faults, 'fault')}, {counted(warnings, 'warning')}"
    console.print(summary, markup=False)
