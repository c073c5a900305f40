"""The linear probe on data whose answer is known."""

import numpy as np
import pytest

from balent.errors import ConfigError
from balent.features.probe import ProbeSettings, probe


def blobs(n: int, spread: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Three classes around the corners of a triangle, in features of very different scale."""
    generator = np.random.default_rng(seed)
    y = np.arange(n) % 3
    centres = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    x = centres[y] + spread * generator.standard_normal((n, 2))
    return x * [1e-3, 1e3] + [5.0, -2e3], y


def test_separable_data_are_separated() -> None:
    result = probe(*blobs(300, 0.05, 0), *blobs(150, 0.05, 1), ProbeSettings())
    assert (result.train, result.test) == (1.0, 1.0)
    assert result.converged


def test_labels_without_a_relation_give_chance() -> None:
    x, _ = blobs(3000, 1.0, 0)
    y = np.random.default_rng(5).integers(0, 3, 3000)
    result = probe(x[:2000], y[:2000], x[2000:], y[2000:], ProbeSettings())
    assert result.test == pytest.approx(1 / 3, abs=0.06)


def test_images_are_flattened_and_the_test_set_does_not_leak() -> None:
    """Standardisation and fit come from the training part alone."""
    x, y = blobs(300, 0.3, 0)
    images = np.round((x - x.min(0)) / np.ptp(x, 0) * 255).astype(np.uint8).reshape(-1, 1, 2)
    whole = probe(images[:200], y[:200], images[200:], y[200:], ProbeSettings())
    half = probe(images[:200], y[:200], images[200:250], y[200:250], ProbeSettings())
    other = probe(images[:200], y[:200], images[250:], y[250:], ProbeSettings())
    assert whole.train == half.train == other.train
    assert whole.test == pytest.approx((half.test + other.test) / 2)


def test_an_unfinished_fit_says_so() -> None:
    result = probe(*blobs(300, 0.5, 0), *blobs(150, 0.5, 1), ProbeSettings(max_iter=2))
    assert not result.converged


def test_is_deterministic() -> None:
    arguments = (*blobs(300, 0.5, 0), *blobs(150, 0.5, 1))
    assert probe(*arguments, ProbeSettings()) == probe(*arguments, ProbeSettings())


@pytest.mark.parametrize(
    ("mapping", "words"),
    [
        ({"c": 1}, "unknown key 'c'; allowed are inverse_l2"),
        ({"inverse_l2": 0}, "inverse_l2 is 0, but must be above 0"),
        ({"max_iter": 0}, "max_iter is 0"),
        ({"references": ["edges"]}, "unknown reference 'edges'; allowed are pixels, random"),
    ],
)
def test_bad_settings_are_refused(mapping: dict, words: str) -> None:
    with pytest.raises(ConfigError, match="probe: ") as error:
        ProbeSettings.of(mapping)
    assert words in str(error.value)
