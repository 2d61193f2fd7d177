"""Who a camera of the world is to a consumer: serial number, name, habits, clock."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from bsd.document import Part


class IdentityConfig(Part):
    """One camera.

    Attributes
    ----------
    serial
        Serial number: letters and digits of ASCII, and ``.``, ``_``, ``-``.
    name
        What its owner called it (DeviceUserID).
    guise
        ``sfnc``: features as the naming convention 2 has them. ``older``: ExposureTimeAbs, GainRaw
        and the other names and habits of version 1.
    exposure_step_ns
        Commanded exposures are multiples of it.
    clock_offset_ns, clock_drift_ppm
        The camera's clock when the controller's reads 0, and how much faster it runs.
    """

    serial: Annotated[str, Field(min_length=1, max_length=50, pattern=r"^[A-Za-z0-9._-]+$")]
    name: Annotated[str, Field(max_length=63)] = ""
    guise: Literal["sfnc", "older"] = "sfnc"
    exposure_step_ns: Annotated[int, Field(ge=1, le=1_000_000)] = 1000
    clock_offset_ns: Annotated[int, Field(ge=0)] = 0
    clock_drift_ppm: Annotated[float, Field(gt=-10_000, lt=10_000)] = 0.0
