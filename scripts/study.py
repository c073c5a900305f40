"""Rules study_*: one study of acquisition functions, without an active-learning loop."""

import argparse

from balent.forkserver import run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--study", required=True, help="what determines the result, as JSON")
    parser.add_argument("--out", nargs=2, required=True, help="result, run record")
    parser.add_argument("--data", help="what the network of the study sees")
    parser.add_argument("--encoder", help="weights of a pre-trained backbone")
    args = parser.parse_args()
    from balent.studies.job import run_study

    run_study(args.study, *args.out, args.data, args.encoder)


if __name__ == "__main__":
    run(main)
