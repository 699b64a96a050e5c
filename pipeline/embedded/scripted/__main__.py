"""`python -m pipeline.embedded.scripted`: serve until told to stop."""

import argparse
import sys

import uvloop

from pipeline.embedded.scripted.server import ScriptedServer, serve


def _milliseconds(text: str) -> tuple[float, float]:
    low, _, high = text.partition("-")
    return float(low), float(high or low)


def main() -> int:
    """Read the options and serve. Example: `python -m pipeline.embedded.scripted --port 18100 --delay-ms 20-50`."""
    parser = argparse.ArgumentParser(prog="python -m pipeline.embedded.scripted", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=18100)
    parser.add_argument("--seed", type=int, default=0, help="other answers, other confidences")
    parser.add_argument("--delay-ms", type=_milliseconds, default=(0.0, 0.0), help="time to answer: 30 or 20-50")
    parser.add_argument("--slots", type=int, default=0, help="calls served at a time; 0: no limit")
    parser.add_argument("--forget-keys", action="store_true", help="bill a repeated Idempotency-Key again")
    parser.add_argument("--batch-s", type=float, default=0.2, help="seconds that a batch of a file takes")
    options = parser.parse_args()
    server = ScriptedServer(
        host=options.host,
        port=options.port,
        seed=options.seed,
        delay_ms=options.delay_ms,
        slots=options.slots,
        remember_keys=not options.forget_keys,
    )
    server.batches.takes_s = options.batch_s
    uvloop.run(serve(server))
    return 0


if __name__ == "__main__":
    sys.exit(main())
