"""make publish: push what dvc.lock describes and write the records of it that go into git."""

import argparse

from balent.errors import one_line_errors


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--remote", default="published", help="a remote of dvc (default: in git)")
    args = parser.parse_args()
    with one_line_errors("publish"):
        from balent.provenance.publish import publish

        print(publish(args.remote))


if __name__ == "__main__":
    main()
