"""The doctor: each check with given facts, and the real command."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from acquisition.health import controller, machine, packages, port, producer
from acquisition.health.controller import Probe
from acquisition.health.finding import Finding, good
from acquisition.health.packages import Place, Requirement
from acquisition.health.port import Access, Holder, ModemManager, Port
from acquisition.trigger.line import crc16
from bsd.errors import EnvironmentFault

ROOT = Path(__file__).resolve().parents[2]
UNO = Port("/dev/ttyACM0", 0x2341, 0x0043, "Arduino Uno", known=True)


def said(text: str) -> bytes:
    return f"{text}*{crc16(text.encode()):04X}\n".encode()


ID = said("0:OK proto=1 fw=1.0.0 chip=atmega328p tick_ns=500 name=rig-2")
STATE = "0:OK state={} run=0 n1=0 n2=0 bad=0 lost=0 boot=external gate=0 t=000000001000"
BOOT = said("EVT BOOT cause=external proto=1 fw=1.0.0")


class ScriptedLine:
    """A line that answers each command by its verb; time goes on by 50 ms a read."""

    def __init__(self, answers: dict[bytes, bytes], begins_with: bytes = b"", deaf_s: float = 0.0):
        self.now_s = 0.0
        self.sent: list[bytes] = []
        self.closed = False
        self._answers = answers
        self._pending = begins_with
        self._deaf_s = deaf_s

    def clock(self) -> float:
        return self.now_s

    def write(self, data: bytes) -> None:
        self.sent.append(data)
        verb = data.partition(b":")[2].partition(b"*")[0]
        if self.now_s >= self._deaf_s:
            self._pending += self._answers.get(verb, b"")

    def read(self, timeout_s: float) -> bytes:
        self.now_s += timeout_s
        data, self._pending = self._pending[:40], self._pending[40:]
        return data

    def close(self) -> None:
        self.closed = True


def judged(line: ScriptedLine) -> list[Finding]:
    return controller.controller("/dev/ttyACM0", controller.ask(line, line.clock))


pytestmark = pytest.mark.unit


class TestPackages:
    def test_python(self) -> None:
        assert packages.python_version((3, 11, 0)).status == "ok"
        old = packages.python_version((3, 10, 12))
        assert old.status == "fault"
        assert "3.10.12" in old.what

    def test_requirements_come_from_the_metadata_with_their_extras(self) -> None:
        lines = [
            "numpy>=1.26",
            'av>=14; extra == "dataset"',
            'bsd-toolkit[dataset]; extra == "benchmark"',
            'torch>=2.6; extra == "benchmark"',
            'pytest>=8; extra == "dev"',
            'pywin32>=1; sys_platform == "win32" and extra == "acquisition"',
        ]
        found = [(each.name, each.extra, each.limits) for each in packages.read_requirements(lines)]
        assert found == [
            ("numpy", "", ">=1.26"),
            ("av", "dataset", ">=14"),
            ("torch", "benchmark", ">=2.6"),
        ]

    @pytest.mark.parametrize(
        ("limits", "version", "met"),
        [
            (">=1.26", "1.26.0", True),
            (">=1.26", "1.9.4", False),  # numbers, not text
            (">=14", "14.0.1rc1", True),
            (">=2.6", "2.13.0+cpu", True),
            (">=1,<3", "3.0", False),
            ("", "0.1", True),
        ],
    )
    def test_limits(self, limits: str, version: str, met: bool) -> None:
        assert Requirement("x", "", limits).met_by(version) is met

    def test_a_gap_is_a_fault_where_all_need_it_and_else_a_warning(self) -> None:
        wanted = [Requirement("numpy", "", ">=1.26"), Requirement("av", "dataset", ">=14")]
        assert packages.packages("", wanted, {}).status == "fault"
        old = packages.packages("dataset", wanted, {"av": "12.0"})
        assert (old.status, old.what) == ("warning", "av 12.0 does not fit >=14")
        assert "bsd-toolkit[dataset]" in old.remedy
        assert packages.packages("dataset", wanted, {"av": "14.1"}).what == "av 14.1"

    def test_a_foreign_package_found_first_is_a_fault(self) -> None:
        ours, theirs = Path("/our/models"), Path("/theirs/models")
        found = packages.name_taken([Place("models", theirs, ours)])
        assert found.status == "fault"
        assert str(theirs) in found.what

    def test_a_foreign_distribution_is_named(self) -> None:
        ours, theirs = Path("/our/dataset"), Path("/site/dataset")
        beside = packages.name_taken([Place("dataset", ours, ours, (("dataset", theirs),))])
        assert beside.status == "warning"
        mixed = packages.name_taken([Place("dataset", ours, ours, (("dataset", ours),))])
        assert mixed.status == "fault"
        assert "'dataset'" in mixed.what
        assert packages.name_taken([Place("dataset", ours, ours)]).status == "ok"

    def test_a_name_that_is_not_installed_is_no_fault(self) -> None:
        assert packages.name_taken([Place("hardware", None, Path("/our/hardware"))]).status == "ok"

    def test_names_of_this_process_are_ours(self) -> None:
        assert packages.name_taken(packages.read_places()).status == "ok"

    def test_a_package_on_the_path_is_found_as_foreign(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "calibration").mkdir()
        (tmp_path / "calibration" / "__init__.py").touch()
        monkeypatch.syspath_prepend(str(tmp_path))
        monkeypatch.delitem(sys.modules, "calibration", raising=False)
        (place,) = packages.read_places(["calibration"])
        assert place.folder == tmp_path / "calibration"
        assert packages.name_taken([place]).status == "fault"

    def test_the_current_folder_may_hide_ours(self, tmp_path: Path) -> None:
        (tmp_path / "dataset.py").touch()
        (tmp_path / "models").mkdir()  # a plain folder hides nothing
        entries = packages.read_entries(tmp_path)
        assert entries == ["dataset"]
        assert packages.current_folder(tmp_path, entries, ROOT).status == "warning"
        assert packages.current_folder(ROOT, packages.read_entries(ROOT), ROOT).status == "ok"

    def test_not_installed(self) -> None:
        assert packages.toolkit(None).status == "fault"


class TestMachine:
    def test_compiler(self) -> None:
        assert machine.compiler("/usr/bin/cc", None).status == "ok"
        assert machine.compiler(None, None).status == "warning"
        assert "stdio.h" in machine.compiler("/usr/bin/cc", "stdio.h: no such file").what

    def test_a_compiler_that_fails_is_seen(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        broken = tmp_path / "broken-cc"
        broken.write_text("#!/bin/sh\necho 'no headers here' >&2\nexit 1\n")
        broken.chmod(0o755)
        monkeypatch.setenv("CC", str(broken))
        assert machine.read_compiler() == (str(broken), "no headers here")

    def test_an_absent_tool_says_what_it_is_for(self) -> None:
        for wanted in machine.TOOLS:
            absent = machine.tool(wanted, None)
            assert absent.status == "warning"
            assert wanted.purpose in absent.what
            assert "apt-get install" in absent.remedy

    @pytest.mark.parametrize(
        ("free_gib", "status"), [(0.5, "fault"), (1, "warning"), (19, "warning"), (20, "ok")]
    )
    def test_disk(self, free_gib: float, status: str) -> None:
        assert machine.disk(Path("/data"), int(free_gib * 2**30)).status == status

    def test_shared_memory(self) -> None:
        assert machine.shared_memory(64 << 20, 64 << 20).status == "warning"
        assert machine.shared_memory(2 << 30, 1 << 30).status == "ok"
        assert machine.shared_memory(None, None).status == "warning"

    def test_clock_source(self, tmp_path: Path) -> None:
        assert machine.clock_source("tsc").status == "ok"
        assert machine.clock_source("hpet").status == "warning"
        assert machine.read_clock_source(tmp_path / "absent") is None
        assert machine.clock_source(None).status == "ok"


class TestProducer:
    def test_variable(self) -> None:
        assert producer.folders(None, []).status == "warning"
        assert producer.folders("/a", [Path("/a")]).status == "warning"
        assert producer.folders("/a", []).status == "ok"

    def test_one_that_loads_is_enough_to_go_on(self) -> None:
        whole, broken = (
            producer.Producer(Path("/a.cti"), ""),
            producer.Producer(Path("/b.cti"), "x"),
        )
        assert producer.producers([whole]).status == "ok"
        assert producer.producers([whole, broken]).status == "warning"
        assert producer.producers([broken]).status == "fault"
        assert producer.producers([]).status == "warning"

    def test_a_broken_file_does_not_take_the_doctor_along(self, tmp_path: Path) -> None:
        (tmp_path / "bad.cti").write_bytes(b"not a library")
        (found,) = producer.read_producers([tmp_path, tmp_path / "absent"])
        assert found.path == tmp_path / "bad.cti"
        assert "bad.cti" in found.complaint


class TestPort:
    def test_nothing_attached_is_a_warning_with_a_way_out(self) -> None:
        found = port.ports([], None)
        assert (found.status, "--port" in found.remedy) == ("warning", True)

    def test_ports_are_listed_with_their_numbers(self) -> None:
        assert "/dev/ttyACM0 2341:0043 (Arduino Uno)" in port.ports([UNO], None).what

    def test_the_only_board_is_taken_and_several_are_not(self) -> None:
        stranger = Port("/dev/ttyUSB3", 0x1234, 1)
        assert port.choice([stranger, UNO], None) == ("/dev/ttyACM0", None)
        path, undecided = port.choice([UNO, Port("/dev/ttyACM1", 0x2341, 1, known=True)], None)
        assert path is None
        assert undecided is not None
        assert "/dev/ttyACM1" in undecided.what
        assert port.choice([stranger], None) == (None, None)
        assert port.choice([UNO], "/dev/x") == ("/dev/x", None)

    def test_permission_says_how_to_be_allowed(self) -> None:
        def access(**other: object) -> Access:
            facts = {"exists": True, "device": True, "allowed": False, "group": "dialout"}
            facts |= {"user": "ada", "listed": False, "effective": False}
            return Access(**(facts | other))  # type: ignore[arg-type]

        outside = port.permission("/dev/ttyACM0", access())
        assert outside.status == "fault"
        assert "usermod -aG dialout ada" in outside.remedy
        before = port.permission("/dev/ttyACM0", access(listed=True))
        assert "log out and in" in before.remedy
        assert "usermod" not in before.remedy
        assert port.permission("/dev/ttyACM0", access(allowed=True)).status == "ok"
        assert port.permission("/dev/ttyACM0", access(exists=False)).status == "fault"
        assert port.permission("/etc/passwd", access(device=False)).status == "fault"

    def test_access_of_real_files(self, tmp_path: Path) -> None:
        assert not port.read_access(str(tmp_path / "absent")).exists
        assert not port.read_access(str(tmp_path)).device
        assert not port.read_access("/dev/null").device  # a device, but no line

    def test_access_of_a_terminal(self) -> None:
        near, far = os.openpty()
        assert port.read_access(os.ttyname(far)).device
        os.close(near)
        os.close(far)

    def test_busy_names_the_holder(self) -> None:
        found = port.busy("/dev/ttyACM0", [Holder(42, "minicom -D /dev/ttyACM0")])
        assert found.status == "fault"
        assert "process 42" in found.what

    def test_holders_are_seen_and_the_serving_side_is_none(self, tmp_path: Path) -> None:
        device = tmp_path / "ttyX"
        device.touch()
        for number, links in {
            "101": [device],
            "102": [device, Path("/dev/ptmx")],
            "103": [],
        }.items():
            files = tmp_path / "proc" / number / "fd"
            files.mkdir(parents=True)
            (files.parent / "cmdline").write_bytes(b"capture\0--rig\0")
            for index, target in enumerate(links):
                (files / str(index)).symlink_to(target)
        found = port.read_holders(str(device), tmp_path / "proc")
        assert found == (Holder(101, "capture --rig"),)
        assert port.read_holders(str(device), tmp_path / "no-proc") == ()

    def test_modem_manager(self) -> None:
        def status(manager: ModemManager, at: Port | None = UNO) -> str:
            return port.modem_manager(manager, at).status

        assert status(ModemManager(False, False, None)) == "ok"
        assert status(ModemManager(True, True, None), None) == "ok"
        assert status(ModemManager(True, True, True)) == "ok"
        assert status(ModemManager(True, True, False)) == "warning"
        grabs = port.modem_manager(ModemManager(True, True, None), UNO)
        assert 'ATTRS{idVendor}=="2341", ATTRS{idProduct}=="0043"' in grabs.remedy
        assert 'ENV{ID_MM_PORT_IGNORE}="1"' in grabs.remedy

    def test_what_udev_says_is_read(self, tmp_path: Path) -> None:
        number = Path("/dev/null").stat().st_rdev
        entry = tmp_path / f"c{os.major(number)}:{os.minor(number)}"
        entry.write_text("E:ID_BUS=usb\nE:ID_MM_PORT_IGNORE=1\n")
        assert port.read_modem_manager("/dev/null", tmp_path, tmp_path).ignored is True
        entry.write_text("E:ID_BUS=usb\n")
        assert port.read_modem_manager("/dev/null", tmp_path, tmp_path).ignored is False
        assert port.read_modem_manager("/dev/null", tmp_path, tmp_path / "no").ignored is None
        (tmp_path / "77").mkdir()
        (tmp_path / "77" / "comm").write_text("ModemManager\n")
        assert port.read_modem_manager(None, tmp_path, tmp_path).running


class TestController:
    def test_our_firmware(self) -> None:
        line = ScriptedLine({b"ID?": ID, b"STAT?": said(STATE.format("idle"))}, BOOT, deaf_s=1.2)
        who, state = judged(line)
        assert (who.status, state.status) == ("ok", "ok")
        assert "name rig-2" in who.what
        assert "firmware 1.0.0 on atmega328p" in who.what
        assert "idle, gate open, last reset external, 0 damaged lines" in state.what

    def test_nothing_is_sent_that_changes_anything(self) -> None:
        line = ScriptedLine({b"ID?": ID, b"STAT?": said(STATE.format("running"))})
        _, state = judged(line)
        assert state.status == "warning"
        assert {sent.partition(b"*")[0] for sent in line.sent} == {b"0:ID?", b"0:STAT?"}

    def test_a_fault_state_is_told(self) -> None:
        line = ScriptedLine({b"ID?": ID, b"STAT?": said(STATE.format("fault"))})
        assert "ABORT" in judged(line)[1].remedy

    @pytest.mark.parametrize(("version", "way"), [(0, "flash"), (2, "newer bsd-toolkit")])
    def test_another_version(self, version: int, way: str) -> None:
        reply = said(f"0:OK proto={version} fw=9 chip=x tick_ns=500 name=-")
        who = judged(ScriptedLine({b"ID?": reply}))[0]
        assert who.status == "fault"
        assert f"version {version}" in who.what
        assert way in who.remedy

    def test_a_refusal_of_id(self) -> None:
        (who, *_) = judged(ScriptedLine({b"ID?": said("0:ERR 3 unknown")}))
        assert (who.status, "unknown" in who.what) == ("fault", True)

    def test_damaged_replies_are_asked_for_again(self) -> None:
        line = ScriptedLine({b"ID?": ID.replace(b"500", b"501"), b"STAT?": b""}, BOOT)
        (who,) = judged(line)
        assert who.status == "fault"
        assert "begins but does not answer; 11 damaged lines" in who.what

    def test_one_reset_after_another(self) -> None:
        brown = said("EVT BOOT cause=brownout proto=1 fw=1.0.0")
        (who,) = judged(ScriptedLine({b"ID?": brown}))
        assert who.status == "fault"
        assert "(brownout)" in who.what

    def test_a_stranger_is_shown(self) -> None:
        (who,) = judged(ScriptedLine({b"ID?": b"$GPGGA,1,2,3\r\n"}))
        assert (who.status, "$GPGGA" in who.what) == ("fault", True)

    def test_a_flood_without_line_end_ends(self) -> None:
        line = ScriptedLine({b"ID?": b"\xff" * 5000})
        (who,) = judged(line)
        assert "not our firmware" in who.what
        assert line.now_s < 4.0

    @pytest.mark.parametrize(
        ("baud", "words", "way"),
        [
            (57_600, "old bootloader answers at 57600", "Optiboot"),
            (115_200, "Optiboot answers at 115200", "hardware.firmware flash"),
            (None, "silent for 3.5 s", "unplug it"),
        ],
    )
    def test_silence(self, baud: int | None, words: str, way: str) -> None:
        (who,) = controller.controller("/dev/ttyUSB0", Probe(bootloader_baud=baud))
        assert who.status == "fault"
        assert words in who.what
        assert way in who.remedy

    def test_a_silent_board_is_asked_for_its_bootloader(self) -> None:
        line = ScriptedLine({})
        asked: list[str] = []

        def bootloader(path: str) -> int:
            asked.append(path)
            return 57_600

        line.now_s = 0.0
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(controller, "_ANSWER_LIMIT_S", 0.1)
            (who,) = controller.examine("/dev/ttyUSB0", lambda _path: line, bootloader)
        assert (asked, line.closed) == (["/dev/ttyUSB0"], True)
        assert "old bootloader" in who.what

    @pytest.mark.parametrize(
        "error",
        [
            EnvironmentFault("/dev/x: in use by another program; close it"),
            OSError(errno.EBUSY, "busy"),
            OSError(errno.EAGAIN, "could not lock"),
        ],
    )
    def test_a_port_that_does_not_open_is_a_finding(self, error: Exception) -> None:
        def refuse(_path: str) -> ScriptedLine:
            raise error

        (who,) = controller.examine("/dev/x", refuse)
        assert (who.status, who.what) == ("fault", "/dev/x: in use by another program")
        assert who.remedy.startswith("close it")

    def test_a_port_that_breaks_is_a_finding(self) -> None:
        line = ScriptedLine({})

        def gone(_size: float) -> bytes:
            raise OSError(errno.EIO, "input/output error")

        line.read = gone  # type: ignore[method-assign]
        (who,) = controller.examine("/dev/x", lambda _path: line)
        assert (who.status, who.what) == ("fault", "/dev/x: input/output error")
        assert "plug it in again" in who.remedy

    @pytest.mark.parametrize("baud", [115_200, 57_600])
    def test_a_bootloader_is_greeted(self, baud: int, monkeypatch: pytest.MonkeyPatch) -> None:
        opened: list[tuple[int, float]] = []

        class Board(Greeted):
            """Answers STK500's greeting at one speed only, after some."""

            def __init__(self, path: str, speed: int, **options: float):
                super().__init__(path, speed, **options)
                opened.append((speed, options["exclusive"]))
                self._good = speed == baud

            def answer(self, greetings: int) -> bytes:
                return b"\x14\x10" if self._good and greetings > 2 else b""

        monkeypatch.setattr("serial.Serial", Board)
        monkeypatch.setattr(controller, "_BOOTLOADER_LIMIT_S", 0.02)
        assert controller.bootloader_baud("/dev/ttyUSB0") == baud
        assert opened[-1] == (baud, True)
        assert controller.bootloader_baud("/dev/ttyUSB0", [9600]) is None

    @pytest.mark.parametrize("noise", ["inside", "once", "before"])
    def test_noise_is_no_bootloader(self, noise: str, monkeypatch: pytest.MonkeyPatch) -> None:
        class Noise(Greeted):
            waiting = b"\x14\x10" * 32 if noise == "before" else b""

            def answer(self, greetings: int) -> bytes:
                if noise == "inside":
                    return b"\x7f\x14\x10\x14\x10"
                return b"\x14\x10" if noise == "once" and greetings % 2 else b"\x00"

        monkeypatch.setattr("serial.Serial", Noise)
        monkeypatch.setattr(controller, "_BOOTLOADER_LIMIT_S", 0.02)
        assert controller.bootloader_baud("/dev/ttyUSB0") is None


