"""What folded networks of the paper's size take on a GPU, against what they announce."""

import pytest
import torch

from balent.models.build import build_model
from balent.models.steps import products_in
from balent.streams import Streams

POINTS = 1024
NETWORKS = {
    "cnn": (
        {
            "family": "cnn",
            "channels": [32, 64],
            "kernels": [5, 5],
            "hidden": 128,
            "dropout": 0.5,
            "last_bias": True,
        },
        (1, 28, 28),
        10,
    ),
    "head": ({"family": "head", "hidden": 2048, "dropout": 0.2, "last_bias": False}, (2048,), 100),
}


@torch.no_grad()
@pytest.mark.skipif(not torch.cuda.is_available(), reason="memory is measured on a GPU")
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("name", NETWORKS)
def test_a_block_takes_no_more_than_announced(name, precision):
    spec, shape, classes = NETWORKS[name]
    device = torch.device("cuda")
    model = build_model(spec, shape, classes, Streams(0).torch("weights")).eval().to(device)
    stem = torch.rand(POINTS, *model.stem_shape, device=device)
    masks = model.draw_masks(model.samples_at_once, Streams(0).torch("masks"))
    masks = [mask.to(device) for mask in masks]
    with products_in(precision, device):
        model.fold(masks)(stem, True)  # libraries take their own memory at their first call
        before = torch.cuda.memory_allocated()
        torch.cuda.reset_peak_memory_stats()
        logits, features = model.fold(masks)(stem, True)
    taken = torch.cuda.max_memory_allocated() - before - logits.nbytes - features.nbytes
    announced = model.workspace(POINTS)
    assert announced / 4 < taken <= announced
