"""Which frames of both cameras belong to which pulse, by the devices' own clocks and counts.

Pure functions of arrays. Host time stands in the rows and decides nothing; it only orders frames
of free-running cameras. The rules, and what cannot be known, are in
``docs/explanations/pairing.md``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from acquisition.arrival import NO_ID, NO_TIME
from acquisition.ledger.account import SOUND, CameraAccount
from acquisition.ledger.camera import account_for
from acquisition.ledger.drift import mark_drift
from acquisition.ledger.free import free_account
from acquisition.ledger.grid import PulseGrid, lay_grid
from acquisition.ledger.record import (
    Anchor,
    Decision,
    Expected,
    Finding,
    FindingKind,
    Ledger,
    Policy,
)
from acquisition.ledger.row import LEDGER, NO_INDEX, NO_PULSE, PREFIX, PULSE, TakePart, Verdict
from acquisition.rig import ROLES, Role
from bsd.errors import UserMistake

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "LEDGER",
    "NO_INDEX",
    "NO_PULSE",
    "PULSE",
    "Anchor",
    "Decision",
    "Expected",
    "Finding",
    "FindingKind",
    "Ledger",
    "Policy",
    "TakePart",
    "Verdict",
    "decide",
    "reconcile",
]


def reconcile(
    expected: Expected,
    pulses: NDArray[np.void],
    arrivals: Mapping[Role, NDArray[np.void]],
    anchors: Mapping[Role, Anchor] | None = None,
) -> Ledger:
    """Join pulses and frames of a take.

    Parameters
    ----------
    expected
        What the plan and the trigger's counts say.
    pulses
        (P,) `PULSE`, as far as their words arrived; any order, gaps allowed.
    arrivals
        (F,) `acquisition.arrival.ARRIVAL` of each camera, in the order of arrival.
    anchors
        `Ledger.anchors` of the take before; an anchor that does not hold is noticed.

    Returns
    -------
    Ledger
        Every pulse has a row, every frame stands in one. A row is `Verdict.PAIRED` only where
        the devices' clocks and counts leave no other pulse for either frame.

    Raises
    ------
    UserMistake
        Arrivals of a role are missing.
    """
    for role in ROLES:
        if role not in arrivals:
            raise UserMistake(f"ledger: no arrivals of the {role} camera; give an empty array")
    if expected.sync == "none":
        accounts = [free_account(role, arrivals[role]) for role in ROLES]
        findings = [finding for account in accounts for finding in account.findings]
        return _ledger(_loose_rows(accounts), findings, dict(anchors or {}), arrivals)
    grid = lay_grid(expected, pulses)
    blurry, sharp = accounts = [
        account_for(role, grid, arrivals[role], (anchors or {}).get(role)) for role in ROLES
    ]
    mark_drift(blurry, sharp, grid)
    rows = np.concatenate([_pulse_rows(grid, blurry, sharp), _loose_rows(accounts)])
    findings = [*grid.findings, *blurry.findings, *sharp.findings]
    kept = {a.role: a.anchor for a in accounts if a.anchor is not None}
    return _ledger(rows, findings, kept, arrivals)


def decide(ledger: Ledger, policy: Policy) -> Decision:
    """What is to be done with a take.

    A good take is kept under every policy. One that is not is discarded (``discard_clip``), kept
    with what is wrong marked in its rows (``mark``), or discarded and the session with it
    (``abort``). Free-running cameras pair nothing, and are judged by their lost frames only.
    """
    bad = [finding for finding in ledger.findings if finding.bad]
    free = any(finding.kind == "free-running" for finding in ledger.findings)
    if not bad:
        said = f"{ledger.paired} pairs, none missing"
        if free:
            return Decision(True, "free-running", False, "free-running cameras: nothing is paired")
        return Decision(True, "good", False, said)
    more = f" (and {len(bad) - 1} more)" if len(bad) > 1 else ""
    reason = f"{bad[0].text}{more}"
    if policy == "mark":
        return Decision(True, "free-running" if free else "marked", False, reason)
    return Decision(False, "discarded", policy == "abort", reason)


def _ledger(
    rows: NDArray[np.void],
    findings: list[Finding],
    anchors: dict[Role, Anchor],
    arrivals: Mapping[Role, NDArray[np.void]],
) -> Ledger:
    numbers = Counter(rows["verdict"].tolist())
    counts = {verdict.name.lower(): numbers[verdict] for verdict in Verdict if numbers[verdict]}
    counts["pulses"] = int((rows["pulse"] != NO_PULSE).sum())
    counts |= {f"frames_{role}": len(arrivals[role]) for role in ROLES}
    good = not any(finding.bad for finding in findings)
    return Ledger(rows, tuple(findings), anchors, counts, good)


def _pulse_rows(grid: PulseGrid, blurry: CameraAccount, sharp: CameraAccount) -> NDArray[np.void]:
    rows = _blank(grid.rows)
    numbers = np.arange(grid.rows)
    rows["pulse"] = numbers
    rows["pulse_ns"] = grid.pulse_ns(numbers)
    rows["part"] = _parts(grid.expected, numbers)
    paired = (blurry.verdicts == SOUND) & (sharp.verdicts == SOUND)
    for account in (blurry, sharp):
        at = np.flatnonzero(account.frame_at != NO_INDEX)
        _fill(rows, at, account.role, account.arrivals, account.frame_at[at])
        rows[f"{PREFIX[account.role]}_verdict"] = np.where(paired, Verdict.PAIRED, account.verdicts)
    rows["verdict"] = _row_verdicts(blurry.verdicts, sharp.verdicts, paired)
    return rows


def _row_verdicts(
    blurry: NDArray[np.uint8], sharp: NDArray[np.uint8], paired: NDArray[np.bool_]
) -> NDArray[np.uint8]:
    """What stood in the way: a camera's, doubt before all, else the higher code of both."""
    doubt = (blurry == Verdict.UNDECIDED) | (sharp == Verdict.UNDECIDED)
    worse = np.where(doubt, Verdict.UNDECIDED, np.maximum(blurry, sharp))
    return np.where(paired, Verdict.PAIRED, worse).astype(np.uint8)


