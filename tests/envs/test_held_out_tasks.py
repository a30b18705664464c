"""Tasks to train on, to choose by and to evaluate on that are kept apart: by distributions, lists and methods."""

import gymnasium
import numpy as np
import pytest
from ordinary_envs import FewTasks, Goal, Maml, Point
from programs import TINY, run

from mamlrl.envs.adapter.distributions import NumberDistribution
from mamlrl.envs.adapter.joint_distribution import JointDistribution
from mamlrl.envs.gymnasium_adapter import task_env
from mamlrl.errors import UserError
from mamlrl.sampling.build import make_task_env, make_task_envs
from mamlrl.sampling.env_settings import EnvConfig
from mamlrl.sampling.settings import SamplingConfig

SPLITS = ("sample_tasks", "sample_validation_tasks", "sample_test_tasks")


@pytest.fixture
def registered():
    name = "ordinary/HeldOut-v0"

    def register(env_class):
        gymnasium.register(id=name, entry_point=env_class)
        return name

    yield register
    gymnasium.registry.pop(name, None)


def make(identifier, num_envs=3, **settings):
    return make_task_env(EnvConfig(identifier, {"horizon": 5}, **settings), num_envs)


def drawn(env, count=200):
    """Tasks of each split, shape (count, number)."""
    return [getattr(env, method)(np.random.default_rng(0), count) for method in SPLITS]


def test_each_split_has_its_own_distribution_and_shares_keys_that_it_does_not_name(registered):
    env = make(
        registered(Point),
        tasks={"speed": {"uniform": [1, 2]}, "size": {"choice": [5, 6]}},
        validation_tasks={"speed": {"uniform": [2, 3]}},
        test_tasks={"size": {"choice": [7]}, "speed": {"log_uniform": [4, 8]}},
    )
    train, validation, test = drawn(env)
    for tasks, low, high in [(train, 1, 2), (validation, 2, 3), (test, 4, 8)]:
        assert low <= tasks[:, 0].min() < tasks[:, 0].max() <= high
    assert set(train[:, 1]) == set(validation[:, 1]) == {5, 6}
    assert set(test[:, 1]) == {7}
    np.testing.assert_array_equal([env.task_space.low, env.task_space.high], [[1, 5], [8, 7]])


def test_without_settings_of_their_own_all_splits_are_the_same(registered):
    tasks = {"speed": {"uniform": [1, 2]}}
    train, validation, test = drawn(make(registered(Point), tasks=tasks))
    np.testing.assert_array_equal(train, validation)
    np.testing.assert_array_equal(train, test)


def test_values_that_are_no_numbers_keep_their_numbers_in_all_splits(registered):
    near = {"kind": {"choice": ["near", "wide"]}}
    env = make(registered(Point), 2, tasks=near, test_tasks={"kind": {"choice": ["far"]}})
    train, _, test = drawn(env)
    assert set(train[:, 0]) == {0, 1}
    assert set(test[:, 0]) == {2}
    env.set_tasks(np.array([[1.0], [2.0]]))
    env.reset(seed=0)
    assert [each.env.unwrapped.kind for each in env._workers._batch.sub_envs] == ["wide", "far"]


LISTS = {
    "tasks": {"speed": {"list": [1, 2, 3]}, "size": {"list": [5, 6, 7]}},
    "validation_tasks": {"speed": {"list": [4]}, "size": {"list": [5]}},
    "test_tasks": {"speed": {"list": [1, 2]}, "size": {"list": [6, 7]}},
}


def test_tasks_of_lists_are_in_the_same_places_of_all_and_different(registered):
    env = make(registered(Point), **LISTS)
    assert set(map(tuple, drawn(env)[0])) == {(1, 5), (2, 6), (3, 7)}
    for seed in range(5):
        rng = np.random.default_rng(seed)
        assert len(np.unique(env.sample_tasks(rng, 3)[:, 0])) == 3
        assert sorted(map(tuple, env.sample_test_tasks(rng, 2))) == [(1, 6), (2, 7)]
    assert env.sample_validation_tasks(rng, 1).tolist() == [[4, 5]]


