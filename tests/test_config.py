"""The configuration: what is refused, in one line, and what it resolves to."""

from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import pytest

from balent.budget import label_counts, rounds
from balent.config import merge_patch, read_yaml, resolve
from balent.errors import ConfigError

ROOT = Path(__file__).parents[1]
CONFIG = read_yaml(ROOT / "config.yaml")
SCHEMA = read_yaml(ROOT / "config.schema.yaml")


def changed(path: str, value: object) -> dict:
    """The project's configuration with one value replaced or added."""
    config = deepcopy(CONFIG)
    *parents, last = path.split("/")
    node = config
    for key in parents:
        node = node.setdefault(key, {})
    node[last] = value
    return config


@pytest.mark.parametrize("scale", ["small", "cpu", "paper"])
def test_the_shipped_configuration_resolves_at_every_scale(scale):
    settings = resolve(changed("scale", scale), SCHEMA)
    table = settings.reports["table1"]
    assert set(table["scenarios"]) == set(settings.scenarios) & set(table["scenarios"]) | (
        set(settings.undefined) & set(table["scenarios"])
    )
    assert len(table["methods"]) == 7
    assert not settings.undefined or scale == "cpu"


def test_paper_settings_of_mnist():
    chain = resolve(changed("scale", "paper"), SCHEMA).scenarios["full_dropout"]
    assert chain["data"] == "mnist"
    assert chain["training"]["learning_rate"] == 0.01
    assert chain["training"]["batch_size"] == 128
    assert chain["training"]["epochs"] == 150
    assert chain["sampling"] == {"samples": 100, "mask_scope": "batch"}
    assert rounds(chain["acquisition"]) == 281


def test_an_inherited_scenario_differs_only_where_it_says_so():
    scenarios = resolve(changed("scale", "paper"), SCHEMA).scenarios
    paper, released = scenarios["full_dropout"], scenarios["full_dropout_released"]
    assert released["model"] == paper["model"] | {"last_bias": True}
    assert released["training"]["batch_size"] == 16
    assert released["training"]["epochs"] == paper["training"]["epochs"]
    assert scenarios["redundant_features"] == scenarios["fixed_features"] | {
        "title": "Redundant images + Fixed feature",
        "copies": 3,
    }


WRONG = {
    "sacle": ("small", "unknown key 'sacle'; did you mean 'scale'?"),
    "scale": ("tiny", "scale: 'tiny' is not allowed (allowed: small, cpu, paper)"),
    "seeds": ("0", "seeds: '0' is not of type array"),
    "torch_threads": (0, "torch_threads: 0 is less than the minimum"),
    "device": ("gpu", "device: 'gpu' does not match"),
    "methods/bald/function": ("blad", "unknown method 'blad'; did you mean 'bald'?"),
    "methods/bald/options": ({"priority": "P1"}, "bald: unknown option 'priority'"),
    "reports/table1/methods": (["blad"], "unknown method 'blad'; did you mean 'bald'?"),
    "reports/table1/scenarios": (["mnist"], "unknown scenario 'mnist'"),
    "reports/table1/kind": ("tabel", "unknown kind 'tabel'"),
    "reports/table1/budgets/small": ({"full_dropout": [33]}, "no round has 33 labels"),
    "scenarios/full_dropout/small/data": ("mnits", "unknown data set 'mnits'; did you mean"),
    "scenarios/full_dropout/small/pool": (
        {"pool": 100},
        "scenarios.full_dropout.small.acquisition.budget: 120 labels exceed the pool of 100",
    ),
    "scenarios/full_dropout/small/training": (
        {"steps": 10},
        "give either epochs or steps, not both or neither",
    ),
    "scenarios/full_dropout/small/acquisition": ({"budget": 20}, "is not above the initial set"),
    "scenarios/full_dropout/small/modle": ({}, "unknown key 'modle'; did you mean 'model'?"),
    "scenarios/full_dropout/small/model": ({"dropout": 1.5}, "model.dropout: 1.5"),
    "scenarios/fixed_features/small/features": ("simlcr", "did you mean 'simclr'?"),
    "scenarios/redundant_features/inherit": ("redundant_features", "goes round in a circle"),
}


@pytest.mark.parametrize("path", WRONG)
def test_a_wrong_value_is_one_clear_line(path):
    value, message = WRONG[path]
    with pytest.raises(ConfigError) as error:
        resolve(changed(path, value), SCHEMA)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_a_method_whose_role_is_absent_is_refused_by_name(monkeypatch):
    from balent.acquisition import catalog

    original = catalog.find
    found = original("bald")
    entry = replace(found, spec=replace(found.spec, roles=("validation",)))
    monkeypatch.setattr(catalog, "find", lambda name: entry if name == "bald" else original(name))
    with pytest.raises(ConfigError, match=r"'bald' needs the index role 'validation'"):
        resolve(deepcopy(CONFIG), SCHEMA)


def test_merge_patch_removes_with_null():
    base = {"training": {"epochs": 150, "batch_size": 8}, "a": 1}
    patch = {"training": {"epochs": None, "steps": 10}}
    assert merge_patch(base, patch) == {"training": {"batch_size": 8, "steps": 10}, "a": 1}
    assert base["training"]["epochs"] == 150
    kept = merge_patch(patch, {"a": 2}, keep_null=True)
    assert kept == {"training": {"epochs": None, "steps": 10}, "a": 2}


def test_label_counts_end_at_the_budget():
    sizes = {"initial": 20, "size": 30, "budget": 100}
    assert label_counts(sizes) == [20, 50, 80, 100]
    assert rounds(sizes) == 4
    assert label_counts({"initial": 20, "size": 40, "budget": 100}) == [20, 60, 100]


def test_a_file_that_is_not_yaml_is_one_line(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text("scale: [small\nseeds: 0")
    with pytest.raises(ConfigError) as error:
        read_yaml(path)
    assert "\n" not in str(error.value)
    path.write_text("- a")
    with pytest.raises(ConfigError, match="mapping"):
        read_yaml(path)
