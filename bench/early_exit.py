"""What early exits save and what they cost, by threshold: tokens not generated, and answers given up that were right.

The gate of the product reads streams of scored tokens: recorded ones, or simulated ones whose first tokens say as much
as the whole does. A recorded file has a line for each answer: {"tokens": [[text, log-probability], …], "right": true}.

    python -m bench.early_exit [--streams file.jsonl] [--after 16]
"""

import argparse
import asyncio
import json
import math
import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from pipeline.adapters.models.gate import Gate
from pipeline.contracts import TokenLogprob
from pipeline.errors import LeftEarly
from pipeline.policy.models import EarlyExit
from pipeline.ports import Piece, TokenSink

THRESHOLDS = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8)


class Stream(NamedTuple):
    """One answer: its tokens, and whether it was right."""

    tokens: tuple[TokenLogprob, ...]
    right: bool


class Told(NamedTuple):
    """What became of one threshold: shares of all answers, and of all tokens."""

    below: float
    left: float
    wrong_exits: float
    saved: float


def simulated(count: int, seed: int) -> Iterator[Stream]:
    """Answers whose doubt varies from one to the next and, less so, along them."""
    chance = random.Random(seed)
    for _ in range(count):
        doubt = math.exp(chance.gauss(-1.6, 1.0))
        right = chance.random() < 1.0 / (1.0 + math.exp(-(1.3 - 4.0 * (doubt - 0.3))))
        length = max(4, int(chance.lognormvariate(4.0, 0.6)))
        scores = (-chance.expovariate(1.0 / doubt) for _ in range(length))
        yield Stream(
            tuple(TokenLogprob(token=f" w{place}", logprob=score) for place, score in enumerate(scores)), right
        )


def recorded(path: Path) -> Iterator[Stream]:
    """Answers of a file."""
    for line in path.read_text().splitlines():
        row = json.loads(line)
        yield Stream(tuple(TokenLogprob(token=text, logprob=score) for text, score in row["tokens"]), row["right"])


async def exit_of(stream: Stream, rule: EarlyExit) -> int | None:
    """After how many tokens the gate leaves this answer; None: it does not."""

    async def may_leave() -> bool:
        return True

    def nobody() -> TokenSink:
        raise RuntimeError("nothing opens here")

    gate = Gate(rule, None, may_leave=may_leave, way_out=nobody)
    try:
        for place, token in enumerate(stream.tokens, start=1):
            await gate.read(Piece(token.token, stream.tokens[:place], ended=place == len(stream.tokens)))
    except LeftEarly:
        return gate.exit_at
    return None


async def told_of(streams: Sequence[Stream], below: float, after: int) -> Told:
    """What this threshold does to all of them."""
    rule, left, wrong, saved = EarlyExit(after=after, below=below), 0, 0, 0
    for stream in streams:
        at = await exit_of(stream, rule)
        if at is not None:
            left, wrong, saved = left + 1, wrong + stream.right, saved + len(stream.tokens) - at
    tokens = sum(len(stream.tokens) for stream in streams)
    return Told(below, left / len(streams), wrong / len(streams), saved / tokens)


async def main() -> None:
    """Print a line for each threshold."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--streams", type=Path)
    parser.add_argument("--after", type=int, default=16)
    parser.add_argument("--count", type=int, default=1_000)
    options = parser.parse_args()
    streams = list(recorded(options.streams) if options.streams else simulated(options.count, 7))
    right = sum(stream.right for stream in streams) / len(streams)
    print(f"{len(streams)} answers, {right:.1%} right; the first {options.after} tokens decide at the earliest")
    print("below  left early  right ones given up  tokens saved")
    for below in THRESHOLDS:
        told = await told_of(streams, below, options.after)
        print(f"{below:5.2f}  {told.left:10.1%}  {told.wrong_exits:19.1%}  {told.saved:12.1%}")


if __name__ == "__main__":
    asyncio.run(main())
