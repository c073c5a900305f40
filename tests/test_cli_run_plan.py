"""``balent run --plan``: chains on a machine without the project, and back."""

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
import yaml
from command_line import refused_with

from balent import sources
from balent.cli import main
from balent.loop import folder, plan
from balent.loop import run as loop_run

BARE = """
import runpy, sys

ALLOWED = {*sys.stdlib_module_names, "balent", "torch", "numpy", "scipy"}
ABSENT = {"jsonschema", "safetensors", "tqdm", "yaml"}  # torch imports one of them if it is there


class Bare:
    def find_spec(self, name, path=None, target=None):
        top, frame = name.partition(".")[0], sys._getframe()
        while frame is not None and top not in ABSENT:
            if frame.f_globals.get("__name__", "").partition(".")[0] in ("torch", "numpy", "scipy"):
                return None  # what they import, they brought along
            frame = frame.f_back
        if top not in ALLOWED:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


sys.meta_path.insert(0, Bare())
sys.argv[0] = "balent"
runpy.run_module("balent", run_name="__main__")
"""
"""A Python with the standard library, torch, NumPy and SciPy alone."""

PLACE = Path("small/full_dropout")
METHODS = ("bald", "random")


@pytest.fixture(scope="module")
def workstation(tmp_path_factory, tiny_project):
    """A project with a tiny configuration, its data, a chain that ran there, and a plan."""
    place = tmp_path_factory.mktemp("workstation")
    tiny_project(place)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        main(["run", "--scenario", "full_dropout", "--method", "bald", "--out", "ran"])
        main(["plan", "--scenario", "full_dropout", "--method", *METHODS, "--out", "plan.json"])
    return place


@pytest.fixture(scope="module")
def box(workstation, tmp_path_factory):
    """A folder with the package, the plan and the data alone, in which the plan was run."""
    place = tmp_path_factory.mktemp("box")
    copy_to(place, workstation)
    ran = bare(place, "run", "--plan", "plan.json", "--out", "out", "--processes", "2")
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout == DONE
    return place


