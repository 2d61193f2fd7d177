"""Flashing and verifying: what is run, and what a person is told when it cannot be."""

import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from bsd.errors import EnvironmentFault, FoundBad, UserMistake
from hardware.firmware import toolchain

pytestmark = pytest.mark.rig


@pytest.fixture
def port(tmp_path: Path) -> Path:
    path = tmp_path / "ttyACM0"
    path.touch()
    return path


def pretend(monkeypatch: pytest.MonkeyPatch, code: int, complaint: str) -> list[list[str]]:
    """An avrdude that ends so; what it was called with."""
    calls: list[list[str]] = []

    def run(words: Sequence[str], **options: object) -> subprocess.CompletedProcess[str]:
        assert options["timeout"]
        calls.append(list(words))
        return subprocess.CompletedProcess(words, code, "", complaint)

    monkeypatch.setattr("hardware.firmware.toolchain.shutil.which", lambda tool: f"/usr/bin/{tool}")
    monkeypatch.setattr("hardware.firmware.toolchain.subprocess.run", run)
    return calls


IMAGE = toolchain.PROGRAMS["controller"].image


def test_flash_calls_avrdude_once(monkeypatch: pytest.MonkeyPatch, port: Path) -> None:
    calls = pretend(monkeypatch, 0, "")
    toolchain.flash(IMAGE, port, "nano")
    toolchain.verify(IMAGE, port, "nano-old")
    assert [words[-3:] for words in calls] == [
        ["-D", "-U", f"flash:w:{IMAGE}:i"],
        ["-D", "-U", f"flash:v:{IMAGE}:i"],
    ]
    assert [words[words.index("-b") + 1] for words in calls] == ["115200", "57600"]
    assert str(port) in calls[0]


@pytest.mark.parametrize(
    ("complaint", "error", "words"),
    [
        ("avrdude: stk500_getsync() attempt 10 of 10: not in sync", EnvironmentFault, "no answer"),
        ("avrdude: verification error, content mismatch", FoundBad, "not this image"),
        ("can't open device: Permission denied", EnvironmentFault, "dialout"),
        ("can't open device: Device or resource busy", EnvironmentFault, "in use"),
        ("\nsomething else\nand more", EnvironmentFault, "avrdude: something else"),
    ],
)
def test_what_avrdude_complains_of_is_said_in_words(
    monkeypatch: pytest.MonkeyPatch,
    port: Path,
    complaint: str,
    error: type[Exception],
    words: str,
) -> None:
    pretend(monkeypatch, 1, complaint)
    with pytest.raises(error, match=words):
        toolchain.flash(IMAGE, port, "uno")


def test_an_old_bootloader_is_refused_with_the_way_out(
    monkeypatch: pytest.MonkeyPatch, port: Path
) -> None:
    calls = pretend(monkeypatch, 0, "")
    with pytest.raises(UserMistake, match="Burn Optiboot"):
        toolchain.flash(IMAGE, port, "nano-old")
    assert calls == []
    toolchain.flash(IMAGE, port, "nano-old", old_bootloader=True)
    assert len(calls) == 1


def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch, port: Path) -> None:
    with pytest.raises(UserMistake, match="no such port"):
        toolchain.flash(IMAGE, port.with_name("ttyACM7"), "uno")
    with pytest.raises(UserMistake, match="--board mega: unknown"):
        toolchain.flash(IMAGE, port, "mega")
    with pytest.raises(UserMistake, match="no such image"):
        toolchain.verify(port.with_name("none.hex"), port, "uno")
    with pytest.raises(UserMistake, match="--program other: unknown"):
        toolchain.build("other")
    monkeypatch.setattr("hardware.firmware.toolchain.shutil.which", lambda _: None)
    with pytest.raises(EnvironmentFault, match="apt install avrdude"):
        toolchain.flash(IMAGE, port, "uno")
    with pytest.raises(EnvironmentFault, match="apt install gcc-avr"):
        toolchain.build("controller")
