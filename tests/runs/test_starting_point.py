"""What may change on resuming, and parameters for a new run from a checkpoint."""

import numpy as np
import pytest
import torch
from programs import TINY, deterministic_rows, run

from mamlrl.errors import UserError
from mamlrl.experiments.command_line import load_config
from mamlrl.learners.policy import MetaLearner
from mamlrl.runs import starting_point, training
from mamlrl.runs.checkpoints import load_checkpoint, save_checkpoint
from mamlrl.runs.saved import best_checkpoint, kept_checkpoint, latest_checkpoint
from mamlrl.runs.training import train

ANT = ["--env.id=mamlrl/HalfCheetahVelocity-v0", "--env.kwargs={horizon: 5}"]
SINUSOID = [
    *("--config=sinusoid", "--compile=false", "--network.hidden_sizes=[4]", "--meta_batch_size=2"),
    *("--data.validation_tasks=2", "--iterations=1", "--save_every=1"),
]


def config(*overrides, iterations=2):
    return load_config("navigation2d", [*TINY[1:], f"--iterations={iterations}", *overrides])


@pytest.fixture(scope="module")
def earlier(tmp_path_factory):
    """A run of two meta-iterations."""
    folder = tmp_path_factory.mktemp("earlier")
    train(config(), folder)
    return folder


@pytest.mark.parametrize("name", ["--init_from", "--init-from"])
def test_a_new_run_begins_with_the_parameters_of_a_checkpoint_and_nothing_else(tmp_path, earlier, name):
    options = [*TINY, "--iterations=1", "--seed=5", "--trust_region.max_kl=0.05", name, best_checkpoint(earlier)]
    assert run("train", *options, "--output", tmp_path / "run") == 0
    experiment, state = load_checkpoint(latest_checkpoint(tmp_path / "run"))
    assert (experiment.seed, experiment.trust_region.max_kl) == (5, 0.05)
    assert state["iteration"] == 1
    learner = MetaLearner(experiment)
    learner.params = load_checkpoint(best_checkpoint(earlier))[1]["params"]
    learner.iterate()
    assert torch.equal(state["params"], learner.params)


def test_the_first_checkpoint_holds_the_parameters_already(tmp_path, earlier, monkeypatch):
    monkeypatch.setattr(training._Run, "train", lambda run: 0)
    train(config(), tmp_path, init_from=str(earlier))
    _, state = load_checkpoint(latest_checkpoint(tmp_path))
    assert torch.equal(state["params"], load_checkpoint(latest_checkpoint(earlier))[1]["params"])
    assert (state["iteration"], state["best_score"]) == (0, float("-inf"))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ([*TINY, "--policy.hidden_sizes=[4]"], ["policy.hidden_sizes", "[8]", "[4]"]),
        ([*TINY, "--policy.context_size=2"], ["policy.context_size", "0", "2"]),
        (
            [*TINY, "--adaptation.learned_step_size=per_parameter"],
            ["adaptation.learned_step_size", "per_parameter"],
        ),
        ([TINY[0], *TINY[2:], *ANT], ["(44,)", "trained for others"]),
        (SINUSOID, ["kind", "policy", "supervised"]),
    ],
)
def test_parameters_that_do_not_fit_are_refused_by_name(tmp_path, earlier, capsys, options, words):
    assert run("train", *options, "--output", tmp_path / "run", "--init_from", earlier) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"mamlrl: init_from {latest_checkpoint(earlier)}: ")
    assert error.count("\n") == 1
    for word in words:
        assert word in error
    assert not (tmp_path / "run").exists()


def test_a_run_to_resume_has_its_own_parameters(earlier, tmp_path):
    with pytest.raises(UserError, match="init_from begins a new run"):
        train(config(), earlier, resume=True, init_from=earlier)
    with pytest.raises(UserError, match="no checkpoint at none"):
        train(config(), tmp_path / "run", init_from="none")
    assert not (tmp_path / "run").exists()


