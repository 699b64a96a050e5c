"""Cards of all series and groupings, and IBANs of all countries."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scan_pii import said, types
from stdnum import iban as ibans
from stdnum import numdb
from stdnum.iso7064 import mod_97_10

from pipeline.adapters.pii.detectors.check_digits import luhn
from pipeline.adapters.pii.detectors.money import _IBAN_LENGTH

SERIES = {
    "Visa, 13 digits": "4222222222222",
    "Visa": "4111111111111111",
    "Visa, 19 digits": "4000000000000000006",
    "Mastercard 51": "5105105105105100",
    "Mastercard 55": "5555555555554444",
    "Mastercard 2221": "2221000000000009",
    "Mastercard 2720": "2720990000000007",
    "American Express": "371449635398431",
    "Diners 300": "30569309025904",
    "Diners 36": "36148900647913",
    "Diners 38": "38520000023237",
    "Discover 6011": "6011111111111117",
    "Discover 65": "6500000000000002",
    "JCB": "3530111333300000",
    "JCB, 15 digits": "180012345678903",
    "Maestro, 12 digits": "501800000009",
    "Maestro, 13 digits": "6759649826438",
    "Maestro, 16 digits": "6304000000000000",
    "Maestro, 19 digits": "6304000000000000003",
    "UnionPay": "6212345678901232",
    "UnionPay, 19 digits": "6240008631401148005",
    "Mir": "2200000000000004",
    "RuPay": "8171999927660000",
    "Troy": "9792030394440796",
    "UATP": "122000000000003",
    "InstaPayment": "6370000000000000",
}


def with_luhn(digits: str) -> str:
    return next(f"{digits[:-1]}{last}" for last in range(10) if luhn(f"{digits[:-1]}{last}"))


@pytest.mark.parametrize("number", SERIES.values(), ids=SERIES)
def test_a_card_of_every_series_is_found_beside_a_cue(number: str) -> None:
    card = with_luhn(number)
    assert said(f"my card is {card}, thanks", "CREDIT_CARD") == [card]


@pytest.mark.parametrize(
    "card",
    [
        "4111 1111 1111 1111", "4111-1111-1111-1111", "4111.1111.1111.1111", "3714 496353 98431", "3056 930902 5904",
        "4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1", "41 11 11 11 11 11 11 11", "411111 1111111111", "41111111 11111111",
        "411 111 111 111 111 1", "6304 0000 0000 0001 230",
    ],
)  # fmt: skip
def test_a_card_may_be_grouped_in_any_way(card: str) -> None:
    assert said(f"Please charge {card} today.", "CREDIT_CARD") == [card]


@pytest.mark.parametrize(
    ("text", "card"),
    [
        ("order 12 4111 1111 1111 1111 12 25", "4111 1111 1111 1111"),
        ("4111111111111111 exp 12/27 cvv 123", "4111111111111111"),
        ("cards: 4111111111111111,5555555555554444", "4111111111111111"),
        ("信用卡号4111111111111111，谢谢", "4111111111111111"),
    ],
)
def test_a_card_is_cut_out_of_what_stands_beside_it(text: str, card: str) -> None:
    assert card in said(text, "CREDIT_CARD")


@pytest.mark.parametrize(
    "text",
    [
        "pi is 3.14159265358979", "0.4111111111111111 of it", "id 123456789012345678901", "1700000000000 ms",
        "4111111111111112 rows", "0000 0000 0000 0000", "1111111111111111", "12 34 56 78 90 12 34",
        "the total is 4,111,111,111,111,111", "call me on 2024-01-01 12:00:00", "x4111111111111111y",
        "order number 1234567890128",
    ],
)  # fmt: skip
def test_a_long_number_alone_is_no_card(text: str) -> None:
    assert said(text, "CREDIT_CARD") == []


def test_a_wrong_digit_does_not_clear_a_card_that_is_called_one() -> None:
    assert said("visa 4111 1111 1111 1112", "CREDIT_CARD") == ["4111 1111 1111 1112"]
    assert said("credit card number 5555555555554445", "CREDIT_CARD") == ["5555555555554445"]


def of_country(country: str) -> str:
    """An IBAN of the country's length and structure, all ones, with right check digits."""
    kinds = numdb.get("iban").info(f"{country}00")[0][1]["bban"]
    bban = "".join(int(count) * ("A" if kind == "a" else "1") for count, kind in re.findall(r"(\d+)!([nac])", kinds))
    return f"{country}{mod_97_10.calc_check_digits(bban + country)}{bban}"


@pytest.mark.parametrize("country", sorted(_IBAN_LENGTH))
def test_an_iban_of_every_country_is_found_whole_in_groups_and_in_lower_case(country: str) -> None:
    iban = of_country(country)
    assert ibans.is_valid(iban, check_country=False)
    grouped = " ".join(iban[at : at + 4] for at in range(0, len(iban), 4))
    for written in (iban, grouped, iban.lower(), grouped.replace(" ", "-")):
        assert said(f"send it to {written}. Thanks", "IBAN") == [written]


def test_an_iban_with_a_typing_error_counts_when_it_is_called_one() -> None:
    assert said("my iban is de89370400440532013001", "IBAN") == ["de89370400440532013001"]
    assert said("commit be12a4f09c3d5e67 fixes it", "IBAN") == []


@given(st.text(alphabet="0123456789 -.", max_size=60))
def test_any_run_of_digits_can_be_read(text: str) -> None:
    types(text)
