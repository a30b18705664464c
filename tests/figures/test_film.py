import os
from dataclasses import replace

import gymnasium
import numpy as np
import pytest
import torch
from env_cases import IDS
from gymnasium.spaces import Box

from mamlrl.envs import TaskVectorEnv
from mamlrl.errors import TaskEnvError, UserError
from mamlrl.evaluation.build import evaluate
from mamlrl.experiments.policy import PolicyEvaluationConfig, PolicyExperiment
from mamlrl.figures import film as video
from mamlrl.figures.film import VideoConfig, film, filmed_env, frame_rate
from mamlrl.networks.build import PolicyConfig, make_policy
from mamlrl.sampling.build import EnvConfig
from mamlrl.sampling.settings import SamplingConfig

HORIZON = 10
STEPS = 2


class CountingEnv(TaskVectorEnv):
    """A sub-environment's picture is grey, as light as the number of its steps; the task says when it ends."""

    metadata = {**TaskVectorEnv.metadata, "render_fps": 20}  # noqa: RUF012

    def __init__(self, num_envs=1, *, horizon=HORIZON, render_mode=None):
        space = Box(-9, 9, (2,), np.float64)
        super().__init__(num_envs, space, space, Box(0, 99, (1,), np.float64), horizon, render_mode)
        self.counts = np.zeros(num_envs)
        self.actions = []

    def sample_tasks(self, rng, num_tasks):
        return np.arange(3.0, 3.0 + num_tasks)[:, None]

    def _start(self, chosen):
        self.counts[:] = 0
        self.actions = []

    def _advance(self, actions, running):
        self.actions.append(actions)
        self.counts += 1  # goes on after the end, for the camera to see it
        return np.full(self.num_envs, 1.0), self.counts >= self.tasks[:, 0]

    def _observe(self):
        return np.zeros((self.num_envs, 2))

    def _draw(self, index):
        return np.full((self.frame_size, self.frame_size, 3), 10 * self.counts[index], np.uint8)


class DivergingEnv(CountingEnv):
    """Episodes end in the third step, where the first diverges, which leaves a state that means nothing."""

    def _advance(self, actions, running):
        rewards, _ = super()._advance(actions, running)
        self.diverged[0] = self.counts[0] >= 3
        return rewards, self.counts >= 3


