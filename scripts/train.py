"""Rule train: fit the network of one round to its labelled set."""

from balent.forkserver import run
from balent.loop.arguments import job_parser, start_job


def main() -> None:
    parser = job_parser(__doc__)
    parser.add_argument("--previous", help="weights of the round before (warm start)")
    parser.add_argument("--out", required=True, help="weights")
    args = parser.parse_args()
    from balent.loop.jobs import train

    train(start_job(args), args.round, args.so_far, args.previous, args.out)


if __name__ == "__main__":
    run(main)
