"""Which exposures belong together in the truth, and what is told of those that do not."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from hardware.twin.exposures import ExposureRequest, Picture
from hardware.twin.faults_config import Stall
from hardware.twin.optics import Region
from hardware.twin.pixel_formats import PIXEL_FORMATS
from hardware.twin.renderer import Renderer
from hardware.twin.studio import with_scene
from hardware.twin.truth import TruthRecord
from hardware.twin.witness import EVENTS_FILE, Witness
from hardware.twin.world_config import WorldConfig
from tests.mounts import mounted

pytestmark = pytest.mark.unit

MS = 1_000_000
REGION = Region(0, 0, 16, 8)
LIGHT = np.zeros((8, 16, 3), dtype=np.float32)
WORLD = with_scene(WorldConfig(), "dark")


def request(begin_ms: float, width_ms: float, number: int = 0) -> ExposureRequest:
    begin_ns = round(begin_ms * MS)
    end_ns = begin_ns + round(width_ms * MS)
    picture = Picture(REGION, PIXEL_FORMATS["Mono8"])
    return ExposureRequest(
        acquisition=1,
        number=number,
        cause="line",
        trigger_ns=begin_ns,
        begin_ns=begin_ns,
        end_ns=end_ns,
        due_ns=end_ns,
        commanded_us=None,
        picture=picture,
        temperature_c=25.0,
    )


def events(folder: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (folder / EVENTS_FILE).read_text().splitlines()]


def test_exposures_that_overlap_are_a_pair_whoever_comes_first(tmp_path: Path) -> None:
    renderer = Renderer(WORLD, threads=1)
    witness = Witness(tmp_path / "truth", pictures=False)
    told = [
        (1, request(0, 16), 10),
        (2, request(7, 2), 20),
        (2, request(73.667, 2), 21),  # its partner comes later
        (2, request(140.333, 2), 22),  # it has none: the trigger of C1 was missed
        (1, request(66.667, 16), 11),
        (2, request(207, 2), 23),
        (1, request(200, 16), 12),
    ]
    for camera, made, frame_id in told:
        witness.rendered(camera, made, frame_id, LIGHT, renderer)
    records = [TruthRecord.read(path) for path in sorted((tmp_path / "truth").glob("0*.json"))]
    assert [(r.blurry.frame_id, r.sharp.frame_id) for r in records] == [
        (10, 20),
        (11, 21),
        (12, 23),
    ]
    assert [record.pair for record in records] == [0, 1, 2]
    assert records[0].centre_offset_ns == 0
    witness.close()


def test_another_world_has_a_file_of_its_own(tmp_path: Path) -> None:
    witness = Witness(tmp_path, pictures=False)
    first, second = Renderer(WORLD, threads=1), Renderer(with_scene(WORLD, "flat"), threads=1)
    for number, renderer in enumerate((first, second)):
        for camera in (1, 2):
            witness.rendered(camera, request(100 * number, 16), number, LIGHT, renderer)
    assert WorldConfig.read(tmp_path / "world.yaml").scene.cap
    assert not WorldConfig.read(tmp_path / "world-001.yaml").scene.cap
    assert events(tmp_path) == [{"event": "world", "time_ns": 100 * MS, "file": "world-001.yaml"}]
    witness.close()


def test_events_tell_of_faults_and_of_frames_that_nobody_took(tmp_path: Path) -> None:
    witness = Witness(tmp_path)
    witness.fault(Stall(camera="sharp"), 5)
    witness.exposed(2, request(1, 2, number=4), None)
    witness.close()
    fault, exposure = events(tmp_path)
    assert (fault["kind"], fault["stall_ms"], fault["time_ns"]) == ("stall", 500.0, 5)
    assert (exposure["camera"], exposure["frame_id"], exposure["end_ns"]) == ("sharp", None, 3 * MS)


def test_a_camera_far_ahead_keeps_its_pairs(tmp_path: Path) -> None:
    renderer, witness = Renderer(WORLD, threads=1), Witness(tmp_path, pictures=False)
    for camera, ahead_ms in ((1, 0.0), (2, 0.2)):
        for n in range(40):
            witness.rendered(camera, request(n + ahead_ms, 0.5), n, LIGHT, renderer)
    witness.close()
    records = [TruthRecord.read(path) for path in sorted(tmp_path.glob("0*.json"))]
    assert [(r.blurry.frame_id, r.sharp.frame_id) for r in records] == [(n, n) for n in range(40)]
    assert events(tmp_path) == []


def test_frames_without_a_partner_are_told_once_that_is_certain(tmp_path: Path) -> None:
    renderer, witness = Renderer(WORLD, threads=1), Witness(tmp_path, pictures=False)

    def unpaired() -> list[tuple[object, object]]:
        told = [line for line in events(tmp_path) if line["event"] == "unpaired"]
        return [(line["camera"], line["frame_id"]) for line in told]

    witness.rendered(1, request(0, 16), 0, LIGHT, renderer)
    witness.exposed(2, request(7, 2), None)  # not delivered, and not past the other's end
    assert unpaired() == []
    witness.rendered(1, request(100, 16), 1, LIGHT, renderer)
    witness.rendered(2, request(107, 2), 1, LIGHT, renderer)
    assert unpaired() == [("blurry", 0)]
    witness.rendered(2, request(50, 2), 9, LIGHT, renderer)  # C1 was past it before it came
    assert unpaired() == [("blurry", 0), ("sharp", 9)]
    witness.rendered(2, request(207, 2), 2, LIGHT, renderer)
    witness.close()
    assert unpaired() == [("blurry", 0), ("sharp", 9), ("sharp", 2)]
    assert len(list(tmp_path.glob("0*.json"))) == 1


def test_a_camera_alone_does_not_fill_the_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hardware.twin.witness._KEPT_BYTES", 3 * LIGHT.nbytes)
    renderer, witness = Renderer(WORLD, threads=1), Witness(tmp_path, pictures=False)
    for n in range(5):
        witness.rendered(1, request(100 * n, 16), n, LIGHT, renderer)
    assert [line["frame_id"] for line in events(tmp_path)] == [0, 1]
    witness.close()


def test_a_full_disk_is_told_with_the_name_and_closing_says_no_more(tmp_path: Path) -> None:
    with mounted(tmp_path / "disk", "size=8k") as disk:
        witness = Witness(disk, pictures=False)
        (disk / "filler").write_bytes(bytes(8192))
        with pytest.raises(OSError, match="No space left") as caught:
            witness.fault(Stall(camera="sharp"), 5)
        assert caught.value.filename == str(disk / EVENTS_FILE)
        witness.close()
