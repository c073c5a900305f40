"""The cluster of these tests ends what a job leaves behind."""

from .cluster import wait_until

ESCAPE = "setsid sleep 1000 > /dev/null 2>&1 &"
"""A job that ends at once; SLURM loses sight of the process that it leaves."""


def test_a_process_that_left_its_job_is_found_and_ended(cluster):
    cluster.ask("sbatch", "--output=/dev/null", "--wrap", ESCAPE)
    wait_until(lambda: not cluster.active_jobs() and cluster.processes(), "the orphan")
    assert not cluster.empty()
    cluster.clear()
    assert cluster.empty()
