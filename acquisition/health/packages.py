"""Python, the toolkit's packages and versions, and foreign packages that carry our names."""

from __future__ import annotations

import importlib.util
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import (
    PackageNotFoundError,
    distribution,
    packages_distributions,
    requires,
    version,
)
from pathlib import Path

from acquisition.health.finding import Finding

DISTRIBUTION = "bsd-toolkit"
OUR_NAMES = ("bsd", "hardware", "acquisition", "calibration", "dataset", "models", "benchmark")
PYTHON_AT_LEAST = (3, 11)
_LEFT_OUT = ("dev",)  # for work on the toolkit itself: nobody else misses it
_REQUIREMENT = re.compile(
    r"(?P<name>[A-Za-z0-9._-]+)(?:\[(?P<extras>[^\]]*)\])?\s*\(?(?P<limits>[^;)]*)\)?"
    r"(?:;\s*(?P<marker>.*))?$"
)
_EXTRA = re.compile(r"""extra\s*==\s*['"]([^'"]+)['"]""")
_LIMIT = re.compile(r"(>=|<)\s*([0-9][0-9.]*)")


@dataclass(frozen=True)
class Requirement:
    """One package that the toolkit, or one of its extras, asks for."""

    name: str
    extra: str  # "" where every installation needs it
    limits: str  # as in the metadata: ">=1.6" or ">=1,<3"

    def met_by(self, found: str) -> bool:
        """Whether version `found` keeps the lower and upper limits (``>=`` and ``<``)."""
        have = _release(found)
        for sign, text in _LIMIT.findall(self.limits):
            limit = _release(text)
            if (sign == ">=" and have < limit) or (sign == "<" and have >= limit):
                return False
        return True


@dataclass(frozen=True)
class Place:
    """Where Python finds one of our names, and which other distributions carry it too.

    Attributes
    ----------
    name
        Top-level package.
    folder
        Folder that Python would import it from; None where there is none.
    ours
        Folder where it should be.
    foreign
        (distribution, folder) of everybody else who installed a package of this name.
    """

    name: str
    folder: Path | None
    ours: Path
    foreign: tuple[tuple[str, Path], ...] = ()


def python_version(found: Sequence[int], at_least: tuple[int, int] = PYTHON_AT_LEAST) -> Finding:
    """Whether the interpreter is new enough."""
    text = ".".join(str(part) for part in found[:3])
    if tuple(found[:2]) >= at_least:
        return Finding("python", "ok", text)
    least = ".".join(map(str, at_least))
    return Finding(
        "python",
        "fault",
        f"{text} is older than {least}",
        f"install Python {least} and set up again: make setup PYTHON=python{least}",
    )


def toolkit(found: str | None) -> Finding:
    """Whether the toolkit is installed, and its version."""
    if found is not None:
        return Finding("toolkit", "ok", f"{DISTRIBUTION} {found}")
    return Finding(
        "toolkit",
        "fault",
        f"{DISTRIBUTION} is not installed in {sys.prefix}",
        "python -m pip install -e . in the checkout, or make setup",
    )


def packages(extra: str, wanted: Iterable[Requirement], installed: Mapping[str, str]) -> Finding:
    """Whether the packages of one extra are there and new enough.

    Parameters
    ----------
    extra
        Name of the extra; "" for what every installation needs (then a gap is a fault).
    wanted
        Requirements of all extras; those of `extra` are looked at.
    installed
        Distribution → version.
    """
    mine = [each for each in wanted if each.extra == extra]
    have = [f"{each.name} {installed[each.name]}" for each in mine if each.name in installed]
    wrong = [f"{each.name} is missing" for each in mine if each.name not in installed]
    wrong += [
        f"{each.name} {installed[each.name]} does not fit {each.limits.strip()}"
        for each in mine
        if each.name in installed and not each.met_by(installed[each.name])
    ]
    name = f"packages: {extra}" if extra else "packages"
    if not wrong:
        return Finding(name, "ok", ", ".join(have))
    target = f"{DISTRIBUTION}[{extra}]" if extra else DISTRIBUTION
    local = f".[{extra}]" if extra else "."
    return Finding(
        name,
        "warning" if extra else "fault",
        "; ".join(wrong),
        f"python -m pip install '{target}' (in a checkout: -e '{local}')",
    )


