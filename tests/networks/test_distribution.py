import math

import pytest
import torch
from scipy import stats

from mamlrl.networks.bernoulli import Bernoulli
from mamlrl.networks.categorical import Categorical
from mamlrl.networks.distribution import CanonicalDistribution
from mamlrl.networks.gaussian import DiagonalGaussian, IsotropicGaussian
from mamlrl.networks.multi_categorical import MultiCategorical

SIZE = 4
SHAPE = (3, 5)  # leading axes

DISTRIBUTIONS = {
    "gaussian": DiagonalGaussian(SIZE),
    "isotropic": IsotropicGaussian(SIZE, variance=0.3),
    "categorical": Categorical(SIZE),
    "multi_categorical": MultiCategorical((3, 1, 2)),
    "bernoulli": Bernoulli(SIZE),
}
every_distribution = pytest.mark.parametrize("distribution", DISTRIBUTIONS.values(), ids=DISTRIBUTIONS)


@pytest.fixture
def generator():
    return torch.Generator().manual_seed(0)


def random_outputs(distribution, generator, shape=SHAPE, dtype=torch.float64):
    return torch.randn(*shape, distribution.output_size, generator=generator, dtype=dtype)


def draw(distribution, outputs, generator):
    return distribution.sample(outputs, distribution.noise(outputs.shape[:-1], generator, outputs.dtype))


class Choices(torch.distributions.Distribution):
    """Independent choices, as PyTorch has them one by one."""

    def __init__(self, sizes, logits):
        self.parts = [torch.distributions.Categorical(logits=part) for part in logits.split(sizes, dim=-1)]
        super().__init__(logits.shape[:-1], torch.Size([len(sizes)]), validate_args=False)

    def sample(self):
        return torch.stack([part.sample() for part in self.parts], dim=-1)

    def log_prob(self, value):
        return sum(part.log_prob(own) for part, own in zip(self.parts, value.unbind(dim=-1), strict=True))

    def entropy(self):
        return sum(part.entropy() for part in self.parts)


@torch.distributions.register_kl(Choices, Choices)
def kl_of_choices(one, other):
    pairs = zip(one.parts, other.parts, strict=True)
    return sum(torch.distributions.kl_divergence(*pair) for pair in pairs)


def in_torch(distribution, outputs):
    if isinstance(distribution, MultiCategorical):
        return Choices(distribution.sizes, outputs)
    if isinstance(distribution, Bernoulli):
        return torch.distributions.Independent(torch.distributions.Bernoulli(logits=outputs), 1)
    if isinstance(distribution, Categorical):
        return torch.distributions.Categorical(logits=outputs)
    if isinstance(distribution, IsotropicGaussian):
        std = outputs.new_tensor(distribution.variance).sqrt()
        return torch.distributions.Independent(torch.distributions.Normal(outputs, std), 1)
    mean, log_std = outputs[..., :SIZE], outputs[..., SIZE:]
    return torch.distributions.Independent(torch.distributions.Normal(mean, log_std.exp()), 1)


def close(actual, expected, atol=1e-12):
    torch.testing.assert_close(actual, expected, rtol=1e-12, atol=atol)


def test_sizes():
    assert (DiagonalGaussian(3).head_size, DiagonalGaussian(3).output_size) == (3, 6)
    assert (Categorical(3).head_size, Categorical(3).output_size) == (3, 3)


@every_distribution
@pytest.mark.parametrize("shape", [(), (7,), SHAPE])
def test_log_prob_equals_torch(distribution, generator, shape):
    outputs = random_outputs(distribution, generator, shape)
    torch.manual_seed(0)
    reference = in_torch(distribution, outputs)
    actions = reference.sample()
    log_prob = distribution.log_prob(outputs, actions)
    assert log_prob.shape == shape
    close(log_prob, reference.log_prob(actions))