@pytest.fixture
def project(workstation, tmp_path, monkeypatch):
    """A copy of the workstation's folder, in which commands run."""
    shutil.copytree(workstation, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def copy_to(place, workstation):
    (place / "src").mkdir()
    without = shutil.ignore_patterns("__pycache__")
    shutil.copytree(sources.PACKAGE, place / "src" / "balent", ignore=without)
    shutil.copytree(workstation / "data", place / "data")
    shutil.copy(workstation / "plan.json", place)


def bare(place, *arguments):
    """Run the command line of the package copied to ``place``, there, with little installed."""
    kept = {name: os.environ[name] for name in ("HOME", "OMP_NUM_THREADS") if name in os.environ}
    return subprocess.run(
        [sys.executable, "-c", BARE, *arguments],
        cwd=place,
        env={**kept, "PYTHONPATH": str(place / "src"), "PATH": ""},
        capture_output=True,
        text=True,
    )


DONE = "2 of 2 chains, 6 of 6 rounds\nfinished; where the plan was made: balent import out\n"


def test_a_bare_machine_writes_what_the_project_writes(workstation, box):
    for name in ("history.csv", "picks.npz"):
        there = box / "out" / PLACE / "bald" / "seed0" / name
        assert there.read_bytes() == (workstation / "ran" / name).read_bytes()
    ours, theirs = (
        json.loads((place / "run.json").read_text())
        for place in (workstation / "ran", box / "out" / PLACE / "bald" / "seed0")
    )
    assert theirs["git"] is None
    for key in ("chain", "code", "inputs"):
        assert theirs[key] == ours[key]
    log = (box / "out" / PLACE / "bald" / "seed0" / "run.log").read_text()
    assert log.startswith("small/full_dropout/bald/seed0: 3 of 3 rounds, accuracy 0.")


def test_what_is_finished_is_not_run_again(box):
    history = box / "out" / PLACE / "bald" / "seed0" / "history.csv"
    before = history.stat().st_mtime_ns
    ran = bare(box, "run", "--plan", "plan.json", "--out", "out")
    assert (ran.returncode, ran.stdout) == (0, DONE)
    assert history.stat().st_mtime_ns == before


def test_a_chain_that_fails_is_named_and_the_others_go_on(box, tmp_path):
    shutil.copytree(box, tmp_path, dirs_exist_ok=True)
    first, second = (tmp_path / "out" / PLACE / method / "seed0" for method in METHODS)
    shutil.copy(second / "run.json", first)
    shutil.rmtree(second)
    ran = bare(tmp_path, "run", "--plan", "plan.json", "--out", "out")
    assert ran.returncode == 1
    assert (second / "history.csv").is_file()
    [line] = [line for line in ran.stderr.splitlines() if line.startswith("balent: ")]
    assert line.startswith("balent: small/full_dropout/bald/seed0: --out: ")
    assert line.endswith("seed0 holds the results of another chain; name another folder")
    assert ran.stdout == "1 of 2 chains, 6 of 6 rounds, 1 failed\n"


def test_when_time_is_up_the_status_says_again(box, tmp_path):
    shutil.copytree(box, tmp_path, dirs_exist_ok=True)
    shutil.rmtree(tmp_path / "out" / PLACE / "random")
    ran = bare(tmp_path, "run", "--plan", "plan.json", "--out", "out", "--minutes", "1e-9")
    assert ran.returncode == 75
    assert ran.stdout.splitlines() == [
        "1 of 2 chains, 3 of 6 rounds",
        "time is up; to go on, repeat the command (exit status 75)",
    ]
    assert not (tmp_path / "out" / PLACE / "random").exists()


def test_a_chain_out_of_time_ends_after_its_round_and_goes_on_there(project, monkeypatch):
    [planned, _] = plan.read(Path("plan.json")).chains
    data = f"data/{planned.data}"
    clock = iter([1.0, 2.0, 3.0])
    watch = SimpleNamespace(monotonic=lambda: next(clock), perf_counter=time.perf_counter)
    monkeypatch.setattr(loop_run, "time", watch)
    assert not folder.run_in(Path("out"), planned.chain, data, deadline=2.5)
    journal = sorted(path.name for path in Path("out/journal").iterdir())
    assert journal == ["round_0000.npz", "round_0001.npz"]
    assert not Path("out/history.csv").exists()
    clock = iter([1.0])
    assert folder.run_in(Path("out"), planned.chain, data, deadline=2.5)
    assert Path("out/history.csv").read_bytes() == Path("ran/history.csv").read_bytes()


def test_what_a_bare_machine_ran_is_imported(project, box, capsys):
    shutil.copytree(box / "out", "came")
    shutil.rmtree(Path("came", PLACE, "random/seed0"))
    Path("came", PLACE, "random/seed0/journal").mkdir(parents=True)
    main(["import", "came", "ran"])
    chain = f"{PLACE}/bald/seed0"
    assert capsys.readouterr().out.splitlines() == [
        f"came/{PLACE}/random/seed0: is not finished; left out",
        f"came/{chain}: taken",
        "ran: taken",
        f"next: snakemake --cores all results/{chain}/history.csv --config scale=small",
    ]
    assert Path("work", chain, "imported/history.csv").is_file()


def test_a_damaged_chain_does_not_keep_the_others(project, box, capsys):
    shutil.copytree(box / "out", "came")
    Path("came", PLACE, "bald/seed0/journal/round_0002.npz").write_bytes(b"short")
    with pytest.raises(SystemExit) as stop:
        main(["import", "came"])
    assert stop.value.code == 1
    out, error = capsys.readouterr()
    chain = f"{PLACE}/random/seed0"
    assert out.splitlines() == [
        f"came/{chain}: taken",
        f"next: snakemake --cores all results/{chain}/history.csv --config scale=small",
    ]
    assert error.startswith(f"balent: came/{PLACE}/bald/seed0: 2 of 3 rounds in its journal")


def test_a_folder_of_unfinished_chains_gives_nothing(project, capsys):
    Path("came", PLACE, "random/seed0/journal").mkdir(parents=True)
    with pytest.raises(SystemExit) as stop:
        main(["import", "came"])
    assert stop.value.code == 2
    assert capsys.readouterr().err == "balent: nothing to take over in came\n"


def test_the_command_imports_no_library_before_the_environment_is_set():
    code = (
        "import sys; from balent.cli import modules; modules(['run'])\n"
        "print([name for name in ('numpy', 'torch') if name in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert run.stdout == "[]\n"


def test_importing_what_runs_chains_touches_no_device():
    """A process that has must not be forked."""
    code = (
        "import torch\n"
        "def touched(*arguments): raise SystemExit('a device was touched')\n"
        "torch._C._cuda_getDeviceCount = torch._C._cuda_init = touched\n"
        "import balent.loop.jobs, balent.loop.workers\n"
        "assert not torch.cuda.is_initialized()\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--scenario", "x"], "--scenario: does not go with --plan; leave out one of them"),
        (["--seed", "0"], "--seed: does not go with --plan; leave out one of them"),
        (["--minutes", "0"], "--minutes: 0 is not allowed; give more than 0"),
        (["--minutes", "nan"], "--minutes: nan is not allowed; give more than 0"),
        (["--processes", "0"], "--processes: 0 is not allowed; give 1 or more"),
        (["--device", "gpu"], "--device: 'gpu' is not allowed; give auto, cpu, cuda or cuda:N"),
        (["--plan", "none.json"], "none.json: No such file or directory"),
        (["--data", "other"], "other/raw/digits.npz: is not there; copy the project's data/raw/"),
        (["--out", "plan.json"], "--out: plan.json is a file; name a folder"),
    ],
)
def test_a_wrong_argument_with_a_plan_is_one_line(project, capsys, arguments, message):
    refused_with(capsys, message, "run", "--plan", "plan.json", "--out", "out", *arguments)
    assert not Path("out").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--method", "bald"], "--scenario: is not given; name one, or give --plan"),
        (["--scenario", "full_dropout"], "--method: is not given; name one, or give --plan"),
        (["--minutes", "9"], "--minutes: is for --plan; give --plan, or leave it out"),
    ],
)
def test_one_chain_has_a_name(project, capsys, arguments, message):
    refused_with(capsys, message, "run", "--out", "out", *arguments)


