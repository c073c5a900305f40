"""Extraction: evaluation mode, input order, and no image sees its neighbours."""

import numpy as np
import pytest
import torch
from torch import nn

from balent.data.dataset import Dataset
from balent.data.inputs import Inputs
from balent.features.extract import extract
from balent.features.settings import SimclrSettings
from balent.features.simclr import initial_encoder, resize
from balent.streams import Streams


@pytest.fixture
def encoder(settings: dict) -> nn.Module:
    network = initial_encoder(SimclrSettings.of(settings), (1, 6, 6), Streams(0))
    generator = torch.Generator().manual_seed(0)
    network.train()
    network(torch.rand(32, 1, 6, 6, generator=generator))  # running statistics other than 0 and 1
    return network


def test_is_the_encoder_in_evaluation_mode(dataset: Dataset, encoder: nn.Module) -> None:
    inputs = Inputs(dataset.x_train)
    features = extract(encoder, inputs)
    assert features.dtype == np.float32
    with torch.no_grad():
        expected = encoder.eval()(inputs.gather(torch.arange(70)))
    np.testing.assert_allclose(features, expected.numpy(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("batch", [1, 16, 69, 70, 200])
def test_does_not_depend_on_the_batch(dataset: Dataset, encoder: nn.Module, batch: int) -> None:
    inputs = Inputs(dataset.x_train)
    features = extract(encoder, inputs, batch=batch)
    np.testing.assert_allclose(features, extract(encoder, inputs), rtol=1e-5, atol=1e-6)


def test_bits_do_not_depend_on_how_many_images_follow(dataset: Dataset, encoder: nn.Module) -> None:
    whole = extract(encoder, Inputs(dataset.x_train), batch=32)
    part = extract(encoder, Inputs(dataset.x_train[:41]), batch=32)
    assert np.array_equal(whole[:41], part)


def test_resizes_like_the_training(dataset: Dataset, encoder: nn.Module) -> None:
    inputs = Inputs(dataset.x_train)
    with torch.no_grad():
        expected = encoder.eval()(resize(inputs.gather(torch.arange(70)), 13))
    np.testing.assert_allclose(extract(encoder, inputs, 13), expected, rtol=1e-5, atol=1e-6)
