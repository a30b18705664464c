"""Actions that are not finite, or absurdly large, are the policy's fault."""

import numpy as np
import pytest
import torch
from gymnasium.spaces import Box, Discrete
from samplers import CPU, ClockEnv, ScriptedPolicy, make_sampler, randomness

from mamlrl.errors import LearningError, NonFiniteError, TaskEnvError, UserError
from mamlrl.networks.build import PolicyConfig, make_policy
from mamlrl.sampling.actions import absurd_magnitude, check_room
from mamlrl.sampling.sampler import Sampler
from mamlrl.sampling.settings import SamplingConfig

FREE = Box(-np.inf, np.inf, (2,), np.float64)
BOUNDED = Box(-1.0, 1.0, (2,), np.float64)


class EchoEnv(ClockEnv):
    """Observes and pays what it is told to do, whatever that is."""

    def _advance(self, actions, running):
        super()._advance(actions, running)
        self.actions = actions
        with np.errstate(over="ignore", invalid="ignore"):
            return (actions**2).sum(axis=1), np.zeros(self.num_envs, np.bool_)

    def _observe(self):
        return np.array(self.actions if self.time else np.zeros((self.num_envs, 2)))


def echo(value, space=FREE, env_class=EchoEnv, **settings):
    """Collects episodes of two tasks; the second episode of task 1 gets an action with this value."""
    env = env_class(num_envs=4, action_space=space)
    env.set_tasks(np.array([[2.0], [7.25]]))
    actions = torch.zeros(2, 2, 2, dtype=torch.float64)
    actions[1, 1, 0] = value
    return make_sampler(env, 2, ScriptedPolicy(actions), **settings).sample(torch.zeros(1), randomness())


@pytest.mark.parametrize("space", [FREE, BOUNDED], ids=["free", "bounded"])
@pytest.mark.parametrize("env_class", [EchoEnv, ClockEnv])
@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (np.nan, "not finite (nan)"),
        (np.inf, "not finite (inf)"),
        (-np.inf, "not finite (-inf)"),
        (1e30, "as large as 1e+30"),
        (-1e30, "as large as 1e+30"),
        (1e300, "as large as 1e+300"),
        (2e6, "as large as 2e+06"),
    ],
)
def test_the_policy_is_blamed_for_its_actions(value, problem, env_class, space):
    with pytest.raises(LearningError) as caught:
        echo(value, space, env_class)
    message = str(caught.value)
    assert message.startswith(
        f"the policy's actions are {problem} in task 1 (parameters [7.25]), episode 1, step 0"
    )
    for word in (env_class.__name__, "the policy itself is at fault"):
        assert word in message
    assert "\n" not in message


def test_large_actions_within_reason_are_nobodys_fault():
    assert echo(9e5).mask.all()


def test_the_environment_is_blamed_for_numbers_that_sound_actions_led_to():
    class ExplodingEnv(EchoEnv):
        def _observe(self):
            with np.errstate(divide="ignore", invalid="ignore"):
                return super()._observe() / np.float64(self.time < 3)

    with pytest.raises(
        NonFiniteError, match=r"environment ExplodingEnv: observation of task 0 .*step 3.*step ret"
    ):
        echo(1.0, env_class=ExplodingEnv)
    with pytest.raises(NonFiniteError, match=r"observation of task 0 .*step 0 is not finite: reset returned nan"):
        echo(1.0, env_class=type("Env", (EchoEnv,), {"_observe": lambda self: np.full((4, 2), np.nan)}))


class ChokingEnv(EchoEnv):
    """Raises an error for actions that are too large for it."""

    def _advance(self, actions, running):
        if not np.abs(actions).max() < 100:
            raise FloatingPointError("too large")
        return super()._advance(actions, running)


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e30])
def test_an_error_that_absurd_actions_led_to_is_the_policys(value):
    with pytest.raises(
        NonFiniteError, match=r"the policy's actions are .* task 1 .*step 0 of env.* ChokingEnv"
    ) as caught:
        echo(value, env_class=ChokingEnv)
    assert isinstance(caught.value.__cause__, TaskEnvError)


def test_an_error_that_wrong_observations_led_to_is_told_by_the_observations():
    class LostEnv(ChokingEnv):
        def _observe(self):
            return np.full((self.num_envs, 2), np.nan if self.time == 2 else 0.0)

    env = LostEnv(num_envs=4, action_space=FREE)
    policy = make_policy(env.single_observation_space, FREE, PolicyConfig((4,)))
    sampler = Sampler([env], policy, SamplingConfig(2), CPU)
    with pytest.raises(
        NonFiniteError, match=r"^environment LostEnv: observation of task 0 .*step 2 is not"
    ) as caught:
        sampler.sample(policy.init(torch.Generator()), randomness())
    assert isinstance(caught.value.__cause__, TaskEnvError)


def test_an_error_that_sound_actions_led_to_is_the_environments():
    with pytest.raises(TaskEnvError, match=r"^environment ChokingEnv: step raised FloatingPointError: too large"):
        echo(1000.0, env_class=ChokingEnv)


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("space", [Discrete(3), BOUNDED], ids=str)
def test_parameters_that_are_not_finite_are_the_policys_fault(space, value):
    env = ClockEnv(num_envs=4, action_space=space)
    policy = make_policy(env.single_observation_space, space, PolicyConfig((4,)))
    sampler = Sampler([env], policy, SamplingConfig(2), CPU)
    params = torch.full_like(policy.init(torch.Generator()), value)
    with pytest.raises(NonFiniteError, match=r"^the policy's (outputs|actions) are not finite .*step 0"):
        sampler.sample(params, randomness())


def test_what_the_policy_makes_of_wrong_observations_is_not_its_fault():
    env = ClockEnv(num_envs=4, action_space=BOUNDED, spoilt=[("observation", 1, 2)])
    policy = make_policy(env.single_observation_space, BOUNDED, PolicyConfig((4,)))
    sampler = Sampler([env], policy, SamplingConfig(2), CPU)
    with pytest.raises(NonFiniteError, match=r"^environment ClockEnv: observation of task 0 .*episode 1, step 2"):
        sampler.sample(policy.init(torch.Generator()), randomness())


@pytest.mark.parametrize(
    ("space", "rescale", "bound", "expected"),
    [
        (BOUNDED, True, 1.0, 1e6),
        (BOUNDED, True, 10.0, 1e7),
        (BOUNDED, False, 10.0, 1e6),
        (Box(-1e8, 5.0, (2,)), False, 1.0, 1e14),
        (Box(-1e8, np.inf, (2,)), True, 1.0, 1e14),
        (FREE, True, 10.0, 1e6),
        (Discrete(3), True, 10.0, 1e6),
    ],
)
def test_what_is_absurd_goes_by_the_bounds(space, rescale, bound, expected):
    scaling = SamplingConfig(rescale_actions=rescale, action_bound=bound).action_scaling(space)
    assert absurd_magnitude(space, scaling, bound) == expected


def test_nothing_to_choose_is_refused():
    for low, high in [([0, 1], [1, 1]), ([-1, 0], [1, 0]), ([np.inf, 0], [np.inf, 1])]:
        with pytest.raises(UserError, match=r"env.id: some/Env-v0 leaves nothing to choose: dimension"):
            check_room("some/Env-v0", Box(np.array(low, float), np.array(high, float), dtype=np.float64))
    with pytest.raises(UserError, match=r"env.id: some/Env-v0 leaves nothing to choose: .* one action"):
        check_room("some/Env-v0", Discrete(1))
    for space in (FREE, BOUNDED, Discrete(2), Box(0, np.inf, (3,))):
        check_room("some/Env-v0", space)