def test_some_checkpoints_on_the_way_are_kept(tmp_path):
    train(config("--checkpoint_every=2", "--save_every=3", iterations=7), tmp_path)
    names = {path.name for path in latest_checkpoint(tmp_path).parent.iterdir()}
    assert names == {"latest.pt", "best.pt", "iteration_2.pt", "iteration_4.pt", "iteration_6.pt"}
    whole, state = config(iterations=4), load_checkpoint(kept_checkpoint(tmp_path, 4))[1]
    train(whole, tmp_path / "whole")
    assert torch.equal(state["params"], load_checkpoint(latest_checkpoint(tmp_path / "whole"))[1]["params"])


def test_none_are_kept_by_default_and_old_checkpoints_load(tmp_path):
    train(config(iterations=1), tmp_path)
    assert {path.name for path in latest_checkpoint(tmp_path).parent.iterdir()} == {"latest.pt", "best.pt"}
    content = torch.load(latest_checkpoint(tmp_path), weights_only=True)
    del content["config"]["checkpoint_every"]
    torch.save(content, latest_checkpoint(tmp_path))
    assert load_checkpoint(latest_checkpoint(tmp_path))[0].checkpoint_every is None
    assert train(config("--checkpoint_every=1", iterations=2), tmp_path, resume=True) == 0
    assert kept_checkpoint(tmp_path, 2).exists()


def test_fewer_iterations_than_are_done_are_refused(tmp_path):
    train(config(), tmp_path)
    with pytest.raises(UserError, match="iterations: the run to resume has done 2 already, more than 1"):
        train(config(iterations=1), tmp_path, resume=True)


def test_the_number_of_threads_may_change_on_resuming(tmp_path, capsys):
    cheetah = ["--config=half_cheetah_velocity", *TINY[2:], "--env.kwargs.horizon=5"]
    for name, threads in (("whole", 2), ("broken", 2)):
        iterations = 2 if name == "whole" else 1
        options = [*cheetah, f"--env.kwargs.num_threads={threads}", f"--iterations={iterations}"]
        assert run("train", *options, "--output", tmp_path / name) == 0
    capsys.readouterr()
    options = ["--resume", "--iterations=2", "--env.kwargs.num_threads=1"]
    assert run("train", "--output", tmp_path / "broken", *options) == 0
    assert (
        "mamlrl: env.kwargs.num_threads was 2 and is 1; after iteration 1, numbers may differ"
        in capsys.readouterr().err
    )
    assert deterministic_rows(tmp_path / "broken") == deterministic_rows(tmp_path / "whole")
    assert load_checkpoint(latest_checkpoint(tmp_path / "broken"))[0].env.kwargs["num_threads"] == 1


def test_a_run_of_another_device_goes_on_here(tmp_path, capsys):
    """As it would have been saved where the generator is CUDA's, whose state has 16 bytes."""
    train(config(iterations=1), tmp_path)
    experiment, state = load_checkpoint(latest_checkpoint(tmp_path))
    state["rng"] = np.random.default_rng(3).bit_generator.state  # as earlier versions saved it
    state["generator"] = torch.arange(16, dtype=torch.uint8)
    save_checkpoint(
        latest_checkpoint(tmp_path), type(experiment)(**{**vars(experiment), "device": "cuda:7"}), state
    )
    assert run("train", "--output", tmp_path, "--resume") == 2
    assert "device: there is no cuda:7 here" in capsys.readouterr().err
    assert run("train", "--output", tmp_path, "--resume", "--device=cpu", "--iterations=2") == 0
    assert "mamlrl: device was cuda:7 and is cpu; after iteration 1, numbers may differ" in capsys.readouterr().err
    assert load_checkpoint(latest_checkpoint(tmp_path))[0].device == "cpu"
    assert [row["iteration"] for row in deterministic_rows(tmp_path)] == ["1", "2"]


def test_whether_meta_gradients_are_compiled_may_change_on_resuming(tmp_path):
    compiled = load_config("sinusoid", [*SINUSOID[1:], "--compile=true"])
    plain = load_config("sinusoid", SINUSOID[1:])
    assert starting_point._changes(compiled, plain) == [("compile", True, False)]


@pytest.mark.parametrize("option", ["--env.kwargs.horizon=11", "--sampling.groups=2", "--policy.activation=tanh"])
def test_nothing_else_may_change(earlier, option):
    key = option.removeprefix("--").partition("=")[0]
    with pytest.raises(UserError, match=f"^{key}: the run to resume has .*may change on --resume"):
        train(config(option), earlier, resume=True)
