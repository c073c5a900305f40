"""The configuration: what is refused, in one line, and what it resolves to."""

import subprocess
import sys
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


def changed(path: str, value: object, separator: str = "/") -> dict:
    """The project's configuration with one value replaced or added."""
    config = deepcopy(CONFIG)
    *parents, last = path.split(separator)
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


def refused(config: dict) -> str:
    """The one line that refuses a configuration."""
    with pytest.raises(ConfigError) as error:
        resolve(config, SCHEMA)
    assert "\n" not in str(error.value)
    return str(error.value)


CNN, HEAD = "scenarios/full_dropout/small", "scenarios/fixed_features/small"
BACKBONE, ENCODER = (f"scenarios/pretrained_backbone/small{end}" for end in ("", "/model/encoder"))
FEATURES = "features/simclr/small/simclr"
RESNET = {"name": "resnet18", "stem": "small", "pretrained": "none", "features": None}
RESNET |= {"width": None, "blocks": None}
UNUSABLE = [
    # sizes against the known data set
    (f"{CNN}/pool", {"pool": 2000}, "pool: pool 2000 do not fit the 1297 training images of dig"),
    (f"{CNN}/pool", {"validation": 5000}, "validation 5000 do not fit the 1297 training images"),
    (f"{CNN}/pool", {"pool": 1290, "validation": 8}, "pool 1290, validation 8 do not fit"),
    (f"{CNN}/evaluation", {"points": 501}, "evaluation.points: 501 exceeds the 500 test images"),
    (f"{CNN}/acquisition/initial", 25, "initial: 25 is not a multiple of the 10 classes of digits"),
    (f"{HEAD}/pool", {"pool": 15}, "acquisition.initial: 20 labels exceed the 15 images"),
    # networks
    (f"{CNN}/model/kernels", [5, 5], "kernels: [5, 5] leave nothing of images of 8x8 pixels"),
    (f"{CNN}/model/family", "head", "model.channels is unknown; model.family head has hidden"),
    (f"{HEAD}/model/encoder", {"name": "resnet18"}, "model.encoder is unknown; model.family head"),
    (
        HEAD,
        {"data": "digits", "model": {"family": "cnn", "channels": [4, 4], "kernels": [3, 2]}},
        "fixed_features.small.model.family: cnn needs images, but features is 'simclr'",
    ),
    (f"{BACKBONE}/features", "simclr", "model.family: backbone needs images, but features is"),
    (
        f"{ENCODER}/width",
        8,
        "encoder.width: 8 differs from the encoder of the feature set",
    ),
    (f"{ENCODER}/blocks", [1, 1], "encoder.blocks: [1, 1] differs from the encoder"),
    (f"{ENCODER}/width", None, "model.encoder.width is missing; model.encoder.name narrow_resnet"),
    (f"{ENCODER}/blocks", None, "model.encoder.blocks is missing"),
    (f"{ENCODER}/stem", "imagenet", "encoder.stem of narrow_resnet is 'imagenet'; allowed: small"),
    (
        ENCODER,
        RESNET | {"width": 16},
        "model.encoder.width is unknown; model.encoder.name",
    ),
    (ENCODER, RESNET | {"blocks": [1]}, "model.encoder.blocks is unknown"),
    (ENCODER, RESNET | {"pretrained": "simclr", "features": "simclr"}, "encoder.name: 'resnet18'"),
    (
        ENCODER,
        RESNET | {"pretrained": "imagenet"},
        "imagenet has no weights for resnet18 with",
    ),
    (ENCODER, RESNET | {"features": "simclr"}, "encoder.features: 'simclr' is used with pretrain"),
    (f"{ENCODER}/pretrained", "imagenet", "encoder.features: 'simclr' is used with pretrained"),
    (
        ENCODER,
        {**CONFIG["features"]["simclr"]["small"]["simclr"]["encoder"], "pretrained": "imagenet"},
        "encoder.pretrained: imagenet has no weights for narrow_resnet with stem small",
    ),
    (f"{ENCODER}/features", "simlcr", "did you mean 'simclr'?"),
    (f"{BACKBONE}/normalize", {"mean": [0.3], "std": [0.4]}, "are trained on images in [0, 1]"),
    # normalising, augmenting, training
    (f"{CNN}/normalize", {"mean": [0.1] * 3, "std": [1] * 3}, "images of digits have 1 channels"),
    (f"{CNN}/normalize", {"mean": [0.1, 0.2], "std": [1]}, "have 2 and 1 values"),
    (f"{CNN}/training/augmentation", {"crop": [1.0, 0.2]}, "augmentation.crop is [1.0, 0.2]"),
    (f"{HEAD}/training/augmentation", {"flip": True}, "is for images, but the network sees feat"),
    (f"{FEATURES}/augmentation/crop", [0.9, 0.4], "simclr.augmentation.crop is [0.9, 0.4], but"),
    (f"{FEATURES}/warmup_epochs", 60, "simclr.small.simclr.warmup_epochs is 60, but must be from"),
    (f"{FEATURES}/encoder/width", None, "features.simclr.small.simclr.encoder.width is missing"),
    (f"{FEATURES}/encoder/pretrained", "none", "simclr.encoder.pretrained is unknown"),
    (f"{CNN}/training/learning_rate", float("inf"), "learning_rate: inf is not allowed"),
    (f"{FEATURES}/learning_rate", float("nan"), "learning_rate: nan is not allowed; give a finite"),
    # methods
    (
        "methods/power_bald/options",
        {"gumbel_scale": -1},
        "power_bald: gumbel_scale=-1 is not allowed",
    ),
    ("methods/power_bald/options", {"gumbel_scale": float("inf")}, "gumbel_scale: inf is not"),
    # YAML's own surprises
    ("methods/bald", {1: 2}, "methods.bald: the key 1 is not text; write it in quotes"),
    ("reports/table1", {True: "x"}, "reports.table1: the key True is not text (on, off, yes and"),
    ("seeds", [0.0, 1.0], ".0 is not of type integer"),
    ("torch_threads", 1.0, "torch_threads: 1.0 is not of type integer"),
    (
        f"{CNN}/training/learning_rate",
        "1e-3",
        "not of type number; write 0.001 or 1.0e-3",
    ),
    (f"{CNN}/training/steps", "300", "'300' is not of type integer; write 300 without quotes"),
    (f"{CNN}/training/learning_rate", "fast", "'fast' is not of type number"),
    # names
    *(
        (f"{part}/Wrong-name", {}, f"{part}: the name 'Wrong-name' is not allowed (allowed: small")
        for part in ("methods", "features", "scenarios", "reports")
    ),
    ("data_sets/my data", {"path": "."}, "data_sets: the name 'my data' is not allowed (allowed:"),
    # files and folders
    ("data_sets/mine", {"path": "~/no/such.npz"}, "data_sets.mine.path: '~/no/such.npz' does not"),
    ("data_mirror", "no/such/folder", "data_mirror: 'no/such/folder' is not a folder"),
    ("data_mirror", "config.yaml/", "data_mirror: 'config.yaml/' is not a folder"),
    # blocks of other scales
    ("scenarios/full_dropout/cpu/modle", {}, "full_dropout.cpu: unknown key 'modle'; did you mean"),
    ("scenarios/full_dropout/paper/modle", {}, "full_dropout.paper: unknown key 'modle'"),
    ("features/simclr/cpu/simclr/epoch", 3, "simclr.cpu.simclr: unknown key 'epoch'"),
    (
        "reports/table1/budgets/cpu/full_dropuot",
        [50],
        "budgets.cpu: unknown scenario 'full_drop",
    ),
]


