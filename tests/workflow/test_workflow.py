"""The dependency graph: what is built, what an edit re-runs, and that results do not move."""

import os
import shutil
import signal
import subprocess
import time

import pytest

from .conftest import Project

pytestmark = pytest.mark.workflow


def test_everything_is_built_once(built):
    names = {path.name for path in (built.root / "reports").iterdir()}
    assert {
        "table1.csv",
        "table1.md",
        "table2.csv",
        "figure3.pdf",
        "figure3.svg",
        "index.html",
    } <= names
    assert "Nothing to be done" in built.build()


def test_touching_every_source_re_runs_nothing(built):
    for path in [*built.root.glob("src/**/*.py"), *built.root.glob("scripts/*.py")]:
        os.utime(path)
    assert built.planned() == set()


@pytest.fixture
def edited(built):
    """edited(path): append a line to a source file; undone after the test."""
    changed = []

    def edit(path: str, line: str = "\nEDITED = 1\n") -> None:
        file = built.root / path
        changed.append((file, file.read_text()))
        file.write_text(file.read_text() + line)

    yield edit
    for file, text in changed:
        file.write_text(text)


def test_an_edited_plot_re_runs_its_figure_only(built, edited):
    edited("src/balent/reports/curves.py")
    again = built.planned()
    assert {"reports/figure3.pdf", "reports/figure3.svg", "reports/index.html"} <= again
    assert not any(name.startswith(("results/", "data/")) for name in again)
    assert "reports/table1.csv" not in again


def test_an_edited_method_re_runs_its_chains_only(built, edited):
    edited("src/balent/acquisition/badge.py")
    histories = {name for name in built.planned() if name.endswith("history.csv")}
    assert len(histories) == 5 * 2
    assert all("/badge/" in name for name in histories)


def test_a_new_method_file_re_runs_nothing(built):
    file = built.root / "src/balent/acquisition/extra.py"
    shutil.copy(built.root / "src/balent/acquisition/random.py", file)
    file.write_text(file.read_text().replace('name="random"', 'name="extra"'))
    try:
        assert built.planned() == set()
    finally:
        file.unlink()


def test_one_more_seed_runs_that_seed_only(built):
    again = built.planned("--config", "seeds=[0,1,2]")
    histories = {name for name in again if name.endswith("history.csv")}
    assert len(histories) == 5 * 3
    assert all("/seed2/" in name for name in histories)
    assert not any(name.startswith("data/") for name in again)


@pytest.mark.parametrize("features", ["present", "absent"])
def test_a_changed_feature_setting_re_runs_what_stands_on_it(built, features):
    config = built.root / "tests/workflow/tiny.yaml"
    text, folder = config.read_text(), built.root / "data/features"
    away = folder.with_name("away")
    if features == "absent":
        folder.rename(away)
        assert built.planned() == set()
    config.write_text(text.replace("epochs: 1,", "epochs: 2,"))
    try:
        again = built.planned()
    finally:
        config.write_text(text)
        if features == "absent":
            away.rename(folder)
    assert "data/features/small/simclr/features.npz" in again
    histories = {name for name in again if name.endswith("history.csv")}
    assert len(histories) == 4 * 3 * 2
    assert not any("/full_dropout/" in name for name in histories)


def test_results_do_not_depend_on_cores(built, project):
    shutil.copytree(built.root / "data", project.root / "data", dirs_exist_ok=True)
    project.build("reports/table1.csv", cores=1)
    expected, found = built.results(), project.results()
    assert any(name.endswith("picks.npz") for name in found)
    assert found == {name: expected[name] for name in found}


def test_four_jobs_a_round_give_the_same_results(built, project):
    shutil.copytree(built.root / "data", project.root / "data", dirs_exist_ok=True)
    methods = {
        "full_dropout": "bald",
        "fixed_features": "badge",
        "redundant_features": "random",
        "pretrained_backbone": "badge",
        "augmented_backbone": "bald",
    }
    targets = [f"results/small/{s}/{m}/seed1/history.csv" for s, m in methods.items()]
    project.build(*targets, "--config", "granularity=rounds")
    assert len(list(project.root.glob("work/**/model.safetensors"))) == 5 * 3
    expected, found = built.results(), project.results()
    assert len(found) == 2 * len(targets)
    assert found == {name: expected[name] for name in found}


