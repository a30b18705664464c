"""Recordings of evaluations: what is written of every episode, for others to read and to adapt on."""

import os
from dataclasses import replace

import numpy as np
import pytest
import torch
from programs import TINY

from mamlrl.deployment.episodes import Episode
from mamlrl.deployment.load import load
from mamlrl.deployment.minari_recording import check_minari, write_minari
from mamlrl.deployment.recorded_rollouts import check_npz, recorded_episodes, write_npz
from mamlrl.errors import UserError
from mamlrl.experiments.command_line import load_config
from mamlrl.learners.build import make_learner
from mamlrl.runs.checkpoints import save_checkpoint
from mamlrl.runs.saved import SavedRun

NEAR = ["--env.kwargs.goal_range=0.04"]  # so near that some episodes end early
FIELDS = [name for name in Episode.__dataclass_fields__ if name != "last_observation"]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    """A policy that was not trained."""
    learner = make_learner(load_config("navigation2d", [*TINY[1:], *NEAR, "--evaluation.tasks=4"]))
    path = tmp_path_factory.mktemp("checkpoint") / "latest.pt"
    save_checkpoint(path, learner.config, learner.state_dict())
    return path


def evaluation_of(path, **settings):
    saved = SavedRun.load(path)
    sampling = replace(saved.experiment.sampling, unit=settings.pop("unit", "episodes"))
    evaluation = replace(saved.experiment.evaluation, **settings)
    return saved.evaluate(replace(saved.experiment, sampling=sampling, evaluation=evaluation))


@pytest.mark.parametrize(
    "settings", [{}, {"deterministic": True}, {"adaptation_episodes": 3}, {"unit": "transitions"}]
)
def test_every_reported_episode_is_recorded(checkpoint, settings):
    evaluation = evaluation_of(checkpoint, **settings)
    recorded = recorded_episodes(evaluation)
    kept = [(rollouts.mask[:, :, 0] > 0).nonzero().tolist() for rollouts in evaluation.reported]
    assert [(each.step, each.task) for each in recorded] == [
        (step, task) for step, pairs in enumerate(kept) for task, _ in pairs
    ]
    places = [(step, *pair) for step, pairs in enumerate(kept) for pair in pairs]
    for each, (step, task, index) in zip(recorded, places, strict=True):
        rollouts, episode = evaluation.reported[step], each.episode
        steps = int(rollouts.mask[task, index].sum())
        for name, values in {
            "observations": "observations",
            "rewards": "rewards",
            "policy_actions": "actions",
        }.items():
            expected = getattr(rollouts, values)[task, index, :steps]
            np.testing.assert_array_equal(getattr(episode, name), expected)
        np.testing.assert_array_equal(each.last_observation, rollouts.last_observations[task, index])
        moved = np.diff([*episode.observations, each.last_observation], axis=0)
        np.testing.assert_allclose(episode.actions, moved, atol=1e-6)  # in the environment's own range
        assert (np.abs(episode.actions) <= np.float32(0.1)).all()
        assert episode.terminated == (steps < 10)
        assert episode.truncated == (steps == 10)
        log_prob = evaluation.network.distribution.log_prob
        expected = log_prob(rollouts.outputs[task, index, :steps], rollouts.actions[task, index, :steps])
        np.testing.assert_array_equal(episode.log_probs, expected)


def test_an_npz_file_holds_them_padded(checkpoint, tmp_path):
    evaluation = evaluation_of(checkpoint)
    recorded = recorded_episodes(evaluation)
    write_npz(tmp_path / "new" / "episodes.npz", recorded, evaluation.tasks)
    data = np.load(tmp_path / "new" / "episodes.npz")
    lengths = data["mask"].sum(axis=1)
    assert len(set(lengths)) > 1
    np.testing.assert_array_equal(data["tasks"], evaluation.tasks)
    for index, (each, steps) in enumerate(zip(recorded, lengths, strict=True)):
        assert (data["task"][index], data["step"][index]) == (each.task, each.step)
        np.testing.assert_array_equal(data["mask"][index], np.arange(len(data["mask"][index])) < steps)
        np.testing.assert_array_equal(data["last_observations"][index], each.last_observation)
        np.testing.assert_array_equal(each.episode.last_observation, each.last_observation)
        for name in FIELDS:
            values = getattr(each.episode, name)
            found = data[name][index] if np.ndim(values) == 0 else data[name][index, :steps]
            np.testing.assert_array_equal(found, values)
        for name in ("observations", "actions", "policy_actions", "log_probs", "rewards"):
            assert not data[name][index, steps:].any()


