import hashlib
import json
from pathlib import Path

import pytest
import safetensors.torch
import torch

from benchmark.checkpoint import (
    CARD_NAME,
    WEIGHTS_NAME,
    ModelCard,
    import_upstream,
    load_model,
    save_model,
)
from benchmark.result import TrainingSet
from bsd.errors import UserMistake
from models.registry import create
from models.upstream import to_upstream

pytestmark = pytest.mark.unit

CONFIG = {"blocks": 1, "channels": 5, "past": 1, "future": 1}


def _saved(folder: Path) -> torch.nn.Module:
    torch.manual_seed(5)
    module = create("estrnn", CONFIG)
    card = ModelCard(
        model="estrnn",
        config=CONFIG,
        seed=3,
        training_sets=(TrainingSet(name="set", identity="ab"),),
        iterations=12,
        train_config_sha256="cd",
    )
    save_model(folder, module, card)
    return module


def test_what_is_loaded_is_what_was_saved(tmp_path: Path) -> None:
    module = _saved(tmp_path)
    loaded, card, sha256 = load_model(tmp_path)
    x = torch.linspace(-0.5, 0.5, 4 * 3 * 64).reshape(1, 4, 3, 8, 8)
    with torch.no_grad():
        assert torch.equal(loaded(x), module.eval()(x))
    assert not loaded.training
    assert (card.seed, card.iterations, card.training_sets[0].name) == (3, 12, "set")
    assert sha256 == hashlib.sha256((tmp_path / WEIGHTS_NAME).read_bytes()).hexdigest()
    assert card.weights_sha256 == sha256


def test_equal_weights_give_equal_files_in_any_memory_order(tmp_path: Path) -> None:
    module = _saved(tmp_path / "a")
    card = ModelCard(model="estrnn", config=CONFIG)
    save_model(tmp_path / "b", module.to(memory_format=torch.channels_last), card)
    first, second = (tmp_path / name / WEIGHTS_NAME for name in "ab")
    assert first.read_bytes() == second.read_bytes()


@pytest.mark.parametrize("name", [CARD_NAME, WEIGHTS_NAME])
def test_a_missing_file_is_named(tmp_path: Path, name: str) -> None:
    _saved(tmp_path)
    (tmp_path / name).unlink()
    with pytest.raises(UserMistake, match=f"{name}: no such file"):
        load_model(tmp_path)
    with pytest.raises(UserMistake, match="absent: no such folder"):
        load_model(tmp_path / "absent")


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"model": "nosuch"}, "no model is called 'nosuch'"),
        ({"config": {"blocks": 0}}, "blocks is 0"),
        ({"format_version": 2}, "newer than this toolkit"),
        ({"colour": "red"}, "unknown field 'colour'"),
    ],
)
def test_a_card_that_cannot_be_followed_is_refused(tmp_path, fields, words) -> None:
    _saved(tmp_path)
    path = tmp_path / CARD_NAME
    path.write_text(json.dumps({**json.loads(path.read_text()), **fields}))
    with pytest.raises(UserMistake, match=words):
        load_model(tmp_path)


def _replace(folder: Path, tensors: dict[str, torch.Tensor]) -> None:
    """Other weights, and a card that says nothing of their hash."""
    (folder / WEIGHTS_NAME).write_bytes(safetensors.torch.save(tensors))
    path = folder / CARD_NAME
    path.write_text(json.dumps({**json.loads(path.read_text()), "weights_sha256": ""}))


def test_tensors_that_do_not_fit_are_named(tmp_path: Path) -> None:
    state = dict(_saved(tmp_path).state_dict())
    bias = state["cell.F_B0.bias"]
    for tensors, words in (
        ({k: v for k, v in state.items() if k != "cell.F_B0.bias"}, "'cell.F_B0.bias' is missing"),
        ({**state, "extra": bias.clone()}, "'extra' is not known"),
        (
            {**state, "cell.F_B0.bias": torch.zeros(2)},
            r"'cell.F_B0.bias' is \(2,\) float32, expected \(1,\) float32",
        ),
        ({**state, "cell.F_B0.bias": bias.half()}, r"\(1,\) float16, expected"),
        ({"w": bias}, "and .* more"),
    ):
        _replace(tmp_path, tensors)
        with pytest.raises(UserMistake, match=words):
            load_model(tmp_path)


def test_other_weights_than_the_cards_are_refused(tmp_path: Path) -> None:
    state = dict(_saved(tmp_path).state_dict())
    state["cell.F_B0.bias"] = state["cell.F_B0.bias"] + 1
    (tmp_path / WEIGHTS_NAME).write_bytes(safetensors.torch.save(state))
    with pytest.raises(UserMistake, match=r"is not the file that model\.json describes"):
        load_model(tmp_path)


