"""Config files that are damaged or say what cannot be."""

from pathlib import Path

import pytest

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
        (bytes(range(256)), ["config.yaml", "utf-8"]),
    ],
)
def test_config_files(refused, text, words):
    Path("config.yaml").write_bytes(text if isinstance(text, bytes) else text.encode())
    refused("train", "--config=config.yaml", "--iterations=1", "--output=run", words=words)
