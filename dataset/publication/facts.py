"""What a datasheet says: all that is known of a captured dataset when it is published."""

from __future__ import annotations

from pydantic import Field

from bsd.document import Part
from dataset.description import DatasetDescription
from dataset.publication.licence import DataLicence


class CameraFacts(Part):
    """One of the two cameras: which view it recorded, its model, what it delivered."""

    role: str
    model: str
    pixel_format: str
    bits: int = Field(ge=1, le=16)
    note: str = ""


class SessionFacts(Part):
    """One recording session. No name of a person: a datasheet is public.

    Attributes
    ----------
    session, recorded_on
        Its name, and the day where it is known (``2026-05-04``).
    clips
        How many of its clips were used.
    calibration_sha256
        The calibration that its clips were built with.
    """

    session: str
    recorded_on: str | None = None
    clips: int = Field(ge=0)
    calibration_sha256: str


class Tolerance(Part):
    """How well one thing was calibrated: a residual, its limit, and the uncertainty (1 σ)."""

    item: str
    value: float | None
    limit: float | None = None
    unit: str
    sigma: float | None = None
    note: str = ""
    session: str = ""


class GateLimit(Part):
    """What a clip had to keep to be published, and why."""

    gate: str
    limit: float | None
    unit: str
    why: str


class PublicationFacts(Part):
    """Everything that the documents of a dataset state.

    Attributes
    ----------
    description
        As `dataset.completion.described_tree` gives it.
    licence
        Of the data.
    consent
        What the people who can be recognised agreed to, or that there are none. One sentence or
        more; it must not be empty.
    setting, sharp_us, blurry_us
        Such as ``2ms16ms``, and the exposures that it stands for.
    optics, nd_transmission
        In words; of the filter before C1, 0 to 1, None where it was not stated.
    cameras, sessions, tolerances, gate_limits
        See their classes.
    options
        Name → value of what the build was told, in words.
    known_limits
        What a user must not expect of the data; comes before the general ones.
    contact
        Where questions and withdrawals go; may be empty.
    """

    description: DatasetDescription
    licence: DataLicence
    consent: str = Field(min_length=1, pattern=r"\S")
    setting: str
    sharp_us: float = Field(gt=0)
    blurry_us: float = Field(gt=0)
    optics: str
    nd_transmission: float | None = Field(default=None, gt=0, le=1)
    cameras: tuple[CameraFacts, ...]
    sessions: tuple[SessionFacts, ...]
    tolerances: tuple[Tolerance, ...] = ()
    gate_limits: tuple[GateLimit, ...] = ()
    options: dict[str, str] = Field(default_factory=dict)
    known_limits: tuple[str, ...] = ()
    contact: str = ""
