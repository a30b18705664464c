"""Simulators by name, bad choices, and the same bodies and tasks on NumPy arrays and torch tensors."""

import sys
from types import SimpleNamespace

import gymnasium
import numpy as np
import pytest
import torch
from fake_envs import FakeEnv

from mamlrl.envs.ant import LEGS
from mamlrl.envs.arrays import on_host
from mamlrl.envs.locomotion.ant_bodies import GymnasiumAnt, RllabAnt
from mamlrl.envs.locomotion.build import SIMULATORS, make_simulator
from mamlrl.envs.locomotion.half_cheetah_bodies import GymnasiumHalfCheetah, RllabHalfCheetah
from mamlrl.envs.locomotion.physical_tasks import Crippled, PhysicalParameters
from mamlrl.envs.locomotion.tasks import Direction, Goal, Velocity
from mamlrl.envs.physics.batch_simulator import BatchSimulator
from mamlrl.errors import UserError
from mamlrl.sampling.build import EnvConfig, make_task_env, make_task_envs, on_device
from mamlrl.sampling.settings import SamplingConfig

NUMBER = 5
ANT = "mamlrl/AntDirection-v0"
TASKS = [Velocity((0.0, 2.0)), Direction(1), PhysicalParameters(2.0), Crippled(LEGS)]
PLANE_TASKS = [*TASKS, Direction(2), Goal(3.0)]
BODIES = [
    (RllabHalfCheetah, TASKS[:3]),
    (GymnasiumHalfCheetah, TASKS[:3]),
    (RllabAnt, PLANE_TASKS),
    (GymnasiumAnt, PLANE_TASKS),
]


def test_the_batch_engine_is_the_default_and_stays_on_the_cpu():
    env = gymnasium.make_vec(ANT, num_envs=2, device="cuda")
    assert isinstance(env.simulator, BatchSimulator)
    assert isinstance(make_simulator("batch", RllabAnt(), 2), BatchSimulator)
    assert env.simulator.xp is np


def test_an_unknown_simulator_is_told_with_the_choices_and_the_nearest():
    with pytest.raises(UserError, match=r"simulator must be one of batch, warp, got 'wrap'; did you mean warp\?$"):
        make_task_env(EnvConfig(ANT, {"simulator": "wrap"}), 2)
    assert sorted(SIMULATORS) == ["batch", "warp"]


@pytest.mark.parametrize("module", ["warp", "mujoco_warp", "array_api_compat"])
def test_a_missing_extra_is_told_in_one_line(module, monkeypatch):
    for name in [name for name in sys.modules if name.startswith("mamlrl.envs.physics.warp_")]:
        monkeypatch.delitem(sys.modules, name)
    for name in ("warp", "mujoco_warp", "array_api_compat"):
        installed = SimpleNamespace(config=SimpleNamespace(), LOG_WARNING=30, torch=torch)
        monkeypatch.setitem(sys.modules, name, None if name == module else installed)
    with pytest.raises(gymnasium.error.DependencyNotInstalled, match=r"simulator warp"):
        gymnasium.make_vec(ANT, num_envs=2, simulator="warp")
    with pytest.raises(UserError, match=r"^env\.kwargs: .*simulator warp.*: run pip install 'mamlrl\[gpu\]'$"):
        make_task_env(EnvConfig(ANT, {"simulator": "warp"}), 2)


def test_the_device_of_an_experiment_reaches_environments_that_take_one():
    config = EnvConfig(ANT, {"horizon": 5})
    assert on_device(config, "cuda:1").kwargs == {"horizon": 5, "device": "cuda:1"}
    assert on_device(EnvConfig(ANT, {"device": "cpu"}), "cuda").kwargs == {"device": "cpu"}
    assert on_device(config, "cpu") == config
    assert on_device(EnvConfig(), "cuda").kwargs == {"device": "cuda"}
    assert on_device(EnvConfig(FakeEnv), "cuda") == EnvConfig(FakeEnv)
    given = []

    class Env(type(gymnasium.make_vec(ANT, num_envs=1))):
        def __init__(self, num_envs=1, **kwargs):
            given.append(kwargs)
            super().__init__(num_envs, **kwargs)

    make_task_envs(EnvConfig(Env), 2, SamplingConfig(episodes_per_task=1), "cuda")
    assert given == [{"device": "cuda"}]


def as_tensors(simulator):
    """The same state of simulations, on torch tensors."""
    arrays = {"positions": simulator.positions, "velocities": simulator.velocities, **simulator.fields}
    tensors = {name: torch.tensor(array) for name, array in arrays.items()}
    positions, velocities = tensors.pop("positions"), tensors.pop("velocities")
    xp = pytest.importorskip("array_api_compat.torch")
    return SimpleNamespace(
        xp=xp, positions=positions, velocities=velocities, fields=tensors, time_step=simulator.time_step
    )


@pytest.mark.parametrize(("make_body", "tasks"), BODIES)
def test_bodies_and_tasks_compute_the_same_on_numpy_arrays_and_torch_tensors(make_body, tasks):
    simulator = make_simulator("batch", make_body(), NUMBER, num_threads=1)
    rng, everything = np.random.default_rng(0), np.ones(NUMBER, dtype=np.bool_)
    body, twin = make_body(), make_body()
    simulator.reset(everything, *body.sample_states(rng, NUMBER))
    twin_simulator = as_tensors(simulator)
    results = []
    for each, state in ((body, simulator), (twin, twin_simulator)):
        each.look(state)
        results.append(each.position(state))
    for step in range(30):
        actions = rng.uniform(-1, 1, (NUMBER, body.model.nu))
        simulator.step(actions, everything)
        body.look(simulator)
        twin.look(as_tensors(simulator))
        before, states = results, (simulator, as_tensors(simulator))
        results = []
        for each, state, given, old in zip(
            (body, twin), states, (actions, torch.tensor(actions)), before, strict=True
        ):
            motion = each.motion(state, old)
            results.append(motion.position)
            computed = [each.observe(state), each.reward(state, given), each.ended(state), *vars(motion).values()]
            chosen = [task.sample(np.random.default_rng(step), NUMBER) for task in tasks]
            computed += [
                task.reward(motion, state.xp.asarray(some)) for task, some in zip(tasks, chosen, strict=True)
            ]
            if each is body:
                expected = computed
                continue
            for one, other in zip(expected, computed, strict=True):
                assert isinstance(other, torch.Tensor)
                np.testing.assert_allclose(on_host(other), one, rtol=1e-12, atol=1e-12)
