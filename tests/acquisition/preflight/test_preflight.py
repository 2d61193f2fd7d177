"""Preflight: each check with given facts, and the faults of the virtual rig's optics."""

from __future__ import annotations

import errno
import json
import re
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

import numpy as np
import pytest

from acquisition.camera.message import CameraIdentity, Configured
from acquisition.exposure import plan
from acquisition.health.finding import Finding
from acquisition.picture.measurement import measure_pair
from acquisition.picture.registration import Offset, register_frames
from acquisition.preflight import camera_checks, picture_checks, storage_checks
from acquisition.preflight.disk_speed import write_speed
from acquisition.preflight.limits import Limits
from acquisition.preflight.live_watch import (
    CLEAR_AFTER,
    FOCUS_WINDOW,
    RAISE_AFTER,
    WINDOW,
    LiveWatch,
)
from acquisition.preflight.preflight import Burst, Preflight, Situation, run
from acquisition.rig import ROLES, Rig, Role
from bsd.setting import Setting
from tests.acquisition.twin_pictures import FORMS, pairs, world

pytestmark = pytest.mark.unit

LIMITS = Limits()
GB = 10**9
CAMERA = {
    "producer": "/opt/maker/maker.cti",
    "serial": "0022",
    "pixel_format": "BayerRG8",
    "timing": {"exposure": "trigger_width", "readout_us": 9_300},
}
RIG = Rig.from_fields(
    {
        "format": "bsd-rig",
        "format_version": 1,
        "name": "bench",
        "optics": {"lens": "shared_lens"},
        "cameras": {"blurry": CAMERA, "sharp": {**CAMERA, "serial": "0023", "flip": "horizontal"}},
    },
    "rig.yaml",
)
PLAN = plan(
    Setting.parse("2ms16ms"), 15, "centre", RIG.cameras.blurry.timing, RIG.cameras.sharp.timing
)


def identity(serial: str, **changes: Any) -> CameraIdentity:
    who = CameraIdentity(
        vendor="Maker",
        model="M1",
        serial=serial,
        firmware="1",
        producer=CAMERA["producer"],  # type: ignore[arg-type]
        timestamps=True,
        hardware_trigger=True,
        trigger_width=True,
        timed=True,
        latch=True,
    )
    return replace(who, **changes)


IDENTITIES: dict[Role, CameraIdentity] = {"blurry": identity("0022"), "sharp": identity("0023")}
CONFIGURED = Configured(
    width=320,
    height=240,
    pixel_format="BayerRG8",
    dtype="uint8",
    bits=8,
    channels=1,
    cfa="RGGB",
    frame_bytes=320 * 240,
    slots=100,
    readback={},
    black_level_dn=4.0,
    gain_db=0.0,
    temperature_c=40.0,
    exposure_us=None,
)
BOTH: dict[Role, Configured] = {"blurry": CONFIGURED, "sharp": CONFIGURED}


def situation(folder: Path, **changes: Any) -> Situation:
    usual = Situation(
        rig=RIG,
        rate_hz=15.0,
        plan=PLAN,
        identities=IDENTITIES,
        configured=BOTH,
        folder=folder,
        session_bytes=10**6,
        powered_minutes=45,
    )
    return replace(usual, **changes)


def burst(scene: str = "photographs", count: int = 3, **options: Any) -> Burst:
    made = pairs(world(scene, **options), count)
    frames = {"blurry": [pair[0] for pair in made], "sharp": [pair[1] for pair in made]}
    return Burst(frames, dict(zip(ROLES, FORMS, strict=True)))  # type: ignore[arg-type]


def by_name(found: Preflight | list[Finding]) -> dict[str, Finding]:
    checks = found.checks if isinstance(found, Preflight) else found
    assert len({each.name for each in checks}) == len(checks)
    return {each.name: each for each in checks}


def bad(found: Preflight) -> dict[str, str]:
    return {each.name: each.status for each in found.checks if each.status != "ok"}


def fast(folder: Path, most_bytes: int, most_s: float) -> float:
    assert (folder.is_dir(), most_bytes > 0, most_s > 0) == (True, True, True)
    return 500e6


