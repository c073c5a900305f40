"""benchmarks/gpu.py at small sizes on a CPU, where only the rates and times mean nothing."""

import json
import math
import os
import subprocess
import sys
import time
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from balent.errors import ConfigError, DataError
from balent.loop import rounds as loop_rounds

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "benchmarks" / "gpu.py"
sys.path.append(str(SCRIPT.parent))  # last: other modules there are called as packages of tests
gpu = import_module("gpu")
bench, device, figures, plan, points, projection, roofline, steps = (
    import_module(f"gpu_parts.{name}")
    for name in ["bench", "device", "figures", "plan", "points", "projection", "roofline", "steps"]
)
ABSENT = ("yaml", "jsonschema", "pandas", "snakemake", "dvc", "sklearn", "matplotlib")
"""What a machine with a GPU and little else may lack."""

SEVEN = ("balentacq", "bald", "entropy", "mean_sd", "power_bald", "badge", "random")
"""Methods of Tables 1 and 8."""

CEILINGS = roofline.Ceilings(copy=1e12, float32=1e13, tf32=1e14, bfloat16=1e15)


@pytest.fixture(scope="module")
def settings_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("settings") / "settings.json"
    subprocess.run([sys.executable, SCRIPT, "--write-settings", path], check=True)
    return path


@pytest.fixture
def small(settings_file):
    return plan.read(settings_file, "small")


@pytest.fixture
def paper(settings_file):
    return plan.read(settings_file, "paper")


def run(*arguments, **variables):
    command = [sys.executable, str(SCRIPT), *map(str, arguments)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"} | variables
    return subprocess.run(command, env=environment, capture_output=True, text=True)


def test_every_part_from_written_settings_where_little_is_installed(settings_file, tmp_path):
    lacking = tmp_path / "lacking"
    lacking.mkdir()
    for name in ABSENT:
        (lacking / f"{name}.py").write_text(f"raise ImportError('{name} is not to be imported')\n")
    out = tmp_path / "gpu.json"
    path = os.pathsep.join([str(lacking), str(ROOT / "src")])
    given = ("--settings", settings_file, "--device", "cpu", "--small", "--json", out)
    done = run(*given, PYTHONPATH=path, BALENT_DATA_MIRROR="")
    assert done.returncode == 0, done.stderr
    found = json.loads(out.read_text())
    assert found["note"] == gpu.SMALL
    assert gpu.SMALL in done.stdout
    assert list(found["parts"]) == ["ceilings", *gpu.PARTS]
    assert found["errors"] == found["not_run"] == []
    every = {f["name"]: f for part in found["parts"].values() for f in part}
    assert len(every) == sum(map(len, found["parts"].values()))
    for name, figure in every.items():
        assert figure["value"] > 0, name
        assert (figure["share"] is None) == (figure["attainable"] is None)
    targets = {f["target"] for f in every.values()} - {None}
    assert targets == {0.10, 0.050, 600.0, 1800.0}
    assert all(rate > 0 for rate in found["ceilings"].values())
    assert set(found["points"]) == set(plan.SCENARIOS)
    where = found["provenance"]
    assert (where["device"], where["packages"]["torch"]) == ("cpu", torch.__version__)
    assert len(where["code"]) == 64
    assert {"date", "device_name", "git", "triton", "python", "scale"} <= set(where)
    assert "| full_dropout: round, balentacq |" in done.stdout
    ends = {"full_dropout: processes, 2", "Table 1, MNIST, bfloat16, one process"}
    assert ends | {"Table 1, MNIST, 2 processes"} <= set(every)


@pytest.mark.skipif(torch.cuda.is_available(), reason="what is said where there is no GPU")
def test_no_gpu_is_one_line(settings_file):
    done = run("--settings", settings_file)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "'cuda' is not there" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (["--device", "cpu"], ConfigError, "add --small"),
        (["--minutes", "0"], ConfigError, "--minutes: 0.0 is not allowed; give more than 0"),
        (["--settings", "absent.json"], DataError, "absent.json: cannot be read"),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_measured(arguments, error, message, monkeypatch):
    monkeypatch.setattr(sys, "argv", [str(SCRIPT), *arguments])
    with pytest.raises(error, match=message):
        gpu.main()


@pytest.mark.parametrize("text", ["[]", "{}", '{"small": {"scale": "small"}}'])
def test_settings_of_another_version_are_refused(text, tmp_path):
    path = tmp_path / "settings.json"
    path.write_text(text)
    with pytest.raises(ConfigError, match="write them again"):
        plan.read(path, "small")
    path.write_text("{")
    with pytest.raises(DataError, match="cannot be read as JSON"):
        plan.read(path, "small")


def test_a_failing_piece_is_named_and_the_others_go_on(monkeypatch):
    def good(_):
        yield figures.Figure("good", 1.0, "s")

    def bad(_):
        yield figures.Figure("before", 1.0, "s")
        raise ValueError("broken")

    monkeypatch.setitem(gpu.PARTS, "rounds", (bad, good))
    report, written = gpu.Report({}), []
    gpu.run(["rounds"], None, report, time.monotonic() + 60, lambda: written.append(1))
    assert [f.name for f in report.figures["rounds"]] == ["before", "good"]
    assert report.errors == ["rounds: bad: ValueError: broken"]
    assert len(written) == 2
    assert "failed: rounds: bad: ValueError: broken" in list(gpu.summary(report, False))


def test_when_time_is_up_the_rest_is_named(monkeypatch):
    def never(_):
        raise AssertionError("began after the end")
        yield

    monkeypatch.setitem(gpu.PARTS, "rounds", (never,))
    report = gpu.Report({})
    gpu.run(["rounds"], None, report, time.monotonic() - 1, lambda: None)
    assert not report.errors
    assert report.not_run == ["rounds: never (not at all, or not to its end)"]


def test_the_share_of_what_is_attainable():
    slow = figures.Figure("seconds", 0.4, "s", attainable=0.1)
    rate = figures.Figure("rate", 50.0, "images/s", attainable=200.0)
    assert slow.share == rate.share == 0.25
    assert figures.Figure("plain", 1.0, "s").share is None


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (2e-5, "s", "20 µs"),
        (0.0934, "s", "93.4 ms"),
        (3.5, "s", "3.5 s"),
        (600.0, "s", "10 min"),
        (4.3e12, "bytes/s", "4.3 Tbytes/s"),
        (150.0, "rounds/s", "150 rounds/s"),
    ],
)
def test_quantities(value, unit, text):
    assert figures.quantity(value, unit) == text