class PlainPage:
    """Keeps what it is given."""

    def __init__(self, size, title, rows, columns):
        self.texts = (title, rows, columns)

    def compose(self, pictures, captions):
        return [int(picture[0, 0, 0]) // 10 for picture in pictures], captions


@pytest.fixture
def plain_pages(monkeypatch):
    """Frames are what a page is composed of."""
    made = []
    monkeypatch.setattr(video, "Page", lambda *args, **kwargs: made.append(PlainPage(*args, **kwargs)) or made[-1])
    return made


@pytest.fixture(params=[CountingEnv, DivergingEnv])
def _fake(request):
    gymnasium.register(id="fake/Fake-v0", vector_entry_point=request.param)
    yield
    del gymnasium.registry["fake/Fake-v0"]


def config_of(name, **policy):
    return PolicyExperiment(
        env=EnvConfig(name, {"horizon": HORIZON}),
        policy=PolicyConfig(hidden_sizes=(4,), **policy),
        sampling=SamplingConfig(unit="transitions"),
        evaluation=PolicyEvaluationConfig(steps=STEPS, tasks=3, episodes_per_task=2),
    )


def record(config, shown):
    """Films an untrained policy; returns the frames, the returns, the evaluation and the environment."""
    frames = []
    with filmed_env(config, shown) as env:
        policy = make_policy(env.single_observation_space, env.single_action_space, config.policy)
        evaluation = evaluate(config, policy.init(torch.Generator().manual_seed(0)))
        returns = film(env, config, evaluation, shown, frames.append)
    return frames, returns, evaluation, env


counting = pytest.mark.parametrize("_fake", [CountingEnv], indirect=True)
diverging = pytest.mark.parametrize("_fake", [DivergingEnv], indirect=True)


# What a film shows


@counting
@pytest.mark.usefixtures("_fake")
def test_pictures_freeze_where_episodes_end(plain_pages):
    frames, returns, _, _ = record(config_of("fake/Fake-v0"), VideoConfig(tasks=(0, 2), max_fps=20))
    shown = np.array([pictures for pictures, _ in frames])
    steps = np.arange(6)[:, None]  # the longer episodes end after 5 steps; the last picture is held for a second
    expected = np.concatenate([np.minimum(steps, [3] * 3 + [5] * 3), np.full((20, 6), [3] * 3 + [5] * 3)])
    np.testing.assert_array_equal(shown, expected)
    np.testing.assert_array_equal(returns, [[3] * 3, [5] * 3])


@counting
@pytest.mark.usefixtures("_fake")
def test_steps_that_are_left_out_are_left_out_evenly_and_ends_are_shown(plain_pages):
    frames, *_ = record(config_of("fake/Fake-v0"), VideoConfig(tasks=(1, 2), max_fps=7))  # every third step
    shown = np.array([pictures for pictures, _ in frames])[:, [0, -1]]  # episodes of 4 and 5 steps
    np.testing.assert_array_equal(shown, [[0, 0], [3, 3], *[[4, 5]] * 7])


@diverging
@pytest.mark.usefixtures("_fake")
def test_simulations_that_diverge_freeze_before(plain_pages):
    frames, *_ = record(config_of("fake/Fake-v0"), VideoConfig(max_fps=20))
    shown = np.array([pictures for pictures, _ in frames])[:, 0]
    np.testing.assert_array_equal(shown, [0, 1, 2] + [2] * 21)


@counting
@pytest.mark.usefixtures("_fake")
def test_texts_tell_the_task_the_steps_and_the_returns(plain_pages):
    frames, *_ = record(config_of("fake/Fake-v0"), VideoConfig(tasks=(1, 2), max_fps=20))
    assert plain_pages[0].texts == ("fake/Fake-v0", ["task 1: task 4.00", "task 2: task 5.00"], STEPS + 1)
    assert [captions[0] for _, captions in frames[:6]] == [
        ("before adaptation", f"return {step:.1f} (mean 4.0)") for step in (0, 1, 2, 3, 4, 4)
    ]
    assert frames[-1][1][3:] == [
        ("before adaptation", "return 5.0 (mean 5.0)"),
        ("after 1 step", "return 5.0 (mean 5.0)"),
        ("after 2 steps", "return 5.0 (mean 5.0)"),
    ]


@counting
@pytest.mark.usefixtures("_fake")
def test_each_picture_shows_the_policy_adapted_to_its_task_by_its_number_of_steps():
    config = config_of("fake/Fake-v0", initial_std=1e-4)
    config = replace(config, sampling=replace(config.sampling, rescale_actions=False))
    config = replace(config, adaptation=replace(config.adaptation, step_size=1e-5))
    shown = VideoConfig(tasks=(2, 0))
    _, _, evaluation, env = record(config, shown)
    policy = make_policy(env.single_observation_space, env.single_action_space, config.policy)
    means = [
        policy(params[[2, 0]], torch.zeros(2, 1, 2))[:, 0, :2]
        for params in evaluation.adapted.adaptation.trajectory
    ]
    expected = torch.stack(means, dim=1).flatten(0, 1).numpy()
    assert np.ptp(expected, axis=0).min() > 0.01
    np.testing.assert_allclose(env.actions[0], expected, atol=1e-3)


@counting
@pytest.mark.usefixtures("_fake")
def test_one_seed_gives_one_film():
    config, actions = config_of("fake/Fake-v0"), []
    for seed in (0, 0, 1):
        *_, env = record(config, VideoConfig(episode_seed=seed))
        actions.append(np.array(env.actions))
    np.testing.assert_array_equal(actions[0], actions[1])
    assert not np.array_equal(actions[0], actions[2])


@pytest.mark.parametrize(
    ("speed", "max_fps", "rate"), [(1, 25, 20), (1, 20, 20), (1, 19, 10), (2, 25, 20), (0.5, 25, 10), (10, 25, 25)]
)
def test_a_film_is_in_real_time_times_the_speed(speed, max_fps, rate):
    assert frame_rate(CountingEnv(), VideoConfig(speed=speed, max_fps=max_fps)) == rate


def draw(monkeypatch, make_picture):
    """Lets `CountingEnv` draw other pictures, made of light between 0 and 255."""
    monkeypatch.setattr(CountingEnv, "_draw", lambda self, index: make_picture(10 * self.counts[index]))


@counting
@pytest.mark.usefixtures("_fake")
@pytest.mark.parametrize("collection", [tuple, list])
def test_pictures_of_any_size_are_shown_whole_whether_in_a_tuple_or_a_list(monkeypatch, collection):
    """Two thirds as high as wide, with a dark edge all around; the middle becomes lighter."""

    def edged(light):
        picture = np.zeros((400, 600, 3), np.uint8)
        picture[20:-20, 20:-20] = 100 + light
        return picture

    draw(monkeypatch, edged)
    render = TaskVectorEnv.render
    monkeypatch.setattr(CountingEnv, "render", lambda self: collection(render(self)))
    frames, *_ = record(config_of("fake/Fake-v0"), VideoConfig(size=60))
    column = frames[2][:, 34, 0]  # through the middle of the first picture
    edge = np.flatnonzero(column < 20)
    assert edge.max() - edge.min() + 1 == 40
    assert column[edge.min() + 20] == 120


@counting
@pytest.mark.usefixtures("_fake")
@pytest.mark.parametrize(
    ("make_picture", "words"),
    [
        (lambda light: np.full((32, 32), light, np.uint8), r"shape \(32, 32\) and type uint8"),
        (lambda light: np.full((32, 32, 4), light, np.uint8), r"shape \(32, 32, 4\) and type uint8"),
        (lambda light: np.full((32, 32, 3), light), r"shape \(32, 32, 3\) and type float64"),
        (lambda light: np.full((32, 32, 3), light, np.uint16), r"shape \(32, 32, 3\) and type uint16"),
        (lambda light: np.zeros((0, 32, 3), np.uint8), r"shape \(0, 32, 3\) and type uint8"),
        (lambda light: [[[0, 0, 0]] * 32] * 30, "a list of 30"),
        (lambda light: None, "type NoneType"),
    ],
)
def test_pictures_of_other_kinds_are_refused_by_name(monkeypatch, make_picture, words):
    draw(monkeypatch, make_picture)
    with (
        pytest.raises(UserError, match=f"fake/Fake-v0.*{words}; expected pictures of shape"),
        filmed_env(config_of("fake/Fake-v0"), VideoConfig()),
    ):
        pass


@pytest.mark.parametrize("env_id", IDS)
def test_every_environment_can_be_filmed(env_id):
    if "Navigation" not in env_id and os.environ.get("MUJOCO_GL") not in ("egl", "osmesa"):
        pytest.skip("MuJoCo has nothing here to draw with")
    frames, returns, evaluation, env = record(config_of(env_id), VideoConfig(size=32, tasks=(1,)))
    speed = env.metadata["render_fps"] / frame_rate(env, VideoConfig())
    shown = 1 + int(HORIZON // speed)
    assert len(frames) == shown + round(frame_rate(env, VideoConfig()))
    assert len({frame.shape for frame in frames}) == 1
    assert not np.array_equal(frames[0], frames[-1])
    assert np.isfinite(returns).all()
    np.testing.assert_array_equal(env.tasks, np.repeat(evaluation.tasks[[1]], STEPS + 1, axis=0))


# What cannot be filmed


@counting
@pytest.mark.usefixtures("_fake")
@pytest.mark.parametrize("tasks", [(3,), (0, 3), ()])
def test_tasks_that_there_are_not(tasks):
    with (
        pytest.raises(UserError, match=r"tasks.*0 to 2"),
        filmed_env(config_of("fake/Fake-v0"), VideoConfig(tasks)),
    ):
        pass


@counting
@pytest.mark.usefixtures("_fake")
def test_environments_that_fail_to_draw(monkeypatch):
    closed = []
    monkeypatch.setattr(CountingEnv, "close_extras", lambda self, **kwargs: closed.append(self))
    errors = [
        (NotImplementedError(), "NotImplementedError"),
        (RuntimeError("no screen"), "RuntimeError: no screen"),
        (OSError("no device"), "OSError: no device"),
        (SystemExit("no drawing"), "SystemExit: no drawing"),
    ]
    for error, words in errors:

        def fail(self, index, error=error):
            raise error

        monkeypatch.setattr(CountingEnv, "_draw", fail)
        with (
            pytest.raises(UserError, match=f"fake/Fake-v0 cannot be drawn: render raised {words}"),
            filmed_env(config_of("fake/Fake-v0"), VideoConfig()),
        ):
            pass
    assert len(closed) == len(errors)


@counting
@pytest.mark.usefixtures("_fake")
@pytest.mark.parametrize("method", ["render", "describe_task", "step", "close_extras"])
@pytest.mark.parametrize("error", [OSError("gone"), SystemExit(0)], ids=str)
def test_environments_that_fail_while_they_are_filmed(monkeypatch, method, error):
    calls = []
    whole = getattr(CountingEnv, method)

    def fail(self, *args, **kwargs):
        if self.render_mode == "rgb_array" and (method != "render" or len(calls) > 1):
            raise error
        calls.append(method)
        return whole(self, *args, **kwargs)

    monkeypatch.setattr(CountingEnv, method, fail)
    name = method.removesuffix("_extras")
    words = f"environment fake/Fake-v0: {name} raised {type(error).__name__}: {error}"
    with pytest.raises(TaskEnvError, match=words):
        record(config_of("fake/Fake-v0"), VideoConfig())


@counting
@pytest.mark.usefixtures("_fake")
def test_environments_without_pictures(monkeypatch):
    monkeypatch.setattr(CountingEnv, "metadata", {**CountingEnv.metadata, "render_modes": []})
    with (
        pytest.raises(UserError, match=r"fake/Fake-v0 cannot be drawn: .*render mode"),
        filmed_env(config_of("fake/Fake-v0"), VideoConfig()),
    ):
        pass


@counting
@pytest.mark.usefixtures("_fake", "plain_pages")
@pytest.mark.parametrize("deterministic", [True, False])
def test_a_deterministic_evaluation_is_filmed_as_it_acts(deterministic):
    config = config_of("fake/Fake-v0")
    evaluation = replace(config.evaluation, deterministic=deterministic)
    seen = []
    for seed in (0, 1):
        _, _, found, env = record(replace(config, evaluation=evaluation), VideoConfig(episode_seed=seed))
        seen.append(np.array(env.actions))
    assert np.array_equal(*seen) == deterministic
    if deterministic:
        first = torch.stack([rollouts.actions[0, 0, 0] for rollouts in found.reported])  # of the task shown
        np.testing.assert_allclose(seen[0][0], 9 * first.numpy(), rtol=1e-4)  # the bounds of the space are +-9
