"""What the evaluation makes itself is what it says: valid by others' validators, labelled where it stands, seeded."""

import random
import re

import phonenumbers
import pytest
from stdnum import bitcoin, iban, luhn
from stdnum.us import ssn

from bench.pii import code, formats, made, national, obfuscate, texts
from bench.pii.rows import Row


def shown(row: Row) -> str:
    (span,) = row.spans
    return row.text[span.start : span.end]


@pytest.mark.parametrize("series", made.CARDS)
def test_cards_of_all_series_pass_luhn(series: str) -> None:
    prefixes, lengths = made.CARDS[series]
    for row in made.made(f"card, {series}", 20, seed=3):
        digits = re.sub(r"[ -]", "", shown(row))
        assert luhn.is_valid(digits)
        assert digits.startswith(prefixes)
        assert len(digits) in lengths


def test_ibans_of_every_country_are_valid() -> None:
    draw = random.Random(3)
    assert len(made.IBANS) >= 30
    assert all(iban.is_valid(made.iban(country, draw)) for country in made.IBANS)


def test_social_security_numbers_and_wallets_are_valid() -> None:
    assert all(ssn.is_valid(shown(row).replace(" ", "-")) for row in made.made("SSN", 40, seed=3))
    wallets = [shown(row) for row in made.made("crypto wallet", 40, seed=3)]
    assert all(bitcoin.is_valid(wallet) for wallet in wallets if not wallet.startswith("0x"))
    assert len({wallet[0] for wallet in wallets}) == 3


def test_there_is_a_valid_phone_of_every_region() -> None:
    rows = made.phones(seed=3)
    assert len(rows) > 230
    assert all(phonenumbers.is_valid_number(phonenumbers.parse(shown(row))) for row in rows)


def test_national_ids_of_at_least_25_countries_can_be_drawn() -> None:
    assert len(national.FORMS) >= 25
    rows = list(national.national(1, seed=3))
    assert [country for country, _ in rows] == list(national.FORMS)
    assert all(shown(row) for _, row in rows)


def test_credentials_are_labelled_where_they_stand() -> None:
    found = list(formats.secrets(seed=3, each=1))
    assert len({name for name, _ in found}) >= 40
    assert all("⟦" not in row.text and "⟧" not in row.text and "<" not in shown(row) for _, row in found)
    by_name = {name: shown(row) for name, row in found}
    assert re.fullmatch(r"AKIA[A-Z2-7]{16}", by_name["AWS access key"])
    assert re.fullmatch(r"[A-Za-z0-9]{20}", by_name["password in a URL"])
    assert re.fullmatch(r"[A-Za-z0-9]{10}![A-Za-z0-9]{4}", by_name["password setting"])


@pytest.mark.parametrize("disguise", obfuscate.DISGUISES)
def test_a_disguise_changes_what_it_can_and_keeps_the_label(disguise: str) -> None:
    for identifier, name in obfuscate.IDENTIFIERS.items():
        kind = made.MAKERS[name][0]
        rows = obfuscate.disguised(disguise, identifier, 3, seed=3)
        assert all(row.spans[0].type == kind and len(shown(row)) >= 7 for row in rows)
    (row,) = obfuscate.disguised("spaced characters", "card", 1, seed=3)
    assert re.fullmatch(r"(\d|-)( (\d|-))+", shown(row))


def test_code_is_taken_from_many_functions_of_the_interpreter() -> None:
    found = code.snippets(60, seed=3)
    assert len(found) == len(set(found)) == 60
    assert all("def " in text for text in found)


def test_texts_have_the_words_that_were_asked_for_and_never_repeat() -> None:
    found = [make(words, n) for make in (texts.plain, texts.dense) for words in (50, 300) for n in range(5)]
    assert [len(text.split(" ")) for text in found] == [50] * 5 + [300] * 5 + [50] * 5 + [300] * 5
    assert len(set(found)) == len(found)
    assert all(len(texts.hostile(piece, 5000)) == 5000 for piece in texts.HOSTILE)


@pytest.mark.parametrize("make", [
    lambda seed: made.made("e-mail", 5, seed),
    lambda seed: list(national.national(1, seed)),
    lambda seed: list(formats.secrets(seed, 1)),
    lambda seed: obfuscate.disguised("zero-width signs", "IP", 5, seed),
    lambda seed: code.snippets(20, seed),
    lambda seed: texts.dense(50, seed),
])  # fmt: skip
def test_the_same_seed_makes_the_same_and_another_something_else(make: object) -> None:
    assert make(5) == make(5)  # type: ignore[operator]
    assert make(5) != make(6)  # type: ignore[operator]
