import logging
from pathlib import Path

import pytest
import torch
from torch import nn

from benchmark.snapshot import discard_snapshots, restore_snapshot, save_snapshot
from bsd.errors import FoundBad, UserMistake

pytestmark = pytest.mark.unit


def _pair(seed: int) -> tuple[nn.Module, torch.optim.Adam]:
    torch.manual_seed(seed)
    module = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.Conv2d(8, 3, 1))
    module.to(memory_format=torch.channels_last)
    return module, torch.optim.Adam(module.parameters(), lr=1e-2)


def _step(module: nn.Module, optimiser: torch.optim.Adam, number: int) -> None:
    x = torch.randn(2, 3, 9, 9, generator=torch.Generator().manual_seed(number))
    optimiser.zero_grad()
    module(x).square().mean().backward()
    optimiser.step()


def _bits(module: nn.Module) -> list[torch.Tensor]:
    return [value.clone() for value in module.state_dict().values()]


def _same(module: nn.Module, bits: list[torch.Tensor]) -> bool:
    return all(torch.equal(a, b) for a, b in zip(_bits(module), bits, strict=True))


def test_a_restored_training_goes_on_with_the_same_bits(tmp_path: Path) -> None:
    module, optimiser = _pair(1)
    for number in range(3):
        _step(module, optimiser, number)
    save_snapshot(tmp_path, module, optimiser, 3, "sha", (0.1, 1 / 3))
    for number in range(3, 6):
        _step(module, optimiser, number)
    other, fresh = _pair(2)
    card = restore_snapshot(tmp_path, other, fresh, "sha")
    assert card is not None
    assert (card.iteration, card.pending_losses) == (3, (0.1, 1 / 3))
    moment = fresh.state[other[0].weight]["exp_avg"]
    assert moment.stride() == other[0].weight.stride()
    for number in range(3, 6):
        _step(other, fresh, number)
    assert _same(other, _bits(module))


def test_what_is_not_a_snapshot_is_left_alone(tmp_path: Path) -> None:
    module, optimiser = _pair(1)
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "video.part").write_text("mine")
    (tmp_path / "000000009.json.part").write_text("cut short")
    for iteration in (1, 2, 3):
        save_snapshot(tmp_path, module, optimiser, iteration, "sha")
    assert restore_snapshot(tmp_path, module, optimiser, "sha") is not None
    kept = {f"00000000{n}.{end}" for n in (2, 3) for end in ("json", "safetensors")}
    assert {path.name for path in tmp_path.iterdir()} == {*kept, "notes.txt", "deep"}
    discard_snapshots(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"notes.txt", "deep"}
    assert (tmp_path / "deep" / "video.part").read_text() == "mine"


def test_discarding_the_last_snapshot_removes_the_folder(tmp_path: Path) -> None:
    module, optimiser = _pair(1)
    save_snapshot(tmp_path / "state", module, optimiser, 1, "sha")
    discard_snapshots(tmp_path / "state")
    discard_snapshots(tmp_path / "state")
    assert not any(tmp_path.iterdir())


def test_two_generations_are_kept_and_a_damaged_one_is_passed_over(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    module, optimiser = _pair(1)
    bits = {}
    for iteration in (1, 2, 3):
        _step(module, optimiser, iteration)
        save_snapshot(tmp_path, module, optimiser, iteration, "sha")
        bits[iteration] = _bits(module)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == [f"00000000{i}.{kind}" for i in (2, 3) for kind in ("json", "safetensors")]
    newest = tmp_path / "000000003.safetensors"
    content = bytearray(newest.read_bytes())
    content[-1] ^= 1
    newest.write_bytes(content)
    with caplog.at_level(logging.WARNING):
        card = restore_snapshot(tmp_path, *_pair(2), "sha")
    assert card is not None
    assert card.iteration == 2
    assert "000000003.safetensors: damaged" in caplog.text


def test_a_kill_while_writing_leaves_the_one_before(tmp_path: Path) -> None:
    module, optimiser = _pair(1)
    _step(module, optimiser, 1)
    save_snapshot(tmp_path, module, optimiser, 1, "sha")
    (tmp_path / "000000002.safetensors").write_bytes(b"whole, but its card is not there yet")
    (tmp_path / "000000002.json.part").write_text("{")
    other, fresh = _pair(2)
    card = restore_snapshot(tmp_path, other, fresh, "sha")
    assert card is not None
    assert card.iteration == 1
    assert _same(other, _bits(module))


def test_nothing_to_restore_is_none_and_nothing_whole_is_found_bad(tmp_path: Path) -> None:
    module, optimiser = _pair(1)
    assert restore_snapshot(tmp_path / "state", module, optimiser, "sha") is None
    _step(module, optimiser, 1)
    save_snapshot(tmp_path, module, optimiser, 1, "sha")
    with pytest.raises(FoundBad, match="no checkpoint is whole"):
        restore_snapshot(tmp_path, module, optimiser, "of other settings")


def test_a_failed_write_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module, optimiser = _pair(1)
    _step(module, optimiser, 1)
    save_snapshot(tmp_path, module, optimiser, 1, "sha")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("benchmark.snapshot.write_bytes", full)
    with pytest.raises(OSError, match="No space"):
        save_snapshot(tmp_path, module, optimiser, 2, "sha")
    card = restore_snapshot(tmp_path, *_pair(2), "sha")
    assert card is not None
    assert card.iteration == 1


def test_a_snapshot_of_another_model_is_refused(tmp_path: Path) -> None:
    save_snapshot(tmp_path, *_pair(1), 1, "sha")
    module = nn.Sequential(nn.Conv2d(3, 8, 3))
    with pytest.raises((FoundBad, UserMistake), match="no checkpoint is whole"):
        restore_snapshot(tmp_path, module, torch.optim.Adam(module.parameters()), "sha")
