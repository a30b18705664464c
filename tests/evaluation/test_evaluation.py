import json
import re
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from programs import TINY, run
from scipy import stats

from mamlrl.errors import UserError
from mamlrl.evaluation.build import evaluate
from mamlrl.evaluation.evaluation import evaluation_estimator, mean_interval
from mamlrl.experiments.command_line import load_config
from mamlrl.experiments.policy import PolicyExperiment
from mamlrl.networks.build import make_policy
from mamlrl.runs.checkpoints import load_checkpoint, save_checkpoint
from mamlrl.runs.saved import best_checkpoint, latest_checkpoint
from mamlrl.sampling.build import make_task_env
from mamlrl.sampling.sampler import Sampler
from mamlrl.sampling.settings import SamplingConfig


def tiny_config(*overrides):
    return load_config("navigation2d", [*TINY[1:], *overrides])


def make_env_and_policy(config):
    env = make_task_env(config.env, config.evaluation.tasks * config.evaluation.episodes_per_task)
    return env, make_policy(env.single_observation_space, env.single_action_space, config.policy)


def some_params(config, seed=0):
    _, policy = make_env_and_policy(config)
    return policy.init(torch.Generator().manual_seed(seed))


def evaluated(*overrides, seed=0):
    config = tiny_config(*overrides)
    return evaluate(config, some_params(config, seed))


def numbers(table):
    """Steps, means and half widths of the rows of printed tables."""
    rows = re.findall(r"^  step (\d+): +(\S+) \+- (\S+)$", table, flags=re.MULTILINE)
    return [(int(step), float(mean), float(width)) for step, mean, width in rows]


def rounded(rows):
    """What a table shows of JSON rows."""
    return [(row["step"], float(f"{row['mean']:.2f}"), float(f"{row['interval_95']:.2f}")) for row in rows]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained")
    for seed in (0, 1):
        options = [*TINY, "--iterations=2", f"--seed={seed}"]
        assert run("train", *options, "--output", folder / f"run{seed}") == 0
    return folder


@pytest.mark.parametrize("count", [2, 3, 40])
def test_mean_interval_is_scipys(count):
    values = np.random.default_rng(count).normal(3, 2, count)
    mean, half_width = mean_interval(values)
    low, high = stats.t.interval(0.95, count - 1, loc=np.mean(values), scale=stats.sem(values))
    assert (mean - half_width, mean + half_width) == pytest.approx((low, high))
    assert mean_interval(list(values)) == (mean, half_width)


def test_mean_interval_of_one_value_is_undefined_and_of_equal_values_zero():
    mean, half_width = mean_interval([2.5])
    assert mean == 2.5
    assert np.isnan(half_width)
    assert mean_interval([2.0, 2.0, 2.0]) == (2.0, 0.0)


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        (["--evaluation.steps=3"], (0.2, 0.1, 0.1)),
        (["--evaluation.steps=3", "--evaluation.first_step_size=0.4"], (0.4, 0.2, 0.2)),
        (["--evaluation.steps=3", "--evaluation.later_step_factor=1"], (0.2, 0.2, 0.2)),
        (["--evaluation.steps=2", "--evaluation.later_step_factor=0"], (0.2, 0.0)),
        (["--evaluation.steps=2", "--evaluation.first_step_size=0"], (0.0, 0.0)),
        (["--evaluation.steps=1"], (0.2,)),
        (["--evaluation.steps=0"], ()),
    ],
)
def test_step_sizes(overrides, expected):
    config = tiny_config("--adaptation.step_size=0.2", "--adaptation.steps=2", *overrides)
    estimator = evaluation_estimator(config, make_env_and_policy(config)[1])
    (size,) = estimator.rule.step_sizes.expand(torch.zeros(0)).unique()
    assert [scale * float(size) for scale in estimator.scales] == pytest.approx(expected)


def test_published_protocol_halves_the_step_size_after_the_first_step():
    assert evaluation_estimator(PolicyExperiment(), make_env_and_policy(PolicyExperiment())[1]).scales == (1.0, 0.5, 0.5)


@pytest.mark.parametrize(
    "inner_loop",
    [
        ["--adaptation.learned_step_size=one"],
        ["--adaptation.estimator=imaml", "--adaptation.proximal.weight=1"],
    ],
)
def test_a_first_step_size_needs_a_fixed_one_to_replace(inner_loop):
    config = tiny_config("--evaluation.first_step_size=0.1", *inner_loop)
    with pytest.raises(UserError, match="first_step_size"):
        evaluation_estimator(config, make_env_and_policy(config)[1])


@pytest.mark.parametrize("steps", [0, 1, 3])
def test_returns_are_of_every_step_and_task(steps):
    evaluation = evaluated(f"--evaluation.steps={steps}", "--evaluation.tasks=5")
    assert evaluation.returns.shape == (steps + 1, 5)
    assert evaluation.tasks.shape == (5, 2)
    assert np.isfinite(evaluation.returns).all()
    assert len(evaluation.adapted.rollouts) == steps + 1
    assert len(evaluation.step_scales) == steps
    for rollouts, returns in zip(evaluation.adapted.rollouts, evaluation.returns, strict=True):
        assert rollouts.rewards.shape[:2] == (5, 2)
        np.testing.assert_allclose((rollouts.rewards * rollouts.mask).sum(dim=2).mean(dim=1), returns)


