"""Several methods in one axis."""

import numpy as np
import pytest
from scipy import stats

from mamlrl.figures.method_curves import adaptation_curve, adaptation_figure, learning_curve, learning_figure

LABELS = ["MAML", "pretrained", "oracle"]


def rows(returns, env_steps=True):
    return [
        {
            "iteration": i + 1,
            "return/step_0": -99.0,
            "return/step_1": value,
            **({"env_steps": 100 * (i + 1)} if env_steps else {}),
        }
        for i, value in enumerate(returns)
    ]


def test_adaptation_has_a_line_and_a_band_for_each_method():
    curves = [adaptation_curve("MAML", [-3.0, -1.0], [0.5, 0.2]), adaptation_curve("oracle", [-0.5], [None])]
    figure = adaptation_figure(curves, LABELS, {"paper": {0: -4.0, 1: -2.0}}, "return", "over seeds")
    (panel,) = figure.axes
    maml, oracle, paper = panel.lines
    np.testing.assert_array_equal(maml.get_xydata(), [[0, -3], [1, -1]])
    np.testing.assert_array_equal(oracle.get_xydata(), [[0, -0.5], [1, -0.5]])
    np.testing.assert_array_equal(paper.get_xydata(), [[0, -4], [1, -2]])
    assert paper.get_linestyle() == "None"
    (band,) = panel.collections
    heights = band.get_paths()[0].vertices[:, 1]
    assert (heights.min(), heights.max()) == (-3.5, -0.8)
    assert panel.get_ylabel() == "mean return on held-out tasks"


def test_learning_is_the_mean_over_runs_with_its_interval():
    curve = learning_curve("MAML", [rows([1.0, 2.0, 3.0]), rows([3.0, 6.0])])
    np.testing.assert_array_equal(curve.x, [100, 200])
    np.testing.assert_array_equal(curve.mean, [2, 4])
    half_width = stats.t.ppf(0.975, 1) * np.std([1, 3], ddof=1) / 2**0.5
    assert curve.high[0] - curve.mean[0] == pytest.approx(half_width)
    alone = learning_curve("MAML", [rows([1.0, 2.0], env_steps=False)])
    np.testing.assert_array_equal(alone.x, [1, 2])
    assert np.isnan(alone.low).all()


def test_a_method_looks_the_same_in_every_figure_and_unlike_the_others():
    curves = [learning_curve(label, [rows([1.0, 2.0])]) for label in LABELS]
    adapted = [adaptation_curve(label, [1.0, 2.0], [None, None]) for label in LABELS]
    (whole,) = learning_figure(curves, LABELS, "return", True).axes
    (part,) = learning_figure(curves[1:], LABELS, "return", False).axes
    (adaptation,) = adaptation_figure(adapted, LABELS, {}, "return", "").axes

    def looks(panel):
        return {
            line.get_label(): (line.get_color(), line.get_marker(), line.get_linestyle()) for line in panel.lines
        }

    assert looks(part).items() <= looks(whole).items()
    assert looks(adaptation) == looks(whole)
    for parts in zip(*looks(whole).values(), strict=True):
        assert len(set(parts)) == len(LABELS)
    many = [str(number) for number in range(12)]
    (crowded,) = learning_figure([learning_curve(each, [rows([1.0])]) for each in many], many, "return", True).axes
    colors, markers, _ = zip(*looks(crowded).values(), strict=True)
    assert len(set(colors)) == len(set(markers)) == len(many)
    assert (whole.get_xlabel(), part.get_xlabel()) == ("environment steps", "meta-iterations")


def test_learning_says_what_its_bands_are_where_it_has_some():
    several = learning_figure([learning_curve("MAML", [rows([1.0]), rows([2.0])])], LABELS, "return", True)
    alone = learning_figure([learning_curve("MAML", [rows([1.0])])], LABELS, "return", True)
    titles = [figure.legends[0].get_title().get_text() for figure in (several, alone)]
    assert titles == ["95% intervals over seeds", ""]
