import numpy as np
import pytest

from mamlrl.evaluation.build import evaluate
from mamlrl.experiments.command_line import load_config
from mamlrl.learners.policy import MetaLearner


@pytest.mark.slow
@pytest.mark.parametrize("estimator", ["maml", "first_order"])
def test_meta_training_on_2d_navigation_learns_to_adapt_in_one_step(estimator):
    learner = MetaLearner(load_config("navigation2d", [f"--adaptation.estimator={estimator}"]))
    before = evaluate(learner.config, learner.params).returns.mean(axis=1)
    for _ in range(25):
        learner.iterate()
    after = evaluate(learner.config, learner.params).returns
    gain = after[1] - after[0]
    assert gain.mean() - 2 * gain.std(ddof=1) / np.sqrt(len(gain)) > 10
    assert after[1].mean() > before[1] + 20