@every_distribution
@pytest.mark.parametrize("shape", [(), (7,), SHAPE])
def test_entropy_equals_torch(distribution, generator, shape):
    outputs = random_outputs(distribution, generator, shape)
    entropy = distribution.entropy(outputs)
    assert entropy.shape == shape
    close(entropy, in_torch(distribution, outputs).entropy())


@every_distribution
@pytest.mark.parametrize("shape", [(), (7,), SHAPE])
def test_kl_equals_torch(distribution, generator, shape):
    outputs = random_outputs(distribution, generator, shape)
    other = random_outputs(distribution, generator, shape)
    kl = distribution.kl(outputs, other)
    reference = torch.distributions.kl_divergence(in_torch(distribution, outputs), in_torch(distribution, other))
    assert kl.shape == shape
    close(kl, reference)
    if not isinstance(distribution, IsotropicGaussian):  # whose divergence is symmetric
        assert not torch.allclose(kl, distribution.kl(other, outputs))


@every_distribution
def test_kl_to_itself_is_zero_with_zero_gradient(distribution, generator):
    outputs = random_outputs(distribution, generator)
    other = outputs.clone().requires_grad_()
    kl = distribution.kl(outputs, other)
    (gradient,) = torch.autograd.grad(kl.sum(), other)
    close(kl.detach(), torch.zeros(SHAPE, dtype=torch.float64))
    close(gradient, torch.zeros_like(outputs))


@every_distribution
def test_gradients_of_log_prob_equal_torch(distribution, generator):
    outputs = random_outputs(distribution, generator).requires_grad_()
    torch.manual_seed(0)
    actions = in_torch(distribution, outputs).sample()
    (actual,) = torch.autograd.grad(distribution.log_prob(outputs, actions).sum(), outputs)
    (expected,) = torch.autograd.grad(in_torch(distribution, outputs).log_prob(actions).sum(), outputs)
    close(actual, expected)


@every_distribution
def test_fisher_product_equals_the_hessian_of_kl(distribution, generator):
    outputs = random_outputs(distribution, generator)
    tangents = random_outputs(distribution, generator)
    products = distribution.fisher_product(outputs, tangents)
    for index in torch.cartesian_prod(*map(torch.arange, SHAPE)).tolist():
        here = outputs[tuple(index)]
        hessian = torch.func.hessian(distribution.kl, argnums=1)(here, here)
        close(products[tuple(index)], hessian @ tangents[tuple(index)], atol=1e-10)


@pytest.mark.parametrize(
    "distribution", [d for d in DISTRIBUTIONS.values() if isinstance(d, CanonicalDistribution)], ids=str
)
def test_scores_are_gradients_whose_derivative_is_minus_the_fisher_matrix(distribution, generator):
    outputs = random_outputs(distribution, generator).requires_grad_()
    tangents = random_outputs(distribution, generator)
    actions = draw(distribution, outputs.detach(), generator)
    (gradient,) = torch.autograd.grad(distribution.log_prob(outputs, actions).sum(), outputs)
    close(distribution.score(outputs, actions), gradient)
    (product,) = torch.autograd.grad(distribution.score(outputs, actions), outputs, tangents)
    close(-product, distribution.fisher_product(outputs, tangents))


def test_minus_log_prob_of_variance_one_half_is_the_squared_error_up_to_a_constant(generator):
    outputs, targets = torch.randn(2, 7, SIZE, generator=generator, dtype=torch.float64)
    loss = -IsotropicGaussian(SIZE).log_prob(outputs, targets)
    squared = (outputs - targets).square().sum(dim=1)
    close(loss - squared, torch.full((7,), SIZE * math.log(math.pi) / 2, dtype=torch.float64))


def test_categorical_fisher_is_the_expected_outer_product_of_scores(generator):
    distribution = Categorical(SIZE)
    outputs = random_outputs(distribution, generator, ())
    scores = torch.func.jacrev(distribution.log_prob)(outputs.expand(SIZE, -1), torch.arange(SIZE)).sum(dim=1)
    fisher = scores.T @ torch.diag(outputs.softmax(dim=0)) @ scores
    products = distribution.fisher_product(outputs.expand(SIZE, -1), torch.eye(SIZE, dtype=torch.float64))
    close(products, fisher)


