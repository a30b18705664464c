"""Configs laid over one another, over what was saved, and options over them."""

import dataclasses

import pytest
from command_lines import parsed

from mamlrl.errors import UserError
from mamlrl.experiments.command_line import load_config
from mamlrl.sampling.build import EnvConfig


def overlay(folder, **files):
    """Writes configs; returns the option that lays each over the ones before."""
    for name, text in files.items():
        (folder / f"{name}.yaml").write_text(text)
    return [f"--config={folder / name}.yaml" for name in files]


def test_a_config_file_beats_what_was_saved():
    saved = load_config("navigation2d", ["--adaptation.step_size=0.7", "--seed=9"])
    _, config = parsed("--output=x", "--config=navigation2d", saved=saved)
    assert config.adaptation.step_size == load_config("navigation2d").adaptation.step_size != 0.7
    _, config = parsed("--output=x", "--config=promp", saved=saved)
    assert (config.outer_optimizer, config.adaptation.step_size, config.seed) == ("promp", 0.7, 9)


def test_configs_are_laid_over_one_another_and_options_over_them(tmp_path):
    options = overlay(
        tmp_path,
        below="seed: 1\nadaptation: {steps: 2, step_size: 0.3}\nenv: {kwargs: {horizon: 9}}\n",
        above="adaptation: {step_size: 0.4}\nenv: {kwargs: {goal_range: 2}}\n",
    )
    _, config = parsed("--output=x", "--config=navigation2d", *options, "--adaptation.gradient_steps=5")
    assert config == load_config("navigation2d", [*options, "--adaptation.gradient_steps=5"])
    adaptation = config.adaptation
    assert (config.seed, adaptation.steps, adaptation.step_size, adaptation.gradient_steps) == (1, 2, 0.4, 5)
    assert config.env.kwargs["goal_range"] == 2
    _, turned = parsed("--output=x", "--config=navigation2d", *reversed(options))
    assert turned.adaptation.step_size == 0.3


def test_an_overlay_of_a_method_changes_the_method_alone():
    base = load_config("navigation2d")
    config = load_config("navigation2d", ["--config=promp"])
    assert config == dataclasses.replace(
        base, outer_optimizer="promp", adaptation=dataclasses.replace(base.adaptation, loss="likelihood_ratio")
    )


def test_an_overlay_for_another_kind_is_refused_by_its_name():
    with pytest.raises(UserError, match=r"^config promp: outer_optimizer must be one of adam, got promp$"):
        load_config("sinusoid", ["--config=promp"])


def test_overrides_beat_the_file_and_the_last_one_wins():
    config = load_config(
        "navigation2d",
        [
            "--trust_region.max_kl", "0.02", "--trust_region.max_kl=0.03", "--policy.hidden_sizes=[7, 6, 5]",
            "--env.kwargs.horizon=9", "--sampling.rescale_actions=false", "--evaluation.first_step_size=0.4",
            "--adaptation.estimator=first_order", "--device=cuda", "--adaptation.step_size=1e-3",
        ],
    )  # fmt: skip
    before = load_config("navigation2d")
    assert config == dataclasses.replace(
        before,
        env=EnvConfig(before.env.id, {**before.env.kwargs, "horizon": 9}),
        policy=dataclasses.replace(before.policy, hidden_sizes=(7, 6, 5)),
        sampling=dataclasses.replace(before.sampling, rescale_actions=False),
        adaptation=dataclasses.replace(before.adaptation, estimator="first_order", step_size=0.001),
        trust_region=dataclasses.replace(before.trust_region, max_kl=0.03),
        evaluation=dataclasses.replace(before.evaluation, first_step_size=0.4),
        device="cuda",
    )


def test_whole_environment_kwargs_can_be_replaced():
    assert load_config("navigation2d", ['--env.kwargs={"horizon": 5}']).env.kwargs == {"horizon": 5}
