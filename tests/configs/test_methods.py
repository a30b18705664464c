"""What the overlays promise: settings of a method, to lay over any experiment of the kinds that have them."""

import re
from pathlib import Path

import pytest
import yaml

from mamlrl.adaptation.build import make_estimator
from mamlrl.errors import UserError
from mamlrl.experiments.build import extends
from mamlrl.experiments.command_line import load_config
from mamlrl.experiments.files import config_names, config_path, method_names
from mamlrl.networks.context import ContextPolicy
from mamlrl.networks.gaussian import DiagonalGaussian
from mamlrl.networks.mlp import MlpPolicy

RESULTS = Path(__file__).parents[2] / "docs" / "results"
FOLDERS = {Path(config_path(name)).parent.name: name for name in config_names()}
WITH_METHODS = [name for name in config_names() if name.endswith(("_imaml", "_context"))]
DIFFERENT = sorted({*FOLDERS.values(), *WITH_METHODS})
KIND_OF = {name: load_config(name).kind for name in DIFFERENT}  # a config of each family, and those with a method
SPELLED_OUT = {
    "maml": [],
    "first_order": ["--adaptation.estimator=first_order"],
    "meta_sgd": ["--adaptation.learned_step_size=per_parameter"],
    "promp": ["--outer_optimizer=promp", "--adaptation.loss=likelihood_ratio"],
    "imaml": [
        "--adaptation.estimator=imaml",
        "--adaptation.loss=likelihood_ratio",
        "--adaptation.gradient_steps=4",
        "--adaptation.step_size=0.1",
        "--adaptation.proximal.optimizer=line_search",
        "--adaptation.proximal.weight=5",
        "--adaptation.proximal.damping=5",
        "--adaptation.proximal.cg_iterations=5",
        "--adaptation.proximal.cg_tolerance=1e-6",
    ],
    "linearized_imaml": [
        "--adaptation.estimator=linearized_imaml",
        "--adaptation.gradient_steps=2",
        "--adaptation.step_size=0.4",
        "--adaptation.proximal.weight=2",
        "--adaptation.proximal.optimizer=gradient_descent",
        "--adaptation.proximal.cg_iterations=2",
        "--adaptation.proximal.cg_tolerance=1e-3",
        "--adaptation.proximal.implicitness=0.5",
    ],
    "pretrained": ["--adaptation.steps=0"],
    "pretrained_classes": ["--kind=classifier", "--adaptation.steps=5", "--adaptation.step_size=0.03"],
    "random": ["--iterations=0"],
    "oracle": ["--env.wrappers=[task_observation]", "--adaptation.steps=0", "--evaluation.steps=0"],
    "oracle_inputs": ["--data.task_inputs=true", "--adaptation.steps=0", "--evaluation.steps=0"],
    "context": ["--policy.context_size=10", "--adaptation.adapted=context"],
    "e_maml": ["--exploration_weight=1"],
}
FOR_ONE_KIND = {
    **dict.fromkeys(("promp", "imaml", "oracle", "context", "e_maml"), "policy"),
    **dict.fromkeys(("oracle_inputs", "pretrained_classes"), "supervised"),
}
STATED_KIND = {"pretrained_classes": "classifier"}
EXAMPLES = {"pretrained_classes": "kanji_5way_1shot"}
EXAMPLE = {"policy": "navigation2d", "supervised": "sinusoid"}


def example_of(method):
    return EXAMPLES.get(method, EXAMPLE[FOR_ONE_KIND.get(method, "policy")])


every_method = pytest.mark.parametrize("method", SPELLED_OUT)


def test_all_overlays_are_here():
    assert sorted(SPELLED_OUT) == method_names()


@every_method
def test_an_overlay_is_its_settings_spelled_out(method):
    name = example_of(method)
    assert load_config(name, ["--config", method]) == load_config(name, SPELLED_OUT[method])


@every_method
def test_an_overlay_states_no_kind_but_one_that_extends_those_it_is_for(method):
    stated = yaml.safe_load(Path(config_path(method)).read_text()).get("kind")
    assert stated == STATED_KIND.get(method)
    assert stated is None or extends(stated, FOR_ONE_KIND[method])


@every_method
@pytest.mark.parametrize("name", KIND_OF)
def test_an_overlay_goes_over_configs_of_its_kinds(name, method):
    options = [f"--config={method}"]
    if KIND_OF[name] != FOR_ONE_KIND.get(method, KIND_OF[name]):
        disagree = f"kind: config {name} is of kind {KIND_OF[name]}, config {method} is of kind "
        with pytest.raises(UserError, match=f"^{disagree if method in STATED_KIND else f'config {method}: '}"):
            load_config(name, options)
        return
    config = load_config(name, options)
    network = MlpPolicy(1, DiagonalGaussian(1), (3,), "tanh")
    network = ContextPolicy(network, 2) if config.adaptation.adapted == "context" else network
    learned = network.num_parameters if method == "meta_sgd" else 0
    assert config.kind == STATED_KIND.get(method, KIND_OF[name])
    assert make_estimator(config.adaptation, network).rule.num_parameters == learned


@every_method
def test_maml_can_be_laid_over_every_other(method):
    adaptation = load_config(example_of(method), [f"--config={method}", "--config=maml"]).adaptation
    assert (adaptation.estimator, adaptation.learned_step_size, adaptation.proximal.weight) == ("maml", "none", 0)


@pytest.mark.parametrize("script", sorted(RESULTS.rglob("*.sh")), ids=lambda script: script.parent.name)
def test_scripts_name_configs_that_exist(script):
    text = script.read_text()
    named = re.findall(r"--config (\w+)", text)
    usage = re.search(r"^# +train\.sh FOLDER (.*)$", text, flags=re.MULTILINE)
    assert set(named) <= set(config_names())
    assert set(usage[1].split() if usage else []) <= set(method_names())
