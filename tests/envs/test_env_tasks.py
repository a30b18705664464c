"""Tasks of every registered environment: how they are sampled, set and refused."""

import numpy as np
import pytest
from env_cases import NUM_ENVS, every_case, every_family, make_batch, make_single, some_tasks


@every_case
@pytest.mark.parametrize("sample", ["sample_tasks", "sample_test_tasks"])
def test_sampled_tasks_have_the_shape_of_the_task_space_and_lie_in_it(case, sample):
    env = make_batch(case)
    tasks = getattr(env, sample)(np.random.default_rng(0), 50)
    assert tasks.shape == (50, *env.task_space.shape)
    assert all(env.task_space.contains(task.astype(env.task_space.dtype)) for task in tasks)


@every_case
def test_sampled_tasks_depend_on_the_generator_alone(case):
    env, other = make_batch(case), make_batch(case)
    env.reset(seed=0)
    other.reset(seed=1)
    np.random.seed(0)  # noqa: NPY002 (the global state must not matter)
    first = some_tasks(env, 50)
    np.random.seed(1)  # noqa: NPY002
    np.testing.assert_array_equal(first, some_tasks(other, 50))
    assert not np.array_equal(first, some_tasks(env, 50, seed=1))


@every_case
def test_sampling_tasks_advances_the_generator_and_sets_nothing(case):
    env, rng = make_batch(case), np.random.default_rng(0)
    env.reset(seed=0)
    before = env.tasks.copy()
    first, second = env.sample_tasks(rng, 50), env.sample_tasks(rng, 50)
    assert not np.array_equal(first, second)
    np.testing.assert_array_equal(env.tasks, before)


@every_case
@pytest.mark.parametrize("num_tasks", [1, 2, 3, NUM_ENVS])
def test_set_tasks_gives_equal_consecutive_groups_the_same_task(case, num_tasks):
    env = make_batch(case)
    tasks = some_tasks(env, num_tasks)
    env.set_tasks(tasks)
    env.reset(seed=0)
    for index in range(NUM_ENVS):
        np.testing.assert_array_equal(env.tasks[index], tasks[index // (NUM_ENVS // num_tasks)])


@every_case
def test_set_tasks_copies(case):
    env = make_batch(case)
    tasks = some_tasks(env, NUM_ENVS)
    env.set_tasks(tasks)
    expected = tasks.copy()
    tasks += 1
    np.testing.assert_array_equal(env.tasks, expected)


@every_case
def test_each_sub_environment_samples_a_task_of_its_own(case):
    env = make_batch(case)
    distinct = []
    for seed in range(5):
        env.reset(seed=seed)
        distinct.append(len(np.unique(env.tasks, axis=0)))
    assert max(distinct) > 1


@every_case
def test_tasks_once_set_survive_resets_and_until_then_each_reset_samples(case):
    env = make_batch(case)
    sampled = []
    for seed in range(5):
        env.reset(seed=seed)
        assert all(env.task_space.contains(task.astype(env.task_space.dtype)) for task in env.tasks)
        sampled.append(env.tasks.copy())
    assert any(not np.array_equal(sampled[0], tasks) for tasks in sampled[1:])

    tasks = some_tasks(env, NUM_ENVS)
    env.set_tasks(tasks)
    env.reset(seed=0)
    env.reset()
    np.testing.assert_array_equal(env.tasks, tasks)


@every_case
@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda tasks: tasks[None], "shape"),
        (lambda tasks: tasks[:0], "shape"),
        (lambda tasks: np.zeros((3, 7, 7)), "shape"),
        (lambda tasks: np.concatenate([tasks, tasks])[:4], "divide"),
        (lambda tasks: np.concatenate([tasks] * 4), "divide"),
        (lambda tasks: np.full_like(tasks, np.nan), "task 0.*outside"),
        (lambda tasks: ["north"], "tasks must be an array of numbers.*north"),
        (lambda tasks: [1.0, [2.0]], "tasks must be an array of numbers"),
    ],
)
def test_unfit_tasks_are_refused_and_change_nothing(case, spoil, message):
    env = make_batch(case)
    tasks = some_tasks(env, 3)
    env.set_tasks(tasks)
    with pytest.raises(ValueError, match=message):
        env.set_tasks(spoil(some_tasks(env, 3, seed=1)))
    np.testing.assert_array_equal(env.tasks, np.repeat(tasks, 2, axis=0))


@every_family
def test_an_unfit_task_of_a_single_environment_is_refused(case):
    single = make_single(case)
    task = some_tasks(single.vector_env, 1)[0]
    for wrong in (task[:-1], task[None], 0.5):
        with pytest.raises(ValueError, match=r"the task must have shape \(\d+,\), got \("):
            single.set_task(wrong)
    with pytest.raises(ValueError, match="the task must be an array of numbers, got north"):
        single.set_task("north")
    with pytest.raises(ValueError, match=r"task 0, .*outside"):
        single.set_task(np.full_like(task, 1e6))
    single.set_task(task)


@every_case
@pytest.mark.parametrize("bound", ["low", "high"])
def test_a_task_outside_the_task_space_is_refused_by_its_index(case, bound):
    env = make_batch(case)
    tasks = some_tasks(env, 3)
    tasks[2] = getattr(env.task_space, bound) + (1 if bound == "high" else -1)
    if not np.isfinite(tasks).all():
        pytest.skip("the task space is unbounded")
    with pytest.raises(ValueError, match=r"task 2.*outside"):
        env.set_tasks(tasks)
