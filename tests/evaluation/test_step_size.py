"""Step sizes are chosen on validation tasks alone."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from image_folders import make_omniglot
from programs import TINY, run
from sinusoids import tiny

from mamlrl import choose_step_size, evaluate, load_config, make_learner
from mamlrl.errors import UserError
from mamlrl.evaluation.step_size import VALIDATION_SEED, with_step_size
from mamlrl.supervised.build import make_supervised_tasks


def navigation(*options):
    return load_config("navigation2d", [*TINY[1:], *options])


def params_of(config, seed=0):
    return make_learner(replace(config, seed=seed)).params


def test_the_best_mean_over_steps_tasks_and_parameters_is_chosen():
    config = tiny("--evaluation.steps=2")
    params, sizes = [params_of(config, seed) for seed in (0, 1)], [0.001, 0.1, 0.3]
    choice = choose_step_size(config, params, sizes, num_tasks=5)
    validation = replace(config, evaluation=replace(config.evaluation, tasks=5, seed=VALIDATION_SEED))
    for size in sizes:
        losses = [
            evaluate(with_step_size(validation, size), each, validation=True).metrics["loss"][1:]
            for each in params
        ]
        assert choice.scores[size] == pytest.approx(-np.mean(losses))
    assert choice.scores[choice.step_size] == max(choice.scores.values())
    assert (choice.tasks, choice.seed) == (5, VALIDATION_SEED)


def test_tasks_for_validation_are_not_those_of_the_evaluation():
    config = navigation()
    params = params_of(config)
    validation = replace(config, evaluation=replace(config.evaluation, seed=VALIDATION_SEED))
    chosen_on = evaluate(validation, params, validation=True).tasks
    assert not np.isclose(chosen_on, evaluate(config, params).tasks).any()


def test_tasks_for_validation_are_drawn_from_the_distribution_to_train_on():
    short = ["--env.kwargs.horizon=2", "--evaluation.episodes_per_task=1"]
    config = load_config("half_cheetah_crippled", [*short, "--evaluation.tasks=30", "--evaluation.steps=0"])
    params = params_of(replace(config, meta_batch_size=1))
    trained, tested = (set(evaluate(config, params, validation=each).tasks.ravel()) for each in (True, False))
    family = make_learner(replace(config, meta_batch_size=1)).sampler.env
    assert trained == set(family.sample_tasks(np.random.default_rng(0), 300).ravel())
    assert tested == set(family.sample_test_tasks(np.random.default_rng(0), 300).ravel())


def test_classes_for_validation_are_those_of_that_split(tmp_path):
    data = make_omniglot(tmp_path, characters=6)
    options = [f"--data.folder={data}", "--data.ways=2", "--data.queries=2", "--evaluation.queries=2"]
    config = load_config("strokes", [*options, "--network.hidden_sizes=[2]", "--evaluation.tasks=3"])
    params = params_of(config)
    config = replace(config, evaluation=replace(config.evaluation, seed=5))
    for validation, split in ((True, "val"), (False, "test")):
        examples = evaluate(config, params, validation=validation).examples
        tasks = make_supervised_tasks(config.data, split)
        expected = tasks.sample(np.random.default_rng(5), 3, 1, 2)
        assert torch.equal(examples.query.observations, expected.query.observations)


def test_a_step_size_that_diverges_is_not_chosen():
    config = tiny("--evaluation.steps=30", "--evaluation.later_step_factor=1")
    choice = choose_step_size(config, [params_of(config)], [0.001, 1e6], num_tasks=3)
    assert choice.step_size == 0.001
    assert choice.scores[1e6] is None
    with pytest.raises(UserError, match=r"^step_sizes: adaptation diverges with each of 1e\+06; "):
        choose_step_size(config, [params_of(config)], [1e6], num_tasks=3)


@pytest.mark.parametrize(
    ("options", "sizes", "message"),
    [
        ([], [], "^step_sizes: must be different numbers"),
        ([], [0.1, 0.1], "^step_sizes: must be different numbers"),
        (["--evaluation.steps=0"], [0.1], r"^evaluation\.steps: without steps"),
        ([f"--evaluation.seed={VALIDATION_SEED}"], [0.1], r"^evaluation\.seed: "),
        (["--adaptation.learned_step_size=one"], [0.1], r"^evaluation\.first_step_size only replaces a fixed"),
    ],
)
def test_what_cannot_be_chosen_is_refused(options, sizes, message):
    config = tiny(*options)
    with pytest.raises(UserError, match=message):
        choose_step_size(config, [params_of(config)], sizes)


def test_the_program_records_its_choice_and_evaluates_with_it(tmp_path, capsys):
    for seed in (0, 1):
        assert run("train", *TINY, "--config=random", f"--seed={seed}", f"--output={tmp_path / str(seed)}") == 0
    runs, file = [tmp_path / "0", tmp_path / "1"], tmp_path / "evaluation.json"
    assert run("evaluate", *runs, "--step_sizes", "0.1", "2", f"--json={file}") == 0
    records = json.loads(file.read_text())
    choice = records[0]["step_size_choice"]
    assert choice == records[1]["step_size_choice"]
    assert set(choice["scores"]) == {"0.1", "2"}
    assert choice["seed"] == VALIDATION_SEED
    best = choice["step_size"]
    assert f"step size {best:g}, the best of 2 on 40 validation tasks" in capsys.readouterr().out
    again = tmp_path / "again.json"
    assert run("evaluate", *runs, f"--evaluation.first_step_size={best}", f"--json={again}") == 0
    assert [each["steps"] for each in json.loads(again.read_text())] == [each["steps"] for each in records]
    assert run("evaluate", *runs, "--step_sizes", "0.1", "--evaluation.first_step_size=1") == 2
    assert "evaluation.first_step_size: is chosen from --step_sizes" in capsys.readouterr().err