def test_the_number_of_inner_steps_in_training_does_not_matter():
    one, three = evaluated("--adaptation.steps=1"), evaluated("--adaptation.steps=3")
    np.testing.assert_array_equal(one.returns, three.returns)


def test_evaluation_seed_determines_everything_and_training_seed_nothing():
    first = evaluated()
    np.testing.assert_array_equal(evaluated().returns, first.returns)
    np.testing.assert_array_equal(evaluated("--seed=99").returns, first.returns)
    other = evaluated("--evaluation.seed=1")
    assert not np.isclose(other.returns, first.returns).any()
    assert not np.isclose(other.tasks, first.tasks).any()


def test_two_checkpoints_are_evaluated_on_the_same_tasks():
    first, second = evaluated(seed=0), evaluated(seed=1)
    np.testing.assert_array_equal(first.tasks, second.tasks)
    assert not np.isclose(first.returns, second.returns).any()


def test_before_adaptation_the_meta_parameters_act():
    config = tiny_config()
    params = some_params(config)
    evaluation = evaluate(config, params)
    env, policy = make_env_and_policy(config)
    rng = np.random.default_rng(config.evaluation.seed)
    generator = torch.Generator().manual_seed(config.evaluation.seed)
    env.set_tasks(env.sample_tasks(rng, config.evaluation.tasks))
    sampling = SamplingConfig(config.evaluation.episodes_per_task)
    sampler = Sampler([env], policy, sampling, torch.device("cpu"))
    rollouts = sampler.sample(params, rng, generator)
    np.testing.assert_allclose(rollouts.task_returns(), evaluation.returns[0])
    torch.testing.assert_close(rollouts.actions, evaluation.adapted.rollouts[0].actions)


def test_each_step_descends_by_its_step_size():
    evaluation = evaluated("--evaluation.first_step_size=0.3", "--evaluation.later_step_factor=0.2")
    adaptation = evaluation.adapted.adaptation
    assert evaluation.step_scales == pytest.approx((1.0, 0.2))
    for update, step_size in zip(adaptation.updates, (0.3, 0.06), strict=True):
        expected = update.path[0] - step_size * update.gradients[0]
        torch.testing.assert_close(update.params, expected)


def test_without_a_step_size_the_parameters_stay():
    adaptation = evaluated("--evaluation.first_step_size=0").adapted.adaptation
    assert torch.equal(adaptation.initial, adaptation.phi)


def test_every_step_samples_fresh_episodes():
    first, second, third = evaluated("--evaluation.first_step_size=0").adapted.rollouts
    assert not torch.isclose(first.actions, second.actions).any()
    assert not torch.isclose(second.actions, third.actions).any()


def test_parameters_of_another_policy_are_refused():
    with pytest.raises(UserError, match="parameters"):
        evaluate(tiny_config(), torch.zeros(7))


def test_evaluation_by_transitions_collects_at_least_the_budget():
    near = ["--env.kwargs.goal_range=0.005", "--sampling.rescale_actions=false"]
    near += ["--policy.initial_std=0.02", "--policy.min_std=1e-6"]
    evaluation = evaluated("--sampling.unit=transitions", *near, "--evaluation.first_step_size=1e-5")
    assert evaluation.returns.shape == (3, 3)
    assert np.isfinite(evaluation.returns).all()
    for rollouts in evaluation.adapted.rollouts:
        lengths = rollouts.mask.sum(dim=2)
        assert (lengths.sum(dim=1) >= 2 * 10).all()
        assert ((lengths > 0).sum(dim=1) > 2).any()  # episodes that end early leave room for more


def test_summary_holds_mean_interval_and_every_return():
    evaluation = evaluated()
    for step, row in enumerate(evaluation.summary()):
        low, high = stats.t.interval(0.95, 2, np.mean(row["returns"]), stats.sem(row["returns"]))
        assert row["step"] == step
        assert row["returns"] == evaluation.returns[step].tolist()
        assert (row["mean"] - row["interval_95"], row["mean"] + row["interval_95"]) == pytest.approx((low, high))


