"""Variational dropout against the moments that define it, and its divergence."""

import math

import numpy as np
import pytest
import torch
from scipy.integrate import quad

from balent.errors import ConfigError
from balent.models.build import build_variational
from balent.models.variational import COEFFICIENTS, VariationalLinear
from balent.streams import Streams

HEAD = {"family": "head"}
CNN = {"family": "cnn", "channels": [4, 6], "kernels": [3, 2]}
BACKBONE = {
    "family": "backbone",
    "encoder": {"name": "narrow_resnet", "stem": "small", "width": 4, "blocks": [1]},
}
SPECS = {"head": (HEAD, (7,)), "cnn": (CNN, (1, 8, 8)), "backbone": (BACKBONE, (1, 8, 8))}
DRAWS = 40_000


def generator(name="masks"):
    return Streams(1).torch(name)


@pytest.fixture
def layer():
    """A layer of 6 inputs and 4 outputs, α = 0.4, with weights, bias and 3 points (one all 0)."""
    layer = VariationalLinear(6, 4, alpha=0.4)
    random = generator("weights")
    with torch.no_grad():
        for parameter in (layer.weight, layer.bias):
            parameter.copy_(torch.randn(parameter.shape, generator=random))
    x = torch.randn(3, 6, generator=random)
    x[2] = 0
    return layer, x


def network(family="head", alpha=0.25, hidden=(9, 8)):
    spec, shape = SPECS[family]
    weights = Streams(0).torch("weights")
    model = build_variational(spec, shape, 5, weights, hidden=hidden, alpha=alpha).eval()
    return model, torch.randn(6, *shape, generator=generator("noise"))


def moments(layer, x):
    """Aθ + b and α A² θ², [n, out], in float64."""
    x, weight = x.double(), layer.weight.double()
    return x @ weight.T + layer.bias.double(), layer.alpha.double() * x**2 @ (weight**2).T


def assert_moments(drawn, mean, variance):
    """drawn [S, n, out] has these moments, within five standard errors."""
    drawn = drawn.double()
    error = (variance / len(drawn)).sqrt()
    assert ((drawn.mean(0) - mean).abs() <= 5 * error + 1e-6).all()
    assert (
        (drawn.var(0) - variance).abs() <= 5 * variance * math.sqrt(2 / len(drawn)) + 1e-9
    ).all()


@torch.no_grad()
def test_reparameterised_outputs_have_the_mean_and_variance_of_the_weights(layer):
    layer, x = layer
    noise = torch.randn(DRAWS * 3, 4, generator=generator())
    assert_moments(layer(x.repeat(DRAWS, 1), noise).view(DRAWS, 3, 4), *moments(layer, x))


@torch.no_grad()
def test_drawn_weights_give_outputs_with_the_same_moments(layer):
    layer, x = layer
    weights = layer.draw(DRAWS, generator())  # [S, out, in]
    assert_moments(x @ weights.mT + layer.bias, *moments(layer, x))
    deviation = layer.weight.abs() * layer.alpha.sqrt()
    torch.testing.assert_close(weights.std(0), deviation, rtol=0.03, atol=1e-4)
    torch.testing.assert_close(weights.mean(0), layer.weight, rtol=0, atol=0.05)


@torch.no_grad()
def test_points_share_drawn_weights_but_not_reparameterised_outputs(layer):
    """Of two equal points: correlation 1 through weights, 0 through noise of their own."""
    layer, x = layer
    twice = x[[0, 0]]
    shared = twice @ layer.draw(DRAWS, generator()).mT  # [S, 2, out]
    assert torch.equal(shared[:, 0], shared[:, 1])
    noise = torch.randn(DRAWS * 2, 4, generator=generator())
    own = layer(twice.repeat(DRAWS, 1), noise).view(DRAWS, 2, 4)
    correlation = np.corrcoef(own[:, 0, 0], own[:, 1, 0])[0, 1]
    assert abs(correlation) < 5 / math.sqrt(DRAWS)


@pytest.mark.parametrize("family", SPECS)
@torch.no_grad()
def test_both_ways_to_predict_agree_in_the_moments_of_a_points_logits(family):
    """Two layers: given its inputs, a layer's units are independent either way, so that a point's
    logits have one joint distribution: means, deviations and correlations are equal. Those of two
    points are not: they share weights, and noise they do not."""
    model, x = network(family, alpha=0.5)
    model.last.weight.mul_(3)
    samples, n = 16_000, len(x)
    stem = model.stem(x)
    weights = model.networks(samples, generator())(slice(0, samples))(stem, False)[0]  # [S, C, n]
    points = model.networks(samples, generator(), n)(slice(0, samples))(stem, False)[0]
    spread = weights.std(0)
    assert ((weights.mean(0) - points.mean(0)).abs() < 5 * spread / math.sqrt(samples / 2)).all()
    torch.testing.assert_close(spread, points.std(0), rtol=0.08, atol=1e-4)
    for point in range(n):
        shared, own = (torch.corrcoef(y[:, :, point].T) for y in (weights, points))  # [C, C]
        torch.testing.assert_close(shared, own, rtol=0, atol=0.06)
        assert (shared - torch.eye(5)).abs().max() > 0.2  # the case is not trivial
    shared, own = (torch.corrcoef(y[:, 0].T) - torch.eye(n) for y in (weights, points))  # [n, n]
    assert shared.abs().max() > 0.3
    assert own.abs().max() < 5 / math.sqrt(samples)


