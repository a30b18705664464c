"""A meta-trained policy that adapts to a task and acts in it."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import gymnasium
import torch

from mamlrl.deployment.acting import Acting, SinglePrecision
from mamlrl.deployment.adaptive import Adaptive, check_count
from mamlrl.deployment.collecting import collect, is_env, seeded
from mamlrl.deployment.episode_tensors import to_rollouts
from mamlrl.deployment.episodes import Episode, read_episodes
from mamlrl.deployment.export import export
from mamlrl.deployment.interface import Interface
from mamlrl.deployment.recorder import Recorder
from mamlrl.errors import UserError
from mamlrl.experiments.policy import PolicyExperiment
from mamlrl.files import AnyPath
from mamlrl.inner_loops.policy import make_inner_loss
from mamlrl.inner_loops.suspects import blamed
from mamlrl.losses.task_losses import TaskLosses
from mamlrl.randomness import Randomness
from mamlrl.sampling.advantages import process


@dataclass(frozen=True, eq=False, repr=False)
class AdaptivePolicy(Adaptive):
    """A meta-trained policy, before or after adaptation; `mamlrl.load` makes it. It runs on the CPU.

    Attributes:
        interface: Spaces of its environment, and the scaling of its actions.

    Example:
        >>> policy = mamlrl.load("navigation2d")  # doctest: +SKIP
        >>> env = gymnasium.make("mamlrl/Navigation2D-v0")  # doctest: +SKIP
        >>> env.unwrapped.set_task(numpy.array([0.3, -0.2]))  # doctest: +SKIP
        >>> adapted = policy.adapt(env, episodes=20)  # doctest: +SKIP
        >>> action = adapted(env.reset()[0])  # doctest: +SKIP
    """

    interface: Interface

    @property
    def experiment(self) -> PolicyExperiment:
        """See `Adaptive.experiment`."""
        assert isinstance(self.saved.experiment, PolicyExperiment)
        return self.saved.experiment

    @property
    def observation_space(self) -> gymnasium.Space[Any]:
        """Space of one observation."""
        return self.interface.observation_space

    @property
    def action_space(self) -> gymnasium.Space[Any]:
        """Space of one action."""
        return self.interface.action_space

    def adapt(self, source: Any, *, episodes: int | None = None, steps: int = 1, seed: int | None = None) -> Self:
        """Returns the policy after one more inner step, or several; this one stays as it is.

        The steps are those of `mamlrl evaluate`: the first has the inner loop's step size, later ones are scaled
        by `evaluation.later_step_factor`. Each needs fresh episodes of the policy before it, collected here or
        elsewhere. What must be recorded of them is in `Episode`; the simplest way is `recorder`.

        Args:
            source: Where to collect: one ordinary Gymnasium environment, or a task environment (`TaskEnv`) whose
                sub-environments all have one task. Or what was collected with this very policy by random actions:
                a list of `Episode`, or of mappings with its fields (a dict, `numpy.load` of an `npz` file); or a
                Minari dataset, with the infos `policy_actions` and `log_probs`.
            episodes: Episodes to collect for each step; by default, as many as an evaluation adapts on.
            steps: Inner steps; of recorded episodes, 1.
            seed: Seed of the environment and the actions; by default, one that differs each time.

        Raises:
            UserError: If the environment does not fit the policy, or an episode cannot be used: another shape,
                numbers that are not finite, actions outside the action space or clipped at its bounds without
                `policy_actions`, or, where `log_probs` are given, recorded with another policy.
            RunError: If the environment does wrong, or adaptation diverges.
        """
        check_count("steps", steps)
        if is_env(source):
            randomness, policy = seeded(seed), self
            for _ in range(steps):
                policy = policy._adapted_on(policy._collect(source, episodes, randomness))
            return policy
        recorded = read_episodes(source)
        if steps != 1 or episodes is not None or seed is not None:
            raise UserError(
                "adapt: recorded episodes serve for one step, all of them, and nothing random; for another step, "
                "record episodes with the adapted policy (leave out steps, episodes and seed)"
            )
        return self._adapted_on(recorded)

    def collect(self, env: Any, episodes: int | None = None, seed: int | None = None) -> list[Episode]:
        """Collects episodes of this policy with random actions, for `adapt`; see there.

        Args:
            env: Where to collect.
            episodes: How many; by default, as many as an evaluation adapts on.
            seed: Seed of the environment and the actions; by default, one that differs each time.

        Returns:
            The episodes; those whose simulation diverged are left out.
        """
        if not is_env(env):
            raise UserError(f"collect: takes an environment, got a {type(env).__name__}")
        return self._collect(env, episodes, seeded(seed))

    def recorder(self, seed: int | None = None) -> Recorder:
        """Returns a recorder that acts for this policy with random actions, where there is no environment.

        Args:
            seed: Seed of the actions; by default, one that differs each time.
        """
        return Recorder(self._acting, seeded(seed).generator)

    def __call__(self, observation: Any, deterministic: bool = True) -> Any:
        """Chooses actions; `predict` without the state.

        Args:
            observation: One observation, shape (D,), or several, shape (..., D).
            deterministic: Whether to take the most likely action rather than to draw one.
        """
        return self.predict(observation, deterministic=deterministic)[0]

    def predict(
        self, observation: Any, state: Any = None, episode_start: Any = None, deterministic: bool = False
    ) -> tuple[Any, Any]:
        """Chooses actions, in Stable-Baselines3's convention.

        Args:
            observation: One observation, shape (D,), or several, shape (..., D).
            state: Not used; the policy has no memory.
            episode_start: Not used.
            deterministic: Whether to take the most likely action rather than to draw one.

        Returns:
            Actions in the range, and of the type, of the action space, shape (..., A), or (...) if they are
            discrete; and the state.

        Raises:
            UserError: If the observation has another shape, or is not finite.
        """
        del episode_start
        observations = self._acting.observations(observation)
        noise = self._acting.noise(tuple(observations.shape[:-1]), None if deterministic else self._generator)
        with torch.inference_mode():
            return self._acting.as_space(self._acting(observations, noise))[()], state

    def export(self, path: AnyPath, deterministic: bool = True) -> None:
        """Writes the policy as a program of its own, for which mamlrl is not needed.

        Args:
            path: A file `.pt2` (`torch.export.load(path).module()`), or `.onnx`, for which the extra `onnx` is
                needed (`pip install 'mamlrl[onnx]'`). The input `observation`, shape (batch, D), float32, gives
                `action`, in the range of the action space and clipped to it, float32; discrete ones are int64.
            deterministic: Whether the action is the most likely one. Otherwise there is a second input, `noise`,
                float32: of A continuous numbers, shape (batch, A), standard normal; of discrete actions, one for
                each of the n values (of each choice), shape (batch, n), from the standard Gumbel distribution
                (`numpy.random.Generator.gumbel`); of A switches, shape (batch, A), from the standard logistic one.

        Raises:
            UserError: If the suffix is another, the extra is missing, the policy's operations cannot be exported,
                or the file cannot be written.
        """
        size = self.interface.observation_space.shape[0]
        inputs = {"observation": torch.zeros(2, size)}
        if not deterministic:
            inputs["noise"] = self._acting.noise((2,), None)
        export(SinglePrecision(self._acting), inputs, "action", path)

    @cached_property
    def _acting(self) -> Acting:
        return Acting(self.network, self.params, self.interface)

    @cached_property
    def _generator(self) -> torch.Generator:
        return seeded(None).generator

    def _collect(self, env: Any, episodes: int | None, randomness: Randomness) -> list[Episode]:
        settings = self.experiment.evaluation
        count = settings.adaptation_episodes or settings.episodes_per_task if episodes is None else episodes
        check_count("episodes", count)
        with blamed(self.experiment, evaluating=True):
            return collect(self._acting, env, count, randomness, self.experiment.sampling)

    def _adapted_on(self, episodes: list[Episode]) -> Self:
        estimator = self._estimator()
        loss = make_inner_loss(self.experiment.adaptation, self.network, estimator)
        rollouts, normalizer = to_rollouts(episodes, self._acting), self.interface.normalizer
        processed = process(rollouts, self.experiment.advantages, normalizer=normalizer)
        if bool(processed.explained_variance.isnan().all()):
            warnings.warn("adapt: the returns of all steps are the same: there is nothing to learn", stacklevel=3)
        return self._descended(TaskLosses(self.network, loss, processed.batch), estimator)
