"""MuJoCo Warp, on its CPU device, beside the batch engine: the same physics in single precision."""

import copy
import pickle

import gymnasium
import numpy as np
import pytest
import torch

from mamlrl.envs.ant import LEGS
from mamlrl.envs.half_cheetah import JOINTS
from mamlrl.envs.locomotion.ant_bodies import CONTACT_LIMIT, GymnasiumAnt, RllabAnt
from mamlrl.envs.locomotion.build import make_simulator
from mamlrl.envs.locomotion.half_cheetah_bodies import GymnasiumHalfCheetah, RllabHalfCheetah
from mamlrl.envs.physics.simulator import SCALABLE

pytestmark = pytest.mark.slow  # the first run compiles kernels, which takes minutes

NUMBER, STEPS = 16, 20
BODIES = [RllabHalfCheetah, GymnasiumHalfCheetah, RllabAnt, GymnasiumAnt]
every_body = pytest.mark.parametrize("make_body", BODIES)
IDS = sorted(name for name in gymnasium.registry if name.startswith(("mamlrl/Ant", "mamlrl/HalfCheetah")))


@pytest.fixture(autouse=True)
def _extra():
    pytest.importorskip("mujoco_warp")


def controls(body, size=1.0, steps=STEPS, number=NUMBER, seed=1):
    return np.random.default_rng(seed).uniform(-size, size, (steps, number, body.model.nu))


def started(name, body, number=NUMBER, seed=0):
    simulator = make_simulator(name, body, number, num_threads=1)
    states = body.sample_states(np.random.default_rng(seed), number)
    simulator.reset(np.ones(number, dtype=np.bool_), *states)
    return simulator


def snapshot(simulator):
    return [array.copy() for array in (simulator.positions, simulator.velocities, *simulator.fields.values())]


def assert_same(first, second):
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one, other)


def assert_close(simulator, other, states=1e-4, forces=1e-3):
    """Compares states and derived fields; velocities may differ ten times as much as positions."""
    np.testing.assert_allclose(simulator.positions, other.positions, atol=states, rtol=0)
    np.testing.assert_allclose(simulator.velocities, other.velocities, atol=10 * states, rtol=0)
    for name, values in simulator.fields.items():
        limit = CONTACT_LIMIT if name == "cfrc_ext" else np.inf  # contact forces as they are observed
        compared = (array.clip(-limit, limit) for array in (values, other.fields[name]))
        tolerance = {"cfrc_ext": forces, "subtree_linvel": 10 * states}.get(name, states)
        np.testing.assert_allclose(*compared, atol=tolerance, rtol=0, err_msg=name)


