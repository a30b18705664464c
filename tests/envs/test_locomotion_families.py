"""The families against Gymnasium and against the original code's formulas, over a thousand steps."""

import gymnasium
import mujoco
import numpy as np
import pytest
from bodies import SEEDS, STEPS, make
from gymnasium.envs.mujoco.mujoco_env import expand_model_path


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """MuJoCo writes a file about the deprecated way in which Gymnasium's half-cheetah sets its mass."""
    monkeypatch.chdir(tmp_path)


def close(actual, expected):
    np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-12)


def restart_like(env, index, other):
    """Brings Gymnasium's environment into the state of one of ours."""
    other.reset(seed=0)
    other.set_state(env.simulator.positions[index], env.simulator.velocities[index])


@pytest.mark.usefixtures("elsewhere")
@pytest.mark.parametrize(
    ("env_id", "other_id", "weights"),
    [
        ("mamlrl/HalfCheetahDirection-v0", "HalfCheetah-v5", {}),
        ("mamlrl/HalfCheetahDirection-v0", "HalfCheetah-v5", {"ctrl_cost_weight": 0.05}),
        ("mamlrl/AntDirection-v0", "Ant-v5", {}),
        (
            "mamlrl/AntDirection-v0",
            "Ant-v5",
            {"ctrl_cost_weight": 0.005, "contact_cost_weight": 0.01, "healthy_reward": 0.25},
        ),
    ],
)
def test_gymnasium_family_equals_gymnasium(env_id, other_id, weights):
    """With the task to run forwards, the reward is v5's own."""
    env = make(env_id, family="gymnasium", horizon=2 * STEPS, **weights)
    env.set_tasks(np.ones((1, 1)))
    others = [gymnasium.make(other_id, **weights).unwrapped for _ in range(SEEDS)]
    observations, _ = env.reset(seed=0)
    for index, other in enumerate(others):
        restart_like(env, index, other)
        close(observations[index], other._get_obs())
    rng, ends, contacts = np.random.default_rng(0), 0, 0.0
    for _ in range(STEPS):
        actions = rng.uniform(-1, 1, (SEEDS, *env.single_action_space.shape))
        observations, rewards, terminated, _, told = env.step(actions)
        body_rewards = env.body.reward(env.simulator, actions)
        for index, other in enumerate(others):
            observation, reward, end, _, info = other.step(actions[index])
            close(observations[index], observation)
            close(env.simulator.positions[index], other.data.qpos)
            close(env.simulator.velocities[index], other.data.qvel)
            costs = info["reward_ctrl"] + info.get("reward_contact", 0.0) + info.get("reward_survive", 0.0)
            close(rewards[index] - body_rewards[index], info["x_velocity"])
            for key in ("x_velocity", "y_velocity") if other_id == "Ant-v5" else ("x_velocity", "x_position"):
                close(told[key][index], info[key])
            close(body_rewards[index], costs)
            close(rewards[index], reward)
            assert terminated[index] == end
            contacts -= info.get("reward_contact", 0.0)
        if terminated.any():
            ends += terminated.sum()
            env.reset(options={"reset_mask": terminated})
            for index in np.flatnonzero(terminated):
                restart_like(env, index, others[index])
    if other_id == "Ant-v5":
        assert ends > 0
        assert contacts > 0


def plain_model(file_name):
    model = mujoco.MjModel.from_xml_path(expand_model_path(file_name))
    if file_name == "ant.xml":
        model.opt.timestep = 0.02
        model.geom_solref[:] = 0.02, 1.0
        model.geom_solimp[:, :3] = 0.8, 0.8, 0.01
    assert model.opt.timestep == (0.02 if file_name == "ant.xml" else 0.01)
    return model


def centre_velocity(model, data):
    """Mass-weighted mean of the velocities of all bodies' centres, one by one."""
    momentum, velocity = np.zeros(3), np.zeros(6)
    for body in range(1, model.nbody):
        mujoco.mj_objectVelocity(model, data, mujoco.mjtObj.mjOBJ_BODY, body, velocity, 0)
        momentum += model.body_mass[body] * velocity[3:]
    return momentum / model.body_mass.sum()


