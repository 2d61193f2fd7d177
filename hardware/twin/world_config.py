"""The world in one document (``world.yaml``): scene, light, optics, sensors, seed.

Defaults stand for the rig of the papers: one lens before a beam splitter, camera 1 (blurry) in the
transmitted view behind a 12.5 % ND filter, camera 2 (sharp) in the mirrored reflected view.
World axes: x right, y down, z away from the rig, in millimetres; rotations are about x, y, z.
What a file leaves out, at any depth, is as in the default; a list replaces the default's whole.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from bsd.document import Document, Part
from hardware.twin.defaults import FilledPart
from hardware.twin.faults_config import AnyFault
from hardware.twin.identity_config import IdentityConfig
from hardware.twin.pictures_config import Picture, PictureFile, Positive, Share
from hardware.twin.presets import scene_fields

Triple = tuple[float, float, float]
Pair = tuple[float, float]
Magnitude = Annotated[float, Field(ge=0)]
Celsius = Annotated[float, Field(ge=-100, le=100)]
Matrix = tuple[Triple, Triple, Triple]
IDENTITY: Matrix = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))


class ShakeConfig(Part):
    """A hand's shake: sinusoids of random phase under a spectrum that peaks at `peak_hz`."""

    rotation_rms_mrad: tuple[Magnitude, Magnitude, Magnitude] = (0.0, 0.0, 0.0)
    translation_rms_mm: tuple[Magnitude, Magnitude, Magnitude] = (0.0, 0.0, 0.0)
    peak_hz: Annotated[float, Field(ge=0.1, le=100)] = 8.0
    seed: Annotated[int, Field(ge=0)] = 0


class MotionConfig(Part):
    """Constant velocity plus shake, between `begin_s` and `end_s` of the world's time.

    Attributes
    ----------
    reverse_every_s
        The motion runs forth and back, turning after so long; without it, it never turns.
    """

    velocity_mm_s: Triple = (0.0, 0.0, 0.0)
    rotation_mrad_s: Triple = (0.0, 0.0, 0.0)
    shake: ShakeConfig = ShakeConfig()
    begin_s: float = 0.0
    end_s: float | None = None
    reverse_every_s: Positive | None = None

    @model_validator(mode="after")
    def _ends_after_begin(self) -> MotionConfig:
        if self.end_s is not None and self.end_s < self.begin_s:
            raise ValueError(f"end_s {self.end_s} lies before begin_s {self.begin_s}")
        return self


class LayerConfig(Part):
    """A plane that shows a picture, at a distance, with a motion of its own.

    Attributes
    ----------
    brightness
        Multiplies the picture's reflectance (what is lit more strongly than the rest).
    polarisation
        Of its light: +1 passes as the splitter's s, -1 as p, 0 unpolarised.
    """

    picture: Picture
    distance_mm: Annotated[float, Field(ge=50, le=1e7)] = 2000.0
    centre_mm: Pair = (0.0, 0.0)
    rotation_mrad: Triple = (0.0, 0.0, 0.0)
    brightness: Magnitude = 1.0
    polarisation: Annotated[float, Field(ge=-1, le=1)] = 0.0
    motion: MotionConfig = MotionConfig()

    def beside(self, folder: Path) -> LayerConfig:
        """The layer with a relative path of its picture taken from `folder`."""
        if not isinstance(self.picture, PictureFile):
            return self
        return self.model_copy(update={"picture": self.picture.beside(folder)})


class SceneConfig(Part):
    """Layers in any order (nearer ones hide farther ones); `number` enters every noise seed."""

    number: Annotated[int, Field(ge=0)] = 0
    cap: bool = False
    layers: Annotated[tuple[LayerConfig, ...], Field(max_length=32)] = ()

    @classmethod
    def preset(cls, name: str, number: int = 0) -> SceneConfig:
        """One of the ready scenes, `hardware.twin.presets.SCENES`."""
        return cls.model_validate({**scene_fields(name), "number": number})


class LightComponent(Part):
    """A lamp: its share of the light and its flicker 1 + m·cos(2πft + phase)."""

    share: Magnitude = 1.0
    frequency_hz: Magnitude = 0.0
    modulation: Share = 0.0
    phase_deg: float = 0.0


class LightConfig(Part):
    """The scene's light: at least one lamp. The default is one DC lamp of level 1."""

    components: tuple[LightComponent, ...] = (LightComponent(),)

    @model_validator(mode="after")
    def _has_a_lamp(self) -> LightConfig:
        if not self.components:
            raise ValueError("components: no lamp; for darkness set scene.cap to true")
        return self

    @classmethod
    def preset(
        cls, name: Literal["dc", "100hz", "120hz", "mixed"], modulation: float = 0.3
    ) -> LightConfig:
        """DC, one mains frequency, or a third of each."""
        lamps = {
            "dc": (LightComponent(),),
            "100hz": (LightComponent(frequency_hz=100, modulation=modulation),),
            "120hz": (LightComponent(frequency_hz=120, modulation=modulation),),
            "mixed": tuple(
                LightComponent(share=1 / 3, frequency_hz=f, modulation=modulation if f else 0.0)
                for f in (0, 100, 120)
            ),
        }
        return cls(components=lamps[name])