class TestRun:
    def test_a_good_rig_before_photographs_is_good(self, tmp_path: Path) -> None:
        found = run(situation(tmp_path, burst=burst()), LIMITS, fast)
        assert bad(found) == {}
        assert found.good
        assert len(found.pairs) == 3
        assert found.offset is not None
        assert found.offset.shift_px == pytest.approx((3.3, -2.1), abs=0.05)
        fields = json.loads(json.dumps(found.as_fields(), allow_nan=False))
        assert (fields["good"], len(fields["checks"])) == (True, len(found.checks))

    def test_before_a_flat_only_focus_is_not_told(self, tmp_path: Path) -> None:
        found = run(situation(tmp_path, burst=burst("flat")), LIMITS, fast)
        assert bad(found) == {"focus": "warning"}
        assert "detail" in by_name(found)["focus"].what

    @pytest.mark.parametrize(
        ("scene", "fault", "name", "status"),
        [
            ("flat", {"kind": "wrong-nd"}, "C1/C2 ratio", "fault"),
            ("flat", {"kind": "wrong-nd", "nd_error": -0.06}, "C1/C2 ratio", "fault"),
            ("photographs", {"kind": "wrong-nd"}, "C1/C2 ratio", "warning"),
            ("photographs", {"kind": "wrong-nd", "nd_error": -0.2}, "C1/C2 ratio", "warning"),
            ("photographs", {"kind": "defocus"}, "focus", "warning"),
            ("photographs", {"kind": "defocus", "camera": "blurry"}, "focus", "warning"),
            ("photographs", {"kind": "flicker"}, "flicker", "warning"),
            ("flat", {"kind": "flicker", "frequency_hz": 120.0}, "C1/C2 ratio", "fault"),
            ("flat", {"kind": "dirty-splitter"}, "splitter", "warning"),
        ],
    )
    def test_faults_of_the_optics_are_named(
        self, scene: str, fault: dict[str, Any], name: str, status: str, tmp_path: Path
    ) -> None:
        whole = run(situation(tmp_path, burst=burst(scene)), LIMITS, fast)
        spoilt = run(situation(tmp_path, burst=burst(scene, fault=fault)), LIMITS, fast)
        assert by_name(whole)[name].status == "ok" or (name, scene) == ("focus", "flat")
        assert by_name(spoilt)[name].status == status
        assert by_name(spoilt)[name].remedy
        others = bad(spoilt).keys() - bad(whole).keys() - {name}
        assert others <= ({"C1/C2 ratio"} if fault["kind"] == "flicker" else set())

    def test_the_view_that_lost_its_focus_is_named(self, tmp_path: Path) -> None:
        for camera, said in (("sharp", "C2 is less sharp"), ("blurry", "C1 is less sharp")):
            fault = {"kind": "defocus", "camera": camera}
            found = run(situation(tmp_path, burst=burst(fault=fault)), LIMITS, fast)
            assert said in by_name(found)["focus"].what

    def test_the_gain_that_mends_the_ratio_is_told(self) -> None:
        """A splitter of 50 to 46 %: 20 log10 (50 / 46) = 0.72 dB."""
        uneven = "optics.splitter={transmitted: 0.5, reflected: 0.46}"
        made = pairs(world("flat", uneven), 1)
        seen = measure_pair(*made[0], FORMS)
        found = picture_checks.ratio([seen], LIMITS)
        assert found.status == "fault"
        assert re.search(r"add 0.7[23] dB to cameras.sharp.settings", found.remedy)

    def test_darkness_and_glare_are_warnings(self, tmp_path: Path) -> None:
        dark = run(situation(tmp_path, burst=burst("dark")), LIMITS, fast)
        assert bad(dark) == {"level": "warning", "C1/C2 ratio": "warning", "focus": "warning"}
        lamp = world("photographs", "light.components=[{share: 4}]")
        seen = [measure_pair(*pair, FORMS) for pair in pairs(lamp)]
        assert picture_checks.clipping(seen, LIMITS).status == "warning"

    def test_without_pairs_the_pictures_are_a_fault(self, tmp_path: Path) -> None:
        empty = Burst({"blurry": [], "sharp": []}, burst().forms)
        found = run(situation(tmp_path, burst=empty), LIMITS, fast)
        assert bad(found) == {"pictures": "fault"}


