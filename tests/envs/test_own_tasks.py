"""Tasks that environments have by themselves: the shapes that people bring from other toolkits."""

import gymnasium
import numpy as np
import pytest
from ordinary_envs import FewTasks, Goal, Learn2Learn, Maml, Point, Unseeded

import mamlrl
from mamlrl.envs.adapter.listing import LISTED
from mamlrl.envs.gymnasium_adapter import task_env
from mamlrl.errors import UserError
from mamlrl.runs.saved import latest_checkpoint
from mamlrl.sampling.build import EnvConfig, make_task_env, make_task_envs
from mamlrl.sampling.settings import SamplingConfig


def make(identifier, num_envs=4):
    return make_task_env(EnvConfig(identifier, {"horizon": 5}), num_envs)


def goals_of(env):
    return np.array([each.env.unwrapped.goal for each in env._workers._batch.sub_envs])


@pytest.mark.parametrize("env_class", [Maml, Learn2Learn])
def test_the_shapes_of_other_toolkits_work_unchanged(registered, env_class):
    identifier = registered(env_class)
    env = make(identifier)
    tasks = env.sample_tasks(np.random.default_rng(0), 2)
    assert tasks.shape == (2, 1)
    env.set_tasks(tasks)
    start, _ = env.reset(seed=0)
    goals = goals_of(env)
    np.testing.assert_array_equal(goals[0], goals[1])
    assert not np.array_equal(goals[0], goals[2])
    rewards = env.step(np.zeros((4, 2)))[1]
    np.testing.assert_allclose(rewards, -np.linalg.norm(start - goals, axis=1), rtol=1e-6)

    again = make(identifier)  # a number is the same task in every environment, whatever the global state
    np.random.seed(5)  # noqa: NPY002
    again.set_tasks(tasks)
    np.testing.assert_array_equal(again.reset(seed=0)[0], start)
    np.testing.assert_array_equal(goals_of(again), goals)
    assert "goal" in env.describe_task(tasks[0])


def test_the_global_generator_is_left_as_it_was(registered):
    np.random.seed(0)  # noqa: NPY002
    expected = np.random.random(3)  # noqa: NPY002
    np.random.seed(0)  # noqa: NPY002
    make(registered(Learn2Learn))
    np.testing.assert_array_equal(np.random.random(3), expected)  # noqa: NPY002


@pytest.mark.parametrize("env_class", [Maml, Learn2Learn])
def test_tasks_to_evaluate_on_are_others(registered, env_class):
    env = make(registered(env_class))
    rng = np.random.default_rng(0)
    train, test = env.sample_tasks(rng, 300), env.sample_test_tasks(rng, 300)
    assert len(np.unique(train)) == len(np.unique(test)) == 300
    assert train.max() < LISTED <= test.min()
    assert test.max() < 2 * LISTED
    env.set_tasks(np.array([[0.0], [LISTED]]))
    env.reset(seed=0)
    assert not np.array_equal(goals_of(env)[0], goals_of(env)[2])


def test_a_method_of_a_wrapper_serves(registered):
    class Tasked(gymnasium.Wrapper):
        def sample_tasks(self, num_tasks):
            return list(range(num_tasks))

        def set_task(self, task):
            self.unwrapped.goal = np.full(2, task / 1000)

    identifier = registered(lambda **kwargs: Tasked(Point(**kwargs)))
    env = make(identifier, 2)
    env.set_tasks(np.array([[3.0], [5.0]]))
    env.reset(seed=0)
    np.testing.assert_array_equal(goals_of(env), [[0.003] * 2, [0.005] * 2])


