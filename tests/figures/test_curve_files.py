"""Which runs are drawn together, and what they are called."""

import pytest
from programs import ONE, run

from mamlrl.figures.curve_files import runs_by_label


@pytest.fixture
def trained(tmp_path):
    def train(folder, *options):
        assert run("train", *ONE, *options, "--output", tmp_path / folder) == 0
        return tmp_path / folder

    return train


def test_seeds_trained_together_have_the_name_of_their_folder(trained):
    together = [trained(f"nav/seed{seed}", "--seed", seed) for seed in (0, 1)]
    alone = trained("other", "--trust_region.max_kl=0.02")
    labels = runs_by_label([*together, alone])
    assert {label: len(runs) for label, runs in labels.items()} == {"nav": 2, "other": 1}
    assert list(runs_by_label(together[:1])) == ["seed0"]


def test_other_runs_have_the_name_of_the_first(trained):
    runs = [trained(name, "--seed", seed) for seed, name in enumerate(("a", "b"))]
    assert list(runs_by_label(runs)) == ["a"]


def test_two_experiments_in_one_folder_keep_names_of_their_own(trained):
    one = [trained(f"nav/seed{seed}", "--seed", seed) for seed in (0, 1)]
    other = [trained(f"nav/seed{seed}", "--seed", seed, "--trust_region.max_kl=0.02") for seed in (2, 3)]
    labels = runs_by_label([*one, *other])
    assert {label: len(runs) for label, runs in labels.items()} == {"seed0": 2, "seed2": 2}
