"""The table of settings is what is run."""

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from balent.config import read_yaml, resolve
from balent.reports.configuration_table import (
    OUR_COLUMNS,
    PAPER_COLUMNS,
    configuration_table,
    write,
)

from .synthetic import SCENARIOS, settings

ROOT = Path(__file__).parents[2]
ITEM = {"kind": "configuration_table", "title": "Table 2", "scenarios": list(SCENARIOS)}


def table(context, **scenarios) -> pd.DataFrame:
    item = ITEM | {"scenarios": list(scenarios)}
    return configuration_table(item, replace(context, scenarios=scenarios)).set_index("Scenario")


def test_the_paper_s_columns_stand_in_its_order():
    assert (
        *("Scenario", "Dataset", "# Classes", "K", "K_tot", "Backbone", "Loss", "Image size"),
        *("Batch size", "Optimizer", "Epochs", "Learning rate", "Dropout", "MC trials"),
    ) == PAPER_COLUMNS


def test_a_row_of_the_paper(context):
    """The first row of the paper's Table 2."""
    scenario = settings(
        "Full dropouts",
        data="mnist",
        model={"family": "cnn", "hidden": 128, "dropout": 0.5, "last_bias": False},
        training={"batch_size": 128, "learning_rate": 0.01, "epochs": 150, "warm_start": False},
        sampling={"samples": 100, "mask_scope": "batch"},
        acquisition={"initial": 20, "balanced": True, "size": 1, "budget": 300},
    )
    row = table(context, mnist=scenario).loc["Full dropouts", list(PAPER_COLUMNS[1:])]
    assert list(row) == [
        *("MNIST", 10, 1, 300, "CNN", "Cross-entropy", "28 × 28", 128, "Adam", 150, "0.01"),
        *("50%", 100),
    ]


def test_features_copies_and_augmentation(context):
    features = {
        "simclr": {
            "title": "SimCLR",
            "simclr": {"encoder": {"name": "resnet50", "stem": "imagenet"}, "image_size": 224},
        }
    }
    head = settings(
        "Redundant",
        data="cifar100",
        copies=3,
        features="simclr",
        model={"family": "head", "hidden": 2048, "dropout": 0.2, "last_bias": False},
    )
    backbone = settings(
        "Backbone",
        data="tiny_imagenet",
        model={
            "family": "backbone",
            "encoder": {
                "name": "narrow_resnet",
                "stem": "small",
                "pretrained": "simclr",
                "features": "simclr32",
            },
            "hidden": 2048,
            "dropout": 0.2,
            "last_bias": True,
        },
        training={
            "batch_size": 128,
            "learning_rate": 0.0003,
            "epochs": 100,
            "warm_start": True,
            "augmentation": {"crop": [0.2, 1.0], "flip": True, "blur": 0},
        },
        evaluation={"samples": 20, "points": 2000},
    )
    rows = table(replace(context, features=features), head=head, backbone=backbone)
    assert rows.loc["Redundant", "Dataset"] == "3×CIFAR-100"
    assert rows.loc["Redundant", "Backbone"] == "ResNet-50 (fixed)"
    assert rows.loc["Redundant", "Image size"] == "224 × 224"
    assert rows.loc["Redundant", "Features"] == "simclr"
    assert rows.loc["Redundant", "Weights of a round"] == "fresh"
    assert rows.loc["Backbone", "Backbone"] == "Narrow ResNet (small stem, simclr weights)"
    assert rows.loc["Backbone", "Image size"] == "64 × 64"
    assert rows.loc["Backbone", "Features"] == "simclr32"
    assert rows.loc["Backbone", "Augmentation"] == "crop 0.2–1.0, flip"
    assert rows.loc["Backbone", "Weights of a round"] == "of the round before"
    assert rows.loc["Backbone", "Last-layer bias"] == "yes"
    assert rows.loc["Backbone", "Test"] == "first 2,000 points, 20 samples"


def test_the_shipped_configuration_at_paper_scale(context):
    shipped = resolve(
        read_yaml(ROOT / "config.yaml") | {"scale": "paper"}, read_yaml(ROOT / "config.schema.yaml")
    )
    shipped = replace(context, scenarios=shipped.scenarios, features=shipped.features)
    names = ["full_dropout", "fixed_features", "pretrained_backbone"]
    frame = configuration_table({"scenarios": names}, shipped)
    columns = ["Dataset", "K", "K_tot", "Backbone", "Image size", "Features"]
    assert [tuple(row) for row in frame[columns].itertuples(index=False)] == [
        ("MNIST", 1, 300, "CNN", "28 × 28", "none"),
        ("CIFAR-100", 500, 30_000, "ResNet-50 (fixed)", "224 × 224", "simclr"),
        ("SVHN", 2500, 30_000, "ResNet-18 (imagenet weights)", "32 × 32", "none"),
    ]


def test_a_user_s_own_data_set_goes_by_its_name(context):
    row = table(context, mine=settings("Mine", data="beans")).loc["Mine"]
    assert (row["Dataset"], row["# Classes"], row["Image size"]) == ("beans", "", "")


def test_an_undefined_scenario_says_so_and_steps_stand_for_epochs(context, tmp_path):
    scenarios = {name: value for name, value in SCENARIOS.items() if name != "backbone"}
    part = replace(context, scenarios=scenarios, undefined={"backbone": "Backbone"})
    write(ITEM, part, tmp_path / "table2")
    frame = pd.read_csv(tmp_path / "table2.csv", keep_default_na=False).set_index("Scenario")
    assert list(frame.columns) == [*PAPER_COLUMNS[1:], *OUR_COLUMNS]
    lines = (tmp_path / "table2.md").read_text().splitlines()
    heads, datasets = (line.strip("| ").split(" | ") for line in (lines[4], lines[6]))
    assert heads[1:] == list(frame.index)
    assert datasets == ["Dataset", *frame["Dataset"]]
    assert frame.loc["Backbone", "Dataset"] == "not defined at this scale"
    assert frame.loc["Backbone", "K"] == ""
    assert frame.loc["Full dropouts + CNN", "Epochs"] == ""
    assert frame.loc["Full dropouts + CNN", "Steps"] == "300"
    assert frame.loc["Full dropouts + CNN", "Initial set"] == "20, balanced"


@pytest.mark.parametrize(
    ("scenario", "dropout", "batch"),
    [
        ("variational_cifar10", "variational dropout", 128),
        ("gaussian_process", "gaussian process", "all labelled"),
        ("ensemble_redundant", "ensemble", 64),
    ],
)
def test_other_posteriors_are_named_in_the_place_of_a_rate(scenario, dropout, batch, context):
    config = read_yaml(ROOT / "config.yaml") | {"scale": "paper"}
    resolved = resolve(config, read_yaml(ROOT / "config.schema.yaml"))
    shown = replace(context, features=resolved.features)
    row = table(shown, **{scenario: resolved.scenarios[scenario]}).iloc[0]
    assert (row["Dropout"], row["Batch size"]) == (dropout, batch)
