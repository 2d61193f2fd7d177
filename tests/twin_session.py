"""Whole sessions of the virtual rig without a running one: written as a capture writes them.

Light comes from the twin's renderer, noise from its sensors, files and journal from the product.
What stands still is rendered once. `twin_session` keeps what it made, by its parameters and the
code; never change what it returns, work on a `TwinSession.copy`.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import tempfile
import time
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray

from acquisition.arrival import ARRIVAL, NO_ID, NO_TIME, ArrivalFlag
from acquisition.camera.message import CameraIdentity, Configured
from acquisition.camera.pixel_format import pixel_format
from acquisition.clip.reader import ClipCamera, ClipHead, ClipTail
from acquisition.clip.sink import FrameShape
from acquisition.clip.writer import ClipWriter, seal
from acquisition.exposure import Plan, plan
from acquisition.guide.check import StepCheck, check_clip
from acquisition.guide.steps import GuideOptions, Step, end_steps, start_steps
from acquisition.ledger.row import LEDGER, NO_INDEX, PREFIX, PULSE, Verdict
from acquisition.rig import ROLES, Rig, Role
from acquisition.session.black_level import measured_black_dn
from acquisition.session.journal_entry import Consent, TakePlan
from acquisition.session.record import ClipRecord, SessionRecord
from acquisition.session.session import Session
from acquisition.session.take import Take
from bsd.setting import Setting
from hardware.twin.light import light_seconds
from hardware.twin.motion import Motion
from hardware.twin.placing import Occasion, keeps, placed
from hardware.twin.renderer import Renderer
from hardware.twin.rig_file import rig_fields
from hardware.twin.sensor import Sensor, frame_generator
from hardware.twin.world_config import LayerConfig, MotionConfig, WorldConfig

ROOT = Path(__file__).resolve().parent.parent
OPERATOR = "A. Operator"
Light = NDArray[np.float32]
Window = tuple[int, int]

_FIRST_NS = 1_000_000_000
_CLIP_NS = 20_000_000_000
_FILES = ("hardware/twin", "acquisition", "bsd")
_UNUSED_S = 24 * 3600.0


@dataclass(frozen=True)
class SceneClip:
    """A clip of a scene.

    Attributes
    ----------
    frames, bookend
        Of the scene; still ones before it and as many behind it.
    number
        Of the set of pictures and of their places; None: that of the clip.
    moves
        Hand shake and what goes past; else all stands still.
    shake_mrad
        Root mean square turns of the hand shake.
    sets
        ``FIELD=VALUE`` of the world, after all else.
    late_sets
        As `sets`, for the second half of the frames: what changes during a clip.
    setting
        Another one than the session's.
    losses
        (pulse, role): a frame that the camera did not expose.
    repeats
        (pulse, role): the frame is bit for bit the one before.
    still_bookends
        False: the motion goes through the bookends.
    """

    frames: int = 20
    bookend: int = 5
    number: int | None = None
    moves: bool = True
    shake_mrad: tuple[float, float, float] = (4.0, 4.0, 2.0)
    sets: tuple[str, ...] = ()
    late_sets: tuple[str, ...] = ()
    setting: str | None = None
    losses: tuple[tuple[int, Role], ...] = ()
    repeats: tuple[tuple[int, Role], ...] = ()
    still_bookends: bool = True

    @property
    def pulses(self) -> int:
        return self.frames + 2 * self.bookend


@dataclass(frozen=True)
class Spec:
    """What a session is like; hashable, and the key of what is kept.

    Attributes
    ----------
    seed, size_px, bits, setting, rate
        Of the world, both sensors (width, height), the frames, the scenes, frames per second.
    lens
        ``shared_lens`` or ``two_lenses``; the latter's pupils are `baseline_mm` apart.
    mirrors
        Of C1 and C2.
    sets
        ``FIELD=VALUE`` of the world, for all clips.
    step_sets
        (step or purpose, ``FIELD=VALUE``): of the world, for that clip; ``end:flat`` at the end
        alone.
    rig_sets
        ``FIELD=VALUE`` of rig.yaml: what the operator believes, and is wrong about.
    options
        Of the guide: (field, value).
    missing
        Steps or purposes that are not recorded, such as ``dark``, ``end:flat``.
    scenes
        Clips between start and end; () for none.
    end
        Whether the steps of the end are recorded.
    checked
        True: clips are checked as a capture does it; False: each is written to be ``ok``.
    """

    seed: int = 0
    size_px: tuple[int, int] = (320, 240)
    bits: int = 12
    setting: str = "2ms16ms"
    rate: str = "15"
    lens: str = "shared_lens"
    baseline_mm: float = 12.0
    mirrors: tuple[str, str] = ("none", "horizontal")
    sets: tuple[str, ...] = ()
    step_sets: tuple[tuple[str, str], ...] = ()
    rig_sets: tuple[str, ...] = ()
    options: tuple[tuple[str, float], ...] = (
        ("dark_frames", 16),
        ("flat_frames", 16),
        ("series_frames", 2),
        ("colour_frames", 4),
        ("target_frames", 3),
    )
    missing: tuple[str, ...] = ("sync",)
    scenes: tuple[SceneClip, ...] = (SceneClip(),)
    end: bool = True
    checked: bool = False

    def lacks(self, purpose: str, name: str, when: str) -> bool:
        """Whether a step is left out."""
        words = {purpose, name, f"{when}:{purpose}", f"{when}:{name}"}
        return bool(words & set(self.missing))

    def world(self) -> WorldConfig:
        """Before anything stands before it; the field of view is 0.4 rad wide at every size."""
        wide, high = self.size_px
        views = [{"mirror": mirror} for mirror in self.mirrors]
        if self.lens == "two_lenses":
            views[0] |= {"pupil_mm": [0.0, 0.0, 0.0]}
            views[1] |= {"pupil_mm": [self.baseline_mm, 0.0, 0.0]}  # type: ignore[dict-item]
        sensor = {"width_px": wide, "height_px": high, "pixel_pitch_um": 3200.0 / wide}
        fields: dict[str, Any] = {
            "format_version": 1,
            "seed": self.seed,
            "sensor_1": sensor,
            "sensor_2": sensor,
            "rig_motion": MotionConfig().model_dump(mode="json"),
            "optics": {
                "kind": self.lens,
                "view_1": {"nd_transmission": 0.125, **views[0]},
                "view_2": {"path": "reflected", **views[1]},
            },
        }
        return WorldConfig.from_fields(fields, "twin session").override(self.sets)

    def rig(self) -> Rig:
        """rig.yaml as the operator of this world writes it."""
        fields = rig_fields(
            self.world(),
            Path("/opt/bsd-twin.cti"),
            "/dev/pts/7",
            pair_s=0.2,
            ahead_frames=6,
            bits=self.bits,
        )
        return Rig.from_fields(fields, "twin session").override(self.rig_sets)

    def guide(self) -> GuideOptions:
        return GuideOptions.model_validate(dict(self.options))


@dataclass
class TwinSession:
    """A session on the disk and the truth behind it.

    Attributes
    ----------
    folder
        Of the session.
    spec
        What it was made from.
    """

    folder: Path
    spec: Spec

    @property
    def record(self) -> SessionRecord:
        return SessionRecord.read(self.folder)

    @cached_property
    def world(self) -> WorldConfig:
        """Optics and sensors as they are; the scene is the default's."""
        return self.spec.world()

    def clip(self, step: str, when: str = "start") -> Path:
        """File of a calibration step."""
        found = [
            each for each in self.record.clips if (each.plan.step, each.plan.when) == (step, when)
        ]
        return self.folder / found[-1].file

    def scene(self, index: int = 0) -> Path:
        """File of a scene clip, from 0."""
        return self.folder / self._scenes()[index].file

    def copy(self, folder: Path) -> TwinSession:
        """A copy that may be changed."""
        shutil.copytree(self.folder, folder)
        return TwinSession(folder, self.spec)

    # truth

    def homography(self) -> NDArray[np.float64]:
        """(3, 3), upright C2 → upright C1 at the first clip; of two lenses: infinitely far."""
        return self._renderer.homography(_FIRST_NS)

    def to_c1(
        self, points: NDArray[np.float64], distance_mm: float = 4000.0, time_ns: int = _FIRST_NS
    ) -> NDArray[np.float64]:
        """Upright C1 of upright C2 pixels (..., 2) for what stands at a distance; exact."""
        return _at_distance(self.world.model_dump_json(), distance_mm).layer_map(0, points, time_ns)

    def level_ratio(self) -> NDArray[np.float64]:
        """(3,) C1 / C2 of an even grey surface in the middle of the view, by channel R, G, B."""
        rates = [self.signal_rate(role) for role in ROLES]
        widths = [getattr(self.true_plan(self.spec.setting), role) for role in ROLES]
        return np.asarray(
            rates[0] * (widths[0][1] - widths[0][0]) / (rates[1] * (widths[1][1] - widths[1][0]))
        )

    def signal_rate(self, role: Role) -> NDArray[np.float64]:
        """(3,) DN per ns of a camera before a grey of reflectance × brightness 1, by channel."""
        from hardware.twin.optics import throughput

        number = ROLES.index(role) + 1
        sensor = self.world.sensor(number)
        spectral = np.asarray(self.world.view(number).spectral, np.float64).sum(axis=1)
        per_second = sensor.electrons_per_light_second / self.electrons_per_dn(role)
        lamps = sum(lamp.share for lamp in self.world.light.components)
        return np.asarray(throughput(self.world, number) * spectral * per_second * lamps * 1e-9)

    def true_plan(self, setting: str) -> TruePlan:
        """Real exposures of a setting: the plan's pulses through the world's sensors."""
        return TruePlan.of(_plan(self.spec, Setting.parse(setting)), self.world)

    def offset_ns(self, role: Role, setting: str | None = None) -> int:
        """Real exposure minus what the plan in the clips' heads predicts."""
        name = setting or self.spec.setting
        begin, end = getattr(self.true_plan(name), role)
        return int(end - begin - getattr(_plan(self.spec, Setting.parse(name)), role).width_ns)

    def electrons_per_dn(self, role: Role) -> float:
        return self._sensor(role).electrons_per_dn(self.spec.bits)

    def black_dn(self, role: Role) -> float:
        """Without dark current, which adds up to 0.1 electrons."""
        return self._sensor(role).black_level_dn(self.spec.bits)

    def expected_dn(self, role: Role, clip: Path | str, pulse: int = 0) -> Light:
        """(H, W, 3) float32 DN above black, upright, of a perfect sensor: no noise, no PRNU."""
        occasion = self._occasion(clip)
        window = occasion.window(role, pulse)
        number = ROLES.index(role) + 1
        light = occasion.renderer(pulse).irradiance(number, *window)
        mirror = self.world.view(number).mirror
        upright = light[:, ::-1] if mirror == "horizontal" else light
        upright = upright[::-1] if mirror == "vertical" else upright
        return np.ascontiguousarray(upright * self._dn_per_light_second(role))

    def sharp_truth_dn(self, clip: Path | str, pulse: int) -> Light:
        """(H1, W1, 3) float32 DN above black in C2's units: C2's light in C1's geometry, upright.

        Divide by C1's exposure ratio as the calibration does, or compare up to a gain.
        """
        occasion = self._occasion(clip)
        light = occasion.renderer(pulse).sharp_truth(*occasion.window("sharp", pulse))
        return np.asarray(light * self._dn_per_light_second("sharp"), dtype=np.float32)

    def _dn_per_light_second(self, role: Role) -> np.float32:
        sensor = self._sensor(role).config
        return np.float32(sensor.electrons_per_light_second / self.electrons_per_dn(role))

    def _occasion(self, clip: Path | str) -> Filming:
        name = Path(clip).name.removesuffix(".h5")
        record = next(each for each in self.record.clips if each.clip == name)
        if record.plan.purpose != "scene":
            when, step = record.plan.when or "start", record.plan.step or ""
            setting = Setting.parse(record.plan.setting or self.spec.setting)
            told = Occasion(record.plan.purpose, step, record.plan.distance_mm)
            return _calibration_filming(self.spec, record.number, told, when, setting)
        index = [each.clip for each in self._scenes()].index(name)
        return _scene_filming(self.spec, record.number, self.spec.scenes[index])

    def _scenes(self) -> list[ClipRecord]:
        return [each for each in self.record.clips if each.plan.purpose == "scene"]

    @cached_property
    def _renderer(self) -> Renderer:
        return Renderer(self.world, threads=1)

    def _sensor(self, role: Role) -> Sensor:
        number = ROLES.index(role) + 1
        return Sensor(self.world.sensor(number), self.world.seed, number)


