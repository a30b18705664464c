"""The ant as two families of papers have it: the original code's, and Gymnasium's."""

from __future__ import annotations

import numpy as np

from mamlrl.envs.arrays import Array
from mamlrl.envs.locomotion.body import Body, gymnasium_model
from mamlrl.envs.locomotion.task_distribution import Motion
from mamlrl.envs.physics.batch_simulator import add_field_sensors, fill_fields_on_reset
from mamlrl.envs.physics.engine import mujoco
from mamlrl.envs.physics.simulator import FloatArray, Simulator
from mamlrl.envs.physics.step_functions import CONTACT_FORCES, run_after_each_step
from mamlrl.envs.pictures.rendering import View

MODEL_FILE = "ant.xml"
TORSO = 1  # number of the body
HEALTHY_HEIGHT = (0.2, 1.0)  # metres
CONTACT_LIMIT = 1.0  # torques and forces are clipped to +- this


class Ant(Body):
    """What the families of papers have in common: contact forces, their cost, and when an episode ends.

    Attributes:
        healthy_reward: Reward for every step.
        contact_cost_weight: Weight of the sum of squared contact forces in the reward.
    """

    view = View(distance=5.0, elevation=30.0, height=0.5)
    healthy_reward: float
    contact_cost_weight = 5e-4

    def look(self, simulator: Simulator) -> None:
        """Reads the clipped torques and forces of contacts on every body, the world first."""
        forces = simulator.fields["cfrc_ext"]
        self.contacts = forces.reshape(len(forces), -1).clip(-CONTACT_LIMIT, CONTACT_LIMIT)

    def costs(self, simulator: Simulator, actions: Array) -> Array:
        """Returns the costs of actions and contacts, shape (num_simulations,)."""
        contacts = self.contact_cost_weight * simulator.xp.einsum("ij,ij->i", self.contacts, self.contacts)
        return self.control_cost(actions) + contacts

    def ended(self, simulator: Simulator) -> Array:
        """Returns which torsos are too low or too high, shape (num_simulations,)."""
        low, high = HEALTHY_HEIGHT
        height = simulator.positions[:, 2]
        return (height < low) | (height > high)


class RllabAnt(Ant):
    """The original code's ant.

    One RK4 step of 0.02 s per action, then a call of forward: contact forces and all else are those of the state
    reached. The velocity is that of the whole body's centre of mass. Observation: qpos, qvel, clipped contact
    forces, the torso's rotation matrix, the centre of mass. Reward besides the task's:
    0.05 - 0.005 |a|^2 - 0.0005 |contact forces|^2. An episode ends when the torso is too low or too high.
    """

    substeps = 1
    fields = ("cfrc_ext", "xmat", "subtree_com", "subtree_linvel")
    forward = True
    observation_size = 125
    ctrl_cost_weight = 0.005
    healthy_reward = 0.05

    def __init__(self) -> None:
        spec = gymnasium_model(MODEL_FILE)
        spec.option.timestep = 0.02
        for geom in spec.geoms:
            geom.solref[:2] = 0.02, 1.0
            geom.solimp[:3] = 0.8, 0.8, 0.01
        add_field_sensors(spec, "torso")
        self.model = spec.compile()
        self.standing = self.model.numeric("init_qpos").data.copy()

    def sample_states(self, rng: np.random.Generator, number: int) -> tuple[FloatArray, FloatArray]:
        """See `Body.sample_states`."""
        positions = self.standing + 0.01 * rng.standard_normal((number, self.model.nq))
        return positions, 0.1 * rng.standard_normal((number, self.model.nv))

    def observe(self, simulator: Simulator) -> Array:
        """See `Body.observe`."""
        number = len(simulator.positions)
        rotation = simulator.fields["xmat"][:, TORSO].reshape(number, 9)
        centre = simulator.fields["subtree_com"][:, TORSO]
        parts = (simulator.positions, simulator.velocities, self.contacts, rotation, centre)
        return simulator.xp.concat(parts, axis=1)

    def position(self, simulator: Simulator) -> Array:
        """See `Body.position`."""
        return simulator.xp.asarray(simulator.fields["subtree_com"][:, TORSO, :2], copy=True)

    def motion(self, simulator: Simulator, before: Array) -> Motion:
        """Returns the motion of the centre of mass at the end of the step."""
        velocity = simulator.xp.asarray(simulator.fields["subtree_linvel"][:, TORSO, :2], copy=True)
        return Motion(self.position(simulator), velocity)

    def reward(self, simulator: Simulator, actions: Array) -> Array:
        """See `Body.reward`."""
        return self.healthy_reward - self.costs(simulator, actions)


class GymnasiumAnt(Ant):
    """Gymnasium's Ant-v5, with the task's reward in place of the forward one.

    Five RK4 steps, 0.05 s, per action; the velocity is the torso's displacement over them. Observation: qpos
    without x and y, qvel, clipped contact forces except the world's. Reward besides the task's:
    1 - 0.5 |a|^2 - 0.0005 |contact forces|^2, without the 1 in the step that ends the episode. An episode ends
    when the torso is too low or too high.
    """

    substeps = 5
    fields = ("cfrc_ext", "xpos")
    observation_size = 105
    ctrl_cost_weight = 0.5
    healthy_reward = 1.0

    def __init__(self) -> None:
        spec = gymnasium_model(MODEL_FILE)
        fill_fields_on_reset(spec, "torso")
        self._without_plugins = spec.compile()
        run_after_each_step(spec, CONTACT_FORCES)
        self.model = spec.compile()

    def without_plugins(self) -> mujoco.MjModel:
        """See `Body.without_plugins`."""
        return self._without_plugins

    def sample_states(self, rng: np.random.Generator, number: int) -> tuple[FloatArray, FloatArray]:
        """See `Body.sample_states`."""
        positions = self.model.qpos0 + rng.uniform(-0.1, 0.1, (number, self.model.nq))
        return positions, 0.1 * rng.standard_normal((number, self.model.nv))

    def observe(self, simulator: Simulator) -> Array:
        """See `Body.observe`."""
        parts = (simulator.positions[:, 2:], simulator.velocities, self.contacts[:, 6:])
        return simulator.xp.concat(parts, axis=1)

    def position(self, simulator: Simulator) -> Array:
        """Returns the torso's position in the last stage of the step's integration, as Ant-v5 does."""
        return simulator.xp.asarray(simulator.fields["xpos"][:, TORSO, :2], copy=True)

    def reward(self, simulator: Simulator, actions: Array) -> Array:
        """See `Body.reward`."""
        return self.healthy_reward * ~self.ended(simulator) - self.costs(simulator, actions)
