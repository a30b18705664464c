import gymnasium
import mujoco
import numpy as np
import pytest
from scipy import stats

from mamlrl.envs.ant import LEGS
from mamlrl.envs.locomotion.physical_tasks import Crippled, PhysicalParameters

BODIES = ["HalfCheetah", "Ant"]
FAMILIES = ["rllab", "gymnasium"]

every_body = pytest.mark.parametrize("body", BODIES)
with_family = pytest.mark.parametrize("family", FAMILIES)


def make(name, tasks, **kwargs):
    env = gymnasium.make_vec(f"mamlrl/{name}-v0", num_envs=len(tasks), num_threads=1, **kwargs)
    env.set_tasks(np.asarray(tasks, dtype=np.float64))
    env.reset(seed=0)
    return env


def step_alone(model, env, index, actions):
    """Steps one `MjData` of a changed model from the state of a sub-environment."""
    data = mujoco.MjData(model)
    data.qpos[:], data.qvel[:] = env.simulator.positions[index], env.simulator.velocities[index]
    for action in actions:
        data.ctrl[:] = action[index]
        for _ in range(env.body.substeps):
            mujoco.mj_step(model, data)
    return data


@with_family
@every_body
def test_physics_are_those_of_a_model_changed_by_hand(body, family):
    tasks = np.array([[1.0, 1.0, 1.0, 1.0], [2.0, 0.5, 1.5, 0.7], [0.6, 1.2, 0.8, 1.9]])
    env = make(f"{body}Parameters", tasks, family=family)
    actions = np.random.default_rng(0).uniform(-0.3, 0.3, (12, *env.action_space.shape))
    models = [type(env.body)().model for _ in tasks]
    for model, (mass, friction, damping, strength) in zip(models, tasks, strict=True):
        model.body_mass[:] *= mass
        model.body_inertia[:] *= mass
        model.geom_friction[:] *= friction
        model.dof_damping[:] *= damping
        model.actuator_gear[:] *= strength
        mujoco.mj_setConst(model, mujoco.MjData(model))
    expected = [step_alone(model, env, index, actions) for index, model in enumerate(models)]
    for action in actions:
        assert not env.step(action)[2].any()
    for index, data in enumerate(expected):
        np.testing.assert_array_equal(env.simulator.positions[index], data.qpos)
        np.testing.assert_array_equal(env.simulator.velocities[index], data.qvel)


@every_body
def test_usual_factors_change_nothing(body):
    env, usual = make(f"{body}Parameters", np.ones((4, 4))), make(f"{body}Direction", np.ones((4, 1)))
    for action in np.random.default_rng(0).uniform(-1, 1, (30, *env.action_space.shape)):
        for one, other in zip(env.step(action)[:4], usual.step(action)[:4], strict=True):
            np.testing.assert_array_equal(one, other)


@every_body
def test_tasks_can_be_changed_and_do_not_add_up(body):
    first, second = np.full((2, 4), 1.5), np.full((2, 4), 0.7)
    env, fresh = make(f"{body}Parameters", first), make(f"{body}Parameters", second)
    env.set_tasks(second)
    env.reset(seed=0)
    for action in np.random.default_rng(0).uniform(-1, 1, (20, *env.action_space.shape)):
        np.testing.assert_array_equal(env.step(action)[0], fresh.step(action)[0])


def test_a_crippled_leg_ignores_its_actions():
    tasks = np.ones((2, 8))
    tasks[1, LEGS[2]] = 0
    env, twin = make("AntCrippled", tasks), make("AntCrippled", tasks)
    for action in np.random.default_rng(0).uniform(-1, 1, (20, 2, 8)):
        other = action.copy()
        other[:, LEGS[2]] *= -1
        first, second = env.step(action)[0], twin.step(other)[0]
        np.testing.assert_array_equal(first[1], second[1])
        assert not np.array_equal(first[0], second[0])


def test_factors_are_log_uniform():
    factors = PhysicalParameters(2.0).sample(np.random.default_rng(0), 20_000)
    uniform = stats.uniform(-np.log(2), 2 * np.log(2))
    for index in range(4):
        assert stats.kstest(np.log(factors[:, index]), uniform.cdf).pvalue > 0.01


def test_every_limb_is_equally_likely():
    strengths = Crippled(LEGS).sample(np.random.default_rng(0), 20_000)
    assert ((strengths == 0).sum(axis=1) == 2).all()
    counts = [(strengths[:, leg] == 0).all(axis=1).sum() for leg in LEGS]
    assert sum(counts) == 20_000
    assert stats.chisquare(counts).pvalue > 0.01


@pytest.mark.parametrize("max_factor", [1.0, 0.5, np.inf, np.nan])
def test_unusable_factors_are_refused_by_name(max_factor):
    with pytest.raises(ValueError, match=r"^max_factor must"):
        gymnasium.make_vec("mamlrl/AntParameters-v0", num_envs=1, max_factor=max_factor)
