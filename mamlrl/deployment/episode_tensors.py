"""Recorded episodes as the tensors that adaptation takes."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from mamlrl.deployment.acting import Acting
from mamlrl.deployment.episode_checks import EpisodeCheck, EpisodeTensors
from mamlrl.deployment.episodes import Episode
from mamlrl.deployment.other_policies import check_same_policy
from mamlrl.sampling.rollouts import Rollouts


def to_rollouts(episodes: list[Episode], acting: Acting) -> Rollouts:
    """Turns episodes of one task into the tensors that the inner loop takes.

    Args:
        episodes: What was recorded.
        acting: The policy that they were recorded with.

    Returns:
        Rollouts of one task.

    Raises:
        UserError: If an episode cannot be used, or was recorded with another policy; the message names it.
    """
    checked = [EpisodeCheck(index, one, acting).tensors() for index, one in enumerate(episodes)]
    observations = _padded([one.observations for one in checked])
    act, normalizer = acting.network.bind(acting.params[None]), acting.interface.normalizer
    seen = observations if normalizer is None else normalizer(observations)
    outputs = torch.stack([act(step) for step in seen.unbind(dim=2)], dim=2)  # one by one, as samplers do
    rollouts = Rollouts(
        observations=observations,
        actions=_padded([one.actions for one in checked]),
        rewards=_padded([one.rewards for one in checked]),
        mask=_padded([torch.ones_like(one.rewards) for one in checked]),
        outputs=outputs,
        **_ends(checked),
    )
    log_probs = acting.network.distribution.log_prob(outputs, rollouts.actions)[0]
    for index, (one, now) in enumerate(zip(checked, log_probs, strict=True)):
        if one.log_probs is not None:
            check_same_policy(index, one.log_probs, now[: len(one.log_probs)])
    return rollouts


def _ends(checked: list[EpisodeTensors]) -> dict[str, Tensor]:
    """How the episodes ended, if that is known of all."""
    last = [one.last_observation for one in checked if one.last_observation is not None]
    terminated = torch.tensor([[one.terminated for one in checked]])
    return (
        {"last_observations": torch.stack(last)[None], "terminated": terminated}
        if len(last) == len(checked)
        else {}
    )


def _padded(tensors: list[Tensor]) -> Tensor:
    """Stacks tensors of shape (time, ...), padded with zeros: (1, episode, time, ...)."""
    return pad_sequence(tensors, batch_first=True)[None]
