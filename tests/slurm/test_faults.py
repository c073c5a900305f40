"""Whatever ends a job or a daemon: the run completes, or one command completes it, same bytes."""

import os
import re
import signal
import time

import pytest

from .cluster import Cluster, wait_until
from .conftest import CHAINS, Run

CHAIN = CHAINS[0]
STARTED = 2
"""Rounds after which the faults come."""


@pytest.fixture
def started(submit):
    """started(*targets): a run whose chain is in the middle of its rounds."""

    def start(*targets: str) -> Run:
        run = submit(*(targets or [CHAIN]))
        run.wait_for_rounds(STARTED)
        return run

    return start


def check(run: Run, local, chains: int = 1) -> None:
    """Histories and picks equal those of local jobs, byte by byte."""
    expected, found = local.results(), run.project.results()
    assert len(found) == 2 * chains
    assert found == {name: expected[name] for name in found}


def megabytes(memory: str) -> int:
    """SLURM's 4000M or 4G."""
    return int(memory[:-1]) * {"M": 1, "G": 1024}[memory[-1]]


def test_a_cancelled_job_is_repeated_with_more_memory(started, local, cluster):
    run = started()
    cluster.ask("scancel", run.chain_jobs()[0].number)
    run.finish()
    check(run, local)
    first, second = run.chain_jobs()
    assert (first.state, second.state) == ("CANCELLED", "COMPLETED")
    assert megabytes(second.memory) == 2 * megabytes(first.memory)


def test_a_job_over_its_memory_is_repeated(submit, local):
    run = submit(CHAIN, "--set-resources", "chain:mem_mb=100 if attempt == 1 else 4000")
    run.finish()
    check(run, local)
    assert [job.state for job in run.chain_jobs()] == ["FAILED", "COMPLETED"]


def test_a_killed_process_is_repeated(started, local, cluster):
    run = started()
    for process in cluster.processes("scripts/block.py"):
        os.kill(process, signal.SIGKILL)
    run.finish()
    check(run, local)
    assert [job.state for job in run.chain_jobs()] == ["FAILED", "COMPLETED"]


def test_a_preempted_job_goes_on(started, local, cluster):
    run = started()
    number = run.chain_jobs()[0].number
    cluster.ask("scontrol", "requeue", number)
    wait_until(lambda: run.chain_jobs()[0].state == "PENDING", "the requeued job")
    cluster.ask("scontrol", "update", f"JobId={number}", "StartTime=now")  # not in two minutes
    run.finish()
    check(run, local)
    assert [job.state for job in run.chain_jobs()] == ["COMPLETED"]


def test_an_interrupt_cancels_all_jobs_and_the_same_command_goes_on(
    started, submit, local, cluster
):
    run = started(*CHAINS)
    run.interrupt()
    cluster.wait_until_empty()
    assert {job.state for job in run.chain_jobs()} == {"CANCELLED"}
    again = submit(*CHAINS)
    again.finish()
    check(again, local, chains=2)


def test_a_killed_snakemake_leaves_jobs_that_go_on_until_they_are_cancelled(
    started, submit, local, cluster
):
    """The steps of docs/cluster.md: cancel, unlock, the same command."""
    run = started(*CHAINS)
    name = re.search(r"SLURM run ID: (\S+)", run.kill())[1]
    before = run.rounds()
    wait_until(lambda: run.rounds() > before, "a round of a job that goes on")
    assert {job.state for job in run.chain_jobs()} <= {"PENDING", "RUNNING"}
    cluster.ask("scancel", "--name", name)
    cluster.wait_until_empty()
    submit("--unlock").finish()
    again = submit(*CHAINS)
    again.finish()
    check(again, local, chains=2)
    states = [job.state for job in run.chain_jobs()]
    assert states == ["CANCELLED"] * 2 + ["COMPLETED"] * 2


@pytest.mark.parametrize(
    ("daemon", "number", "seconds", "start"),
    [
        ("slurmd", signal.SIGKILL, 5, Cluster.start_node),
        ("slurmctld", signal.SIGTERM, 60, Cluster.start_controller),
    ],
)
def test_a_daemon_that_is_away(daemon, number, seconds, start, started, local, cluster):
    run = started()
    cluster.end(daemon, number)
    time.sleep(seconds)
    start(cluster)
    run.finish()
    check(run, local)
