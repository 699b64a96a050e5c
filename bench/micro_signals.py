"""Microseconds of CPU that the signals of a request cost, each apart and all together.

    python bench/micro_signals.py [ROUNDS]

Three conversations: a question of 80 words, one of 300 words, and nine messages of 300 words each. Beside them stands
the parsing of the same envelope from JSON, which every stage does in any case; and what the guard spends on facts
before each call.
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from pipeline.contracts import Classification, Envelope, Message, Request, parse_envelope
from pipeline.policy.facts import facts_of_signals, request_facts
from pipeline.policy.load import load_folder
from pipeline.policy.observed import signals_of
from pipeline.signals import complexity, key_of, prefix_digests, survey
from pipeline.signals.asked import Asked
from pipeline.signals.difficulty import DifficultyModel, Learned

SENTENCE = (
    "A farmer has 17 sheep and buys 5 more each week. How many has she after 6 weeks? Explain why it must be so. "
)
TEXT = " ".join((SENTENCE * 20).split()[:300])
KEY = key_of(b"secret")


def cost_us(work: Callable[[], object], rounds: int) -> float:
    """The best of five runs, in microseconds of CPU for one call."""
    best = float("inf")
    for _ in range(5):
        started = time.process_time()
        for _ in range(rounds):
            work()
        best = min(best, time.process_time() - started)
    return best / rounds * 1e6


def learned() -> DifficultyModel:
    """A score of the usual size, with weights by chance."""
    rng = np.random.default_rng(0)
    size = 1 << 18
    return DifficultyModel(
        Learned(rng.random(size, np.float32), rng.normal(size=size).astype(np.float32), 1.0, 0.0, 1, {}), ""
    )


def envelope_of(request: Request, revision: str) -> bytes:
    """The request as it travels."""
    found = Classification(data_class="public", scan="complete", engine="e")
    return (
        Envelope(
            id="r1", request=request, fingerprint="f", lane="interactive", received_at=0, deadline_at=60,
            policy_revision=revision, classification=found,
        )
        .model_dump_json()
        .encode()
    )  # fmt: skip


def main() -> None:
    """Print the table."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
    policy = load_folder(Path(__file__).parents[1] / "policies", {})
    model = learned()
    turns = tuple(Message(role=("user", "assistant")[n % 2], content=TEXT) for n in range(9))
    requests = [
        Request(input=" ".join(TEXT.split()[:80]), session="s"),
        Request(input=TEXT, session="s"),
        Request(messages=turns, session="s"),
    ]

    def works(request: Request) -> dict[str, Callable[[], object]]:
        body = envelope_of(request, policy.revision)
        seen = signals_of(request, None, policy, secret=b"secret", request_id="r1")
        asked = policy.residency_facts
        return {
            "parse the envelope (for comparison)": lambda: parse_envelope(body),
            "complexity": lambda: complexity(request),
            "wishes, with the words read": lambda: Asked(request).wants,
            "tokens, estimated": lambda: survey(request).tokens,
            "digests of the prompt's beginning": lambda: prefix_digests(request, KEY),
            "learned difficulty": lambda: model.score(survey(request).said),
            "all signals (no learned score)": lambda: signals_of(
                request, None, policy, secret=b"secret", request_id="r1"
            ),
            "facts of signals, all": lambda: dict(facts_of_signals(seen).values),
            "facts that the guard looks at": lambda: request_facts(request).key(asked),
        }

    columns = [{name: cost_us(work, rounds) for name, work in works(request).items()} for request in requests]
    print(f"{'µs':<38}{'80 words':>10}{'300 words':>11}{'9 × 300':>9}")
    for name in columns[0]:
        print(f"{name:<38}{columns[0][name]:>10.1f}{columns[1][name]:>11.1f}{columns[2][name]:>9.1f}")


if __name__ == "__main__":
    main()
