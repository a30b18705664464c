import mujoco
import numpy as np
import pytest

from mamlrl.envs.locomotion.ant_bodies import GymnasiumAnt, RllabAnt
from mamlrl.envs.locomotion.body import gymnasium_model
from mamlrl.envs.locomotion.half_cheetah_bodies import GymnasiumHalfCheetah, RllabHalfCheetah
from mamlrl.envs.physics.batch_simulator import BatchSimulator
from mamlrl.envs.physics.step_functions import CONTACT_FORCES, run_after_each_step

BODY_MOTION = ("mj_kinematics", "mj_comPos", "mj_comVel", "mj_subtreeVel")
BODIES = [RllabHalfCheetah, GymnasiumHalfCheetah, RllabAnt, GymnasiumAnt]


def make(body, num_simulations, num_threads=1):
    return BatchSimulator(body.model, num_simulations, body.substeps, body.fields, body.forward, num_threads)


def started(body, num_simulations, num_threads=1, seed=0):
    simulator = make(body, num_simulations, num_threads)
    states = body.sample_states(np.random.default_rng(seed), num_simulations)
    simulator.reset(np.ones(num_simulations, dtype=np.bool_), *states)
    return simulator, states


def controls(body, steps, num_simulations, seed=1):
    return np.random.default_rng(seed).uniform(-1, 1, (steps, num_simulations, body.model.nu))


def snapshot(simulator):
    arrays = [simulator.positions, simulator.velocities, *simulator.fields.values()]
    return [array.copy() for array in arrays]


def assert_same(first, second):
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("make_body", BODIES)
def test_one_simulation_is_the_same_alone_and_among_800_at_one_and_two_threads(make_body):
    body, index, steps = make_body(), 537, 8
    all_running = np.ones(800, dtype=np.bool_)
    actions = controls(body, steps, 800)
    runs = []
    for num_threads in (1, 2):
        simulator, (positions, velocities) = started(body, 800, num_threads)
        rows = [snapshot(simulator)]
        for action in actions:
            assert not simulator.step(action, all_running).any()
            rows.append(snapshot(simulator))
        runs.append(rows)
    alone = make(body, 1)
    alone.reset(all_running[:1], positions[[index]], velocities[[index]])
    rows = [snapshot(alone)]
    for action in actions:
        alone.step(action[[index]], all_running[:1])
        rows.append(snapshot(alone))
    for one, two, single in zip(*runs, rows, strict=True):
        assert_same(one, two)
        assert_same([array[[index]] for array in one], single)


@pytest.mark.parametrize("make_body", BODIES)
def test_simulations_that_do_not_run_keep_everything(make_body):
    body = make_body()
    simulator, _ = started(body, 4)
    running = np.array([True, False, True, False])
    simulator.step(controls(body, 1, 4)[0], np.ones(4, dtype=np.bool_))
    before = snapshot(simulator)
    simulator.step(controls(body, 1, 4, seed=2)[0], running)
    after = snapshot(simulator)
    assert_same([array[~running] for array in before], [array[~running] for array in after])
    assert (before[0][running] != after[0][running]).any(axis=1).all()


def test_reset_touches_the_chosen_simulations_only_and_leaves_no_trace_of_the_past():
    body = RllabAnt()
    simulator, _ = started(body, 4)
    for action in controls(body, 30, 4):
        simulator.step(action, np.ones(4, dtype=np.bool_))
    before = snapshot(simulator)
    chosen = np.array([False, True, True, False])
    positions, velocities = body.sample_states(np.random.default_rng(7), 2)
    simulator.reset(chosen, positions, velocities)
    assert_same([array[~chosen] for array in before], [array[~chosen] for array in snapshot(simulator)])

    fresh = make(body, 2)
    fresh.reset(np.ones(2, dtype=np.bool_), positions, velocities)
    for action in controls(body, 30, 4, seed=3):
        assert_same([array[chosen] for array in snapshot(simulator)], snapshot(fresh))
        simulator.step(action, chosen)
        fresh.step(action[chosen], np.ones(2, dtype=np.bool_))


@pytest.mark.parametrize("make_body", [RllabAnt, GymnasiumAnt])
@pytest.mark.parametrize("num_threads", [1, 2])
def test_contact_forces_carry_the_weight_of_a_resting_ant(make_body, num_threads):
    body = make_body()
    simulator = make(body, 3, num_threads)
    everything = np.ones(3, dtype=np.bool_)
    standing = np.tile(body.model.numeric("init_qpos").data, (3, 1))
    simulator.reset(everything, standing, np.zeros((3, body.model.nv)))
    for _ in range(600):
        simulator.step(np.zeros((3, body.model.nu)), everything)
    weight = body.model.body_subtreemass[1] * 9.81
    upward = simulator.fields["cfrc_ext"][:, :, 5].sum(axis=1)
    np.testing.assert_allclose(upward, weight, rtol=1e-2)
    simulator.reset(everything, simulator.positions.copy(), simulator.velocities.copy())
    np.testing.assert_allclose(simulator.fields["cfrc_ext"][:, :, 5].sum(axis=1), weight, rtol=1e-2)


def test_step_functions_do_not_change_the_motion():
    plain = gymnasium_model("ant.xml").compile()
    spec = gymnasium_model("ant.xml")
    run_after_each_step(spec, CONTACT_FORCES + BODY_MOTION)
    extended = spec.compile()
    datas = mujoco.MjData(plain), mujoco.MjData(extended)
    for action in np.random.default_rng(0).uniform(-1, 1, (300, plain.nu)):
        for model, data in zip((plain, extended), datas, strict=True):
            data.ctrl[:] = action
            mujoco.mj_step(model, data)
        np.testing.assert_array_equal(datas[0].qpos, datas[1].qpos)
        np.testing.assert_array_equal(datas[0].qvel, datas[1].qvel)


