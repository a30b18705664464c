"""Task families, registered with Gymnasium under the namespace `mamlrl`."""

import gymnasium

from mamlrl.envs.task_env import SingleTaskEnv, TaskVectorEnv

__all__ = ["NAMESPACE", "SingleTaskEnv", "TaskVectorEnv", "register_environments"]

NAMESPACE = "mamlrl"


def register_environments() -> None:
    """Registers every task family with Gymnasium; importing `mamlrl` does this already."""
    gymnasium.register(
        id=f"{NAMESPACE}/Navigation2D-v0",
        entry_point="mamlrl.envs.navigation:Navigation2DEnv",
        vector_entry_point="mamlrl.envs.navigation:Navigation2DVectorEnv",
    )
