"""``python -m dataset.build``: from recorded sessions and their calibrations to BSD."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bsd import command

if TYPE_CHECKING:
    from dataset.build.construction import BuildAnswer
    from dataset.build.request import BuildRequest

app = command.application(
    "Build aligned pairs from recorded sessions: one data set for each setting.\n\n"
    "Example: python -m dataset.build --session my-session --calibration my-cal --out bsd\n\n"
    "The same command again goes on after an interruption; with another session it adds to what"
    " stands there, and published sequences never change."
)


@app.command()
def verb(
    context: typer.Context,
    out: Annotated[Path, typer.Option(help="Folder of the data sets, one for each setting.")],
    session: Annotated[
        list[Path] | None, typer.Option(help="Folder of a session (repeat).")
    ] = None,
    calibration: Annotated[
        list[Path] | None, typer.Option(help="Folder of a calibration of its rig (repeat).")
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Cores to use; default: all. Same files with any.")
    ] = None,
    preset: Annotated[str | None, typer.Option(help="bsd (default) or bsd-2020.")] = None,
    setting: Annotated[
        list[str] | None, typer.Option(help="Only this setting, e.g. 2ms16ms (repeat).")
    ] = None,
    size: Annotated[
        str | None, typer.Option(help="Width and height of a frame; default: 640x480.")
    ] = None,
    scale: Annotated[
        float | None, typer.Option(help="Published pixels per pixel of C1; default: 1, a crop.")
    ] = None,
    config: Annotated[Path | None, typer.Option(help="A build.yaml with all options.")] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", help="Replace a field, e.g. gates.alignment_px=0.3 (repeat)."),
    ] = None,
    formats: Annotated[
        str | None, typer.Option(help="rgb,raw,linear,masks (default) or fewer.")
    ] = None,
    split: Annotated[
        list[str] | None, typer.Option(help="SCENE=test, for scenes that you decide (repeat).")
    ] = None,
    scene: Annotated[
        list[str] | None, typer.Option(help="CLIP=NAME; clips of one name are one scene (repeat).")
    ] = None,
    leave_out: Annotated[
        list[str] | None, typer.Option(help="A clip that is not wanted, SESSION/clip-000 (repeat).")
    ] = None,
    publish: Annotated[
        bool, typer.Option("--publish", help="Add datasheet and licence; needs --licence.")
    ] = False,
    licence: Annotated[
        str | None, typer.Option(help="Of the data: an SPDX name such as CC-BY-4.0, or a file.")
    ] = None,
    contact: Annotated[str, typer.Option(help="Whom users of the data may write to.")] = "",
    give_up: Annotated[
        bool,
        typer.Option(
            "--give-up", help="Remove what is unfinished in --out; what is published stays."
        ),
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print what was built as JSON.")] = False,
) -> None:
    """Build aligned pairs from recorded sessions: one data set for each setting.

    Example: python -m dataset.build --session my-session --calibration my-cal --out bsd
    """
    from bsd.errors import UserMistake
    from bsd.threads import available_cores, set_threads

    if give_up:
        _give_up(context, out, json)
        return
    if not session or not calibration:
        lacking = "--calibration" if session else "--session"
        raise UserMistake(
            f"{lacking} is missing: a build needs --session FOLDER, --calibration FOLDER and --out"
            " FOLDER"
        )
    cores = workers or available_cores()
    set_threads(cores)  # before numba and OpenCV start

    from dataset.build.config import BuildConfig
    from dataset.build.construction import build
    from dataset.build.request import BuildRequest, parse_scenes, parse_splits

    if publish != (licence is not None):
        raise UserMistake(
            "--publish needs --licence, the licence of the data, and the other way round: give"
            " both, e.g. --publish --licence CC-BY-4.0; there is no default"
        )
    if contact and not publish:
        raise UserMistake(
            f"--contact {contact}: is published with the licence; give --publish --licence too"
        )
    resolved = BuildConfig.of(
        config, preset=preset, size=size, scale=scale, formats=formats, assignments=set_ or []
    )
    request = BuildRequest(
        sessions=tuple(session),
        calibrations=tuple(calibration),
        out=out,
        config=resolved,
        settings=tuple(setting or ()),
        leave_out=tuple(leave_out or ()),
        scenes=parse_scenes(scene or []),
        splits=parse_splits(split or []),
        licence=licence,
        contact=contact,
        workers=cores,
    )
    answer = build(request)
    if json:
        command.print_json(_fields(request, answer))
    else:
        _print(request, answer)


def _give_up(context: typer.Context, out: Path, json: bool) -> None:
    from dataclasses import asdict

    from bsd.errors import UserMistake
    from bsd.phrase import counted
    from dataset.build.giving_up import give_up

    given = [
        name
        for name, value in context.params.items()
        if value and name not in ("out", "give_up", "json")
    ]
    if given:
        named = ", ".join(f"--{name.rstrip('_').replace('_', '-')}" for name in given)
        raise UserMistake(f"--give-up takes --out alone, and --json; leave out {named}")
    answer = give_up(out)
    if json:
        fields = [{"path": str(out / each.name), **asdict(each)} for each in answer]
        command.print_json({"given_up": fields})
        return
    console = command.out()
    for each in answer:
        stands = "nothing was published" if each.revision is None else f"revision {each.revision}"
        console.print(
            f"{out / each.name}: gave up {', '.join(each.sequences) or 'documents'}"
            f" ({counted(each.files, 'file')} removed);"
            f" {stands}{' stands as it was published' if each.revision else ''}",
            markup=False,
            soft_wrap=True,
        )
        for name in each.kept:
            console.print(f"{out / each.name / name}: kept, no build wrote it", markup=False)
    if not answer:
        console.print(f"nothing is unfinished in {out}", markup=False, soft_wrap=True)


def _fields(request: BuildRequest, answer: BuildAnswer) -> dict[str, object]:
    from dataset.build.construction import REPORT_NAME
    from dataset.build.table import shortfall

    return {
        "trees": [
            {
                "path": str(request.out / tree.name),
                **tree.model_dump(mode="json"),
                "revision": answer.descriptions[tree.name].revision,
                "manifest_sha256": answer.descriptions[tree.name].manifest_sha256,
            }
            for tree in answer.trees
        ],
        "left_out": [each.model_dump(mode="json") for each in answer.left_out],
        "short_of": [
            text for tree in answer.trees for text in shortfall(request.config.shape, tree)
        ],
        "report": str(request.out / REPORT_NAME),
    }


def _print(request: BuildRequest, answer: BuildAnswer) -> None:
    from bsd.phrase import counted
    from dataset.build.construction import REPORT_NAME
    from dataset.build.table import asked_row, plain_table, row_of, shortfall

    console = command.out()
    shape = request.config.shape
    rows = [
        *(row_of(tree) for tree in answer.trees),
        asked_row(request.config.paper, shape, request.config.frame_size),
    ]
    console.print(plain_table(rows), end="", markup=False)
    for text in (text for tree in answer.trees for text in shortfall(shape, tree)):
        console.print(text, markup=False)
    for each in answer.left_out:
        console.print(f"left out: {each.clip}: {each.reason}", markup=False)
    made = counted(len(answer.trees), "data set")
    console.print(f"{made} in {request.out}, see {request.out / REPORT_NAME}", markup=False)


if __name__ == "__main__":
    command.run(app, "dataset.build")