class PlainRllab:
    """The original code's formulas on one `MjData`."""

    def __init__(self, file_name):
        self.model = plain_model(file_name)
        self.data, self.now = mujoco.MjData(self.model), mujoco.MjData(self.model)
        self.ant = file_name == "ant.xml"

    def start(self, positions, velocities):
        mujoco.mj_resetData(self.model, self.data)
        self.data.qpos[:], self.data.qvel[:] = positions, velocities
        mujoco.mj_forward(self.model, self.data)
        mujoco.mj_rnePostConstraint(self.model, self.data)
        self.look()

    def step(self, action):
        self.data.ctrl[:] = action
        mujoco.mj_step(self.model, self.data)
        mujoco.mj_forward(self.model, self.data)
        mujoco.mj_rnePostConstraint(self.model, self.data)
        self.look()

    def look(self):
        """Evaluates the state just reached."""
        self.contacts = np.clip(self.data.cfrc_ext, -1, 1)
        self.now.qpos[:], self.now.qvel[:] = self.data.qpos, self.data.qvel
        mujoco.mj_forward(self.model, self.now)
        self.centre = np.average(self.now.xipos[1:], axis=0, weights=self.model.body_mass[1:])
        self.velocity = centre_velocity(self.model, self.now)

    def observation(self):
        qpos, qvel = self.data.qpos, self.data.qvel
        if self.ant:
            return np.concatenate([qpos, qvel, self.contacts.ravel(), self.now.body("torso").xmat, self.centre])
        return np.concatenate([qpos[1:], qvel, self.centre])

    def costs(self, action):
        if self.ant:
            return 0.005 * np.square(action).sum() + 0.0005 * np.square(self.contacts).sum() - 0.05
        return 0.05 * np.square(action).sum()

    def ended(self):
        return self.ant and not 0.2 <= self.data.qpos[2] <= 1.0


TASK_REWARDS = {
    "mamlrl/HalfCheetahVelocity-v0": lambda plain, task: -abs(plain.velocity[0] - task[0]),
    "mamlrl/HalfCheetahDirection-v0": lambda plain, task: task[0] * plain.velocity[0],
    "mamlrl/AntVelocity-v0": lambda plain, task: 1 - abs(plain.velocity[0] - task[0]),
    "mamlrl/AntDirection-v0": lambda plain, task: task[0] * plain.velocity[0],
    "mamlrl/AntRandomDirection-v0": lambda plain, task: task @ plain.velocity[:2],
    "mamlrl/AntGoal-v0": lambda plain, task: 4 - np.abs(plain.centre[:2] - task).sum(),
}


@pytest.mark.usefixtures("elsewhere")
@pytest.mark.parametrize("env_id", TASK_REWARDS)
def test_rllab_family_equals_the_formulas_on_one_simulation(env_id):
    env = make(env_id, horizon=2 * STEPS)
    tasks = env.sample_tasks(np.random.default_rng(1), SEEDS)
    env.set_tasks(tasks)
    plains = [PlainRllab("ant.xml" if "Ant" in env_id else "half_cheetah.xml") for _ in range(SEEDS)]
    observations, _ = env.reset(seed=0)
    for index, plain in enumerate(plains):
        plain.start(env.simulator.positions[index], env.simulator.velocities[index])
        close(observations[index], plain.observation())
    rng, ends = np.random.default_rng(0), 0
    for _ in range(STEPS):
        actions = rng.uniform(-1.5, 1.5, (SEEDS, *env.single_action_space.shape))
        observations, rewards, terminated, _, _ = env.step(actions)
        for index, plain in enumerate(plains):
            action = np.clip(actions[index], -1, 1)
            plain.step(action)
            close(env.simulator.positions[index], plain.data.qpos)
            close(env.simulator.velocities[index], plain.data.qvel)
            close(observations[index], plain.observation())
            close(rewards[index], TASK_REWARDS[env_id](plain, tasks[index]) - plain.costs(action))
            assert terminated[index] == plain.ended()
        if terminated.any():
            ends += terminated.sum()
            env.reset(options={"reset_mask": terminated})
            for index in np.flatnonzero(terminated):
                plains[index].start(env.simulator.positions[index], env.simulator.velocities[index])
    assert ("Ant" in env_id) == (ends > 0)
