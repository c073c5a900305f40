"""Chains of every posterior: blocks and steps give the same bytes, warm start included, and every
need of a method is met or refused by name."""

import pytest

from balent import runtime
from balent.config import merge_patch, read_yaml, resolve
from balent.errors import ConfigError
from balent.loop import rounds
from balent.loop.jobs import Job
from balent.posterior import joint

from .conftest import ROLES, ROOT, SETTINGS
from .test_granularities import compare

NETWORK = {"training": {"epochs": None, "steps": 4}}
SCENARIOS = {  # with what they need beside conftest.SHORT
    "variational_cifar10": NETWORK,
    "gaussian_process": {"copies": 1},
    "ensemble_redundant": NETWORK,
}
NEEDS = {  # a method of every need
    "balentacq": "moments",
    "badge": "mean_and_features",
    "coreset": "labelled_features",
    "batchbald": "samples",
    "coremse": "reference",
    "batch_balance": "pairs",
}
REFUSED = {
    ("ensemble_redundant", "batch_balance"): "pairs, which ensemble does not have",
    ("gaussian_process", "batch_balance"): "reference, which gaussian_process does not have",
    ("gaussian_process", "coremse"): "reference, which gaussian_process does not have",
}
OPTIONS = {"batchbald": {"configurations": 500}, "batch_balance": {"divisor": 8}}


@pytest.mark.parametrize("warm_start", [False, True])
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_histories_do_not_depend_on_granularity(scenario, warm_start, arguments, tmp_path):
    patch = SCENARIOS[scenario]
    patch = patch | {"training": patch.get("training", {}) | {"warm_start": warm_start}}
    compare(arguments(scenario, "balentacq", patch=patch), tmp_path)


@pytest.mark.parametrize("method", NEEDS)
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_every_need_is_met_or_refused_by_name(scenario, method, arguments):
    patch = SCENARIOS[scenario] | ROLES
    given = arguments(scenario, method, 0, patch, OPTIONS.get(method))
    if (scenario, method) in REFUSED:
        with pytest.raises(ConfigError) as caught:
            Job.start(**given)
        assert f"method {method!r} needs {REFUSED[scenario, method]}" in str(caught.value)
        return
    problem = Job.start(**given).problem
    posterior = rounds.train(problem, 0, problem.initial, None)
    found = rounds.mc_sample(problem, 0, problem.initial, posterior)
    picks = rounds.acquire(problem, 0, problem.initial, found, 5).indices
    assert len({*picks}) == 5
    assert not {*picks} & {*problem.initial}


POOL_SCOPE = {"sampling": {"mask_scope": "pool"}}
SMALL_POOL = {"pool": {"pool": 50}, "copies": 1}


@pytest.mark.parametrize(
    ("method", "patch", "message"),
    [
        ("batchbald", {}, "the pool, by method 'batchbald', has 3871 points"),
        ("bald", POOL_SCOPE, "the pool, by method 'bald', has 3871 points"),
        ("badge", POOL_SCOPE, "the pool, by method 'badge', has 3871 points"),
        ("coreset", {}, "the pool, by method 'coreset', has 3871 points"),
        ("random", POOL_SCOPE | {"evaluation": {"points": 101}}, "the test set has 101 points"),
        (
            "random",
            POOL_SCOPE | {"acquisition": {"size": 101, "budget": 300}},
            "a round's choice has 101 points",
        ),
        ("bald", {}, None),
        ("random", POOL_SCOPE, None),
        ("batchbald", SMALL_POOL, None),
        ("badge", SMALL_POOL | POOL_SCOPE, None),
    ],
)
def test_what_a_gaussian_process_does_not_draw_together_is_refused_before_training(
    method, patch, message, arguments, monkeypatch
):
    monkeypatch.setattr(joint, "POOL_POINTS", 100)
    given = arguments("gaussian_process", method, patch=patch)
    if message is None:
        problem = Job.start(**given).problem
        posterior = rounds.train(problem, 0, problem.initial, None)
        rounds.mc_sample(problem, 0, problem.initial, posterior)
        rounds.evaluate(problem, 0, problem.initial, posterior, problem.initial)
        return
    with pytest.raises(ConfigError) as caught:
        Job.start(**given)
    assert f"scenarios.gaussian_process.posterior: {message} to draw together" in str(caught.value)
    assert "draws at most 100; choose a method that scores points" in str(caught.value)