def test_the_roofline_is_the_larger_of_two_times():
    assert CEILINGS.seconds(operations=1e13, moved=1e11, precision="float32") == 1.0
    assert CEILINGS.seconds(operations=1e13, moved=1e11, precision="bfloat16") == 0.1


def test_work_of_the_head_on_cifar_100(paper):
    """2048-2048-100: the first layer once a point and without a gradient of its inputs, the last
    one for every sample."""
    settings = paper.chain("fixed_features", "balentacq").settings
    work = roofline.Work(settings, points.sizes(settings, paper.width))
    operations, moved = work.predict(50_000)
    assert operations == pytest.approx(2 * 50_000 * (2048**2 + 100 * 2048 * 100))
    assert moved == 50_000 * (4 * 2048 + 8 * 401)
    operations, moved = work.train(1000)
    assert operations == pytest.approx(2 * 150 * 1000 * (2 * 2048**2 + 3 * 2048 * 100))
    weights = 2048**2 + 2048 + 2048 * 100
    assert moved == 150 * 8 * 24 * weights


def test_operations_of_simclr(paper):
    """ResNet-50 with a stem for 32 pixels has 1.3 billion multiply-adds an image."""
    per_image = roofline.simclr_operations(paper.simclr, points.images_of(paper.images))
    assert per_image == pytest.approx(2 * 2 * 3 * 1.3e9, rel=0.02)


def test_the_plan_at_paper_scale(paper):
    assert sorted(paper.methods) == sorted(SEVEN)
    assert paper.seeds == 3
    images = points.sizes(paper.chain("full_dropout", "bald").settings, paper.width)
    assert images == (60_000, 10_000, (28, 28), 10, 1)
    assert paper.simclr["encoder"] == {"name": "resnet50", "stem": "small"}
    found = {
        s: projection.sizes(paper.chain(s, "bald").label_counts, batch_size=128)
        for s in paper.chains
    }
    assert found["full_dropout"] == [20, 113, 128, 129, 206, 256, 257, 300]
    assert found["fixed_features"] == found["redundant_features"] == [500, 10_000, 20_000, 30_000]


def test_a_column_of_linear_trainings_is_their_sum():
    """Trainings of n ms, evaluations of 1 s, and a choice of 2 s in every round but the last."""
    counts = list(range(20, 301))
    fake = SimpleNamespace(
        label_counts=counts,
        batch_size=16,
        train=lambda n: n / 1000,
        evaluate=lambda: 1.0,
        choose=lambda method: {"a": 2.0, "b": 2.0}[method],
    )
    chain = sum(counts) / 1000 + len(counts) + 2 * (len(counts) - 1)
    assert projection.column(fake, ["a", "b"], seeds=3) == pytest.approx(6 * chain)


