"""Task families, registered with Gymnasium under the namespace `mamlrl`."""

import gymnasium

from mamlrl.envs.single_task_env import SingleTaskEnv
from mamlrl.envs.task_env import TaskEnv
from mamlrl.envs.task_vector_env import TaskVectorEnv

__all__ = ["NAMESPACE", "SingleTaskEnv", "TaskEnv", "TaskVectorEnv", "register_environments"]

NAMESPACE = "mamlrl"

_FAMILIES = {  # id without namespace and version, and the module that defines its two classes
    "Navigation2D": "navigation",
    "Bandit": "bandits",
    "TabularMDP": "mdps",
    "HalfCheetahVelocity": "half_cheetah",
    "HalfCheetahDirection": "half_cheetah",
    "HalfCheetahParameters": "half_cheetah",
    "HalfCheetahCrippled": "half_cheetah",
    "AntVelocity": "ant",
    "AntDirection": "ant",
    "AntRandomDirection": "ant",
    "AntGoal": "ant",
    "AntParameters": "ant",
    "AntCrippled": "ant",
    "MetaWorld": "metaworld",
}


def register_environments() -> None:
    """Registers every task family with Gymnasium; importing `mamlrl` does this already."""
    for name, module in _FAMILIES.items():
        gymnasium.register(
            id=f"{NAMESPACE}/{name}-v0",
            entry_point=f"mamlrl.envs.{module}:{name}Env",
            vector_entry_point=f"mamlrl.envs.{module}:{name}VectorEnv",
        )
