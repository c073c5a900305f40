"""BatchBALD: the mutual information between the labels of a batch and the weights (Kirsch 2019)."""

from __future__ import annotations

from functools import partial

import numpy as np
import torch

from balent.acquisition.base import Context, Predictions, register
from balent.acquisition.greedy import contenders, first_of_largest
from balent.acquisition.joint import Configurations, Joint, rounding
from balent.bars import bar


@register(
    name="batchbald",
    title="BatchBALD",
    kind="batch",
    needs=("samples",),
    masks="pool",
    paper="Kirsch 2019, alg. 1, eq. 8, 12 and 36",
    cost="O(size·N·C·min(C^size, configurations)·K) at most",
    allowed={"configurations": "[1, inf)"},
    least_samples=2,
)
def batchbald(
    predictions: Predictions, context: Context, size: int, *, configurations: int = 10000
) -> tuple[np.ndarray, np.ndarray]:
    """A batch A grown greedily by the largest gain, I(A + x; ω) - I(A; ω) = I(y_x; ω | y_A).

    configurations  how many label configurations of A are held, at least 1: all, and the gains are
                    exact, while C^|A| is at most this; else as many are drawn (joint.py)

    Returns the points in order, int64 [size], and their gains in nats when chosen, float64 [size],
    in [0, log C] up to rounding.

    The gain never grows with A (the paper's app. A), so only points are looked at whose last bound
    is above the best gain. Single precision finds the few that may be best, double decides; points
    that double precision cannot tell apart are taken at random. With drawn configurations, whose
    gains can grow by chance, a point may be passed over for another within the sampling error.
    What to look at next is decided on the host: it and a device wait for each other twice for
    every block of points that is looked at, and a few times more for a pick.

    Differs from the released code where configurations are drawn: they are kept, extended and
    evenly spread, not drawn anew for every pick; and both entropies of a gain are means over the
    same configurations, so that most of the sampling error cancels.
    """
    assert predictions.samples is not None
    samples = predictions.samples
    n, k, c = samples.shape
    rank = context.generator.permutation(n)
    joint = Joint(samples, configurations, context.generator)
    single, double = (rounding(k + c, c, dtype) for dtype in (torch.float32, torch.float64))

    def gains(points: np.ndarray, rows: Configurations, dtype: torch.dtype) -> np.ndarray:
        """I(y; ω | ŷ) of points [n], float64 [n]."""
        blocks = torch.from_numpy(points).to(samples.device).split(rows.block(c))
        return torch.cat([rows.information(samples[p], dtype) for p in blocks]).cpu().numpy()

    bounds, left, scores = np.full(n, np.inf), np.arange(n), []
    for _ in bar(range(size), desc="batchbald", unit="point", delay=3, disable=None, leave=False):
        rows, merged = joint.configurations, joint.configurations.merged()
        few = contenders(
            bounds,
            left,
            partial(gains, rows=rows, dtype=torch.float32),
            partial(gains, rows=merged, dtype=torch.float32) if len(merged) < len(rows) else None,
            rows.block(c),
            error=single,
            spare=0.0 if joint.exact else 3 * single,
        )
        point, gain = first_of_largest(gains(few, rows, torch.float64), few, rank, double)
        scores.append(gain)
        left = left[left != point]
        joint.add(point)
    return np.array(joint.batch, dtype=np.int64), np.array(scores)
