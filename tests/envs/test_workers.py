"""Processes that step environments: the same results however many, and none is left, whatever happens."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from ordinary_envs import Faulty, Maml

from mamlrl.envs.gymnasium_adapter import task_env
from mamlrl.envs.task_env import SubEnvError
from mamlrl.errors import TaskEnvError
from mamlrl.sampling.build import EnvConfig, make_task_env
from mamlrl.sampling.checked_env import CheckedEnv

HELPERS = Path(__file__).parents[1] / "helpers"
PENDULUM = EnvConfig("Pendulum-v1", {"horizon": 6}, {"make.g": {"uniform": [5, 15]}, "m": {"uniform": [1, 2]}})
CARTPOLE = EnvConfig("CartPole-v1", {"horizon": 60}, {"force_mag": {"choice": [-10, 10]}})


def episodes(env):
    """Two rounds of episodes of random actions, with a restart of some on the way."""
    env.set_tasks(env.sample_tasks(np.random.default_rng(0), env.num_envs))
    env.action_space.seed(0)
    found = [env.reset(seed=1)[0]]
    for step in range(env.horizon):
        if step == 4:
            found.append(env.reset(options={"reset_mask": np.arange(env.num_envs) % 2 == 0})[0])
        found += env.step(env.action_space.sample())[:4]
    found.append(env.reset(seed=2)[0])
    env.close()
    return found


@pytest.mark.parametrize("config", [PENDULUM, CARTPOLE], ids=lambda config: config.id)
def test_results_are_the_same_whatever_the_number_of_workers(config):
    runs = []
    for workers in (0, 1, 2, 3, 9):  # 5 sub-environments do not divide equally
        runs.append(episodes(make_task_env(replace(config, workers=workers), 5)))
    for other in runs[1:]:
        for one, same in zip(runs[0], other, strict=True):
            np.testing.assert_array_equal(one, same)


def faulty(what, workers):
    family = task_env(
        lambda **kwargs: Faulty(what, **kwargs),
        lambda rng, num_tasks: rng.uniform(-1, 1, (num_tasks, 2)),
        lambda env, task: setattr(env, "goal", task),
    )
    env = family(6, horizon=5, workers=workers)
    env.set_tasks(np.array([[-1, 0], [0.5, 0], [-0.5, 0]]))
    return env


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize(
    ("what", "text"), [("raise", "OutOfPlaceError: out of place at 7"), ("exit", "SystemExit: 3")]
)
def test_an_error_of_an_environment_names_its_task(what, text, workers, capfd):
    env = faulty(what, workers)
    checked = CheckedEnv(env, first_task=10, episodes_per_task=2)
    for seed, steps in [(0, 3), (1, 2)]:
        checked.reset(seed)
        for _ in range(steps):
            checked.step(np.zeros((6, 2)))
    message = rf"step raised {text} in task 11 \(parameters \[0.5, 0.0\]\), time step 2$"
    with pytest.raises(TaskEnvError, match=message) as raised:
        checked.step(np.zeros((6, 2)))
    assert isinstance(raised.value.__cause__, SubEnvError)
    env.close()
    assert capfd.readouterr() == ("", "")


def processes_of(env):
    return env._workers._processes.processes


def test_a_worker_that_is_killed_ends_the_run_and_leaves_none(capfd):
    env = faulty("kill", 3)
    processes = processes_of(env)
    checked = CheckedEnv(env, episodes_per_task=2)

    def run():
        for seed in range(2):
            checked.reset(seed)
            for _ in range(3):
                checked.step(np.zeros((6, 2)))

    with pytest.raises(TaskEnvError, match="step raised RuntimeError: a worker process has ended, perhaps killed"):
        run()
    env.close()
    assert not any(process.is_alive() for process in processes)
    assert capfd.readouterr() == ("", "")


def test_an_environment_that_is_dropped_ends_its_workers():
    env = faulty("raise", 2)
    processes = processes_of(env)
    env.reset(seed=0)
    del env
    assert not any(process.is_alive() for process in processes)


def is_running(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


PROGRAM = """
    import signal
    signal.signal(signal.SIGINT, signal.default_int_handler)  # which programs in the background do not have
    import numpy as np
    from mamlrl.sampling.build import EnvConfig, make_task_env
    config = EnvConfig("Pendulum-v1", {"horizon": 100}, {"m": {"uniform": [1, 2]}}, workers=3)
    env = make_task_env(config, 6)
    env.reset(seed=0)
    print(*(process.pid for process in env._workers._processes.processes), flush=True)
    while True:
        env.step(np.zeros((6, 1)))
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL, signal.SIGINT], ids=lambda number: number.name)
def test_no_worker_outlives_its_program(number):
    command = [sys.executable, "-c", textwrap.dedent(PROGRAM)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as program:
        pids = [int(pid) for pid in program.stdout.readline().split()]
        assert len(pids) == 3
        assert all(map(is_running, pids))
        program.send_signal(number)
        try:
            program.wait(timeout=60)
        finally:
            program.kill()
        deadline = time.monotonic() + 60
        while any(map(is_running, pids)) and time.monotonic() < deadline:
            time.sleep(0.02)
        assert not any(map(is_running, pids))
        errors = program.stderr.read()
    assert errors == "" or (number == signal.SIGINT and errors.rstrip().endswith("KeyboardInterrupt"))


def test_workers_let_a_program_end_its_step_when_its_group_is_interrupted(registered):
    env = make_task_env(EnvConfig(registered(Maml), {"horizon": 9}, workers=2), 4)
    env.reset(seed=0)
    for process in processes_of(env):
        os.kill(process.pid, signal.SIGINT)
    time.sleep(0.2)
    assert np.isfinite(env.step(np.zeros((4, 2)))[1]).all()
    env.close()


def test_pictures_come_from_all_workers(registered):
    config = EnvConfig(registered(Maml), {"horizon": 9}, workers=2)
    env = make_task_env(config, 3, "rgb_array")
    env.frame_size = 32
    env.reset(seed=0)
    assert [picture.shape for picture in env.render()] == [(32, 32, 3)] * 3
    env.close()


class Counting(Maml):
    """Tells of the number of its steps, and is over after two, three, ... of them."""

    def __init__(self, length=2.0):
        super().__init__()
        self.length, self.steps = length, 0

    def reset(self, *, seed=None, options=None):
        self.steps = 0
        return super().reset(seed=seed, options=options)

    def step(self, action):
        self.steps += 1
        observation, reward, *_ = super().step(action)
        return observation, reward, self.steps >= self.length, False, {"steps": self.steps}


@pytest.mark.parametrize("workers", [0, 2])
def test_episodes_that_are_over_rest(workers, registered):
    tasks = {"length": {"list": [2.0, 3.0, 4.0]}}
    config = EnvConfig(registered(Counting), {"horizon": 9}, tasks, workers=workers, info={"steps": "last"})
    env = make_task_env(config, 3)
    env.set_tasks(np.array([[2.0], [3.0], [4.0]]))
    env.reset(seed=0)
    for step in range(1, 6):  # goes on when all are over
        observations, rewards, terminated, truncated, info = env.step(np.ones((3, 2)))
        over = np.minimum(step, [2, 3, 4])
        np.testing.assert_array_equal(info["steps"], over)
        np.testing.assert_array_equal(terminated, step >= np.array([2, 3, 4]))
        assert not truncated.any()
        np.testing.assert_array_equal(rewards == 0, step > np.array([2, 3, 4]))
        np.testing.assert_allclose(observations, np.repeat(over[:, None], 2, axis=1), atol=0.2)
    env.reset(options={"reset_mask": np.array([False, True, False])})
    *_, terminated, _, info = env.step(np.ones((3, 2)))
    assert terminated.tolist() == [True, False, True]
    assert info["steps"].tolist() == [2, 1, 4]
    env.close()
