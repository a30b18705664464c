"""Half-cheetah: a two-legged body that runs along a line (Finn et al. 2017, section 5.3)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mamlrl.envs.locomotion.half_cheetah_bodies import GymnasiumHalfCheetah, RllabHalfCheetah
from mamlrl.envs.locomotion.locomotion_env import LocomotionVectorEnv
from mamlrl.envs.locomotion.physical_tasks import Crippled, PhysicalParameters
from mamlrl.envs.locomotion.tasks import Direction, Velocity
from mamlrl.envs.single_task_env import single_task_env

JOINTS = [[actuator] for actuator in range(6)]  # limbs that can be crippled: each joint alone


class HalfCheetahVectorEnv(LocomotionVectorEnv):
    """Half-cheetahs; see `RllabHalfCheetah` and `GymnasiumHalfCheetah` for the families of papers."""

    bodies = {"rllab": RllabHalfCheetah, "gymnasium": GymnasiumHalfCheetah}  # noqa: RUF012


class HalfCheetahVelocityVectorEnv(HalfCheetahVectorEnv):
    """Half-cheetahs run at a goal velocity; the task's reward is -|v - g|.

    Args:
        num_envs: Number of sub-environments.
        velocity_range: Range of the goals, which are uniform, in metres per second: (0, 2) in the paper, (0, 3) in
            later ones.
        test_velocity_range: Range of the goals to evaluate on, apart from the former; None for the same.
        **kwargs: See `LocomotionVectorEnv`.
    """

    def __init__(
        self,
        num_envs: int = 1,
        *,
        velocity_range: tuple[float, float] = (0.0, 2.0),
        test_velocity_range: tuple[float, float] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(num_envs, task=Velocity(velocity_range, test_range=test_velocity_range), **kwargs)


class HalfCheetahDirectionVectorEnv(HalfCheetahVectorEnv):
    """Half-cheetahs run forwards (d = 1) or backwards (d = -1), equally likely; the task's reward is d v."""

    def __init__(self, num_envs: int = 1, **kwargs: Any) -> None:
        super().__init__(num_envs, task=Direction(1), **kwargs)


class HalfCheetahParametersVectorEnv(HalfCheetahVectorEnv):
    """Half-cheetahs run forwards with unknown mass, friction, damping and strength; the task's reward is v.

    Args:
        num_envs: Number of sub-environments.
        max_factor: Largest multiple of the usual values; all four are log-uniform between its inverse and it.
        test_max_factor: The same of tasks to evaluate on, which lie outside of the former range; None for inside.
        **kwargs: See `LocomotionVectorEnv`.
    """

    def __init__(
        self, num_envs: int = 1, *, max_factor: float = 2.0, test_max_factor: float | None = None, **kwargs: Any
    ) -> None:
        super().__init__(num_envs, task=PhysicalParameters(max_factor, test_max_factor), **kwargs)


class HalfCheetahCrippledVectorEnv(HalfCheetahVectorEnv):
    """Half-cheetahs run forwards with one joint that does not obey; the task's reward is v.

    Args:
        num_envs: Number of sub-environments.
        held_out_joints: Numbers of joints that only tasks to evaluate on cripple, and these no others.
        **kwargs: See the base class.
    """

    def __init__(self, num_envs: int = 1, *, held_out_joints: Sequence[int] = (), **kwargs: Any) -> None:
        super().__init__(num_envs, task=Crippled(JOINTS, held_out_joints, "joints"), **kwargs)


HalfCheetahVelocityEnv = single_task_env(HalfCheetahVelocityVectorEnv)
HalfCheetahDirectionEnv = single_task_env(HalfCheetahDirectionVectorEnv)
HalfCheetahParametersEnv = single_task_env(HalfCheetahParametersVectorEnv)
HalfCheetahCrippledEnv = single_task_env(HalfCheetahCrippledVectorEnv)
