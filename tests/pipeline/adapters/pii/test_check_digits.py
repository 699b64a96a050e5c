"""Check digits that no library of ours knows, against published samples."""

import pytest

from pipeline.adapters.pii.detectors import check_digits as check

SAMPLES = {
    check.luhn: ("4111111111111111", "378282246310005", "79927398713"),
    check.snils: ("11223344595", "08765430300"),
    check.hong_kong: ("A1234563", "G123456A"),
    check.singapore: ("S1234567D", "T0000001E", "G1234567X"),
    check.taiwan: ("A123456789",),
    check.spanish_social: ("281234567840",),
    check.sv: ("15070649C103",),
    check.kvnr: ("A123456780",),
    check.pension: ("123456788",),
    check.icelandic: ("1201743399",),
    check.emirates: ("784198412345674",),
    check.dea: ("AB1234563",),
    check.npi: ("1234567893",),
    check.routing: ("021000021", "011401533"),
}


@pytest.mark.parametrize(("function", "number"), [(f, number) for f, numbers in SAMPLES.items() for number in numbers])
def test_a_published_sample_checks_out_and_its_neighbour_does_not(function: check.Check, number: str) -> None:
    assert function(number)
    at = min(place for place, sign in enumerate(number) if sign.isdigit())
    other = str((int(number[at]) + 1) % 10)
    assert not function(f"{number[:at]}{other}{number[at + 1 :]}")


def test_a_date_within_a_number_must_exist() -> None:
    assert check.date_in("850730")
    assert not check.date_in("851330")
    assert check.date_in("300785", "dmy")
    assert not check.date_in("310285", "dmy")