def name_taken(places: Iterable[Place]) -> Finding:
    """Whether somebody else's package is imported, or installed, under one of our names."""
    faults: list[str] = []
    warnings: list[str] = []
    for place in places:
        if place.folder is not None and place.folder != place.ours:
            faults.append(f"'{place.name}' is found in {place.folder}, not in {place.ours}")
        for owner, folder in place.foreign:
            mixed = folder == place.ours
            text = f"distribution '{owner}' installed a package '{place.name}' in {folder}"
            (faults if mixed else warnings).append(text + (" over ours" if mixed else ""))
    if not faults and not warnings:
        return Finding("our names", "ok", f"{', '.join(OUR_NAMES)}: nobody else's")
    return Finding(
        "our names",
        "fault" if faults else "warning",
        "; ".join(faults + warnings),
        "run from another folder, and keep the other package in an environment of its own:"
        " python -m venv; then install this toolkit again",
    )


def current_folder(folder: Path, entries: Iterable[str], ours: Path) -> Finding:
    """Whether the current folder hides our packages from ``python -m``.

    Parameters
    ----------
    folder
        The current folder.
    entries
        Names of what Python could import there: packages and modules without ``.py``.
    ours
        Folder that holds our packages.
    """
    hidden = sorted(set(entries) & set(OUR_NAMES))
    if folder == ours or not hidden:
        return Finding("current folder", "ok", f"{folder} hides none of our packages")
    return Finding(
        "current folder",
        "warning",
        f"{folder} has its own {', '.join(hidden)}: python -m would take these for ours",
        "run from another folder, or use 'bsd WING VERB' in place of 'python -m WING.VERB'",
    )


def read_requirements(lines: Sequence[str] | None = None) -> list[Requirement]:
    """Read requirements with extras resolved (``bsd-toolkit[dataset]`` becomes its packages).

    A requirement with a marker other than an extra is left out: it holds for other machines.

    Parameters
    ----------
    lines
        Requirement strings of the metadata; default those of the installed distribution.
    """
    if lines is None:
        try:
            lines = requires(DISTRIBUTION) or []
        except PackageNotFoundError:
            lines = []
    parsed = []
    for line in lines:
        if (match := _REQUIREMENT.match(line.strip())) is None:
            continue
        marker = match["marker"] or ""
        extra = found[1] if (found := _EXTRA.search(marker)) else ""
        if _EXTRA.sub("", marker).strip(" ()"):
            continue
        if match["name"] != DISTRIBUTION:
            parsed.append(Requirement(match["name"], extra, match["limits"].strip()))
    return [each for each in parsed if each.extra not in _LEFT_OUT]


def read_installed(wanted: Iterable[Requirement]) -> dict[str, str]:
    """Versions of those requirements that are installed."""
    found = {}
    for each in wanted:
        if (have := installed_version(each.name)) is not None:
            found[each.name] = have
    return found


def read_places(names: Iterable[str] = OUR_NAMES) -> list[Place]:
    """Find each name as ``import`` would, without importing it."""
    root = our_root()
    carriers = packages_distributions()
    return [
        Place(
            name,
            _folder(name),
            root / name,
            tuple(
                (owner, Path(str(distribution(owner).locate_file(name))))
                for owner in sorted(set(carriers.get(name, ())) - {DISTRIBUTION})
            ),
        )
        for name in names
    ]


def read_entries(folder: Path) -> list[str]:
    """Names in `folder` that Python could import as one of ours."""
    return [
        name
        for name in OUR_NAMES
        if (folder / name / "__init__.py").exists() or (folder / f"{name}.py").exists()
    ]


def our_root() -> Path:
    """Folder that holds our packages: the checkout, or site-packages."""
    return Path(__file__).resolve().parents[2]


def examine(folder: Path) -> list[Finding]:
    """All findings on packages, with the facts of this interpreter."""
    wanted = read_requirements()
    installed = read_installed(wanted)
    extras = list(dict.fromkeys(["", *(each.extra for each in wanted)]))
    found = [python_version(sys.version_info[:3]), toolkit(installed_version(DISTRIBUTION))]
    found += [packages(extra, wanted, installed) for extra in extras if wanted]
    found.append(name_taken(read_places()))
    found.append(current_folder(folder, read_entries(folder), our_root()))
    return found


def installed_version(name: str) -> str | None:
    """Version of an installed distribution; nothing is imported."""
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _folder(name: str) -> Path | None:
    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, ValueError):  # a broken package of that name is not ours either
        return None
    if spec is None:
        return None
    if spec.origin is not None and spec.origin not in ("namespace", "built-in"):
        origin = Path(spec.origin).resolve()
        return origin.parent if origin.name == "__init__.py" else origin
    where = list(spec.submodule_search_locations or [])
    return Path(where[0]).resolve() if where else None


def _release(text: str) -> tuple[int, ...]:
    match = re.match(r"\d+(?:\.\d+)*", text)
    numbers = [int(part) for part in match[0].split(".")] if match else [0]
    while len(numbers) > 1 and numbers[-1] == 0:  # 2.0 is 2
        numbers.pop()
    return tuple(numbers)
