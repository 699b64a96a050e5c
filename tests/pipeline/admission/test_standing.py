"""What a worker knows of a lane is never less than what is on its way, whenever NATS counts and answers."""

from collections import Counter

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from pipeline.admission.standing import Standing

TENANT = st.sampled_from("ab")


class Lane(RuleBasedStateMachine):
    """A queue, its workers, and one who lets in and counts; a message takes its time at every step."""

    def __init__(self) -> None:
        super().__init__()
        self.standing = Standing()
        self.sent: list[str] = []
        self.queue: list[str] = []
        self.unheard: list[str] = []
        self.counted: Counter[str] | None = None
        self.asking = False
        self.now = 0.0

    @rule(tenant=TENANT)
    def let_in(self, tenant: str) -> None:
        self.standing.let_in(tenant)
        self.sent.append(tenant)

    @precondition(lambda self: self.sent)
    @rule()
    def nats_stores(self) -> None:
        self.queue.append(self.sent[0])
        self.unheard.append(self.sent.pop(0))

    @precondition(lambda self: self.unheard)
    @rule()
    def nats_confirms(self) -> None:
        self.standing.settle(self.unheard.pop(0), stored=True)

    @precondition(lambda self: self.sent)
    @rule()
    def it_never_comes_there(self) -> None:
        self.standing.settle(self.sent.pop(), stored=False)

    @precondition(lambda self: self.queue)
    @rule()
    def one_ends(self) -> None:
        self.queue.pop(0)

    @precondition(lambda self: not self.asking)
    @rule()
    def ask(self) -> None:
        self.standing.ask()
        self.asking = True

    @precondition(lambda self: self.asking and self.counted is None)
    @rule()
    def nats_counts(self) -> None:
        self.counted = Counter(self.queue)

    @precondition(lambda self: self.counted is not None)
    @rule(passed=st.floats(min_value=0, max_value=3))
    def answered(self, passed: float) -> None:
        assert self.counted is not None
        self.now += passed
        self.standing.answer(self.counted, self.now)
        self.counted, self.asking = None, False

    @invariant()
    def nothing_is_missed(self) -> None:
        there = Counter(self.queue) + Counter(self.sent)
        assert self.standing.total >= there.total()
        assert all(self.standing.own(tenant) >= there[tenant] for tenant in "ab")
        assert self.standing.total == sum(self.standing.own(tenant) for tenant in "ab")
        assert self.standing.rate is None or self.standing.rate >= 0

    @precondition(lambda self: not self.asking and not self.sent and not self.unheard)
    @rule()
    def when_all_is_settled_an_answer_is_the_truth(self) -> None:
        self.standing.ask()
        self.standing.answer(Counter(self.queue), self.now)
        assert self.standing.total == len(self.queue)


def test_whatever_happens_between_two_answers_no_less_is_known_than_there_is() -> None:
    run_state_machine_as_test(Lane, settings=settings(max_examples=150, stateful_step_count=40, deadline=None))


def test_the_rate_is_what_ended_between_two_answers() -> None:
    standing = Standing()
    standing.answer({"a": 100}, 10.0)
    for _ in range(50):
        standing.let_in("a")
        standing.settle("a", stored=True)
    standing.ask()
    standing.answer({"a": 90}, 10.5)
    assert standing.rate == pytest.approx(120.0)


def test_whom_it_told_to_come_back_is_forgotten_as_places_become_free() -> None:
    standing = Standing()
    for _ in range(10):
        standing.let_in("a")
        standing.settle("a", stored=True)
    standing.answer({"a": 100}, 1.0)
    for _ in range(30):
        assert standing.kept_back("a", 1.0, {}, 100) is not None
    assert standing._told == {"a": 30}
    standing.answer({"a": 80}, 2.0)
    assert standing._told == {"a": 10}
    standing.answer({"a": 60}, 3.0)
    assert not standing._told


def test_what_was_measured_before_a_pause_counts_nothing_once_it_is_measured_again() -> None:
    standing = Standing()
    standing.answer({"a": 1000}, 1.0)
    standing.answer({"a": 500}, 2.0)
    assert standing.rate == pytest.approx(500.0)
    standing.forget()
    assert standing.rate == pytest.approx(500.0)
    assert not standing.sure
    standing.answer({"a": 100}, 100.0)
    standing.answer({"a": 99}, 100.1)
    assert standing.rate == pytest.approx(10.0)
    standing.answer({"a": 95}, 100.3)
    assert standing.rate == pytest.approx(5 / 0.3)


def test_that_none_has_ended_in_a_tenth_of_a_second_says_that_there_are_fewer_than_ten_in_a_second() -> None:
    standing = Standing()
    standing.answer({"a": 100}, 1.0)
    standing.answer({"a": 100}, 1.1)
    told = [standing.kept_back("a", 1.0, {}, 100) for _ in range(21)]
    assert told[20] == pytest.approx(2.1)
