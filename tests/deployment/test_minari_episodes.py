"""Episodes that went through a Minari dataset, the format in which the field shares them."""

import numpy as np
import pytest
import torch
from deployed import load_method, make_copies, make_single
from minari import create_dataset_from_buffers, load_dataset
from minari.data_collector import EpisodeBuffer

from mamlrl.errors import UserError

pytestmark = pytest.mark.filterwarnings("ignore:.*(eval_env|env_spec).* None")


@pytest.fixture(autouse=True)
def _store(tmp_path, monkeypatch):
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path / "minari"))


def named(tasks, index, steps):
    return {} if tasks is None else {"task": np.repeat([tasks[index]], steps, axis=0)}


def store(policy, episodes, infos=("policy_actions", "log_probs"), tasks=None):
    """Writes episodes as a dataset and reads it again."""
    buffers = []
    for index, one in enumerate(episodes):
        ends = np.arange(len(one.rewards)) == len(one.rewards) - 1
        buffer = EpisodeBuffer(
            id=index,
            observations=np.concatenate([one.observations, one.observations[-1:]]),  # and the one after it all
            actions=one.actions,
            rewards=one.rewards.tolist(),
            terminations=(ends & one.terminated).tolist(),
            truncations=(ends & one.truncated).tolist(),
            infos={name: getattr(one, name) for name in infos} | named(tasks, index, len(ends)),
        )
        buffers.append(buffer)
    create_dataset_from_buffers(
        "deployed/task-v0",
        buffers,
        observation_space=policy.observation_space,
        action_space=policy.action_space,
        author="mamlrl",
        author_email="mamlrl@example.org",
        code_permalink="none",
        algorithm_name="none",
        description="none",
    )
    return load_dataset("deployed/task-v0")


@pytest.mark.parametrize("method", ["maml", "discrete", "imaml"])
def test_adapting_from_a_dataset_gives_the_parameters_of_collecting_bit_for_bit(method, tmp_path):
    policy = load_method(method, tmp_path)
    env = make_copies(policy, 5)
    dataset = store(policy, policy.collect(env, 5, seed=2))
    assert len(dataset) == 5
    assert torch.equal(policy.adapt(dataset).params, policy.adapt(env, episodes=5, seed=2).params)


def test_without_what_the_policy_drew_clipped_actions_are_refused(tmp_path):
    policy = load_method("maml", tmp_path)
    dataset = store(policy, policy.collect(make_single(policy), 3, seed=2), infos=())
    with pytest.raises(UserError, match="on a bound of the action space, where it may have been clipped"):
        policy.adapt(dataset)


def test_a_dataset_of_several_tasks_is_refused_and_one_of_them_is_not(tmp_path):
    policy = load_method("maml", tmp_path)
    tasks = np.array([[0.1, 0.2], [0.1, 0.3], [0.1, 0.2]])
    dataset = store(policy, policy.collect(make_single(policy), 3, seed=2), tasks=tasks)
    with pytest.raises(UserError, match=r"of different tasks; take those of one: dataset\.filter_episodes"):
        policy.adapt(dataset)
    one = dataset.filter_episodes(lambda episode: (episode.infos["task"][0] == tasks[0]).all())
    assert len(one) == 2
    assert policy.adapt(one).steps == 1
