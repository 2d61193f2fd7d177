"""``python -m calibration.report CAL``: a calibration as one page that opens without a network."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bsd import command, errors
from bsd.errors import UserMistake

if TYPE_CHECKING:
    from calibration.bundle.document import CalibrationDocument

PAGE_NAME = "report.html"

app = command.application("Show a calibration as one HTML page that opens without a network.")


@app.command()
def verb(
    calibration: Annotated[Path, typer.Argument(metavar="CAL", help="Folder of a calibration.")],
    out: Annotated[
        Path | None,
        typer.Option(metavar="PAGE", help=f"The page to write. Default: CAL/{PAGE_NAME}."),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print verdict and items as JSON.")] = False,
) -> int:
    """Show a calibration: verdict, maps over the view, curves, ceilings, where it comes from.

    Exit code 1: it is withheld because a limit is broken; the page is written all the same.

    Example: python -m calibration.report cal --out calibration.html
    """
    page = calibration / PAGE_NAME if out is None else out
    if page.suffix.lower() not in {".html", ".htm"}:
        raise UserMistake(f"--out {page}: a page is an .html file; name it so")

    from calibration.bundle.calibration import Calibration
    from calibration.report.page import calibration_page

    read = Calibration.read(calibration)
    made = calibration_page(read)
    page.parent.mkdir(parents=True, exist_ok=True)
    made.write(page)
    if json:
        command.print_json(_answer(read.document, page))
    else:
        _tell(read.document, page)
    return errors.EXIT_DONE if read.document.verdict == "good" else errors.EXIT_FOUND_BAD


def _answer(document: CalibrationDocument, page: Path) -> dict[str, object]:
    return {
        "page": str(page),
        "session": document.session,
        "verdict": document.verdict,
        "items": [item.model_dump(mode="json") for item in document.items],
        "left_out": document.left_out,
    }


def _tell(document: CalibrationDocument, page: Path) -> None:
    from calibration.report.judgement import broken_items, statement

    say = command.out().print
    say(document.verdict, markup=False)
    for item in broken_items(document):
        name = f"{item.name} {item.setting}".strip()
        say(f"  {name}: {statement(item)}", markup=False)
        if item.way_out:
            say(f"    {item.way_out}", markup=False)
    say(f"  {page}", markup=False)


if __name__ == "__main__":
    command.run(app, "calibration.report")