@pytest.mark.parametrize(("path", "value", "message"), UNUSABLE)
def test_what_cannot_run_is_refused_at_the_start(path, value, message):
    assert message in refused(changed(path, value))


def test_an_accuracy_table_has_sizes_for_every_scenario_of_its_scale():
    config = deepcopy(CONFIG)
    del config["reports"]["table1"]["budgets"]["small"]["fixed_features"]
    assert "budgets.small: no sizes for scenario 'fixed_features'" in refused(config)
    resolve(config, SCHEMA, every_budget=False)
    resolve(config | {"scale": "paper"}, SCHEMA)


def test_what_the_user_brings_is_looked_for_from_the_home_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "mine.npz").touch()
    config = changed("data_sets/mine", {"path": "~/mine.npz"}) | {"data_mirror": "~"}
    own = resolve(config, SCHEMA).runtime["data_sets"]
    assert own["mine"]["path"] == str(tmp_path / "mine.npz")


def test_sizes_of_own_data_are_not_guessed():
    config = changed("data_sets/digits", {"path": "."})
    config["scenarios"]["full_dropout"]["small"]["pool"] = {"pool": 5000}
    config["scenarios"]["full_dropout"]["small"]["evaluation"] = {"points": 5000}
    assert resolve(config, SCHEMA).scenarios["full_dropout"]["pool"]["pool"] == 5000


def test_a_null_in_an_inherited_block_removes_the_key_at_paper_scale():
    config = changed("scenarios/augmented_backbone/paper/normalize", None) | {"scale": "paper"}
    assert "normalize" not in resolve(config, SCHEMA).scenarios["augmented_backbone"]


@pytest.mark.parametrize(("kernels", "fits"), [([3, 2], True), ([4, 2], False), ([5, 3], False)])
def test_the_check_of_kernels_agrees_with_the_network(kernels, fits):
    from balent.models.cnn import CNN as Network

    def build() -> None:
        Network((1, 8, 8), 10, [2, 2], kernels, 4, 0.5, False)

    if fits:
        build()
        resolve(changed(f"{CNN}/model/kernels", kernels), SCHEMA)
    else:
        with pytest.raises(ConfigError, match="leave nothing"):
            build()
        assert "leave nothing" in refused(changed(f"{CNN}/model/kernels", kernels))


def test_the_configuration_imports_neither_torch_nor_pandas():
    code = "import sys, balent.config; print(sorted({'torch', 'pandas'} & set(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


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


def test_a_key_that_stands_twice_is_one_line(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text("a: &first {seeds: [0]}\nb: {<<: *first, seeds: [1]}\nc: {<<: *first}\n")
    assert read_yaml(path)["b"] == {"seeds": [1]}
    path.write_text("seeds: [0]\nscale: small\nseeds: [5]\n")
    with pytest.raises(ConfigError, match=r"key 'seeds' stands twice .* line 3") as error:
        read_yaml(path)
    assert "\n" not in str(error.value)


def test_a_file_that_is_no_text_is_one_line(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="no text in UTF-8"):
        read_yaml(path)
