"""What a round computes for a method: what it declared, with the masks that it declared."""

from dataclasses import fields, replace

import numpy as np
import pytest
import torch

from balent.acquisition import catalog
from balent.config import read_yaml, resolve
from balent.errors import ConfigError, MemoryBudgetError
from balent.loop import rounds
from balent.loop.jobs import Job
from balent.loop.predictions import Sampled, load_predictions, save_predictions
from balent.posterior import memory

from .conftest import ROLES, ROOT

SHARED = {
    "random": set(),
    "bald": {"moments"},
    "badge": {"moments", "features"},
    "coreset": {"moments", "features", "labelled_features"},
    "batchbald": {"samples"},
    "coremse": {"samples", "reference"},
    "batch_balance": {
        "samples",
        "pairs",
        "reference",
        "reference_pairs",
        "validation_error",
    },
}


@pytest.fixture
def sampled(arguments):
    """sampled(method) -> (problem, labelled, network, what step mc_sample of round 1 gives)."""

    def run(method: str, scenario: str = "fixed_features"):
        problem = Job.start(**arguments(scenario, method, patch=ROLES)).problem
        posterior = rounds.train(problem, 1, problem.initial, None)
        with torch.no_grad():  # predictions that depend on the sample
            posterior.network.last.weight.mul_(8)
        found = rounds.mc_sample(problem, 1, problem.initial, posterior)
        return problem, problem.initial, posterior.network, found

    return run


def present(found: Sampled) -> set[str]:
    values = {**vars(found.predictions), **vars(found)}
    return {k for k, v in values.items() if v is not None} - {
        "n_points",
        "n_samples",
        "predictions",
    }


@pytest.mark.parametrize("method", SHARED)
def test_a_round_computes_what_the_method_declared_and_nothing_else(method, sampled):
    problem, labelled, _, found = sampled(method)
    assert present(found) == SHARED[method]
    assert found.predictions.n_points == len(problem.pool) - len(labelled)


@torch.no_grad()
def dense(problem, model, inputs, index, streams):
    """Probabilities [n, K, C] and mean features [n, D] by K passes with the masks of a pool."""
    samples = problem.chain.settings["sampling"]["samples"]
    masks = model.draw_masks(samples, streams.torch("masks", 0))
    x = model.stem(inputs.gather(torch.as_tensor(index)))
    h = [model.penultimate(x, [mask[k, None] for mask in masks]) for k in range(samples)]
    return torch.stack([model.last(h_k).softmax(1) for h_k in h], 1), torch.stack(h, 1).mean(1)


@pytest.mark.parametrize("scenario", ["fixed_features", "full_dropout"])
def test_pool_and_reference_set_see_the_same_masks_and_pairs_others(scenario, sampled):
    problem, labelled, model, found = sampled("batch_balance", scenario)
    predictions = found.predictions
    remaining, reference = problem.remaining(labelled), np.arange(50)
    first = problem.streams(1)
    for name, inputs, index, streams in (
        ("samples", problem.pool, remaining, first),
        ("pairs", problem.pool, remaining, first.at(1)),
        ("reference", problem.reference, reference, first),
        ("reference_pairs", problem.reference, reference, first.at(1)),
    ):
        expected, _ = dense(problem, model, inputs, index, streams)
        torch.testing.assert_close(getattr(predictions, name), expected, rtol=1e-4, atol=1e-6)
    assert (predictions.samples - predictions.pairs).abs().mean() > 0.01


def test_labelled_features_are_those_of_the_pool_with_the_same_masks(sampled):
    problem, labelled, model, found = sampled("coreset")
    for index, features in (
        (labelled, found.labelled_features),
        (problem.remaining(labelled), found.predictions.features),
    ):
        _, expected = dense(problem, model, problem.pool, index, problem.streams(1))
        torch.testing.assert_close(features, expected, rtol=1e-5, atol=1e-6)


def test_the_validation_error_is_without_dropout_on_points_outside_pool_and_reference(sampled):
    problem, _, model, found = sampled("balance", "full_dropout")
    with torch.no_grad():
        logits = model(problem.validation.gather(torch.arange(60)))
    error = (logits.argmax(1) != problem.validation_labels).double().mean().item()
    assert found.validation_error == error
    assert 0 < error < 1
    sets = (problem.pool, problem.validation, problem.reference)
    rows = np.concatenate([points.row(np.arange(len(points))) for points in sets])
    assert len(np.unique(rows)) == len(rows) == 1297


