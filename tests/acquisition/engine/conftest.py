"""One rig, and devices started once, for the tests of a module."""

from collections.abc import Iterator

import pytest

from acquisition.engine.apparatus import Apparatus
from tests.acquisition.engine.bench import ready_rig, started
from tests.hardware.twin.running_rig import Rig


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with ready_rig(tmp_path_factory.mktemp("r")) as running:
        yield running


@pytest.fixture(scope="module")
def apparatus(rig: Rig) -> Iterator[Apparatus]:
    with started(rig.file) as running:
        yield running
