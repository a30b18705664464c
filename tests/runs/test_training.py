import random
import signal
from dataclasses import replace

import pytest
import torch
import yaml
from programs import TINY, deterministic_rows, deterministic_state, run, start
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from mamlrl.errors import UserError
from mamlrl.experiments.command_line import load_config
from mamlrl.experiments.plain import plain_experiment
from mamlrl.learners.policy import MetaLearner
from mamlrl.metric_names import grouped
from mamlrl.runs.checkpoints import load_checkpoint
from mamlrl.runs.saved import best_checkpoint, latest_checkpoint
from mamlrl.runs.training import train


def tiny_config(*overrides):
    return load_config("navigation2d", [*TINY[1:], *overrides])


def test_a_run_leaves_config_metrics_events_and_checkpoints(tmp_path):
    config = tiny_config("--iterations=3")
    assert train(config, tmp_path / "run") == 0
    rows = deterministic_rows(tmp_path / "run")
    assert [row["iteration"] for row in rows] == ["1", "2", "3"]
    assert yaml.safe_load((tmp_path / "run/config.yaml").read_text()) == plain_experiment(config)
    saved, state = load_checkpoint(latest_checkpoint(tmp_path / "run"))
    assert saved == config
    assert state["iteration"] == 3
    events = EventAccumulator(str(tmp_path / "run/tensorboard")).Reload()
    for name in rows[0].keys() - {"iteration"}:
        assert [event.step for event in events.Scalars(grouped(name))] == [1, 2, 3]
        values = [event.value for event in events.Scalars(grouped(name))]
        assert values == pytest.approx([float(row[name]) for row in rows], rel=1e-6)


def test_every_metric_that_the_learner_reports_is_finite_and_present():
    metrics = MetaLearner(tiny_config("--adaptation.steps=2")).iterate()
    assert {
        "iteration", "env_steps", "diverged_simulations", "entropy", "kl", "surrogate_improvement",
        "line_search_steps", "line_search_accepted", "cg_iterations", "cg_residual", "gradient_norm/meta",
        "env_steps_per_second",
    } | {f"{name}/{step}" for name, step in [
        *((name, f"step_{k}") for name in ("return", "return_std", "worst_return") for k in range(3)),
        *(("explained_variance", f"step_{k}") for k in range(3)),
        ("gradient_norm", "inner_1"), ("gradient_norm", "inner_2"),
        *(("seconds", p) for p in ("sampling", "advantages", "adaptation", "gradient", "cg", "line_search")),
    ]} == set(metrics)  # fmt: skip
    assert all(map(torch.isfinite, map(torch.tensor, metrics.values())))
    assert metrics["env_steps"] == 3 * 2 * 3 * 10


def test_an_iteration_improves_the_surrogate_within_the_bound():
    config = tiny_config("--sampling.episodes_per_task=10", "--trust_region.max_kl=0.02")
    learner = MetaLearner(config)
    for _ in range(3):
        before = learner.params
        metrics = learner.iterate()
        assert metrics["line_search_accepted"] == 1
        assert metrics["surrogate_improvement"] > 0
        assert 0 < metrics["kl"] <= 0.02
        assert not torch.equal(before, learner.params)


def test_best_checkpoint_holds_the_parameters_with_the_best_score_after_adaptation(tmp_path):
    config = tiny_config("--iterations=6")
    train(config, tmp_path)
    returns = [float(row["return/step_1"]) for row in deterministic_rows(tmp_path)]
    best = returns.index(max(returns))
    learner = MetaLearner(config)
    for _ in range(best):
        learner.iterate()
    _, state = load_checkpoint(best_checkpoint(tmp_path))
    assert torch.equal(state["params"], learner.params)
    assert state["iteration"] == best
    assert load_checkpoint(latest_checkpoint(tmp_path))[1]["best_score"] == max(returns)


def test_the_seed_determines_the_run(tmp_path):
    for name, seed in [("a", 1), ("b", 1), ("c", 2)]:
        train(tiny_config("--iterations=3", f"--seed={seed}"), tmp_path / name)
    rows = {name: deterministic_rows(tmp_path / name) for name in "abc"}
    assert rows["a"] == rows["b"]
    assert rows["a"] != rows["c"]