@pytest.mark.parametrize("method", SHARED)
def test_what_was_sampled_survives_its_file(method, sampled, tmp_path):
    *_, found = sampled(method)
    save_predictions(tmp_path / "p.npz", found, seconds=1.5)
    loaded, seconds = load_predictions(tmp_path / "p.npz")
    assert seconds == 1.5
    assert loaded.validation_error == found.validation_error
    for number in ("n_points", "n_samples"):
        assert getattr(loaded.predictions, number) == getattr(found.predictions, number)
    assert present(loaded) == present(found)
    pairs = [(loaded.labelled_features, found.labelled_features)]
    if found.predictions.moments is not None:
        pairs += zip(
            vars(loaded.predictions.moments).values(),
            vars(found.predictions.moments).values(),
            strict=True,
        )
    for field in fields(found.predictions):
        if field.name not in ("moments", "n_points", "n_samples"):
            pairs.append([getattr(x.predictions, field.name) for x in (loaded, found)])
    for a, b in pairs:
        assert (a is None and b is None) or torch.equal(a, b)


@pytest.mark.parametrize(
    ("method", "role"), [("batch_balance", "validation"), ("coremse", "unlabelled_reference")]
)
def test_a_method_whose_role_is_absent_does_not_start(method, role, arguments):
    with pytest.raises(ConfigError) as caught:
        Job.start(**arguments("fixed_features", method))
    message = str(caught.value)
    assert message.startswith(
        f"scenarios.fixed_features.pool: method {method!r} needs the index role {role!r}"
    )
    assert message.endswith(f"add {role}: <number of points>")


@pytest.mark.parametrize("method", ["balance", "batch_balance", "balance_partition", "coremse"])
def test_the_configuration_says_so_at_its_start(method):
    def resolved(pool: dict):
        config = read_yaml(ROOT / "config.yaml") | {"scale": "small"}
        config["scenarios"]["fixed_features"]["small"]["pool"] = pool
        config["reports"] = {
            "mine": {
                "kind": "curves",
                "title": "Mine",
                "scenarios": ["fixed_features"],
                "methods": [method],
                "metric": "accuracy",
            }
        }
        return resolve(config, read_yaml(ROOT / "config.schema.yaml"))

    assert resolved(ROLES["pool"]).methods[method]["function"] == method
    with pytest.raises(ConfigError, match=rf"fixed_features.*{method}.*add unlabelled_ref"):
        resolved({"validation": 60})


def test_samples_beyond_the_memory_are_refused_before_training(arguments, monkeypatch):
    needed = 4 * 2 * (1297 - 60 - 50 + 50) * 5 * 10  # pool and reference set, two sets of masks
    monkeypatch.setattr(memory, "device_memory", lambda device: needed)
    Job.start(**arguments("fixed_features", "batch_balance", patch=ROLES))
    monkeypatch.setattr(memory, "device_memory", lambda device: needed - 1)
    with pytest.raises(MemoryBudgetError, match="samples of 2474 points x 5 masks x 10 classes"):
        Job.start(**arguments("fixed_features", "batch_balance", patch=ROLES))
    Job.start(**arguments("fixed_features", "bald"))


def test_an_option_can_add_a_need(arguments, monkeypatch):
    original = catalog.find
    entry = original("power_bald")
    spec = replace(entry.spec, option_needs=(("gumbel_scale", "samples"),))
    changed = replace(entry, spec=spec)
    monkeypatch.setattr(
        catalog, "find", lambda name: changed if name == "power_bald" else original(name)
    )
    for options, expected in (
        ({"gumbel_scale": 1.0}, {"moments"}),
        ({"gumbel_scale": 2.0}, {"moments", "samples"}),
    ):
        problem = Job.start(**arguments("fixed_features", "power_bald", options=options)).problem
        posterior = rounds.new_posterior(problem, 0)
        found = rounds.mc_sample(problem, 0, problem.initial, posterior)
        assert present(found) == expected
