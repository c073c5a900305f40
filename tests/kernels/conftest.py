"""Where the Triton kernels run: on a GPU, or on a CPU by Triton's interpreter."""

import os

import pytest
import torch

from balent.models import cnn
from balent.posterior import accumulator

REASON = "needs Triton and a GPU or Triton's interpreter: make test-kernels"


@pytest.fixture
def device(monkeypatch) -> torch.device:
    """Of the kernels, which are used wherever they could be."""
    if os.environ.get("TRITON_INTERPRET") == "1":
        for module in (accumulator, cnn):
            monkeypatch.setattr(module, "fused", lambda device: True)
        return torch.device("cpu")
    if torch.cuda.is_available():
        monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)  # as runtime.prepare
        return torch.device("cuda")
    pytest.skip(REASON)
