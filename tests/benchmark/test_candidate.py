import pytest
import torch

from benchmark.candidate import Candidate
from bsd.errors import UserMistake
from models.registry import create

pytestmark = pytest.mark.unit


def test_facts_hold_what_the_configuration_left_to_defaults():
    config = {"blocks": 1, "channels": 5, "past": 3}
    module = create("estrnn", config).train()
    facts = Candidate.of_module(module, "estrnn", config).facts
    assert (facts.past, facts.future, facts.multiple, facts.skip) == (3, 2, 4, "none")
    assert facts.config["activation"] == "gelu"
    assert facts.parameters == sum(weight.numel() for weight in module.parameters())
    assert not module.training


def test_a_module_without_a_streaming_form_is_refused():
    with pytest.raises(UserMistake, match="model 'convolution' has no streaming form"):
        Candidate.of_module(torch.nn.Conv2d(3, 3, 1), "convolution", {})


def test_identity_needs_nothing():
    identity = Candidate.identity()
    assert identity.model is None
    assert (identity.facts.past, identity.facts.future, identity.facts.parameters) == (0, 0, 0)
