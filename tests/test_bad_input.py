"""Bad input: one line on stderr that names the culprit, status 2, nothing written."""

import errno
import json
import os
import pickle
import random
import re
import shutil
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium.spaces import Box, Dict, Discrete, MultiBinary, MultiDiscrete
from programs import TINY, deterministic_rows, run, start
from tensorboard.summary.writer.record_writer import RecordWriter

from mamlrl.envs import TaskVectorEnv
from mamlrl.runs.checkpoints import FORMAT_VERSION, load_checkpoint
from mamlrl.runs.training import best_checkpoint, latest_checkpoint

PLANE = Box(-20, 20, (2,), np.float64)
ONE = [*TINY, "--iterations=1"]
IMAML = ["--adaptation.estimator=imaml", "--adaptation.loss=likelihood_ratio", "--adaptation.proximal.weight=2"]
COMPARE = [*TINY, "--adaptation.proximal.weight=100", "--output=c"]
SAVED = "--checkpoint=good/checkpoints/best.pt"
HUGE = 2**64  # more than a generator takes for a seed


class FakeEnv(TaskVectorEnv):
    """A point that actions move, rewarded for being where the task says; subclasses break it."""

    observations, actions = PLANE, Box(-1, 1, (2,), np.float64)

    def __init__(self, num_envs=1, *, horizon=10, render_mode=None):
        task_space = Box(-1, 1, (2,), np.float64)
        super().__init__(num_envs, self.observations, self.actions, task_space, horizon, render_mode)
        self.points = np.zeros((num_envs, 2))
        self.resets = 0

    def sample_tasks(self, rng, num_tasks):
        return rng.uniform(-1, 1, (num_tasks, 2))

    def _start(self, chosen):
        self.points[chosen] = 0
        self.resets += 1

    def _advance(self, actions, running):
        self.points += np.clip(actions, -1, 1) * running[:, None]
        return -np.abs(self.points - self.tasks).sum(axis=1), np.zeros(self.num_envs, dtype=np.bool_)

    def _observe(self):
        return self.points.copy()

    def _draw(self, index):
        raise NotImplementedError


class SpatialEnv(FakeEnv):
    """The same with a third coordinate, and so with other parameters than 2D navigation."""

    observations = Box(-20, 20, (3,), np.float64)

    def _observe(self):
        return np.pad(self.points, [(0, 0), (0, 1)])


class BreakingEnv(FakeEnv):
    """Returns a number that is not finite from the third meta-iteration on, for task 1, episode 2."""

    what, value = "reward", np.nan
    broken_after = 4  # resets: two rollouts an iteration

    def _advance(self, actions, running):
        rewards, terminated = super()._advance(actions, running)
        if self.what == "reward" and self.resets > self.broken_after:
            rewards[5] = self.value
        return rewards, terminated

    def _observe(self):
        points = super()._observe()
        if self.what == "observation" and self.resets > self.broken_after:
            points[5, 0] = self.value
        return points


def snapshot(folder):
    """Everything in a folder."""
    return {path: path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}


