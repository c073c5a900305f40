"""A SLURM for the session, chains made by local jobs to compare with, and runs through SLURM."""

import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import pytest
from workflow.conftest import Project, copy_project

from .cluster import Cluster, QueuedJob, Unavailable, wait_until

NO_PLUGIN = "needs the packages of envs/requirements-slurm.txt: make test-slurm"
PROFILE = ("--workflow-profile", "profiles/slurm", "--nocolor")
CHAINS = [f"results/small/full_dropout/{method}/seed0/history.csv" for method in ("bald", "random")]
"""Chains of some seconds that need raw data only."""


PATIENCE = 20
"""Seconds until Ctrl-C is pressed again: Snakemake's threads sometimes swallow the first one."""


@dataclass
class Run:
    """Snakemake with the SLURM profile in a copy of the project, in the background."""

    project: Project
    cluster: Cluster
    process: subprocess.Popen[str]

    @property
    def root(self) -> Path:
        return self.project.root

    @property
    def ended(self) -> bool:
        return self.process.poll() is not None

    def chain_jobs(self) -> list[QueuedJob]:
        """The jobs of this folder that run chains, in the order of their submission."""
        ours = [job for job in self.cluster.jobs() if job.folder == str(self.root)]
        return [job for job in ours if job.comment.startswith("rule_chain")]

    def wait_for_rounds(self, count: int) -> None:
        """Wait until the chains have finished some rounds; none may be through."""
        wait_until(
            lambda: self.ended or self.rounds() >= count,
            f"round {count}",
            seconds=180,
        )
        assert not self.ended, self.process.communicate()[0][-4000:]
        assert not list(self.root.glob("results/**/history.csv"))

    def rounds(self) -> int:
        """Rounds in the journals of all chains."""
        return len(list(self.root.glob("work/**/journal/round_*.npz")))

    def finish(self, seconds: float = 400) -> str:
        """Wait for Snakemake's end, with success; returns what it printed."""
        output, _ = self.process.communicate(timeout=seconds)
        assert self.process.returncode == 0, output[-4000:]
        return output

    def interrupt(self) -> None:
        """As Ctrl-C, and again where that was lost: Snakemake must end by itself, with an error."""
        for _ in range(3):
            self.process.send_signal(signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                self.process.communicate(timeout=PATIENCE)
                break
        assert self.process.returncode not in (0, None)

    def kill(self) -> str:
        """End Snakemake at once, its jobs not; returns what it printed."""
        self.process.kill()
        return self.process.communicate(timeout=60)[0]


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """The SLURM; what uses it is skipped, with the reason, where there can't be one."""
    if find_spec("snakemake_executor_plugin_slurm") is None:
        pytest.skip(NO_PLUGIN)
    folder = Path(tempfile.mkdtemp(prefix="slurm"))  # short: the path of a socket is
    started = Cluster(folder)
    try:
        started.start()
        yield started
    except Unavailable as reason:
        pytest.skip(str(reason))
    finally:
        started.stop()
        shutil.rmtree(folder)


@pytest.fixture
def project(tmp_path) -> Project:
    """A fresh copy of the project, with the overlays of these tests."""
    copied = copy_project(tmp_path / "project")
    overlays = Path("tests/slurm")
    shutil.copytree(Path(__file__).parent, copied.root / overlays)
    return copied


@pytest.fixture
def submit(cluster, project) -> Iterator[Callable[..., Run]]:
    """submit(*arguments): start Snakemake with the SLURM profile.

    A test ends with all its runs ended, and fails where a job or a process of one outlives them.
    """
    started: list[Run] = []

    def start(*arguments: str) -> Run:
        process = subprocess.Popen(
            [sys.executable, "-m", "snakemake", *PROFILE, *arguments],
            cwd=project.root,
            env=cluster.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),  # ignored after `&`
        )
        started.append(Run(project, cluster, process))
        return started[-1]

    yield start
    try:
        if all(run.ended for run in started):  # not so where the test failed
            cluster.wait_until_empty()
    finally:
        for run in started:
            run.kill()
        cluster.clear()


@pytest.fixture(scope="session")
def local(cluster, tmp_path_factory) -> Project:
    """A copy in which local jobs made the chains, where there is a SLURM to compare with."""
    made = copy_project(tmp_path_factory.mktemp("local") / "project")
    made.build(*CHAINS, tiny=False)
    return made
