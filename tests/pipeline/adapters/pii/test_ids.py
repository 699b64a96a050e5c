"""National and tax ids: beside a word, by form and check digits alone, and never a bare number."""

import pytest
from faker import Faker
from hypothesis import given, settings
from hypothesis import strategies as st
from scan_pii import said, types

from pipeline.adapters.pii.detectors.ids import FORMS

ANNOUNCED = {
    "US EIN": ("EIN 12-3456789", "12-3456789"),
    "US ITIN": ("my ITIN is 912-70-1234", "912-70-1234"),
    "GB NINO": ("National Insurance number AB 12 34 56 C", "AB 12 34 56 C"),
    "GB NINO, whole": ("NINO ab123456c", "ab123456c"),
    "GB UTR": ("UTR 12345 67890", "12345 67890"),
    "DE tax": ("Steuer-ID 36 574 261 809", "36 574 261 809"),
    "DE pension": ("Rentenversicherungsnummer 15 070649 C 103", "15 070649 C 103"),
    "DE identity card": ("Personalausweis L01X00T47", "L01X00T47"),
    "FR NIR": ("numéro de sécurité sociale 1 85 05 78 006 084 91", "1 85 05 78 006 084 91"),
    "FR NIR of Corsica": ("NIR 185052A00608491", "185052A00608491"),
    "FR SPI": ("numéro fiscal 30 23 217 600 053", "30 23 217 600 053"),
    "ES DNI": ("DNI 12345678-Z", "12345678-Z"),
    "ES NIE": ("NIE X-1234567-L", "X-1234567-L"),
    "ES social security": ("NSS 28/12345678/40", "28/12345678/40"),
    "IT": ("codice fiscale RSSMRA85T10A562S", "RSSMRA85T10A562S"),
    "IT, in groups": ("C.F. codice RSS MRA 85T10 A562S", "RSS MRA 85T10 A562S"),
    "NL": ("BSN 1112.22.333", "1112.22.333"),
    "BE": ("rijksregisternummer 85.07.30-033.28", "85.07.30-033.28"),
    "PL PESEL": ("PESEL 44051401359", "44051401359"),
    "PL NIP": ("NIP 123-456-32-18", "123-456-32-18"),
    "PT NIF": ("contribuinte 123 456 789", "123 456 789"),
    "PT CC": ("cartão de cidadão 00000000 0 ZZ4", "00000000 0 ZZ4"),
    "AT": ("Sozialversicherungsnummer 1237 010180", "1237 010180"),
    "CH": ("AHV-Nr. 756.9217.0769.85", "756.9217.0769.85"),
    "SE": ("personnummer 811228-9874", "811228-9874"),
    "NO": ("fødselsnummer 151086 95088", "151086 95088"),
    "DK": ("CPR 211062-5629", "211062-5629"),
    "FI": ("hetu 131052-308T", "131052-308T"),
    "IS": ("kennitala 120174-3399", "120174-3399"),
    "EE": ("isikukood 37605030299", "37605030299"),
    "LT": ("asmens kodas 33309240064", "33309240064"),
    "LV": ("personas kods 161175-19997", "161175-19997"),
    "CZ": ("rodné číslo 710319/2745", "710319/2745"),
    "HU": ("TAJ 123 456 788", "123 456 788"),
    "RO": ("CNP 1630615123457", "1630615123457"),
    "BG": ("ЕГН 7523169263", "7523169263"),
    "GR": ("ΑΜΚΑ 01013099997", "01013099997"),
    "HR": ("OIB 33392005961", "33392005961"),
    "SI": ("EMŠO 0101006500006", "0101006500006"),
    "IE": ("PPS number 6433435F", "6433435F"),
    "TR": ("TCKN 17291716060", "17291716060"),
    "RU SNILS": ("СНИЛС 112-233-445 95", "112-233-445 95"),
    "RU INN": ("ИНН 123456789047", "123456789047"),
    "UA": ("РНОКПП 1759013776", "1759013776"),
    "BR": ("CPF 111.444.777-35", "111.444.777-35"),
    "AR CUIT": ("CUIT 20-26756539-3", "20-26756539-3"),
    "AR DNI": ("DNI 20.123.456", "20.123.456"),
    "CL": ("RUT 12.531.909-2", "12.531.909-2"),
    "MX CURP": ("CURP BOXW310820HNERXN09", "BOXW310820HNERXN09"),
    "MX RFC": ("RFC GODE 561231 GR8", "GODE 561231 GR8"),
    "CO": ("cédula 1.032.456.789", "1.032.456.789"),
    "PE": ("DNI 10117410", "10117410"),
    "EC": ("cédula 1714307103", "1714307103"),
    "DO": ("cédula 001-1391820-5", "001-1391820-5"),
    "CA": ("SIN 123-456-782", "123-456-782"),
    "AU TFN": ("TFN 123 456 782", "123 456 782"),
    "AU ABN": ("ABN 83 914 571 673", "83 914 571 673"),
    "NZ": ("IRD 49-091-850", "49-091-850"),
    "IN PAN": ("PAN ACUPA7085R", "ACUPA7085R"),
    "IN Aadhaar": ("Aadhaar 2341 2341 2346", "2341 2341 2346"),
    "CN": ("身份证号码360426199101010071", "360426199101010071"),
    "CN, X": ("身份证11010519491231002X", "11010519491231002X"),
    "KR": ("RRN 971013-2019902", "971013-2019902"),
    "KR, no check digit": ("주민등록번호 201013-3019901", "201013-3019901"),
    "JP": ("マイナンバー 6214 9832 0257", "6214 9832 0257"),
    "TW": ("national id A123456789", "A123456789"),
    "HK": ("HKID A123456(3)", "A123456(3)"),
    "SG": ("NRIC S1234567D", "S1234567D"),
    "MY": ("MyKad 770305-02-1234", "770305-02-1234"),
    "TH": ("national id 1-1234-45678-90-1", "1-1234-45678-90-1"),
    "ID": ("NIK 3171011708450001", "3171011708450001"),
    "PH": ("SSS 34-1234567-8", "34-1234567-8"),
    "VN": ("CCCD 001099012345", "001099012345"),
    "PK": ("CNIC 42201-0397640-8", "42201-0397640-8"),
    "LK": ("NIC 853400937V", "853400937V"),
    "AE": ("Emirates ID 784-1984-1234567-9", "784-1984-1234567-9"),
    "SA": ("Iqama 2123456789", "2123456789"),
    "IL": ("teudat zehut 039337423", "039337423"),
    "ZA": ("ID number 7503305044089", "7503305044089"),
    "EG": ("national id 29001011234567", "29001011234567"),
    "NG": ("NIN national number 12345678901", "12345678901"),
    "KE": ("KRA tax pin A004416331M", "A004416331M"),
    "KZ": ("ИИН tax 850101300123", "850101300123"),
}


