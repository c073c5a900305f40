"""The configuration of every scenario: the paper's Table 2, read from what is really run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from balent.data.registry import DATASETS
from balent.files import write_text
from balent.layout import feature_set
from balent.models import spec
from balent.posterior.spec import posterior_of
from balent.reports.context import UNDEFINED, ReportContext, data_title, output
from balent.reports.grid import page

ENCODERS = {"resnet18": "ResNet-18", "resnet50": "ResNet-50", "narrow_resnet": "Narrow ResNet"}
PAPER_COLUMNS = (
    "Scenario",
    "Dataset",
    "# Classes",
    "K",
    "K_tot",
    "Backbone",
    "Loss",
    "Image size",
    "Batch size",
    "Optimizer",
    "Epochs",
    "Learning rate",
    "Dropout",
    "MC trials",
)
OUR_COLUMNS = (
    "Steps",
    "Initial set",
    "Pool",
    "Features",
    "Augmentation",
    "Weights of a round",
    "Last-layer bias",
    "Mask scope",
    "Test",
)
"""What the paper's Table 2 does not say. Steps stands where Epochs is empty."""


def write(item: dict, context: ReportContext, stem: Path) -> None:
    """Write ``stem``.csv: one row per scenario, PAPER_COLUMNS and OUR_COLUMNS, values as text.

    And ``stem``.md, the same with a scenario in each column.
    """
    table = configuration_table(item, context)
    write_text(output(stem, ".csv"), table.to_csv(index=False))
    turned = table.set_index("Scenario").T.rename_axis("Setting").reset_index()
    note = f"Scale: {context.scale}. Read from the configuration that is run."
    write_text(output(stem, ".md"), page(item["title"], note, turned))


def configuration_table(item: dict, context: ReportContext) -> pd.DataFrame:
    """One row per scenario of the item; one that the scale does not define says so."""
    rows = []
    for name in item["scenarios"]:
        row = {"Scenario": context.scenario_title(name)}
        if name in context.undefined:
            row["Dataset"] = UNDEFINED
        else:
            row |= _describe(context.scenarios[name], context.features)
        rows.append(row)
    return pd.DataFrame(rows, columns=[*PAPER_COLUMNS, *OUR_COLUMNS], dtype=object).fillna("")


def _describe(settings: dict, features: Mapping[str, dict]) -> dict:
    model, training, sizes = settings["model"], settings["training"], settings["acquisition"]
    known = DATASETS.get(settings["data"])
    extraction = features[settings["features"]]["simclr"] if settings.get("features") else {}
    return {
        "Dataset": data_title(settings["data"], settings["copies"]),
        "# Classes": known.n_classes if known else "",
        "K": sizes["size"],
        "K_tot": sizes["budget"],
        "Backbone": _backbone(model, extraction),
        "Loss": "Cross-entropy",
        "Image size": _image_size(known.shape if known else (), extraction),
        "Batch size": training.get("batch_size", "all labelled"),
        "Optimizer": "Adam",
        "Epochs": training.get("epochs"),
        "Learning rate": f"{training['learning_rate']:g}",
        "Dropout": _dropout(settings),
        "MC trials": settings["sampling"]["samples"],
        "Steps": training.get("steps"),
        "Initial set": f"{sizes['initial']}{', balanced' if sizes.get('balanced') else ''}",
        "Pool": settings["pool"]["pool"],
        "Features": feature_set(settings) or "none",
        "Augmentation": _augmentation(training.get("augmentation")),
        "Weights of a round": "of the round before" if training.get("warm_start") else "fresh",
        "Last-layer bias": "yes" if model.get("last_bias") else "no",
        "Mask scope": settings["sampling"].get("mask_scope"),
        "Test": _test(settings["evaluation"]),
    }


def _dropout(settings: dict) -> str:
    """The rate of MC dropout; the posterior's name where it is another one."""
    name = posterior_of(settings)["name"]
    if name != "mc_dropout":
        return name.replace("_", " ")
    return f"{100 * settings['model']['dropout']:g}%"


def _backbone(model: dict, extraction: dict) -> str:
    if model["family"] == "cnn":
        return "CNN"
    if model["family"] in spec.VECTORS:
        return encoder_title(extraction["encoder"], "fixed") if extraction else "none"
    weights = model["encoder"].get("pretrained", "none")
    note = "not pre-trained" if weights == "none" else f"{weights} weights"
    return encoder_title(model["encoder"], note)


def encoder_title(encoder: dict, note: str = "") -> str:
    """The printed name of an encoder, with its stem where that is not ImageNet's, and a note."""
    stem = encoder.get("stem", "imagenet")
    notes = [*([f"{stem} stem"] if stem != "imagenet" else []), *([note] if note else [])]
    name = ENCODERS.get(encoder["name"], encoder["name"])
    return f"{name} ({', '.join(notes)})" if notes else name


def _image_size(shape: tuple[int, ...], extraction: dict) -> str:
    sides = extraction.get("image_size")
    if sides:
        return f"{sides} × {sides}"
    return f"{shape[0]} × {shape[1]}" if len(shape) > 1 else ""


def _augmentation(spec: dict | None) -> str:
    parts = [
        f"{name} {'–'.join(map(str, value)) if isinstance(value, list) else value}"
        for name, value in (spec or {}).items()
        if value
    ]
    return ", ".join(parts).replace("flip True", "flip") or "none"


def _test(evaluation: dict) -> str:
    points = evaluation.get("points")
    return f"{f'first {points:,}' if points else 'all'} points, {evaluation['samples']} samples"
