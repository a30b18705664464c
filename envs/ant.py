"""Ant: a four-legged body that walks in the plane (Finn et al. 2017, section 5.3)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mamlrl.envs.locomotion.body import Body, LocomotionVectorEnv, gymnasium_model
from mamlrl.envs.locomotion.physical_tasks import Crippled, PhysicalParameters
from mamlrl.envs.locomotion.tasks import Direction, Goal, Motion, Velocity
from mamlrl.envs.physics.simulator import FloatArray, Simulator, fill_fields_on_reset
from mamlrl.envs.physics.step_functions import BODY_MOTION, CONTACT_FORCES, run_after_each_step
from mamlrl.envs.pictures.rendering import View
from mamlrl.envs.task_env import SingleTaskEnv

MODEL_FILE = "ant.xml"
TORSO = 1  # body
HEALTHY_HEIGHT = (0.2, 1.0)  # metres
CONTACT_LIMIT = 1.0  # torques and forces are clipped to +- this
LEGS = [[0, 1], [2, 3], [4, 5], [6, 7]]  # actuators of hip and ankle


class Ant(Body):
    """What the families have in common: contact forces, their cost, and when an episode ends.

    Attributes:
        healthy_reward: For every step.
        contact_cost_weight: Of the sum of squared contact forces.
    """

    view = View(distance=5.0, elevation=30.0, height=0.5)
    healthy_reward: float
    contact_cost_weight = 5e-4

    def look(self, simulator: Simulator) -> None:
        """Reads the clipped torques and forces of contacts on every body, the world first."""
        forces = simulator.fields["cfrc_ext"]
        self.contacts = np.clip(forces.reshape(len(forces), -1), -CONTACT_LIMIT, CONTACT_LIMIT)

    def costs(self, actions: FloatArray) -> FloatArray:
        """Costs of actions and contacts, shape (num_simulations,)."""
        contacts = self.contact_cost_weight * np.einsum("ij,ij->i", self.contacts, self.contacts)
        return self.ctrl_cost_weight * np.square(actions).sum(axis=1) + contacts

    def ended(self, simulator: Simulator) -> NDArray[np.bool_]:
        """Tells whose torso is too low or too high, shape (num_simulations,)."""
        low, high = HEALTHY_HEIGHT
        height = simulator.positions[:, 2]
        return (height < low) | (height > high)


class RllabAnt(Ant):
    """The original code's ant.

    One RK4 step of 0.02 s an action; the velocity is that of the whole body's centre of mass. Observation: qpos,
    qvel, clipped contact forces, the torso's rotation matrix, the centre of mass. Reward beside the task's:
    0.05 - 0.005 |a|^2 - 0.0005 |contact forces|^2. An episode ends when the torso is too low or too high.
    """

    substeps = 1
    fields = ("cfrc_ext", "xmat", "subtree_com", "subtree_linvel")
    observation_size = 125
    ctrl_cost_weight = 0.005
    healthy_reward = 0.05

    def __init__(self) -> None:
        spec = gymnasium_model(MODEL_FILE)
        spec.option.timestep = 0.02
        for geom in spec.geoms:
            geom.solref[:2] = 0.02, 1.0
            geom.solimp[:3] = 0.8, 0.8, 0.01
        fill_fields_on_reset(spec, "torso")
        run_after_each_step(spec, CONTACT_FORCES + BODY_MOTION)
        self.model = spec.compile()
        self.standing = self.model.numeric("init_qpos").data.copy()

    def sample_states(self, rng: np.random.Generator, number: int) -> tuple[FloatArray, FloatArray]:
        """See `Body.sample_states`."""
        positions = self.standing + 0.01 * rng.standard_normal((number, self.model.nq))
        return positions, 0.1 * rng.standard_normal((number, self.model.nv))

    def observe(self, simulator: Simulator) -> FloatArray:
        """See `Body.observe`."""
        number = len(simulator.positions)
        rotation = simulator.fields["xmat"][:, TORSO].reshape(number, 9)
        centre = simulator.fields["subtree_com"][:, TORSO]
        parts = (simulator.positions, simulator.velocities, self.contacts, rotation, centre)
        return np.concatenate(parts, axis=1)

    def position(self, simulator: Simulator) -> FloatArray:
        """See `Body.position`."""
        return simulator.fields["subtree_com"][:, TORSO, :2].copy()

    def motion(self, simulator: Simulator, before: FloatArray) -> Motion:
        """Returns that of the centre of mass at the end of the step."""
        return Motion(self.position(simulator), simulator.fields["subtree_linvel"][:, TORSO, :2].copy())

    def reward(self, simulator: Simulator, actions: FloatArray) -> FloatArray:
        """See `Body.reward`."""
        return self.healthy_reward - self.costs(actions)


class GymnasiumAnt(Ant):
    """Gymnasium's Ant-v5, with the task's reward in place of the forward one.

    Five RK4 steps, 0.05 s, an action; the velocity is the torso's displacement over them. Observation: qpos
    without x and y, qvel, clipped contact forces but the world's. Reward beside the task's:
    1 - 0.5 |a|^2 - 0.0005 |contact forces|^2, without the 1 in the step that ends the episode, which happens when
    the torso is too low or too high.
    """

    substeps = 5
    fields = ("cfrc_ext", "xpos")
    observation_size = 105
    ctrl_cost_weight = 0.5
    healthy_reward = 1.0

    def __init__(self) -> None:
        spec = gymnasium_model(MODEL_FILE)
        fill_fields_on_reset(spec, "torso")
        run_after_each_step(spec, CONTACT_FORCES)
        self.model = spec.compile()

    def sample_states(self, rng: np.random.Generator, number: int) -> tuple[FloatArray, FloatArray]:
        """See `Body.sample_states`."""
        positions = self.model.qpos0 + rng.uniform(-0.1, 0.1, (number, self.model.nq))
        return positions, 0.1 * rng.standard_normal((number, self.model.nv))

    def observe(self, simulator: Simulator) -> FloatArray:
        """See `Body.observe`."""
        return np.concatenate((simulator.positions[:, 2:], simulator.velocities, self.contacts[:, 6:]), axis=1)

    def position(self, simulator: Simulator) -> FloatArray:
        """Returns the torso's place in the last stage of the step's integration, which is what v5 takes."""
        return simulator.fields["xpos"][:, TORSO, :2].copy()

    def reward(self, simulator: Simulator, actions: FloatArray) -> FloatArray:
        """See `Body.reward`."""
        return self.healthy_reward * ~self.ended(simulator) - self.costs(actions)


class AntVectorEnv(LocomotionVectorEnv):
    """Ants; see `RllabAnt` and `GymnasiumAnt` for the families.

    Args:
        num_envs: Number of sub-environments.
        healthy_reward: Reward for every step; None stands for the family's.
        contact_cost_weight: Weight of the squared contact forces in the reward; None stands for the family's.
        **kwargs: See `LocomotionVectorEnv`.
    """

    families = {"rllab": RllabAnt, "gymnasium": GymnasiumAnt}  # noqa: RUF012

    def __init__(
        self,
        num_envs: int = 1,
        *,
        healthy_reward: float | None = None,
        contact_cost_weight: float | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(num_envs, **kwargs)
        self.body.set_weights(healthy_reward=healthy_reward, contact_cost_weight=contact_cost_weight)


class AntVelocityVectorEnv(AntVectorEnv):
    """Ants walk along x at a goal velocity: 1 - |v - g|.

    Args:
        num_envs: Number of sub-environments.
        velocity_range: Goals are uniform on it, in metres a second.
        **kwargs: See `AntVectorEnv`.
    """

    def __init__(
        self, num_envs: int = 1, *, velocity_range: tuple[float, float] = (0.0, 3.0), **kwargs: Any
    ) -> None:
        super().__init__(num_envs, task=Velocity(velocity_range, bonus=1.0), **kwargs)


class AntDirectionVectorEnv(AntVectorEnv):
    """Ants walk forwards (+1) or backwards (-1) along x, with equal probability: d v."""

    def __init__(self, num_envs: int = 1, **kwargs: Any) -> None:
        super().__init__(num_envs, task=Direction(1), **kwargs)


class AntRandomDirectionVectorEnv(AntVectorEnv):
    """Ants walk along a random unit vector of the plane: their velocity along it (Rothfuss et al. 2018)."""

    def __init__(self, num_envs: int = 1, **kwargs: Any) -> None:
        super().__init__(num_envs, task=Direction(2), **kwargs)


class AntGoalVectorEnv(AntVectorEnv):
    """Ants walk to a point: 4 minus the L1 distance to it.

    Args:
        num_envs: Number of sub-environments.
        goal_range: Goals are uniform on [-goal_range, goal_range]^2, in metres.
        **kwargs: See `AntVectorEnv`.
    """

    def __init__(self, num_envs: int = 1, *, goal_range: float = 3.0, **kwargs: Any) -> None:
        super().__init__(num_envs, task=Goal(goal_range, bonus=4.0), **kwargs)


class AntParametersVectorEnv(AntVectorEnv):
    """Ants run forwards with unknown mass, friction, damping and strength: v.

    Args:
        num_envs: Number of sub-environments.
        max_factor: The four are log-uniform between this multiple of the usual value and its inverse.
        **kwargs: See `AntVectorEnv`.
    """

    def __init__(self, num_envs: int = 1, *, max_factor: float = 2.0, **kwargs: Any) -> None:
        super().__init__(num_envs, task=PhysicalParameters(max_factor), **kwargs)


class AntCrippledVectorEnv(AntVectorEnv):
    """Ants run forwards with one leg that does not obey: v."""

    def __init__(self, num_envs: int = 1, **kwargs: Any) -> None:
        super().__init__(num_envs, task=Crippled(LEGS), **kwargs)


class AntVelocityEnv(SingleTaskEnv):
    """An ant as an ordinary Gymnasium environment; see `AntVelocityVectorEnv`."""

    vector_env_class = AntVelocityVectorEnv


class AntDirectionEnv(SingleTaskEnv):
    """An ant as an ordinary Gymnasium environment; see `AntDirectionVectorEnv`."""

    vector_env_class = AntDirectionVectorEnv


class AntRandomDirectionEnv(SingleTaskEnv):
    """An ant as an ordinary Gymnasium environment; see `AntRandomDirectionVectorEnv`."""

    vector_env_class = AntRandomDirectionVectorEnv


class AntGoalEnv(SingleTaskEnv):
    """An ant as an ordinary Gymnasium environment; see `AntGoalVectorEnv`."""

    vector_env_class = AntGoalVectorEnv


class AntParametersEnv(SingleTaskEnv):
    """An ant as an ordinary Gymnasium environment; see `AntParametersVectorEnv`."""

    vector_env_class = AntParametersVectorEnv


class AntCrippledEnv(SingleTaskEnv):
    """An ant as an ordinary Gymnasium environment; see `AntCrippledVectorEnv`."""

    vector_env_class = AntCrippledVectorEnv
