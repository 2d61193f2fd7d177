"""Faults by name: what each one is, with its sizes. What they do stands in `hardware.twin.faults`.

The same fields stand in ``world.yaml`` under ``faults`` and in a request to a running rig.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter, ValidationError

from bsd.document import Part, first_fault
from bsd.errors import UserMistake

Role = Literal["blurry", "sharp"]
Count = Annotated[int, Field(ge=1, le=1_000_000)]
Milliseconds = Annotated[float, Field(gt=0, le=3_600_000)]
Magnitude = Annotated[float, Field(ge=0)]


class Fault(Part):
    """When a fault happens.

    Attributes
    ----------
    pulse
        Before this rising edge of the camera's trigger line, counted from 0 since the camera was
        armed (faults of the optics: since the blurry camera was). Without it: when the world
        begins, or when it is asked for.
    acquisition
        Which arming that is, counted from 1 since the world began.
    """

    pulse: Annotated[int, Field(ge=0)] | None = None
    acquisition: Annotated[int, Field(ge=1)] = 1


class CameraFault(Fault):
    """A fault of one camera."""

    camera: Role


class MissedTrigger(CameraFault):
    """The camera does not react to its next `count` triggers; its frame ids stay consecutive."""

    kind: Literal["missed-trigger"] = "missed-trigger"
    count: Count = 1


class ExtraFrame(CameraFault):
    """A disturbance on the trigger line, which the camera takes for one more trigger."""

    kind: Literal["extra-frame"] = "extra-frame"


class IncompleteFrame(CameraFault):
    """Of the next `count` frames only a part arrives."""

    kind: Literal["incomplete-frame"] = "incomplete-frame"
    count: Count = 1


class Stall(CameraFault):
    """Frames are held back for `stall_ms` and then come at once; none is lost in the camera."""

    kind: Literal["stall"] = "stall"
    stall_ms: Milliseconds = 500.0


class DeviceLost(CameraFault):
    """The cable is pulled; after `back_after_ms` of board time it is plugged in again."""

    kind: Literal["device-lost"] = "device-lost"
    back_after_ms: Milliseconds | None = None


class DeviceBack(CameraFault):
    """The cable is plugged in again."""

    kind: Literal["device-back"] = "device-back"


class LateArming(CameraFault):
    """At its next start the camera says at once that it is armed, and is so `delay_ms` later."""

    kind: Literal["late-arming"] = "late-arming"
    delay_ms: Milliseconds = 300.0


class ProducerCrash(CameraFault):
    """The producer dies of SIGSEGV inside the consumer's process, which it takes along."""

    kind: Literal["producer-crash"] = "producer-crash"


class ClockDrift(CameraFault):
    """From now on the camera's clock runs faster than the controller's by `drift_ppm`."""

    kind: Literal["clock-drift"] = "clock-drift"
    drift_ppm: Annotated[float, Field(gt=-10_000, lt=10_000)] = 100.0


class WrongNd(Fault):
    """The ND filter passes (1 + `nd_error`) times what is written on it."""

    kind: Literal["wrong-nd"] = "wrong-nd"
    camera: Role = "blurry"
    nd_error: Annotated[float, Field(gt=-1, le=1)] = 0.3


class Defocus(Fault):
    """The focus has slipped: a Gaussian of `defocus_sigma_px` beside the optics' own blur."""

    kind: Literal["defocus"] = "defocus"
    camera: Role = "sharp"
    defocus_sigma_px: Annotated[float, Field(ge=0, le=8)] = 2.0


class AlignmentDrift(Fault):
    """The sharp view moves in the blurry one, at once or with a time constant."""

    kind: Literal["alignment-drift"] = "alignment-drift"
    shift_px: tuple[float, float] = (1.0, 0.0)
    rotation_mrad: float = 0.0
    time_constant_s: Magnitude = 0.0


class Flicker(Fault):
    """All lamps flicker from now on."""

    kind: Literal["flicker"] = "flicker"
    frequency_hz: Magnitude = 100.0
    modulation: Annotated[float, Field(ge=0, le=1)] = 0.3


class DirtySplitter(Fault):
    """Dust on the splitter: out-of-focus discs, in other places of either view."""

    kind: Literal["dirty-splitter"] = "dirty-splitter"
    dust_spots: Annotated[int, Field(ge=0, le=1000)] = 20
    dust_depth: Annotated[float, Field(ge=0, le=1)] = 0.2
    dust_radius_px: Annotated[float, Field(gt=0)] = 15.0


TransportFault = (
    MissedTrigger
    | ExtraFrame
    | IncompleteFrame
    | Stall
    | DeviceLost
    | DeviceBack
    | LateArming
    | ProducerCrash
    | ClockDrift
)
OpticalFault = WrongNd | Defocus | AlignmentDrift | Flicker | DirtySplitter
AnyFault = Annotated[TransportFault | OpticalFault, Field(discriminator="kind")]

_MODELS: tuple[type[Fault], ...] = (*TransportFault.__args__, *OpticalFault.__args__)
FAULTS: dict[str, type[Fault]] = {str(m.model_fields["kind"].default): m for m in _MODELS}
"""Kind → model."""

_ADAPTER: TypeAdapter[TransportFault | OpticalFault] = TypeAdapter(AnyFault)


def parse_fault(fields: dict[str, Any]) -> TransportFault | OpticalFault:
    """A fault from its fields.

    Raises
    ------
    UserMistake
        No such kind, or a field that does not fit; both are named.
    """
    kind = fields.get("kind")
    if kind not in FAULTS:
        raise UserMistake(f"fault {kind}: there are {', '.join(FAULTS)}")
    try:
        return _ADAPTER.validate_python(fields)
    except ValidationError as error:
        raise UserMistake(f"fault {kind}: {first_fault(error)}") from error