def test_a_damaged_plan_is_refused(project, capsys):
    whole = Path("plan.json").read_text()
    changed = json.loads(whole)
    changed["plan"]["chains"][0]["chain"]["seed"] = 4
    other = json.loads(whole)
    other["plan"]["more"] = 0
    other["digest"] = plan._digest(other["plan"])
    for text in (whole[:-9], "", "[]", "{}", "\0", json.dumps(changed), json.dumps(other)):
        Path("plan.json").write_text(text)
        message = "plan.json: is no plan, or not as it was written; copy what balent plan wrote"
        refused_with(capsys, message, "run", "--plan", "plan.json", "--out", "out")
    Path("plan.json").write_bytes(b"\xff\xfe")
    refused_with(capsys, message, "run", "--plan", "plan.json", "--out", "out")


def test_a_plan_of_other_code_is_refused(box, tmp_path):
    shutil.copytree(box, tmp_path, dirs_exist_ok=True)
    edited = tmp_path / "src/balent/loop/rounds.py"
    edited.write_text(edited.read_text() + "\n")
    ran = bare(tmp_path, "run", "--plan", "plan.json", "--out", "new")
    assert ran.returncode == 2
    package = tmp_path / "src/balent"
    assert ran.stderr == (
        f"balent: plan.json: was made by other code than {package}; copy both from one checkout\n"
    )


def test_other_data_than_the_plan_names_are_refused(project, capsys):
    Path("data/raw/digits.npz").write_bytes(b"other")
    message = "data/raw/digits.npz: is not the file that the plan names; copy it once more"
    refused_with(capsys, message, "run", "--plan", "plan.json", "--out", "out")


def test_what_a_chain_needs_besides_is_asked_for(project, capsys, monkeypatch):
    config = yaml.safe_load(Path("config.yaml").read_text())
    config["scenarios"]["full_dropout"]["small"]["training"]["warm_start"] = True
    Path("config.yaml").write_text(yaml.safe_dump(config))
    main(["plan", "--scenario", "full_dropout", "--method", "bald", "--out", "plan.json"])
    find = plan.importlib.util.find_spec
    monkeypatch.setattr(
        plan.importlib.util, "find_spec", lambda name: None if name == "safetensors" else find(name)
    )
    message = "plan.json: small/full_dropout/bald/seed0 needs the package safetensors, which is not"
    refused_with(capsys, message, "run", "--plan", "plan.json", "--out", "out")


@pytest.mark.skipif(torch.cuda.is_available(), reason="a device is there")
def test_a_device_that_is_not_there_is_one_line(box):
    ran = bare(box, "run", "--plan", "plan.json", "--out", "new", "--device", "cuda:7")
    assert ran.returncode == 2
    assert ran.stderr.startswith("balent: device: 'cuda:7' is not there (this machine has 0 CUDA ")
    assert ran.stderr.count("\n") == 1
    assert not (box / "new").exists()


def test_a_command_without_its_packages_is_one_line(box):
    ran = bare(box, "check")
    assert ran.returncode == 2
    assert ran.stderr == (
        "balent: needs the package yaml, which is not installed here; install it "
        "(run --plan and run --help do without)\n"
    )
