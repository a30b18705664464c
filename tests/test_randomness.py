from io import BytesIO

import numpy as np
import pytest
import torch

from mamlrl.randomness import Randomness

CPU = torch.device("cpu")


def draws(randomness):
    return randomness.rng.random(3).tolist(), torch.rand(3, generator=randomness.generator).tolist()


def test_a_seed_determines_both_generators():
    first, again, other = (draws(Randomness.from_seed(seed, CPU)) for seed in (7, 7, 8))
    assert first == again
    assert first[0] != other[0]
    assert first[1] != other[1]


def test_the_generators_of_a_seed_are_those_of_the_libraries():
    randomness = Randomness.from_seed(7, CPU)
    expected = np.random.default_rng(7).random(3).tolist(), torch.rand(3, generator=torch.manual_seed(7)).tolist()
    assert draws(randomness) == expected
    assert randomness.generator.device == CPU


def test_a_restored_state_goes_on_as_the_saved_one():
    randomness, other = Randomness.from_seed(7, CPU), Randomness.from_seed(8, CPU)
    draws(randomness)
    file = BytesIO()
    torch.save(randomness.state_dict(), file)
    file.seek(0)
    state = torch.load(file, weights_only=True)
    expected = [draws(randomness) for _ in range(2)]
    other.load_state_dict(state)
    assert [draws(other) for _ in range(2)] == expected


def test_a_saved_state_does_not_change_with_later_draws():
    randomness = Randomness.from_seed(7, CPU)
    state = randomness.state_dict()
    first = draws(randomness)
    randomness.load_state_dict(state)
    assert draws(randomness) == first


def test_drawing_leaves_the_global_generators_alone():
    np.random.seed(0)  # noqa: NPY002 (the global one is what this is about)
    torch.manual_seed(0)
    expected = np.random.random(), float(torch.rand(()))  # noqa: NPY002
    np.random.seed(0)  # noqa: NPY002
    torch.manual_seed(0)
    draws(Randomness.from_seed(7, CPU))
    assert (np.random.random(), float(torch.rand(()))) == expected  # noqa: NPY002


@pytest.mark.parametrize(
    "damage", [{"rng": None}, {"rng": {"bit_generator": "MT19937"}}, {"generator": torch.zeros(3)}]
)
def test_a_damaged_state_is_not_taken(damage):
    randomness = Randomness.from_seed(7, CPU)
    with pytest.raises((KeyError, TypeError, ValueError, RuntimeError, AttributeError)):  # what `Learner` expects
        randomness.load_state_dict({**randomness.state_dict(), **damage})


def test_a_meta_iteration_begins_with_the_same_streams_whatever_was_drawn_before():
    randomness, later = Randomness.from_seed(7, CPU), Randomness.from_seed(7, CPU)
    draws(later)
    for iteration in (5, 3):
        randomness.begin(3)
        later.begin(iteration)
        assert (draws(randomness) == draws(later)) == (iteration == 3)


def test_the_streams_of_other_seeds_and_iterations_are_others():
    found = set()
    for seed in (0, 1, 12, 2**63 - 1):
        randomness = Randomness.from_seed(seed, CPU)
        for iteration in (0, 1, 2, 21):
            randomness.begin(iteration)
            rng, generator = draws(randomness)
            found |= {rng[0], generator[0]}
    assert len(found) == 2 * 4 * 4


@pytest.mark.parametrize("name", ["env_seeds", "action_seeds"])
def test_seeds_of_tasks_do_not_depend_on_the_tasks_beside_them(name):
    whole, part = Randomness.from_seed(7, CPU), Randomness.from_seed(7, CPU)
    for _ in range(2):
        seeds = getattr(whole, name)(range(6))
        assert len(set(seeds)) == 6
        assert max(seeds) < 2**32
        assert getattr(part, name)(range(2, 4)) == seeds[2:4]
    assert draws(whole) == draws(part)


def test_nothing_is_saved_of_streams_that_begin_anew():
    randomness = Randomness.from_seed(7, CPU)
    assert randomness.state_dict()
    randomness.begin(2)
    assert randomness.state_dict() == {}
    randomness.load_state_dict({})
    expected = Randomness.from_seed(7, CPU)
    expected.begin(2)
    assert draws(randomness) == draws(expected)