@pytest.mark.parametrize(
    ("split", "settings", "count", "words"),
    [
        ("train", LISTS, 4, "has 3 tasks, and 4 different ones are needed; lower meta_batch_size"),
        ("validation", LISTS, 2, "has 1 validation tasks, and 2 .* lower evaluation.validation_tasks"),
        ("test", LISTS, 3, "has 2 tasks, and 3 .* lower evaluation.tasks, or give more, see env.test_tasks"),
        ("validation", {"tasks": LISTS["tasks"]}, 1, "has 0 validation tasks.* give more .env.validation_tasks"),
    ],
)
def test_lists_that_are_too_short_are_refused(registered, split, settings, count, words):
    config = EnvConfig(registered(Point), {"horizon": 5}, **settings)
    with pytest.raises(UserError, match=words):
        make_task_envs(config, count, SamplingConfig(episodes_per_task=1), split=split)
    if count > 1:
        make_task_envs(config, count - 1, SamplingConfig(episodes_per_task=1), split=split)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (
            {**LISTS, "test_tasks": {"speed": {"list": [3]}, "size": {"list": [7]}}},
            "env.test_tasks: the task 3, 7 is one of env.tasks, too",
        ),
        (
            {**LISTS, "test_tasks": LISTS["validation_tasks"]},
            "env.test_tasks: the task 4, 5 is one of env.validation_tasks, too",
        ),
        (
            {"tasks": {"speed": {"choice": [1, 2]}}, "test_tasks": {"speed": {"choice": [2, 3]}}},
            "env.test_tasks: the task 2 is one of env.tasks, too",
        ),
        (
            {"tasks": {"speed": {"choice": [1]}}, "test_tasks": {"sped": {"choice": [2]}}},
            "env.test_tasks: sped: env.tasks has no such key; did you mean speed",
        ),
        (
            {"tasks": {"speed": {"uniform": [1, 2]}}, "test_tasks": {"speed": {"uniform": [4, 3]}}},
            "env.test_tasks: speed: uniform must be two numbers in increasing order",
        ),
        (
            {"tasks": {"speed": {"list": [1, 2]}, "size": {"list": [5]}}},
            "env.tasks: lists must be given for all keys or for none, and be equally long",
        ),
        (
            {"tasks": {"speed": {"list": [1, 2]}, "size": {"uniform": [5, 6]}}},
            "env.tasks: lists must be given for all keys",
        ),
        (
            {**LISTS, "test_tasks": {"speed": {"list": [9]}}},
            "env.test_tasks: lists must be given for all keys or for none, and be equally long",
        ),
        (
            {"tasks": {"kind": {"choice": ["near"]}}, "test_tasks": {"kind": {"choice": [1]}}},
            "env.tasks: kind: must have values of one kind in all splits, got number and text",
        ),
        (
            {"tasks": {"speed": {"uniform": [1, 2]}}, "test_tasks": {"speed": {"scale": {"uniform": [3, 4]}}}},
            "env.tasks: speed: must be scaled in all splits, or in none",
        ),
        (
            {"test_tasks": {"speed": {"uniform": [3, 4]}}},
            "env.test_tasks: goes with env.tasks, which is not given for ordinary/HeldOut-v0",
        ),
    ],
)
def test_splits_that_do_not_fit_are_refused(registered, settings, words):
    with pytest.raises(UserError, match=f"^{words}"):
        make(registered(Point), **settings)


@pytest.mark.parametrize("setting", ["test_tasks", "validation_tasks"])
def test_families_with_tasks_of_their_own_have_no_such_setting(setting):
    with pytest.raises(UserError, match=f"^env.{setting}: mamlrl/Navigation2D-v0 has tasks of its own"):
        make_task_env(EnvConfig(**{setting: {"goal_range": {"uniform": [1, 2]}}}), 2)


def choice(*values):
    return NumberDistribution("choice", list(values))


def row_list(*values):
    return NumberDistribution("list", list(values))


@pytest.mark.parametrize(
    ("one", "other", "common"),
    [
        ([choice(1, 2), choice(3, 4)], [choice(2), choice(4, 5)], (2, 4)),
        ([choice(1, 2), choice(3, 4)], [choice(2), choice(5)], None),
        ([row_list(1, 2), row_list(3, 4)], [row_list(1, 2), row_list(4, 3)], None),
        ([row_list(1, 2), row_list(3, 4)], [row_list(2), row_list(4)], (2, 4)),
        ([choice(1, 2), choice(3)], [row_list(5, 2), row_list(3, 3)], (2, 3)),
        ([choice(1, 2)], [NumberDistribution("uniform", [0, 3])], None),
    ],
)
def test_a_task_that_two_distributions_can_draw(one, other, common):
    one, other = JointDistribution(one), JointDistribution(other)
    assert one.common_with(other) == other.common_with(one) == common
    if common is not None:
        assert one.can_draw(common)
        assert other.can_draw(common)


class Split(Maml):
    """Has a method for each split."""

    def sample_validation_tasks(self, num_tasks):
        return [{"goal": np.array([2.0, index])} for index in range(3)]

    def sample_test_tasks(self, num_tasks):
        return [{"goal": np.array([3.0, index])} for index in range(4)]


def test_an_environment_has_a_method_for_each_split(registered):
    env = make(registered(Split), 3)
    for method, first in [("sample_validation_tasks", 2), ("sample_test_tasks", 3)]:
        env.set_tasks(getattr(env, method)(np.random.default_rng(0), 3))
        env.reset(seed=0)
        goals = [each.env.unwrapped.goal for each in env._workers._batch.sub_envs]
        assert {goal[0] for goal in goals} == {first}
        assert len({goal[1] for goal in goals}) == 3


def test_an_environment_without_such_methods_draws_other_tasks(registered):
    train, validation, test = drawn(make(registered(Maml)))
    assert train.max() < 1000 <= test.min()
    assert test.max() < 2000 <= validation.min()


def test_methods_that_return_the_same_task_are_refused(registered):
    class Leaking(Split):
        def sample_test_tasks(self, num_tasks):
            return [{"goal": np.array([2.0, 1])}]

    message = r"^env.id: sample_validation_tasks and sample_test_tasks both return {'goal': array\(\[2., 1.\]\)}"
    with pytest.raises(UserError, match=message):
        make(registered(Leaking))


def test_functions_have_a_split_each():
    def goals(first):
        return lambda rng, num_tasks: [Goal("", np.full(2, first + x)) for x in rng.uniform(size=num_tasks)]

    def set_task(env, task):
        env.unwrapped.goal = task.goal

    family = task_env(Point, goals(0), set_task, sample_validation_tasks=goals(1), sample_test_tasks=goals(2))
    env = family(3, horizon=5)
    for first, method in enumerate(SPLITS):
        env.set_tasks(getattr(env, method)(np.random.default_rng(0), 3))
        env.reset(seed=0)
        goals_set = [each.env.unwrapped.goal for each in env._workers._batch.sub_envs]
        assert first <= np.min(goals_set) <= np.max(goals_set) < first + 1


def test_few_tasks_leave_none_to_choose_by_and_nothing_is_written(registered, tmp_path, capsys):
    options = [*TINY, f"--env.id={registered(FewTasks)}", "--evaluation.every=1", '--env.kwargs={"horizon": 5}']
    assert run("train", *options, "--output", tmp_path / "run") == 2
    assert "has 0 validation tasks, and 20 different ones are needed" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
