"""Training in environments of torch tensors is training in those of NumPy arrays: a seed means the same."""

import pytest
import torch
from programs import TIMES, TINY

from mamlrl.experiments.command_line import load_config
from mamlrl.learners.policy import MetaLearner

CONFIGS = {
    "navigation2d": [],
    "half_cheetah_direction": ["--env.kwargs.num_threads=1", "--sampling.groups=2"],
    "ant_goal_gymnasium": ["--env.kwargs.num_threads=1", "--env.wrappers=[task_observation]"],
}


@pytest.mark.parametrize(("name", "options"), CONFIGS.items())
def test_the_curve_is_the_same(name, options):
    learners = [
        MetaLearner(load_config(name, [*TINY[1:], *options, f"--env.kwargs.array_module={module}"]))
        for module in ("numpy", "torch")
    ]
    for _ in range(2):
        plain, metrics = (learner.iterate() for learner in learners)
        untimed = [key for key in plain if not key.startswith(TIMES)]
        assert {key: metrics[key] for key in untimed} == pytest.approx(
            {key: plain[key] for key in untimed}, rel=1e-3, abs=1e-5, nan_ok=True
        )
    torch.testing.assert_close(learners[1].params, learners[0].params, rtol=1e-3, atol=1e-5)


def test_random_numbers_are_drawn_on_the_cpu_whatever_the_device():
    learner = MetaLearner(load_config("navigation2d", TINY[1:]))
    assert learner.randomness.generator.device == torch.device("cpu")
    sampler = learner.sampler
    sampler._device = torch.device("meta")
    assert sampler._noise([1, 2], torch.float32).device == torch.device("meta")
