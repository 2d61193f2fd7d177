"""An onlooker of the rings: measures the newest pair, takes nothing away, costs little."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from acquisition.engine import monitor
from acquisition.engine.monitor import Monitor
from acquisition.picture.registration import register_frames
from acquisition.rig import ROLES, Rig
from acquisition.ring import FrameRing
from tests.acquisition.twin_pictures import FORMS, pairs, world

pytestmark = pytest.mark.unit

SIZE = (48, 64)


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    camera = "{producer: a.cti, serial: '%s', timing: {exposure: timed, readout_us: 1}}"
    file = tmp_path / "rig.yaml"
    file.write_text(
        "format: bsd-rig\nformat_version: 1\nname: r\noptics: {lens: shared_lens}\ncameras:\n"
        f"  blurry: {camera % 1}\n  sharp: {camera % 2}\n"
    )
    return Rig.read(file)


def filled(*levels: int, arming: int = 1) -> dict[str, FrameRing]:
    rings = {}
    for role, level in zip(ROLES, levels, strict=True):
        rings[role] = ring = FrameRing(1 << 18)
        ring.lay_out(SIZE[0] * SIZE[1])
        ring.put(arming, 0, 0, 0, np.full(SIZE[0] * SIZE[1], level, np.uint8))
    return rings  # type: ignore[return-value]


CONFIGURED = SimpleNamespace(
    cfa="RGGB", bits=8, black_level_dn=8.0, height=SIZE[0], width=SIZE[1], channels=1,
    dtype="uint8", frame_bytes=SIZE[0] * SIZE[1],
)  # fmt: skip


def made(rings: object, rig: Rig, every_s: float = 0.0) -> Monitor:
    return Monitor(rings, rig, dict.fromkeys(ROLES, CONFIGURED), every_s)  # type: ignore[arg-type]


def test_measures_the_newest_pair_less_black(rig: Rig) -> None:
    rings = filled(58, 108)
    seen = made(rings, rig).look()
    assert seen is not None
    assert seen.ratio is not None
    assert seen.ratio.value == pytest.approx(0.5, rel=1e-3)
    assert seen.blurry.level == pytest.approx(50 / 247, rel=0.03)
    assert rings["blurry"].used == 1  # type: ignore[index]


def test_not_before_its_time_and_not_of_another_take(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    now_s = [10.0]
    monkeypatch.setattr(monitor.time, "monotonic", lambda: now_s[0])
    look = made(filled(58, 108, arming=7), rig, every_s=1.0)
    assert look.look(arming=8) is None
    assert look.look(arming=7) is not None
    now_s[0] = 10.9
    assert look.look() is None
    now_s[0] = 11.0
    assert look.look() is not None


def test_an_empty_ring_is_no_fault(rig: Rig) -> None:
    rings = filled(58, 108)
    rings["sharp"] = FrameRing(1 << 18)  # type: ignore[index]
    assert made(rings, rig).look() is None


class Moving:
    """Rings whose newest frames are pairs of the twin, with the ids that are told."""

    def __init__(self) -> None:
        self.frames = pairs(world(), 1)[0]
        self.ids: tuple[int, int] = (0, 0)
        self.armings: tuple[int, int] = (1, 1)

    def rings(self) -> dict[str, SimpleNamespace]:
        def newest(side: int) -> tuple[dict[str, int], np.ndarray]:
            told = {"arming": self.armings[side], "index": self.ids[side]}
            return told, self.frames[side].reshape(-1)

        return {
            role: SimpleNamespace(newest=lambda side=side: newest(side))
            for side, role in enumerate(ROLES)
        }

    def monitor(self, rig: Rig) -> Monitor:
        height, width = self.frames[0].shape
        known = SimpleNamespace(**vars(CONFIGURED) | {"height": height, "width": width})
        known.frame_bytes, known.cfa = height * width, FORMS[0].cfa
        known.black_level_dn = FORMS[0].black_dn
        rings: Any = self.rings()
        mirrored = rig.override(["cameras.sharp.flip=horizontal"])
        return Monitor(rings, mirrored, dict.fromkeys(ROLES, known), 1.0)  # type: ignore[arg-type]


def test_the_views_are_registered_every_few_seconds(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    now_s = [10.0]
    monkeypatch.setattr(monitor, "time", SimpleNamespace(monotonic=lambda: now_s[0]))
    made_of = Moving()
    look = made_of.monitor(rig)
    counts = []
    for number in range(8):
        made_of.ids = (number, number)
        assert look.look() is not None
        counts.append(look.offsets)
        now_s[0] += 1.0
    assert counts == [1, 1, 1, 2, 2, 2, 3, 3]
    assert look.offset is not None
    true = register_frames(*made_of.frames, FORMS)
    assert true is not None
    assert look.offset.shift_px == pytest.approx(true.shift_px, abs=0.05)


def test_frames_of_two_pulses_are_not_registered(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    now_s = [10.0]
    monkeypatch.setattr(monitor, "time", SimpleNamespace(monotonic=lambda: now_s[0]))
    made_of = Moving()
    look = made_of.monitor(rig)
    seen = []
    for ids, armings in (((5, 6), (1, 1)), ((7, 8), (1, 1)), ((9, 9), (1, 2)), ((9, 9), (2, 2))):
        made_of.ids, made_of.armings = ids, armings
        look.look()
        seen.append(look.offsets)
        now_s[0] += 5.0
    assert seen == [0, 0, 0, 1]
