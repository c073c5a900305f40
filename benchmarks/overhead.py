"""What the workflow costs: Table 1's chains as Snakemake jobs against two long-lived workers.

Both sides run the same chains with the same threads; the features that they need are built before
the clock starts. The workers start once and take chains from a queue. The two take turns, a seed
each, because a shared machine's speed drifts; the workflow's seconds hold its four starts and the
table. Prints seconds of both, their ratio (limit 1.35) and core-seconds per scenario. In a built
checkout: python benchmarks/overhead.py; results stay as they are.
"""

import multiprocessing
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

from balent.config import read_yaml, resolve
from balent.environment import job_environment
from balent.layout import chain_data, chain_encoder
from balent.loop.chain import Chain

WORKERS = 2
PARTS = (
    "Snakefile",
    "config.yaml",
    "config.schema.yaml",
    "rules",
    "scripts",
    "src",
    "profiles",
    "data",
    "envs",
)
OUT = ("history.csv", "picks.npz", "run.json")


Task = tuple[str, str, str | None]
"""(chain as JSON, data, encoder)"""


def chains(settings) -> dict[int, dict[str, Task]]:
    """Every chain of Table 1: seed -> history -> task."""
    found: dict[int, dict[str, Task]] = {seed: {} for seed in settings.seeds}
    for scenario, method, seed in settings.chains([settings.reports["table1"]]):
        data, encoder = chain_data(settings, scenario), chain_encoder(settings, scenario)
        chain = Chain.of(settings, scenario, method, seed)
        found[seed][f"results/{chain.name}/history.csv"] = (chain.to_json(), data, encoder)
    return found


def run(task: tuple[Task, str]) -> tuple[str, float]:
    """One chain in this worker: (scenario, seconds)."""
    from balent.loop import jobs

    (text, data, encoder), folder = task
    start = time.perf_counter()
    job = jobs.Job.start(text, data, encoder)
    chain = job.problem.chain
    place = Path(folder, chain.name)
    place.mkdir(parents=True)
    out = tuple(str(place / name) for name in OUT)
    jobs.block(job, len(chain.label_counts), str(place / "journal"), None, out)
    return chain.scenario, time.perf_counter() - start


def copied(place: Path) -> Path:
    """A copy of the checkout without its results."""
    place.mkdir()
    for part in PARTS:
        (shutil.copytree if Path(part).is_dir() else shutil.copy2)(part, place / part)
    return place


def built(project: Path, *targets: str) -> float:
    """Build targets in a checkout; returns seconds."""
    command = [sys.executable, "-m", "snakemake", "--cores", str(WORKERS), *targets]
    environment = os.environ | {"PYTHONPATH": str(project / "src")}
    start = time.perf_counter()
    subprocess.run(command, cwd=project, env=environment, check=True, capture_output=True)
    return time.perf_counter() - start


def main() -> None:
    settings = resolve(read_yaml("config.yaml"), read_yaml("config.schema.yaml"))
    os.environ.update(job_environment(settings.runtime, Path("src")) | {"TQDM_DISABLE": "1"})
    tasks = chains(settings)
    inputs = {path for found in tasks.values() for _, *paths in found.values() for path in paths}
    cost: dict[str, float] = defaultdict(float)
    workers = workflow = 0.0
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as folder, context.Pool(WORKERS) as pool:
        copy = copied(Path(folder, "project"))
        built(copy, *sorted(filter(None, inputs)))
        for seed, found in tasks.items():
            start = time.perf_counter()
            work = [(task, folder) for task in found.values()]
            for scenario, seconds in pool.imap_unordered(run, work, chunksize=1):
                cost[scenario] += seconds
            alone = time.perf_counter() - start
            jobs = built(copy, *found)
            print(f"seed {seed}: workers {alone:.1f} s, workflow {jobs:.1f} s", flush=True)
            workers, workflow = workers + alone, workflow + jobs
        workflow += built(copy, "reports/table1.csv")
        same = all(
            path.read_bytes() == (copy / "results" / path.relative_to(folder)).read_bytes()
            for path in Path(folder, settings.scale).glob("**/history.csv")
        )
    for scenario, seconds in cost.items():
        print(f"{scenario:24} {seconds:8.1f} core-seconds")
    number = sum(map(len, tasks.values()))
    print(f"{number} chains: workers {workers:.1f} s, workflow {workflow:.1f} s, ", end="")
    print(f"ratio {workflow / workers:.2f} (limit 1.35); equal histories: {same}")


if __name__ == "__main__":
    main()