def test_gaussian_formulas_survive_small_and_large_standard_deviations():
    distribution = DiagonalGaussian(1)
    for log_std in (math.log(1e-6), 5.0):
        outputs = torch.tensor([0.3, log_std], dtype=torch.float64)
        actions = torch.tensor([0.3 + 2 * math.exp(log_std)], dtype=torch.float64)
        expected = stats.norm(0.3, math.exp(log_std)).logpdf(float(actions))
        assert float(distribution.log_prob(outputs, actions)) == pytest.approx(expected, rel=1e-9)


def test_categorical_ignores_a_shift_of_the_outputs_and_survives_extreme_ones(generator):
    distribution = Categorical(SIZE)
    outputs, other = random_outputs(distribution, generator), random_outputs(distribution, generator)
    close(distribution.kl(outputs + 1000, other - 1000), distribution.kl(outputs, other), atol=1e-9)
    extreme = torch.tensor([1000.0, 0.0, -1000.0, 0.0], dtype=torch.float64)
    assert float(distribution.entropy(extreme)) == pytest.approx(0.0, abs=1e-12)
    assert distribution.log_prob(extreme, torch.tensor(2)).isfinite()


def test_categorical_takes_actions_of_any_number_type(generator):
    distribution = Categorical(SIZE)
    outputs = random_outputs(distribution, generator)
    actions = draw(distribution, outputs, generator)
    close(distribution.log_prob(outputs, actions.int()), distribution.log_prob(outputs, actions))


@every_distribution
@pytest.mark.parametrize("shape", [(), (7,), SHAPE])
def test_samples_have_the_shape_and_type_of_actions(distribution, generator, shape):
    for dtype in (torch.float32, torch.float64):
        outputs = random_outputs(distribution, generator, shape, dtype)
        actions = draw(distribution, outputs, generator)
        if isinstance(distribution, Categorical):
            assert (actions.shape, actions.dtype) == (shape, torch.int64)
        elif isinstance(distribution, MultiCategorical):
            assert (actions.shape, actions.dtype) == ((*shape, 3), torch.int64)
        elif isinstance(distribution, Bernoulli):
            assert (actions.shape, actions.dtype) == ((*shape, SIZE), torch.int64)
        else:
            assert (actions.shape, actions.dtype) == ((*shape, SIZE), dtype)


def test_gaussian_samples_follow_the_distribution(generator):
    distribution = DiagonalGaussian(SIZE)
    outputs = random_outputs(distribution, generator, ())
    actions = draw(distribution, outputs.expand(20_000, -1), generator)
    for dimension in range(SIZE):
        mean, std = float(outputs[dimension]), float(outputs[SIZE + dimension].exp())
        assert stats.kstest(actions[:, dimension].numpy(), stats.norm(mean, std).cdf).pvalue > 0.01
    correlations = torch.corrcoef(actions.T) - torch.eye(SIZE, dtype=torch.float64)
    assert correlations.abs().max() < 0.03


def test_isotropic_samples_follow_the_distribution(generator):
    distribution = IsotropicGaussian(2, variance=0.3)
    actions = draw(distribution, torch.tensor([1.0, -2.0]).expand(20_000, -1), generator)
    for dimension, mean in enumerate((1.0, -2.0)):
        assert stats.kstest(actions[:, dimension].numpy(), stats.norm(mean, 0.3**0.5).cdf).pvalue > 0.01
    assert abs(torch.corrcoef(actions.T)[0, 1]) < 0.03


def test_gaussian_samples_belong_to_their_own_outputs(generator):
    distribution = DiagonalGaussian(1)
    means = torch.arange(12.0).view(3, 4, 1)
    outputs = torch.cat([means, torch.full_like(means, -10.0)], dim=-1)
    torch.testing.assert_close(draw(distribution, outputs, generator), means, rtol=0, atol=1e-3)


