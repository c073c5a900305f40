"""Rule history: write the history of a chain whose rounds were separate jobs."""

from balent.forkserver import run
from balent.loop.arguments import job_parser, start_job


def main() -> None:
    parser = job_parser(__doc__, round=False)
    parser.add_argument("--records", required=True)
    parser.add_argument("--out", nargs=3, required=True, help="history, picks, run")
    args = parser.parse_args()
    from balent.loop.jobs import history

    history(start_job(args), args.records, tuple(args.out))


if __name__ == "__main__":
    run(main)
