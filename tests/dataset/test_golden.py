"""Datasets as earlier versions published them stay readable."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from dataset.description import DatasetDescription, is_sealed
from dataset.inspection import verify
from dataset.tree import Tree, open_tree

pytestmark = pytest.mark.unit
GOLDEN = Path(__file__).with_name("golden")


@pytest.fixture(params=["synthetic", "capture"])
def version_1(request, tmp_path):
    shutil.copytree(GOLDEN / f"version-1-{request.param}", tmp_path / request.param)
    return tmp_path / request.param


def test_a_dataset_of_version_1_is_read_and_verified(version_1):
    tree = Tree.open(version_1)
    assert tree.name == f"golden {version_1.name}"
    (sequence,) = tree.sequences("train")
    assert [sequence.read_blurry(0).shape, len(sequence)] == [(24, 32, 3), 2]
    assert sequence.products == ("RGB",)
    assert float(np.abs(sequence.read_blurry(1) - 1.0 * sequence.read_sharp(1)).mean()) > 1
    found = verify(version_1)
    assert found.findings == ()
    assert found.files == 8
    source = sequence.sources[1]
    if version_1.name == "capture":
        assert (source.pulse, source.row, source.clip_uuid) == (8, None, None)
    else:
        assert (source.first_frame, source.sharp_frame) == (5, 7)
    assert tree.description.revision == 1
    assert tree.description.documents == {}
    assert open_tree(version_1, '{"verb": "golden"}\n') == "finished"


def test_an_edit_of_a_description_of_version_1_is_seen(version_1):
    path = version_1 / "dataset.json"
    assert is_sealed(path)
    path.write_text(path.read_text().replace('"rate_hz": 15.0', '"rate_hz": 30.0'))
    assert not is_sealed(path)
    assert DatasetDescription.read(path).rate_hz == 30.0
    assert [item.kind for item in verify(version_1).findings] == ["changed"]
