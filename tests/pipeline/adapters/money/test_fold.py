"""Counters out of lines, and the snapshot of them."""

import random
from typing import Any

import pytest
from fakes_money import NOON
from hypothesis import given
from hypothesis import strategies as st

from pipeline.adapters.money.counters import Slot, Total, nano
from pipeline.adapters.money.fold import KEPT_S, Fold
from pipeline.adapters.money.snapshot import LARGEST, dump, load
from pipeline.adapters.money.windows import frame_at
from pipeline.contracts import Cover, LedgerEntry, Usage

DAY = frame_at("day", NOON)
SLOT = Slot("day", "tenant=acme", DAY)


def line(
    kind: str, attempt: str = "draft-1", usd: float | None = 0.001, at: float = NOON, **others: Any
) -> LedgerEntry:
    fields: dict[str, Any] = {
        "kind": kind,
        "attempt": f"acme.r1.{attempt}",
        "at": at,
        "tenant": "acme",
        "request_id": "r1",
        "lane": "interactive",
        "stage": "draft",
        "purpose": "draft",
        "route": "chat",
        "variant": "small",
        "target": "small",
        "usd": usd,
        "tokens": 100,
        "usage": Usage(),
        "covers": (Cover(budget="day", scope="tenant=acme"),),
        "windows": (frame_at("day", at).name,),
        "opens": ("day",) if kind == "reserve" and attempt.endswith("1") else (),
    }
    return LedgerEntry(**{**fields, **others})


def folded(*entries: LedgerEntry) -> Fold:
    fold = Fold()
    for number, entry in enumerate(entries, 1):
        fold.take(entry, number)
    return fold


def stands(fold: Fold, now: float = NOON) -> Total:
    return fold.image(now).totals.get(SLOT, Total())


def test_what_is_held_counts_until_it_is_settled() -> None:
    assert stands(folded(line("reserve"))) == Total(nano(0.001), 100, 1)
    assert stands(folded(line("reserve"), line("settle", usd=0.0004, tokens=30))) == Total(nano(0.0004), 30, 1)
    assert stands(folded(line("reserve"), line("release"))) == Total()


def test_a_cost_that_nobody_knows_counts_with_what_was_held_for_it() -> None:
    assert stands(folded(line("reserve"), line("settle", usd=None, tokens=0))) == Total(nano(0.001), 100, 1)
    assert stands(folded(line("reserve", usd=None), line("settle", usd=None, tokens=30))) == Total(0, 30, 1)


def test_a_window_is_that_of_the_first_line() -> None:
    late = DAY.begins + 86_400.0 + 60
    fold = folded(line("reserve"), line("settle", at=late, usd=0.0004))
    assert stands(fold).nano == nano(0.0004)
    assert fold.image(late).totals == {}, "and the next day starts from nothing"


def test_what_was_settled_without_having_been_held_counts_when_it_was_settled() -> None:
    assert stands(folded(line("settle", usd=0.0004, tokens=30))) == Total(nano(0.0004), 30, 0)


def test_two_attempts_of_a_request_are_one_request() -> None:
    assert stands(folded(line("reserve"), line("reserve", "escalate-2"))).requests == 1


def test_what_ended_is_forgotten_and_what_may_still_be_settled_is_not() -> None:
    fold = folded(line("reserve"), line("reserve", "escalate-2"), line("settle", "escalate-2"))
    fold.forget(DAY.begins + 86_400.0)
    assert (len(fold.spent), len(fold.pending)) == (0, 1)
    fold.forget(NOON + KEPT_S)
    assert not fold.pending


def test_a_line_of_another_version_that_names_no_window_counts_nowhere() -> None:
    assert folded(line("reserve", windows=())).image(NOON).totals == {}
    assert folded(line("settle", windows=("year:5",))).image(NOON).totals == {}


ENTRIES = st.lists(
    st.tuples(
        st.sampled_from(["reserve", "settle", "release"]),
        st.integers(1, 4).map(lambda number: f"draft-{number}"),
        st.one_of(st.none(), st.integers(0, 9).map(lambda amount: amount / 1000)),
        st.integers(0, 3).map(lambda days: NOON + days * 40_000.0),
    ),
    max_size=12,
)


@given(ENTRIES, st.integers(0, 12))
def test_a_snapshot_at_any_place_and_the_lines_after_it_say_the_same(
    entries: list[tuple[str, str, float | None, float]], cut: int
) -> None:
    told = [line(kind, attempt, usd, at) for kind, attempt, usd, at in entries]
    whole = folded(*told)
    half = folded(*told[:cut])
    packed = dump(half)
    assert packed is not None
    resumed = load(packed)
    assert resumed == half
    for number, entry in enumerate(told[cut:], cut + 1):
        resumed.take(entry, number)
    now = NOON + 130_000
    assert resumed.image(now) == whole.image(now)


@pytest.mark.parametrize("packed", [b"", b"x", b"\x00" * 40, dump(Fold())[:-4]])  # type: ignore[index]
def test_a_snapshot_that_cannot_be_read_is_left_aside(packed: bytes) -> None:
    assert load(packed) is None


def test_a_snapshot_that_does_not_fit_is_not_made() -> None:
    chance = random.Random(1)
    fold = Fold(spent={Slot("day", f"user={chance.randbytes(16).hex()}", DAY): Total(n, n, n) for n in range(60_000)})
    packed = dump(fold)
    assert packed is None or len(packed) <= LARGEST
    assert packed is None
