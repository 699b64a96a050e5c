"""The guard of remembered answers under attack, and what one comparison takes.

    python bench/likeness.py [ROUNDS] [GUARD.json]

Attempts of every kind (a changed number, name, denial, direction, unit or order; noise or orders appended; letters that
look alike or are not seen; corrections whose taken-back part is remembered) at a cosine of 1, and how many are served.
Then what `read` and `judge` take, in microseconds and in hashes of the same text. GUARD.json: what stepwell cache train
wrote, instead of the guard that comes along.
"""

import hashlib
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "support"))

from poison import Half, attempts, corrections, friends

from pipeline.likeness import BUILTIN, Weights, judge, read
from pipeline.policy.guards import read_guard

HALVES: tuple[Half, ...] = ("near", "far")


def attack(half: Half, rounds: int, weights: Weights) -> tuple[int, int]:
    """Print how many attempts of each kind are served; returns served and tried."""
    tried, served = Counter[str](), Counter[str]()
    for seed in range(rounds):
        for attempt in (*attempts(half, seed), *corrections(half, seed)):
            tried[attempt.kind] += 1
            served[attempt.kind] += judge(attempt.asked, attempt.remembered, 1.0, weights=weights).same
    for kind, count in sorted(tried.items()):
        print(f"  {half:5} {kind:12} {served[kind]:4} of {count:6} served")
    pairs = [pair for seed in range(rounds) for pair in friends(half, seed)]
    good = sum(judge(asked, remembered, 0.9, weights=weights).same for asked, remembered in pairs)
    print(f"  {half:5} {'the same':12} {good:4} of {len(pairs):6} served, as they should be")
    return served.total(), tried.total()


def measure(name: str, work: Callable[[int], object], rounds: int) -> float:
    """Print p50 and p99 of `rounds` runs; returns p50 in microseconds."""
    spent = []
    for number in range(rounds):
        begun = time.perf_counter_ns()
        work(number)
        spent.append((time.perf_counter_ns() - begun) / 1000)
    spent.sort()
    print(f"  {name:44} p50 {spent[rounds // 2]:7.1f} us   p99 {spent[rounds * 99 // 100]:7.1f} us")
    return spent[rounds // 2]


def main() -> int:
    """Attack, then measure. 1: more than one attempt in a hundred was served."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    weights = read_guard(sys.argv[2], Path(sys.argv[2]).read_bytes()).weights if len(sys.argv) > 2 else BUILTIN
    told = [attack(half, rounds, weights) for half in HALVES]
    served, tried = (sum(each) for each in zip(*told, strict=True))
    print(f"hijacked: {served} of {tried} ({served / tried:.2%}); the mark is 1 %")
    pairs = [(each.asked, each.remembered) for each in attempts("far")]
    plain = [(read(one), read(other)) for one, other in pairs]
    said = [(read(each.asked), read(each.remembered)) for each in corrections("far")]
    runs = 4000
    digest = measure("a hash of the text", lambda n: hashlib.sha256(pairs[n % len(pairs)][0].encode()).digest(), runs)
    reading = measure("read", lambda n: read(pairs[n % len(pairs)][0]), runs)
    judging = measure("judge", lambda n: judge(*plain[n % len(plain)], 0.9, weights=weights), runs)
    mending = measure("judge, with a correction", lambda n: judge(*said[n % len(said)], 0.9, weights=weights), runs)
    print(
        f"  read {reading / digest:.0f}, judge {judging / digest:.0f}, with a correction {mending / digest:.0f} hashes"
    )
    return int(served > 0.01 * tried)


if __name__ == "__main__":
    sys.exit(main())
