"""An answer is right when it says what was expected, however it is written."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.contracts import Reply
from pipeline.embedded.demo import Expected, grade


def reply(content=None, parsed=None, status="answered"):
    return Reply(
        id="r", tenant="t", status=status, content=content, parsed=parsed, policy_revision="p", fingerprint="f"
    )


@given(st.integers(-(10**9), 10**9))
def test_a_number_is_right_as_whole_number_as_float_and_in_text(number):
    expected = Expected(answer=number)
    assert grade(expected, reply(parsed={"answer": number}))
    assert grade(expected, reply(parsed={"answer": float(number)}))
    assert grade(expected, reply(content=f"Starting from 7, the answer is {number}."))
    assert not grade(expected, reply(parsed={"answer": number + 1}))
    assert not grade(expected, reply(content=f"The answer is {number + 1}"))


@pytest.mark.parametrize("parsed", [{"answer": "23"}, {"answer": None}, {"answer": True}, {"result": 23}, {}])
def test_what_is_not_the_number_is_not_right(parsed):
    assert not grade(Expected(answer=23), reply(content="23", parsed=parsed))
    assert not grade(Expected(answer=1), reply(parsed={"answer": True}))


def test_a_label_is_right_in_any_case_and_wrong_inside_a_sentence():
    expected = Expected(label="billing")
    assert grade(expected, reply(parsed={"label": "Billing"}))
    assert grade(expected, reply(content=" billing\n"))
    assert not grade(expected, reply(parsed={"label": "returns"}))
    assert not grade(expected, reply(content="it is not billing"))


def test_every_expected_field_must_be_there_and_others_do_no_harm():
    expected = Expected(fields={"city": "Bern", "bags": 3})
    assert grade(expected, reply(parsed={"city": "bern ", "bags": 3.0, "note": "x"}))
    assert not grade(expected, reply(parsed={"city": "Bern"}))
    assert not grade(expected, reply(parsed={"city": "Bern", "bags": "3"}))
    assert not grade(expected, reply(parsed=["Bern", 3]))


def test_one_of_the_texts_is_enough():
    expected = Expected(contains=("CO2", "carbon dioxide"))
    assert grade(expected, reply(content="Plants take in Carbon Dioxide."))
    assert not grade(expected, reply(content="Plants take in oxygen."))


def test_a_refusal_is_right_only_where_it_was_expected():
    refused = reply(status="refused")
    assert grade(Expected(status="refused"), refused)
    assert not grade(Expected(status="answered"), refused)
    assert not grade(Expected(label="billing"), refused)
    assert not Expected(status="refused").gradable