@every_body
def test_twenty_steps_of_physics_are_those_of_the_batch_engine(make_body):
    warp, batch = (started(name, make_body()) for name in ("warp", "batch"))
    assert warp.time_step == batch.time_step
    assert warp.positions.dtype == np.float32
    shapes = [{name: values.shape for name, values in simulator.fields.items()} for simulator in (warp, batch)]
    assert shapes[0] == shapes[1]
    assert_close(warp, batch, states=1e-6)
    everything, touching = np.ones(NUMBER, dtype=np.bool_), False
    for action in controls(make_body(), steps=STEPS // make_body.substeps):
        assert not warp.step(action, everything).any()
        assert not batch.step(action, everything).any()
        assert_close(warp, batch)
        touching |= "cfrc_ext" in batch.fields and batch.fields["cfrc_ext"].any()
    assert touching == ("cfrc_ext" in batch.fields)


@pytest.mark.parametrize("name", IDS)
@pytest.mark.parametrize("family", ["rllab", "gymnasium"])
def test_environments_earn_observe_and_end_the_same(name, family):
    """In a hundred steps of physics, five for each action, some bodies amplify what is rounded a thousand times.

    The batch engine does the same to a change of 1e-7 in its initial positions.
    """
    size, allowed = {"rllab": (1.0, 0), "gymnasium": (0.3, NUMBER // 8)}[family]
    kwargs = {"num_envs": NUMBER, "family": family, "horizon": STEPS, "num_threads": 1}
    envs = [gymnasium.make_vec(name, simulator=simulator, **kwargs) for simulator in ("warp", "batch")]
    tasks = envs[0].sample_tasks(np.random.default_rng(0), NUMBER // 2)
    for env in envs:
        env.set_tasks(tasks)
    for seed in (3, 4):  # a second episode, of a simulator that has a past
        np.testing.assert_allclose(*[env.reset(seed=seed)[0] for env in envs], atol=1e-4, rtol=0)
        wrong = np.zeros(NUMBER, dtype=np.bool_)
        for action in np.random.default_rng(seed).uniform(-size, size, (STEPS, *envs[0].action_space.shape)):
            steps = [env.step(action) for env in envs]
            (observations, rewards, *ends, _), (expected, expected_rewards, *expected_ends, _) = steps
            assert observations.dtype == rewards.dtype == np.float64
            wrong |= np.abs(observations - expected).max(axis=1) > 1e-2
            wrong |= np.abs(rewards - expected_rewards) > 1e-3
            wrong |= (np.array(ends) != expected_ends).any(axis=0)
        assert wrong.sum() <= allowed


@pytest.mark.parametrize(("family", "height"), [("rllab", 0.1), ("rllab", 2.0), ("gymnasium", 2.0)])
def test_ants_that_fall_or_fly_end_their_episode_and_stay(family, height):
    env = gymnasium.make_vec("mamlrl/AntDirection-v0", num_envs=3, family=family, simulator="warp")
    env.reset(seed=0)
    env.simulator.positions[1, 2] = height
    observations, _, terminated, *_ = env.step(np.zeros(env.action_space.shape))
    np.testing.assert_array_equal(terminated, [False, True, False])
    before = snapshot(env.simulator)
    later, rewards, *_ = env.step(np.ones(env.action_space.shape))
    np.testing.assert_array_equal(later[1], observations[1])
    assert rewards[1] == 0.0
    assert_same([array[1] for array in before], [array[1] for array in snapshot(env.simulator)])


@every_body
def test_simulations_that_do_not_run_keep_everything(make_body):
    simulator = started("warp", make_body(), 4)
    simulator.step(controls(make_body(), number=4)[0], np.ones(4, dtype=np.bool_))
    before, running = snapshot(simulator), np.array([True, False, True, False])
    simulator.step(controls(make_body(), number=4)[1], running)
    after = snapshot(simulator)
    assert_same([array[~running] for array in before], [array[~running] for array in after])
    assert (before[0][running] != after[0][running]).any(axis=1).all()


@every_body
def test_one_simulation_is_the_same_alone_and_among_many(make_body):
    body = make_body()
    crowd, alone = started("warp", body, 50), make_simulator("warp", body, 1)
    alone.reset(np.ones(1, dtype=np.bool_), crowd.positions[[37]], crowd.velocities[[37]])
    for action in controls(body, number=50):
        crowd.step(action, np.ones(50, dtype=np.bool_))
        alone.step(action[[37]], np.ones(1, dtype=np.bool_))
        assert_same([array[[37]] for array in snapshot(crowd)], snapshot(alone))


def test_reset_touches_the_chosen_simulations_only_and_leaves_no_trace_of_the_past():
    body, everything = RllabAnt(), np.ones(4, dtype=np.bool_)
    simulator = started("warp", body, 4)
    for action in controls(body, number=4):
        simulator.step(action, everything)
    before, chosen = snapshot(simulator), np.array([False, True, True, False])
    states = body.sample_states(np.random.default_rng(7), 2)
    simulator.reset(chosen, *states)
    assert_same([array[~chosen] for array in before], [array[~chosen] for array in snapshot(simulator)])
    fresh = make_simulator("warp", body, 2)
    fresh.reset(everything[:2], *states)
    for action in controls(body, number=4, seed=3):
        assert_same([array[chosen] for array in snapshot(simulator)], snapshot(fresh))
        simulator.step(action, chosen)
        fresh.step(action[chosen], everything[:2])


def poison_velocity(simulator, action):
    simulator.velocities[2, 0] = 1e12


def poison_position(simulator, action):
    simulator.positions[2, 0] = np.nan


def poison_control(simulator, action):
    action[2, 1] = np.nan


@every_body
@pytest.mark.parametrize("poison", [poison_velocity, poison_position, poison_control])
def test_divergence_is_told_and_stays_alone(make_body, poison):
    body, others = make_body(), np.array([0, 1, 3])
    simulator, twin = started("warp", body, 4), started("warp", body, 4)
    running = np.ones(4, dtype=np.bool_)
    for step, action in enumerate(controls(body, steps=6, number=4)):
        twin.step(action, np.ones(4, dtype=np.bool_))
        if step == 3:
            poison(simulator, action)
        diverged = simulator.step(action, running)
        np.testing.assert_array_equal(diverged, [False, False, step == 3, False])
        running &= ~diverged
        assert_same([array[others] for array in snapshot(simulator)], [array[others] for array in snapshot(twin)])
    np.testing.assert_array_equal(simulator.positions[2], body.model.qpos0.astype(np.float32))
    assert not simulator.velocities[2].any()
    assert all(np.isfinite(array).all() for array in snapshot(simulator))
    simulator.reset(np.ones(4, dtype=np.bool_), *body.sample_states(np.random.default_rng(0), 4))
    assert not simulator.step(np.zeros((4, body.model.nu)), np.ones(4, dtype=np.bool_)).any()


def test_environments_tell_which_simulation_diverged():
    env = gymnasium.make_vec("mamlrl/HalfCheetahDirection-v0", num_envs=3, simulator="warp")
    before = env.reset(seed=0)[0]
    env.simulator.velocities[1, 0] = np.inf
    observations, rewards, terminated, _, info = env.step(np.ones(env.action_space.shape))
    np.testing.assert_array_equal(info["diverged"], [False, True, False])
    np.testing.assert_array_equal(terminated, [False, True, False])
    np.testing.assert_array_equal(observations[1], before[1])
    assert rewards[1] == 0.0


@pytest.mark.parametrize("parameter", SCALABLE)
@pytest.mark.parametrize("make_body", [RllabHalfCheetah, RllabAnt])
def test_physical_parameters_change_the_motion_as_in_the_batch_engine(make_body, parameter):
    body, everything = make_body(), np.ones(NUMBER, dtype=np.bool_)
    factors = np.linspace(0.5, 2.0, NUMBER - 1)[:, None]
    chosen = np.arange(NUMBER) > 0
    warp, batch, usual = (make_simulator(name, body, NUMBER) for name in ("warp", "batch", "batch"))
    states = body.sample_states(np.random.default_rng(0), NUMBER)
    for simulator in (warp, batch):
        simulator.scale(parameter, chosen, factors)
    for simulator in (warp, batch, usual):
        simulator.reset(everything, *states)
    for action in controls(body):
        for simulator in (warp, batch, usual):
            simulator.step(action, everything)
        assert_close(warp, batch)
    changed = np.abs(batch.positions - usual.positions).max(axis=1)
    assert changed[0] == 0.0
    assert (changed[1:] > 1e-3).any()


@pytest.mark.parametrize(("name", "limbs"), [("Ant", LEGS), ("HalfCheetah", JOINTS)])
def test_a_crippled_limb_ignores_its_actions(name, limbs):
    env, twin = (gymnasium.make_vec(f"mamlrl/{name}Crippled-v0", num_envs=2, simulator="warp") for _ in range(2))
    tasks = np.ones((2, env.single_action_space.shape[0]))
    tasks[1, limbs[2]] = 0
    for each in (env, twin):
        each.set_tasks(tasks)
        each.reset(seed=0)
    for action in np.random.default_rng(0).uniform(-1, 1, (STEPS, *env.action_space.shape)):
        other = action.copy()
        other[:, limbs[2]] *= -1
        first, second = env.step(action)[0], twin.step(other)[0]
        np.testing.assert_array_equal(first[1], second[1])
        assert not np.array_equal(first[0], second[0])


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda env: pickle.loads(pickle.dumps(env))])
@pytest.mark.parametrize("name", ["AntParameters", "HalfCheetahParameters"])
def test_copies_and_pickles_go_on_the_same(name, duplicate):
    env = gymnasium.make_vec(f"mamlrl/{name}-v0", num_envs=4, simulator="warp").unwrapped
    env.reset(seed=0)
    actions = np.random.default_rng(0).uniform(-1, 1, (STEPS, *env.action_space.shape))
    for action in actions[:10]:
        env.step(action)
    twin = duplicate(env)
    for action in actions[10:]:
        for one, other in zip(env.step(action)[:4], twin.step(action)[:4], strict=True):
            np.testing.assert_array_equal(one, other)


def test_lying_ants_have_room_for_all_their_contacts():
    body, everything = RllabAnt(), np.ones(3, dtype=np.bool_)
    warp, batch = (make_simulator(name, body, 3, num_threads=1) for name in ("warp", "batch"))
    positions = np.tile(body.standing, (3, 1))
    positions[:, 2], positions[:, 7:] = 0.05, 0.0  # legs stretched flat, below the ground
    for simulator in (warp, batch):
        simulator.reset(everything, positions, np.zeros((3, body.model.nv)))
        assert not simulator.step(np.zeros((3, body.model.nu)), everything).any()
    assert_close(warp, batch, states=1e-3)


@pytest.mark.parametrize("family", ["rllab", "gymnasium"])
@pytest.mark.parametrize("name", ["mamlrl/AntParameters-v0", "mamlrl/HalfCheetahCrippled-v0"])
def test_environments_do_the_same_on_torch_tensors_as_on_a_gpu(name, family):
    kwargs = {"num_envs": 4, "family": family, "horizon": STEPS, "simulator": "warp"}
    plain = gymnasium.make_vec(name, **kwargs).unwrapped
    env = gymnasium.make_vec(name, array_module="torch", **kwargs).unwrapped
    twin = copy.deepcopy(env)
    for each in (env, twin):
        assert all(isinstance(array, torch.Tensor) for array in (each.simulator.positions, each.reset()[0]))
    for each in (env, twin, plain):
        first = each.reset(seed=0)[0]
    for step, action in enumerate(np.random.default_rng(0).uniform(-1, 1, (STEPS, *env.action_space.shape))):
        results = [each.step(action)[:4] for each in (env, twin, plain)]
        assert_same(results[0], results[1])
        for one, other in zip(results[0], results[2], strict=True):
            assert one.numpy().dtype == other.dtype
            np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5)
        if step == 10:
            for each in (env, twin, plain):
                each.simulator.velocities[1, 0] = np.inf
        if step == 15:
            mask = np.array([False, True, True, False])
            again = [each.reset(seed=1, options={"reset_mask": mask})[0] for each in (env, twin, plain)]
            np.testing.assert_allclose(again[0], again[2], rtol=1e-5, atol=1e-5)
    assert not np.array_equal(first, results[0][0])
