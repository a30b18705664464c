"""Every family on torch tensors, as on a GPU: the same numbers as on NumPy arrays, and no waiting for any."""

import gymnasium
import numpy as np
import pytest
import torch
from env_cases import FAMILIES, NUM_ENVS, WRAPPED, make_batch, make_single, mask_of, sample_actions, some_tasks
from no_waiting import NoWaiting, meta_device

from mamlrl.envs.arrays import choose_module, find_device, may_be_any, namespace, on_host
from mamlrl.envs.locomotion.locomotion_env import LocomotionVectorEnv
from mamlrl.envs.wrappers.task_observation import TaskObservation
from mamlrl.errors import UserError
from mamlrl.sampling.build import EnvConfig, make_task_env
from mamlrl.sampling.conformance import check_task_env

NAVIGATION = "mamlrl/Navigation2D-v0"
every_case = pytest.mark.parametrize("case", [*FAMILIES, WRAPPED[0]], ids=str)
STEPS = 8


def make_twins(case):
    envs = make_batch(case), make_batch(case, array_module="torch")
    for env in envs:
        env.set_tasks(some_tasks(env, 3))
    return envs


def assert_equal_numbers(arrays, tensors):
    for array, tensor in zip(arrays, tensors, strict=True):
        assert isinstance(array, np.ndarray)
        assert isinstance(tensor, torch.Tensor)
        assert tensor.numpy().dtype == array.dtype
        np.testing.assert_allclose(tensor.numpy(), array, rtol=1e-11, atol=1e-11)


@every_case
def test_tensors_hold_what_numpy_arrays_do(case):
    plain, env = make_twins(case)
    assert_equal_numbers([plain.reset(seed=1)[0], plain.tasks], [env.reset(seed=1)[0], env.tasks])
    actions = sample_actions(plain, STEPS)
    for time, action in enumerate(actions):
        given = action if time % 2 else torch.from_numpy(action)
        (*parts, info), (*expected, expected_info) = env.step(given), plain.step(action)
        assert_equal_numbers(
            [*expected, expected_info["diverged"], plain.diverged], [*parts, info["diverged"], env.diverged]
        )
        if time == 5:
            options = {"reset_mask": mask_of(1, 4)}
            tensors = {"reset_mask": torch.from_numpy(mask_of(1, 4))}
            assert_equal_numbers([plain.reset(options=options)[0]], [env.reset(options=tensors)[0]])


@every_case
def test_a_step_waits_for_nothing_on_a_device(case):
    env = make_batch(case, array_module="torch")
    env.reset(seed=0)
    actions = [torch.from_numpy(action) for action in sample_actions(env, 3)]
    env.step(actions[0])  # copies constants once
    with NoWaiting() as mode:
        for action in actions[1:]:
            env.step(action)
    assert mode.operations


@pytest.mark.parametrize("distance", ["euclidean", "squared"])
@pytest.mark.parametrize("wrapper", [lambda env: env, TaskObservation])
def test_navigation_lives_on_its_device_entirely(wrapper, distance, monkeypatch):
    with meta_device(monkeypatch):
        env = wrapper(gymnasium.make_vec(NAVIGATION, num_envs=NUM_ENVS, device="meta", distance=distance))
        assert env.xp is namespace("torch")
        assert env.device == torch.device("meta")
        observations, _ = env.reset(seed=0)
        action = torch.zeros((NUM_ENVS, 2), device="meta")
        with NoWaiting():
            for _ in range(3):
                observations, *others, info = env.step(action)
    assert {each.device.type for each in (observations, *others, info["diverged"], env.tasks)} == {"meta"}
    assert tuple(observations.shape) == env.observation_space.shape


@pytest.mark.parametrize(
    "case", [FAMILIES[0], *(case for case in FAMILIES if "family" not in case.kwargs)], ids=str
)
def test_pictures_and_single_environments_do_not_care(case):
    env = make_batch(case, num_envs=2, array_module="torch", render_mode="rgb_array")
    plain = make_batch(case, num_envs=2, render_mode="rgb_array")
    for each in (env, plain):
        each.frame_size = 32
        each.reset(seed=0)
        each.step(sample_actions(each, 1)[0])
    if not isinstance(env.unwrapped, LocomotionVectorEnv):  # whose pictures take long
        np.testing.assert_array_equal(env.render(), plain.render())
    single = make_single(case, array_module="torch")
    single.reset(seed=0)
    assert isinstance(single.step(single.action_space.sample())[1], float)


def test_our_families_keep_their_promises_on_tensors():
    check_task_env(gymnasium.make_vec(NAVIGATION, num_envs=4, horizon=5, array_module="torch"))


def test_arrays_are_numpys_on_the_cpu_and_torchs_elsewhere_unless_it_is_said():
    assert choose_module(None, "cpu") == "numpy"
    assert choose_module("torch", "cpu") == choose_module(None, "cuda") == "torch"
    assert find_device("numpy", "cpu") == "cpu"
    assert find_device("torch", "cpu") == torch.device("cpu")
    assert gymnasium.make_vec(NAVIGATION, num_envs=2).xp is np


@pytest.mark.parametrize("env_id", [NAVIGATION, "mamlrl/HalfCheetahDirection-v0"])
def test_modules_and_devices_that_there_are_not_are_one_line(env_id):
    for kwargs, words in [
        ({"array_module": "cupy"}, r"array_module must be one of numpy, torch, got 'cupy'"),
        ({"array_module": "torhc"}, r"did you mean torch\?"),
    ]:
        with pytest.raises(UserError, match=rf"env.kwargs: {env_id} .*{words}"):
            make_task_env(EnvConfig(env_id, kwargs), 2)


def test_a_device_that_there_is_not_is_one_line():
    with pytest.raises(UserError, match=r"there is no cuda:7 here; there are: cpu"):
        make_task_env(EnvConfig(NAVIGATION, {"device": "cuda:7"}), 2)
    with pytest.raises(UserError, match=r"array_module numpy has arrays on the CPU alone, not on cuda"):
        make_task_env(EnvConfig(NAVIGATION, {"device": "cuda", "array_module": "numpy"}), 2)


def test_flags_of_a_device_are_not_looked_at():
    assert not may_be_any(np.zeros(3, np.bool_))
    assert may_be_any(np.array([False, True]))
    assert may_be_any(torch.zeros(3, dtype=torch.bool, device="meta"))


def test_what_is_on_the_host_already_is_not_copied():
    array, tensor = np.arange(3.0), torch.arange(3.0)
    assert on_host(array) is array
    assert np.shares_memory(on_host(tensor), tensor.numpy())


@pytest.mark.parametrize(
    "work",
    [
        lambda x: x[x > 0],
        lambda x: x.__setitem__(x > 0, 1.0),
        lambda x: (x > 0).nonzero(),
        lambda x: bool((x > 0).any()),
        lambda x: float(x[0]),
        lambda x: x.to("meta"),
    ],
)
def test_waiting_does_not_go_unseen(work):
    x = torch.ones(3)
    with pytest.raises(AssertionError, match=r"waits|copies"), NoWaiting():
        work(x)
