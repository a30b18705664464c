import numpy as np
import pytest
import torch
from programs import TINY

from mamlrl.errors import UserError
from mamlrl.experiments.files import load_config
from mamlrl.figures.plotting import navigation_paths
from mamlrl.learners.build import evaluate
from mamlrl.networks.mlp import make_policy
from mamlrl.sampling.build import make_task_env


def evaluation_of(*overrides):
    config = load_config("navigation2d", [*TINY[1:], *overrides])
    env = make_task_env(config.env, 1)
    policy = make_policy(env.single_observation_space, env.single_action_space, config.policy)
    return evaluate(config, policy.init(torch.Generator().manual_seed(0)))


@pytest.mark.parametrize(("tasks", "grid"), [(1, (1, 1)), (3, (1, 3)), (4, (1, 4)), (5, (2, 4))])
def test_paths_have_a_panel_for_each_task(tasks, grid):
    figure = navigation_paths(evaluation_of(f"--evaluation.tasks={tasks}"))
    panels = [panel for panel in figure.axes if panel.get_lines()]
    assert len(panels) == tasks
    assert figure.axes[0].get_gridspec().get_geometry() == grid


@pytest.mark.parametrize("episodes", [1, 2])
def test_paths_start_at_the_origin_and_follow_the_positions(episodes):
    evaluation = evaluation_of()
    for index, panel in enumerate(navigation_paths(evaluation, episodes).axes):
        *paths, goal = panel.get_lines()
        np.testing.assert_allclose(np.ravel(goal.get_data()), evaluation.tasks[index])
        assert len(paths) == 3 * episodes
        for number, path in enumerate(paths):
            step, episode = divmod(number, episodes)
            assert (path.get_xdata()[0], path.get_ydata()[0]) == (0, 0)
            rollouts = evaluation.adapted.rollouts[step]
            positions = rollouts.observations[index, episode][rollouts.mask[index, episode] > 0]
            np.testing.assert_allclose(np.transpose(path.get_data()), positions)


def test_paths_end_with_the_episode():
    near = ["--env.kwargs.goal_range=0.005", "--sampling.rescale_actions=false", "--policy.initial_std=0.02"]
    evaluation = evaluation_of(*near, "--evaluation.first_step_size=0", "--evaluation.tasks=4")
    lengths = []
    for index, panel in enumerate(navigation_paths(evaluation).axes):
        for step, path in enumerate(panel.get_lines()[:-1]):
            lengths.append(len(path.get_xdata()))
            assert lengths[-1] == evaluation.adapted.rollouts[step].mask[index, 0].sum()
    assert min(lengths) < 10


def test_paths_have_one_legend_for_all_panels():
    figure = navigation_paths(evaluation_of())
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels == ["before adaptation", "after 1 step", "after 2 steps", "goal"]


def test_paths_of_anything_else_are_refused():
    class Other:
        tasks = np.zeros((3, 1))
        adapted = evaluation_of().adapted

    with pytest.raises(UserError, match="2D navigation"):
        navigation_paths(Other())