def test_a_pickle_under_a_wrong_name_is_never_run(tmp_path: Path) -> None:
    module = _saved(tmp_path)
    torch.save(module.state_dict(), tmp_path / WEIGHTS_NAME)
    with pytest.raises(UserMistake, match="is a pickled checkpoint"):
        load_model(tmp_path)


@pytest.mark.parametrize("content", [b"", b"no weights", b"\xff" * 64])
def test_a_damaged_file_is_refused(tmp_path: Path, content: bytes) -> None:
    _saved(tmp_path)
    (tmp_path / WEIGHTS_NAME).write_bytes(content)
    with pytest.raises(UserMistake, match="not a safetensors file, or damaged"):
        load_model(tmp_path)


def test_a_truncated_file_is_refused(tmp_path: Path) -> None:
    _saved(tmp_path)
    path = tmp_path / WEIGHTS_NAME
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(UserMistake, match="damaged"):
        load_model(tmp_path)


def test_an_upstream_checkpoint_becomes_a_model_folder(tmp_path: Path) -> None:
    torch.manual_seed(1)
    module = create("estrnn", CONFIG).eval()
    theirs = to_upstream(module.config, module.state_dict())
    torch.save({"epoch": 3, "model": "ESTRNN", **theirs}, tmp_path / "best.pth.tar")
    import_upstream(tmp_path / "best.pth.tar", tmp_path / "ours", past=1, future=1)
    loaded, card, _ = load_model(tmp_path / "ours")
    x = torch.linspace(-0.5, 0.5, 4 * 3 * 64).reshape(1, 4, 3, 8, 8)
    with torch.no_grad():
        assert torch.equal(loaded(x), module(x))
    assert card.seed is None
    assert "best.pth.tar" in card.note


@pytest.mark.parametrize("held", [WEIGHTS_NAME, CARD_NAME, "notes.txt"])
def test_an_import_never_writes_into_a_folder_that_holds_something(
    tmp_path: Path, held: str
) -> None:
    module = create("estrnn", CONFIG)
    theirs = to_upstream(module.config, module.state_dict())
    torch.save({"epoch": 3, **theirs}, tmp_path / "best.pth.tar")
    out = tmp_path / "run"
    out.mkdir()
    (out / held).write_text("weeks of training")
    with pytest.raises(UserMistake, match=rf"run: holds '{held}'.*--out"):
        import_upstream(tmp_path / "best.pth.tar", out, past=1, future=1)
    assert [path.name for path in out.iterdir()] == [held]
    assert (out / held).read_text() == "weeks of training"
    with pytest.raises(UserMistake, match=r"is a file.*--out"):
        import_upstream(tmp_path / "best.pth.tar", out / held, past=1, future=1)
    (out / held).unlink()
    import_upstream(tmp_path / "best.pth.tar", out, past=1, future=1)
    assert (out / WEIGHTS_NAME).exists()


class _Payload:
    def __reduce__(self):
        return (Path.write_text, (Path("/nonexistent/ran"), "x"))


def test_an_import_runs_no_code_and_says_what_is_wrong(tmp_path: Path) -> None:
    torch.save({"state_dict": _Payload()}, tmp_path / "evil.pth")
    (tmp_path / "text.pth").write_text("hello")
    torch.save([1, 2], tmp_path / "list.pth")
    torch.save({"state_dict": {"a": torch.zeros(1)}}, tmp_path / "other.pth")
    for name, words in (
        ("evil.pth", "not a checkpoint"),
        ("text.pth", "not a checkpoint"),
        ("list.pth", "holds a list"),
        ("other.pth", "not an ESTRNN"),
        ("absent.pth", "no such file"),
    ):
        with pytest.raises(UserMistake, match=words):
            import_upstream(tmp_path / name, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_card_cannot_ask_for_all_memory(tmp_path: Path) -> None:
    small = create("estrnn", {"blocks": 1, "channels": 5})
    card = ModelCard(model="estrnn", config={"blocks": 1, "channels": 5}, seed=0)
    save_model(tmp_path, small, card)
    fields = json.loads((tmp_path / "model.json").read_text())
    fields["config"] = {"blocks": 1000, "channels": 5000}  # 1.8 TB
    (tmp_path / "model.json").write_text(json.dumps(fields))
    with pytest.raises(UserMistake, match="do not fit the model"):
        load_model(tmp_path)
