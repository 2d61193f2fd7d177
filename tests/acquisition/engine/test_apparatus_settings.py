"""What an apparatus asks of its cameras, and a camera that comes back otherwise; no devices."""

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction

import pytest

from acquisition.camera.fault import CameraUnfit
from acquisition.camera.message import Configured
from acquisition.camera.process import CameraProcess
from acquisition.engine.apparatus import Apparatus, Drive
from acquisition.rig import Rig
from bsd.setting import Setting
from tests.acquisition.small_clips import RIG_FIELDS

pytestmark = pytest.mark.unit

SETTING = Setting.parse("2ms16ms")
STOOD = Configured(
    640, 480, "BayerRG8", "uint8", 8, 1, "RGGB", 640 * 480, 64, {"BlackLevel": 32.0},
    None, 0.0, 40.0, 2000.0,
)  # fmt: skip


@pytest.fixture
def apparatus() -> Iterator[Apparatus]:
    cameras = RIG_FIELDS["cameras"]
    sharp = {**cameras["sharp"], "region": [16, 8, 320, 240]}
    rig = Rig.from_fields({**RIG_FIELDS, "cameras": {**cameras, "sharp": sharp}}, "rig.yaml")
    made = Apparatus(rig, free_running=True, ring_bytes=1 << 20)
    yield made
    made.close()


@pytest.mark.parametrize("triggered", [True, False])
def test_the_rigs_region_is_asked_for(apparatus: Apparatus, triggered: bool) -> None:
    plan = apparatus.plan(SETTING, Fraction(15)) if triggered else None
    drive = Drive(SETTING, Fraction(15), plan)
    assert apparatus._settings("sharp", drive).region == (16, 8, 320, 240)
    assert apparatus._settings("blurry", drive).region is None


def test_a_camera_that_comes_back_otherwise_is_unfit_until_it_is_not(
    apparatus: Apparatus, monkeypatch: pytest.MonkeyPatch
) -> None:
    back = replace(STOOD, readback={"BlackLevel": 0.0})
    monkeypatch.setattr(CameraProcess, "reconnect", lambda *_: back)
    monkeypatch.setattr(apparatus.recorder, "revive", lambda: None)
    apparatus.cameras["sharp"]._state = "configured"  # only the other was lost
    apparatus.configured = {"blurry": STOOD, "sharp": STOOD}
    for _ in range(2):  # and it is not forgotten
        with pytest.raises(
            CameraUnfit, match=r"blurry camera 0022: .*BlackLevel was 32.0, is 0.0;"
        ):
            apparatus.renew()
        assert apparatus.configured["blurry"] is STOOD
    back = replace(STOOD, temperature_c=20.0)
    assert apparatus.renew() == ["blurry"]
    assert apparatus.configured["blurry"] is back
