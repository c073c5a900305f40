"""Rule acquire: choose the next points to label."""

from balent.forkserver import run
from balent.loop.arguments import job_parser, start_job


def main() -> None:
    parser = job_parser(__doc__)
    parser.add_argument("--predictions", required=True)
    parser.add_argument("--out", required=True, help="picks")
    args = parser.parse_args()
    from balent.loop.jobs import acquire

    acquire(start_job(args), args.round, args.so_far, args.predictions, args.out)


if __name__ == "__main__":
    run(main)