def test_trainings_of_few_batches_are_a_staircase():
    counts = list(range(20, 301))
    fake = SimpleNamespace(
        label_counts=counts,
        batch_size=128,
        train=lambda n: float(math.ceil(n / 128)),
        evaluate=lambda: 0.0,
        choose=lambda method: 0.0,
    )
    assert projection.column(fake, ["a"], seeds=1) == sum(math.ceil(n / 128) for n in counts)


def test_a_first_run_that_compiles_does_not_count(monkeypatch):
    clock = iter([9.0, 0.1, 0.3, 0.2, 0.1, 0.2])
    monkeypatch.setattr(device, "seconds_once", lambda *_: next(clock))
    assert device.seconds(None, "cpu", "paper") == 0.2
    monkeypatch.setattr(device, "seconds_once", lambda *_: 7.0)
    assert device.seconds(None, "cpu", "paper") == 7.0
    assert device.seconds(None, "cpu", "small") == 7.0


def test_a_column_that_attains_what_it_can_takes_the_least_time(small, tmp_path):
    """Steps at the roofline add up to it, but for the lines between measured trainings."""
    real = bench.Bench(small, "cpu", tmp_path, CEILINGS).steps("fixed_features")

    def predict(count):
        return CEILINGS.seconds(*real.work.predict(count), "float32")

    fake = SimpleNamespace(
        label_counts=real.label_counts,
        batch_size=real.batch_size,
        train=lambda n: CEILINGS.seconds(*real.work.train(n), "float32"),
        evaluate=lambda: predict(real.work.points.n_test),
        choose=lambda method: 0.0 if method == "random" else predict(real.pool),
    )
    methods = ["random", "bald", "badge"]
    least = projection.least(real, methods, 3, CEILINGS, "float32")
    assert projection.column(fake, methods, 3) == pytest.approx(least, rel=0.05)


def test_random_points_are_a_data_set_of_the_right_form(small, tmp_path, monkeypatch):
    monkeypatch.setattr(points, "RAW", tmp_path / "no_such_folder")
    monkeypatch.delenv("BALENT_DATA_MIRROR", raising=False)
    for scenario, shape, kind in (
        ("full_dropout", (1, 8, 8), "images"),
        ("fixed_features", (small.width,), "features"),
    ):
        measured = steps.Steps(small, scenario, "cpu", tmp_path)
        assert measured.file == tmp_path / f"digits_{kind}.npz"
        assert measured.pool == 1_297
        assert measured.problem("bald").pool.shape == shape


def test_real_images_are_taken_where_they_are(small, tmp_path, monkeypatch):
    monkeypatch.setattr(points, "RAW", tmp_path)
    (tmp_path / "digits.npz").touch()
    settings = small.chain("full_dropout", "bald").settings
    assert points.file_of(settings, small.width, tmp_path / "random") == tmp_path / "digits.npz"


def test_a_step_is_measured_once(small, tmp_path, monkeypatch):
    calls = []
    monkeypatch.setattr(loop_rounds, "train", lambda *_: calls.append(1))
    measured = steps.Steps(small, "full_dropout", "cpu", tmp_path)
    assert measured.train(20) == measured.train(20)
    assert len(calls) == 1


def test_bfloat16_reaches_training_and_sampling(small, tmp_path):
    """The keys are those that the package reads: other weights, other moments."""
    shared = bench.Bench(small, "cpu", tmp_path, CEILINGS)
    weights, means = [], []
    for variant in ("", "bfloat16"):
        problem = shared.steps("fixed_features", variant).problem("bald")
        fresh = loop_rounds.new_posterior(problem, 0)  # the same in both
        sampled = loop_rounds.mc_sample(problem, 0, problem.initial, fresh)
        means.append(sampled.predictions.moments.mean)
        trained = loop_rounds.train(problem, 0, problem.initial, None)
        weights.append(trained.state_dict()["hidden.weight"])
    for plain, rounded in (weights, means):
        assert not torch.equal(plain, rounded)
        assert (plain - rounded).abs().mean() < 0.01


def test_child_processes():
    children = {
        name: device.Child(function, argument)
        for name, function, argument in (
            ("returns", math.sqrt, 4),
            ("fails", math.sqrt, -1),
            ("dies", os._exit, 3),
            ("hangs", time.sleep, 300),
        )
    }
    assert children["returns"].result(100) == 2.0
    with pytest.raises(RuntimeError, match="in a child process: ValueError"):
        children["fails"].result(100)
    with pytest.raises(RuntimeError, match="died"):
        children["dies"].result(100)
    with pytest.raises(RuntimeError, match="not done after 0 s"):
        children["hangs"].result(0.1)
    assert not any(child.process.is_alive() for child in children.values())