@pytest.mark.parametrize("package", ["torch", "gpytorch", "linear_operator"])
def test_the_journal_of_a_gaussian_process_knows_the_packages_that_compute_it(
    package, arguments, monkeypatch
):
    """Another version of gpytorch is another Gaussian process, and the same MC dropout."""
    other = runtime.versions() | {package: "9.9.9"}
    for scenario, known in (("gaussian_process", True), ("fixed_features", package == "torch")):
        job = Job.start(**arguments(scenario))
        before = job.base
        with monkeypatch.context() as patch:
            patch.setattr(runtime, "versions", lambda: other)
            assert (job.base != before) == known


def test_warm_start_goes_on_from_the_weights_of_the_round_before(arguments):
    """As Woo 2023, A.21: its scenario has it."""
    assert SETTINGS.scenarios["variational_cifar10"]["training"]["warm_start"]
    problem = Job.start(**arguments("variational_cifar10", patch=NETWORK)).problem
    first = rounds.train(problem, 0, problem.initial, None).state_dict()
    state = {name: value.clone() for name, value in first.items()}
    warm = rounds.train(problem, 1, problem.initial, state).state_dict()
    fresh = rounds.train(problem, 1, problem.initial, None).state_dict()
    name = "noisy.0.weight"
    moved, other = ((found[name] - state[name]).abs().mean() for found in (warm, fresh))
    assert 0 < moved < other / 3


CONFIG = read_yaml(ROOT / "config.yaml") | {"scale": "small"}
SCHEMA = read_yaml(ROOT / "config.schema.yaml")


@pytest.mark.parametrize(
    ("scenario", "patch", "message"),
    [
        (
            "fixed_features",
            {"posterior": {"name": "dropout"}},
            "posterior.name: 'dropout' is not allowed",
        ),
        (
            "fixed_features",
            {"posterior": {"name": "ensemble", "members": 5}},
            "model.dropout: ensemble does not use it; remove it (dropout: null)",
        ),
        (
            "fixed_features",
            {"posterior": {"name": "ensemble"}, "model": {"dropout": None}},
            "posterior.members: is missing; ensemble has members",
        ),
        (
            "fixed_features",
            {"posterior": {"name": "mc_dropout", "members": 5}},
            "posterior.members: is unknown; mc_dropout has no further keys",
        ),
        (
            "ensemble_redundant",
            {"sampling": {"samples": 10}},
            "sampling.samples: 10 differs from posterior.members, 5; a sample is a member",
        ),
        (
            "ensemble_redundant",
            {"evaluation": {"samples": 10}},
            "evaluation.samples: 10 differs from posterior.members, 5",
        ),
        (
            "gaussian_process",
            {"training": {"batch_size": 32}},
            "training.batch_size: a Gaussian process sees all labelled points in every step",
        ),
        (
            "gaussian_process",
            {"training": {"steps": None, "epochs": 10}},
            "training.epochs: a Gaussian process sees all labelled points in every step",
        ),
        ("fixed_features", {"training": {"batch_size": None}}, "training.batch_size: is missing"),
        (
            "variational_cifar10",
            {"model": {"hidden": 64}},
            "model.hidden: variational_dropout does not use it; remove it (hidden: null)",
        ),
        ("fixed_features", {"model": {"hidden": None}}, "model.hidden is missing"),
    ],
)
def test_what_contradicts_the_posterior_is_refused_in_one_line(scenario, patch, message):
    small = merge_patch(CONFIG["scenarios"][scenario]["small"], patch, keep_null=True)
    entry = CONFIG["scenarios"][scenario] | {"small": small}
    config = CONFIG | {"scenarios": CONFIG["scenarios"] | {scenario: entry}}
    with pytest.raises(ConfigError) as caught:
        resolve(config, SCHEMA)
    text = str(caught.value)
    assert message in text
    assert text.startswith("scenarios.")
    assert "\n" not in text


def test_a_report_names_no_method_that_a_posterior_can_not_serve():
    item = {
        "kind": "curves",
        "title": "t",
        "scenarios": ["gaussian_process"],
        "methods": ["coremse"],
        "metric": "accuracy",
    }
    small = CONFIG["scenarios"]["gaussian_process"]["small"]
    entry = CONFIG["scenarios"]["gaussian_process"] | {
        "small": small | {"pool": {"unlabelled_reference": 100}}
    }
    config = CONFIG | {
        "scenarios": CONFIG["scenarios"] | {"gaussian_process": entry},
        "reports": {"some": item},
    }
    with pytest.raises(ConfigError, match="method 'coremse' needs reference, which gaussian_proc"):
        resolve(config, SCHEMA)
