"""Settings: names, the ratio, and what is refused."""

import doctest

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from bsd import setting as module
from bsd.document import Document
from bsd.errors import UserMistake
from bsd.setting import RATIO, SETTINGS, Setting

pytestmark = pytest.mark.unit


def test_the_settings_of_the_papers() -> None:
    exposures = {name: (setting.sharp_us, setting.blurry_us) for name, setting in SETTINGS.items()}
    assert exposures == {
        "1ms8ms": (1000, 8000),
        "2ms16ms": (2000, 16000),
        "3ms24ms": (3000, 24000),
    }
    assert all(setting.ratio == 8 for setting in SETTINGS.values())


@pytest.mark.parametrize(
    ("sharp_us", "name"), [(1, "0.001ms0.008ms"), (500, "0.5ms4ms"), (1250, "1.25ms10ms")]
)
def test_names_of_parts_of_a_millisecond(sharp_us: int, name: str) -> None:
    assert Setting(sharp_us=sharp_us, blurry_us=8 * sharp_us).name == name


@settings(max_examples=60, deadline=None, derandomize=True)
@given(sharp_us=st.integers(1, 9_999_999))
def test_a_name_says_everything(sharp_us: int) -> None:
    setting = Setting(sharp_us=sharp_us, blurry_us=RATIO * sharp_us)
    assert Setting.parse(setting.name) == setting


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("2ms15ms", r"7\.5 times the sharp one; the rig's filter asks for 8 times, e\.g\. 2ms16ms"),
        ("16ms2ms", r"0\.125 times"),
        ("0ms0ms", "the sharp exposure is 0"),
        ("2ms", "write the sharp and the blurry exposure in milliseconds, e.g. 2ms16ms"),
        ("BSD_2ms16ms", "write the sharp"),
        ("2MS16MS", "write the sharp"),
        ("-2ms-16ms", "write the sharp"),
        ("2ms16ms\n", "write the sharp"),
        ("0.0001ms0.0008ms", "write the sharp"),
        ("٢ms١٦ms", "1ms8ms, 2ms16ms, 3ms24ms"),
        ("", "write the sharp"),
    ],
)
def test_other_names_are_refused_in_words(name: str, words: str) -> None:
    with pytest.raises(UserMistake, match=words):
        Setting.parse(name)


def test_another_ratio_is_refused_in_a_document_too() -> None:
    class Take(Document):
        format: str = "take"
        format_version: int = 1
        setting: Setting

    fields = {"format_version": 1, "setting": {"sharp_us": 2000, "blurry_us": 15000}}
    with pytest.raises(UserMistake, match=r"field 'setting'.*7\.5 times.*write blurry_us 16000"):
        Take.from_fields(fields, "take.json")
    with pytest.raises(ValidationError):
        Setting(sharp_us=0, blurry_us=0)


def test_examples_in_docstrings() -> None:
    result = doctest.testmod(module)
    assert result.failed == 0
    assert result.attempted == 2
