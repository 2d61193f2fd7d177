"""``rig.yaml``: what stands on the bench, as the operator describes it.

The file says everything that a capture cannot find out by itself: which camera is which, what
lies between the trigger line and the light, how the view is mirrored, how long to wait.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field, NonNegativeInt, PositiveInt, field_validator, model_validator

from acquisition.camera_timing import CameraTiming
from bsd.document import Document, Part

Role = Literal["blurry", "sharp"]
"""``blurry`` is C1, behind the ND filter; ``sharp`` is C2."""

ROLES: tuple[Role, Role] = ("blurry", "sharp")


class Optics(Part):
    """What lies before the sensors.

    Attributes
    ----------
    lens
        ``shared_lens``: one objective before the splitter; ``two_lenses``: one per camera.
    nd_transmission
        Share of the light that passes the filter of C1; nominally 1/8.
    """

    lens: Literal["shared_lens", "two_lenses"]
    nd_transmission: float = Field(default=0.125, gt=0, le=1)


class TriggerPort(Part):
    """The controller that makes the pulses.

    Attributes
    ----------
    port
        Serial port, such as ``/dev/ttyACM0``; absent: looked for.
    name
        Name kept in the controller; told apart by it where several are attached.
    """

    port: str | None = None
    name: str | None = None


class Camera(Part):
    """One camera and its way to the trigger and to the light.

    Attributes
    ----------
    producer
        Path of the GenTL producer, a ``.cti`` file.
    serial
        Serial number as the producer tells it; in quotes, since it may be all digits.
    pixel_format
        GenICam name of the delivered format, such as ``BayerRG12``.
    flip
        How the view reaches the sensor: the reflected one is mirrored.
    region
        x, y, width, height in pixels as the sensor delivers them, before `flip`; None: all of it.
    settings
        GenICam features to set beside those that a capture sets itself.
    timing
        Delays between the controller's edges and the exposure, readout, overlap.
    """

    producer: str = Field(min_length=1)
    serial: str = Field(min_length=1)
    pixel_format: str = "BayerRG8"
    flip: Literal["none", "horizontal", "vertical"] = "none"
    region: tuple[NonNegativeInt, NonNegativeInt, PositiveInt, PositiveInt] | None = None
    settings: dict[str, bool | int | float | str] = Field(default_factory=dict)
    timing: CameraTiming

    @model_validator(mode="before")
    @classmethod
    def _serial_is_quoted(cls, fields: object) -> object:
        """On the whole, since a fault of the field would show what YAML made of it: 18 of 0022."""
        serial = fields.get("serial") if isinstance(fields, dict) else None
        if serial is not None and not isinstance(serial, str):
            raise ValueError("serial is a text: put it in quotes as it is printed on the camera")
        return fields


class Cameras(Part):
    """The pair by role."""

    blurry: Camera
    sharp: Camera

    @field_validator("sharp")
    @classmethod
    def _two_cameras(cls, value: Camera, info: object) -> Camera:
        blurry = getattr(info, "data", {}).get("blurry")
        same = blurry and (blurry.producer, blurry.serial) == (value.producer, value.serial)
        if same:
            raise ValueError(f"blurry and sharp are the same camera, serial {value.serial!r}")
        return value


class Timeouts(Part):
    """How long to wait before a part counts as stuck, in seconds.

    Attributes
    ----------
    reply_s
        An answer of the trigger controller; it is asked again and again until then.
    arm_s
        A camera opening, being configured or armed.
    frame_s
        A frame after its pulse.
    """

    reply_s: float = Field(default=2.0, gt=0)
    arm_s: float = Field(default=10.0, gt=0)
    frame_s: float = Field(default=2.0, gt=0)


class Rig(Document):
    """A rig file.

    Attributes
    ----------
    host_clock
        ``real``: the devices run in the host's time. ``none``: they do not (a computed virtual
        rig), so that rates and delays by the host's clock mean nothing.
    """

    format: Literal["bsd-rig"] = "bsd-rig"
    format_version: int = 1
    name: str = Field(min_length=1)
    optics: Optics
    trigger: TriggerPort = TriggerPort()
    cameras: Cameras
    timeouts: Timeouts = Timeouts()
    host_clock: Literal["real", "none"] = "real"

    def camera(self, role: Role) -> Camera:
        """The camera of a role."""
        return self.cameras.blurry if role == "blurry" else self.cameras.sharp
