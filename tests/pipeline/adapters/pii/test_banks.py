"""Bank accounts as countries write them at home; never without a word."""

import pytest
from scan_pii import said, types


@pytest.mark.parametrize(
    ("text", "account"),
    [
        ("routing number 021000021", "021000021"),
        ("ABA: 011401533, thanks", "011401533"),
        ("my account number is 000123456789", "000123456789"),
        ("direct deposit to acct 12345678", "12345678"),
        ("Sort code 20-00-00", "20-00-00"),
        ("sort code and account: 20-00-00 55779911", "20-00-00 55779911"),
        ("Kontonummer 1234567890", "1234567890"),
        ("BLZ 370 400 44", "370 400 44"),
        ("cuenta 2100 0418 45 0200051332", "2100 0418 45 0200051332"),
        ("CLABE 032180000118359719", "032180000118359719"),
        ("BSB 062-000", "062-000"),
        ("bank account 12-3140-0171323-50", "12-3140-0171323-50"),
        ("rekeningnummer 123456789", "123456789"),
        ("numer rachunku 61 1090 1014 0000 0712 1981 2874", "61 1090 1014 0000 0712 1981 2874"),
        ("kontonr 8601.11.17947", "8601.11.17947"),
        ("BIC: DEUTDEFF", "DEUTDEFF"),
        ("SWIFT code BOFAUS3NXXX", "BOFAUS3NXXX"),
    ],
)
def test_an_account_is_found_beside_its_word(text: str, account: str) -> None:
    assert said(text, "BANK_ACCOUNT") == [account]


@pytest.mark.parametrize(
    "text",
    [
        "021000021 is a number", "20-00-00", "order number 12345678", "the DEUTDEFF thing", "SWIFT HAS A LANGUAGE",
        "open a bank account", "my account was charged 100 dollars", "account since 2019",
    ],
)  # fmt: skip
def test_without_its_word_it_is_a_number(text: str) -> None:
    assert "BANK_ACCOUNT" not in types(text)
