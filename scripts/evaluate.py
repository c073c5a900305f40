"""Rule evaluate: measure a round and append it to the rounds so far."""

from balent.forkserver import run
from balent.loop.arguments import job_parser, start_job


def main() -> None:
    parser = job_parser(__doc__)
    parser.add_argument("--model", required=True)
    parser.add_argument("--picks", help="what the round acquired; none in the last round")
    parser.add_argument("--out", required=True, help="records of all rounds so far")
    args = parser.parse_args()
    from balent.loop.jobs import evaluate

    evaluate(start_job(args), args.round, args.so_far, args.model, args.picks, args.out)


if __name__ == "__main__":
    run(main)
