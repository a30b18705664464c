"""Ant: a four-legged body that walks in the plane (Finn et al. 2017, section 5.3)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mamlrl.envs.locomotion.ant_bodies import GymnasiumAnt, RllabAnt
from mamlrl.envs.locomotion.locomotion_env import LocomotionVectorEnv
from mamlrl.envs.locomotion.physical_tasks import Crippled, PhysicalParameters
from mamlrl.envs.locomotion.tasks import Direction, Goal, Velocity
from mamlrl.envs.single_task_env import single_task_env

LEGS = [[0, 1], [2, 3], [4, 5], [6, 7]]  # actuators of each leg's hip and ankle


class AntVectorEnv(LocomotionVectorEnv):
    """Ants; see `RllabAnt` and `GymnasiumAnt` for the families of papers.

    Args:
        num_envs: Number of sub-environments.
        healthy_reward: Reward for every step; None stands for the family's.
        contact_cost_weight: Weight of the squared contact forces in the reward; None stands for the family's.
        **kwargs: See `LocomotionVectorEnv`.
    """

    bodies = {"rllab": RllabAnt, "gymnasium": GymnasiumAnt}  # noqa: RUF012

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
    """Ants walk along x at a goal velocity; the task's reward is 1 - |v - g|.

    Args:
        num_envs: Number of sub-environments.
        velocity_range: Range of the goals, which are uniform, in metres per second.
        test_velocity_range: Range of the goals to evaluate on, apart from the former; None for the same.
        **kwargs: See `AntVectorEnv`.
    """

    def __init__(
        self,
        num_envs: int = 1,
        *,
        velocity_range: tuple[float, float] = (0.0, 3.0),
        test_velocity_range: tuple[float, float] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(num_envs, task=Velocity(velocity_range, 1.0, test_velocity_range), **kwargs)


class AntDirectionVectorEnv(AntVectorEnv):
    """Ants walk forwards (d = 1) or backwards (d = -1) along x, equally likely; the task's reward is d v."""

    def __init__(self, num_envs: int = 1, **kwargs: Any) -> None:
        super().__init__(num_envs, task=Direction(1), **kwargs)


class AntRandomDirectionVectorEnv(AntVectorEnv):
    """Ants walk along a random unit vector of the plane; the task's reward is the velocity along it.

    From Rothfuss et al. 2018.
    """

    def __init__(self, num_envs: int = 1, **kwargs: Any) -> None:
        super().__init__(num_envs, task=Direction(2), **kwargs)


class AntGoalVectorEnv(AntVectorEnv):
    """Ants walk to a point; the task's reward is 4 minus the L1 distance to it.

    Args:
        num_envs: Number of sub-environments.
        goal_range: Goals are uniform on [-goal_range, goal_range]^2, in metres.
        test_goal_range: The same of goals to evaluate on, which lie outside of the former square; None for inside.
        **kwargs: See `AntVectorEnv`.
    """

    def __init__(
        self, num_envs: int = 1, *, goal_range: float = 3.0, test_goal_range: float | None = None, **kwargs: Any
    ) -> None:
        super().__init__(num_envs, task=Goal(goal_range, 4.0, test_goal_range), **kwargs)


class AntParametersVectorEnv(AntVectorEnv):
    """Ants run forwards with unknown mass, friction, damping and strength; the task's reward is v.

    Args:
        num_envs: Number of sub-environments.
        max_factor: Largest multiple of the usual values; all four are log-uniform between its inverse and it.
        test_max_factor: The same of tasks to evaluate on, which lie outside of the former range; None for inside.
        **kwargs: See `AntVectorEnv`.
    """

    def __init__(
        self, num_envs: int = 1, *, max_factor: float = 2.0, test_max_factor: float | None = None, **kwargs: Any
    ) -> None:
        super().__init__(num_envs, task=PhysicalParameters(max_factor, test_max_factor), **kwargs)


class AntCrippledVectorEnv(AntVectorEnv):
    """Ants run forwards with one leg that does not obey; the task's reward is v.

    Args:
        num_envs: Number of sub-environments.
        held_out_legs: Numbers of legs that only tasks to evaluate on cripple, and these no others.
        **kwargs: See the base class.
    """

    def __init__(self, num_envs: int = 1, *, held_out_legs: Sequence[int] = (), **kwargs: Any) -> None:
        super().__init__(num_envs, task=Crippled(LEGS, held_out_legs, "legs"), **kwargs)


AntVelocityEnv = single_task_env(AntVelocityVectorEnv)
AntDirectionEnv = single_task_env(AntDirectionVectorEnv)
AntRandomDirectionEnv = single_task_env(AntRandomDirectionVectorEnv)
AntGoalEnv = single_task_env(AntGoalVectorEnv)
AntParametersEnv = single_task_env(AntParametersVectorEnv)
AntCrippledEnv = single_task_env(AntCrippledVectorEnv)
