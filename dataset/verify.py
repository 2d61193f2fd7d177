"""``python -m dataset.verify DIR``: whether a dataset is whole and its pairs belong together."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bsd import command, errors

if TYPE_CHECKING:
    from dataset.verification import Verification

app = command.application("Check a dataset: files, hashes, counts, sizes, splits and pairing.")


@app.command()
def main(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The dataset's folder.")],
    json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False,
    hashes: Annotated[
        bool, typer.Option("--hash/--no-hash", help="Compare the content of every file.")
    ] = True,
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit code 1 for undetermined sequences too.")
    ] = False,
) -> int:
    """Check a dataset: files, hashes, counts, sizes, splits, pairing. Exit code 1 if it is bad.

    Example: python -m dataset.verify BSD_2ms16ms
    """
    from dataset.inspection import verify

    found = verify(folder, hashes, command.progress)
    if json:
        fields = {"good": found.good, "undetermined": found.undetermined}
        command.print_json({**fields, "summary": found.summary(), **found.model_dump(mode="json")})
    else:
        _print(found)
    bad = not found.good or (strict and found.undetermined > 0)
    return errors.EXIT_FOUND_BAD if bad else errors.EXIT_DONE


def _print(found: Verification) -> None:
    rows: list[tuple[str, str, str]] = [
        (item.kind, item.path, item.text) for item in found.findings
    ]
    for pairing in found.pairings:
        if pairing.verdict == "undetermined":
            rows.append((pairing.verdict, f"{pairing.split}/{pairing.sequence}", pairing.text))
    console = command.out()
    if rows:  # plain columns: a path is never folded, whatever reads the output
        first, second = (max(len(row[column]) for row in rows) for column in (0, 1))
        for kind, path, text in rows:
            console.print(f"{kind:{first}}  {path:{second}}  {text}", markup=False, emoji=False)
    console.print(found.summary(), markup=False, emoji=False)


if __name__ == "__main__":
    command.run(app, "dataset.verify")
