from mamlrl.benchmarks.comparison import Measurement
from mamlrl.figures.comparison import comparison


def measurement(estimator, steps, iterations, error):
    return Measurement(estimator, steps, iterations, error, peak_memory_mib=10.0 * steps, seconds=0.1 * steps)


def points(panel):
    return {line.get_label(): list(zip(*line.get_data(), strict=True)) for line in panel.lines}


def test_a_comparison_has_a_row_against_inner_steps_and_one_against_iterations():
    chosen = [
        measurement("maml", 4, None, 0.1),
        measurement("maml", 1, None, 0.2),
        measurement("imaml", 1, 10, 0.3),
        measurement("imaml", 4, 10, 0.4),
        measurement("imaml", 4, 2, 0.5),
    ]
    figure = comparison(chosen, "on what")
    assert figure.get_suptitle() == "on what"
    errors, memory, seconds, *against_iterations = figure.axes
    assert points(errors) == {"maml": [(1, 0.2), (4, 0.1)], "imaml": [(1, 0.3), (4, 0.4)]}
    assert points(memory)["maml"] == [(1, 10), (4, 40)]
    assert points(seconds)["imaml"] == [(1, 0.1), (4, 0.4)]
    assert points(against_iterations[0]) == {"imaml": [(2, 0.5), (10, 0.4)]}
    assert [panel.get_xlabel() for panel in figure.axes] == 3 * ["inner steps"] + 3 * [
        "CG iterations, 4 inner steps"
    ]
    assert errors.lines[1].get_color() == against_iterations[0].lines[0].get_color()


def test_a_comparison_without_conjugate_gradient_has_one_row():
    figure = comparison([measurement("maml", 1, None, 0.2), measurement("maml", 2, None, 0.1)], "on what")
    assert len(figure.axes) == 3
