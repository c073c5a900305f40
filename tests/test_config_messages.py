"""What the configuration says about a user's own data, and how it says what to write."""

import re
from copy import deepcopy
from pathlib import Path

import numpy as np
import pytest
import yaml

from balent.cli.check import laid_over
from balent.config import Settings, read_yaml, resolve
from balent.errors import ConfigError
from balent.files import save_npz

ROOT = Path(__file__).parents[1]
CONFIG = read_yaml(ROOT / "config.yaml")
SCHEMA = read_yaml(ROOT / "config.schema.yaml")


def resolved(overlay: dict) -> Settings:
    """The project's configuration with another file laid over it, without reports of its own."""
    return resolve(laid_over(CONFIG | {"reports": {}}, overlay), SCHEMA)


def refused(overlay: dict) -> str:
    """The one line that refuses an overlay of the project's configuration."""
    with pytest.raises(ConfigError) as error:
        resolved(overlay)
    assert "\n" not in str(error.value)
    return str(error.value)


def small(parent: str, **block: object) -> dict:
    """A scenario ``mine`` that differs from its parent at small scale."""
    return {"scenarios": {"mine": {"inherit": parent, "title": "Mine", "small": block}}}


@pytest.mark.parametrize(
    ("overlay", "message"),
    [
        ({"seeds": 3}, "seeds: 3 is not of type array; write seeds: [3]"),
        ({"seeds": "0"}, "seeds: '0' is not of type array; write seeds: [0]"),
        ({"seeds": "0, 1"}, "seeds: '0, 1' is not of type array; write seeds: [0, 1]"),
        (
            {"reports": {"mine": {"kind": "curves", "title": "Mine", "methods": "bald"}}},
            "reports.mine.methods: 'bald' is not of type array; write methods: [bald]",
        ),
        (
            small("full_dropout", model={"kernels": 3}),
            "model.kernels: 3 is not of type array; write kernels: [3, 3]",
        ),
        ({"data_sets": {"mine": {"path": ".", "size": 32}}}, "write size: [32, 32]"),
    ],
)
def test_a_scalar_in_place_of_a_list_is_answered_with_the_list(overlay, message):
    assert refused(overlay).endswith(message)


@pytest.mark.parametrize("value", [None, {"a": 1}, "all", -1, True, 1.0, "]"])
def test_a_list_that_would_be_refused_is_not_proposed(value):
    config = deepcopy(CONFIG) | {"seeds": value}
    with pytest.raises(ConfigError, match=r"is not of type array$"):
        resolve(config, SCHEMA)


PATIENT = {"steps": None, "epochs": 5, "patience": 2}


def test_early_stopping_needs_a_validation_set():
    message = refused(small("full_dropout", training=PATIENT))
    assert message.endswith(
        "mine.small.training.patience: looks at a validation set, which the scenario does not "
        "have; add pool.validation: <number of points>"
    )
    resolved(small("full_dropout", training=PATIENT, pool={"validation": 10}))


@pytest.mark.parametrize("key", ["patience", "epoch_points", "precision"])
def test_a_gaussian_process_has_no_epochs(key):
    value = "bfloat16" if key == "precision" else 2
    message = refused(small("gaussian_process", training={key: value}, pool={"validation": 10}))
    assert f"training.{key}: a Gaussian process sees all labelled points in every step" in message


def test_a_gaussian_process_has_one_precision():
    message = refused(small("gaussian_process", sampling={"precision": "bfloat16"}))
    assert "sampling.precision: a Gaussian process computes in float64; remove it" in message


@pytest.mark.parametrize(
    ("overlay", "message"),
    [
        ({"torch_threads": 257}, "torch_threads: 257 is greater than the maximum of 256 (threads"),
        ({"seeds": [0, 2**31]}, "seeds.1: 2147483648 is greater than the maximum of 2147483647 (a"),
        ({"seeds": [-1]}, "seeds.0: -1 is less than the minimum of 0 (a whole number from 0 to"),
        ({"data_sets": {"pets": {"path": ""}}}, "data_sets.pets.path: '' should be non-empty (an"),
    ],
)
def test_values_out_of_range_are_refused_with_their_range(overlay, message):
    assert refused(overlay).startswith(message)


def test_the_ends_of_the_ranges_are_allowed():
    resolved({"torch_threads": 256, "seeds": [0, 2**31 - 1]})


@pytest.fixture
def mine(tmp_path):
    """A function that writes 40 training and 10 test points and gives the entry under data_sets."""

    def write(shape=(8, 8), dtype=np.uint8, n_test=10) -> dict:
        x, y = np.zeros((40, *shape), dtype), np.arange(40) % 2
        path = tmp_path / "mine.npz"
        save_npz(path, x_train=x, y_train=y, x_test=x[:n_test], y_test=y[:n_test])
        return {"data_sets": {"mine": {"path": str(path)}}}

    return write


