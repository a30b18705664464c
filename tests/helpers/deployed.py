"""Small checkpoints of every kind of policy, and tasks to adapt them to."""

from dataclasses import replace
from functools import partial

import gymnasium
import numpy as np
import torch
from fake_envs import FakeEnv
from gymnasium.spaces import Box, Discrete, MultiBinary, MultiDiscrete
from programs import TINY

import mamlrl
from mamlrl.envs.single_task_env import single_task_env
from mamlrl.evaluation.evaluation import evaluation_estimator
from mamlrl.inner_loops.assembly import assemble_policy
from mamlrl.runs.checkpoints import save_checkpoint
from mamlrl.sampling.normalization import ObservationNormalizer

NORMALIZER = ObservationNormalizer(
    *(torch.tensor(values, dtype=torch.float64) for values in (9.0, [0.05, -0.02], [0.3, 0.1]))
)
TASK = np.array([0.015, -0.01])  # so near that some episodes end early
POLICY = [*TINY[1:], "--env.kwargs.horizon=30", "--policy.initial_std=0.5"]
LIKELIHOOD_RATIO = "--adaptation.loss=likelihood_ratio"
IMAML = ["--adaptation.estimator=imaml", LIKELIHOOD_RATIO, "--adaptation.gradient_steps=3"]
IMAML += ["--adaptation.proximal.weight=5"]
METHODS = {  # every estimator, kind of step size, inner loss and adapted part
    "maml": [],
    "tanh": ["--policy.activation=tanh", "--sampling.action_bound=2", "--policy.hidden_sizes=[8,6]"],
    "normalized": ["--sampling.normalize_observations=true"],
    "unscaled": ["--sampling.rescale_actions=false"],
    "first_order": ["--adaptation.estimator=first_order"],
    "meta_sgd": ["--adaptation.learned_step_size=per_parameter"],
    "several_steps": [LIKELIHOOD_RATIO, "--adaptation.gradient_steps=2"],
    "context": ["--policy.context_size=3", "--adaptation.adapted=context"],
    "last_layer": ["--adaptation.adapted=last_layer"],
    "imaml": IMAML,
    "linearized_imaml": ["--adaptation.estimator=linearized_imaml", *IMAML[2:]],
    "discrete": ["--env.id=deployed/Push-v0", "--env.kwargs={}"],
    **{
        kind: ["--env.id=deployed/Pushes-v0", f'--env.kwargs={{"kind": "{kind}"}}']
        for kind in ("shifted", "choices", "switches", "matrix")
    },
}


class PushVectorEnv(FakeEnv):
    """A point that is pushed to the left, not at all, or to the right, until it is far away."""

    actions = Discrete(3)

    def __init__(self, num_envs=1, **kwargs):
        super().__init__(num_envs, **kwargs)

    def _advance(self, actions, running):
        self.points[:, 0] += 0.3 * (actions - 1) * running
        return -np.abs(self.points - self.tasks).sum(axis=1), np.abs(self.points[:, 0]) > 1


class PushesVectorEnv(FakeEnv):
    """A point that is pushed along both axes, by actions of another kind of space; checks that they are in it."""

    spaces = {  # noqa: RUF012
        "shifted": Discrete(3, start=-1),
        "choices": MultiDiscrete(np.array([[3], [2]]), start=np.array([[-1], [0]])),
        "switches": MultiBinary(2),
        "matrix": Box(np.array([[-1.0], [0.0]]), np.array([[1.0], [np.inf]]), dtype=np.float64),
    }

    def __init__(self, num_envs=1, *, kind="choices", **kwargs):
        self.actions = self.spaces[kind]
        super().__init__(num_envs, **kwargs)

    def _advance(self, actions, running):
        space = self.single_action_space
        assert all(space.contains(action.astype(space.dtype)) for action in actions)
        pushes = np.broadcast_to(actions.reshape(self.num_envs, -1), (self.num_envs, 2))
        self.points += 0.1 * pushes * running[:, None]
        return -np.abs(self.points - self.tasks).sum(axis=1), np.abs(self.points[:, 0]) > 1


PushEnv = single_task_env(PushVectorEnv)
PushesEnv = single_task_env(PushesVectorEnv)

for _name in ("Push", "Pushes"):
    if f"deployed/{_name}-v0" not in gymnasium.registry:
        entry_points = {"entry_point": f"deployed:{_name}Env", "vector_entry_point": f"deployed:{_name}VectorEnv"}
        gymnasium.register(f"deployed/{_name}-v0", **entry_points)


def checkpoint(path, config="navigation2d", options=POLICY, seed=0):
    """Writes a checkpoint of an experiment; its parameters are changed a little, so that none has its default."""
    learner = mamlrl.make_learner(mamlrl.load_config(config, options))
    noise = torch.randn(learner.params.shape, generator=torch.Generator().manual_seed(seed))
    learner.params = learner.params + 0.02 * noise
    if "--sampling.normalize_observations=true" in options:
        learner.sampler.normalizer = NORMALIZER
    save_checkpoint(path, learner.config, learner.state_dict())
    return path


def load_method(name, folder):
    """A policy of one of `METHODS`."""
    return mamlrl.load(checkpoint(folder / f"{name}.pt", options=[*POLICY, *METHODS[name]]))


def make_copies(policy, copies):
    """A task environment of a policy, with copies of the task."""
    config = policy.experiment.env
    env = gymnasium.make_vec(config.id, num_envs=copies, **config.kwargs)
    env.set_tasks(TASK[None])
    return env


def make_single(policy):
    """The ordinary environment of a policy, with the task."""
    config = policy.experiment.env
    env = gymnasium.make(config.id, **config.kwargs)
    env.unwrapped.set_task(TASK)
    return env


def evaluated(policy, episodes, steps, seed):
    """The inner loop of an evaluation on the task."""
    experiment = policy.experiment
    settings = replace(experiment.evaluation, steps=steps)
    sampling = replace(experiment.sampling, episodes_per_task=episodes)
    make_estimator = partial(evaluation_estimator, settings, experiment.adaptation)
    assembly = assemble_policy(experiment, 1, seed, sampling, make_estimator)
    assembly.sampler.take_normalizer(policy.saved.state)
    return assembly.inner_loop.run(policy.saved.state["params"], TASK[None], assembly.randomness)
