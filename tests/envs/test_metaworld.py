"""The adapter of Meta-World, on a package that looks like it: benchmarks, tasks, errors."""

import sys

import gymnasium
import numpy as np
import pytest
from fake_metaworld import NAMES, SawyerXYZEnv, forget, use_fake_metaworld

from mamlrl import load_config, train
from mamlrl.envs.metaworld import ID
from mamlrl.envs.metaworld_tasks import BenchmarkTasks
from mamlrl.errors import UserError
from mamlrl.sampling.build import EnvConfig, make_task_env
from mamlrl.sampling.conformance import check_task_env

REACH = {"benchmark": "ML1", "name": "reach-v3"}


@pytest.fixture(autouse=True)
def fake(monkeypatch):
    use_fake_metaworld(monkeypatch)
    yield
    forget()


def make(num_envs=4, **kwargs):
    return gymnasium.make_vec(ID, num_envs=num_envs, **{**REACH, **kwargs})


def make_benchmark(benchmark, num_envs=1, **kwargs):
    return gymnasium.make_vec(ID, num_envs=num_envs, benchmark=benchmark, **kwargs)


def names_of(env, tasks):
    return [env.describe_task(task).split(",")[0] for task in tasks]


def test_it_keeps_the_promises_of_task_environments():
    check_task_env(make(horizon=12))


def test_ml1_trains_on_goals_of_one_environment_and_tests_on_others():
    env, rng = make(), np.random.default_rng(0)
    assert env.horizon == 500
    train, test = env.sample_tasks(rng, 50), env.sample_test_tasks(rng, 50)
    assert sorted(train[:, 0]) == list(range(50))
    assert sorted(test[:, 0]) == list(range(50, 100))
    goals = [env.describe_task(task) for task in (*train, *test)]
    assert len(set(goals)) == 100
    assert set(names_of(env, train)) == {"reach-v3"}
    other = make(seed=1)
    assert {other.describe_task(task) for task in train} == {env.describe_task(task) for task in test}


@pytest.mark.parametrize(
    ("benchmark", "train", "test"), [("ML10", NAMES[:10], NAMES[10:15]), ("ML45", NAMES[5:], NAMES[:5])]
)
def test_tasks_are_spread_over_all_environments(benchmark, train, test):
    env, rng = make_benchmark(benchmark), np.random.default_rng(0)
    for sample, names in ((env.sample_tasks, train), (env.sample_test_tasks, test)):
        tasks = sample(rng, 2 * len(names))
        assert names_of(env, tasks) == sorted(2 * names)
        assert len(np.unique(tasks)) == len(tasks)
        counts = np.unique(names_of(env, sample(rng, len(names) + 3)), return_counts=True)[1]
        assert sorted(counts) == [1] * (len(names) - 3) + [2] * 3


@pytest.mark.parametrize(("benchmark", "names"), [("ML1", NAMES[:1]), ("ML10", NAMES[:10]), ("ML45", NAMES[5:])])
def test_goals_for_validation_are_neither_trained_nor_tested_on(benchmark, names):
    name = {"name": "reach-v3"} if benchmark == "ML1" else {}
    env, whole = (make_benchmark(benchmark, **name, validation_goals=goals) for goals in (10, 0))
    rng, count = np.random.default_rng(0), len(names)
    train, validation = env.sample_tasks(rng, 40 * count), env.sample_validation_tasks(rng, 10 * count)
    assert names_of(env, validation) == sorted(10 * names)
    trained, chosen_by = ({env.describe_task(task) for task in tasks} for tasks in (train, validation))
    assert (len(trained), len(chosen_by)) == (40 * count, 10 * count)
    assert trained | chosen_by == {whole.describe_task(task) for task in whole.sample_tasks(rng, 50 * count)}
    tests = [each.sample_test_tasks(rng, 50 if benchmark == "ML1" else 250) for each in (env, whole)]
    tested = {env.describe_task(task) for task in tests[0]}
    assert tested == {whole.describe_task(task) for task in tests[1]}
    assert not tested & (trained | chosen_by)


def test_no_goals_are_kept_for_validation_unless_they_are_asked_for():
    with pytest.raises(ValueError, match="there are no validation tasks in the list"):
        make().sample_validation_tasks(np.random.default_rng(0), 2)


def test_training_is_validated_on_its_own_goals(tmp_path):
    options = ["--meta_batch_size", "2", "--sampling.episodes_per_task", "2", "--iterations", "1"]
    options += ["--evaluation.every", "1", "--evaluation.validation_tasks", "3", "--env.kwargs.horizon", "4"]
    with pytest.raises(UserError, match=r"0 validation tasks, and 3 .* Meta-World, env.kwargs.validation_goals"):
        train(load_config("ml1_reach_small", options), tmp_path / "refused")
    assert not (tmp_path / "refused").exists()
    config = load_config("ml1_reach_small", [*options, "--env.kwargs.validation_goals", "3"])
    train(config, tmp_path / "run")
    header, *rows = (tmp_path / "run" / "metrics.csv").read_text().splitlines()
    assert "validation/return/step_1" in header.split(",")
    assert len(rows) == 1


