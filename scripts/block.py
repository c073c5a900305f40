"""Rules block and chain: many rounds of a chain in one process, with a journal."""

from balent.forkserver import run
from balent.loop.arguments import job_parser, start_job


def main() -> None:
    parser = job_parser(__doc__, round=False)
    parser.add_argument("--last", type=int, required=True, help="first round that is not run")
    parser.add_argument("--journal", required=True, help="working folder of finished rounds")
    parser.add_argument("--previous", nargs=2, help="records and weights of the block before")
    parser.add_argument(
        "--out", nargs="+", required=True, help="records, weights; or history, picks, run"
    )
    args = parser.parse_args()
    from balent.loop.jobs import block

    block(start_job(args), args.last, args.journal, args.previous, tuple(args.out))


if __name__ == "__main__":
    run(main)
