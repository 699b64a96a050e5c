"""Buckets of escalations in one process."""

from pipeline.adapters.money.caps import KEPT, LocalCaps
from pipeline.adapters.money.counters import Bucket

FEW = Bucket("few|route=chat", 0.5, 1)


def test_a_share_of_the_requests_may_escalate() -> None:
    caps = LocalCaps()
    allowed = 0
    for number in range(20):
        caps.asked(f"r{number}", (FEW,))
        caps.asked(f"r{number}", (FEW,))
        allowed += caps.take(f"e{number}", (FEW,)) is None
    assert 10 <= allowed <= 11


def test_the_same_escalation_again_takes_nothing() -> None:
    caps = LocalCaps()
    assert [caps.take("e1", (FEW,)), caps.take("e1", (FEW,)), caps.take("e2", (FEW,))] == [None, None, 0]


def test_memory_is_bounded() -> None:
    caps = LocalCaps()
    for number in range(KEPT + 50):
        caps.asked(f"r{number}", (Bucket(f"few|user={number}", 0.5, 1),))
    assert len(caps._paces) == len(caps._done) == KEPT
