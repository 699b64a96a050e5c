"""How much of what servers remember of prompts is hit when requests are placed by affinity, and how even load stays.

    python bench/affinity.py [--servers 8] [--blocks 4000] [--hurry 1] [--json]

Half an hour of conversations (the Mooncake trace, development half, read in place; STEPWELL_DATA names its folder) is
dealt to servers of which each remembers its last `--blocks` blocks of 512 tokens, as a server with prefix caching does.
Dealt by our own choice (`pipeline.experiments.affinity`, keyed as `stages.plan.prefer` keys it: by the first 4 KiB,
which are two blocks), at random, in turn, to the least busy, and by consistent hashing without a bound. `--hurry 2`
lets them come twice as fast.

Hits are blocks at the beginning of a prompt that its server remembers, as a share of all blocks. The best possible is
one memory without end. Imbalance is the busiest server's load over the mean: of requests over the whole time, and of
calls that run at the same moment, on average. A call takes 100 ms for a block that is not remembered, and 20 ms for a
token of its answer; these two figures are assumptions.
"""

import argparse
import gzip
import json
import math
import os
import random
import sys
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Final, NamedTuple

from pipeline.experiments.affinity import BOUND, ROOMY, Room, place

DATA: Final = Path(os.environ.get("STEPWELL_DATA") or Path(__file__).parents[2] / "shared" / "data")
TRACE: Final = DATA / "trace-mooncake-conversation" / "requests.jsonl.gz"
SLOTS: Final = 8
BLOCK_MS: Final = 100.0
TOKEN_MS: Final = 20.0
STABLE_BLOCKS: Final = 2
"""Blocks of 512 tokens, about 2 KiB each, that make 4 KiB."""


class Asked(NamedTuple):
    """One request: when (ms), its blocks from the beginning of the prompt on, and the tokens of its answer."""

    at_ms: float
    blocks: tuple[int, ...]
    output_tokens: int


class Server:
    """A server with slots, and a memory of blocks that forgets what was used least recently."""

    def __init__(self, blocks: float) -> None:
        self._room = blocks
        self._memory: OrderedDict[int, None] = OrderedDict()
        self._ends: list[float] = []
        self.served = 0

    def running(self, now: float) -> int:
        """Calls that run now."""
        self._ends = [end for end in self._ends if end > now]
        return len(self._ends)

    def serve(self, asked: Asked) -> int:
        """Answer, and say how many blocks were remembered."""
        hits = next((at for at, block in enumerate(asked.blocks) if block not in self._memory), len(asked.blocks))
        for block in reversed(asked.blocks):
            self._memory[block] = None
            self._memory.move_to_end(block)
        while len(self._memory) > self._room:
            self._memory.popitem(last=False)
        self._ends.append(asked.at_ms + BLOCK_MS * (len(asked.blocks) - hits) + TOKEN_MS * asked.output_tokens)
        self.served += 1
        return hits


class Row(NamedTuple):
    """What became of a way of placing."""

    name: str
    hits: float
    requests_imbalance: float
    running_imbalance: float


Placing = Callable[[Asked, Sequence[int]], int]


def trace(hurry: float = 1.0) -> list[Asked]:
    """The requests in their order, `hurry` times as fast as they came."""
    with gzip.open(TRACE, "rt") as lines:
        rows = [json.loads(line) for line in lines]
    return [Asked(row["t_ms"] / hurry, tuple(row["prefix_blocks"]), row["output_tokens"]) for row in rows]


def simulated(name: str, placing: Placing, requests: Sequence[Asked], servers: int, blocks: float) -> Row:
    """Deal all requests out."""
    farm = [Server(blocks) for _ in range(servers)]
    hits = 0
    imbalances = []
    for asked in requests:
        running = [server.running(asked.at_ms) for server in farm]
        hits += farm[placing(asked, running)].serve(asked)
        if sum(running) >= servers:
            imbalances.append(max(running) * servers / sum(running))
    total = sum(len(asked.blocks) for asked in requests)
    busiest = max(server.served for server in farm) * servers / len(requests)
    return Row(name, hits / total, busiest, sum(imbalances) / max(1, len(imbalances)))


def beginning(asked: Asked, blocks: int) -> str:
    """What `Signals.prefix` is to the plan: a digest of the first blocks."""
    return blake2b(",".join(map(str, asked.blocks[:blocks])).encode(), digest_size=8).hexdigest()


def by_affinity(bound: float, roomy: float, blocks: int = STABLE_BLOCKS) -> Placing:
    """Our own choice."""

    def placing(asked: Asked, running: Sequence[int]) -> int:
        rooms = {str(at): Room(SLOTS, calls / SLOTS) for at, calls in enumerate(running)}
        return int(place(beginning(asked, blocks), "affinity", rooms, bound=bound, roomy=roomy))

    return placing


def in_turn() -> Placing:
    """One after the other."""
    turns = _count()
    return lambda _, running: next(turns) % len(running)


def _count() -> Iterator[int]:
    number = 0
    while True:
        yield number
        number += 1


def at_random(seed: int) -> Placing:
    """By lot."""
    draw = random.Random(seed)
    return lambda _, running: draw.randrange(len(running))


def least_busy(_: Asked, running: Sequence[int]) -> int:
    """The one with the fewest calls."""
    return min(range(len(running)), key=lambda at: (running[at], at))


def measured(requests: Sequence[Asked], servers: int, blocks: int) -> list[Row]:
    """All rows."""
    ways: dict[str, Placing] = {
        "affinity (ours)": by_affinity(BOUND, ROOMY),
        f"affinity, bound {BOUND:g} from the first call on": by_affinity(BOUND, 0.0),
        "consistent hashing without a bound": by_affinity(math.inf, 0.0),
        "affinity by the first block only": by_affinity(BOUND, ROOMY, 1),
        "affinity by the first 16 blocks": by_affinity(BOUND, ROOMY, 16),
        "least busy": least_busy,
        "round robin": in_turn(),
        "random": at_random(0),
    }
    rows = [simulated(name, placing, requests, servers, blocks) for name, placing in ways.items()]
    best = simulated("one memory without end", lambda _, __: 0, requests, 1, math.inf)
    return [*rows, best]


def main() -> None:
    """Print the table, or with --json the rows."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--servers", type=int, default=8)
    parser.add_argument("--blocks", type=int, default=4000)
    parser.add_argument("--hurry", type=float, default=1.0)
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    if not TRACE.is_file():
        print("the trace trace-mooncake-conversation is not beside the checkout; STEPWELL_DATA may name its folder")
        return
    requests = trace(chosen.hurry)
    rows = measured(requests, chosen.servers, chosen.blocks)
    if chosen.json:
        json.dump([row._asdict() for row in rows], sys.stdout, indent=1)
        return
    print(
        f"{len(requests)} requests, {chosen.servers} servers of {SLOTS} slots that remember {chosen.blocks} blocks each"
    )
    print(f"{'':<44}{'blocks hit':>11}{'busiest/mean requests':>23}{'running':>9}")
    for row in rows:
        print(f"{row.name:<44}{row.hits:>11.3f}{row.requests_imbalance:>23.2f}{row.running_imbalance:>9.2f}")


if __name__ == "__main__":
    main()
