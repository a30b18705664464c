"""What a saved policy says of its observations and actions is enough to act as in training."""

import numpy as np
import pytest
import torch
from programs import TINY, run

from mamlrl.experiments.command_line import load_config
from mamlrl.learners.policy import MetaLearner
from mamlrl.networks.build import make_policy
from mamlrl.randomness import Randomness
from mamlrl.runs.checkpoints import load_checkpoint, save_checkpoint
from mamlrl.runs.saved import best_checkpoint, latest_checkpoint
from mamlrl.sampling.spaces import plain_interface, restore_space


def make_learner(*options):
    return MetaLearner(load_config("navigation2d", [*TINY[1:], *options]))


def act(path, observations, seeds):
    """Draws an action for each observation, shape (time, task, episode, D), from nothing but a checkpoint."""
    experiment, state = load_checkpoint(path)
    interface = state["interface"]
    spaces = (restore_space(interface[name]) for name in ("observation_space", "action_space"))
    policy = make_policy(*spaces, experiment.policy)
    outputs = policy(state["params"][: policy.num_parameters], observations)
    draw, shape = policy.distribution.noise, (len(observations), observations.shape[2])
    noise = [draw(shape, torch.Generator().manual_seed(seed), outputs.dtype) for seed in seeds]
    actions = policy.distribution.sample(outputs, torch.stack(noise, dim=1)).numpy()
    scaling = interface["action_scaling"]
    return actions * scaling["scale"] + scaling["centre"] if scaling else actions


@pytest.mark.parametrize(
    "options",
    [
        [],
        ["--sampling.action_bound=10"],
        ["--sampling.rescale_actions=false"],
        ["--policy.context_size=2", "--adaptation.learned_step_size=per_layer"],
    ],
    ids=str,
)
def test_acting_from_a_checkpoint_alone_is_what_the_sampler_does(options, tmp_path, monkeypatch):
    learner = make_learner(*options)
    learner.step()
    save_checkpoint(tmp_path / "checkpoint.pt", learner.config, learner.state_dict())

    env, received = learner.sampler.env, []
    step = env.step
    monkeypatch.setattr(env, "step", lambda actions: received.append(actions) or step(actions))
    params = learner.params[: learner.policy.num_parameters]
    rollouts = learner.sampler.sample(params, Randomness.from_seed(5, learner.device))

    by_time = rollouts.observations.movedim(2, 0)  # as the sampler draws its noise
    assert len(by_time) == env.horizon
    actions = act(
        tmp_path / "checkpoint.pt", by_time, Randomness.from_seed(5, learner.device).action_seeds(range(2))
    )
    np.testing.assert_allclose(
        np.stack(received), actions.reshape(len(by_time), env.num_envs, -1), rtol=1e-5, atol=1e-7
    )


def test_every_state_of_a_policy_holds_the_interface(tmp_path):
    learner = make_learner()
    expected = plain_interface(learner.sampler.env, learner.config.sampling)
    assert learner.state_dict()["interface"] == expected
    learner.step()
    assert learner.report().state["interface"] == expected
    assert run("train", *TINY, "--iterations=1", "--output", tmp_path) == 0
    for checkpoint in (latest_checkpoint, best_checkpoint):
        assert load_checkpoint(checkpoint(tmp_path))[1]["interface"] == expected


def test_a_state_without_the_interface_is_taken_too():
    """Checkpoints of earlier versions have none."""
    learner, other = make_learner(), make_learner("--seed=1")
    state = learner.state_dict()
    del state["interface"]
    other.load_state_dict(state)
    assert torch.equal(other.params, learner.params)
    assert other.state_dict()["interface"] == learner.state_dict()["interface"]
