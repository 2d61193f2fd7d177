"""What a preflight found, as the page shows it, and whether it stands against recording."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from acquisition.health.finding import Finding
from acquisition.preview.status import CheckLine


def check_lines(checks: Iterable[Finding]) -> tuple[CheckLine, ...]:
    """Those that are not well, faults first."""
    lines = [
        CheckLine(
            name=each.name,
            status=each.status,
            text="; ".join(part for part in (each.what, each.remedy) if part),
        )
        for each in checks
        if each.status != "ok"
    ]
    return tuple(sorted(lines, key=lambda line: line.status != "fault"))


def refusal(lines: Sequence[CheckLine]) -> str | None:
    """Why no take may begin, in one line; None where nothing is a fault."""
    faults = [each for each in lines if each.status == "fault"]
    if not faults:
        return None
    more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
    return (
        f"preflight: {faults[0].name}: {faults[0].text}{more}; mend it and start again, or begin"
        " the preview with --force"
    )