class TestCameras:
    def test_serials(self) -> None:
        swapped: dict[Role, CameraIdentity] = {
            "blurry": IDENTITIES["sharp"],
            "sharp": IDENTITIES["blurry"],
        }
        found = camera_checks.serials(RIG, swapped)
        assert found.status == "fault"
        assert "C1 (blurry) answers as 0023, rig.yaml says 0022" in found.what
        same: dict[Role, CameraIdentity] = dict.fromkeys(ROLES, IDENTITIES["blurry"])
        assert "same camera" in camera_checks.serials(RIG, same).what

    @pytest.mark.parametrize(
        ("changes", "triggered", "status", "said"),
        [
            ({}, True, "ok", "trigger_width"),
            ({"hardware_trigger": False}, True, "fault", "no hardware trigger"),
            ({"trigger_width": False}, True, "fault", "trigger_width"),
            ({"timed": False}, True, "ok", ""),
            ({"timestamps": False}, True, "warning", "no time"),
            ({"timestamps": None}, True, "ok", ""),
            ({"hardware_trigger": False, "trigger_width": False}, False, "warning", "freely"),
        ],
    )
    def test_abilities(
        self, changes: dict[str, Any], triggered: bool, status: str, said: str
    ) -> None:
        who: dict[Role, CameraIdentity] = {**IDENTITIES, "sharp": identity("0023", **changes)}
        found = camera_checks.abilities(RIG, who, triggered=triggered)
        assert found.status == status
        assert said in found.what

    @pytest.mark.parametrize(
        ("changes", "status"),
        [
            ({}, "ok"),
            ({"cfa": "GRBG"}, "ok"),  # a mirrored read-out is another phase, no other kind
            ({"cfa": None, "pixel_format": "Mono8"}, "fault"),
            ({"bits": 12, "dtype": "uint16"}, "fault"),
            ({"width": 300}, "warning"),
        ],
    )
    def test_formats(self, changes: dict[str, Any], status: str) -> None:
        found = camera_checks.formats({**BOTH, "sharp": replace(CONFIGURED, **changes)})
        assert found.status == status

    def test_what_is_not_known_is_said(self) -> None:
        gap = replace(CONFIGURED, without=["the gamma cannot be set"])
        found = camera_checks.unknown({**BOTH, "blurry": gap})
        assert (found.status, found.what) == (
            "warning",
            "C1 (blurry): the gamma cannot be set",
        )

    def test_a_timed_camera_that_is_set_wrong_is_a_fault(self) -> None:
        timing = {"exposure": "timed", "readout_us": 9_300, "exposure_step_ns": 1000}
        timed = RIG.override([f"cameras.{role}.timing={json.dumps(timing)}" for role in ROLES])
        made = plan(
            Setting.parse("2ms16ms"),
            15,
            "centre",
            timed.cameras.blurry.timing,
            timed.cameras.sharp.timing,
        )

        def found(blurry_us: float) -> Finding:
            both: dict[Role, Configured] = {
                "blurry": replace(CONFIGURED, exposure_us=blurry_us),
                "sharp": replace(CONFIGURED, exposure_us=2000.0),
            }
            return camera_checks.exposures(made, timed, both)

        assert found(16_000.0).status == "ok"
        assert found(16_000.4).status == "ok"  # within half a step
        assert found(15_990.0).status == "fault"
        assert "15990 us, 16000 planned" in found(15_990.0).what

    def test_readout_tells_what_is_left(self) -> None:
        found = camera_checks.readout(PLAN, RIG)
        assert found.status == "ok"
        assert f"leave {1000 / 15 - 16 - 9.3:.2f} of 66.67 ms (C1" in found.what
        slow = RIG.override(["cameras.sharp.timing.readout_us=80000"])
        assert camera_checks.readout(PLAN, slow).status == "fault"

    @pytest.mark.parametrize(("slots", "status"), [(15, "ok"), (14, "warning")])
    def test_rings_hold_a_second(self, slots: int, status: str) -> None:
        both: Mapping[Role, Configured] = {**BOTH, "sharp": replace(CONFIGURED, slots=slots)}
        assert camera_checks.rings(both, 15.0, LIMITS).status == status

    @pytest.mark.parametrize(
        ("minutes", "status"), [(None, "warning"), (29.0, "warning"), (30.0, "ok")]
    )
    def test_warmup(self, minutes: float | None, status: str) -> None:
        found = camera_checks.warmup(minutes, LIMITS)
        assert found.status == status
        assert minutes != 29.0 or "wait 1 minutes" in found.remedy

    @pytest.mark.parametrize(
        ("readings", "status", "said"),
        [
            ([], "ok", "do not tell"),
            ([(0, 40.0)], "ok", "40.0 °C"),
            ([(0, 40.0), (60 * GB, 40.1)], "ok", "+0.10 °C a minute"),
            ([(0, 40.0), (60 * GB, 40.5)], "warning", "+0.50 °C a minute"),
            ([(0, 40.0), (10 * GB, 41.0)], "ok", "41.0 °C"),  # too short to judge
            ([(0, None), (60 * GB, None)], "ok", "do not tell"),
        ],
    )
    def test_temperature(
        self, readings: list[tuple[int, float | None]], status: str, said: str
    ) -> None:
        found = camera_checks.temperature({"blurry": readings}, LIMITS)
        assert found.status == status
        assert said in found.what

    def test_a_computed_rig_says_so(self) -> None:
        assert "computed" in camera_checks.host_clock(RIG.override(["host_clock=none"])).what