FITS = {"initial": 10, "size": 5, "budget": 20, "balanced": False}


@pytest.mark.parametrize(
    ("block", "message"),
    [
        ({"acquisition": FITS | {"budget": 41}}, "budget: 41 labels exceed the pool of 40"),
        (
            {"pool": {"pool": "all", "validation": 30}, "acquisition": FITS},
            "acquisition.budget: 20 labels exceed the pool of 10",
        ),
        (
            {"pool": {"pool": 50}, "acquisition": FITS},
            "pool: pool 50 do not fit the 40 training images of mine",
        ),
        (
            {"evaluation": {"points": 11}, "acquisition": FITS},
            "evaluation.points: 11 exceeds the 10 test images of mine",
        ),
        (
            {"model": {"kernels": [5, 5]}, "acquisition": FITS},
            "model.kernels: [5, 5] leave nothing of images of 8x8 pixels",
        ),
    ],
)
def test_sizes_that_do_not_fit_the_users_npz_are_refused_at_the_start(mine, block, message):
    overlay = mine() | small("full_dropout", data="mine", **block)
    assert message in refused(overlay)


def test_a_held_out_share_is_not_in_the_pool(mine):
    overlay = mine(n_test=0) | small("full_dropout", data="mine", acquisition=FITS | {"budget": 33})
    assert "acquisition.budget: 33 labels exceed the pool of 32" in refused(overlay)
    overlay["data_sets"]["mine"]["test_share"] = 0.1
    resolved(overlay)


def vectors(**block: object) -> dict:
    head = {"features": None, "data": "mine", "acquisition": FITS}
    return small("fixed_features", **(head | block))


@pytest.mark.parametrize(
    ("overlay", "message"),
    [
        (
            vectors(model={"family": "cnn", "channels": [2, 2], "kernels": [3, 3]}),
            "model.family: cnn needs images, but 'mine' holds vectors; choose head",
        ),
        (
            vectors(normalize={"mean": [0.0] * 3, "std": [1.0] * 3}),
            "normalize.mean: [0.0, 0.0, 0.0] has 3 values, but points of mine have 6 features "
            "(allowed: 1 or 6 values)",
        ),
        (
            {"features": {"simclr": {"small": {"data": "mine"}}}},
            "features.simclr.small.data: 'mine' holds vectors, but SimCLR needs images",
        ),
        (
            vectors(acquisition=FITS | {"initial": 41, "budget": 42}),
            "41 labels exceed the 40 points",
        ),
    ],
)
def test_vectors_are_not_taken_for_images(mine, overlay, message):
    assert message in refused(mine((6,), np.float32) | overlay)


@pytest.mark.parametrize("count", [1, 6])
def test_a_head_sees_vectors(mine, count):
    scaled = vectors(normalize={"mean": [0.0] * count, "std": [1.0] * count})
    overlay = mine((6,), np.float32) | scaled
    settings = resolved(overlay).scenarios["mine"]
    assert "features" not in settings


def test_an_npz_that_cannot_be_read_is_named_by_its_key_at_the_start(tmp_path):
    (tmp_path / "mine.npz").write_bytes(b"not an archive")
    overlay = {"data_sets": {"mine": {"path": str(tmp_path / "mine.npz")}}}
    resolved(overlay)  # no scenario uses it
    message = refused(overlay | small("full_dropout", data="mine"))
    assert message.startswith(f"data_sets.mine.path: {tmp_path}/mine.npz: cannot be read as .npz")


EXAMPLES = re.findall(r"```yaml\n(.*?)```", (ROOT / "docs/data.md").read_text("utf-8"), re.DOTALL)


@pytest.mark.parametrize("text", EXAMPLES)
def test_the_examples_of_the_page_on_data_resolve(tmp_path, text):
    for folder in ("leaves", "shells"):
        (tmp_path / folder).mkdir()
    x, y = np.zeros((200, 6), np.float32), np.arange(200) % 4
    save_npz(tmp_path / "beans.npz", x_train=x, y_train=y, x_test=x, y_test=y)
    overlay = yaml.safe_load(text.replace("/data/", f"{tmp_path}/"))
    settings = resolved(overlay)
    assert settings.scale == "small"
    assert set(overlay.get("scenarios", ())) <= set(settings.scenarios)
    assert {scenario for scenario, _, _ in settings.chains()} == set(overlay.get("scenarios", ()))


def test_the_page_on_data_shows_a_fragment_and_three_scenarios():
    assert [text.count("scenarios:\n") for text in EXAMPLES] == [0, 1, 1, 1]
