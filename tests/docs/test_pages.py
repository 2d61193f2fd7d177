"""Pages point at pages that exist, and name verbs and options that exist."""

import importlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from bsd.command import VERBS

pytestmark = pytest.mark.unit

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
_LINK = re.compile(r"!?\[[^\]]*\]\(([^)#\s]+)[^)]*\)")
_FENCE = re.compile(r"^```[a-z]*\n(.*?)^```", re.MULTILINE | re.DOTALL)
_COMMAND = re.compile(r"(?:python -m (\w+)\.(\w+)|\bbsd (\w+) (\w+))(.*)")


def _identity(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("page", PAGES, ids=_identity)
def test_links_resolve(page: Path) -> None:
    targets = [target for target in _LINK.findall(page.read_text()) if "://" not in target]
    missing = [target for target in targets if not (page.parent / target).exists()]
    assert missing == []


def _commands() -> Iterator[tuple[str, str, str]]:
    """(page, module, options) of every command in a fenced block."""
    known = {
        name.removesuffix(".__main__"): name for verbs in VERBS.values() for name in verbs.values()
    }
    for page in PAGES:
        for block in _FENCE.findall(page.read_text()):
            for line in block.replace("\\\n", " ").splitlines():
                if (found := _COMMAND.search(line.partition("#")[0])) is None:
                    continue
                wing, verb = found[1] or found[3], found[2] or found[4]
                if wing == "tests":  # of a checkout, no verb
                    continue
                assert f"{wing}.{verb}" in known, f"{_identity(page)}: {line}"
                yield _identity(page), known[f"{wing}.{verb}"], found[5]


@pytest.mark.parametrize(("page", "module", "rest"), list(_commands()))
def test_commands_exist_with_their_options(page: str, module: str, rest: str) -> None:
    verb = typer.main.get_command(importlib.import_module(module).app)
    known = set(_options(verb))
    given = set(re.findall(r"(?<=\s)--[a-z][a-z-]*", rest))
    assert given <= known | {"--help"}, f"{page}: {module}{rest}"


def _options(verb: Any) -> Iterator[str]:
    """Every option of a verb and of its sub-commands."""
    for option in verb.params:
        yield from option.opts + option.secondary_opts
    for name in getattr(verb, "commands", {}):
        yield from _options(verb.commands[name])


def test_every_page_is_reached_from_the_index() -> None:
    linked = {ROOT / "docs" / "index.md"}
    queue = list(linked)
    while queue:
        page = queue.pop()
        for target in _LINK.findall(page.read_text()):
            path = (page.parent / target).resolve()
            reached = [path] if path.suffix == ".md" else sorted(path.glob("*.md"))
            for each in reached:
                if each.is_file() and each not in linked:
                    linked.add(each)
                    queue.append(each)
    lost = [_identity(p) for p in PAGES if (ROOT / "docs") in p.parents and p not in linked]
    assert [page for page in lost if "/images/" not in page] == []