class TestStorage:
    @pytest.mark.parametrize(
        ("free", "status"), [(12 * GB, "ok"), (12 * GB - 1, "fault"), (None, "warning")]
    )
    def test_space_has_a_reserve_of_a_fifth(self, free: int | None, status: str) -> None:
        assert storage_checks.space(Path("d"), free, 10 * GB, LIMITS).status == status

    @pytest.mark.parametrize(("speed", "status"), [(120e6, "ok"), (119e6, "fault"), (None, "ok")])
    def test_speed_has_a_reserve_of_a_fifth(self, speed: float | None, status: str) -> None:
        assert storage_checks.speed(Path("d"), speed, 100e6, LIMITS).status == status

    def test_a_folder_that_is_not_there_is_a_fault(self, tmp_path: Path) -> None:
        found = storage_checks.examine(tmp_path / "no", 1, 1.0, LIMITS)
        assert [each.status for each in found] == ["fault"]

    def test_a_full_disk_is_a_fault_in_words(self, tmp_path: Path) -> None:
        def full(folder: Path, most_bytes: int, most_s: float) -> float:
            raise OSError(errno.ENOSPC, "No space left on device", str(folder))

        found = by_name(storage_checks.examine(tmp_path, 1, 1.0, LIMITS, full))
        assert found["disk speed"].status == "fault"
        assert "no space left on the disk" in found["disk speed"].what
        assert found["disk speed"].remedy

    def test_speed_is_measured_and_nothing_stays(self, tmp_path: Path) -> None:
        assert write_speed(tmp_path, 8_000_000, 5.0) > 1e5
        assert list(tmp_path.iterdir()) == []

    def test_speed_is_bytes_over_time(self, tmp_path: Path) -> None:
        """Each reading of the clock is a quarter of a second later."""
        now_s = iter(np.arange(0, 100, 0.25))
        measured = write_speed(tmp_path, 10**9, 1.0, clock=lambda: float(next(now_s)))
        assert measured == pytest.approx(3 * 4_000_000 / 1.25)

    @pytest.mark.parametrize("interruption", [KeyboardInterrupt, OSError])
    def test_an_interrupted_test_leaves_nothing(
        self, interruption: type[BaseException], tmp_path: Path
    ) -> None:
        opened: list[IO[bytes]] = []

        class Interrupted:
            """A file that has written once when it is interrupted."""

            def __init__(self, folder: Path) -> None:
                self.file = tempfile.TemporaryFile(dir=folder, buffering=0)  # noqa: SIM115
                opened.append(self.file)
                self.writes = 0

            def __enter__(self) -> Interrupted:
                self.file.__enter__()
                return self

            def __exit__(self, *what: object) -> None:
                self.file.close()

            def fileno(self) -> int:
                return self.file.fileno()

            def write(self, data: bytes) -> int:
                self.writes += 1
                if self.writes > 1:
                    raise interruption
                return self.file.write(data)

        with pytest.raises(interruption):
            write_speed(tmp_path, 10**9, 60.0, Interrupted)  # type: ignore[arg-type]
        assert opened[0].closed
        assert list(tmp_path.iterdir()) == []


