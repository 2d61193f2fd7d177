"""The builder of C: what is built again, what is not, and what it says where it cannot."""

import ctypes
import subprocess
import sys
from pathlib import Path

import pytest

from bsd.errors import EnvironmentFault, UserMistake
from hardware.compile import build, cache_folder, find_compiler

pytestmark = pytest.mark.rig


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    try:
        find_compiler()
    except EnvironmentFault as fault:
        pytest.skip(str(fault))


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A function that returns a number from a header that is included by a header."""
    (tmp_path / "far").mkdir()
    (tmp_path / "far" / "number.h").write_text("#define NUMBER 41\n")
    (tmp_path / "near.h").write_text('  #  include "number.h"\n')
    file = tmp_path / "answer.c"
    file.write_text('#include "near.h"\nint answer(void);\nint answer(void) { return NUMBER; }\n')
    return file


def _answer(path: Path) -> int:
    return int(ctypes.CDLL(str(path)).answer())


def test_it_builds_once_and_keeps_it_for_this_user(source: Path, tmp_path: Path) -> None:
    first = build("answer", [source], include=[tmp_path / "far"])
    stamp = first.stat().st_mtime_ns
    assert _answer(first) == 41
    assert first.parent == cache_folder() == tmp_path / "cache" / "bsd-toolkit"
    assert first.parent.stat().st_mode & 0o777 == 0o700
    assert build("answer", [source], include=[tmp_path / "far"]) == first
    assert first.stat().st_mtime_ns == stamp
    assert {path.name for path in first.parent.iterdir()} == {first.name, "build.lock"}


def test_a_change_in_a_header_of_a_header_builds_anew(source: Path, tmp_path: Path) -> None:
    first = build("answer", [source], include=[tmp_path / "far"])
    (tmp_path / "far" / "number.h").write_text("#define NUMBER 42\n")
    second = build("answer", [source], include=[tmp_path / "far"])
    assert first != second
    assert (_answer(first), _answer(second)) == (41, 42)


def test_flags_and_sanitizers_have_their_own_place(source: Path, tmp_path: Path) -> None:
    include = [tmp_path / "far"]
    plain = build("answer", [source], include=include)
    flagged = build("answer", [source], include=include, flags=["-DOTHER"])
    assert plain != flagged
    try:
        checked = build("answer", [source], include=include, sanitize=True)
    except EnvironmentFault as fault:
        pytest.skip(str(fault))
    assert checked not in (plain, flagged)
    names = subprocess.run(
        ["nm", "-D", checked], capture_output=True, text=True, timeout=30, check=True
    )
    assert "__asan_" in names.stdout


def test_a_mistake_in_c_is_named_in_one_line_and_leaves_nothing(source: Path) -> None:
    source.write_text("int answer(void) { return nonsense; }\n")
    with pytest.raises(EnvironmentFault, match=r"answer\.c:1.*nonsense") as caught:
        build("answer", [source])
    assert "\n" not in str(caught.value)
    assert [path.name for path in cache_folder().iterdir()] == ["build.lock"]


def test_warnings_are_errors(source: Path) -> None:
    source.write_text("int answer(int unused);\nint answer(int unused) { return 1; }\n")
    with pytest.raises(EnvironmentFault, match="unused"):
        build("answer", [source])


def test_a_missing_source_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserMistake, match=r"none\.c: no such C file"):
        build("answer", [tmp_path / "none.c"])


def test_no_compiler_is_told_with_the_way_out(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CC", raising=False)
    with pytest.raises(EnvironmentFault, match="sudo apt install gcc"):
        build("answer", [source])
    monkeypatch.setenv("CC", "no-such-compiler")
    with pytest.raises(EnvironmentFault, match="no-such-compiler"):
        build("answer", [source])


def test_a_compiler_of_several_words(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CC", f"env {Path(find_compiler()).name} -DUNUSED='two words'")
    assert _answer(build("answer", [source], include=[tmp_path / "far"])) == 41
    monkeypatch.setenv("CC", "gcc 'half")
    with pytest.raises(EnvironmentFault, match="unset CC"):
        build("answer", [source], include=[tmp_path / "far"])


def test_an_upgrade_of_a_library_builds_anew(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = tmp_path / "libown.so"
    monkeypatch.setenv("LIBRARY_PATH", str(tmp_path))
    built = []
    for number in (1, 2):
        (tmp_path / "own.c").write_text(f"int own(void);\nint own(void) {{ return {number}; }}\n")
        words = [find_compiler(), "-shared", "-fPIC", str(tmp_path / "own.c"), "-o", str(library)]
        subprocess.run(words, check=True, timeout=30)
        built.append(build("answer", [source], include=[tmp_path / "far"], libraries=["own"]))
    assert built[0] != built[1]
    assert build("answer", [source], include=[tmp_path / "far"], libraries=["own"]) == built[1]


def test_two_processes_at_once_build_the_same_file(source: Path, tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from hardware.compile import build\n"
        "print(build('answer', [Path(sys.argv[1])], include=[Path(sys.argv[2])]))"
    )
    words = [sys.executable, "-c", code, str(source), str(tmp_path / "far")]
    root = Path(__file__).resolve().parents[2]
    started = [
        subprocess.Popen(words, cwd=root, stdout=subprocess.PIPE, text=True) for _ in range(3)
    ]
    answers = {process.communicate(timeout=50)[0].strip() for process in started}
    assert len(answers) == 1
    assert _answer(Path(answers.pop())) == 41
