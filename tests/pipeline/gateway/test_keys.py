"""Public ids of callers' keys."""

from hypothesis import given
from hypothesis import strategies as st

from pipeline.contracts import is_name
from pipeline.gateway.keys import key_ids

SECRET = b"secret"


def test_the_same_key_has_the_same_id_and_another_secret_gives_another() -> None:
    headers = {"authorization": "Bearer sk-1"}
    ident = key_ids(SECRET)(headers)
    assert ident == key_ids(SECRET)({"authorization": "bearer  sk-1 "})
    assert ident != key_ids(b"other")(headers)
    assert ident != key_ids(SECRET)({"authorization": "Bearer sk-2"})


def test_without_a_key_or_without_a_secret_there_is_no_id() -> None:
    for headers in ({}, {"authorization": ""}, {"authorization": "Bearer "}, {"authorization": "Basic abc"}):
        assert key_ids(SECRET)(headers) is None
    assert key_ids(b"")({"authorization": "Bearer sk-1"}) is None


@given(st.text(min_size=1).filter(str.strip))
def test_whatever_the_key_its_id_is_a_name_and_does_not_hold_it(token: str) -> None:
    ident = key_ids(SECRET)({"authorization": f"Bearer {token}"})
    assert ident is not None
    assert is_name(ident)
    assert len(token) < 4 or token not in ident