class TestLiveWatch:
    """Each fault of the optics comes while a take runs, and its warning with it."""

    @staticmethod
    def seen(**options: Any) -> list[tuple[Any, Offset | None]]:
        scene = options.pop("scene", "photographs")
        return [
            (measure_pair(*pair, FORMS), register_frames(*pair, FORMS))
            for pair in pairs(world(scene, **options), 6)
        ]

    @staticmethod
    def fed(watch: LiveWatch, seen: list[tuple[Any, Offset | None]], times: int) -> set[str]:
        for index in range(times):
            watch.feed(*seen[index % len(seen)])
        return {each.name for each in watch.warnings}

    @pytest.mark.parametrize(
        ("fault", "names"),
        [
            ({"kind": "wrong-nd"}, {"C1/C2 ratio"}),
            ({"kind": "defocus"}, {"focus"}),
            ({"kind": "defocus", "camera": "blurry"}, {"focus"}),
            ({"kind": "alignment-drift"}, {"alignment"}),
            ({"kind": "alignment-drift", "shift_px": (0, 0), "rotation_mrad": 8}, {"alignment"}),
            ({"kind": "flicker"}, {"flicker", "C1/C2 ratio"}),
            ({"kind": "flicker", "frequency_hz": 120.0}, {"C1/C2 ratio"}),
        ],
    )
    def test_a_fault_is_named_while_it_lasts(self, fault: dict[str, Any], names: set[str]) -> None:
        whole, spoilt = self.seen(), self.seen(fault=fault)
        watch = LiveWatch(LIMITS, size_px=(320, 240))
        assert self.fed(watch, whole, FOCUS_WINDOW + WINDOW) == set()
        came = self.fed(watch, spoilt, FOCUS_WINDOW + RAISE_AFTER)
        assert came & names
        assert came <= names
        assert all(each.status == "warning" and each.remedy for each in watch.warnings)
        assert self.fed(watch, whole, 2 * FOCUS_WINDOW + CLEAR_AFTER) == set()

    def test_dirt_is_named_on_a_flat(self) -> None:
        watch = LiveWatch(LIMITS)
        assert self.fed(watch, self.seen(scene="flat"), 6) == set()
        dirty = self.seen(scene="flat", fault={"kind": "dirty-splitter"})
        assert self.fed(watch, dirty, 9) == {"splitter"}

    def test_a_shaking_rig_and_a_moving_scene_are_no_fault(self) -> None:
        seen = [
            (measure_pair(*pair, FORMS), register_frames(*pair, FORMS))
            for pair in pairs(world(moving=True), 12)
        ]
        watch = LiveWatch(LIMITS, size_px=(320, 240))
        for each in [*seen, *reversed(seen), *seen]:
            assert watch.feed(*each) == []

    def test_one_unlucky_frame_is_no_warning_and_a_waver_is_one(self) -> None:
        whole, glare = (
            measure_pair(*pairs(world("photographs", light))[0], FORMS)
            for light in ("light.components=[{share: 1}]", "light.components=[{share: 6}]")
        )
        watch = LiveWatch(LIMITS)
        for pair in (whole, whole, whole, glare, whole, whole):
            assert watch.feed(pair) == []
        for pair in [glare] * 5:
            watch.feed(pair)
        assert [each.name for each in watch.warnings] == ["clipping"]
        kept = [bool(watch.feed(whole)) for _ in range(12)]
        assert kept[:3] == [True] * 3
        assert kept[-1] is False
        assert sorted(kept, reverse=True) == kept  # it goes once, and stays away
