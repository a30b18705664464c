import json
import shutil

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from PIL import Image
from programs import TINY, deterministic_rows, run
from scipy import stats

from mamlrl.benchmarks.comparison import Measurement
from mamlrl.errors import UserError
from mamlrl.experiments.files import load_config
from mamlrl.figures.plotting import adaptation_curves, comparison, learning_curves, navigation_paths, step_colors
from mamlrl.learners.build import evaluate
from mamlrl.networks.mlp import make_policy
from mamlrl.sampling.build import make_task_env
from mamlrl.scripts import plot


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Two runs that differ in their seed, and one with another step size."""
    folder = tmp_path_factory.mktemp("trained")
    for name, options in {
        "first": ["--seed=0", "--iterations=3"],
        "second": ["--seed=1", "--iterations=3"],
        "other": ["--seed=0", "--iterations=3", "--adaptation.step_size=0.37"],
    }.items():
        assert run("train", *TINY, *options, "--output", folder / name) == 0
        assert run("evaluate", folder / name, "--json", folder / f"{name}.json") == 0
    assert run("evaluate", folder / "first", folder / "second", "--json", folder / "both.json") == 0
    return folder


@pytest.fixture
def drawn(monkeypatch):
    """Every figure that the program draws."""
    figures = []

    def keep(function):
        def draw(*arguments):
            figures.append(function(*arguments))
            return figures[-1]

        return draw

    for function in (learning_curves, adaptation_curves):
        monkeypatch.setattr(plot, function.__name__, keep(function))
    monkeypatch.setitem(plot.CHECKPOINT_FIGURES, "paths", keep(navigation_paths))
    return figures


def some_runs(lengths=(6, 6, 6), steps=2, seed=0):
    chance = np.random.default_rng(seed)
    return [
        [
            {"iteration": i + 1.0, "kl": 0.1, **{f"return/step_{k}": chance.normal(-10) for k in range(steps + 1)}}
            for i in range(length)
        ]
        for length in lengths
    ]


def some_records(count, steps=3, seed=0):
    chance = np.random.default_rng(seed)
    return [
        {"steps": [{"step": k, "mean": chance.normal(), "interval_95": 1 + k} for k in range(steps + 1)]}
        for _ in range(count)
    ]


def interval(values):
    """Ends of the 95% interval of the mean over the first axis."""
    return stats.t.interval(0.95, len(values) - 1, np.mean(values, axis=0), stats.sem(values, axis=0))


def band(collection):
    """Positions, low and high ends of a filled band."""
    vertices = collection.get_paths()[0].vertices
    xs = np.unique(vertices[:, 0])
    ys = [vertices[vertices[:, 0] == x, 1] for x in xs]
    return xs, [y.min() for y in ys], [y.max() for y in ys]


def error_bars(container):
    """Positions and ends of error bars."""
    _, _, (bars,) = container.lines
    return np.array([[segment[0, 1], segment[1, 1]] for segment in bars.get_segments()]).T


def assert_is_a_picture(path):
    with Image.open(path) as image:
        pixels = np.asarray(image.convert("RGB")).reshape(-1, 3)
        assert image.format == "PNG"
    assert len(np.unique(pixels, axis=0)) > 20
    assert (pixels != pixels[0]).any(axis=1).mean() > 0.01


def evaluation_of(*overrides):
    config = load_config("navigation2d", [*TINY[1:], *overrides])
    env = make_task_env(config.env, 1)
    policy = make_policy(env.single_observation_space, env.single_action_space, config.policy)
    return evaluate(config, policy.init(torch.Generator().manual_seed(0)))


@pytest.mark.parametrize(
    ("figure", "inputs"),
    [
        ("curves", ["first"]),
        ("curves", ["first", "second", "other"]),
        ("adaptation", ["first.json"]),
        ("adaptation", ["both.json", "other.json"]),
        ("paths", ["first"]),
        ("paths", ["first/checkpoints/latest.pt"]),
    ],
)
def test_a_picture_is_written_and_its_path_printed(trained, tmp_path, capsys, figure, inputs):
    path = tmp_path / "new" / "figure.png"
    assert run("plot", figure, *(trained / name for name in inputs), "--output", path) == 0
    assert_is_a_picture(path)
    assert capsys.readouterr() == (f"{path}\n", "")


@pytest.mark.parametrize(("suffix", "start"), [("pdf", b"%PDF"), ("svg", b"<?xml"), ("jpg", b"\xff\xd8")])
def test_the_suffix_says_the_format(trained, tmp_path, suffix, start):
    path = tmp_path / f"figure.{suffix}"
    assert run("plot", "curves", trained / "first", "--output", path) == 0
    assert path.read_bytes().startswith(start)


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


def test_learning_curves_stop_where_the_shortest_run_does():
    runs = some_runs([6, 4, 5])
    [panel] = learning_curves({"label": runs}).axes
    np.testing.assert_array_equal(panel.get_lines()[0].get_xdata(), range(1, 5))
    expected = np.mean([[row["return/step_0"] for row in run[:4]] for run in runs], axis=0)
    np.testing.assert_allclose(panel.get_lines()[0].get_ydata(), expected)


def test_learning_curves_have_a_panel_for_each_group_on_one_scale():
    panels = learning_curves({"a": some_runs([6, 6]), "b": some_runs([3], steps=1, seed=1)}).axes
    assert [panel.get_title() for panel in panels] == ["a (2 runs)", "b (1 run)"]
    assert [len(panel.get_lines()) for panel in panels] == [3, 2]
    assert [len(panel.collections) for panel in panels] == [3, 0]
    assert panels[0].get_ylim() == panels[1].get_ylim()


def test_program_groups_runs_that_differ_only_in_their_seed(trained, tmp_path, drawn):
    runs = [trained / name for name in ("first", "other", "second")]
    assert run("plot", "curves", *runs, "--output", tmp_path / "figure.png") == 0
    panels = drawn[0].axes
    assert [panel.get_title() for panel in panels] == ["first (2 runs)", "other (1 run)"]
    values = {folder.name: [float(r["return/step_1"]) for r in deterministic_rows(folder)] for folder in runs}
    expected = np.mean([values["first"], values["second"]], axis=0)
    np.testing.assert_allclose(panels[0].get_lines()[1].get_ydata(), expected)
    np.testing.assert_allclose(panels[1].get_lines()[1].get_ydata(), values["other"])


def test_program_keeps_runs_of_the_same_folder_name_apart(trained, tmp_path, drawn):
    folders = []
    for name in ("first", "other"):
        folders.append(tmp_path / name / "run")
        shutil.copytree(trained / name, folders[-1])
    assert run("plot", "curves", *folders, "--output", tmp_path / "figure.png") == 0
    assert len(drawn[0].axes) == 2
    for panel, folder in zip(drawn[0].axes, folders, strict=True):
        expected = [float(row["return/step_1"]) for row in deterministic_rows(folder)]
        np.testing.assert_allclose(panel.get_lines()[1].get_ydata(), expected)


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


def test_program_draws_what_evaluate_wrote(trained, tmp_path, drawn):
    files = [trained / "both.json", trained / "other.json"]
    assert run("plot", "adaptation", *files, "--output", tmp_path / "figure.png") == 0
    containers = drawn[0].axes[0].containers
    assert [container.get_label() for container in containers] == ["both", "other"]
    for container, file in zip(containers, files, strict=True):
        means = [[row["mean"] for row in record["steps"]] for record in json.loads(file.read_text())]
        np.testing.assert_allclose(container.lines[0].get_ydata(), np.mean(means, axis=0))


def test_program_keeps_evaluations_of_the_same_file_name_apart(trained, tmp_path, drawn):
    files = []
    for name in ("first", "other"):
        files.append(tmp_path / name / "evaluation.json")
        files[-1].parent.mkdir()
        shutil.copy(trained / f"{name}.json", files[-1])
    assert run("plot", "adaptation", *files, "--output", tmp_path / "figure.png") == 0
    containers = drawn[0].axes[0].containers
    assert len(containers) == 2
    assert len({container.get_label() for container in containers}) == 2


def test_an_evaluation_on_a_single_task_can_be_drawn(trained, tmp_path, drawn):
    options = ["--evaluation.tasks=1", "--json", tmp_path / "e.json"]
    assert run("evaluate", trained / "first", *options) == 0
    assert run("plot", "adaptation", tmp_path / "e.json", "--output", tmp_path / "figure.png") == 0
    [record] = json.loads((tmp_path / "e.json").read_text())
    expected = [row["mean"] for row in record["steps"]]
    np.testing.assert_allclose(drawn[0].axes[0].containers[0].lines[0].get_ydata(), expected)


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


def test_program_draws_paths_of_few_tasks_unless_told_otherwise(trained, tmp_path, drawn):
    arguments = ["plot", "paths", trained / "first", "--output", tmp_path / "figure.png"]
    assert run(*arguments) == 0
    assert run(*arguments, "--evaluation.tasks=2", "--evaluation.steps=1") == 0
    assert [len(figure.axes) for figure in drawn] == [plot.DRAWN_TASKS, 2]
    assert [len(figure.axes[0].get_lines()) for figure in drawn] == [4, 3]


def test_paths_of_anything_else_are_refused():
    class Other:
        tasks = np.zeros((3, 1))
        adapted = evaluation_of().adapted

    with pytest.raises(UserError, match="2D navigation"):
        navigation_paths(Other())


@pytest.mark.parametrize("count", [0, 1, 2, 5])
def test_colours_differ_and_start_with_grey(count):
    colors = step_colors(count)
    assert len(set(colors)) == count
    assert all(len(color) == 4 for color in colors)
    assert colors[:1] == [(0.6, 0.6, 0.6, 1.0)][:count]


def test_figures_stay_out_of_pyplot():
    figure = learning_curves({"label": some_runs([2])})
    assert type(figure) is Figure
    assert figure.canvas.manager is None


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