class Greeted:
    """pyserial's port with something at its end that is greeted."""

    waiting = b""

    def __init__(self, _path: str, _speed: int, **_options: float):
        self._greetings = 0
        self._pending = self.waiting

    def answer(self, greetings: int) -> bytes:
        raise NotImplementedError

    def __enter__(self) -> Greeted:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    @property
    def in_waiting(self) -> int:
        return len(self._pending)

    def write(self, data: bytes) -> None:
        self._greetings += data == b"\x30\x20"
        self._pending += self.answer(self._greetings)

    def read(self, size: int) -> bytes:
        data, self._pending = self._pending[:size], self._pending[size:]
        return data


def doctor(*arguments: str, cwd: Path = ROOT, **other: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "acquisition.doctor", *arguments],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "80", **other},
        capture_output=True,
        text=True,
        timeout=45,
    )


class TestCommand:
    def test_json_lists_every_check(self) -> None:
        run = doctor("--json")
        answer = json.loads(run.stdout)
        names = {each["name"] for each in answer["findings"]}
        assert {"python", "our names", "C compiler", "avrdude", "disk", "serial ports"} <= names
        assert run.returncode == (0 if answer["good"] else 1)
        assert answer["good"] == all(each["status"] != "fault" for each in answer["findings"])
        assert all(each["remedy"] for each in answer["findings"] if each["status"] == "fault")

    def test_a_missing_port_is_a_fault(self, tmp_path: Path) -> None:
        run = doctor("--port", str(tmp_path / "ttyNone"))
        assert run.returncode == 1
        assert f"{tmp_path}/ttyNone does not exist" in run.stdout
        assert run.stderr == ""

    def test_a_device_that_is_no_line_is_a_fault_with_one_way_out(self) -> None:
        run = doctor("--port", "/dev/null", "--json")
        found = {each["name"]: each for each in json.loads(run.stdout)["findings"]}
        assert run.returncode == 1
        assert found["permission"]["what"] == "/dev/null is no serial port"
        assert "controller" not in found

    def test_a_wrong_option_is_a_mistake(self) -> None:
        run = doctor("--prot", "x")
        assert run.returncode == 2
        assert len(run.stderr.splitlines()) == 1

    def test_a_foreign_package_in_the_folder_is_a_fault(self, tmp_path: Path) -> None:
        (tmp_path / "models").mkdir()
        (tmp_path / "models" / "__init__.py").touch()
        run = doctor(cwd=tmp_path)  # python -m looks into the current folder first
        assert run.returncode == 1
        assert f"'models' is found in {tmp_path}/models" in run.stdout

    def test_a_foreign_floor_is_told_in_one_line(self, tmp_path: Path) -> None:
        (tmp_path / "bsd.py").touch()
        run = doctor(cwd=tmp_path)
        assert run.returncode == 3
        assert run.stderr.startswith("error: ")
        assert str(tmp_path) in run.stderr
        assert len(run.stderr.splitlines()) == 1


def test_good_allows_warnings() -> None:
    assert good([Finding("a", "ok", ""), Finding("b", "warning", "")])
    assert not good([Finding("a", "fault", "")])