ASKED = {name: case for name, case in ANNOUNCED.items() if case[1]}


@pytest.mark.parametrize(("text", "number"), ASKED.values(), ids=ASKED)
def test_an_id_is_found_beside_its_word(text: str, number: str) -> None:
    assert said(text, "NATIONAL_ID") == [number]
    assert said(f"{text}, thank you.", "NATIONAL_ID") == [number]


@pytest.mark.parametrize(
    "number",
    [
        "RSSMRA85T10A562S", "111.444.777-35", "756.9217.0769.85", "850101-1234567", "BOXW310820HNERXN09", "12345678Z",
        "811228-9874", "AB 12 34 56 C", "1 85 05 78 006 084 91", "710319/2745", "131052-308T", "11010519491231002X",
        "112-233-445 95", "001-1391820-5", "784-1984-1234567-9", "7503305044089", "33309240064",
    ],
)  # fmt: skip
def test_a_form_of_its_own_or_check_digits_over_a_date_need_no_word(number: str) -> None:
    assert said(f"that would be {number} I think", "NATIONAL_ID") == [number]


@pytest.mark.parametrize(
    "number",
    [
        "123456789", "1234567890", "12345678901", "123456789012", "1234567890123", "123 456 789", "12-3456789",
        "12.345.678", "A1234567", "9876543", "1700000000", "1700000000000", "2024-01-01", "12345-6789", "AB-123456",
    ],
)  # fmt: skip
@pytest.mark.parametrize("before", ["", "order number ", "invoice ", "about ", "x = "])
def test_a_bare_number_without_word_and_without_form_is_nobodys(before: str, number: str) -> None:
    assert "NATIONAL_ID" not in types(f"{before}{number} units")
    assert "US_SSN" not in types(f"{before}{number} units")