def test_the_rest_of_the_tasks_is_of_other_environments_each_time():
    env, rng = make_benchmark("ML10"), np.random.default_rng(0)
    assert len({tuple(names_of(env, env.sample_tasks(rng, 3))) for _ in range(10)}) > 3


def test_an_environment_is_made_for_each_task_and_kept_while_its_name_stays(monkeypatch):
    made = []
    monkeypatch.setattr(SawyerXYZEnv, "__init__", spied(SawyerXYZEnv.__init__, made))
    env = make_benchmark("ML10", num_envs=20)
    made.clear()
    for seed in range(3):
        env.set_tasks(env.sample_tasks(np.random.default_rng(seed), 10))
        env.reset(seed=seed)
    assert len(made) == 20


def spied(method, calls):
    def spy(self, *args, **kwargs):
        calls.append(type(self))
        method(self, *args, **kwargs)

    return spy


def test_goals_are_those_of_the_tasks_and_rewards_of_version_2():
    env = make(2, horizon=500)
    tasks = env.sample_tasks(np.random.default_rng(0), 2)
    env.set_tasks(tasks)
    env.reset(seed=0)
    goals = np.array([eval_goal(env.describe_task(task)) for task in tasks])
    actions = np.concatenate([np.clip(goals * 10, -1, 1), np.zeros((2, 1))], axis=1)
    _, rewards, *_ = env.step(actions)
    np.testing.assert_allclose(
        rewards, 10 * np.exp(-np.linalg.norm(0.1 * actions[:, :3] - goals, axis=1)), rtol=0.05
    )


def eval_goal(text):
    return [float(number) for number in text.split("[")[1].rstrip("]").split()]


def test_episodes_end_where_meta_world_would_take_no_more_steps():
    env = make(1)
    env.reset(seed=0)
    flags = [env.step(np.zeros((1, 4)))[2:4] for _ in range(500)]
    assert not any(terminated or truncated for terminated, truncated in flags[:-1])
    assert flags[-1] == (False, True)


def test_processes_step_it_with_the_same_results():
    rewards = []
    for workers in (0, 2):
        env = make(4, horizon=5, workers=workers)
        env.set_tasks(env.sample_tasks(np.random.default_rng(0), 2))
        env.reset(seed=0)
        rewards.append([env.step(np.full((4, 4), 0.5))[1] for _ in range(5)])
        env.close()
    np.testing.assert_array_equal(*rewards)


def test_pictures_are_upright():
    env = make(1, render_mode="rgb_array")
    env.reset(seed=0)
    (picture,) = env.render()
    assert picture.shape == (240, 240, 3)
    assert (picture[:5, :5].min(), picture[-5:, -5:].max()) == (200, 0)


def test_an_ordinary_environment_has_one_task():
    env = gymnasium.make(ID, disable_env_checker=True, **REACH).unwrapped
    env.set_task(env.sample_tasks(np.random.default_rng(0), 1)[0])
    observation, _ = env.reset(seed=0)
    assert observation.shape == (39,)
    assert isinstance(env.step(np.zeros(4))[1], float)


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"benchmark": "ML1"}, "name must be an environment of Meta-World, such as reach-v3, got None"),
        ({"name": "reach"}, "got 'reach'; did you mean reach-v3?"),
        ({"benchmark": "ML10", "name": "reach-v3"}, "name must be left out: ML10 has environments of its own"),
        ({"benchmark": "ML100"}, "benchmark must be one of ML1, ML10, ML45, got 'ML100'"),
        ({**REACH, "horizon": 501}, "horizon must be at most 500, got 501"),
        ({**REACH, "horizon": 0}, "horizon must be a whole number of at least 1"),
        ({**REACH, "validation_goals": 50}, "validation_goals must be at most 49, got 50"),
        ({**REACH, "validation_goals": -1}, "validation_goals must be a whole number of at least 0"),
        ({**REACH, "seed": -1}, "seed must be a whole number of at least 0"),
        ({**REACH, "reward_function_version": "v3"}, "reward_function_version must be one of v1, v2"),
        ({**REACH, "goals": 3}, "takes no argument 'goals'"),
    ],
)
def test_arguments_that_make_no_sense_are_one_line(kwargs, message):
    with pytest.raises(UserError) as caught:
        make_task_env(EnvConfig(ID, kwargs), 2)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_tasks_in_yaml_are_refused():
    with pytest.raises(UserError, match=f"env.tasks: {ID} has tasks of its own; leave them out"):
        make_task_env(EnvConfig(ID, REACH, {"gravity": {"uniform": [1, 2]}}), 2)


def test_where_it_is_not_installed_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "metaworld", None)
    forget()
    with pytest.raises(UserError, match=r"Meta-World cannot be imported .*pip install 'mamlrl\[metaworld\]'"):
        make_task_env(EnvConfig(ID, REACH), 2)


def test_welds_get_eleven_numbers_and_others_stay_as_they_are():
    assert isinstance(make(1).task_source, BenchmarkTasks)
    model = SawyerXYZEnv().model
    np.testing.assert_array_equal(model.eq_data, [np.ones(12), [0, 0, 0, 0, 0, 0, -1, 0, 0, 0, 5, 1]])
