"""The doctor and a rig's file: its producers in processes of their own, its cameras, its port."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

import pytest
import yaml

from acquisition.health import rig
from acquisition.health.finding import Finding, good
from acquisition.health.rig import Device, Listing
from acquisition.rig import Rig
from tests.hardware.twin.running_rig import SMALL, running_rig

TWO = Listing((Device("0022", "Maker M1", 1), Device("0023", "Maker M1", 1)))


def fields(producer: str = "/opt/maker.cti", blurry: str = "0022", sharp: str = "0023") -> dict:
    camera = {"producer": producer, "timing": {"exposure": "trigger_width", "readout_us": 9300}}
    return {
        "format": "bsd-rig",
        "format_version": 1,
        "name": "bench",
        "optics": {"lens": "shared_lens"},
        "trigger": {"port": "/dev/ttyACM9"},
        "cameras": {
            "blurry": {**camera, "serial": blurry},
            "sharp": {**camera, "serial": sharp},
        },
    }


def written(folder: Path, content: dict) -> Path:
    path = folder / "rig.yaml"
    path.write_text(yaml.safe_dump(content))
    return path


def by_name(found: list[Finding]) -> dict[str, Finding]:
    return {each.name: each for each in found}


class TestRigFile:
    pytestmark = pytest.mark.unit

    def test_a_rig_whose_cameras_are_listed_is_good(self, tmp_path: Path) -> None:
        asked: list[str] = []

        def ask(path: str) -> Listing:
            asked.append(path)
            return TWO

        found, told = rig.examine(written(tmp_path, fields()), ask)
        assert good(found)
        assert all(each.status == "ok" for each in found)
        assert asked == ["/opt/maker.cti"]  # once for both cameras
        assert told is not None
        assert told.trigger.port == "/dev/ttyACM9"
        assert by_name(found)["rig: trigger"].what == "/dev/ttyACM9"

    def test_a_serial_that_is_not_listed_is_a_fault(self, tmp_path: Path) -> None:
        found, _ = rig.examine(written(tmp_path, fields(sharp="77")), lambda _: TWO)
        missing = by_name(found)["rig: sharp"]
        assert missing.status == "fault"
        assert missing.what == "serial 77 is not listed; there are: 0022, 0023"
        assert "cameras.sharp.serial" in missing.remedy
        assert by_name(found)["rig: blurry"].status == "ok"

    @pytest.mark.parametrize(
        ("access", "status", "said"),
        [
            (1, "ok", "Maker"),
            (None, "ok", "Maker"),
            (4, "warning", "another program"),
            (3, "warning", "does not answer"),
            (5, "warning", "cannot be opened"),
        ],
    )
    def test_a_camera_in_use_is_a_warning(self, access: int | None, status: str, said: str) -> None:
        listing = Listing((Device("0022", "Maker M1", access), TWO.devices[1]))
        found = rig.cameras(Rig.from_fields(fields(), "rig.yaml"), {"/opt/maker.cti": listing})
        assert found[0].status == status
        assert said in found[0].what

    @pytest.mark.parametrize(
        ("listing", "said"),
        [(Listing(), "lists no camera"), (Listing(complaint="died with signal 11"), "signal 11")],
    )
    def test_a_producer_without_cameras_is_a_fault(self, listing: Listing, said: str) -> None:
        found = rig.producer("/opt/maker.cti", listing)
        assert found.status == "fault"
        assert said in found.what

    @pytest.mark.parametrize(
        ("spoilt", "said"),
        [({"format_version": 99}, "newer"), ({"name": ""}, "name"), ({"lens": 1}, "lens")],
    )
    def test_a_file_that_cannot_be_read_is_one_finding(
        self, spoilt: dict, said: str, tmp_path: Path
    ) -> None:
        found, told = rig.examine(written(tmp_path, fields() | spoilt), lambda _: TWO)
        assert told is None
        assert [each.status for each in found] == ["fault"]
        assert said in found[0].what
        missing, _ = rig.examine(tmp_path / "no.yaml", lambda _: TWO)
        assert missing[0].status == "fault"

    def test_no_such_producer(self) -> None:
        assert rig.read_listing("/no/such.cti").complaint == "no such file"

    def test_lists(self) -> None:
        told = [
            {"serial_number": None, "id": "dev0", "vendor": "M", "model": "", "access_status": 4}
        ]
        assert rig.parse_listing(json.dumps(told)) == Listing((Device("dev0", "M", 4),))
        assert rig.parse_listing("no list").complaint
        assert rig.parse_listing("").complaint


class TestProducers:
    pytestmark = pytest.mark.rig

    @staticmethod
    def viky() -> Path:
        pytest.importorskip("harvesters")
        spec = find_spec("genicam")
        assert spec is not None
        assert spec.origin is not None
        path = Path(spec.origin).with_name("viky.cti")
        if not path.exists():
            pytest.skip("this genicam package carries no viky.cti")
        return path

    def test_a_foreign_producer_is_listed(self) -> None:
        listing = rig.read_listing(str(self.viky()))
        assert listing.complaint == ""
        assert len(listing.devices) == 3
        assert len({each.serial for each in listing.devices}) == 3

    def test_what_is_no_producer_is_one_line(self, tmp_path: Path) -> None:
        file = tmp_path / "text.cti"
        file.write_text("no library")
        listing = rig.read_listing(str(file))
        assert listing.devices == ()
        assert listing.complaint
        assert "\n" not in listing.complaint

    def test_a_producer_that_crashes_takes_nothing_along(self, tmp_path: Path) -> None:
        library = tmp_path / "crash.cti"
        source = tmp_path / "crash.c"
        source.write_text("#include <stdlib.h>\nvoid *GCInitLib(void) { abort(); }\n")
        command = ["cc", "-shared", "-fPIC", "-o", str(library), str(source)]
        try:
            subprocess.run(command, check=True, timeout=30, capture_output=True)
        except (OSError, subprocess.CalledProcessError):
            pytest.skip("no C compiler")
        listing = rig.read_listing(str(library))
        assert listing.devices == ()
        assert listing.complaint

    def test_the_command_looks_at_the_rig(self, tmp_path: Path) -> None:
        listing = rig.read_listing(str(self.viky()))
        first, second, *_ = (each.serial for each in listing.devices)
        file = written(tmp_path, fields(str(self.viky()), first, second))
        command = [sys.executable, "-m", "acquisition.doctor", "--rig", str(file), "--json"]
        child = subprocess.run(command, capture_output=True, text=True, timeout=55, check=False)
        told = {each["name"]: each for each in json.loads(child.stdout)["findings"]}
        assert told["rig: blurry"]["status"] == "ok"
        assert told["rig: sharp"]["status"] == "ok"
        assert told["rig: trigger"]["what"] == "/dev/ttyACM9"
        looked_at = [each for each in told.values() if "/dev/ttyACM9" in each["what"]]
        assert len(looked_at) > 1  # the port of the file is the one that is examined
        assert child.returncode == 1  # and it is not there

    def test_a_running_rig_is_whole(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        pytest.importorskip("harvesters")
        with tempfile.TemporaryDirectory(prefix="bsd") as own:  # a socket's path must be short
            monkeypatch.setenv("XDG_RUNTIME_DIR", own)
            words = ("--prepared", "300", "--engine", "host", *SMALL)
            with running_rig(tmp_path, *words) as running:
                found, told = rig.examine(running.file)
        assert {each.name: each.status for each in found} == dict.fromkeys(
            ("rig file", "rig: producer", "rig: blurry", "rig: sharp", "rig: trigger"), "ok"
        )
        assert told is not None
        assert told.trigger.port == running.port
        assert running.serials[1] in by_name(found)["rig: sharp"].what
