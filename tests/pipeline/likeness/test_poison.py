"""Near duplicates, hijacked keys and disguises do not get the answer of another question."""

from collections import Counter

from poison import attempts, corrections, friends

from pipeline.likeness import judge


def test_at_most_one_in_a_hundred_attempts_succeeds() -> None:
    """In either direction, however near the cosine says they are; of no kind more than one in fifty."""
    for half in ("near", "far"):
        tried, served = Counter[str](), Counter[str]()
        for attempt in (*attempts(half), *corrections(half)):
            tried[attempt.kind] += 1
            served[attempt.kind] += judge(attempt.asked, attempt.remembered, 1.0).same
            if attempt.kind != "correction":
                tried[attempt.kind] += 1
                served[attempt.kind] += judge(attempt.remembered, attempt.asked, 1.0).same
        assert served.total() <= 0.01 * tried.total(), served
        assert not {kind for kind in tried if served[kind] > 0.02 * tried[kind]}, served
        assert tried.total() > 1000


def test_a_guard_that_only_refuses_would_be_seen() -> None:
    """The same questions in other words are served."""
    for half in ("near", "far"):
        pairs = list(friends(half))
        assert sum(judge(asked, remembered, 0.8).same for asked, remembered in pairs) >= 0.9 * len(pairs)