def test_body_motion_is_that_of_the_state_just_reached():
    spec = gymnasium_model("ant.xml")
    run_after_each_step(spec, BODY_MOTION)
    model = spec.compile()
    data, now = mujoco.MjData(model), mujoco.MjData(model)
    for action in np.random.default_rng(0).uniform(-1, 1, (100, model.nu)):
        data.ctrl[:] = action
        mujoco.mj_step(model, data)
    now.qpos[:], now.qvel[:] = data.qpos, data.qvel
    mujoco.mj_forward(model, now)
    mujoco.mj_subtreeVel(model, now)
    for name in ("xmat", "subtree_com", "subtree_linvel"):
        np.testing.assert_array_equal(getattr(data, name), getattr(now, name))


def plain_ant(body, position, velocity):
    """One simulation of the original code's ant without sensors or step functions, at the start of an episode."""
    model = gymnasium_model("ant.xml").compile()
    model.opt.timestep = 0.02
    model.geom_solref[:], model.geom_solimp[:, :3] = (0.02, 1.0), (0.8, 0.8, 0.01)
    data = mujoco.MjData(model)
    data.qpos[:], data.qvel[:] = position, velocity
    return model, data


def forward(model, data):
    """The original code's call after each step and reset, and the fields that MuJoCo fills only when asked."""
    mujoco.mj_forward(model, data)
    mujoco.mj_rnePostConstraint(model, data)
    mujoco.mj_subtreeVel(model, data)


@pytest.mark.parametrize("num_threads", [1, 2])
def test_all_fields_of_the_original_ant_are_those_of_the_state_reached(num_threads):
    """Bit for bit, after resets too; the motion is that of `mj_step` alone, as forward changes no warm start."""
    body, number, steps = RllabAnt(), 3, 400
    simulator, everything = make(body, number, num_threads), np.ones(3, dtype=np.bool_)
    stale = touching = 0
    for episode in range(2):
        states = body.sample_states(np.random.default_rng(episode), number)
        simulator.reset(everything, *states)
        plains = [plain_ant(body, *state) for state in zip(*states, strict=True)]
        undisturbed = [plain_ant(body, *state) for state in zip(*states, strict=True)]
        for action in [None, *controls(body, steps, number, seed=episode)]:
            if action is not None:
                assert not simulator.step(action, everything).any()
            for index, (model, data) in enumerate(plains):
                if action is not None:
                    data.ctrl[:] = undisturbed[index][1].ctrl[:] = action[index]
                    mujoco.mj_step(model, data)
                    mujoco.mj_step(*undisturbed[index])
                    mujoco.mj_rnePostConstraint(model, data)
                    forces = data.cfrc_ext.copy()
                forward(model, data)
                for name in ("qpos", "qvel"):
                    np.testing.assert_array_equal(getattr(data, name), getattr(undisturbed[index][1], name))
                np.testing.assert_array_equal(simulator.positions[index], data.qpos)
                np.testing.assert_array_equal(simulator.velocities[index], data.qvel)
                for name, values in simulator.fields.items():
                    np.testing.assert_array_equal(values[index], getattr(data, name).reshape(values[index].shape))
                touching += data.cfrc_ext.any()
                stale += action is not None and not np.array_equal(forces, data.cfrc_ext)
    assert touching > steps
    assert stale > steps


def poison_velocity(simulator, action):
    simulator.velocities[2, 0] = 1e12


def poison_position(simulator, action):
    simulator.positions[2, 0] = np.nan


def poison_control(simulator, action):
    action[2, 1] = np.nan


@pytest.mark.parametrize("make_body", BODIES)
@pytest.mark.parametrize("poison", [poison_velocity, poison_position, poison_control])
@pytest.mark.parametrize("num_threads", [1, 2])
def test_divergence_is_told_and_stays_alone(make_body, poison, num_threads, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    body = make_body()
    simulator, _ = started(body, 4, num_threads)
    twin, _ = started(body, 4, num_threads)
    running = np.ones(4, dtype=np.bool_)
    for step, action in enumerate(controls(body, 6, 4)):
        twin.step(action, np.ones(4, dtype=np.bool_))
        if step == 3:
            poison(simulator, action)
        diverged = simulator.step(action, running)
        np.testing.assert_array_equal(diverged, [False, False, step == 3, False])
        running &= ~diverged
        others = np.array([0, 1, 3])
        assert_same([array[others] for array in snapshot(simulator)], [array[others] for array in snapshot(twin)])
    assert np.isfinite(simulator.positions).all()
    assert np.isfinite(simulator.velocities).all()
    assert not list(tmp_path.iterdir())  # MuJoCo's own log file
    assert "unstable" not in "".join(capfd.readouterr())


def test_divergence_is_told_every_time():
    body = RllabHalfCheetah()
    simulator, states = started(body, 2)
    everything = np.ones(2, dtype=np.bool_)
    for _ in range(3):
        simulator.velocities[0, 0] = 1e12
        np.testing.assert_array_equal(simulator.step(np.zeros((2, 6)), everything), [True, False])
        simulator.reset(everything, *states)
        assert not simulator.step(np.zeros((2, 6)), everything).any()
