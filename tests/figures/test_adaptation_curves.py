import numpy as np
from intervals import interval

from mamlrl.figures.adaptation_curves import adaptation_curves


def some_records(count, steps=3, seed=0):
    chance = np.random.default_rng(seed)
    return [
        {"steps": [{"step": k, "mean": chance.normal(), "interval_95": 1 + k} for k in range(steps + 1)]}
        for _ in range(count)
    ]


def error_bars(container):
    """Positions and ends of error bars."""
    _, _, (bars,) = container.lines
    return np.array([[segment[0, 1], segment[1, 1]] for segment in bars.get_segments()]).T


def test_adaptation_of_several_checkpoints_shows_their_mean_and_its_interval():
    records = some_records(4)
    [panel] = adaptation_curves({"label": records}).axes
    [container] = panel.containers
    means = np.array([[row["mean"] for row in record["steps"]] for record in records])
    line = container.lines[0]
    np.testing.assert_array_equal(line.get_xdata(), range(4))
    np.testing.assert_allclose(line.get_ydata(), means.mean(axis=0))
    np.testing.assert_allclose(error_bars(container), interval(means))
    assert container.get_label() == "label"


def test_adaptation_of_one_checkpoint_shows_the_interval_over_tasks():
    records = some_records(1)
    [container] = adaptation_curves({"label": records}).axes[0].containers
    means, widths = np.transpose([[row["mean"], row["interval_95"]] for row in records[0]["steps"]])
    np.testing.assert_allclose(container.lines[0].get_ydata(), means)
    np.testing.assert_allclose(error_bars(container), [means - widths, means + widths])


def test_adaptation_has_a_line_for_each_group_on_whole_steps():
    [panel] = adaptation_curves({"a": some_records(2), "b": some_records(1, steps=5, seed=1)}).axes
    assert [container.get_label() for container in panel.containers] == ["a", "b"]
    assert [len(container.lines[0].get_xdata()) for container in panel.containers] == [4, 6]
    assert all(tick == int(tick) for tick in panel.get_xticks())
    assert panel.get_xlabel() == "adaptation steps"
