"""E-mail in its many spellings, telephones of all regions, and what only looks like one."""

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scan_pii import said, types


@pytest.mark.parametrize(
    "address",
    [
        "odalys.brandvold+news@mail.example.org", "o'hara@example.ie", "müller@bücher.example",
        "a@xn--bcher-kva.xn--p1ai",
        '"odalys b"@example.org', "odalys@[203.0.113.9]", "x_y-z@sub.sub2.example.co.uk", "ODALYS@EXAMPLE.ORG",
        "иван@пример.рф", "1234@qq.com",
    ],
)  # fmt: skip
def test_an_address_with_an_at_sign_is_found_whole(address: str) -> None:
    assert said(f"mailto:{address}?subject=x", "EMAIL") == [address]
    assert said(f"write to <{address}>, please", "EMAIL") == [address]


@pytest.mark.parametrize(
    "address",
    [
        "odalys [at] example [dot] org", "odalys(at)example.org", "odalys {at} example {dot} co {dot} uk",
        "odalys at example dot org", "odalys dot b at mail dot example dot com", "odalys_at_example.org",
        "ODALYS AT EXAMPLE DOT COM",
    ],
)  # fmt: skip
def test_a_spelled_address_is_found(address: str) -> None:
    assert said(f"Reach us: {address}!", "EMAIL") == [address]


@pytest.mark.parametrize(
    "text",
    [
        "@decorator", "a @ b", "foo@bar", "meet me at the dot", "user@localhost", "x@1.2",
        "5 apples @ 3.50", "git@ github",
    ],
)  # fmt: skip
def test_not_every_at_sign_is_an_address(text: str) -> None:
    assert said(text, "EMAIL") == []


def international(region: str) -> str:
    number = phonenumbers.example_number(region)
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.INTERNATIONAL)


REGIONS = sorted(phonenumbers.SUPPORTED_REGIONS)


@pytest.mark.parametrize("region", REGIONS)
def test_a_number_of_every_region_is_found_with_its_prefix(region: str) -> None:
    number = international(region)
    assert said(f"{number} is my number", "PHONE") == [number]


def test_a_number_of_nearly_every_region_is_found_in_its_national_form_beside_a_cue() -> None:
    style = phonenumbers.PhoneNumberFormat.NATIONAL
    numbers = {r: phonenumbers.format_number(phonenumbers.example_number(r), style) for r in REGIONS}
    missed = [r for r, number in numbers.items() if said(f"call {number} please", "PHONE") != [number]]
    assert len(missed) <= 0.05 * len(REGIONS), missed  # islands with four digits


@pytest.mark.parametrize(
    "number",
    [
        "212-555-0147", "(212) 555-0147", "212.555.0147", "1-800-555-0199", "+1 (212) 555-0147", "212-555-0147 x123",
        "(212) 555-0147 ext. 42", "020 7946 0958", "0049 30 901820", "+49 (0)30 901820", "030/901820-55",
        "01 42 68 53 00", "0496 46 46 70", "+44 20 7946 0958 ext 7",
    ],
)  # fmt: skip
def test_a_number_in_its_usual_form_needs_no_cue(number: str) -> None:
    expected = [number] if number != "030/901820-55" else []
    assert said(f"It is {number} I think", "PHONE")[: len(expected)] == expected


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("phone 467 3395", "467 3395"),
        ("Tel. 4673395", "4673395"),
        ("Anruf unter 699 956 915", "699 956 915"),
        ("llámame al móvil 612 34 56 78", "612 34 56 78"),
        ("mon portable: 6 12 34 56 78", "12 34 56 78"),
        ("stop sending messages to 079 8765 432", "079 8765 432"),
        ("我的电话13912345678", "13912345678"),
    ],
)
def test_a_number_in_a_local_form_is_found_beside_a_cue(text: str, number: str) -> None:
    assert said(text, "PHONE")[-1].endswith(number)


@pytest.mark.parametrize(
    "text",
    [
        "0.944 - 0.25 = 0.694", "version 10.2.3.4", "from 1998-2004", "2023-10-14", "14.10.2023", "10 000 000 people",
        "order number 699 956 915", "1234567 + 7654321", "12 * 345678", "3.141592653", "pages 100-120", "1/2/3/4/5/6",
        "24 30 36 42", "scored 21-14, 35-28", "$212 555 0147", "1 000 000", "ISBN 978-3-16-148410-0", "x = 2125550147",
        "May 10 2023 12 30", "100 200 300",
    ],
)  # fmt: skip
def test_sums_dates_versions_and_orders_are_no_telephones(text: str) -> None:
    assert "PHONE" not in types(text)


@given(st.text(alphabet="0123456789 +()-./x", max_size=50))
def test_any_soup_of_digits_can_be_read(text: str) -> None:
    types(f"phone {text}")
