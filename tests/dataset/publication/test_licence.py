"""A licence of the data is stated by a person, or nothing is published."""

import pytest

from bsd.errors import UserMistake
from dataset.publication.licence import LICENCES, data_licence

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("given", [None, "", "  "])
def test_there_is_no_default(given):
    with pytest.raises(
        UserMistake, match=r"needs a licence of the data; give one of CC0-1\.0, CC-B"
    ):
        data_licence(given)


@pytest.mark.parametrize("name", LICENCES)
def test_a_known_licence_is_named_with_its_address(name):
    licence = data_licence(name, "A Lab")
    assert licence.name == name
    assert licence.text.startswith(f"SPDX-License-Identifier: {name}\n")
    assert licence.url in licence.text
    assert "A Lab" in licence.text
    kind = name.removeprefix("CC-").removesuffix("-4.0").lower()
    assert ("zero/1.0" if name == "CC0-1.0" else f"licenses/{kind}/4.0/") in licence.url
    assert ("commercial" in licence.text.lower()) == ("NC" in name)


def test_case_of_a_name_does_not_matter():
    assert data_licence("cc-by-4.0").name == "CC-BY-4.0"


def test_a_file_is_taken_as_it_is(tmp_path):
    path = tmp_path / "our-terms.txt"
    path.write_text("Ask us.")
    licence = data_licence(str(path))
    assert (licence.name, licence.url, licence.text) == ("our-terms.txt", "", "Ask us.\n")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\xff\xfe\x00", "is not plain text"),
        (b" \n", "is empty"),
        (b"x" * (1 << 21), "over 1 MiB"),
    ],
)
def test_a_file_that_is_no_licence_is_refused(tmp_path, content, message):
    path = tmp_path / "licence"
    path.write_bytes(content)
    with pytest.raises(UserMistake, match=message):
        data_licence(str(path))


@pytest.mark.parametrize("given", ["MIT", "CC-BY-3.0", "no/such/file"])
def test_what_is_neither_is_refused_with_the_choice(given):
    with pytest.raises(UserMistake, match=rf"--licence {given}: neither .* CC-BY-4\.0, .* file"):
        data_licence(given)
