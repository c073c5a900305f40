"""The command line that all scripts of the loop share."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from balent.loop.jobs import Job


def job_parser(description: str | None, *, round: bool = True) -> argparse.ArgumentParser:
    """A parser with the arguments of a job; ``round`` adds those of one step of one round."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--chain", required=True, help="what determines the results, as JSON")
    parser.add_argument("--data", required=True, help=".npz with images or features")
    parser.add_argument("--encoder", help="safetensors of a pre-trained encoder")
    if round:
        parser.add_argument("--round", type=int, required=True)
        parser.add_argument("--so-far", help="records of the rounds before; none in round 0")
    return parser


def start_job(args: argparse.Namespace) -> Job:
    """Start the job that parsed arguments describe."""
    from balent.loop.jobs import Job

    return Job.start(args.chain, args.data, args.encoder)
