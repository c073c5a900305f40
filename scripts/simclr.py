"""Rule simclr: train an encoder without labels; an interrupted training continues."""

import argparse
import json

from balent.forkserver import run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--settings", type=json.loads, required=True)
    parser.add_argument("--data", required=True)
    parser.add_argument("--checkpoint", required=True, help="working file outside the outputs")
    parser.add_argument("--out", nargs=2, required=True, help="encoder, report")
    args = parser.parse_args()
    from balent import runtime
    from balent.features.pipeline import train_encoder

    threads = args.settings["torch_threads"]
    train_encoder(
        args.data,
        args.settings["simclr"],
        *args.out,
        checkpoint=args.checkpoint,
        seed=args.settings["seed"],
        device=runtime.start(threads),
        threads=threads,
    )


if __name__ == "__main__":
    run(main)