@pytest.mark.filterwarnings("ignore:.*earlier version")
def test_adapting_on_the_file_gives_the_parameters_of_the_evaluation(checkpoint, tmp_path):
    evaluation = evaluation_of(checkpoint)
    write_npz(tmp_path / "episodes.npz", recorded_episodes(evaluation), evaluation.tasks)
    data, policy = np.load(tmp_path / "episodes.npz"), load(checkpoint)
    for task in range(4):
        chosen = (data["task"] == task) & (data["step"] == 0)
        episodes = [
            {
                name: data[name][index][data["mask"][index]] if data[name].ndim > 1 else data[name][index]
                for name in FIELDS
            }
            for index in np.flatnonzero(chosen)
        ]
        adapted = policy.adapt(episodes)
        torch.testing.assert_close(adapted.params, evaluation.adapted.adaptation.trajectory[1][task])


def test_other_suffixes_are_refused(tmp_path):
    check_npz("episodes.npz")
    with pytest.raises(UserError, match=r"^cannot write episodes\.csv: its suffix must be \.npz$"):
        check_npz("episodes.csv")
    with pytest.raises(UserError, match="its suffix must be"):
        write_npz(tmp_path / "episodes", [], np.zeros(0))
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def minari(tmp_path, monkeypatch):
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path / "minari"))
    return pytest.importorskip("minari")


def test_a_minari_dataset_holds_them(checkpoint, minari):
    evaluation = evaluation_of(checkpoint)
    recorded = recorded_episodes(evaluation)
    write_minari("navigation/adapted-v0", recorded, evaluation)
    dataset = minari.load_dataset("navigation/adapted-v0")
    assert dataset.total_episodes == len(recorded)
    assert dataset.total_steps == sum(len(each.episode.rewards) for each in recorded)
    for found, each in zip(dataset.iterate_episodes(), recorded, strict=True):
        episode = each.episode
        np.testing.assert_array_equal(found.observations[:-1], episode.observations)
        np.testing.assert_array_equal(found.observations[-1], each.last_observation)
        np.testing.assert_array_equal(found.actions, episode.actions)
        np.testing.assert_array_equal(found.rewards, episode.rewards)
        np.testing.assert_array_equal(found.infos["policy_actions"], episode.policy_actions)
        np.testing.assert_array_equal(found.infos["log_probs"], episode.log_probs)
        assert (found.infos["task"] == evaluation.tasks[each.task]).all()
        assert (found.infos["adaptation_step"] == each.step).all()
        assert (found.terminations[-1], found.truncations[-1]) == (episode.terminated, episode.truncated)
        assert not found.terminations[:-1].any()
        assert not found.truncations[:-1].any()


@pytest.mark.parametrize("name", ["adapted", "", "a b-v0"])
def test_what_is_no_id_of_a_dataset_is_refused(minari, name):
    with pytest.raises(UserError, match=r"^minari: .*is no id of a dataset"):
        check_minari(name)


def test_a_dataset_is_not_written_over_and_half_of_one_not_left(checkpoint, minari, monkeypatch):
    evaluation = evaluation_of(checkpoint, steps=0)
    recorded = recorded_episodes(evaluation)
    write_minari("adapted-v0", recorded, evaluation)
    with pytest.raises(UserError, match=r"^minari: there is a dataset adapted-v0 already, in .*; choose another"):
        write_minari("adapted-v0", recorded, evaluation)

    def fail(*arguments, **settings):
        os.makedirs(minari.storage.get_dataset_path("adapted-v1") / "data")
        raise OSError("disk full")

    monkeypatch.setattr(minari, "create_dataset_from_buffers", fail)
    with pytest.raises(UserError, match=r"^cannot write the dataset adapted-v1 to .*: disk full$"):
        write_minari("adapted-v1", recorded, evaluation)
    assert not minari.storage.get_dataset_path("adapted-v1").exists()


def test_without_minari_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "minari", None)
    with pytest.raises(UserError, match=r"^minari: Minari is not installed; pip install 'mamlrl\[minari\]'$"):
        check_minari("adapted-v0")