def test_rounds_per_job_does_not_change_results(built, project):
    shutil.copytree(built.root / "data", project.root / "data", dirs_exist_ok=True)
    target = "results/small/augmented_backbone/bald/seed0/history.csv"
    project.build("--config", "rounds_per_job=1", "--", target)
    assert (project.root / target).read_bytes() == (built.root / target).read_bytes()
    assert len(list(project.root.glob("work/**/block*.npz"))) == 2


def test_jobs_run_in_forks_of_a_process_that_has_imported(built, project):
    shutil.copytree(built.root / "data", project.root / "data", dirs_exist_ok=True)
    script = project.root / "scripts/block.py"
    told = "import sys\nprint('imported', 'torch' in sys.modules, file=sys.stderr)\n"
    script.write_text(told + script.read_text())
    project.build("results/small/full_dropout/bald/seed0/history.csv")
    log = (project.root / "logs/small/full_dropout/bald/seed0/chain.log").read_text()
    assert log.splitlines()[:2] == ["imported False", "imported True"]


def test_a_job_does_not_run_code_that_was_edited_since_the_start(built, project):
    """Its record would name the code of the start; put back, nothing would tell."""
    shutil.copytree(built.root / "data", project.root / "data", dirs_exist_ok=True)
    target = "results/small/full_dropout/bald/seed0/history.csv"
    edit = """
if workflow.is_main_process:
    with open("src/balent/acquisition/uncertainty.py", "a") as file:
        file.write("# edited")

"""
    rules = project.root / "rules/rounds.smk"  # read after the snapshot, before the first job
    rules.write_text(edit + rules.read_text())
    failed = project.snakemake(target)
    assert failed.returncode != 0
    assert "uncertainty.py: was edited since the workflow started" in failed.stderr
    assert not (project.root / target).exists()


def test_kill_nine_three_times(built, project):
    shutil.copytree(built.root / "data", project.root / "data", dirs_exist_ok=True)
    target, killed = "reports/table1.csv", 0
    for finished in (5, 25, 50):
        run = subprocess.Popen(
            project.command(target),
            cwd=project.root,
            start_new_session=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        while len(list(project.root.glob("work/**/round_*.npz"))) < finished and run.poll() is None:
            time.sleep(0.05)
        assert run.poll() is None
        os.killpg(run.pid, signal.SIGKILL)
        run.wait()
        killed += 1
        project.build("--unlock")
    project.build(target)
    expected = built.results()
    found = project.results()
    assert killed == 3
    chains = {n for n in expected if n.startswith("results/") and "/studies/" not in n}
    assert chains <= set(found)
    assert found == {name: expected[name] for name in found}


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("scale=tiny", "scale: 'tiny' is not allowed (allowed: small, cpu, paper)"),
        ("sacle=small", "unknown key 'sacle'; did you mean 'scale'?"),
        ("seeds=0", "seeds: 0 is not of type array"),
    ],
)
def test_a_wrong_configuration_is_one_line(project: Project, override, message):
    done = project.snakemake("--dry-run", "--config", override)
    assert done.returncode != 0
    assert message in done.stderr
    assert "Traceback" not in done.stdout + done.stderr


def test_a_failing_job_shows_its_reason(project):
    (project.root / "broken.npz").write_bytes(b"not an archive")
    (project.root / "own.yaml").write_text("data_sets: {broken: {path: broken.npz}}")
    target = "data/raw/broken.npz"
    done = project.snakemake("--configfile", "own.yaml", "--nocolor", target, tiny=False)
    assert done.returncode != 0
    assert "broken.npz: cannot be read as .npz" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (project.root / target).exists()


@pytest.mark.parametrize("scale", ["cpu", "paper"])
def test_the_graph_of_larger_scales_builds(project, scale):
    done = project.snakemake(
        "--dry-run",
        "--quiet",
        "all",
        "--config",
        f"scale={scale}",
        "--",
        "reports/table1.csv",
        tiny=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
