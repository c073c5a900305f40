"""What report items may ask of the scenarios that they name."""

from copy import deepcopy
from pathlib import Path

import pytest

from balent.config import read_yaml, resolve
from balent.errors import ConfigError
from balent.reports.item_checks import check

from .synthetic import settings

SCENARIOS = {name: settings(name) for name in ("few", "many")}
SETTING = {"kind": "setting", "scenarios": list(SCENARIOS), "setting": "copies"}
ACCURACIES = {"kind": "profiles", "scenarios": ["few"], "accuracies": {"small": {"some": [50]}}}
BALANCE = {"kind": "class_balance", "scenarios": ["few"]}
DUPLICATES = {"kind": "duplicates", "scenarios": ["few"]}
COPIES = {"few": settings("Few"), "many": settings("Many", copies=3)}


@pytest.mark.parametrize(
    ("item", "scenarios", "message"),
    [
        (SETTING, SCENARIOS, r"reports\.t\.setting: .* both have copies 1"),
        (ACCURACIES, SCENARIOS, r"reports\.t\.accuracies\.small: none for scenario 'few', which"),
        (
            BALANCE,
            {"few": settings("Few", data="mine")},
            r"reports\.t\.scenarios: 'few' has data 'mine', but .* label_entropy with kind curves",
        ),
        (DUPLICATES, COPIES, r"reports\.t\.scenarios: the pool of 'few' holds every image once"),
    ],
)
def test_what_cannot_be_shown_is_refused_at_the_start(item, scenarios, message):
    with pytest.raises(ConfigError, match=message) as error:
        check("reports.t", item, scenarios, "small", complete=True)
    assert "\n" not in str(error.value)


def test_what_can_be_shown_passes():
    check("reports.t", SETTING, COPIES, "small", complete=True)
    check("reports.t", DUPLICATES | {"scenarios": ["many"]}, COPIES, "small", complete=True)
    check("reports.t", BALANCE, SCENARIOS, "small", complete=True)
    check("reports.t", ACCURACIES, {}, "small", complete=True)  # undefined: nothing to show
    check("reports.t", ACCURACIES, SCENARIOS, "small", complete=False)


ROOT = Path(__file__).parents[2]
SCHEMA = read_yaml(ROOT / "config.schema.yaml")
CONFIG = read_yaml(ROOT / "config.yaml")


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        (
            "extra/mc_samples",
            {"setting": "sampling.mask_scope"},
            r"mc_samples\.setting: .* 'batch'",
        ),
        (
            "extra/profiles",
            {"accuracies": {"small": {"fixed_features": [0.9]}}},
            r"accuracies\.small\.fixed_features\.0: 0\.9 .*a percentage from 1 to 100",
        ),
        (
            "extra/profiles",
            {"accuracies": {"small": {"full_droput": [90]}}},
            r"profiles\.accuracies\.small: unknown scenario .* did you mean 'full_dropout'",
        ),
        (
            "extra/labels_needed",
            {"accuracies": {"small": {"full_dropout": [90]}}},
            r"labels_needed\.accuracies\.small: none for scenario 'fixed_features'",
        ),
        ("extra/paired_tests", {"baseline": "batchbald"}, r"compares with 'batchbald'; add it"),
    ],
)
def test_the_configuration_is_held_against_it(name, changes, message):
    config = deepcopy(CONFIG) | {"scale": "small"}
    config["reports"] = {name: config["reports"][name] | changes}
    with pytest.raises(ConfigError, match=message) as error:
        resolve(config, SCHEMA)
    assert "\n" not in str(error.value)
