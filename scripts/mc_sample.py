"""Rule mc_sample: Monte-Carlo predictions of the remaining pool."""

from balent.forkserver import run
from balent.loop.arguments import job_parser, start_job


def main() -> None:
    parser = job_parser(__doc__)
    parser.add_argument("--model", required=True)
    parser.add_argument("--out", required=True, help="predictions")
    args = parser.parse_args()
    from balent.loop.jobs import mc_sample

    mc_sample(start_job(args), args.round, args.so_far, args.model, args.out)


if __name__ == "__main__":
    run(main)
