"""One study from its description: what the workflow's study script calls."""

from __future__ import annotations

import json
import time
from functools import partial
from pathlib import Path

import torch

from balent import runtime, sources
from balent.acquisition import catalog
from balent.files import save_npz, sha256_file, write_json
from balent.streams import Streams
from balent.studies import kinds
from balent.studies.memory import peak_before_resets


def run_study(
    description: str,
    result: str | Path,
    record: str | Path,
    data: str | None = None,
    encoder: str | None = None,
) -> None:
    """Write a study's arrays as ``.npz``, and how they came to be as JSON.

    description  JSON {name, settings, methods: {name: {function, options}}, torch_threads}, of a
                 kind that trains a network with its chain; what else it holds is recorded
    data         and encoder: files of that chain, as for balent.loop.problem.load_problem

    Studies run on the CPU, so that their draws are the same everywhere, but for those that measure
    time: these run on the configured device.
    """
    study = json.loads(description)
    settings, methods, threads = study["settings"], study["methods"], study["torch_threads"]
    files = code_files(settings["kind"], methods)
    sources.check_unchanged(files)
    run, device = kinds.load(settings["kind"]), "cpu"
    if settings["kind"] in kinds.TIMED:
        device = runtime.start(threads)
        run = partial(run, device=device)
    if settings["kind"] in kinds.TRAINED:
        run = partial(run, chain=json.dumps(study["chain"]), data=data, encoder=encoder)
    torch.set_num_threads(threads)
    start = time.perf_counter()
    arrays = run(settings, methods, Streams(settings["seed"]))
    seconds = time.perf_counter() - start
    save_npz(result, **arrays)
    about = runtime.describe(device, sources.digest(files))
    about["peak_memory_mib"] = max(about["peak_memory_mib"], round(peak_before_resets()))
    inputs = {path: sha256_file(path) for path in (data, encoder) if path}
    write_json(record, {"study": study, "inputs": inputs, "seconds": round(seconds, 4), **about})


def code_files(kind: str, methods: dict[str, dict]) -> list[Path]:
    """The source files that a study runs: its kind's, and those of its acquisition functions."""
    functions = {method["function"] for method in methods.values()}
    of_methods = {file for name in functions for file in catalog.find(name).source_files()}
    return sorted({*sources.closure(__file__, kinds.source(kind)), *of_methods})
