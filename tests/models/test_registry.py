import subprocess
import sys
from importlib.metadata import EntryPoint

import pytest
from torch import nn

from models import registry
from models.errors import ModelMistake
from models.estrnn import Estrnn

pytestmark = pytest.mark.unit


def test_create_reads_a_plain_mapping():
    model = registry.create("estrnn", {"blocks": 2, "channels": 10})
    assert isinstance(model, Estrnn)
    assert model.config.blocks == 2


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(ModelMistake, match=r"'estrn'; known are .*estrnn"):
        registry.create("estrn", {})


def test_a_name_is_taken_once(monkeypatch):
    monkeypatch.setattr(registry, "_BUILDERS", {})

    def one(config):
        return nn.Identity()

    def two(config):
        return nn.Identity()

    assert registry.register("mine")(one) is one
    registry.register("mine")(one)
    with pytest.raises(ModelMistake, match="'mine' is registered twice"):
        registry.register("mine")(two)
    assert "mine" in registry.names()


def test_entry_points_are_loaded_only_when_named(monkeypatch):
    loaded = []

    def build(_config):
        return nn.Identity()

    class Point(EntryPoint):
        def load(self):
            loaded.append(self.name)
            return build if self.name == "good" else 7

    points = [Point(name, f"lab:{name}", registry.ENTRY_POINT_GROUP) for name in ("good", "odd")]
    monkeypatch.setattr(registry, "_BUILDERS", {})
    monkeypatch.setattr(registry, "entry_points", lambda **_group: points)
    assert registry.names() == ("estrnn", "good", "odd")
    assert loaded == []
    assert isinstance(registry.create("good", {}), nn.Identity)
    registry.create("good", {})
    assert loaded == ["good"]
    with pytest.raises(ModelMistake, match=r"'odd' .*not callable"):
        registry.create("odd", {})


def test_models_stand_on_torch_alone():
    code = (
        "import sys, models.estrnn, models.upstream, models.adaptor;"
        "print([n for n in sys.modules if n.split('.')[0] in"
        " {'bsd', 'calibration', 'dataset', 'benchmark', 'cv2', 'pydantic'}])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
