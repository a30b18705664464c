import numpy as np
import pytest

from mamlrl.evaluation.evaluation import Paths
from mamlrl.figures.navigation_paths import navigation_paths

HORIZON = 6


def some_paths(tasks=3, episodes=2, steps=2, seed=0):
    """Paths of episodes that end after one step at least, and after the horizon at most."""
    chance = np.random.default_rng(seed)
    shape = (tasks, episodes, HORIZON)
    lengths = [chance.integers(1, HORIZON, shape[:2], endpoint=True) for _ in range(steps + 1)]
    return Paths(
        goals=chance.normal(size=(tasks, 2)),
        positions=tuple(chance.normal(size=(*shape, 2)) for _ in lengths),
        masks=tuple(np.arange(HORIZON) < length[..., None] for length in lengths),
    )


@pytest.mark.parametrize(("tasks", "grid"), [(1, (1, 1)), (3, (1, 3)), (4, (1, 4)), (5, (2, 4))])
def test_paths_have_a_panel_for_each_task(tasks, grid):
    figure = navigation_paths(some_paths(tasks))
    panels = [panel for panel in figure.axes if panel.get_lines()]
    assert len(panels) == tasks
    assert figure.axes[0].get_gridspec().get_geometry() == grid


@pytest.mark.parametrize("episodes", [1, 2])
def test_paths_follow_the_positions_until_the_episode_ends(episodes):
    shown = some_paths()
    lengths = []
    for task, panel in enumerate(navigation_paths(shown, episodes).axes):
        *paths, goal = panel.get_lines()
        np.testing.assert_allclose(np.ravel(goal.get_data()), shown.goals[task])
        assert len(paths) == 3 * episodes
        for number, path in enumerate(paths):
            step, episode = divmod(number, episodes)
            positions = shown.positions[step][task, episode][shown.masks[step][task, episode]]
            np.testing.assert_allclose(np.transpose(path.get_data()), positions)
            lengths.append(len(positions))
    assert min(lengths) < HORIZON


def test_paths_have_one_legend_for_all_panels():
    figure = navigation_paths(some_paths())
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels == ["before adaptation", "after 1 step", "after 2 steps", "goal"]
