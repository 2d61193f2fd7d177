"""Two cameras of another maker that know no trigger: recorded, and what that means is said."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from subprocess import run

import numpy as np
import pytest
import yaml

from acquisition.clip.reader import Clip
from acquisition.ledger.row import Verdict
from bsd.errors import UserMistake
from tests.acquisition.engine.bench import ROOT, capture, errors_of

pytestmark = [pytest.mark.rig, pytest.mark.timeout(240)]


def viky_rig(folder: Path) -> Path:
    """A rig file of two devices of the producer that comes with the genicam bindings."""
    found = importlib.util.find_spec("genicam")
    assert found is not None
    assert found.origin is not None
    camera = {
        "producer": str(Path(found.origin).parent / "viky.cti"),
        "pixel_format": "Mono8",
        "timing": {"exposure": "timed", "readout_us": 1000},
    }
    file = folder / "rig.yaml"
    fields = {
        "format": "bsd-rig",
        "format_version": 1,
        "name": "viky",
        "optics": {"lens": "two_lenses"},
        "cameras": {
            "blurry": camera | {"serial": "0"},
            "sharp": camera | {"serial": "VikyTL_DEV_blue"},
        },
    }
    file.write_text(yaml.safe_dump(fields))
    return file


def test_two_free_running_cameras(tmp_path: Path) -> None:
    out = tmp_path / "s"
    done = capture(
        "--rig", str(viky_rig(tmp_path)), "--setting", "2ms16ms", "--rate", "20", "--clips", "1",
        "--frames", "12", "--bookend", "0", "--no-persons", "--free-running", "--out", str(out),
        "-y", "--force", "--json",
    )  # fmt: skip
    assert (done.returncode, errors_of(done)) == (0, []), done.stderr
    answer = json.loads(done.stdout)
    (told,) = answer["clips"]
    assert (told["verdict"], told["pairs"]) == ("free-running", 0)
    assert "no trigger: both cameras run freely, and no two frames are a pair" in done.stderr
    assert "so nothing is paired" in done.stderr
    assert "0 pairs" not in done.stderr
    with Clip(out / "clip-000.h5") as clip:
        assert (clip.head.sync, clip.tail.verdict, clip.pair_count) == ("none", "free-running", 0)
        assert len(clip.pulses) == 0
        assert any("when each was exposed is not known" in line for line in clip.tail.findings)
        assert set(clip.ledger["verdict"].tolist()) == {Verdict.FREE_RUNNING}
        for role in ("blurry", "sharp"):
            frames = clip.frames(role)
            assert 12 <= len(frames) < 60
            assert float(np.std(frames[0])) > 1
            assert np.all(np.diff(clip.arrivals(role)["host_ns"]) > 0)
        with pytest.raises(UserMistake, match="without a trigger"):
            clip.pairs()
    looked = run(
        [sys.executable, "-m", "acquisition.inspect", str(out / "clip-000.h5")],
        cwd=ROOT, capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert looked.returncode == 0, looked.stderr
    assert "paired" in looked.stdout + looked.stderr


def test_without_free_running_it_is_refused(tmp_path: Path) -> None:
    done = capture(
        "--rig", str(viky_rig(tmp_path)), "--setting", "2ms16ms", "--no-persons", "--out",
        str(tmp_path / "s"), "-y",
    )  # fmt: skip
    assert done.returncode in (2, 3)
    assert len(errors_of(done)) == 1
