"""What MC dropout alone says: masks of every point's own are slow."""

import pytest

from .test_posteriors import OPTIONS, SAMPLES, fresh, predict


@pytest.mark.parametrize("name", OPTIONS)
@pytest.mark.parametrize("scope", ["pool", "batch", "point"])
def test_point_scope_is_slow_where_masks_would_be_folded(name, scope, caplog):
    if name == "gaussian_process":
        pytest.skip("it has no network, and predicts once it is fitted")
    predict(fresh("head", name), scope, index=range(4))
    said = f"4 points take {SAMPLES} dense passes after the first dropout, many times slower"
    assert (said in caplog.text) == (name == "mc_dropout" and scope == "point")
    assert caplog.text == "" or scope == "point"
