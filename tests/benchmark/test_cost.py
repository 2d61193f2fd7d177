import json

import pytest

from benchmark.cost import PUBLISHED_GMACS, app, line_up, parse_preset, parse_size
from bsd import command
from bsd.errors import UserMistake

pytestmark = pytest.mark.unit


def _run(*arguments):
    with pytest.raises(SystemExit) as leaving:
        command.run(app, "benchmark.cost", list(arguments))
    return leaving.value.code


def test_table_of_one_model(capsys):
    assert _run("--preset", "b9c80") == 0
    printed = capsys.readouterr().out
    for text in ("720x1280", "1.7634", "140.128", "163.611", "163.61 ", "73.8", "legacy:"):
        assert text in printed


def test_json_for_programs(capsys):
    code = _run(
        "--model", "estrnn", "--set", "blocks=2", "--set", "channels=20", "--set", "skip=centre",
        "--size", "480x640", "--json",
    )  # fmt: skip
    assert code == 0
    (row,) = json.loads(capsys.readouterr().out)["rows"]
    assert (row["height_px"], row["width_px"], row["latency_frames"]) == (480, 640, 2)
    assert row["state_bytes"] == 4 * (4 * 20 * 19200 + 4 * 19200 + 2 * 3 * 480 * 640)


def test_nothing_asked_gives_the_line_up_of_the_papers():
    rows = line_up(None, [], [])
    assert [label for label, _, _ in rows] == list(PUBLISHED_GMACS)
    assert rows[-1] == (
        "B9C80F3P3",
        "estrnn",
        {"blocks": 9, "channels": 80, "future": 3, "past": 3},
    )


def test_names_and_sizes():
    assert parse_preset("B15C60") == {"blocks": 15, "channels": 60}
    assert parse_size("480x640") == (480, 640)
    for text in ("480", "0x640", "480x640x3", "-4x8", "ax8"):
        with pytest.raises(UserMistake, match="HEIGHTxWIDTH"):
            parse_size(text)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--preset", "C80"), "write it as B9C80"),
        (("--preset", "B9C81"), "multiple of 5"),
        (("--model", "estrn"), "no model is called 'estrn'"),
        (("--model", "estrnn", "--set", "depth=3"), "no field is called 'depth'"),
        (("--model", "estrnn", "--set", "depth"), "FIELD=VALUE"),
        (("--model", "estrnn", "--set", "blocks=[1"), "cannot be read"),
        (("--model", "estrnn", "--set", "blocks=many"), "blocks is 'many'"),
        (("--set", "blocks=3"), "needs --model"),
        (("--model", "estrnn", "--preset", "B9C80"), "exclude each other"),
        (("--size", "720p"), "HEIGHTxWIDTH"),
    ],
)
def test_mistakes_are_one_line_and_code_2(arguments, says, capsys):
    assert _run(*arguments) == 2
    said = capsys.readouterr().err
    assert says in said
    assert said.count("\n") == 1