def twin_session(
    spec: Spec | None = None, folder: Path | None = None, **fields: Any
) -> TwinSession:
    """A session: made, or kept from before.

    Parameters
    ----------
    spec
        Default: `Spec()`.
    folder
        Write it there and keep nothing: for large ones. Else it goes to the folder that
        ``BSD_TWIN_SESSIONS`` names, or one among the temporary files; test processes share it.
    fields
        Replace some of the spec's.
    """
    spec = replace(spec or Spec(), **fields)
    if folder is not None:
        _write(folder, spec)
        return TwinSession(folder, spec)
    base = Path(
        os.environ.get("BSD_TWIN_SESSIONS")
        or Path(tempfile.gettempdir()) / f"bsd-twin-sessions-{os.getuid()}"
    )
    base.mkdir(parents=True, exist_ok=True)
    key = hashlib.sha256(f"{spec!r} {_code()}".encode()).hexdigest()[:20]
    kept = base / key
    with (base / f"{key}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not kept.is_dir():
            _sweep(base)
            half = base / f"{key}.half"
            shutil.rmtree(half, ignore_errors=True)
            _write(half / "session", spec)
            half.rename(kept)
        os.utime(kept)
    return TwinSession(kept / "session", spec)


@lru_cache(maxsize=1)
def _code() -> str:
    digest = hashlib.sha256()
    for path in sorted(
        [Path(__file__), *(each for name in _FILES for each in (ROOT / name).rglob("*.py"))]
    ):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _sweep(base: Path) -> None:
    """What nobody used for a day."""
    for path in base.iterdir():
        if path.is_dir() and time.time() - path.stat().st_mtime > _UNUSED_S:
            shutil.rmtree(path, ignore_errors=True)


# exposures


@dataclass(frozen=True)
class TruePlan:
    """Begin and end of the real exposures in ns after a frame's begin."""

    blurry: Window
    sharp: Window

    @classmethod
    def of(cls, made: Plan, world: WorldConfig) -> TruePlan:
        windows = []
        for number, (delay, width) in enumerate(
            zip(made.program.delay_ticks, made.program.width_ticks, strict=True), start=1
        ):
            timing = world.sensor(number).timing
            rise, fall = delay * made.program.tick_ns, (delay + width) * made.program.tick_ns
            windows.append((rise + timing.start_latency_ns, fall + timing.end_latency_ns))
        return cls(windows[0], windows[1])


def _plan(spec: Spec, setting: Setting) -> Plan:
    rig = spec.rig()
    return plan(setting, spec.rate, "centre", rig.cameras.blurry.timing, rig.cameras.sharp.timing)


@dataclass
class Filming:
    """A clip's pulses and what stands before the rig at each of them."""

    number: int
    exposures: Plan
    true: TruePlan
    world: WorldConfig
    late_world: WorldConfig | None = None
    pulses: int = 0
    _renderers: dict[bool, Renderer] = field(default_factory=dict)

    def pulse_ns(self, pulse: int) -> int:
        """World time of a pulse's begin."""
        program = self.exposures.program
        ticks = pulse * program.period_numerator // program.period_denominator
        return _FIRST_NS + self.number * _CLIP_NS + ticks * program.tick_ns

    def window(self, role: Role, pulse: int) -> Window:
        """Light of a frame, with the sensor's jitter."""
        begin, end = getattr(self.true, role)
        number = ROLES.index(role) + 1
        seed = np.random.SeedSequence([self.world.seed, self.number, number, pulse, 0x71])
        rms = self.world.sensor(number).timing.jitter_rms_ns
        early, late = np.random.default_rng(seed).standard_normal(2) * rms
        at = self.pulse_ns(pulse)
        return at + begin + round(early), at + end + round(late)

    def is_late(self, pulse: int) -> bool:
        return self.late_world is not None and pulse >= self.pulses // 2

    def renderer(self, pulse: int) -> Renderer:
        late = self.is_late(pulse)
        if late not in self._renderers:
            world = self.late_world if late and self.late_world is not None else self.world
            self._renderers[late] = Renderer(world, threads=1)
        return self._renderers[late]


def _changed(world: WorldConfig, sets: tuple[str, ...]) -> WorldConfig:
    return world.override(sets) if sets else world


def _calibration_filming(
    spec: Spec, number: int, occasion: Occasion, when: str, setting: Setting
) -> Filming:
    asked = Setting.parse(spec.setting)
    occasion = replace(occasion, sharp_us=asked.sharp_us, number=number)
    if keeps(occasion):  # the levels of a series see what the flat saw
        occasion = replace(occasion, step="series-1")
    world = placed(spec.world(), occasion)
    name = occasion.step
    words = {occasion.purpose, name, f"{when}:{occasion.purpose}", f"{when}:{name}"}
    world = _changed(world, tuple(text for word, text in spec.step_sets if word in words))
    made = _plan(spec, setting)
    return Filming(number, made, TruePlan.of(made, world), world)


def _scene_filming(spec: Spec, number: int, clip: SceneClip) -> Filming:
    made = _plan(spec, Setting.parse(clip.setting or spec.setting))
    shown = number if clip.number is None else clip.number
    world = placed(spec.world(), Occasion("scene", number=shown))
    filming = Filming(number, made, TruePlan.of(made, world), world, pulses=clip.pulses)
    guard_ns = 5_000_000
    times = {
        "begin_s": (filming.pulse_ns(clip.bookend) - guard_ns) * 1e-9,
        "end_s": (filming.pulse_ns(clip.bookend + clip.frames) - guard_ns) * 1e-9,
    }
    if not clip.still_bookends:
        times = {"begin_s": filming.pulse_ns(0) * 1e-9, "end_s": None}  # type: ignore[dict-item]
    fields = world.model_dump(mode="json")
    if clip.moves:
        fields["rig_motion"] = {
            "shake": {"rotation_rms_mrad": clip.shake_mrad, "peak_hz": 8.0, "seed": number},
            **times,
        }
    for layer in fields["scene"]["layers"]:
        layer["motion"] = (layer["motion"] | times) if clip.moves else {}
    world = _changed(WorldConfig.from_fields(fields, "scene"), clip.sets)
    filming.world = world
    if clip.late_sets:
        filming.late_world = _changed(world, clip.late_sets)
    return filming


@lru_cache(maxsize=16)
def _at_distance(world: str, distance_mm: float) -> Renderer:
    fields = WorldConfig.model_validate_json(world).model_dump(mode="json")
    fields["scene"] = {"layers": [{"picture": {"kind": "flat"}, "distance_mm": distance_mm}]}
    return Renderer(WorldConfig.from_fields(fields, "distance"), threads=1)


# writing


class _Eye:
    """One camera: its sensor, and the light that it has seen last while nothing moved."""

    def __init__(self, spec: Spec, world: WorldConfig, role: Role) -> None:
        self.role = role
        self.number = ROLES.index(role) + 1
        self.bits = spec.bits
        self.sensor = Sensor(world.sensor(self.number), world.seed, self.number)
        self._key: tuple[object, ...] = ()
        self._seen: tuple[Light, float] | None = None

    def frame(self, filming: Filming, pulse: int) -> NDArray[Any]:
        window = filming.window(self.role, pulse)
        light = self._light(filming, pulse, window)
        world = filming.world
        noise = frame_generator(world.seed, filming.number, self.number, pulse)
        frame = self.sensor.expose(
            light,
            (window[1] - window[0]) / 1000,
            noise,
            bits=self.bits,
            temperature_c=self.sensor.temperature_c(window[0]),
        )
        return frame.astype(np.uint8) if self.bits == 8 else frame

    def _light(self, filming: Filming, pulse: int, window: Window) -> Light:
        renderer = filming.renderer(pulse)
        stands = _stands(renderer, window)
        lamps = light_seconds(renderer.world.light, *window)
        if stands is None:
            return renderer.irradiance(self.number, *window)
        key = (renderer.world.scene, renderer.world.optics, renderer.world.rig_motion, *stands)
        if self._seen is None or key != self._key:
            self._key, self._seen = key, (renderer.irradiance(self.number, *window), lamps)
        light, before = self._seen
        return light if before == lamps else light * np.float32(lamps / before)


def _stands(renderer: Renderer, window: Window) -> tuple[float, ...] | None:
    """Where all that moves stands, by its own clock; None where it moves within the window."""
    motions: list[Motion] = []
    world = renderer.world
    if _can_move(world.rig_motion):
        motions.append(renderer.scene.rig)
    motions += [layer.motion for layer in renderer.scene.layers if _can_move(layer.config.motion)]
    clocks = [[motion.clock_s(at) for motion in motions] for at in window]
    if clocks[0] != clocks[1] or _has_leds(world.scene.layers):
        return None
    return tuple(clocks[0])


def _can_move(motion: MotionConfig) -> bool:
    shake = motion.shake
    return any((*motion.velocity_mm_s, *motion.rotation_mrad_s, *shake.rotation_rms_mrad,
                *shake.translation_rms_mm))  # fmt: skip


def _has_leds(layers: tuple[LayerConfig, ...]) -> bool:
    return any(layer.picture.kind == "led_bar" for layer in layers)


class _Bench:
    """The devices of a session that is being written."""

    def __init__(self, session: Session, spec: Spec) -> None:
        self.session, self.spec = session, spec
        self.rig = spec.rig()
        world = spec.world()
        self.world = world
        self.eyes = {role: _Eye(spec, world, role) for role in ROLES}
        self.configured: dict[Role, Configured] = {role: self._configured(role) for role in ROLES}
        self.arming = 0

    def record(
        self,
        take_plan: TakePlan,
        setting: Setting,
        filming: Filming,
        bookend: int = 0,
        clip: SceneClip | None = None,
    ) -> Take:
        """One take, kept."""
        session = self.session
        measured = measured_black_dn(session.record, session.folder, self.configured)
        for role, black_dn in measured.items():
            self.configured[role] = replace(self.configured[role], black_level_dn=black_dn)
        take = session.begin_take(take_plan)
        self.arming += 1
        head = self._head(take_plan, setting, filming, bookend, take)
        pulses = take_plan.frames + 2 * bookend
        rows = self._frames(take, head, filming, pulses, bookend, clip or SceneClip())
        paired = int((rows["verdict"] == Verdict.PAIRED).sum())
        counts = {"paired": paired, "pulses": pulses}
        counts |= {f"frames_{role}": int((rows[f"{PREFIX[role]}_index"] >= 0).sum())
                   for role in ROLES}  # fmt: skip
        verdict: Any = "good" if paired == pulses else "marked"
        findings = (
            [] if paired == pulses else [f"{pulses - paired} of {pulses} pulses have no pair"]
        )
        session.judge(take, verdict, findings)
        temperatures = {role: self._temperature(role, filming) for role in ROLES}
        tail = ClipTail(
            verdict=verdict, findings=findings, counts=counts, temperatures_c=temperatures
        )
        seal(take.part, rows, tail)
        session.keep(take)
        return take

    def _frames(
        self, take: Take, head: ClipHead, filming: Filming, pulses: int, bookend: int,
        clip: SceneClip,
    ) -> NDArray[np.void]:  # fmt: skip
        shapes = {role: FrameShape.of(self.configured[role]) for role in ROLES}
        writer = ClipWriter(take.part, head, shapes)
        rows = np.zeros(pulses, LEDGER)
        last: dict[Role, NDArray[Any]] = {}
        try:
            for pulse in range(pulses):
                row = rows[pulse]
                at = filming.pulse_ns(pulse)
                row["pulse"], row["pulse_ns"] = pulse, at - filming.pulse_ns(0)
                row["part"] = pulse < bookend or pulse >= pulses - bookend
                lost = [role for role in ROLES if (pulse, role) in clip.losses]
                row["verdict"] = Verdict.MISSED if lost else Verdict.PAIRED
                for role in ROLES:
                    self._append(writer, row, role, filming, pulse, clip, last, lost)
            told = np.zeros(pulses, PULSE)
            told["n"] = np.arange(pulses)
            told["ticks"] = [filming.pulse_ns(pulse) // 500 for pulse in range(pulses)]
            writer.pulses(told)
        finally:
            writer.close()
        return rows

    def _append(
        self, writer: ClipWriter, row: Any, role: Role, filming: Filming, pulse: int,
        clip: SceneClip, last: dict[Role, NDArray[Any]], lost: list[Role],
    ) -> None:  # fmt: skip
        prefix = PREFIX[role]
        if role in lost:
            row[f"{prefix}_index"], row[f"{prefix}_verdict"] = NO_INDEX, Verdict.MISSED
            row[f"{prefix}_frame_id"], row[f"{prefix}_device_ns"] = NO_ID, NO_TIME
            row[f"{prefix}_host_ns"] = NO_TIME
            return
        identity = self.world.camera_1 if role == "blurry" else self.world.camera_2
        begin, end = filming.window(role, pulse)
        index = writer.stored[role]
        arrival = np.zeros(1, ARRIVAL)
        arrival["arming"], arrival["flags"], arrival["index"] = (
            self.arming, ArrivalFlag.COMPLETE, index
        )  # fmt: skip
        arrival["frame_id"] = pulse
        drift = 1 + identity.clock_drift_ppm * 1e-6
        arrival["device_ns"] = int(begin * drift) + identity.clock_offset_ns
        arrival["host_ns"] = end + 30_000_000 + self.arming
        frame = filming_frame = self.eyes[role].frame(filming, pulse)
        if (pulse, role) in clip.repeats and role in last:
            frame = last[role]
        last[role] = frame
        arrival["size"] = filming_frame.nbytes
        writer.append(role, arrival[0], np.ascontiguousarray(frame).reshape(-1).view(np.uint8))
        row[f"{prefix}_index"] = index
        for name in ("frame_id", "device_ns", "host_ns"):
            row[f"{prefix}_{name}"] = arrival[name][0]
        row[f"{prefix}_verdict"] = Verdict.UNPAIRED if lost else Verdict.PAIRED

    def _head(
        self, take_plan: TakePlan, setting: Setting, filming: Filming, bookend: int, take: Take
    ) -> ClipHead:
        consent = self.session.record.consent
        return ClipHead(
            name=take.clip,
            session=take.session,
            take=take.attempt,
            purpose=take_plan.purpose,  # type: ignore[arg-type]
            step=take_plan.step or "",
            distance_mm=take_plan.distance_mm,
            setting=setting,
            rate_hz=self.spec.rate,
            frames_asked=take_plan.frames,
            bookend_frames=bookend,
            sync="trigger",
            arming=self.arming,
            plan=filming.exposures.model_dump(mode="json"),
            rig=self.rig.model_dump(mode="json"),
            cameras={role: self._camera(role, filming) for role in ROLES},
            trigger={"protocol": 1, "firmware": "1.0.0", "chip": "atmega328p",
                     "tick_ns": 500, "name": None},
            tick_ns=500,
            host_clock=self.rig.host_clock,
            operator=self.session.document.operator,
            motion=take_plan.motion,
            notes=take_plan.notes,
            consent="" if consent is None else consent.summary(),
        )  # fmt: skip

    def _temperature(self, role: Role, filming: Filming) -> float:
        return self.eyes[role].sensor.temperature_c(filming.pulse_ns(0))

    def _camera(self, role: Role, filming: Filming) -> ClipCamera:
        asked = self.rig.camera(role)
        identity = CameraIdentity(
            "BSD toolkit", "BSD-Twin-2", asked.serial, "1.0.0", asked.producer,
            True, True, True, True, True,
        )  # fmt: skip
        return ClipCamera(
            identity=asdict(identity),
            configured=asdict(self.configured[role]),
            temperature_c=self._temperature(role, filming),
        )

    def _configured(self, role: Role) -> Configured:
        form = pixel_format(self.rig.camera(role).pixel_format)
        wide, high = self.spec.size_px
        sensor = self.eyes[role].sensor
        colour = "BayerRG" if form.cfa else "None"
        readback: dict[str, Any] = {
            "AcquisitionMode": "Continuous", "ExposureAuto": "Off", "GainAuto": "Off",
            "BalanceWhiteAuto": "Off", "Gain[All]": 0.0, "Gamma": 1.0,
            "SensorShutterMode": "Global", "ReverseX": False, "ReverseY": False,
            "PixelFormat": form.name, "OffsetX": 0, "OffsetY": 0, "Width": wide, "Height": high,
            "AcquisitionFrameRateEnable": False, "ExposureMode": "TriggerWidth",
            "TriggerSource[FrameStart]": "Line1", "TriggerActivation[FrameStart]": "RisingEdge",
            "TriggerDelay[FrameStart]": 0.0, "TriggerMode[FrameStart]": "On", "Gain": 0.0,
            "BlackLevel": sensor.config.black_level_dn12, "ExposureTime": 10000.0,
            "PayloadSize": form.frame_bytes(wide, high), "PixelColorFilter": colour,
        }  # fmt: skip
        untold = "its black level in DN of the frames is not told; dark frames measure it"
        return Configured(
            width=wide, height=high, pixel_format=form.name, dtype=form.dtype, bits=form.bits,
            channels=form.channels, cfa=form.cfa, frame_bytes=form.frame_bytes(wide, high),
            slots=64, readback=readback, black_level_dn=None, gain_db=0.0,
            temperature_c=sensor.temperature_c(_FIRST_NS), exposure_us=None, without=[untold],
        )  # fmt: skip


def _write(folder: Path, spec: Spec) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    rig_file = folder.parent / "rig-of-the-session.yaml"
    rig = spec.rig()
    rig_file.write_text(yaml.safe_dump(rig.model_dump(mode="json", exclude_defaults=False)))
    asked = Setting.parse(spec.setting)
    with Session.create(
        folder, rig_file, operator=OPERATOR, name="session", consent=Consent(persons=False)
    ) as session:
        bench = _Bench(session, spec)
        steps = start_steps(asked, spec.rate, rig, spec.guide())
        _guided(bench, [step for step in steps if step.name != "sync-equal"])
        for clip in spec.scenes:
            setting = Setting.parse(clip.setting or spec.setting)
            filming = _scene_filming(spec, session.record.next_number, clip)
            take_plan = TakePlan(
                purpose="scene", frames=clip.frames, setting=setting.name,
                motion="hand shake" if clip.moves else "none",
            )  # fmt: skip
            bench.record(take_plan, setting, filming, clip.bookend, clip)
        if spec.end:
            _guided(bench, end_steps(asked, spec.guide()))
    rig_file.unlink()


def _guided(bench: _Bench, steps: list[Step]) -> None:
    session, spec = bench.session, bench.spec
    for step in steps:
        if spec.lacks(step.purpose, step.name, step.when):
            continue
        told = Occasion(step.purpose, step.name, step.distance_mm)
        number = session.record.next_number
        filming = _calibration_filming(spec, number, told, step.when, step.setting)
        take = bench.record(step.plan(), step.setting, filming)
        session.checked(step, take, _check(take, step) if spec.checked else StepCheck())


def _check(take: Take, step: Step) -> StepCheck:
    from acquisition.clip.reader import Clip

    with Clip(take.final) as clip:
        return check_clip(clip, step.purpose)


def truncate(path: Path, share: float = 0.5) -> None:
    """Cut a clip file of a copied session, as a failing disk does."""
    path.chmod(0o644)
    with path.open("r+b") as file:
        file.truncate(int(path.stat().st_size * share))


__all__ = ["SceneClip", "Spec", "TwinSession", "truncate", "twin_session"]
