"""A take as the operator sees it in the terminal: rates, ring fill, losses, light, time left."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from acquisition.rig import ROLES, Role
from bsd import command

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from acquisition.engine.take import TakeStatus
    from acquisition.picture.measurement import PairMeasurement, ViewMeasurement

NAMES: Final[dict[Role, str]] = {"blurry": "C1 blurry", "sharp": "C2 sharp"}

_COLUMNS: Final = ("camera", "frames/s", "stored", "no room", "ring", "level", "clipped", "focus")
_LINE_S: Final = 10.0
_FULL_RING: Final = 0.5
_CLIPPED: Final = 0.01


@dataclass(frozen=True)
class LiveState:
    """What one picture of the terminal shows.

    Attributes
    ----------
    title
        Clip, attempt, purpose, setting.
    status
        Of the take.
    seen
        Newest measurement; None before the first.
    host_clock
        Whether rates by the host's clock mean anything.
    free_bytes
        On the disk.
    warnings
        One line each.
    """

    title: str
    status: TakeStatus
    seen: PairMeasurement | None = None
    host_clock: bool = True
    free_bytes: int | None = None
    warnings: Sequence[str] = ()


def picture(state: LiveState) -> RenderableType:
    """The whole, for a terminal."""
    parts: list[RenderableType] = [_head(state), _cameras(state), Text(_foot(state))]
    parts += [Text(f"! {warning}", style="bold yellow") for warning in state.warnings]
    return Group(*parts)


def line(state: LiveState) -> str:
    """The same in one line, for a log."""
    status = state.status
    lost = sum(status.overflow.values())
    parts = [
        f"{state.title}: {status.phase}, {_progress(status)}",
        f"stored {' + '.join(str(status.stored[role]) for role in ROLES)}",
        f"no room for {lost}",
        f"ring {max(status.fill.values(), default=0.0):.0%}",
    ]
    if state.seen is not None and state.seen.ratio is not None:
        parts.append(f"C1/C2 {state.seen.ratio.value:.3f}")
    return "; ".join([*parts, *state.warnings])


class LiveScreen:
    """Shows states as they come: a picture in a terminal, else a line every ten seconds."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or command.err()
        self._live: Live | None = None
        self._said_s = time.monotonic()

    def show(self, state: LiveState) -> None:
        """The newest state."""
        if self._live is not None:
            self._live.update(picture(state))
        elif time.monotonic() - self._said_s >= _LINE_S:
            self._said_s = time.monotonic()
            self._console.print(line(state), markup=False)

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._live = Live(console=self._console, refresh_per_second=5, transient=True)
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None


def _head(state: LiveState) -> RenderableType:
    status = state.status
    head = Table.grid(padding=(0, 2))
    bar = ProgressBar(total=status.asked or 1, completed=status.pulses, width=30)
    head.add_row(
        Text(state.title, style="bold"), status.phase, bar, _progress(status),
        f"{status.elapsed_s:.0f} s",
    )  # fmt: skip
    return head


def _progress(status: TakeStatus) -> str:
    if status.asked:
        return f"pulse {status.pulses} of {status.asked}"
    return f"frame {min(status.stored.values(), default=0)}"


def _cameras(state: LiveState) -> Table:
    table = Table(box=None, padding=(0, 2))
    for number, name in enumerate(_COLUMNS):
        table.add_column(name, justify="right" if number else "left")
    for role in ROLES:
        table.add_row(*_camera(state, role))
    return table


def _camera(state: LiveState, role: Role) -> list[Text]:
    status, seen = state.status, state.seen
    view: ViewMeasurement | None = getattr(seen, role) if seen is not None else None
    fill, lost = status.fill.get(role, 0.0), status.overflow.get(role, 0)
    cells = [
        Text(NAMES[role]),
        Text(f"{status.rate_hz[role]:.2f}" if state.host_clock else "–"),
        Text(str(status.stored.get(role, 0))),
        Text(str(lost), style="bold red" if lost else ""),
        Text(f"{fill:.0%}", style="bold red" if fill > _FULL_RING else ""),
    ]
    if view is None:
        return [*cells, *(Text("–") for _ in range(3))]
    clipped = Text(
        f"{view.clipped_share:.1%}", style="yellow" if view.clipped_share > _CLIPPED else ""
    )
    focus = "–" if view.focus is None else f"{view.focus:.1f}"
    return [*cells, Text(f"{view.level:.1%}"), clipped, Text(focus)]


def _foot(state: LiveState) -> str:
    status, parts = state.status, []
    ratio = None if state.seen is None else state.seen.ratio
    if ratio is not None:
        parts.append(f"C1/C2 {ratio.value:.3f}")
    parts.append(f"{status.stored_bytes / 1e6:.0f} MB stored")
    if state.free_bytes is not None:
        left = f"{state.free_bytes / 1e9:.1f} GB free"
        if status.elapsed_s > 1 and status.stored_bytes:
            left_s = state.free_bytes / (status.stored_bytes / status.elapsed_s)
            left += f", for {_duration(left_s)} at this rate"
        parts.append(left)
    return "   ".join(parts)


def _duration(seconds: float) -> str:
    minutes = int(seconds // 60)
    if minutes >= 24 * 60:
        return f"{minutes // (24 * 60)} days"
    return f"{minutes // 60} h {minutes % 60:02d} min" if minutes >= 60 else f"{minutes} min"