class AlignmentConfig(Part):
    """Where C2's pixels lie in C1's view: a shift, a turn, a scale and a keystone at the centre."""

    shift_px: Pair = (3.3, -2.1)
    rotation_mrad: float = 4.0
    scale: Annotated[float, Field(gt=0.5, lt=2)] = 1.001
    keystone_per_px: Pair = (0.0, 0.0)


class DriftConfig(Part):
    """Drift of the alignment in warm-up: its final size, reached with 1 − exp(−t/τ)."""

    shift_px: Pair = (0.0, 0.0)
    rotation_mrad: float = 0.0
    time_constant_s: Positive = 600.0


class SplitterConfig(Part):
    """The beam splitter.

    Attributes
    ----------
    transmitted, reflected
        Shares of unpolarised light; together at most 1.
    polarisation_contrast
        p: fully s-polarised light is reflected (1 + p) times as strongly as unpolarised light,
        and what is transmitted loses as much as the reflected view gains.
    ghost_share, ghost_shift_px
        Reflection at the back of the plate: strength and place (whole quarter pixels).
    dust_spots, dust_depth, dust_radius_px
        Dirt: out-of-focus discs, darkest by `dust_depth`, other places in either view.
    """

    transmitted: Share = 0.5
    reflected: Share = 0.485
    polarisation_contrast: Annotated[float, Field(ge=-1, le=1)] = 0.0
    ghost_share: Share = 0.0
    ghost_shift_px: tuple[
        Annotated[float, Field(ge=-64, le=64)], Annotated[float, Field(ge=-64, le=64)]
    ] = (12.0, 0.0)
    dust_spots: Annotated[int, Field(ge=0, le=1000)] = 0
    dust_depth: Share = 0.2
    dust_radius_px: Positive = 15.0

    @model_validator(mode="after")
    def _makes_no_light(self) -> SplitterConfig:
        total = self.transmitted + self.reflected
        if total > 1 + 1e-9:
            raise ValueError(f"transmits and reflects {total:g} of the light, can be at most 1")
        return self


class ViewConfig(Part):
    """One camera's way from the scene to its sensor.

    Attributes
    ----------
    nd_transmission, nd_error
        Nominal transmission of the filter, and the relative error of the real one.
    focal_scale, pupil_mm
        Of its own lens, where there are two: focal length relative to `focal_mm`, pupil's place.
    distortion
        k1, k2 of r_d = r (1 + k1 r² + k2 r⁴), r in units of the focal length.
    natural_vignetting, edge_loss
        cos⁴ of the field angle; and a quadratic loss that reaches `edge_loss` at the corner.
    psf_sigma_px, defocus_sigma_px
        Gaussian blur of the optics in focus, and what defocus adds (in quadrature).
    spectral
        Scene's linear RGB → camera's RGB (rows: camera).
    """

    path: Literal["transmitted", "reflected"] = "transmitted"
    mirror: Literal["none", "horizontal", "vertical"] = "none"
    nd_transmission: Annotated[float, Field(gt=0, le=1)] = 1.0
    nd_error: Annotated[float, Field(gt=-1, le=1)] = 0.0
    focal_scale: Annotated[float, Field(gt=0.5, lt=2)] = 1.0
    pupil_mm: Triple = (0.0, 0.0, 0.0)
    distortion: Pair = (0.0, 0.0)
    natural_vignetting: bool = True
    edge_loss: Annotated[float, Field(ge=0, lt=1)] = 0.0
    psf_sigma_px: Annotated[float, Field(ge=0, le=8)] = 0.5
    defocus_sigma_px: Annotated[float, Field(ge=0, le=8)] = 0.0
    spectral: Matrix = IDENTITY

    @model_validator(mode="after")
    def _blur_can_be_sampled(self) -> ViewConfig:
        if 0 < self.blur_sigma_px < 0.2:
            raise ValueError("psf_sigma_px: 0 or at least 0.2 px, else it cannot be sampled")
        return self

    @property
    def blur_sigma_px(self) -> float:
        """Standard deviation of the whole optical blur."""
        return float((self.psf_sigma_px**2 + self.defocus_sigma_px**2) ** 0.5)


class OpticsConfig(FilledPart):
    """The lens or lenses, the splitter and both views. Defaults give f = 1,600 px."""

    kind: Literal["shared_lens", "two_lenses"] = "shared_lens"
    focal_mm: Positive = 8.0
    alignment: AlignmentConfig = AlignmentConfig()
    drift: DriftConfig = DriftConfig()
    splitter: SplitterConfig = SplitterConfig()
    view_1: ViewConfig = ViewConfig(nd_transmission=0.125)
    view_2: ViewConfig = ViewConfig(path="reflected", mirror="horizontal")

    @model_validator(mode="after")
    def _one_lens_is_one(self) -> OpticsConfig:
        if self.kind == "shared_lens":
            for field in ("focal_scale", "pupil_mm", "distortion"):
                if getattr(self.view_1, field) != getattr(self.view_2, field):
                    raise ValueError(f"shared_lens: both views need the same {field}")
        return self


