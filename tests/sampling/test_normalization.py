"""Running normalisation of observations: its statistics, and that everything acts and learns through it."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from programs import TINY, deterministic_rows, deterministic_state, run

import mamlrl
from mamlrl.errors import NonFiniteError, UserError
from mamlrl.figures.film import VideoConfig, film_adaptation
from mamlrl.learners.policy import MetaLearner
from mamlrl.runs.checkpoints import load_checkpoint, save_checkpoint
from mamlrl.runs.saved import SavedRun, latest_checkpoint
from mamlrl.sampling.normalization import ObservationNormalizer
from mamlrl.sampling.rollouts import Rollouts
from mamlrl.sampling.sampler import Sampler

NORMALIZED = [*TINY, "--sampling.normalize_observations=true"]


def parts(sizes, seed=0):
    """Observations with masks, and all that count, one after the other."""
    rng = np.random.default_rng(seed)
    found = [(3 + 2 * rng.standard_normal((2, 3, size, 4)) * [1, 5, 0, 1e-3]) for size in sizes]
    masks = [rng.uniform(size=each.shape[:3]) < 0.7 for each in found]
    rows = np.concatenate([each[mask] for each, mask in zip(found, masks, strict=True)])
    return [(torch.from_numpy(x), torch.from_numpy(m).double()) for x, m in zip(found, masks, strict=True)], rows


def test_statistics_are_those_of_everything_at_once():
    found, rows = parts([5, 1, 30])
    normalizer = ObservationNormalizer.empty(4)
    for observations, mask in found:
        normalizer = normalizer.merged(ObservationNormalizer.of(observations, mask))
    assert float(normalizer.count) == len(rows)
    np.testing.assert_allclose(normalizer.mean, rows.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(normalizer.squares / len(rows), rows.var(axis=0), rtol=1e-9, atol=1e-12)
    one, *others = (ObservationNormalizer.of(*each) for each in found)
    backwards = others[1].merged(others[0]).merged(one)  # as ranks of a distributed run may be merged
    np.testing.assert_allclose(backwards.squares, normalizer.squares, rtol=1e-9, atol=1e-12)


def test_observations_are_shifted_scaled_and_clipped():
    found, rows = parts([40])
    normalizer = ObservationNormalizer.of(*found[0])
    given = torch.tensor([[3.0, 40.0, 3.0, 1e9], [5.0, -4.0, 3.1, -1e9]])
    seen = normalizer(given)
    assert seen.dtype == torch.float32
    expected = ((given.numpy() - rows.mean(axis=0)) / np.sqrt(rows.var(axis=0) + 1e-8)).clip(-10, 10)
    np.testing.assert_allclose(seen, expected, rtol=1e-3, atol=1e-3)
    assert seen[0, 2] == 0  # a feature that never changed
    assert seen[:, 3].tolist() == [10, -10]
    assert torch.equal(normalizer.bind(given)(given), seen)
    assert torch.equal(ObservationNormalizer.empty(4)(given), given)


def test_masked_observations_alone_leave_it_as_it_is():
    found, _ = parts([4])
    normalizer = ObservationNormalizer.of(*found[0])
    after = normalizer.merged(ObservationNormalizer.of(torch.ones(1, 1, 3, 4), torch.zeros(1, 1, 3)))
    for name, values in normalizer.state_dict().items():
        assert torch.equal(after.state_dict()[name], values)


@pytest.fixture
def learner():
    return MetaLearner(mamlrl.load_config("navigation2d", [*NORMALIZED[1:], "--iterations=3"]))


def test_statistics_are_fixed_within_a_meta_iteration_and_then_updated_from_it(learner, monkeypatch):
    collected, used = [], []
    sample = Sampler.sample

    def watched(sampler, *args, **kwargs):
        used.append(sampler.normalizer)
        collected.append(sample(sampler, *args, **kwargs))
        return collected[-1]

    monkeypatch.setattr(Sampler, "sample", watched)
    learner.iterate()
    learner.iterate()
    assert used[0] is used[1]
    assert used[2] is used[3]
    assert float(used[0].count) == 0
    for rounds, normalizer in ((2, used[2]), (4, learner.sampler.normalizer)):
        rows = np.concatenate([each.observations[each.mask > 0].numpy() for each in collected[:rounds]])
        assert float(normalizer.count) == len(rows)
        np.testing.assert_allclose(normalizer.mean, rows.mean(axis=0, dtype=np.float64), rtol=1e-9)
        variance = rows.var(axis=0, dtype=np.float64)
        np.testing.assert_allclose(normalizer.squares / len(rows), variance, rtol=1e-9)


def test_likelihood_ratios_are_exact(learner):
    learner.iterate()
    adapted = learner.collect()
    rollouts, batch = adapted.rollouts[1], adapted.processed[1].batch
    assert not torch.equal(rollouts.observations.flatten(1, 2)[:, : batch.num_samples], batch.observations)
    seen = learner.sampler.normalizer(rollouts.observations)
    again = learner.policy(adapted.adaptation.phi, seen.flatten(1, 2)).view_as(rollouts.outputs)
    running = rollouts.mask > 0
    torch.testing.assert_close(again[running], rollouts.outputs[running], rtol=0, atol=1e-6)
    _, kl = learner.objective(adapted).evaluate(learner.params)
    assert kl == pytest.approx(0, abs=1e-9)


def test_observations_that_are_too_large_are_refused_and_change_nothing():
    normalizer = ObservationNormalizer.empty(1)
    large = ObservationNormalizer.of(torch.full((1, 1, 2, 1), 1e200, dtype=torch.float64), torch.ones(1, 1, 2))
    ones, observations = torch.ones(1, 1, 2), torch.tensor([[[[1e200], [-1e200]]]], dtype=torch.float64)
    rollouts = Rollouts(observations, actions=ones, rewards=ones, mask=ones, outputs=ones)
    with pytest.raises(NonFiniteError, match="mean or variance of the observations is not finite"):
        normalizer.merged(large).including([rollouts])


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("normalized") / "run"
    assert run("train", *NORMALIZED, "--iterations=3", "--output", folder) == 0
    return folder


def test_a_resumed_run_is_the_same_bit_for_bit(trained, tmp_path):
    assert run("train", *NORMALIZED, "--iterations=1", "--output", tmp_path / "run") == 0
    assert run("train", "--output", tmp_path / "run", "--resume", "--iterations=3") == 0
    assert deterministic_rows(tmp_path / "run") == deterministic_rows(trained)
    one, other = (deterministic_state(latest_checkpoint(each)) for each in (trained, tmp_path / "run"))
    assert torch.equal(one["params"], other["params"])
    for name, values in one["normalizer"].items():
        assert torch.equal(values, other["normalizer"][name])


def test_a_new_run_takes_the_statistics_along_and_refuses_parameters_without(trained, tmp_path, capsys):
    begun = [*NORMALIZED, "--iterations=1", "--init_from", trained, "--output", tmp_path / "run"]
    assert run("train", *begun) == 0
    before, after = (
        load_checkpoint(latest_checkpoint(each))[1]["normalizer"] for each in (trained, tmp_path / "run")
    )
    assert before["count"] < after["count"] < 2 * before["count"]
    capsys.readouterr()
    options = [*TINY, "--iterations=1", "--init_from", trained, "--output", tmp_path / "other"]
    assert run("train", *options) == 2
    assert "sampling.normalize_observations: the checkpoint has True, not False" in capsys.readouterr().err
    assert not (tmp_path / "other").exists()


def test_evaluation_needs_the_statistics_and_is_the_deployed_policys(trained):
    saved = SavedRun.load(trained)
    few = replace(saved.experiment.evaluation, steps=1, tasks=2)
    experiment = replace(saved.experiment, evaluation=few)
    with pytest.raises(UserError, match=r"normalize_observations: the statistics .* are missing.*`state`"):
        mamlrl.evaluate(experiment, saved.state["params"])
    evaluation = mamlrl.evaluate(experiment, saved.state["params"], state=saved.state)
    state = {**saved.state, "normalizer": ObservationNormalizer.empty(2).state_dict()}
    other = mamlrl.evaluate(experiment, saved.state["params"], state=state)
    assert not np.array_equal(evaluation.returns, other.returns)
    assert torch.equal(evaluation.sampler.normalizer.mean, saved.state["normalizer"]["mean"])
    deterministic = replace(experiment, evaluation=replace(few, deterministic=True))
    again = mamlrl.evaluate(deterministic, saved.state["params"], state=saved.state)
    acting, rollouts = mamlrl.load(trained), again.reported[0]
    chosen = acting(rollouts.observations[0, 0, :1].numpy())
    scaled = np.clip(0.1 * rollouts.actions[0, 0, :1].numpy(), -0.1, 0.1)
    np.testing.assert_allclose(chosen, scaled, atol=1e-6)


def test_films_and_saved_policies_have_the_statistics_too(trained, tmp_path, monkeypatch):
    used = []
    sample = Sampler.sample
    monkeypatch.setattr(Sampler, "sample", lambda self, *a: used.append(self.normalizer) or sample(self, *a))
    saved = SavedRun.load(trained)
    small = VideoConfig(size=32, max_fps=2)
    film_adaptation(saved.experiment, lambda: saved.evaluate(saved.experiment), small, tmp_path / "film.gif")
    for normalizer in used:
        assert torch.equal(normalizer.squares, saved.state["normalizer"]["squares"])
    policy = mamlrl.load(trained)
    policy.save(tmp_path / "policy.pt")
    observation = np.array([0.3, -0.2])
    np.testing.assert_array_equal(mamlrl.load(tmp_path / "policy.pt")(observation), policy(observation))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"mean": torch.tensor([0.0, torch.nan])}, "numbers in normalizer.mean are not finite"),
        ({"mean": torch.zeros(3)}, "not of observations of 2 numbers"),
        ("nothing", "normalizer must have keys of its own"),
    ],
)
def test_damaged_statistics_are_refused(trained, tmp_path, change, words):
    experiment, state = load_checkpoint(latest_checkpoint(trained))
    state["normalizer"] = change if isinstance(change, str) else {**state["normalizer"], **change}
    save_checkpoint(tmp_path / "damaged.pt", experiment, state)
    with pytest.raises(UserError, match=words):
        mamlrl.load(tmp_path / "damaged.pt")
