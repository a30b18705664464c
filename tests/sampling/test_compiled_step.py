"""A compiled time step: the same rollouts, and one line where it cannot be had."""

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium.spaces import Box
from programs import TINY, run
from samplers import ENV_ID, EPISODES, KWARGS, TASKS, ClockEnv, assert_close, init, make_env, make_sampler, sample

from mamlrl.envs.wrappers.task_observation import TaskObservation
from mamlrl.errors import TaskEnvError, UserError
from mamlrl.sampling.normalization import ObservationNormalizer

CASES = {
    "navigation": (ENV_ID, KWARGS, None),
    "observed tasks": (ENV_ID, KWARGS, TaskObservation),
    "mdp": ("mamlrl/TabularMDP-v0", {"horizon": 8}, None),
    "half-cheetah": ("mamlrl/HalfCheetahDirection-v0", {"horizon": 8, "num_threads": 1}, None),
    "ant": ("mamlrl/AntGoal-v0", {"horizon": 8, "num_threads": 1, "family": "gymnasium"}, None),
}


def make(name, kwargs, wrapper, **others):
    env = gymnasium.make_vec(name, num_envs=TASKS * EPISODES, array_module="torch", **{**kwargs, **others})
    env.set_tasks(env.sample_tasks(np.random.default_rng(0), TASKS))
    return wrapper(env) if wrapper else env


@pytest.fixture(autouse=True)
def _no_compiled_code_of_other_tests():
    torch.compiler.reset()


@pytest.mark.slow  # compiling takes half a minute
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_rollouts_are_the_same(case, capsys):
    plain, sampler = (make_sampler(make(*case), compile=compiled) for compiled in (False, True))
    for seed in range(3):
        assert_close(sample(sampler, seed=seed), sample(plain, seed=seed))
    told = capsys.readouterr().err
    assert told.count("compiled the step of") == 1
    params = torch.stack([init(plain, seed) for seed in range(TASKS)])
    for seed in range(2):  # parameters for each task, and normalised observations
        kept = sample(plain, params, seed=seed)
        assert_close(sample(sampler, params, seed=seed), kept)
        empty = ObservationNormalizer.empty(kept.observations.shape[-1])
        plain.normalizer = sampler.normalizer = empty.including([kept])
        assert_close(sample(sampler, params, seed=seed), sample(plain, params, seed=seed))
        plain.normalizer = sampler.normalizer = None


@pytest.mark.slow
def test_an_error_of_the_environment_is_told_as_ever():
    sampler = make_sampler(make(*CASES["half-cheetah"]), compile=True)
    sample(sampler)
    env = sampler.env.unwrapped
    step, times = env.simulator.step, iter(range(100))

    def fail(*arguments):
        if next(times) == 3:
            raise OSError("gone")
        return step(*arguments)

    env.simulator.step = torch.compiler.disable(fail)
    with pytest.raises(TaskEnvError, match=r"step raised OSError: gone in tasks 0 to 2 .*, time step 3"):
        sample(sampler)


@pytest.mark.slow
def test_a_program_trains_with_it(tmp_path):
    options = ["--env.kwargs.array_module=torch", "--sampling.compile=true", "--iterations=2"]
    assert run("train", *TINY, *options, "--output", tmp_path / "run") == 0
    assert run("evaluate", tmp_path / "run") == 0


def test_numpy_arrays_cannot_be_compiled():
    with pytest.raises(UserError, match=r"sampling.compile: mamlrl/Navigation2D-v0 works on NumPy arrays, which"):
        make_sampler(make_env(), compile=True)
    with pytest.raises(UserError, match=r"sampling.compile: ClockEnv works on NumPy arrays"):
        make_sampler(ClockEnv(action_space=Box(-1.0, 1.0, (2,))), 2, compile=True)


def test_a_missing_compiler_is_one_line(monkeypatch):
    monkeypatch.setenv("CXX", "no-such-compiler")
    with pytest.raises(UserError, match=r"sampling.compile: there is no C\+\+ compiler no-such-compiler here"):
        make_sampler(make(*CASES["navigation"]), compile=True)


def test_a_program_says_so_in_one_line(capsys, tmp_path):
    assert run("train", *TINY, "--sampling.compile=true", "--output", tmp_path / "run") == 2
    assert capsys.readouterr().err.startswith("mamlrl: sampling.compile: mamlrl/Navigation2D-v0 works on NumPy")
    assert not (tmp_path / "run").exists()


def test_a_compiler_that_fails_is_one_line(monkeypatch):
    dynamo = pytest.importorskip("torch._dynamo.exc")

    def fail(*arguments):
        raise dynamo.Unsupported("two\nlines")

    monkeypatch.setattr(torch, "compile", lambda function, **options: fail)
    with pytest.raises(
        UserError, match=r"sampling.compile: PyTorch fails \(Unsupported: two.*\); set it to false$"
    ):
        sample(make_sampler(make(*CASES["navigation"]), compile=True))


def test_steps_but_the_first_are_those_of_the_compiled_function(monkeypatch):
    """The compiler itself is left out: what it is given does the same as the steps that are not compiled."""
    given = []
    monkeypatch.setattr(torch, "compile", lambda function, **options: given.append(function) or function)
    plain, sampler = (make_sampler(make(*CASES["half-cheetah"]), compile=compiled) for compiled in (False, True))
    assert_close(sample(sampler), sample(plain))
    assert given == [sampler.groups[0].time_step.take]
