"""Settings by dotted key, in Python."""

import pytest
import torch
from torch import nn

from mamlrl.errors import UserError
from mamlrl.experiments.command_line import load_config
from mamlrl.experiments.objects import with_objects, with_settings
from mamlrl.experiments.plain import plain_experiment, restore_experiment
from mamlrl.experiments.policy import PolicyExperiment


def test_settings_are_those_of_a_command_line():
    settings = {
        "trust_region.max_kl": 0.02,
        "policy.hidden_sizes": [8, 4],
        "seed": 3,
        "adaptation.proximal.weight": 1,
    }
    options = [f"--{key}={value}" for key, value in settings.items()]
    base = load_config("navigation2d")
    assert with_settings(base, settings) == load_config("navigation2d", options)
    assert base == load_config("navigation2d")  # is as it was
    assert with_settings(base, {}) is base


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"trust_region.max_kll": 1}, r"^there is no setting trust_region.max_kll; did you mean max_kl\?$"),
        ({"trust_regoin.max_kl": 1}, r"^there is no setting trust_regoin.max_kl; did you mean trust_region\?$"),
        ({"policy.activation": "gelu"}, "^PolicyConfig: activation must be one of relu, tanh, got 'gelu'"),
        ({"env.kwargs.horizon": 5}, "^there is no setting env.kwargs.horizon: env.kwargs is a single value$"),
    ],
)
def test_what_is_no_setting_is_refused(settings, message):
    with pytest.raises(UserError, match=message):
        with_settings(PolicyExperiment(), settings)


@pytest.mark.parametrize("values", [[1], "seed=1", None, {1: 2}])
def test_settings_and_objects_have_dotted_keys(values):
    for give, name in ((with_settings, "settings"), (with_objects, "objects")):
        with pytest.raises(UserError, match=f"^{name} must be a dict with dotted keys, such as .*, got "):
            give(PolicyExperiment(), values)


def test_a_text_stands_for_an_object_until_it_is_given_again():
    module = nn.Linear(2, 2)
    config = with_settings(PolicyExperiment(), {"policy.architecture": module, "env.id": dict})
    plain = plain_experiment(config)
    assert plain["policy"]["architecture"] == "object torch.nn.modules.linear.Linear"
    assert plain["env"]["id"] == "object builtins.dict"
    restored = restore_experiment(plain)
    assert restored.policy.architecture == "object torch.nn.modules.linear.Linear"
    assert with_objects(restored, {"policy.architecture": module, "env.id": dict}) == config
    assert plain_experiment(with_objects(restored, {"env.id": dict})) == plain


def test_values_that_are_not_learned_are_part_of_what_a_module_is():
    texts = set()
    for values in ([1.0, 2.0], [1.0, 3.0]):
        module = nn.Linear(2, 2)
        module.register_buffer("scale", torch.tensor(values))
        config = with_settings(PolicyExperiment(), {"policy.architecture": module})
        texts.add(plain_experiment(config)["policy"]["architecture"])
        with torch.no_grad():
            module.weight.zero_()  # is learned
        texts.add(plain_experiment(config)["policy"]["architecture"])
    assert len(texts) == 2