def test_a_short_list_serves_few_tasks_and_no_more(registered):
    config = EnvConfig(registered(FewTasks), {"horizon": 5})
    sampling = SamplingConfig(episodes_per_task=2)
    (env,) = make_task_envs(config, 5, sampling)
    assert sorted(env.sample_tasks(np.random.default_rng(0), 5)[:, 0]) == [0, 1, 2, 3, 4]
    assert env.describe_task(np.array([3.0])) == "task 3: Goal(goal 3)"
    few = type("FewToTest", (Maml,), {"sample_test_tasks": lambda self, n: self.sample_tasks(3)})
    with pytest.raises(UserError, match="has 3 tasks, and 4 different ones"):
        make_task_envs(EnvConfig(registered(few), {"horizon": 5}), 4, sampling)
    with pytest.raises(UserError, match="has 5 tasks, and 6 different ones are needed; lower meta_batch_size"):
        make_task_envs(config, 6, sampling)


def test_objects_that_a_function_draws_are_listed():
    family = task_env(
        Point,
        lambda rng, num_tasks: [Goal(f"at {x:.1f}", np.full(2, x)) for x in rng.uniform(size=num_tasks)],
        lambda env, task: setattr(env.unwrapped, "goal", task.goal),
    )
    env = family(2, horizon=5)
    env.set_tasks(env.sample_tasks(np.random.default_rng(0), 2))
    env.reset(seed=0)
    assert (goals_of(env) > 0).all()
    assert "Goal(at 0." in env.describe_task(env.tasks[0])


@pytest.mark.parametrize(
    ("env_class", "message"),
    [
        (Unseeded, "sample_tasks draws other tasks each time, whatever the seed"),
        (
            type("Unset", (Point,), {"sample_tasks": lambda self, n: [0]}),
            "sample_tasks, and needs set_task or reset",
        ),
        (type("Empty", (Maml,), {"sample_tasks": lambda self, n: []}), "sample_tasks returned no tasks"),
        (type("None_", (Maml,), {"sample_tasks": lambda self, n: None}), "sample_tasks raised TypeError"),
        (type("Strict", (Maml,), {"reset_task": lambda self: None}), "reset raised TypeError.* in task"),
        (Point, "is not a task environment; say what differs"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_what_is_no_protocol_is_refused(registered, env_class, message):
    with pytest.raises(UserError, match=f"^env.id: [^\n]*{message}[^\n]*$"):
        make(registered(env_class))


def test_training_goes_on_from_a_checkpoint_with_the_same_tasks(registered, tmp_path):
    options = ["--env.id", registered(Maml), "--env.kwargs", '{"horizon": 5}', "--policy.hidden_sizes=[4]"]
    options += ["--meta_batch_size=2", "--sampling.episodes_per_task=2"]
    whole = mamlrl.load_config("default", [*options, "--iterations=2"])
    mamlrl.train(whole, tmp_path / "whole")
    mamlrl.train(mamlrl.load_config("default", [*options, "--iterations=1"]), tmp_path / "parts")
    mamlrl.train(whole, tmp_path / "parts", resume=True)
    whole_params, params = (
        mamlrl.load_checkpoint(latest_checkpoint(tmp_path / name))[1]["params"] for name in ("whole", "parts")
    )
    assert (whole_params == params).all()


def test_an_object_made_by_task_env_trains(tmp_path):
    def make_point(**kwargs):
        return Point(**kwargs)

    family = task_env(
        make_point,
        lambda rng, num_tasks: rng.uniform(-1, 1, (num_tasks, 2)),
        lambda env, task: setattr(env.unwrapped, "goal", task),
    )
    options = ["--policy.hidden_sizes=[4]", "--meta_batch_size=2", "--sampling.episodes_per_task=2"]
    config = mamlrl.load_config("navigation2d", [*options, "--iterations=1", "--env.kwargs.horizon=5"])
    config = mamlrl.with_settings(config, {"env.id": family, "env.kwargs": {"horizon": 5}})
    mamlrl.train(config, tmp_path / "run")
    saved, _ = mamlrl.load_checkpoint(latest_checkpoint(tmp_path / "run"))
    assert saved.env.id.endswith("make_point")