@pytest.mark.parametrize("family", SPECS)
@torch.no_grad()
def test_without_noise_it_is_the_deterministic_network(family):
    model, x = network(family, alpha=1e-12)
    expected = model(x)
    noise = model.draw_masks(len(x), generator())
    torch.testing.assert_close(model(x, noise), expected, rtol=1e-4, atol=1e-5)
    drawn, _ = model.networks(2, generator())(slice(0, 2))(model.stem(x), False)
    torch.testing.assert_close(drawn[1].T, expected, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(model.deterministic(model.stem(x)), expected)


def exact(alpha):
    """KL up to its constant, by numerical integration: E[log |1 + √α ε|] - log(α)/2."""

    def density(epsilon):
        value = math.log(abs(1 + math.sqrt(alpha) * epsilon))
        return value * math.exp(-(epsilon**2) / 2) / math.sqrt(2 * math.pi)

    pole = -1 / math.sqrt(alpha)
    expected = sum(
        quad(density, a, b, limit=200)[0]
        for a, b in ((-9, min(pole, 9)), (max(pole, -9), 9))
        if a < b
    )
    return expected - math.log(alpha) / 2


def test_the_divergence_is_that_of_the_log_uniform_prior():
    """The polynomial against numerical integration, up to one constant: within 0.02 over α ≤ 1."""
    alphas = np.array([0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.95])
    layer = VariationalLinear(10, 20, alpha=0.5)
    found = []
    for alpha in alphas:
        layer.start = alpha
        layer.reset_alpha()
        found.append(layer.divergence().item() / 200)
    difference = np.array(found) - [exact(alpha) for alpha in alphas]
    assert np.ptp(difference) < 0.04
    assert np.ptp(found) > 1.5


def test_the_divergence_has_the_published_coefficients():
    layer = VariationalLinear(3, 2, alpha=0.5)
    c = COEFFICIENTS
    expected = -6 * (0.5 * math.log(0.5) + c[0] * 0.5 + c[1] * 0.25 + c[2] * 0.125)
    assert layer.divergence().item() == pytest.approx(expected, rel=1e-6)
    assert c == (1.16145124, -1.50204118, 0.58629921)


def test_descending_the_divergence_brings_alpha_towards_1():
    layer = VariationalLinear(3, 2, alpha=0.9)
    for _ in range(200):
        layer.zero_grad()
        layer.divergence().backward()
        with torch.no_grad():
            layer.logit -= layer.logit.grad
    assert layer.alpha > 0.99


@pytest.mark.parametrize("logit", [-40.0, 40.0])
def test_the_divergence_and_its_gradient_are_finite_far_out(logit):
    """In float32 α is exactly 1 from a parameter of 17 on."""
    layer = VariationalLinear(3, 2, alpha=0.5)
    with torch.no_grad():
        layer.logit.fill_(logit)
    divergence = layer.divergence()
    divergence.backward()
    assert divergence.isfinite()
    assert layer.logit.grad.isfinite()
    assert layer.alpha.item() == (1 if logit > 0 else pytest.approx(math.exp(logit)))
    constant = -6 * sum(COEFFICIENTS) if logit > 0 else 3 * -logit
    assert divergence.item() == pytest.approx(constant, rel=1e-5)


def test_every_parameter_has_a_finite_gradient_even_where_inputs_are_0(layer):
    model, x = network()
    x[0] = 0
    model(x, model.draw_masks(len(x), generator())).square().sum().backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.abs().sum() > 0, name


def test_the_noise_shapes_the_gradient_of_alpha():
    """Without the divergence, more noise means more loss: α goes down."""
    model, x = network(alpha=0.5)
    noise = model.draw_masks(len(x), generator())
    model(x, noise).square().sum().backward()
    for layer in model.layers:
        assert layer.logit.grad is not None
        assert layer.logit.grad > 0.01


def test_its_layers_are_those_of_the_paper():
    """A.21: 2048-1024-1024-10, the last without bias; two α besides."""
    weights = Streams(0).torch("weights")
    model = build_variational(HEAD, (2048,), 10, weights, hidden=[1024, 1024], alpha=0.25)
    parameters = sum(p.numel() for p in model.parameters())
    assert parameters == 2048 * 1024 + 1024 + 1024 * 1024 + 1024 + 1024 * 10 + 2
    assert [round(layer.alpha.item(), 6) for layer in model.layers] == [0.25, 0.25]


def test_images_too_small_for_the_convolutions_are_refused():
    with pytest.raises(ConfigError, match="leave nothing of images of 2x2 pixels"):
        build_variational(CNN, (1, 2, 2), 5, generator(), hidden=[4], alpha=0.2)
