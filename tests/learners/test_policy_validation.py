"""Evaluation on validation tasks during training: it changes nothing, chooses the best checkpoint, and resumes."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from programs import TINY, deterministic_rows, deterministic_state, run

import mamlrl
from mamlrl.envs.navigation import Navigation2DVectorEnv
from mamlrl.evaluation.build import evaluate
from mamlrl.experiments.command_line import load_config
from mamlrl.experiments.experiment import VALIDATION_SEED
from mamlrl.figures.curve_files import runs_by_label
from mamlrl.figures.learning_curves import learning_curves
from mamlrl.learners.build import make_learner
from mamlrl.runs.checkpoints import load_checkpoint
from mamlrl.runs.saved import best_checkpoint, kept_checkpoint, latest_checkpoint

VALIDATED = [*TINY, "--evaluation.every=2", "--evaluation.validation_tasks=4", "--checkpoint_every=2"]
RETURN = "validation/return/step_1"


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained")
    assert run("train", *VALIDATED, "--iterations=6", "--output", folder / "validated") == 0
    assert run("train", *TINY, "--iterations=6", "--output", folder / "bare") == 0
    return folder


def test_the_curve_is_the_same_with_it_and_without_it(trained):
    validated, bare = (deterministic_rows(trained / name) for name in ("validated", "bare"))
    assert [{name: row[name] for name in bare[0]} for row in validated] == bare
    new = [name for name in validated[0] if name not in bare[0]]
    assert all(name.startswith("validation/") for name in new)
    assert [[bool(row[name]) for name in new] for row in validated] == [[i % 2 == 1] * len(new) for i in range(6)]
    one, other = (load_checkpoint(latest_checkpoint(trained / name))[1] for name in ("validated", "bare"))
    assert torch.equal(one["params"], other["params"])


def test_a_row_has_the_returns_of_the_parameters_after_it_on_validation_tasks(trained):
    config, state = load_checkpoint(kept_checkpoint(trained / "validated", 4))
    on_validation = replace(config, evaluation=replace(config.evaluation, seed=VALIDATION_SEED, tasks=4))
    evaluation = evaluate(on_validation, state["params"], validation=True)
    row = deterministic_rows(trained / "validated")[3]
    for step, returns in enumerate(evaluation.returns):
        assert float(row[f"validation/return/step_{step}"]) == pytest.approx(returns.mean())
        assert float(row[f"validation/worst_return/step_{step}"]) == returns.min()
    judged = evaluate(replace(config, evaluation=replace(config.evaluation, tasks=4)), state["params"])
    assert not np.isin(evaluation.tasks, judged.tasks).any()


def test_the_best_checkpoint_is_chosen_by_it(trained):
    rows = deterministic_rows(trained / "validated")
    best = max((float(row[RETURN]), int(row["iteration"])) for row in rows if row[RETURN])
    state = load_checkpoint(best_checkpoint(trained / "validated"))[1]
    assert state["iteration"] == best[1]
    assert torch.equal(
        state["params"], load_checkpoint(kept_checkpoint(trained / "validated", best[1]))[1]["params"]
    )
    assert load_checkpoint(latest_checkpoint(trained / "validated"))[1]["best_score"] == best[0]


@pytest.mark.parametrize("half", [2, 3])
def test_a_resumed_run_measures_the_same(trained, tmp_path, half):
    assert run("train", *VALIDATED, f"--iterations={half}", "--output", tmp_path / "run") == 0
    assert run("train", "--output", tmp_path / "run", "--resume", "--iterations=6") == 0
    assert deterministic_rows(tmp_path / "run") == deterministic_rows(trained / "validated")
    one, other = (deterministic_state(best_checkpoint(each)) for each in (tmp_path / "run", trained / "validated"))
    assert one["iteration"] == other["iteration"]
    assert torch.equal(one["params"], other["params"])


class ThreeSplits(Navigation2DVectorEnv):
    """Trains on the right, chooses on the left, judges at the top."""

    seen = ()  # goals of tasks that were set, since it was emptied

    def sample_tasks(self, rng, num_tasks):
        return np.array([0.3, 0]) + rng.uniform(0, 0.1, (num_tasks, 2))

    def sample_validation_tasks(self, rng, num_tasks):
        return -self.sample_tasks(rng, num_tasks)

    def sample_test_tasks(self, rng, num_tasks):
        return self.sample_tasks(rng, num_tasks)[:, ::-1]

    def set_tasks(self, tasks):
        ThreeSplits.seen = (*ThreeSplits.seen, *map(tuple, tasks))
        super().set_tasks(tasks)


def test_training_validation_and_evaluation_have_tasks_of_their_own():
    config = mamlrl.with_settings(load_config("navigation2d", VALIDATED[1:]), {"env.id": ThreeSplits})
    learner = make_learner(config)
    splits = {}
    for iteration in (1, 2):
        ThreeSplits.seen = ()
        learner.step()
        splits["train"] = ThreeSplits.seen
        report = learner.report()
        splits["validation"] = ThreeSplits.seen[len(splits["train"]) :]
        assert bool(splits["validation"]) == (iteration == 2) == bool(set(learner.report().metrics) & {RETURN})
        assert (report.score == -np.inf) == (iteration == 1)
    ThreeSplits.seen = ()
    evaluate(config, learner.params)
    x, y = np.transpose(ThreeSplits.seen)
    assert min(y) >= 0.3 > max(x)
    assert min(np.transpose(splits["train"])[0]) >= 0.3
    assert max(np.transpose(splits["validation"])[0]) <= -0.3


def test_callbacks_get_it_where_it_is_measured(tmp_path):
    class Seen(mamlrl.Callback):
        rows = ()

        def on_iteration(self, learner, metrics):
            self.rows = (*self.rows, metrics)

    callback = Seen()
    mamlrl.train(
        load_config("navigation2d", [*VALIDATED[1:], "--iterations=2"]), tmp_path / "run", callbacks=[callback]
    )
    assert [RETURN in row for row in callback.rows] == [False, True]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--save_every=3"], "evaluation.every: must be a multiple of save_every, 3, got 2"),
        ([f"--evaluation.seed={VALIDATION_SEED}"], "evaluation.seed: 2000003 is that of the validation tasks"),
    ],
)
def test_settings_that_do_not_fit_are_refused(options, words, tmp_path, capsys):
    assert run("train", *VALIDATED, *options, "--output", tmp_path / "run") == 2
    assert words in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_it_is_not_changed_on_the_way(trained, capsys):
    for name, option in [("validated", "--evaluation.steps=1"), ("bare", "--evaluation.every=1")]:
        assert run("train", "--output", trained / name, "--resume", "--iterations=7", option) == 2
        assert f"{option.lstrip('-').partition('=')[0]}: the run to resume has" in capsys.readouterr().err


def test_its_curve_has_a_point_for_each_measurement(trained):
    [panel] = learning_curves(
        runs_by_label([trained / "validated"], "validation/return"), "validation/return"
    ).axes
    for line in panel.get_lines():
        np.testing.assert_array_equal(line.get_xdata(), [2, 4, 6])
        assert np.isfinite(line.get_ydata()).all()
    assert panel.get_ylabel() == "mean return on validation tasks"
