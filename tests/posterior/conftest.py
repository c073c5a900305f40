import pytest
import torch


@pytest.fixture
def untouched_global_state():
    """Fails the test if it drew from, or set, torch's global random state."""
    before = torch.get_rng_state()
    yield
    assert torch.equal(torch.get_rng_state(), before)