def _loose_rows(accounts: list[CameraAccount]) -> NDArray[np.void]:
    """A row for each frame without a pulse, in the order in which they came to the host."""
    parts = []
    for account in accounts:
        indices = np.array(sorted(account.loose), dtype=np.int64)
        rows = _blank(len(indices))
        _fill(rows, np.arange(len(rows)), account.role, account.arrivals, indices)
        verdicts = np.array([account.loose[index] for index in indices.tolist()], dtype=np.uint8)
        rows[f"{PREFIX[account.role]}_verdict"] = rows["verdict"] = verdicts
        parts.append((rows, account.arrivals["host_ns"][indices]))
    rows = np.concatenate([rows for rows, _ in parts])
    order = np.argsort(np.concatenate([host for _, host in parts]), kind="stable")
    ordered: NDArray[np.void] = rows[order]
    return ordered


def _blank(length: int) -> NDArray[np.void]:
    rows: NDArray[np.void] = np.zeros(length, dtype=LEDGER)
    rows["pulse"], rows["pulse_ns"] = NO_PULSE, NO_TIME
    for prefix in PREFIX.values():
        rows[f"{prefix}_index"], rows[f"{prefix}_frame_id"] = NO_INDEX, NO_ID
        rows[f"{prefix}_device_ns"] = rows[f"{prefix}_host_ns"] = NO_TIME
    return rows


def _fill(
    rows: NDArray[np.void],
    at: NDArray[np.int64],
    role: Role,
    arrivals: NDArray[np.void],
    indices: NDArray[np.int64],
) -> None:
    """Copy what is known of frames into their rows."""
    prefix = PREFIX[role]
    rows[f"{prefix}_index"][at] = indices
    for name in ("frame_id", "device_ns", "host_ns"):
        rows[f"{prefix}_{name}"][at] = arrivals[name][indices]


def _parts(expected: Expected, pulses: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Scene or bookend, by the number of the pulse."""
    still = pulses < expected.bookend
    if expected.asked:
        still |= pulses >= expected.bookend + expected.frames
    return np.where(still, TakePart.BOOKEND, TakePart.SCENE).astype(np.uint8)
