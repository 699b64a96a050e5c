"""The bench of affinity: what it says of the trace, and of a trace whose answer is known."""

import pytest
from outside_data import needs

from bench.affinity import Asked, at_random, by_affinity, in_turn, measured, simulated, trace
from pipeline.experiments.affinity import BOUND, ROOMY


def test_conversations_that_alternate_are_remembered_by_affinity_and_forgotten_in_turn() -> None:
    chats = [tuple(range(100 * chat, 100 * chat + 10)) for chat in range(9)]
    requests = [Asked(10_000.0 * at, chats[at % 9], 10) for at in range(450)]

    kept = simulated("ours", by_affinity(BOUND, ROOMY), requests, 4, 60)
    turned = simulated("in turn", in_turn(), requests, 4, 60)

    assert kept.hits == pytest.approx(1 - 9 / 450, abs=0.2)
    assert turned.hits < 0.2


@needs("trace-mooncake-conversation")
def test_on_the_trace_affinity_hits_thrice_as_much_as_chance_and_is_as_even() -> None:
    requests = trace()
    rows = {row.name: row for row in measured(requests, 8, 4000)}
    ours, chance = rows["affinity (ours)"], rows["random"]

    assert ours.hits > 3 * chance.hits
    assert ours.hits > 3 * rows["round robin"].hits
    assert ours.hits > 0.85 * rows["one memory without end"].hits
    assert ours.running_imbalance < chance.running_imbalance
    assert simulated("again", at_random(0), requests, 8, 4000).hits == chance.hits
