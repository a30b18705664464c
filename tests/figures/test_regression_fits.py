import numpy as np
import pytest

from mamlrl.evaluation.evaluation import Fits
from mamlrl.figures.regression_fits import regression_fits
from mamlrl.figures.style import step_colors


def some_fits(tasks=2, steps=(0, 1, 10), seed=0):
    chance = np.random.default_rng(seed)
    return Fits(
        support_inputs=chance.normal(size=(tasks, 3)),
        support_targets=chance.normal(size=(tasks, 3)),
        query_inputs=chance.normal(size=(tasks, 8)),
        query_targets=chance.normal(size=(tasks, 8)),
        outputs={step: chance.normal(size=(tasks, 8)) for step in steps},
    )


def pairs(line):
    return np.transpose(line.get_data())


def in_order(inputs, values):
    return np.array(sorted(zip(inputs, values, strict=True)))


@pytest.mark.parametrize(("tasks", "grid"), [(1, (1, 1)), (4, (1, 4)), (5, (2, 4))])
def test_fits_have_a_panel_for_each_task(tasks, grid):
    figure = regression_fits(some_fits(tasks))
    assert len([panel for panel in figure.axes if panel.get_lines()]) == tasks
    assert figure.axes[0].get_gridspec().get_geometry() == grid


def test_fits_show_the_truth_the_network_and_the_examples_from_left_to_right():
    shown = some_fits()
    for task, panel in enumerate(regression_fits(shown).axes):
        truth, *curves, examples = panel.get_lines()
        inputs = shown.query_inputs[task]
        np.testing.assert_array_equal(pairs(truth), in_order(inputs, shown.query_targets[task]))
        for curve, outputs, color in zip(curves, shown.outputs.values(), step_colors(3), strict=True):
            np.testing.assert_array_equal(pairs(curve), in_order(inputs, outputs[task]))
            assert curve.get_color() == color
        expected = np.stack([shown.support_inputs[task], shown.support_targets[task]], axis=1)
        np.testing.assert_array_equal(pairs(examples), expected)


def test_fits_have_one_legend_for_all_panels():
    [legend] = regression_fits(some_fits()).legends
    labels = [text.get_text() for text in legend.get_texts()]
    assert labels == ["truth", "before adaptation", "after 1 step", "after 10 steps", "examples"]
