"""What the methods of Tables 3 and 4 (P1, P3, Cases 1 to 5) pick, as the configuration has them."""

import math
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from scipy import special, stats

from balent import score, select
from balent.config import read_yaml

METHODS = read_yaml(Path(__file__).parents[2] / "config.yaml")["methods"]
SIZE = 20


@pytest.fixture(scope="module")
def probs() -> np.ndarray:
    """Predictions [400, 50, 6] from certain to uncertain, in agreement and in disagreement."""
    rng = np.random.default_rng(5)
    sharpness = rng.uniform(0, 4, (400, 1, 1))
    centre, width = rng.normal(size=(400, 1, 6)), rng.uniform(0.05, 3, (400, 1, 1))
    return special.softmax(sharpness * centre + width * rng.normal(size=(400, 50, 6)), axis=2)


def options(name: str) -> dict:
    return METHODS[name].get("options", {})


def picks(name: str, probs: np.ndarray) -> list[int]:
    return select("balentacq", probs, SIZE, **options(name)).tolist()


def balance(probs: np.ndarray, level: float = math.log(2)) -> np.ndarray:
    """(S + H) / (H + level), from Beta distributions of scipy."""
    m, v = probs.mean(axis=1), probs.var(axis=1)
    a = m**2 * (1 - m) / v - m
    b = (1 / m - 1) * a
    h = -special.xlogy(m, m).sum(axis=1)
    return ((m * stats.beta(a + 1, b).entropy()).sum(axis=1) + h) / (h + level)


def test_priorities_pick_the_smallest_the_smallest_above_0_and_the_largest(probs):
    b = balance(probs)
    order = np.argsort(b)
    above = order[b[order] >= 0]
    assert SIZE < len(above) < len(b) - SIZE
    assert picks("p1", probs) == order[:SIZE].tolist()
    assert picks("balentacq", probs) == above[:SIZE].tolist()
    assert picks("p3", probs) == order[::-1][:SIZE].tolist()


def test_the_three_priorities_share_no_pick(probs):
    chosen = [set(picks(name, probs)) for name in ("p1", "balentacq", "p3")]
    assert not any(one & other for one, other in combinations(chosen, 2))


@pytest.mark.parametrize("case", [1, 2, 4, 5])
def test_a_case_is_the_balance_at_its_precision_level(probs, case):
    b = balance(probs, (case - 2) * math.log(2))
    found = score("balentacq", probs, **options(f"case{case}"))
    h = -special.xlogy(probs.mean(axis=1), probs.mean(axis=1)).sum(axis=1)
    valid = h + (case - 2) * math.log(2) > 0
    # scipy's entropy of concentrated Beta distributions is an expansion, good to four digits
    assert found[valid] == pytest.approx(np.where(b >= 0, 1 / b, b)[valid], rel=1e-4)
    assert (found[~valid] == -math.inf).all()
    assert (~valid).any() == (case == 1)


def test_case_3_is_balentacq_and_every_other_case_ranks_otherwise(probs):
    def ranks(precision):
        return np.argsort(-score("balentacq", probs, precision=precision), kind="stable").tolist()

    default = np.argsort(-score("balentacq", probs), kind="stable").tolist()
    assert ranks(3) == default
    for case in (1, 2, 4, 5):
        assert options(f"case{case}") == {"precision": case}
    found = [ranks(case) for case in range(1, 6)]
    assert all(one != other for one, other in combinations(found, 2))
