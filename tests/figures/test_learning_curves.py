import numpy as np
import pytest
from intervals import interval
from matplotlib.figure import Figure

from mamlrl.figures.learning_curves import learning_curves


def some_runs(lengths=(6, 6, 6), steps=2, seed=0):
    chance = np.random.default_rng(seed)
    return [
        [
            {"iteration": i + 1.0, "kl": 0.1, **{f"return/step_{k}": chance.normal(-10) for k in range(steps + 1)}}
            for i in range(length)
        ]
        for length in lengths
    ]


def band(collection):
    """Positions, low and high ends of a filled band."""
    vertices = collection.get_paths()[0].vertices
    xs = np.unique(vertices[:, 0])
    ys = [vertices[vertices[:, 0] == x, 1] for x in xs]
    return xs, [y.min() for y in ys], [y.max() for y in ys]


def test_learning_curves_show_the_mean_over_runs_and_its_interval():
    runs = some_runs()
    [panel] = learning_curves({"label": runs}).axes
    lines = panel.get_lines()
    assert [line.get_label() for line in lines] == ["before adaptation", "after 1 step", "after 2 steps"]
    assert len(panel.collections) == 3
    for step, (line, filled) in enumerate(zip(lines, panel.collections, strict=True)):
        values = np.array([[row[f"return/step_{step}"] for row in run] for run in runs])
        np.testing.assert_array_equal(line.get_xdata(), range(1, 7))
        np.testing.assert_allclose(line.get_ydata(), values.mean(axis=0))
        positions, low, high = band(filled)
        np.testing.assert_array_equal(positions, range(1, 7))
        np.testing.assert_allclose([low, high], interval(values))
    assert panel.get_title() == "label (3 runs)"
    assert panel.get_xlabel() == "meta-iterations"
    assert panel.get_ylabel() == "mean return"
    assert [text.get_text() for text in panel.get_legend().get_texts()] == [line.get_label() for line in lines]


def test_learning_curve_of_a_single_run_has_no_band():
    runs = some_runs([6])
    [panel] = learning_curves({"label": runs}).axes
    assert not panel.collections
    np.testing.assert_allclose(panel.get_lines()[1].get_ydata(), [row["return/step_1"] for row in runs[0]])
    assert panel.get_title() == "label (1 run)"


def test_longer_runs_go_on_and_the_title_says_how_many():
    runs = some_runs([6, 4, 5])
    [panel] = learning_curves({"label": runs}).axes
    assert panel.get_title() == "label (3 runs, 2 after iteration 4, 1 after iteration 5)"
    np.testing.assert_array_equal(panel.get_lines()[0].get_xdata(), range(1, 7))
    for index, mean in enumerate(panel.get_lines()[0].get_ydata()):
        assert mean == pytest.approx(np.mean([run[index]["return/step_0"] for run in runs if len(run) > index]))
    positions, low, high = band(panel.collections[0])
    two = np.array([[run[4]["return/step_0"]] for run in runs if len(run) > 4])
    assert positions[-1] == 5  # of one run there is no interval
    np.testing.assert_allclose([low[-1], high[-1]], np.ravel(interval(two)))


def test_learning_curves_have_a_panel_for_each_group_on_one_scale():
    panels = learning_curves({"a": some_runs([6, 6]), "b": some_runs([3], steps=1, seed=1)}).axes
    assert [panel.get_title() for panel in panels] == ["a (2 runs)", "b (1 run)"]
    assert [len(panel.get_lines()) for panel in panels] == [3, 2]
    assert [len(panel.collections) for panel in panels] == [3, 0]
    assert panels[0].get_ylim() == panels[1].get_ylim()


def test_figures_stay_out_of_pyplot():
    figure = learning_curves({"label": some_runs([2])})
    assert type(figure) is Figure
    assert figure.canvas.manager is None
