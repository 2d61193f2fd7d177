"""``python -m calibration.solve SESSION --out CAL``: a calibration from a session's clips."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bsd import command, errors

if TYPE_CHECKING:
    from calibration.bundle.document import CalibrationDocument

app = command.application(
    "Solve geometry and photometry between C1 and C2 from a session's calibration clips.\n\n"
    "Example: python -m calibration.solve session --out cal"
)


@app.command()
def verb(
    session: Annotated[Path, typer.Argument(help="Folder of a recorded session.")],
    out: Annotated[Path, typer.Option(help="Folder of the calibration, new.")],
    config: Annotated[
        Path | None, typer.Option(help="YAML file with options that differ from the defaults.")
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", help="Replace an option, e.g. board.square_mm=40."),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Replace a calibration that lies there.")
    ] = False,
    json: Annotated[
        bool, typer.Option("--json", help="Print calibration.json at the end.")
    ] = False,
) -> int:
    """Solve geometry and photometry between C1 and C2 from a session's calibration clips.

    Example: python -m calibration.solve session --out cal

    Exit code 1: refused, or solved and withheld because a limit is broken.
    """
    from bsd.threads import available_cores, set_threads

    set_threads(available_cores())  # before numba and OpenCV start

    from calibration.solve.options import SolveOptions
    from calibration.solve.solution import STEPS, solve

    options = SolveOptions.load(config).override(set_ or [])
    with command.progress("solve", STEPS - 1) as advance:
        made = solve(session, out, options, force=force, advance=advance)
    if json:
        command.print_json(made.document.model_dump(mode="json"))
    else:
        _tell(out, made.document)
    return errors.EXIT_DONE if made.document.verdict == "good" else errors.EXIT_FOUND_BAD


def _tell(out: Path, document: CalibrationDocument) -> None:
    say = command.out().print
    for item in document.items:
        mark = {True: "ok  ", False: "BAD ", None: "    "}[item.passed]
        value = "" if item.value is None else f"{item.value:.4g} {item.unit}"
        limit = "" if item.limit is None else f" (limit {item.limit:g})"
        name = f"{item.name} {item.setting}".strip()
        say(f"{mark}{name:36} {value + limit:24} {item.words}", markup=False, emoji=False)
        if item.way_out:
            say(f"{'':4}{name}: {item.way_out}", markup=False, emoji=False)
    for clip, why in document.left_out.items():
        say(f"left out: {clip}: {why}", markup=False, emoji=False)
    for role, camera in document.cameras.items():
        if camera.rig_advice is not None:
            say(f"rig.yaml, {role}: {camera.rig_advice}", markup=False, emoji=False)
    say(f"{out}: {document.verdict}; python -m calibration.report {out}", markup=False, emoji=False)


if __name__ == "__main__":
    command.run(app, "calibration.solve")