def test_categorical_samples_follow_the_distribution(generator):
    distribution = Categorical(SIZE)
    outputs = random_outputs(distribution, generator, (2,))
    actions = draw(distribution, outputs.expand(20_000, -1, -1), generator)
    for row in range(2):
        counts = torch.bincount(actions[:, row], minlength=SIZE).numpy()
        expected = 20_000 * outputs[row].softmax(dim=0).numpy()
        assert stats.chisquare(counts, expected).pvalue > 0.01


def test_categorical_samples_belong_to_their_own_outputs(generator):
    distribution = Categorical(SIZE)
    certain = torch.arange(12).view(3, 4) % SIZE
    outputs = 1000 * torch.nn.functional.one_hot(certain, SIZE).double()
    torch.testing.assert_close(draw(distribution, outputs, generator), certain)


@pytest.mark.parametrize("name", ["multi_categorical", "bernoulli"])
def test_samples_of_several_choices_follow_the_distribution(name, generator):
    distribution = DISTRIBUTIONS[name]
    outputs = random_outputs(distribution, generator, ())
    actions = draw(distribution, outputs.expand(20_000, -1), generator)
    values, counts = actions.unique(dim=0, return_counts=True)
    expected = 20_000 * distribution.log_prob(outputs.expand(len(values), -1), values).exp()
    assert float(expected.sum()) == pytest.approx(20_000)  # all there are
    assert stats.chisquare(counts.numpy(), expected.numpy()).pvalue > 0.01


@pytest.mark.parametrize("distribution", DISTRIBUTIONS.values(), ids=DISTRIBUTIONS)
def test_without_noise_the_action_is_the_most_likely_one(distribution, generator):
    outputs = random_outputs(distribution, generator, (50,))
    noise = distribution.noise((50,), generator, outputs.dtype)
    likeliest = distribution.log_prob(outputs, distribution.sample(outputs, torch.zeros_like(noise)))
    for _ in range(20):
        assert (distribution.log_prob(outputs, draw(distribution, outputs, generator)) <= likeliest).all()


def test_choices_and_switches_survive_extreme_outputs():
    extreme = torch.tensor([1000.0, 0.0, -1000.0, 30.0], dtype=torch.float64)
    switches, choices = Bernoulli(4), MultiCategorical((2, 2))
    other = torch.tensor([-1000.0, 0.0, 1000.0, -30.0], dtype=torch.float64)
    for distribution in (switches, choices):
        assert distribution.entropy(extreme).isfinite()
        assert distribution.kl(extreme, other).isfinite()
    assert float(switches.kl(extreme, other)) == pytest.approx(1000 + 0 + 1000 + 30)


def test_a_switch_is_a_choice_of_two(generator):
    switches, choices = Bernoulli(3), MultiCategorical((2, 2, 2))
    logits, other = random_outputs(switches, generator), random_outputs(switches, generator)
    pairs, other_pairs = (torch.stack([torch.zeros_like(x), x], dim=-1).flatten(-2) for x in (logits, other))
    actions = draw(switches, logits, generator)
    close(switches.log_prob(logits, actions), choices.log_prob(pairs, actions))
    close(switches.entropy(logits), choices.entropy(pairs))
    close(switches.kl(logits, other), choices.kl(pairs, other_pairs))


@every_distribution
def test_samples_depend_on_the_generators_state_alone(distribution, generator):
    outputs = random_outputs(distribution, generator, (50,))
    state = generator.get_state()
    torch.manual_seed(0)
    first, second = draw(distribution, outputs, generator), draw(distribution, outputs, generator)
    generator.set_state(state)
    torch.manual_seed(1)
    assert torch.equal(draw(distribution, outputs, generator), first)
    assert torch.equal(draw(distribution, outputs, generator), second)
    assert not torch.equal(first, second)