def test_json_holds_what_evaluate_returns(trained, tmp_path, capsys):
    options = ["--evaluation.seed=5", "--sampling.unit=transitions", "--json", tmp_path / "new/e.json"]
    assert run("evaluate", trained / "run0", *options) == 0
    [record] = json.loads((tmp_path / "new/e.json").read_text())
    path = best_checkpoint(trained / "run0")
    config, state = load_checkpoint(path)
    config = replace(
        config,
        evaluation=replace(config.evaluation, seed=5),
        sampling=replace(config.sampling, unit="transitions"),
    )
    evaluation = evaluate(config, state["params"])
    assert record["steps"] == evaluation.summary()
    assert [list(row) for row in record["steps"]] == [["step", "mean", "interval_95", "returns"]] * 3
    assert record["tasks"] == evaluation.tasks.tolist()
    assert record["step_scales"] == list(evaluation.step_scales)
    expected = {
        "checkpoint": str(path),
        "iteration": state["iteration"],
        "seed": 0,
        "env": "mamlrl/Navigation2D-v0",
        "sampling_unit": "transitions",
        "episodes_per_task": 2,
        "evaluation_seed": 5,
    }
    assert expected.items() <= record.items()
    assert numbers(capsys.readouterr().out) == rounded(record["steps"])


def test_json_of_a_single_task_is_valid(trained, tmp_path):
    assert run("evaluate", trained / "run0", "--evaluation.tasks=1", "--json", tmp_path / "e.json") == 0

    def refuse(name):
        raise AssertionError(f"{name} is not JSON (RFC 8259)")

    json.loads((tmp_path / "e.json").read_text(), parse_constant=refuse)


def test_a_table_is_printed_for_one_checkpoint(trained, capsys):
    assert run("evaluate", trained / "run0") == 0
    output, error = capsys.readouterr()
    lines = output.splitlines()
    assert lines[0].startswith(f"{best_checkpoint(trained / 'run0')}, meta-iteration ")
    assert "3 tasks x 2 episodes" in lines[0]
    assert [step for step, _, _ in numbers(output)] == [0, 1, 2]
    assert len(lines) == 4
    assert error == ""


def test_several_checkpoints_have_a_table_each_and_one_over_them(trained, tmp_path, capsys):
    runs = [trained / "run0", trained / "run1"]
    assert run("evaluate", *runs, "--json", tmp_path / "e.json") == 0
    records = json.loads((tmp_path / "e.json").read_text())
    assert [record["seed"] for record in records] == [0, 1]
    assert records[0]["tasks"] == records[1]["tasks"]
    output = capsys.readouterr().out
    rows = numbers(output)
    assert len(rows) == 9
    assert rows[:3] + rows[3:6] == rounded(records[0]["steps"] + records[1]["steps"])
    for step, (_, mean, half_width) in enumerate(rows[6:]):
        means = [record["steps"][step]["mean"] for record in records]
        low, high = stats.t.interval(0.95, 1, np.mean(means), stats.sem(means))
        assert (mean, half_width) == pytest.approx(((low + high) / 2, (high - low) / 2), abs=0.0051)


def test_a_file_and_a_folder_name_the_same_checkpoint(trained, capsys):
    assert run("evaluate", trained / "run0") == 0
    by_folder = capsys.readouterr().out
    assert run("evaluate", best_checkpoint(trained / "run0")) == 0
    assert capsys.readouterr().out == by_folder
    assert run("evaluate", latest_checkpoint(trained / "run0")) == 0
    assert "meta-iteration 2" in capsys.readouterr().out


def test_each_checkpoint_is_evaluated_with_the_settings_saved_in_it(trained, tmp_path, capsys):
    shutil.copytree(trained / "run1", tmp_path / "other")
    path = best_checkpoint(tmp_path / "other")
    config, state = load_checkpoint(path)
    config = replace(config, env=replace(config.env, kwargs={"horizon": 4}))
    save_checkpoint(path, config, state)
    assert run("evaluate", trained / "run0", tmp_path / "other", "--json", tmp_path / "e.json") == 0
    first, second = json.loads((tmp_path / "e.json").read_text())
    original, params = load_checkpoint(best_checkpoint(trained / "run0"))
    assert first["steps"] == evaluate(original, params["params"]).summary()
    assert second["steps"] == evaluate(config, state["params"]).summary()


def test_checkpoints_with_different_numbers_of_steps_have_no_common_table(trained, tmp_path, capsys):
    shutil.copytree(trained / "run1", tmp_path / "other")
    path = best_checkpoint(tmp_path / "other")
    config, state = load_checkpoint(path)
    save_checkpoint(path, replace(config, evaluation=replace(config.evaluation, steps=1)), state)
    runs = [trained / "run0", tmp_path / "other"]
    assert run("evaluate", *runs, "--json", tmp_path / "e.json") == 0
    assert [len(record["steps"]) for record in json.loads((tmp_path / "e.json").read_text())] == [3, 2]
    assert [step for step, _, _ in numbers(capsys.readouterr().out)] == [0, 1, 2, 0, 1]
    assert run("evaluate", *runs, "--evaluation.steps=1") == 0
    assert [step for step, _, _ in numbers(capsys.readouterr().out)] == [0, 1] * 3


def test_nothing_in_a_run_changes_when_it_is_evaluated(trained):
    before = {path: path.read_bytes() for path in trained.rglob("*") if path.is_file()}
    assert run("evaluate", trained / "run0", trained / "run1") == 0
    assert {path: path.read_bytes() for path in trained.rglob("*") if path.is_file()} == before
