"""What is built without checks is what a check would have built."""

from collections.abc import Mapping

import pytest
from pydantic import BaseModel

from pipeline.contracts import Plan, Request, Signals, Snapshot, TargetStanding, Tier, TokenLogprob
from pipeline.contracts.trusted import changed, trusted, trusted_rows

MADE: list[tuple[type[BaseModel], Mapping[str, object]]] = [
    (Signals, {"tenant": "acme"}),
    (Signals, {"key": "k", "tenant": "acme", "metadata": {"task": "t"}, "prefix": ("a", "b"), "max_tokens": 7}),
    (Snapshot, {"targets": {"a": TargetStanding(healthy=False)}, "weights": ({"a": 1.0},), "route": "chat"}),
    (Plan, {"route": "chat", "tiers": (Tier(variant="a", target="b", propensity=0.5),), "chose": ("weights",)}),
    (Request, {"input": "hi"}),
]


@pytest.mark.parametrize(("model", "values"), MADE)
def test_it_is_the_same_as_a_checked_one(model: type[BaseModel], values: Mapping[str, object]) -> None:
    checked, made = model(**values), trusted(model, dict(values))

    assert made == checked
    assert made.model_dump_json() == checked.model_dump_json()
    assert made.model_dump_json(exclude_defaults=True) == checked.model_dump_json(exclude_defaults=True)
    assert made.model_dump_json(exclude_unset=True) == checked.model_dump_json(exclude_unset=True)
    assert made.model_copy(update={}) == checked
    assert repr(made) == repr(checked)
    assert type(made).model_validate_json(made.model_dump_json()) == checked


def test_two_of_them_do_not_share_what_was_given() -> None:
    one = trusted(Signals, {"tenant": "acme", "metadata": {"a": "1"}})
    other = trusted(Signals, {"tenant": "acme"})

    assert (one.metadata, other.metadata) == ({"a": "1"}, {})


def test_many_at_once_are_each_the_same_as_a_checked_one() -> None:
    rows = [{"token": "a", "logprob": -0.5}, {"token": "b", "logprob": -1.0}]
    made = trusted_rows(TokenLogprob, rows)
    checked = [TokenLogprob(**row) for row in rows]

    assert made == checked
    assert [each.model_fields_set for each in made] == [each.model_fields_set for each in checked]
    assert [each.model_dump_json() for each in made] == [each.model_dump_json() for each in checked]
    assert trusted_rows(TokenLogprob, []) == []


CHANGES: list[tuple[BaseModel, dict[str, object]]] = [
    (Signals(tenant="acme", max_tokens=7), {"counted": {"a": 5}}),
    (Snapshot(route="chat"), {}),
    (Signals.model_validate_json('{"tenant": "acme", "newer": [1]}'), {"tenant": "other"}),
    (Plan(route="chat", tiers=()), {"route": "other", "skipped": "cost"}),
]


@pytest.mark.parametrize(("model", "values"), CHANGES)
def test_a_changed_one_is_the_same_as_a_changed_copy(model: BaseModel, values: dict[str, object]) -> None:
    before = model.model_dump_json()
    copied, made = model.model_copy(update=values), changed(model, values)

    assert made == copied
    assert made.model_dump_json() == copied.model_dump_json()
    assert made.model_fields_set == copied.model_fields_set
    assert made.model_extra == copied.model_extra
    assert made.model_dump_json(exclude_unset=True) == copied.model_dump_json(exclude_unset=True)
    assert model.model_dump_json() == before
