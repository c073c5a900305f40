"""Rule acquire: choose the next points to label."""

from balent.errors import one_line_errors
from balent.loop.arguments import job_parser, start_job


def main() -> None:
    parser = job_parser(__doc__)
    parser.add_argument("--predictions", required=True)
    parser.add_argument("--out", required=True, help="picks")
    args = parser.parse_args()
    with one_line_errors():
        from balent.loop.jobs import acquire

        acquire(start_job(args), args.round, args.so_far, args.predictions, args.out)


if __name__ == "__main__":
    main()