@pytest.fixture(autouse=True)
def _inside(tmp_path, monkeypatch):
    """Relative paths lie in the test's folder."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def refused(tmp_path, capsys):
    """Runs a program that must refuse its input before it starts to work."""

    def check(program, *arguments, words=(), printed=""):
        before = snapshot(tmp_path)
        capsys.readouterr()
        assert run(program, *arguments) == 2
        output, error = capsys.readouterr()
        assert re.fullmatch(r"mamlrl: [^\r\n]+\n", error)
        for word in words:
            assert str(word) in error
        assert re.fullmatch(printed, output, flags=re.DOTALL)
        assert snapshot(tmp_path) == before

    return check


@pytest.fixture
def stopped(capsys):
    """Runs a training that must stop with one line below its progress bar."""

    def check(*arguments, words=()):
        capsys.readouterr()
        assert run("train", *arguments) == 2
        output, error = capsys.readouterr()
        lines = [line for line in error.splitlines() if line and not re.search(r"\d+%\|.*(it/s|s/it)", line)]
        assert len(lines) == 1, error
        assert lines[0].startswith("mamlrl: ")
        assert error.endswith(f"{lines[0]}\n")
        for word in words:
            assert str(word) in lines[0]
        assert output == ""

    return check


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained") / "good"
    assert run("train", *TINY, "--iterations=2", "--output", folder) == 0
    return folder


@pytest.fixture
def good(trained, tmp_path):
    """A run of two meta-iterations, for a test to spoil."""
    shutil.copytree(trained, tmp_path / "good")
    return tmp_path / "good"


@pytest.fixture
def register():
    """Registers environments; returns the options that choose one, small enough for tests."""
    names = []

    def add(env_class, name="fake/Fake-v0"):
        gymnasium.register(id=name, vector_entry_point=env_class)
        names.append(name)
        return [*TINY, f"--env.id={name}", '--env.kwargs={"horizon": 10}']

    yield add
    for name in names:
        del gymnasium.registry[name]


# Options


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ("--config=nonsense", ["nonsense", "navigation2d"]),
        ("--config=none/nonsense.yaml", ["none/nonsense.yaml", "navigation2d"]),
        ("--config=/", ["config /", "navigation2d"]),
        ("--meta_batch_sise=3", ["--meta_batch_sise", "did you mean meta_batch_size?"]),
        ("--trust_region.max_k=3", ["--trust_region.max_k", "did you mean trust_region.max_kl?"]),
        ("--trustregion.max_kl=3", ["--trustregion.max_kl", "did you mean trust_region.max_kl?"]),
        ("--max_kl=0.1", ["--max_kl", "did you mean trust_region.max_kl?"]),
        ("--env.kwarg.horizon=3", ["--env.kwarg.horizon", "did you mean env.kwargs?"]),
        ('--trust_region={"max_kll": 3}', ["trust_region", "max_kll", "did you mean trust_region.max_kl?"]),
        ("surplus", ["surplus"]),
        ("--meta_batch_size=abc", ["meta_batch_size", "abc"]),
        ("--meta_batch_size=2.5", ["meta_batch_size", "2.5"]),
        ("--meta_batch_size=0", ["meta_batch_size", "0", "> 0"]),
        ("--meta_batch_size=null", ["meta_batch_size"]),
        ("--meta_batch_size=", ["meta_batch_size"]),
        ("--adaptation.steps=0", ["adaptation.steps", "0", "> 0"]),
        ("--adaptation.step_size=-1", ["adaptation.step_size", "-1", ">= 0"]),
        ("--adaptation.step_size=nan", ["adaptation.step_size", "nan"]),
        ("--adaptation.step_size=inf", ["adaptation.step_size", "inf"]),
        ("--adaptation.step_size=big", ["adaptation.step_size", "big"]),
        ("--adaptation.estimator=reptile", ["adaptation.estimator", "reptile", "maml", "first_order"]),
        ("--adaptation.estimator=imaml", ["adaptation.proximal.weight", "above 0", "0.0"]),
        (
            '--adaptation={"estimator": "imaml", "proximal": {"weight": 2}}',
            ["adaptation.loss", "reinforce", "imaml", "likelihood_ratio"],
        ),
        ("--adaptation.gradient_steps=2", ["adaptation.loss", "gradient_steps 2", "likelihood_ratio"]),
        ("--adaptation.proximal.learned=true", ["adaptation.estimator", "maml", "proximal.learned", "imaml does"]),
        ("--adaptation.proximal.weight=-1", ["adaptation.proximal.weight", "-1", ">= 0"]),
        ("--adaptation.adapted=context", ["adaptation.adapted", "context", "policy.context_size"]),
        ("--outer_optimizer=sgd", ["outer_optimizer", "sgd", "trust_region", "adam", "promp"]),
        ("--advantages.discount=1.5", ["advantages.discount", "1.5", "<= 1"]),
        ("--advantages.gae_lambda=-0.1", ["advantages.gae_lambda", "-0.1", ">= 0"]),
        ("--trust_region.curvature_fraction=0", ["trust_region.curvature_fraction", "0", "> 0"]),
        ("--trust_region.curvature_fraction=1.1", ["trust_region.curvature_fraction", "1.1", "<= 1"]),
        ("--trust_region.max_kl=0", ["trust_region.max_kl", "> 0"]),
        ("--trust_region=3", ["trust_region", "3"]),
        ("--policy=null", ["policy", "null"]),
        ("--policy.hidden_sizes=[0]", ["policy.hidden_sizes", "0", "> 0"]),
        ("--policy.hidden_sizes=8", ["policy.hidden_sizes", "8"]),
        ("--policy.activation=elu", ["policy.activation", "elu", "relu", "tanh"]),
        ("--policy.initial_std=0", ["policy.initial_std", "> 0"]),
        ("--sampling.unit=steps", ["sampling.unit", "steps", "episodes", "transitions"]),
        ("--sampling.rescale_actions=maybe", ["sampling.rescale_actions", "maybe"]),
        ("--evaluation.tasks=0", ["evaluation.tasks", "0", "> 0"]),
        ("--evaluation.first_step_size=-1", ["evaluation.first_step_size", "-1", ">= 0"]),
        ("--seed=-1", ["seed", "-1", ">= 0"]),
        (f"--seed={HUGE}", ["seed", HUGE]),
        ("--device=nonsense", ["device", "nonsense", "cpu"]),
        ("--device=mps", ["device", "mps", "cpu"]),
        ("--device=meta", ["device", "meta", "cpu"]),
        ("--device=cuda:99", ["device", "cuda:99", "cpu"]),
        pytest.param(
            "--device=cuda",
            ["device", "cuda", "cpu"],
            marks=pytest.mark.skipif(torch.cuda.is_available(), reason="CUDA is here"),
        ),
        ("--env.id=mamlrl/Navigation-v0", ["mamlrl/Navigation-v0", "did you mean mamlrl/Navigation2D-v0?"]),
        ("--env.id=Navigation2D-v0", ["env.id", "did you mean mamlrl/Navigation2D-v0?"]),
        ("--env.id=nonsense", ["env.id", "nonsense", "did you mean mamlrl/"]),
        ("--env.id=no_such_module:Nav-v0", ["env.id", "no_such_module:Nav-v0", "PYTHONPATH"]),
        ("--env.id=not an id", ["env.id", "not an id"]),
        ("--env.id=", ["env.id"]),
        ("--env.id=CartPole-v1", ["env.id", "CartPole-v1", "not a task environment", "mamlrl/Navigation2D-v0"]),
        ("--env.id=Pendulum-v1", ["env.id", "Pendulum-v1", "mamlrl/Navigation2D-v0"]),
        ("--env.kwargs=3", ["env.kwargs", "3"]),
        ("--env.kwargs.horizont=3", ["env.kwargs", "mamlrl/Navigation2D-v0", "'horizont'; did you mean horizon?"]),
        ("--env.kwargs.nonsense=3", ["env.kwargs", "mamlrl/Navigation2D-v0", "argument 'nonsense'"]),
        ("--env.kwargs.horizon=true", ["env.kwargs", "horizon must be", "got True"]),
        ("--env.kwargs.render_mode=human", ["env.kwargs", "render_mode"]),
        ("--env.kwargs.horizon=0", ["env.kwargs", "horizon must be", "got 0"]),
        ("--env.kwargs.horizon=2.5", ["env.kwargs", "horizon must be", "got 2.5"]),
        ("--env.kwargs.horizon=abc", ["env.kwargs", "horizon must be", "got abc"]),
        ("--env.kwargs.goal_range=-1", ["env.kwargs", "goal_range must be", "above 0", "got -1"]),
        ("--env.kwargs.goal_range=abc", ["env.kwargs", "goal_range must be", "got abc"]),
        ("--env.kwargs.distance=manhattan", ["env.kwargs", "distance must be", "got 'manhattan'"]),
        ("--env.kwargs.num_envs=3", ["env.kwargs", "num_envs"]),
    ],
)  # fmt: skip
def test_options(refused, option, words):
    refused("train", *ONE, option, "--output=run", words=words)


@pytest.mark.parametrize(
    ("program", "arguments", "words"),
    [
        ("train", [], ["output"]),
        ("train", ["--output"], ["output"]),
        ("train", ["--config", "--output=run"], ["--config"]),
        ("evaluate", [], ["checkpoints"]),
        ("evaluate", ["good", "--evaluation.step=3"], ["did you mean evaluation.steps?"]),
        ("evaluate", ["good", "--evaluation.steps=-1"], ["evaluation.steps", "-1"]),
        ("evaluate", ["good", f"--evaluation.seed={HUGE}"], ["evaluation.seed", HUGE]),
        ("evaluate", ["good", "--device=nonsense"], ["device", "nonsense"]),
        ("evaluate", ["good", "--env.kwargs.horizon=0"], ["env.kwargs", "horizon must be", "got 0"]),
        ("evaluate", ["good", "none"], ["no checkpoint at none"]),
        ("evaluate", ["good", *IMAML, "--evaluation.later_step_factor=0"], ["later_step_factor", "imaml"]),
        ("evaluate", ["good", *IMAML, "--evaluation.first_step_size=1"], ["evaluation.first_step_size"]),
        ("compare", ["--adaptation.proximal.weight=1"], ["output"]),
        ("compare", ["--output=c"], ["adaptation.proximal.weight", "above 0"]),
        ("compare", [*COMPARE, "--estimators=maml,reptile"], ["estimators", "reptile", "first_order", "imaml"]),
        ("compare", [*COMPARE, "--estimators="], ["estimators", "first_order", "imaml"]),
        ("compare", [*COMPARE, "--inner_steps=0,1"], ["inner_steps", "0,1"]),
        ("compare", [*COMPARE, "--inner_steps=-1"], ["inner_steps", "-1"]),
        ("compare", [*COMPARE, "--inner_steps=1.5"], ["inner_steps", "1.5"]),
        ("compare", [*COMPARE, "--cg_steps=1,x"], ["cg_steps", "1,x"]),
        ("compare", [*COMPARE, "--repeats=0"], ["repeats", "0"]),
        ("compare", [*COMPARE, "--adaptation.learned_step_size=one"], ["adaptation.learned_step_size", "fixed"]),
        ("compare", [*COMPARE, "--adaptation.proximal.learned=true"], ["adaptation.proximal.learned", "fixed"]),
        ("compare", [*COMPARE, "--checkpoint=none.pt"], ["no checkpoint at none.pt"]),
        ("compare", [*COMPARE, SAVED, "--policy.hidden_sizes=[4]"], ["(44,)", "(24,)"]),
        ("compare", [*COMPARE, "--output=good/config.yaml"], ["good/config.yaml"]),
        ("compare", [*COMPARE, "--adaptation.proximal.weight=1e-6"], ["adaptation.proximal.weight", "raise"]),
        ("plot", [], ["figure", "output"]),
        ("plot", ["curves", "good"], ["output"]),
        ("plot", ["pie", "good", "--output=x.png"], ["figure", "pie", "curves", "adaptation", "paths"]),
        ("plot", ["paths", "good", "--outputs=x.png"], ["--outputs", "output"]),
        ("video", ["--output=x.gif"], ["checkpoint"]),
        ("video", ["good"], ["output"]),
        ("video", ["none", "--output=x.gif"], ["no checkpoint at none"]),
        ("video", ["good", "--output=x.avi"], ["x.avi", "suffix", ".mp4", ".gif"]),
        ("video", ["good", "--output=new/x"], ["new/x", "suffix", ".mp4", ".gif"]),
        ("video", ["good", "--output=x.gif", "--tasks", "3"], ["held-out tasks 0 to 2", "[3]"]),
        ("video", ["good", "--output=x.gif", "--tasks", "-1"], ["tasks", "-1", ">= 0"]),
        ("video", ["good", "--output=x.gif", "--tasks"], ["tasks"]),
        ("video", ["good", "--output=x.gif", "--size=31"], ["size", "31", ">= 32"]),
        ("video", ["good", "--output=x.gif", "--size=2049"], ["size", "2049", "<= 2048"]),
        ("video", ["good", "--output=x.gif", "--speed=0"], ["speed", "0", ">= 0.01"]),
        ("video", ["good", "--output=x.gif", "--max_fps=nan"], ["max_fps", "nan"]),
        ("video", ["good", "--output=x.gif", "--episode_seed=-1"], ["episode_seed", "-1"]),
        ("video", ["good", "--output=x.gif", "--fps=3"], ["--fps", "did you mean max_fps?"]),
        ("benchmark", ["--repeats=0"], ["repeats", "0"]),
        ("benchmark", ["--repeat=3"], ["--repeat", "did you mean repeats?"]),
        ("benchmark", ["--env.id=nonsense"], ["env.id", "nonsense"]),
    ],
)  # fmt: skip
def test_arguments_of_each_program(refused, good, program, arguments, words):
    refused(program, *arguments, words=words)


BODY = ["--meta_batch_size=2", "--sampling.episodes_per_task=2", "--env.kwargs.horizon=3", "--iterations=1"]


@pytest.mark.parametrize(
    ("config", "option", "words"),
    [
        (
            "half_cheetah_velocity",
            "family=gym",
            ["family must be one of rllab, gymnasium", "mean gymnasium?"],
        ),
        ("ant_goal", "family=[1]", ["family must be", "got [1]"]),
        ("ant_goal", "famly=rllab", ["mamlrl/AntGoal-v0", "'famly'; did you mean family?"]),
        ("ant_goal", "goal=3", ["mamlrl/AntGoal-v0", "'goal'; did you mean goal_range?"]),
        ("ant_goal", "task=3", ["mamlrl/AntGoal-v0", "'task'"]),
        ("ant_goal", "goal_range=abc", ["goal_range must be", "got abc"]),
        ("ant_goal", "goal_range=1e300", ["goal_range must be", "below 1e+09", "got 1e+300"]),
        ("ant_goal", "ctrl_cost_weight=-1", ["ctrl_cost_weight must be", "at least 0", "got -1"]),
        ("ant_goal", "contact_cost_weight=abc", ["contact_cost_weight must be", "got abc"]),
        ("ant_goal", "healthy_reward=-1", ["healthy_reward must be", "at least 0", "got -1"]),
        ("half_cheetah_velocity", "healthy_reward=1", ["'healthy_reward'"]),
        ("ant_goal", "num_threads=1.5", ["num_threads must be", "at least 0", "got 1.5"]),
        ("ant_parameters", "max_factor=1", ["max_factor must be", "above 1", "got 1"]),
        ("ant_parameters", "max_factor=null", ["max_factor must be", "got None"]),
        ("ant_velocity", "velocity_range=[0, fast]", ["velocity_range must be", "got [0, 'fast']"]),
        ("ant_velocity", "velocity_range={low: 1}", ["velocity_range must be", "got {'low': 1}"]),
        ("ant_velocity", "velocity_range=[-1e308, 1e308]", ["velocity_range must be", "1e+09"]),
    ],
)
def test_arguments_of_bodies(refused, config, option, words):
    words = ["env.kwargs", *words]
    refused("train", f"--config={config}", *BODY, f"--env.kwargs.{option}", "--output=run", words=words)


# Config files


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("meta_batch_sise: 3\n", ["config.yaml", "meta_batch_sise", "did you mean meta_batch_size?"]),
        ("trust_region:\n  max_k: 3\n", ["config.yaml", "max_k", "did you mean trust_region.max_kl?"]),
        ("trust_regio:\n  max_kl: 3\n", ["config.yaml", "trust_regio", "did you mean trust_region.max_kl?"]),
        ("seed: 3\nmeta_batch_size: 2\nseed: 4\n", ["config.yaml", "line 3", "seed", "line 1"]),
        ("policy:\n  min_std: 1\n  min_std: 1\n", ["config.yaml", "line 3", "policy.min_std", "line 2"]),
        ("env:\n  kwargs: {a: [{b: 1}, {b: 1, b: 2}]}\n", ["config.yaml", "line 2", "env.kwargs.a.1.b"]),
        ("policy.min_std: 1\npolicy:\n  min_std: 1\n", ["config.yaml", "line 3", "policy.min_std", "line 1"]),
        ("policy: &alias\n  min_std: *alias\n", ["config.yaml", "alias"]),
        ("env:\n  kwargs: {a: &alias [*alias]}\n", ["config.yaml", "alias"]),
        ("3: 4\n", ["config.yaml", "3"]),
        ("meta_batch_size: abc\n", ["config.yaml", "meta_batch_size", "abc"]),
        ("meta_batch_size: true\n", ["config.yaml", "meta_batch_size"]),
        ("meta_batch_size: null\n", ["meta_batch_size"]),
        ("device: null\n", ["device"]),
        ("policy:\n  hidden_sizes: null\n", ["policy.hidden_sizes"]),
        ("env:\n  kwargs: null\n", ["env.kwargs"]),
        ("trust_region: 3\n", ["trust_region"]),
        ("trust_region: [1, 2]\n", ["trust_region"]),
        ("trust_region: null\n", ["trust_region"]),
        ("adaptation:\n  step_size: -1\n", ["config.yaml", "adaptation.step_size", "-1"]),
        ("adaptation:\n  step_size: .nan\n", ["config.yaml", "adaptation.step_size", "nan"]),
        ("adaptation:\n  step_size: .inf\n", ["config.yaml", "adaptation.step_size", "inf"]),
        (f"seed: {HUGE}\n", ["seed", HUGE]),
        ("env: [1, 2\n", ["config.yaml", "line 2"]),
        ("env:\n\tid: x\n", ["config.yaml", "line 2"]),
        ("a: b: c\n", ["config.yaml", "line 1"]),
        ("seed: *alias\n", ["config.yaml", "alias"]),
        ("seed: !!python/object/apply:os.getpid []\n", ["config.yaml", "tag"]),
        ("", ["config.yaml", "empty"]),
        ("# nothing\n", ["config.yaml"]),
        ("null\n", ["config.yaml"]),
        ("- 1\n- 2\n", ["config.yaml"]),
        ("3\n", ["config.yaml"]),
        ("text\n", ["config.yaml"]),
        (b"env:\n  id: caf\xe9\n", ["config.yaml", "utf-8"]),
        (b"\xff\xfe\x00", ["config.yaml", "utf-8"]),
        (b"\0\0\0", ["config.yaml"]),
        (bytes(range(256)), ["config.yaml", "utf-8"]),
    ],
)
def test_config_files(refused, text, words):
    Path("config.yaml").write_bytes(text if isinstance(text, bytes) else text.encode())
    refused("train", "--config=config.yaml", "--iterations=1", "--output=run", words=words)


# Environments


def test_an_environment_without_tasks(refused):
    Path("config.yaml").write_text("env:\n  id: CartPole-v1\n")
    words = ["env.id", "CartPole-v1", "not a task environment", "mamlrl/Navigation2D-v0"]
    refused("train", "--config=config.yaml", "--output=run", words=words)


@pytest.mark.parametrize(
    ("spaces", "words"),
    [
        ({"observations": Box(0, 255, (8, 8, 3), np.uint8)}, ["observations", "(8, 8, 3)", "flatten_space"]),
        ({"observations": Dict(position=PLANE)}, ["observations", "Dict", "flatten_space"]),
        ({"observations": Discrete(5)}, ["observations", "Discrete(5)", "flatten_space"]),
        ({"observations": Box(-1, 1, (0,), np.float64)}, ["observations", "(0,)"]),
        ({"actions": MultiDiscrete([2, 3])}, ["action", "MultiDiscrete([2 3])", "Box", "Discrete"]),
        ({"actions": MultiBinary(3)}, ["action", "MultiBinary(3)", "Box", "Discrete"]),
        ({"actions": Discrete(3, start=1)}, ["action", "Discrete(3, start=1)"]),
        ({"actions": Box(-1, 1, (2, 2), np.float64)}, ["action", "(2, 2)"]),
    ],
    ids=str,
)
def test_spaces_that_no_policy_serves(refused, register, spaces, words):
    options = register(type("OtherEnv", (FakeEnv,), spaces))
    refused("train", *options, "--iterations=1", "--output=run", words=words)


# Checkpoints


def rewritten(**values):
    """Changes the content of a checkpoint; None leaves a part out."""

    def change(path):
        content = {**torch.load(path, weights_only=True), **values}
        torch.save({name: value for name, value in content.items() if value is not None}, path)

    return change


def with_config(**values):
    def change(path):
        rewritten(config={**torch.load(path, weights_only=True)["config"], **values})(path)

    return change


def with_state(**values):
    def change(path):
        state = {**torch.load(path, weights_only=True)["state"], **values}
        rewritten(state={name: value for name, value in state.items() if value is not None})(path)

    return change


def cut(*, keep=None, drop=None):
    def change(path):
        data = path.read_bytes()
        path.write_bytes(data[: keep if drop is None else len(data) - drop])

    return change


def holding(data):
    return lambda path: path.write_bytes(data)


class Malicious:
    """Creates a file when it is unpickled."""

    def __reduce__(self):
        return open, ("created.txt", "w")


def malicious_pickle(protocol):
    return lambda path: path.write_bytes(pickle.dumps(Malicious(), protocol))


def malicious_archive(path):
    torch.save({"format": "mamlrl checkpoint", "format_version": 1, "state": Malicious()}, path)


def malicious_old_archive(path):
    content = {"format": "mamlrl checkpoint", "format_version": 1, "state": Malicious()}
    torch.save(content, path, _use_new_zipfile_serialization=False)


def flipped(path):
    """Flips a bit in the parameters."""
    data = bytearray(path.read_bytes())
    data[data.index(torch.load(path, weights_only=True)["state"]["params"].numpy().tobytes()) + 20] ^= 4
    path.write_bytes(data)


DAMAGES = {
    "missing": (Path.unlink, ["no checkpoint at"]),
    "empty": (holding(b""), ["damaged"]),
    "cut after 1": (cut(keep=1), ["damaged"]),
    "cut after 50": (cut(keep=50), ["damaged"]),
    "cut after 1000": (cut(keep=1000), ["damaged"]),
    "last 1000 cut": (cut(drop=1000), ["damaged"]),
    "last byte cut": (cut(drop=1), ["damaged"]),
    "a bit flipped": (flipped, ["damaged", "checksum"]),
    "random": (holding(random.Random(2).randbytes(500)), ["not a"]),
    "text": (holding(b"hello world\nthis is no checkpoint\n"), ["not a"]),
    "YAML": (holding(b"seed: 3\n"), ["not a"]),
    "another version": (
        rewritten(format_version=FORMAT_VERSION + 1, mamlrl_version="99.1"),
        [f"format {FORMAT_VERSION + 1}", "mamlrl 99.1", f"reads format {FORMAT_VERSION}", "train again"],
    ),
    "no mark": (rewritten(format=None), ["not a mamlrl checkpoint"]),
    "a tensor": (lambda path: torch.save(torch.zeros(3), path), ["not a mamlrl checkpoint"]),
    "a state dict": (
        lambda path: torch.save(torch.nn.Linear(2, 2).state_dict(), path),
        ["not a mamlrl checkpoint"],
    ),
    "fewer parameters": (with_state(params=torch.zeros(5)), ["(5,)", "(44,)"]),
    "no parameters": (with_state(params=None), ["damaged"]),
    "text for parameters": (with_state(params="text"), ["damaged"]),
    "no state": (rewritten(state=None), ["damaged"]),
    "no config": (rewritten(config=None), ["damaged"]),
    "text for a config": (rewritten(config="text"), ["damaged"]),
    "config with a bad value": (with_config(meta_batch_size=-3), ["meta_batch_size", "-3"]),
    "config with a missing value": (with_config(device=None), ["device"]),
    "config with an unknown key": (with_config(meta_batch_sise=3), ["meta_batch_sise", "meta_batch_size"]),
    "config with a number for a part": (with_config(trust_region=3), ["trust_region"]),
    "pickle with code": (malicious_pickle(2), ["not a mamlrl checkpoint"]),
    "pickle with code, protocol 4": (malicious_pickle(4), ["not a mamlrl checkpoint"]),
    "archive with code": (malicious_archive, ["not a mamlrl checkpoint"]),
    "old archive with code": (malicious_old_archive, ["not a mamlrl checkpoint"]),
}


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize(
    ("path", "command"),
    [
        (best_checkpoint, ["evaluate", "good"]),
        (best_checkpoint, ["plot", "paths", "good", "--output=figure.png"]),
        (best_checkpoint, ["video", "good", "--output=film.gif"]),
        (latest_checkpoint, ["train", "--output=good", "--resume", "--iterations=3"]),
    ],
    ids=["evaluate", "paths", "video", "resume"],
)
def test_checkpoints(refused, good, path, command, damage):
    spoil, words = DAMAGES[damage]
    spoil(path(good))
    refused(*command, words=[path(Path("good")), *words])
    assert not Path("created.txt").exists()


def test_code_in_the_malicious_pickle_would_run(tmp_path):
    malicious_pickle(2)(tmp_path / "pickle")
    pickle.loads((tmp_path / "pickle").read_bytes()).close()
    assert Path("created.txt").exists()


def test_checkpoint_given_by_its_own_path(refused, good):
    latest_checkpoint(good).write_text("text")
    refused("evaluate", latest_checkpoint(good), words=[latest_checkpoint(good), "not a"])
    refused("evaluate", "none.pt", words=["no checkpoint at none.pt"])


def test_checkpoint_for_another_policy(refused, good):
    words = [best_checkpoint(Path("good")), "(44,)", "(24,)", "trained for others"]
    refused("evaluate", "good", "--policy.hidden_sizes=[4]", words=words)
    refused("plot", "paths", "good", "--policy.hidden_sizes=[4]", "--output=figure.png", words=words)
    refused("video", "good", "--policy.hidden_sizes=[4]", "--output=film.gif", words=words)


def test_checkpoint_for_another_environment(refused, good, register):
    options = register(SpatialEnv)[-2:]
    words = [best_checkpoint(Path("good")), "(44,)", "(52,)", "trained for others"]
    refused("evaluate", "good", *options, words=words)
    refused("plot", "paths", "good", *options, "--output=figure.png", words=words)
    refused("train", "--output=good", "--resume", *options, words=["env", "may change on --resume"])


def test_checkpoint_of_an_environment_that_is_not_registered(refused, good):
    with_config(env={"id": "elsewhere/Reacher-v0", "kwargs": {}})(best_checkpoint(good))
    refused("evaluate", "good", words=["env.id", "elsewhere/Reacher-v0"])


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ("--seed=5", ["seed", "0", "5", "may change on --resume"]),
        ("--meta_batch_size=3", ["meta_batch_size", "2", "3", "may change on --resume"]),
        ("--policy.hidden_sizes=[4]", ["policy", "8", "4", "may change on --resume"]),
        ("--device=nonsense", ["device", "nonsense"]),
        ("--env.id=nonsense", ["env.id", "nonsense"]),
    ],
)
def test_resuming_as_another_experiment(refused, good, option, words):
    refused("train", "--output=good", "--resume", option, words=words)


def test_resuming_nothing(refused):
    refused("train", *ONE, "--output=none", "--resume", words=["none"])


@pytest.mark.parametrize("text", ["a,b\nx,y\n", "iteration\nx\n", b"\xff\xfe\n\xff\n"])
def test_resuming_with_damaged_metrics(refused, good, text):
    (good / "metrics.csv").write_bytes(text if isinstance(text, bytes) else text.encode())
    refused("train", "--output=good", "--resume", "--iterations=3", words=["good/metrics.csv"])


# Output folders and files


@pytest.mark.parametrize(
    ("output", "words"),
    [
        ("file", ["file"]),
        ("file/run", ["file/run"]),
        ("file/a/b", ["file/a/b"]),
        ("/proc/none/run", ["/proc/none/run"]),
        ("a" * 300, ["aaa"]),
        ("good", ["good", "holds a run already", "--resume", "--output"]),
    ],
)
def test_output_folders(refused, good, output, words):
    Path("file").write_text("")
    refused("train", *ONE, "--output", output, words=words)


@pytest.mark.parametrize("name", ["config.yaml", "metrics.csv", "checkpoints", "tensorboard", ".lock"])
def test_output_folder_with_something_in_the_way(stopped, name):
    """Nothing can be said here about what is written: the folder could be made."""
    Path("run").mkdir()
    if name in ("checkpoints", "tensorboard"):
        Path("run", name).write_text("")
    else:
        Path("run", name).mkdir()
    stopped(*ONE, "--output=run", words=["run"])
    assert sorted(Path("run").rglob("*.tmp")) == []


def test_output_folder_without_permission(refused, monkeypatch):
    def forbid(self, *arguments, **options):
        raise PermissionError(errno.EACCES, "Permission denied", str(self))

    monkeypatch.setattr(Path, "mkdir", forbid)
    refused("train", *ONE, "--output=run", words=["run", "Permission denied"])


@pytest.mark.parametrize("path", ["file/e.json", "folder", "/proc/none/e.json", "/dev/full"])
def test_evaluations_that_cannot_be_written_are_printed_all_the_same(refused, good, path):
    Path("file").write_text("")
    Path("folder").mkdir()
    refused("evaluate", "good", "--json", path, words=[path], printed=r"good/.*\n  step 2: .*\n")


@pytest.mark.parametrize("path", ["file/figure.png", "folder.png", "/proc/none/figure.png"])
def test_figures_that_cannot_be_written(refused, good, path):
    Path("file").write_text("")
    Path("folder.png").mkdir()
    refused("plot", "curves", "good", "--output", path, words=[path])


@pytest.mark.parametrize("path", ["figure.xyz", "new/figure.xyz", "new/figure", "figure."])
def test_figures_of_an_unknown_kind(refused, good, path):
    refused("plot", "curves", "good", "--output", path, words=[path, "png"])


# Figures


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("metrics.csv", None, ["no metrics at good/metrics.csv"]),
        ("metrics.csv", b"", ["good", "no finished meta-iteration"]),
        ("metrics.csv", b"iteration,kl\n", ["good", "no finished meta-iteration"]),
        ("metrics.csv", b"iteration,kl\n1,0.5", ["good", "no finished meta-iteration"]),
        ("metrics.csv", b"iteration,kl\nx,y\n", ["good/metrics.csv", "not a metrics CSV"]),
        ("metrics.csv", b"iteration,kl\n1\n", ["good/metrics.csv", "not a metrics CSV"]),
        ("metrics.csv", b"iteration,kl\n1,2,3\n", ["good/metrics.csv", "not a metrics CSV"]),
        ("metrics.csv", b"a,b\n1,2\n", ["good/metrics.csv", "not a metrics CSV"]),
        ("metrics.csv", b"\xff\n\xfe\n", ["good/metrics.csv", "not a metrics CSV"]),
        ("config.yaml", None, ["good/config.yaml"]),
        ("config.yaml", b"", ["good/config.yaml"]),
        ("config.yaml", b"a: b: c\n", ["good/config.yaml"]),
        ("config.yaml", b"- 1\n", ["good/config.yaml"]),
        ("config.yaml", b"\xff", ["good/config.yaml"]),
    ],
)
def test_curves_of_runs_that_are_none(refused, good, name, content, words):
    (good / name).unlink()
    if content is not None:
        (good / name).write_bytes(content)
    refused("plot", "curves", "good", "--output=figure.png", words=words)


def test_curves_of_what_is_no_folder(refused, good):
    refused("plot", "curves", "none", "--output=figure.png", words=["no metrics at none/metrics.csv"])
    refused("plot", "curves", "good", "good/config.yaml", "--output=figure.png", words=["good/config.yaml"])


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"text",
        b"null",
        b"3",
        b"{}",
        b"[]",
        b"[1]",
        b"[{}]",
        b'[{"steps": []}]',
        b'[{"steps": [{"mean": 1}]}]',
        b'[{"steps": [{"mean": "text", "interval_95": 1}]}]',
        b'[{"steps": [{"mean": 1, "interval_95": 1}]}, 3]',
        b'[{"steps": [{"mean": 1, "interval_95": 1}]}, {"steps": []}]',
        b"\xff\xfe",
    ],
    ids=lambda content: content[:70].decode(errors="replace"),
)
def test_adaptation_of_files_that_are_not_evaluations(refused, content):
    Path("e.json").write_bytes(content)
    refused("plot", "adaptation", "e.json", "--output=figure.png", words=["e.json", "evaluate --json"])


def test_adaptation_of_a_missing_file_or_a_folder(refused, good):
    refused("plot", "adaptation", "none.json", "--output=figure.png", words=["none.json"])
    refused("plot", "adaptation", "good", "--output=figure.png", words=["good"])


def test_paths_of_another_environment(refused, register):
    options = register(SpatialEnv)
    assert run("train", *options, "--iterations=1", "--output=run") == 0
    refused("plot", "paths", "run", "--output=figure.png", words=["2D navigation"])


# Videos


@pytest.mark.parametrize("path", ["file/film.gif", "folder.gif", "/proc/none/film.gif", "/proc/film.mp4"])
def test_videos_that_cannot_be_written(refused, good, path):
    Path("file").write_text("")
    Path("folder.gif").mkdir()
    refused("video", "good", "--output", path, words=[path])


def test_videos_of_an_environment_that_cannot_be_drawn(refused, register):
    options = register(FakeEnv)
    assert run("train", *options, "--iterations=1", "--output=run") == 0
    refused("video", "run", "--output=film.gif", words=["env.id", "fake/Fake-v0", "cannot be drawn"])


@pytest.mark.parametrize("value", ["glfw", "typewriter"])
def test_videos_where_mujoco_has_nothing_to_draw_with(tmp_path, monkeypatch, value):
    for variable in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(variable, raising=False)
    cheetah = ["--env.id=mamlrl/HalfCheetahDirection-v0", '--env.kwargs={"horizon": 10}']
    assert run("train", *ONE, *cheetah, "--output=run") == 0
    monkeypatch.setenv("MUJOCO_GL", value)
    process = start("video", tmp_path / "run", "--output", tmp_path / "film.gif")
    _, error = process.communicate()
    assert process.returncode == 2
    assert re.fullmatch(r"mamlrl: env\.id: mamlrl/HalfCheetahDirection-v0 [^\r\n]+\n", error), error
    assert "libegl1 and libgl1" in error
    assert not Path("film.gif").exists()


# Numbers that are not finite


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("what", ["reward", "observation"])
def test_numbers_that_are_not_finite(register, stopped, monkeypatch, what, value):
    options = [*register(BreakingEnv), "--iterations=4"]
    monkeypatch.setattr(BreakingEnv, "what", what)
    monkeypatch.setattr(BreakingEnv, "value", value)
    words = [
        "iteration 3",
        "environment fake/Fake-v0",
        f"{what} of task 1 (parameters [",
        "episode 2",
        "not finite",
    ]
    stopped(*options, "--output=broken", words=words)
    assert load_checkpoint(latest_checkpoint(Path("broken")))[1]["iteration"] == 2
    assert list(Path("broken").rglob("*.tmp")) == []

    monkeypatch.setattr(BreakingEnv, "broken_after", np.inf)
    assert run("train", *options, "--output=whole") == 0
    assert run("train", "--output=broken", "--resume") == 0
    assert deterministic_rows(Path("broken")) == deterministic_rows(Path("whole"))


def test_the_task_that_is_named_is_the_one(register, capsys):
    options = [*register(BreakingEnv), "--iterations=4"]
    assert run("train", *options, "--output=broken") == 2
    named = json.loads(re.search(r"task 1 \(parameters (\[.*?\])\)", capsys.readouterr().err)[1])
    _, state = load_checkpoint(latest_checkpoint(Path("broken")))
    rng = np.random.default_rng()
    rng.bit_generator.state = state["rng"]
    assert FakeEnv(6).sample_tasks(rng, 2)[1].tolist() == named


def test_numbers_that_are_not_finite_in_an_evaluation(register, refused, monkeypatch):
    options = register(BreakingEnv)
    assert run("train", *options, "--iterations=2", "--output=run") == 0
    monkeypatch.setattr(BreakingEnv, "broken_after", 1)
    monkeypatch.setattr(BreakingEnv, "what", "observation")
    words = ["environment fake/Fake-v0", "observation of task 2 (parameters [", "episode 1", "not finite"]
    refused("evaluate", "run", "--json=e.json", words=words)


# Too much


def test_episodes_that_do_not_fit_in_memory(stopped):
    words = ["not enough memory", "env.kwargs.horizon", "meta_batch_size"]
    stopped(*ONE, f"--env.kwargs.horizon={10**14}", "--output=run", words=words)


# A full disk


@contextmanager
def full_disk(name, times):
    """Lets the named file be written so many times and no more."""
    left = iter([True] * times)

    def check(number):
        if Path(os.readlink(f"/proc/self/fd/{number}")).name == name and not next(left, False):
            raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", check)
        yield


@pytest.mark.parametrize(
    ("name", "times", "last"), [("latest.pt.tmp", 3, 2), ("best.pt.tmp", 1, None), ("metrics.csv", 2, 2)]
)
def test_a_disk_that_fills_up_costs_the_running_iteration_only(stopped, name, times, last):
    folder = Path("run")
    assert run("train", *TINY, "--iterations=8", "--output=whole") == 0
    with full_disk(name, times):
        stopped(*TINY, "--iterations=8", "--output=run", words=["No space left", name.removesuffix(".tmp")])
    assert list(folder.rglob("*.tmp")) == []
    _, state = load_checkpoint(latest_checkpoint(folder))
    assert state["iteration"] == last or (last is None and state["iteration"] >= 1)
    load_checkpoint(best_checkpoint(folder))
    assert run("train", "--output=run", "--resume") == 0
    assert deterministic_rows(folder) == deterministic_rows(Path("whole"))


def test_a_disk_that_is_full_within_a_checkpoint(good, stopped, monkeypatch):
    def save(content, file):
        file.write(b"the first bytes")
        raise OSError(errno.ENOSPC, "No space left on device")

    before = latest_checkpoint(good).read_bytes()
    monkeypatch.setattr(torch, "save", save)
    stopped("--output=good", "--resume", "--iterations=9", words=["No space left on device", "is kept"])
    assert latest_checkpoint(good).read_bytes() == before
    assert list(good.rglob("*.tmp")) == []


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_a_device_that_is_really_full(good, stopped):
    latest, before = latest_checkpoint(good), latest_checkpoint(good).read_bytes()
    latest.with_name("latest.pt.tmp").symlink_to("/dev/full")
    stopped("--output=good", "--resume", "--iterations=3", words=["No space left on device", latest.name])
    assert latest.read_bytes() == before
    assert list(good.rglob("*.tmp")) == []
    assert run("train", "--output=good", "--resume", "--iterations=3") == 0


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_a_device_that_is_full_from_the_start(stopped):
    Path("run/checkpoints").mkdir(parents=True)
    Path("run/checkpoints/latest.pt.tmp").symlink_to("/dev/full")
    stopped(*ONE, "--output=run", words=["No space left on device"])
    assert list(Path("run/checkpoints").iterdir()) == []
    assert run("train", *ONE, "--output=run") == 0


def test_a_full_disk_leaves_the_saved_config_alone(good, stopped):
    before = (good / "config.yaml").read_text()
    with full_disk("config.yaml.tmp", 0):
        stopped("--output=good", "--resume", "--iterations=3", words=["No space left on device"])
    assert (good / "config.yaml").read_text() == before


def test_a_full_disk_for_tensorboard_gives_no_traceback(stopped, monkeypatch):
    def write(self, data):
        raise OSError(errno.ENOSPC, "No space left on device")

    failed_threads = []
    monkeypatch.setattr(threading, "excepthook", failed_threads.append)
    monkeypatch.setattr(RecordWriter, "write", write)
    stopped(*TINY, "--iterations=3", "--output=run", words=["No space left on device"])
    assert failed_threads == []


# As a user sees it


@pytest.mark.parametrize(
    ("stub", "backend", "words"),
    [
        ("raise ModuleNotFoundError(name='mujoco')", "", ["MuJoCo is not installed", "pip install"]),
        ("__version__ = '3.3.0'", "", ["MuJoCo 3.3.0", "pip install", "'mujoco>=4"]),
        (None, "typewriter", ["typewriter", "unset", "MUJOCO_GL", "libegl1", "libosmesa6"]),
    ],
    ids=["missing", "old", "without a drawing backend"],
)
def test_mujoco_that_cannot_be_used(tmp_path, stub, backend, words):
    """In the program and in Python."""
    if stub is not None:
        Path("mujoco").mkdir()
        Path("mujoco/__init__.py").write_text(stub)
    Path("use.py").write_text(
        "import sys, gymnasium, mamlrl.scripts.main\n"
        "sys.argv = ['mamlrl', 'train', '--config=ant_goal', '--output=run']\n"
        "assert mamlrl.scripts.main.main() == 2\n"
        "gymnasium.make('mamlrl/AntGoal-v0')\n"
    )
    environment = {**os.environ, "MUJOCO_GL": backend}
    command = [sys.executable, "use.py"]
    result = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    lines = result.stderr.splitlines()
    assert result.returncode == 1
    assert lines[0].startswith("mamlrl: env.id: mamlrl/AntGoal-v0 cannot be made: ")
    assert lines[1].startswith("Traceback")
    assert lines[-1].startswith("gymnasium.error.DependencyNotInstalled: ")
    for word in words:
        assert word in lines[0]
        assert word in lines[-1]
    assert not Path("run").exists()


def test_a_process_of_its_own_prints_one_line_and_no_warnings(good):
    malicious_pickle(4)(best_checkpoint(good))
    process = start("evaluate", good)
    _, error = process.communicate()
    assert process.returncode == 2
    assert re.fullmatch(r"mamlrl: [^\r\n]+\n", error), error
    assert not list(Path(__file__).parent.glob("created.txt"))