def test_killed_at_random_points_and_resumed_a_run_is_as_if_never_stopped(tmp_path):
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    options = [*TINY, "--iterations=40"]
    assert run("train", *options, "--output", whole) == 0
    chance = random.Random(0)
    for kills in range(2):
        target = chance.randint(1, 12) + (len(deterministic_rows(broken)) if kills else 0)
        process = start("train", *options, "--output", broken, *(["--resume"] if kills else []))
        while process.poll() is None and count_lines(broken / "metrics.csv") <= target:
            pass
        for _ in range(chance.randint(0, 20000)):
            pass
        process.send_signal(signal.SIGKILL)
        process.communicate()
        assert latest_checkpoint(broken).exists()
    assert run("train", "--output", broken, "--resume") == 0
    assert deterministic_rows(broken) == deterministic_rows(whole)
    for checkpoint in (latest_checkpoint, best_checkpoint):
        a, b = (deterministic_state(checkpoint(folder)) for folder in (whole, broken))
        assert torch.equal(a.pop("params"), b.pop("params"))
        assert a == b
    events = EventAccumulator(str(broken / "tensorboard")).Reload()
    assert [event.step for event in events.Scalars("outer_step/kl")] == list(range(1, 41))


def count_lines(path):
    return path.read_text().count("\n") if path.exists() else 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_finish_the_iteration_save_and_exit(tmp_path, number):
    process = start("train", *TINY, "--iterations=100000", "--output", tmp_path)
    while process.poll() is None and count_lines(tmp_path / "metrics.csv") < 3:
        pass
    process.send_signal(number)
    _, error = process.communicate()
    assert process.returncode == 128 + number
    assert f"mamlrl train --output {tmp_path} --resume" in error
    assert "Traceback" not in error
    rows = deterministic_rows(tmp_path)
    assert load_checkpoint(latest_checkpoint(tmp_path))[1]["iteration"] == len(rows)


def test_a_second_run_into_a_folder_is_refused_unless_it_resumes(tmp_path):
    config = tiny_config("--iterations=2")
    train(config, tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    with pytest.raises(UserError, match=r"holds a run already.*--resume"):
        train(config, tmp_path)
    with pytest.raises(UserError, match="meta_batch_size"):
        train(replace(config, meta_batch_size=3), tmp_path, resume=True)
    assert {path: path.read_bytes() for path in before} == before
    assert train(replace(config, iterations=3), tmp_path, resume=True) == 0
    assert len(deterministic_rows(tmp_path)) == 3


def test_a_folder_in_use_by_another_process_is_refused(tmp_path):
    process = start("train", *TINY, "--iterations=100000", "--output", tmp_path)
    while process.poll() is None and count_lines(tmp_path / "metrics.csv") < 2:
        pass
    with pytest.raises(UserError, match="another process is training"):
        train(tiny_config("--iterations=100000"), tmp_path, resume=True)
    process.kill()
    process.communicate()


def test_resume_without_a_run_is_refused(tmp_path):
    with pytest.raises(UserError, match="no run to resume"):
        train(tiny_config(), tmp_path / "none", resume=True)
    assert not (tmp_path / "none").exists()


def test_diverged_simulations_are_counted_and_do_not_stop_the_run(monkeypatch):
    config = load_config(
        "navigation2d",
        [*TINY[2:], "--env.id=mamlrl/AntDirection-v0", "--env.kwargs={horizon: 10}"],
    )
    learner = MetaLearner(config)
    env_class = type(learner.sampler.groups[0].env)
    start = env_class._start

    def start_one_badly(env, chosen):
        start(env, chosen)
        env.simulator.velocities[0] = 1e20

    monkeypatch.setattr(env_class, "_start", start_one_badly)
    metrics = learner.iterate()
    assert metrics["diverged_simulations"] == 2  # one before adaptation, one after
    assert all(map(torch.isfinite, map(torch.tensor, metrics.values())))
    assert torch.isfinite(learner.params).all()
