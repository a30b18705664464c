"""Adapting a loaded policy is what an evaluation does, however the episodes come."""

from dataclasses import asdict, replace

import gymnasium
import numpy as np
import pytest
import torch
from deployed import METHODS, TASK, checkpoint, evaluated, load_method, make_copies, make_single

import mamlrl
from mamlrl.errors import DivergenceError, UserError
from mamlrl.evaluation.build import evaluate
from mamlrl.sampling.actions import first_action, to_space

SEED, EPISODES = 5, 6
every_method = pytest.mark.parametrize("method", METHODS)


@pytest.fixture
def policy(tmp_path):
    return load_method("maml", tmp_path)


@every_method
def test_adapting_in_copies_of_a_task_is_the_inner_loop_of_an_evaluation_bit_for_bit(method, tmp_path):
    policy = load_method(method, tmp_path)
    expected = evaluated(policy, EPISODES, 3, SEED).adaptation.trajectory
    adapted = [
        policy.adapt(make_copies(policy, EPISODES), episodes=EPISODES, steps=n, seed=SEED) for n in (1, 2, 3)
    ]
    assert torch.equal(policy.params, expected[0][0])
    for step, one in enumerate(adapted, start=1):
        assert one.steps == step
        assert torch.equal(one.params, expected[step][0]), step
    assert not torch.equal(adapted[0].params, policy.params)
    assert policy.steps == 0


def record_of(rollouts, policy):
    """Episodes as somebody might have recorded them, in lists."""
    scaling = policy.experiment.sampling.action_scaling(policy.action_space)
    episodes = []
    for index, length in enumerate(rollouts.mask[0].sum(dim=1).int().tolist()):
        drawn = rollouts.actions[0, index, :length].numpy()
        actions = to_space(drawn, policy.action_space, scaling, first_action(policy.action_space))
        if isinstance(policy.action_space, gymnasium.spaces.Box):
            actions = np.clip(actions, policy.action_space.low, policy.action_space.high)
        episodes.append(
            {
                "observations": rollouts.observations[0, index, :length].tolist(),
                "actions": actions.tolist(),
                "rewards": rollouts.rewards[0, index, :length].tolist(),
                "policy_actions": drawn.tolist(),
            }
        )
    return episodes


@every_method
def test_adapting_on_the_episodes_of_an_evaluation_gives_its_parameters_bit_for_bit(method, tmp_path):
    policy = load_method(method, tmp_path)
    inner_loop = evaluated(policy, EPISODES, 2, SEED)
    adapted = policy
    for step, rollouts in enumerate(inner_loop.rollouts[:2]):
        adapted = adapted.adapt(record_of(rollouts, policy))
        assert torch.equal(adapted.params, inner_loop.adaptation.trajectory[step + 1][0])


@every_method
@pytest.mark.parametrize("make_env", [make_single, make_copies])
def test_recorded_episodes_give_the_parameters_of_collecting_bit_for_bit(method, make_env, tmp_path):
    policy = load_method(method, tmp_path)
    env = make_env(policy) if make_env is make_single else make_env(policy, 4)
    episodes = policy.collect(env, episodes=EPISODES, seed=SEED)
    assert len(episodes) == EPISODES
    assert any(episode.terminated for episode in episodes) or method != "maml"
    collecting = policy.adapt(env, episodes=EPISODES, seed=SEED)
    assert torch.equal(policy.adapt(episodes).params, collecting.params)
    lists = [
        {name: np.asarray(x).tolist() for name, x in asdict(one).items() if x is not None} for one in episodes
    ]
    assert torch.equal(policy.adapt(lists).params, collecting.params)
    for index, episode in enumerate(episodes):
        np.savez(tmp_path / f"{index}.npz", **asdict(episode))
    files = [dict(np.load(tmp_path / f"{index}.npz")) for index in range(EPISODES)]
    assert torch.equal(policy.adapt(files).params, collecting.params)


def test_a_seed_determines_what_is_collected_and_none_does_not(policy):
    env = make_single(policy)
    first, again = (policy.collect(env, 2, seed=5) for _ in range(2))
    np.testing.assert_array_equal(first[1].policy_actions, again[1].policy_actions)
    others = [policy.collect(env, 2, seed=seed)[0].policy_actions for seed in (6, None, None)]
    assert len({array.tobytes() for array in [first[0].policy_actions, *others]}) == 4


def test_the_recorder_records_what_adaptation_needs(policy):
    env, recorder = make_single(policy), policy.recorder(seed=1)
    for seed in range(EPISODES):
        observation, ended = env.reset(seed=seed)[0], False
        while not ended:
            action = recorder.act(observation)
            assert env.action_space.contains(action)
            observation, reward, terminated, truncated, _ = env.step(action)
            recorder.reward(reward, terminated, truncated)
            ended = terminated or truncated
    assert len(recorder.episodes) == EPISODES
    for episode in recorder.episodes:
        drawn, space = episode.policy_actions, policy.action_space
        np.testing.assert_allclose(episode.actions, np.clip(drawn * space.high, space.low, space.high), rtol=1e-6)
        observed = torch.from_numpy(episode.observations)
        outputs = policy.network(policy.params, observed)
        log_probs = policy.network.distribution.log_prob(outputs, torch.from_numpy(drawn))
        np.testing.assert_allclose(episode.log_probs, log_probs, atol=1e-5)
    assert policy.adapt(recorder.episodes).steps == 1


