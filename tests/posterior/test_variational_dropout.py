"""The loss of variational dropout: mean cross-entropy + kl_weight · KL / n."""

import pytest
import torch
from torch.nn.functional import cross_entropy

from balent.models import steps
from balent.models.variational import VariationalNetwork

from .test_posteriors import POOL, STREAMS, fresh

BATCH = 16


class Recorded(steps.Adam):
    """Keeps the first gradients, the noise behind them, and changes nothing."""

    def step(self):
        gradients.append([p.grad.clone() for p in self.parameters])
        super().step()


gradients: list = []


@pytest.mark.parametrize("n", [24, 60])  # two and four batches an epoch
@pytest.mark.parametrize("weight", [0.0, 3.0])
def test_a_step_descends_the_bound_divided_by_the_labelled_points(n, weight, monkeypatch):
    gradients.clear()
    drawn, draw = [], VariationalNetwork.draw_masks

    def noise(self, rows, generator):
        drawn.append(draw(self, rows, generator))
        return drawn[-1]

    monkeypatch.setattr(VariationalNetwork, "draw_masks", noise)
    monkeypatch.setattr(steps, "Adam", Recorded)
    posterior, same = fresh("head", "variational_dropout"), fresh("head", "variational_dropout")
    posterior.kl_weight = weight
    index = torch.arange(n)
    settings = {"learning_rate": 0.01, "batch_size": BATCH, "epochs": 1}
    posterior.fit(POOL, index, POOL.y[index], settings, STREAMS)
    assert len(gradients) == -(-n // BATCH) > 1

    rows = torch.randperm(n, generator=STREAMS.torch("loader"))[:BATCH]
    network = same.network.train()
    logits = network(POOL.gather(rows), [m[:BATCH] for m in drawn[0]])
    loss = cross_entropy(logits, POOL.y[rows]) + weight * network.divergence() / n
    loss.backward()
    for found, parameter in zip(gradients[0], network.parameters(), strict=True):
        torch.testing.assert_close(found, parameter.grad)
