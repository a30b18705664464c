"""Config files that are damaged or say what cannot be."""

from itertools import pairwise
from pathlib import Path

import pytest

BOMB = "a: &a [1, 1, 1, 1, 1, 1, 1, 1, 1]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n" for before, name in pairwise("abcdefghij")
)
HUGE = 2**64  # more than a generator takes for a seed


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
        (BOMB, ["config.yaml", "more than 10000 values"]),
        (f"env:\n  kwargs: {{a: {'[' * 5000}{']' * 5000}}}\n", ["config.yaml", "more than 50 deep"]),
        ("{a: " * 5000, ["config.yaml", "more than 50 deep"]),
        ("- " * 5000, ["config.yaml", "more than 50 deep"]),
        (f"env:\n  kwargs: {{a: [{'1,' * 20000}]}}\n", ["config.yaml", "more than 10000 values"]),
        ("#" * 2**20, ["config.yaml", "larger than 262144 bytes"]),
        ("env:\n  kwargs: !!set {a, b}\n", ["config.yaml", "line 2", "!!set"]),
        ("env:\n  kwargs: {a: !!binary aGk=}\n", ["config.yaml", "!!binary"]),
        ("env:\n  wrappers: !!omap [a: 1]\n", ["config.yaml", "!!omap"]),
        ("env:\n  id: !!timestamp 2001-01-01\n", ["config.yaml", "!!timestamp"]),
        ("env:\n  id: !mine x\n", ["config.yaml", "!mine"]),
        ("trust_region:\n", ["trust_region"]),
        ("{seed, device}", ["seed"]),
        ("policy:\n  hidden_sizes: [1000000000]\n", ["policy.hidden_sizes", "GiB"]),
        ("meta-batch-size: 3\n", ["config.yaml", "did you mean meta_batch_size?"]),
        (bytes(range(256)), ["config.yaml", "utf-8"]),
    ],
)
def test_config_files(refused, text, words):
    Path("config.yaml").write_bytes(text if isinstance(text, bytes) else text.encode())
    refused("train", "--config=config.yaml", "--iterations=1", "--output=run", words=words)


def test_configs_of_runs_are_read_as_carefully(refused, good):
    for text, word in ((BOMB, "more than 10000 values"), ("[" * 5000, "deep"), ("a: !!set {b}\n", "!!set")):
        (good / "config.yaml").write_text(text)
        refused("plot", "curves", "good", "--output=figure.png", words=["good/config.yaml", word])