def test_a_recorder_is_asked_and_told_in_turns(policy):
    recorder = policy.recorder(seed=1)
    with pytest.raises(UserError, match="call act first"):
        recorder.reward(1.0)
    recorder.act([0.0, 0.0])
    with pytest.raises(UserError, match="tell it the reward of each action"):
        recorder.act([0.0, 0.0])
    for reward in (float("nan"), None, "far", np.ones(2), 10**400):
        with pytest.raises(UserError, match="a reward must be a finite number, got"):
            recorder.reward(reward)
    for end in (None, "no", np.zeros(2, bool)):
        with pytest.raises(UserError, match="recorder: truncated must be true or false, got"):
            recorder.reward(1.0, truncated=end)
    recorder.reward(1.0)  # for the first time
    assert recorder.episodes == []  # it has not ended
    with pytest.raises(UserError, match="records one environment"):
        recorder.act([[0.0, 0.0]])


def test_actions_that_were_not_clipped_need_not_be_recorded_twice(policy):
    observations = np.random.default_rng(0).uniform(-0.1, 0.1, (5, 2))
    drawn = np.random.default_rng(1).uniform(-0.9, 0.9, (5, 2))
    episode = {"observations": observations, "actions": drawn * 0.1, "rewards": np.arange(5.0)}
    np.testing.assert_allclose(policy.action_space.high, 0.1, rtol=1e-6)
    expected = policy.adapt([{**episode, "policy_actions": drawn}]).params
    torch.testing.assert_close(policy.adapt([episode]).params, expected, atol=1e-6, rtol=1e-5)


def test_adaptation_goes_on_after_it_was_saved(policy, tmp_path):
    env = make_copies(policy, EPISODES)
    first = policy.adapt(env, episodes=EPISODES, seed=1)
    first.save(tmp_path / "first.pt")
    loaded = mamlrl.load(tmp_path / "first.pt")
    assert (loaded.steps, torch.equal(loaded.params, first.params)) == (1, True)
    again = [one.adapt(env, episodes=EPISODES, seed=2) for one in (first, loaded)]
    assert torch.equal(again[0].params, again[1].params)
    assert again[0].steps == again[1].steps == 2


def test_a_later_step_has_the_later_step_factor(policy, tmp_path):
    halved = load_factor(tmp_path, 0.5)
    whole = load_factor(tmp_path, 1.0)
    env = make_copies(policy, EPISODES)
    steps = []
    for loaded in (halved, whole):
        first = loaded.adapt(env, episodes=EPISODES, seed=1)
        steps.append(first.adapt(env, episodes=EPISODES, seed=2).params - first.params)
    torch.testing.assert_close(2 * steps[0], steps[1], atol=1e-5, rtol=1e-3)


def test_as_many_episodes_as_an_evaluation_adapts_on_by_default(policy):
    env = make_copies(policy, 3)
    assert len(policy.collect(env)) == policy.experiment.evaluation.episodes_per_task == 2
    shots = replace(policy.experiment.evaluation, adaptation_episodes=5)
    saved = replace(policy.saved, experiment=replace(policy.experiment, evaluation=shots))
    assert len(replace(policy, saved=saved).collect(env)) == 5


def load_factor(folder, factor):
    path = folder / f"{factor}.pt"
    policy = load_method("maml", folder)
    evaluation = replace(policy.experiment.evaluation, later_step_factor=factor)
    experiment = replace(policy.experiment, evaluation=evaluation)
    mamlrl.runs.checkpoints.save_checkpoint(path, experiment, policy.saved.state)
    return mamlrl.load(path)


def test_an_evaluation_of_a_saved_policy_is_that_of_its_meta_parameters(policy, tmp_path):
    policy.adapt(make_copies(policy, EPISODES), seed=1).save(tmp_path / "adapted.pt")
    experiment, state = mamlrl.load_checkpoint(tmp_path / "adapted.pt")
    expected = evaluate(policy.experiment, policy.saved.state["params"]).returns
    np.testing.assert_array_equal(evaluate(experiment, state["params"]).returns, expected)


@pytest.mark.filterwarnings("ignore:.*earlier version")
def test_adaptation_improves_the_return_of_a_published_policy():
    policy = mamlrl.load("navigation2d")
    env = gymnasium.make_vec("mamlrl/Navigation2D-v0", num_envs=20)
    env.set_tasks(np.array([[0.3, -0.2]]))
    adapted = policy.adapt(env, episodes=20, seed=0)
    returns = [np.mean([e.rewards.sum() for e in p.collect(env, 20, seed=1)]) for p in (policy, adapted)]
    assert returns[1] > returns[0] + 15


def test_simulations_that_diverged_are_left_out(policy):
    class Diverging(gymnasium.Wrapper):
        episode, diverging = 0, (1,)

        def reset(self, **kwargs):
            type(self).episode += 1
            return self.env.reset(**kwargs)

        def step(self, action):
            *step, info = self.env.step(action)
            return *step, {**info, "diverged": self.episode in self.diverging}

    assert len(policy.collect(Diverging(make_single(policy)), 3, seed=0)) == 2
    Diverging.diverging = range(99)
    with pytest.raises(DivergenceError, match="all 3 simulations diverged"):
        policy.collect(Diverging(make_single(policy)), 3, seed=0)


def test_where_all_returns_are_the_same_a_warning_says_that_nothing_is_learned(policy):
    episode = {"observations": np.zeros((1, 2)), "actions": np.zeros((1, 2)), "rewards": [1.0]}
    with pytest.warns(UserWarning, match="nothing to learn"):
        adapted = policy.adapt([episode, episode])
    assert torch.equal(adapted.params, policy.params)


def test_the_checkpoint_of_a_run_folder_is_its_latest(tmp_path):
    (tmp_path / "checkpoints").mkdir()
    checkpoint(tmp_path / "checkpoints" / "latest.pt")
    assert mamlrl.load(tmp_path).saved.path == tmp_path / "checkpoints" / "latest.pt"
    assert TASK.shape == mamlrl.load(str(tmp_path)).action_space.shape
