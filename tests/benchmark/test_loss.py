import math

import numpy as np
import pytest
import torch

from benchmark.loss import by_kind, charbonnier, cosine_lr, l1, mse

pytestmark = pytest.mark.unit


def _pair() -> tuple[torch.Tensor, torch.Tensor]:
    rng = np.random.default_rng(3)
    a, b = rng.uniform(-0.5, 0.5, (2, 2, 4, 3, 5, 6))
    return torch.from_numpy(a), torch.from_numpy(b)


def test_losses_agree_with_numpy_in_float64() -> None:
    a, b = _pair()
    d = a.numpy() - b.numpy()
    inside = np.sqrt((d * d).mean(axis=2) + 1e-3**2).mean()
    assert float(charbonnier(a, b)) == pytest.approx(inside, rel=1e-14)
    assert float(mse(a, b)) == pytest.approx((d * d).mean(), rel=1e-14)
    assert float(l1(a, b)) == pytest.approx(np.abs(d).mean(), rel=1e-14)


def test_charbonnier_of_equal_frames_is_epsilon_and_its_gradient_is_zero() -> None:
    a = torch.full((1, 2, 3, 4, 4), 0.25, dtype=torch.float64, requires_grad=True)
    value = charbonnier(a, a.detach(), epsilon=2e-3)
    value.backward()
    assert value.item() == pytest.approx(2e-3, rel=1e-14)
    assert a.grad is not None
    assert float(a.grad.abs().max()) == 0.0


@pytest.mark.parametrize(("kind", "function"), [("mse", mse), ("l1", l1)])
def test_a_kind_names_its_loss(kind, function) -> None:
    a, b = _pair()
    assert torch.equal(by_kind(kind, 1e-3)(a, b), function(a, b))


def test_epsilon_reaches_charbonnier() -> None:
    a, b = _pair()
    assert torch.equal(by_kind("charbonnier", 0.1)(a, b), charbonnier(a, b, 0.1))


def test_cosine_agrees_with_torchs_scheduler() -> None:
    weight = torch.nn.Parameter(torch.zeros(1))
    optimiser = torch.optim.SGD([weight], lr=5e-4)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, T_max=20, eta_min=1e-8)
    for iteration in range(1, 21):
        ours = cosine_lr(iteration, 20, 5e-4, 1e-8)
        assert ours == pytest.approx(optimiser.param_groups[0]["lr"], rel=1e-9)
        optimiser.step()
        scheduler.step()


def test_cosine_begins_at_the_top_and_is_half_way_in_the_middle() -> None:
    assert cosine_lr(1, 100, 1e-3, 1e-5) == 1e-3
    assert math.isclose(cosine_lr(51, 100, 1e-3, 1e-5), (1e-3 + 1e-5) / 2)
