"""Several processes that share the tasks of a meta-batch learn what one alone does."""

import pytest
import torch
from programs import TINY
from sinusoids import TINY_SINUSOID
from teams import team

from mamlrl.distributed.exchange import gather
from mamlrl.distributed.joining import joined
from mamlrl.experiments.command_line import load_config
from mamlrl.learners.build import make_learner
from mamlrl.learners.validation import Validation

FIVE = ["--meta_batch_size=5"]


def learn(config, iterations=5):
    """Trains in double precision; returns the metrics of every iteration and the final parameters."""
    learner = make_learner(config)
    learner.params = learner.params.double()
    if config.kind == "supervised":
        sample = learner.sample
        learner.sample = lambda: as_double(sample())
        learner._validation = as_double(learner._validation)
    adam = getattr(learner.optimizer, "_adam", learner.optimizer)
    if hasattr(adam, "_state"):
        adam._state = {name: value.double() for name, value in adam._state.items()}
    rows = [learner.iterate() for _ in range(iterations)]
    rows = [{name: value for name, value in row.items() if "second" not in name} for row in rows]
    return rows, learner.params


def as_double(examples):
    parts = [
        type(part)(**{name: value.double() for name, value in vars(part).items()})
        for part in (examples.support, examples.query)
    ]
    return type(examples)(*parts)


def assert_ranks_learn_the_same(config, sizes, folder, iterations=5):
    rows, params = learn(config, iterations)

    def work(rank):
        with joined():
            torch.save(learn(config, iterations), folder / f"{rank}.pt")
        return 0

    for size in sizes:
        for ended in team(size, work):
            assert ended.status == 0, str(ended)
        for rank in range(size):
            found, reached = torch.load(folder / f"{rank}.pt")
            for row, expected in zip(found, rows, strict=True):
                assert row == pytest.approx(expected, rel=1e-5, abs=1e-9, nan_ok=True)
            torch.testing.assert_close(reached, params, rtol=1e-5, atol=1e-9)


def test_2d_navigation_is_learned_alike_by_any_number_of_processes(tmp_path):
    config = load_config("navigation2d", [*TINY[1:], *FIVE, "--sampling.groups=2"])
    assert_ranks_learn_the_same(config, (2, 3), tmp_path)


@pytest.mark.parametrize(
    "options",
    [
        ["--sampling.unit=transitions", "--env.kwargs.horizon=30"],
        ["--outer_optimizer=promp", "--adaptation.loss=likelihood_ratio"],
        ["--adaptation.learned_step_size=per_layer", "--exploration_weight=1"],
        ["--sampling.normalize_observations=true"],
        ["--config=oracle"],
        ["--adaptation.steps=0", "--sampling.unit=transitions", "--sampling.normalize_observations=true"],
    ],
    ids=str,
)
def test_other_ways_to_learn_are_shared_too(options, tmp_path):
    assert_ranks_learn_the_same(load_config("navigation2d", [*TINY[1:], *FIVE, *options]), (2,), tmp_path, 2)


def test_simulations_are_shared_too(tmp_path):
    options = [*TINY[1:], "--meta_batch_size=3", "--env.kwargs.num_threads=1"]
    assert_ranks_learn_the_same(load_config("half_cheetah_velocity", options), (2,), tmp_path, 2)


def test_validation_tasks_are_shared_where_there_are_enough():
    options = ["--evaluation.every=1", "--evaluation.validation_tasks=2", "--evaluation.deterministic=true"]
    config = load_config("navigation2d", [*TINY[1:], "--meta_batch_size=3", *options])
    state = make_learner(config).state_dict()
    expected, score = Validation(config).measure(state)

    def work(rank):
        with joined():
            validation = Validation(config)
            tasks = gather(validation._evaluator._assembly.sampler.num_tasks)
            assert tasks == ([1, 1] if processes == 2 else [2, 2, 2])
            found, found_score = validation.measure(state)
            for metrics in (expected, found):
                metrics.pop("seconds/validation")
            assert found == pytest.approx(expected, rel=1e-5)
            assert found_score == pytest.approx(score, rel=1e-5)
        return 0

    for processes in (2, 3):
        for ended in team(processes, work):
            assert ended.status == 0, str(ended)


def test_supervised_tasks_are_shared_too(tmp_path):
    options = ["--meta_batch_size=5", "--compile=false"]
    assert_ranks_learn_the_same(load_config("sinusoid", [*TINY_SINUSOID[1:], *options]), (2, 3), tmp_path)


@pytest.mark.slow  # compiles three times
def test_compiled_meta_gradients_are_shared_too(tmp_path):
    eager, compiled = (
        load_config("sinusoid", [*TINY_SINUSOID[1:], f"--compile={value}"]) for value in (False, True)
    )
    expected = learn(eager)[1].float()

    def work(rank):
        with joined():
            learner = make_learner(compiled)
            for _ in range(5):
                learner.step()
            torch.testing.assert_close(learner.params, expected, rtol=1e-3, atol=1e-4)
        return 0

    for ended in team(2, work):
        assert ended.status == 0, str(ended)