class TimingConfig(Part):
    """When a sensor exposes after its input's edge; the camera applies it, not the pixels."""

    start_latency_ns: Annotated[int, Field(ge=0)] = 5_000
    end_latency_ns: Annotated[int, Field(ge=0)] = 5_000
    exposure_offset_ns: Annotated[int, Field(ge=-1_000_000, le=1_000_000)] = 0
    jitter_rms_ns: Magnitude = 50.0
    readout_us: Magnitude = 3_000.0


class SensorConfig(Part):
    """One sensor. Electrons at gain 0 dB; DN of a 12-bit conversion.

    Attributes
    ----------
    electrons_per_light_second
        From a white surface under light 1 in one second, before splitter and filter.
    gain_e_per_dn12
        Conversion at 0 dB and 12 bit; at 8 bit a DN holds 16 times as many electrons.
    hot_share, hot_current_e_s
        Share of hot pixels and their dark current at 25 °C.
    dark_doubling_c
        Degrees that double the dark current.
    ambient_c, warmup_c, warmup_s
        Temperature = ambient + warm-up · (1 − exp(−t/τ)).
    """

    width_px: Annotated[int, Field(ge=8, le=8192)] = 640
    height_px: Annotated[int, Field(ge=8, le=8192)] = 480
    pixel_pitch_um: Positive = 5.0
    colour: Literal["bayer_rg", "mono"] = "bayer_rg"
    electrons_per_light_second: Positive = 6.0e6
    full_well_e: Positive = 10_000.0
    gain_e_per_dn12: Positive = 2.5
    prnu: Share = 0.008
    dsnu_e: Magnitude = 1.0
    read_noise_e: Magnitude = 2.5
    dark_current_e_s: Magnitude = 5.0
    dark_doubling_c: Positive = 8.0
    hot_share: Annotated[float, Field(ge=0, le=0.1)] = 1e-4
    hot_current_e_s: Magnitude = 2.0e4
    black_level_dn12: Magnitude = 64.0
    noise: bool = True
    ambient_c: Celsius = 25.0
    warmup_c: Celsius = 0.0
    warmup_s: Positive = 600.0
    timing: TimingConfig = TimingConfig()


class WorldConfig(FilledPart, Document):
    """``world.yaml``: what the pixels depend on, who the cameras are, and their faults."""

    format: Literal["bsd-world"] = "bsd-world"
    format_version: Annotated[int, Field(ge=1, le=1)] = 1
    seed: Annotated[int, Field(ge=0)] = 0
    scene: SceneConfig = SceneConfig.preset("photographs")
    light: LightConfig = LightConfig()
    rig_motion: MotionConfig = MotionConfig(
        shake=ShakeConfig(rotation_rms_mrad=(4.0, 4.0, 2.0), peak_hz=8.0)
    )
    optics: OpticsConfig = OpticsConfig()
    sensor_1: SensorConfig = SensorConfig()
    sensor_2: SensorConfig = SensorConfig()
    camera_1: IdentityConfig = IdentityConfig(serial="TW0001", name="blurry")
    camera_2: IdentityConfig = IdentityConfig(serial="TW0002", name="sharp", clock_offset_ns=10**9)
    faults: Annotated[tuple[AnyFault, ...], Field(max_length=1000)] = ()

    @model_validator(mode="after")
    def _two_serials(self) -> WorldConfig:
        if self.camera_1.serial == self.camera_2.serial:
            raise ValueError(f"both cameras have the serial {self.camera_1.serial}")
        return self

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read and validate a file; relative paths of pictures are taken from its folder."""
        return super().read(path)._beside(path.parent)

    def override(self, assignments: Iterable[str]) -> Self:
        """Replace fields; relative paths of pictures are taken from the present folder."""
        return super().override(assignments)._beside(Path.cwd())

    def _beside(self, folder: Path) -> Self:
        layers = tuple(layer.beside(folder) for layer in self.scene.layers)
        scene = self.scene.model_copy(update={"layers": layers})
        return self.model_copy(update={"scene": scene})

    def view(self, camera: int) -> ViewConfig:
        """The optics of camera 1 (blurry) or 2 (sharp)."""
        return self.optics.view_1 if _one(camera) else self.optics.view_2

    def sensor(self, camera: int) -> SensorConfig:
        """The sensor of camera 1 (blurry) or 2 (sharp)."""
        return self.sensor_1 if _one(camera) else self.sensor_2


def _one(camera: int) -> bool:
    if camera not in (1, 2):
        raise ValueError(f"camera {camera}: there are 1 (blurry) and 2 (sharp)")
    return camera == 1
