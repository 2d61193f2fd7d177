"""What the program tells the page: the rig's views once configured, and how everything stands."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from acquisition.rig import ROLES, Role
from bsd.document import Part

__all__ = [
    "ROLES",
    "CameraLine",
    "CheckLine",
    "Disk",
    "Role",
    "Scenery",
    "Status",
    "Sync",
    "TakeLine",
    "Verdict",
    "ViewScenery",
]


class ViewScenery(Part):
    """One camera's frames in its ring.

    Attributes
    ----------
    pixel_format
        GenICam name, for the eye.
    width, height
        Of a frame, px.
    bits, channels, cfa
        Significant bits of a sample (over 8: two bytes); 1 or 3 samples a pixel; ``RGGB`` … of a
        mosaic, None of grey or colour frames.
    flip
        How the view is mirrored; the page shows it unflipped.
    black_level_dn
        Subtracted before levels are compared.
    """

    serial: str = ""
    pixel_format: str = ""
    width: int = Field(gt=0)
    height: int = Field(gt=0)
    bits: int = Field(default=8, ge=8, le=16)
    channels: Literal[1, 3] = 1
    cfa: Literal["RGGB", "GRBG", "GBRG", "BGGR"] | None = None
    flip: Literal["none", "horizontal", "vertical"] = "none"
    black_level_dn: float = Field(default=0.0, ge=0)

    @property
    def full_scale_dn(self) -> int:
        """Largest sample."""
        return int(2**self.bits - 1)


class Scenery(Part):
    """Both views as configured; told anew whenever a camera is configured anew.

    Attributes
    ----------
    triggered
        Both cameras follow one trigger. False: they run freely, and no two frames are a pair.
    """

    blurry: ViewScenery
    sharp: ViewScenery
    triggered: bool = True

    def view(self, role: Role) -> ViewScenery:
        """The view of a role."""
        return self.blurry if role == "blurry" else self.sharp


class CameraLine(Part):
    """How one camera stands. What is not known is None and shown as a dash.

    Attributes
    ----------
    frames, lost
        Of the take that is on or was last: stored, and known to be lost.
    ring_fill
        Share of the ring in use, 0 to 1.
    """

    state: Literal["closed", "configured", "armed", "running", "lost"] = "closed"
    rate_hz: float | None = None
    temperature_c: float | None = None
    frames: int | None = None
    lost: int | None = None
    ring_fill: float | None = Field(default=None, ge=0, le=1)


class Sync(Part):
    """Whether the cameras keep step with the trigger; `text` says it for a person."""

    state: Literal["unknown", "in_step", "out_of_step", "free"] = "unknown"
    text: str = ""


class Disk(Part):
    """Where takes go; `left_s` at the present rate of data."""

    free_bytes: int | None = None
    left_s: float | None = None
    write_mb_s: float | None = None


class TakeLine(Part):
    """The take: ``none`` where this preview cannot record, ``idle`` where the next may start.

    Attributes
    ----------
    done, asked
        Frames, bookends included.
    prompt
        What the operator has to do now, such as ``hold the rig still``.
    """

    state: Literal["none", "busy", "idle", "countdown", "starting", "recording", "finishing"] = (
        "none"
    )
    name: str = ""
    purpose: str = ""
    done: int = 0
    asked: int | None = None
    countdown_s: float | None = None
    prompt: str = ""


class Verdict(Part):
    """Of the last take."""

    name: str
    verdict: Literal["good", "marked", "discarded", "recovered", "free-running", "stopped"]
    text: str = ""
    findings: tuple[str, ...] = ()


class CheckLine(Part):
    """What the preflight found that should be known, and the way out."""

    name: str
    status: Literal["warning", "fault"]
    text: str


class Status(Part):
    """How everything stands. Tell it whenever it changes, at most some times a second.

    Attributes
    ----------
    rig, session, setting, rate_hz
        For the head of the page.
    warnings
        One line each; those of the views' own measurements are added by the page.
    checks
        Of the preflight, those that are not well.
    message
        The last thing that the program has to say, such as why a start was refused.
    """

    rig: str = ""
    session: str = ""
    setting: str = ""
    rate_hz: float | None = None
    blurry: CameraLine = CameraLine()
    sharp: CameraLine = CameraLine()
    sync: Sync = Sync()
    disk: Disk = Disk()
    take: TakeLine = TakeLine()
    verdict: Verdict | None = None
    warnings: tuple[str, ...] = ()
    checks: tuple[CheckLine, ...] = ()
    message: str = ""
