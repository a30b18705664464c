"""Episodes that cannot be used: one line that names the episode, what is wrong, and what to do."""

from dataclasses import asdict

import numpy as np
import pytest
import torch
from deployed import load_method, make_copies, make_single

from mamlrl import Episode
from mamlrl.errors import UserError

CLIPPED = "may have been clipped; record the policy's own actions, too, as policy_actions"
CHANGES = {  # what is changed in the second of two episodes of 30 steps -> words of the message
    "observation too many": ({"observations": np.zeros((31, 2))}, "leave out the one after the last action"),
    "observations too short": ({"observations": np.zeros((7, 2))}, r"shape \(30, 2\), got shape \(7, 2\)"),
    "observations flat": ({"observations": np.zeros(60)}, r"shape \(30, 2\), got shape \(60,\)"),
    "observations of others": ({"observations": np.zeros((30, 3))}, r"shape \(30, 2\), got shape \(30, 3\)"),
    "observations ragged": ({"observations": [[0.0, 0.0]] * 29 + [[0.0]]}, "got lists of several lengths"),
    "observations of text": ({"observations": [["a", "b"]] * 30}, r"observations must be numbers .* got <U1"),
    "observations missing": ({"observations": None}, "observations must be numbers .* got a NoneType"),
    "observations not finite": (
        {"observations": np.full((30, 2), np.nan)},
        "observations are not finite in step 0",
    ),
    "observations too large": ({"observations": np.full((30, 2), 1e39)}, "observations are not finite in step 0"),
    "actions too few": ({"actions": np.zeros((29, 2))}, r"actions must be numbers of shape \(30, 2\), got"),
    "actions not finite": ({"actions": np.full((30, 2), np.inf)}, "actions are not finite in step 0"),
    "actions outside": (
        {"actions": np.full((30, 2), 0.2)},
        r"its action 0\.2 in step 0 lies outside the action space",
    ),
    "actions of others": (
        {"actions": np.full((30, 2), 0.05)},
        r"its action 0\.05 in step \d+ is not that of policy_a",
    ),
    "only clipped": ({"policy_actions": None}, rf"its action -?0\.1 in step \d+ lies on a bound .*{CLIPPED}"),
    "policy_actions flat": (
        {"policy_actions": np.zeros(30)},
        r"policy_actions must be numbers of shape \(30, 2\)",
    ),
    "rewards of two": ({"rewards": np.zeros((30, 2))}, r"rewards must be numbers of shape \(steps,\), got shape"),
    "rewards not finite": ({"rewards": [0.0] * 29 + [np.nan]}, "rewards are not finite in step 29"),
    "empty": ({"rewards": []}, "is empty; leave it out"),
    "log_probs too few": ({"log_probs": [0.0]}, r"log_probs must be numbers of shape \(30,\)"),
    "log_probs not finite": ({"log_probs": np.full(30, -np.inf)}, "log_probs are not finite in step 0"),
    "ends early": (
        {"terminated": np.arange(30) == 3},
        "goes on after its end: terminated in step 3; split it there",
    ),
    "ends of text": ({"truncated": "no"}, "truncated must be true or false, or that for each of 30 steps"),
    "ends of lists": (
        {"terminated": [[True], [False, True]]},
        "terminated must be true or false, or that for each of 30 steps",
    ),
    "ends of other numbers": ({"terminated": 2}, "terminated must be true or false, or that for each of 30 steps"),
    "ends not finite": ({"truncated": np.nan}, "truncated must be true or false, or that for each of 30 steps"),
    "ends of others": (
        {"truncated": [False, True]},
        "truncated must be true or false, or that for each of 30 steps",
    ),
}


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """A policy, and two episodes of it."""
    policy = load_method("maml", tmp_path_factory.mktemp("policy"))
    env = make_single(policy)
    env.unwrapped.set_task(np.array([0.5, 0.5]))  # far away: no episode ends early
    return policy, policy.collect(env, 2, seed=0)


def refused(policy, episodes, words):
    with pytest.raises(UserError, match=words) as raised:
        policy.adapt(episodes)
    assert "\n" not in str(raised.value)
    return str(raised.value)


@pytest.mark.parametrize("name", CHANGES)
def test_what_is_wrong_with_an_episode_is_said(recorded, name):
    policy, (first, second) = recorded
    change, words = CHANGES[name]
    message = refused(policy, [first, Episode(**(asdict(second) | change))], words)
    assert message.startswith("episode 1: ")


@pytest.mark.parametrize(
    ("action", "words"),
    [
        (3, "its action 3 in step 0 lies outside"),
        (-1, "its action -1"),
        (0.5, r"its action 0\.5 in step 0 lies out"),
    ],
)
def test_discrete_actions_outside_the_space(tmp_path, action, words):
    policy = load_method("discrete", tmp_path)
    episode = {"observations": np.zeros((4, 2)), "actions": [action, 0, 1, 2], "rewards": np.arange(4)}
    refused(policy, [episode], words)
    assert policy.adapt([{**episode, "actions": [0, 0, 1, 2]}]).steps == 1


def test_episodes_of_another_policy_are_noticed_by_their_log_probabilities(recorded):
    policy, episodes = recorded
    adapted = policy.adapt(episodes)
    refused(adapted, episodes, "episode 0: was recorded with another policy than the one adapted: the log-prob")
    without = [{**asdict(one), "log_probs": None} for one in episodes]
    assert adapted.adapt(without).steps == 2  # nothing tells


@pytest.mark.parametrize("method", ["maml", "discrete", "tanh", "unscaled"])
def test_rounding_alone_does_not_make_another_policy(method, tmp_path):
    policy = load_method(method, tmp_path)
    for episode in policy.collect(make_copies(policy, 3), 3, seed=2):
        halved = {name: np.asarray(x).astype(np.float32) for name, x in asdict(episode).items()}
        policy.adapt([halved])


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ([], "there are no episodes; collect at least one"),
        (3, "takes an environment, a list of episodes, or a Minari dataset, got a int"),
        ("episodes.npz", "got a str"),
        (None, "got a NoneType"),
        ({"observations": []}, "got a dict"),
        ([3], "episode 0: must be an Episode or a mapping with its fields, got a int"),
        ([{"observations": [], "actions": []}], "episode 0: rewards are missing"),
        ([{"observation": []}], "episode 0: there is no field observation; there are: observations, actions"),
    ],
)
def test_what_holds_no_episodes(recorded, source, words):
    refused(recorded[0], source, words)


@pytest.mark.parametrize("options", [{"steps": 2}, {"episodes": 2}, {"seed": 0}])
def test_recorded_episodes_serve_for_one_step(recorded, options):
    policy, episodes = recorded
    with pytest.raises(UserError, match="recorded episodes serve for one step"):
        policy.adapt(episodes, **options)
    with pytest.raises(
        UserError, match="takes an environment, a list of episodes, or a Minari dataset, got a str"
    ):
        policy.adapt("CartPole-v1", **options)


def test_the_policy_stays_as_it_was(recorded):
    policy, episodes = recorded
    before = policy.params.clone()
    policy.adapt(episodes)
    assert torch.equal(policy.params, before)
    assert policy.steps == 0
