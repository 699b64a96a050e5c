"""How a key is written."""

import secrets

from hypothesis import given
from hypothesis import strategies as st

from pipeline.contracts import is_name
from pipeline.keys import digest_of, public_id, public_part, token_of, well_formed

ENTROPY = st.binary(min_size=24, max_size=24)
PUBLIC = st.binary(min_size=8, max_size=8).map(public_id)


@given(PUBLIC, ENTROPY)
def test_a_key_tells_its_public_id_which_is_a_name_and_its_check_fits(public: str, entropy: bytes) -> None:
    token = token_of(public, entropy)
    assert public_part(token) == public
    assert is_name(public)
    assert well_formed(token)


@given(PUBLIC, ENTROPY, st.data())
def test_whatever_one_character_is_mistyped_the_check_does_not_fit(
    public: str, entropy: bytes, data: st.DataObject
) -> None:
    token = token_of(public, entropy)
    place = data.draw(st.integers(0, len(token) - 1))
    letter = data.draw(st.characters(min_codepoint=33, max_codepoint=126).filter(lambda other: other != token[place]))
    assert not well_formed(token[:place] + letter + token[place + 1 :])
    assert not well_formed(token[:place])


@given(st.text(max_size=100))
def test_no_text_breaks_the_reader(text: str) -> None:
    assert not well_formed(text)
    assert len(digest_of(text)) == 32


@given(PUBLIC, ENTROPY, ENTROPY)
def test_other_chance_is_another_key_with_another_digest(public: str, one: bytes, other: bytes) -> None:
    tokens = {token_of(public, one), token_of(public, other)}
    assert len({digest_of(token) for token in tokens}) == len(tokens) == len({one, other})


def test_a_secret_holds_no_less_chance_than_it_was_given() -> None:
    largest = token_of(public_id(secrets.token_bytes(8)), b"\xff" * 24)
    assert well_formed(largest)
    assert largest != token_of(public_part(largest) or "", b"\x00" + b"\xff" * 23)
