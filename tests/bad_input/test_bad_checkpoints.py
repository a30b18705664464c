"""Checkpoints that are damaged, malicious or of another experiment."""

import pickle
import random
from pathlib import Path

import pytest
import torch
from damage import (
    cut,
    flipped,
    holding,
    malicious_archive,
    malicious_old_archive,
    malicious_pickle,
    rewritten,
    with_config,
    with_state,
)
from fake_envs import SpatialEnv
from programs import ONE

from mamlrl.runs.checkpoints import FORMAT_VERSION
from mamlrl.runs.saved import latest_checkpoint

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
        (latest_checkpoint, ["evaluate", "good"]),
        (latest_checkpoint, ["plot", "paths", "good", "--output=figure.png"]),
        (latest_checkpoint, ["video", "good", "--output=film.gif"]),
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
    words = [latest_checkpoint(Path("good")), "(44,)", "(24,)", "trained for others"]
    refused("evaluate", "good", "--policy.hidden_sizes=[4]", words=words)
    refused("plot", "paths", "good", "--policy.hidden_sizes=[4]", "--output=figure.png", words=words)
    refused("video", "good", "--policy.hidden_sizes=[4]", "--output=film.gif", words=words)


def test_checkpoint_for_another_environment(refused, good, register):
    options = register(SpatialEnv)[-2:]
    words = [latest_checkpoint(Path("good")), "(44,)", "(52,)", "trained for others"]
    refused("evaluate", "good", *options, words=words)
    refused("plot", "paths", "good", *options, "--output=figure.png", words=words)
    refused("train", "--output=good", "--resume", *options, words=["env", "may change on --resume"])


def test_checkpoint_of_an_environment_that_is_not_registered(refused, good):
    with_config(env={"id": "elsewhere/Reacher-v0", "kwargs": {}})(latest_checkpoint(good))
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
