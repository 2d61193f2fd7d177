"""The reference page says what the models say."""

from pathlib import Path

import pytest

from hardware.twin.world_config import WorldConfig
from tests.hardware.twin.world_page import page

pytestmark = pytest.mark.unit

PAGE = Path(__file__).resolve().parents[3] / "docs" / "reference" / "world.md"


def test_page_is_the_models_own() -> None:
    renew = "renew it: python -m tests.hardware.twin.world_page > docs/reference/world.md"
    assert PAGE.read_text() == page(), renew


def test_example_of_the_page_is_a_world(tmp_path: Path) -> None:
    text = PAGE.read_text().split("```yaml\n")[1].split("```")[0]
    (tmp_path / "world.yaml").write_text(text)
    world = WorldConfig.read(tmp_path / "world.yaml")
    assert world.optics.view_1.nd_error == 0.04
    assert world.faults[0].pulse == 40
    assert world.optics == WorldConfig().override(["optics.view_1.nd_error=0.04"]).optics


def test_page_tells_the_defaults_of_each_member() -> None:
    text = page()
    for row in (
        "| `view_1` | [ViewConfig](#viewconfig) | `{nd_transmission: 0.125}`, else see there |",
        "| `camera_2` | [IdentityConfig](#identityconfig) | `{serial: TW0002, name: sharp,",
        "| `scene` | [SceneConfig](#sceneconfig) | the ready scene `photographs` |",
        "| `sensor_1` | [SensorConfig](#sensorconfig) | see there |",
    ):
        assert row in text