@pytest.mark.parametrize(
    "text",
    ["$123456789", "1,234,567,890", "0x123456789", "3.141592653", "/files/12345678901", "12345678901%"],
)  # fmt: skip
def test_amounts_fractions_and_paths_are_no_ids(text: str) -> None:
    assert types(f"tax id is not {text}") == []


@pytest.mark.parametrize("ssn", ["536-90-4399", "536 90 4399", "536904399", "536.90.4399", "936-90-4399"])
def test_a_social_security_number_is_found_in_every_writing_beside_its_word(ssn: str) -> None:
    assert said(f"my SSN is {ssn}.", "US_SSN") == [ssn]
    assert said(f"name,ssn\nOdalys,{ssn},x", "US_SSN") == [ssn]


def test_a_social_security_number_in_its_form_needs_no_word_and_a_wrong_one_does() -> None:
    assert said("it was 536-90-4399", "US_SSN") == ["536-90-4399"]
    assert said("it was 000-90-4399", "US_SSN") == []
    assert said("ssn 000-90-4399", "US_SSN") == ["000-90-4399"]


LOCALES = {
    "de_AT": "Sozialversicherungsnummer", "de_CH": "AHV-Nummer", "el_GR": "ΑΜΚΑ", "en_CA": "SIN", "fr_CH": "AVS",
    "en_GB": "National Insurance number", "es_MX": "NSS", "et_EE": "isikukood", "fi_FI": "hetu",
    "fr_FR": "numéro de sécurité sociale", "he_IL": "teudat zehut", "hr_HR": "OIB", "hu_HU": "személyi szám",
    "it_IT": "codice fiscale", "ko_KR": "주민등록번호", "lv_LV": "personas kods", "nl_BE": "rijksregisternummer",
    "nl_NL": "BSN", "no_NO": "fødselsnummer", "pl_PL": "PESEL", "pt_BR": "CPF", "ro_RO": "CNP", "sv_SE": "personnummer",
    "tr_TR": "TCKN", "uk_UA": "РНОКПП", "zh_CN": "身份证", "zh_TW": "身分證", "th_TH": "national id", "ru_RU": "ИНН",
    "en_PH": "SSS",
}  # fmt: skip
"""Locales for which Faker has national ids of its own, and what people call them there."""


@pytest.mark.parametrize("locale", LOCALES)
def test_what_faker_makes_for_a_country_is_found_beside_its_word(locale: str) -> None:
    fake = Faker(locale)
    fake.seed_instance(4711)
    numbers = [str(fake.ssn()) for _ in range(40)]
    missed = [n for n in numbers if said(f"{LOCALES[locale]}: {n}", "NATIONAL_ID") != [n]]
    assert len(missed) <= 1, missed


@settings(max_examples=200)
@given(st.sampled_from([form.shapes for form in FORMS]), st.data())
def test_any_number_in_a_known_form_can_be_checked(form: str, data: st.DataObject) -> None:
    from pipeline.adapters.pii.detectors.pieces import shapes

    shape = data.draw(st.sampled_from(shapes(form)))
    signs = {"9": "0123456789", "A": "ABCDEFGHIJKLMNOPQRSTUVWXYZ"}
    number = "".join(data.draw(st.sampled_from(signs[sign])) if sign in signs else sign for sign in shape)
    types(f"national id {number}")
