"""The chain of a study: its scenario's, with the study's sizes."""

import numpy as np
import pytest
import test_config

from balent.config import resolve
from balent.data.initial import initial_set
from balent.studies.scenario import chain


def settings(scale: str, **study: object):
    config = test_config.changed("scale", scale)
    config["studies"]["marginals_full_dropout"]["small"] |= study
    return resolve(config, test_config.SCHEMA)


def test_labels_are_drawn_without_regard_to_their_classes():
    """Also a number of them that is no multiple of the classes."""
    acquisition = chain(settings("small", labels=125), "marginals_full_dropout").settings[
        "acquisition"
    ]
    assert acquisition == {"initial": 125, "balanced": False, "size": 1, "budget": 126}
    labels, generator = np.arange(1000) % 10, np.random.default_rng(0)
    chosen = initial_set(labels, acquisition["initial"], acquisition["balanced"], 10, generator)
    assert len(set(np.bincount(labels[chosen]))) > 1


@pytest.mark.parametrize("scale", ["small", "cpu", "paper"])
def test_the_pool_has_one_copy(scale):
    """Also that of a scenario with three: its network is trained on the first one alone."""
    made = settings(scale)
    name = made.studies["marginals_fixed_features"]["scenario"]
    assert made.scenarios[name]["copies"] == 3
    assert chain(made, "marginals_fixed_features").settings["copies"] == 1
