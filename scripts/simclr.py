"""Rule simclr: train an encoder without labels; an interrupted training continues.

Exit status 75: --minutes are over, run it again to continue; 130: interrupted, its state kept.
"""

import argparse
import json
import os
import sys

from balent.forkserver import run

INTERRUPTED = 130


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--settings", type=json.loads, required=True)
    parser.add_argument("--data", required=True)
    parser.add_argument("--checkpoint", required=True, help="working file outside the outputs")
    parser.add_argument("--out", nargs=2, required=True, help="encoder, report")
    parser.add_argument("--checkpoint-seconds", type=float, help="as in the settings, instead")
    parser.add_argument("--probe-every", type=int, help="as in the settings, instead; 0: never")
    parser.add_argument("--minutes", type=float, help="after these, leave; status 75")
    args = parser.parse_args()
    from balent import runtime
    from balent.features.pipeline import train_encoder

    threads, settings = args.settings["torch_threads"], args.settings["simclr"]
    if args.checkpoint_seconds is not None:
        settings["checkpoint_seconds"] = args.checkpoint_seconds
    if args.probe_every is not None:
        settings["probe_every"] = args.probe_every or None
    try:
        finished = train_encoder(
            args.data,
            settings,
            *args.out,
            checkpoint=args.checkpoint,
            seed=args.settings["seed"],
            device=runtime.start(threads),
            threads=threads,
            minutes=args.minutes,
        )
    except KeyboardInterrupt:
        print("simclr: interrupted; the same command continues", file=sys.stderr)
        raise SystemExit(INTERRUPTED) from None
    if not finished:
        raise SystemExit(os.EX_TEMPFAIL)


if __name__ == "__main__":
    run(main)
