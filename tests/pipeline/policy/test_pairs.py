"""Answers about two objects are found for these two alone."""

import gc

from pipeline.contracts import Classification, Request
from pipeline.policy.pairs import MOST, Pairs


def _found() -> Classification:
    return Classification(data_class="public", scan="complete", engine="test")


def test_what_was_put_for_two_is_found_for_them() -> None:
    pairs, request, found = Pairs[str](), Request(input="hi"), _found()

    assert pairs.put(request, found, "yes") == "yes"
    assert pairs.get(request, found) == "yes"


def test_an_equal_request_or_classification_is_another_one() -> None:
    pairs, request, found = Pairs[str](), Request(input="hi"), _found()
    pairs.put(request, found, "yes")

    assert pairs.get(Request(input="hi"), found) is None
    assert pairs.get(request, _found()) is None


def test_an_object_that_takes_the_place_of_one_that_is_gone_finds_nothing() -> None:
    pairs, found = Pairs[str](), _found()
    met = 0
    for number in range(200):
        request = Request(input=f"{number}")
        met += pairs.get(request, found) is not None
        pairs.put(request, found, "yes")
        del request
        gc.collect(0)

    assert met == 0


def test_nothing_is_kept_alive_and_no_more_than_so_many_are_held() -> None:
    pairs, found = Pairs[str](), _found()
    kept = [Request(input=f"{number}") for number in range(MOST + 1)]
    for request in kept:
        pairs.put(request, found, "yes")

    assert pairs.get(kept[0], found) is None
    assert pairs.get(kept[-1], found) == "yes"
