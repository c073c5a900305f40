"""Whatever ends a job or a daemon: the run completes, or one command completes it, same bytes."""

import os
import signal
import time

import pytest

from .cluster import wait_until
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
    """Histories and picks equal those of local jobs, byte by byte, and nothing is left behind."""
    expected, found = local.results(), run.project.results()
    assert len(found) == 2 * chains
    assert found == {name: expected[name] for name in found}
    wait_until(run.nothing_left, "the end of all jobs")


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


def test_a_killed_process_is_repeated(started, local):
    run = started()
    for process in run.processes("scripts/block.py"):
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


def test_an_interrupt_cancels_all_jobs_and_the_same_command_goes_on(started, submit, local):
    run = started(*CHAINS)
    run.interrupt()
    wait_until(run.nothing_left, "the end of all jobs")
    assert {job.state for job in run.chain_jobs()} == {"CANCELLED"}
    again = submit(*CHAINS)
    again.finish()
    check(again, local, chains=2)


def test_a_killed_node_daemon_comes_back(started, local, cluster):
    run = started()
    cluster.end("slurmd", signal.SIGKILL)
    time.sleep(5)
    cluster.start_node()
    run.finish()
    check(run, local)


def test_a_controller_that_is_away_for_a_minute(started, local, cluster):
    run = started()
    cluster.end("slurmctld", signal.SIGTERM)
    time.sleep(60)
    cluster.start_controller()
    run.finish()
    check(run, local)
