"""Forecasts of memory against the peak of chains that ran, each in a process of its own."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

from balent import forecast as forecasts
from balent.config import merge_patch
from balent.data import inputs
from balent.files import save_npz
from balent.forecast import MIB, Chain, Points
from balent.models import backbone, cnn, head, mlp, steps, variational
from balent.posterior import forecast as posteriors
from balent.posterior import sampler

RUN = """
import json, sys
from balent.loop.jobs import Job, block
arguments, folder = json.loads(sys.argv[1]), sys.argv[2]
job = Job.start(**arguments)
out = tuple(f"{folder}/{name}" for name in ("history.csv", "picks.npz", "run.json"))
block(job, len(job.problem.chain.sizes), f"{folder}/journal", None, out)
print(open("/proc/self/status").read())
"""
DIGITS = Points(1_297, 500, (8, 8), 10, 1)
MEMBERS = {"sampling": {"samples": 5}, "evaluation": {"samples": 5}}
PIXELS = DIGITS._replace(shape=(64,), width=4)
SHIPPED = {"training": {"steps": 20}, "sampling": {"samples": 100}, "evaluation": {"samples": 100}}
WIDE = Points(20_000, 1_000, (256,), 100, 4)

linux = pytest.mark.skipif(sys.platform != "linux", reason="the peak is read from /proc")


def peak(arguments, folder, budget=1024):
    """The largest resident size in bytes of a process that runs a chain."""
    variables = {"OMP_NUM_THREADS": "1", "TQDM_DISABLE": "1", "BALENT_DEVICE": "cpu"}
    done = subprocess.run(
        [sys.executable, "-c", RUN, json.dumps(arguments), str(folder)],
        env=os.environ | variables | {"BALENT_MEMORY_BUDGET_MIB": str(budget)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) * 1024


def forecast(arguments, points):
    chain = json.loads(arguments["chain"])
    return Chain(chain["settings"], chain["function"], chain["options"], points)


@linux
@pytest.mark.parametrize(
    ("scenario", "method", "points", "patch"),
    [
        ("full_dropout", "badge", DIGITS, {}),
        ("redundant_features", "batchbald", PIXELS, {}),
        ("augmented_backbone", "balentacq", DIGITS, {}),
        ("variational_cifar100", "badge", PIXELS, {"training": {"epochs": None}}),
        ("ensemble_redundant", "badge", DIGITS, MEMBERS),
        ("gaussian_process", "balentacq", PIXELS, {}),
        ("gaussian_process", "batchbald", PIXELS, {"copies": 2}),
    ],
)
def test_small_chains_stay_below_their_forecast(
    scenario, method, points, patch, arguments, tmp_path
):
    given = arguments(scenario, method, patch=merge_patch(SHIPPED, patch, keep_null=True))
    wanted = forecast(given, points).bytes_on_cpu(budget=1024 * MIB)
    measured = peak(given, tmp_path)
    assert 0.6 * wanted < measured <= wanted


@linux
@pytest.mark.parametrize(("method", "budget"), [("balentacq", 100), ("badge", 1024)])
def test_a_wide_chain_stays_below_its_forecast(method, budget, arguments, tmp_path):
    """The pool counts here, not the process: 100 classes, 20,000 points of 256 features."""
    random = np.random.default_rng(0)
    n = WIDE.n_train, WIDE.n_test
    x = [random.standard_normal((count, 256), dtype=np.float32) for count in n]
    y = [np.arange(count) % 100 for count in n]
    save_npz(tmp_path / "wide.npz", x_train=x[0], x_test=x[1], y_train=y[0], y_test=y[1])
    patch = {"training": {"steps": 5}, "sampling": {"samples": 20}, "model": {"hidden": 512}}
    patch["acquisition"] = {"initial": 100, "size": 50, "budget": 150}
    given = arguments("fixed_features", method, patch=patch)
    given["data"] = str(tmp_path / "wide.npz")
    wanted = forecast(given, WIDE).bytes_on_cpu(budget=budget * MIB)
    measured = peak(given, tmp_path, budget)
    assert 0.6 * wanted < measured <= wanted


def test_constants_are_those_of_the_modules_that_they_describe():
    """The forecast imports no torch, so it repeats them."""
    assert forecasts.CONVERTED == inputs.READY_BYTES
    assert posteriors.LABELLED == steps.HELD_BYTES
    assert (posteriors.TILE, posteriors.PASS) == (sampler.TILE, sampler.PASS)
    networks = {"cnn": cnn.CNN, "head": head.Head, "mlp": mlp.MLP, "backbone": backbone.Backbone}
    assert {name: kind.samples_at_once for name, kind in networks.items()} == posteriors.FOLDED
    assert variational.VariationalNetwork.samples_at_once == posteriors.DRAWN
