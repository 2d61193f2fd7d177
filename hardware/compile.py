"""The one builder of C: shared libraries, made when first needed, kept in a cache of the user."""

from __future__ import annotations

import functools
import hashlib
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path

from bsd.errors import EnvironmentFault, UserMistake
from bsd.lock import lock_file

WARNINGS = ("-std=c11", "-Wall", "-Wextra", "-Werror")
"""What every C file here is compiled with."""

_OPTIMISED = ("-O2", "-g")
_SANITIZED = ("-O1", "-g", "-fno-omit-frame-pointer", "-fsanitize=address,undefined")
_COMPLAINT = re.compile(r"error: |cannot find ")
_COMPILE_SECONDS = 120
_INCLUDE = re.compile(rb'^[ \t]*#[ \t]*include[ \t]+"([^"\n]+)"', re.MULTILINE)


def build(
    name: str,
    sources: Sequence[Path],
    *,
    include: Sequence[Path] = (),
    flags: Sequence[str] = (),
    libraries: Sequence[str] = (),
    sanitize: bool = False,
) -> Path:
    """A shared library of C sources, from the cache where the same was built before.

    Parameters
    ----------
    name
        What it is called in the cache: letters, digits, ``-`` and ``_``.
    sources
        The C files, linked in this order.
    include
        Folders in which quoted headers are looked for besides a file's own.
    flags
        More flags for the compiler, after the common ones.
    libraries
        Libraries to link with, ``simavr`` for ``-lsimavr``.
    sanitize
        Stop at memory errors and undefined behaviour (address and undefined sanitizers). To load
        such a library, a process must have been started with the sanitizer's runtime.

    Returns
    -------
    Path
        ``$XDG_CACHE_HOME/bsd-toolkit/NAME-SHA256.so``. The hash is that of the compiler's version,
        all flags, the sources, the project's headers that they include, and the libraries.

    Raises
    ------
    UserMistake
        A source or a header that is not there.
    EnvironmentFault
        No compiler, or it refuses; its first complaint is named.
    """
    compiler = compiler_words()
    options = (*WARNINGS, *(_SANITIZED if sanitize else _OPTIMISED), "-fPIC", "-shared", *flags)
    key = hashlib.sha256()
    for word in (_compiler_version(compiler), *options, *libraries):
        key.update(word.encode() + b"\0")
    for library in libraries:
        key.update(_library_identity(compiler, library).encode() + b"\0")
    for path in _with_headers(sources, include):
        key.update(path.name.encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    folder = cache_folder()
    target = folder / f"{name}-{key.hexdigest()}.so"
    if target.exists():
        return target
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    command = [
        *(*compiler, *options),
        *(f"-I{path}" for path in include),
        *(str(path) for path in sources),
        *(f"-l{library}" for library in libraries),
    ]
    with (folder / "build.lock").open("wb") as lock:
        lock_file(lock.fileno(), folder / "build.lock", wait=True)
        if not target.exists():  # another process may have built it meanwhile
            _compile(command, target)
    return target


def cache_folder() -> Path:
    """The folder of what was built: ``$XDG_CACHE_HOME/bsd-toolkit``, else in ``~/.cache``."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(base) if base else Path.home() / ".cache") / "bsd-toolkit"


def find_compiler() -> str:
    """Path of the program that compiles C, as `compiler_words` begins.

    Raises
    ------
    EnvironmentFault
        There is none; the line that installs one is named.
    """
    return compiler_words()[0]


def compiler_words() -> tuple[str, ...]:
    """The C compiler with what belongs before its options: ``$CC``, else cc, gcc or clang.

    ``CC="ccache gcc -m64"`` gives the path of ccache, ``gcc`` and ``-m64``.

    Raises
    ------
    EnvironmentFault
        There is none; the line that installs one is named.
    """
    named = os.environ.get("CC", "").strip()
    try:
        candidates = [shlex.split(named)] if named else [["cc"], ["gcc"], ["clang"]]
    except ValueError as error:
        raise EnvironmentFault(f"CC={named}: {error}; mend or unset CC") from error
    for program, *rest in candidates:
        if found := shutil.which(program):
            return (found, *rest)
    raise EnvironmentFault(
        f"no C compiler ({named or 'cc, gcc, clang'}); install one: sudo apt install gcc libc6-dev"
    )


def _ask(compiler: tuple[str, ...], question: str) -> str:
    words = [*compiler, question]
    done = subprocess.run(words, capture_output=True, text=True, timeout=30, check=False)  # noqa: S603
    return done.stdout


@functools.cache
def _compiler_version(compiler: tuple[str, ...]) -> str:
    return _ask(compiler, "--version")


def _library_identity(compiler: tuple[str, ...], library: str) -> str:
    """What an upgrade of a library's package changes: the file that would be linked."""
    for suffix in ("so", "a"):
        path = Path(_library_path(compiler, f"lib{library}.{suffix}"))
        if path.is_file():
            return hashlib.sha256(path.read_bytes()).hexdigest()
    return "none"


@functools.cache
def _library_path(compiler: tuple[str, ...], file: str) -> str:
    return _ask(compiler, f"-print-file-name={file}").strip()


def _with_headers(sources: Iterable[Path], include: Sequence[Path]) -> list[Path]:
    """The sources and, after each, the project's own headers that it includes, however deep."""
    found: list[Path] = []
    waiting = list(sources)
    while waiting:
        path = waiting.pop(0)
        if not path.is_file():
            raise UserMistake(f"{path}: no such C file; is the checkout complete?")
        if path.resolve() in found:
            continue
        found.append(path.resolve())
        for match in _INCLUDE.finditer(path.read_bytes()):
            header = match[1].decode()
            places = [folder / header for folder in (path.parent, *include)]
            waiting.extend([place for place in places if place.is_file()][:1])
    return found


def _compile(command: Sequence[str], target: Path) -> None:
    part = target.with_suffix(".so.part")
    words = [*command, "-o", str(part)]
    try:
        done = subprocess.run(  # noqa: S603
            words,
            capture_output=True,
            text=True,
            timeout=_COMPILE_SECONDS,
            check=False,
            env={**os.environ, "LC_ALL": "C"},
        )
    except subprocess.TimeoutExpired as error:
        raise EnvironmentFault(
            f"{target.name}: the compiler took more than {_COMPILE_SECONDS} s; run again"
        ) from error
    if done.returncode != 0:
        part.unlink(missing_ok=True)
        lines = done.stderr.splitlines() or ["no message"]
        first = next((line for line in lines if _COMPLAINT.search(line)), lines[0])
        raise EnvironmentFault(f"{Path(command[0]).name} cannot build {target.stem}: {first}")
    part.replace(target)
