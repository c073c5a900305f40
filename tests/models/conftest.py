"""Networks of every family, small, and points to put into them."""

import pytest
import torch

from balent.models.build import build_model
from balent.streams import Streams

CNN = {"family": "cnn", "channels": [6, 10], "kernels": [3, 2], "hidden": 12, "last_bias": False}
MLP = {"family": "mlp", "last_bias": False}
ENCODER = {"name": "narrow_resnet", "stem": "small", "width": 4, "blocks": [1, 1]}
SPECS = {  # specification, shape of a point
    "cnn": ({**CNN, "dropout": 0.25}, (1, 8, 8)),
    "cnn_colour": ({**CNN, "dropout": 0.5, "last_bias": True}, (3, 11, 9)),
    "cnn_three_blocks": (
        {**CNN, "channels": [4, 6, 5], "kernels": [3, 3, 2], "dropout": 0.4},
        (1, 24, 22),
    ),
    "cnn_large_patch": (
        {**CNN, "channels": [16, 4], "kernels": [3, 3], "dropout": 0.3},
        (1, 14, 14),
    ),
    "cnn_one_channel": ({**CNN, "channels": [1, 1], "dropout": 0.5}, (1, 8, 8)),
    "head": ({"family": "head", "hidden": 20, "dropout": 0.2, "last_bias": False}, (7,)),
    "head_most": ({"family": "head", "hidden": 20, "dropout": 0.7, "last_bias": False}, (7,)),
    "head_half": ({"family": "head", "hidden": 20, "dropout": 0.5, "last_bias": True}, (7,)),
    "head_bias": ({"family": "head", "hidden": 9, "dropout": 0.3, "last_bias": True}, (1, 3, 2)),
    "head_certain": ({"family": "head", "hidden": 9, "dropout": 0.0, "last_bias": False}, (7,)),
    "mlp": ({**MLP, "hidden": [9, 8, 7], "dropped": [False, True, True], "dropout": 0.2}, (4,)),
    "mlp_bias": (
        {**MLP, "hidden": [9, 8], "dropped": [True, True], "dropout": 0.5, "last_bias": True},
        (1, 3, 2),
    ),
    "mlp_gap": (
        {**MLP, "hidden": [9, 8, 7], "dropped": [True, False, True], "dropout": 0.3},
        (4,),
    ),
    "backbone": (
        {
            "family": "backbone",
            "encoder": ENCODER,
            "hidden": 16,
            "dropout": 0.2,
            "last_bias": False,
        },
        (1, 8, 8),
    ),
}


@pytest.fixture(params=SPECS)
def network(request):
    """(model in evaluation mode with 5 classes, 6 points)."""
    spec, shape = SPECS[request.param]
    model = build_model(spec, shape, 5, Streams(3).torch("weights")).eval()
    return model, torch.randn(6, *shape, generator=Streams(3).torch("noise"))
