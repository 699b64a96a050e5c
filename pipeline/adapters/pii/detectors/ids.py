"""Numbers that states give to people: social security, identity cards, tax. A table of the forms of each country."""

from collections.abc import Iterator
from typing import Final

from pipeline.adapters.pii import cues, nearby
from pipeline.adapters.pii.detectors import check_digits as check
from pipeline.adapters.pii.detectors.base import Detector
from pipeline.adapters.pii.detectors.forms import Form, by_shape, checker, raised, spans_of
from pipeline.adapters.pii.detectors.pieces import Piece, pieces
from pipeline.adapters.pii.page import Page
from pipeline.adapters.pii.spans import Span

__all__ = ["FORMS", "NATIONAL", "SSN"]

# ---------------------------------------------------------------- United States

_SSN: Final = by_shape(
    [
        Form("US", "9{3}-9{2}-9{4}", 0.4, 0.85, lambda number: _social(number)),
        Form("US", "9{3} 9{2} 9{4}|9{3}.9{2}.9{4}", 0.4, 0.55, lambda number: _social(number)),
        Form("US", "9{9}", 0.1, 0.4, lambda number: _social(number)),
        Form("US", "9{5} 9{4}|9{3}-9{6}|9{5}-9{4}", 0.1, 0.15, lambda number: _social(number)),
    ]
)


def _social(digits: str) -> bool:
    """A number that may be given out, or one of a taxpayer without: those begin with 9."""
    return digits[0] == "9" or not (digits[:3] in ("000", "666") or digits[3:5] == "00" or digits[5:] == "0000")


def _ssns(page: Page) -> Iterator[Span]:
    for span in spans_of("US_SSN", _SSN, cues.SOCIAL, page):
        if page.text[span.start] != "9" or not nearby.leading(page, cues.ITIN, span.start, span.end):
            yield span


SSN: Final = Detector("us-ssn", ("US_SSN",), lambda page: page.digits >= 9 and page.chain >= 9, _ssns)

# ---------------------------------------------------------------- the rest of the world

_BIRTH_FIRST: Final = 0.55
"""Ten to thirteen digits that begin with a date and end in a check digit: hardly anything else does."""


def _date(at: int, order: str) -> check.Check:
    return lambda number: check.date_in(number[at : at + 6], order)


def _nino(number: str) -> bool:
    """National Insurance: letters that are given out."""
    first, second = number[0], number[1]
    return (
        first not in "DFIQUV"
        and second not in "DFIOQUV"
        and number[:2] not in ("BG", "GB", "NK", "TN", "ZZ")
        and (number[8:] in ("", "A", "B", "C", "D"))
    )


def _pan(number: str) -> bool:
    return number[3] in "ABCFGHJLPT"


def _rrn(number: str) -> bool:
    """Korean registration: a date and a digit for sex and century. Newer ones have no check digit."""
    return check.date_in(number) and number[6] in "12345678"


def _tidy_hong_kong(number: str) -> bool:
    return number[-1] in "0123456789A"


def _danish(number: str) -> bool:
    return check.date_in(number, "dmy")


def _emirates(number: str) -> bool:
    return number[:3] == "784"


def _swiss(number: str) -> bool:
    return number[:3] == "756"


def _finnish(number: str) -> bool:
    """With the sign of the century put back, which is a separator to everyone else."""
    return checker("fi.hetu")(f"{number[:6]}-{number[6:]}" if len(number) == _WITHOUT_SIGN else number)


_WITHOUT_SIGN: Final = 10


def _czech(number: str) -> bool:
    return int(number[2:4]) % 50 % 20 in range(1, 13)


def _french(number: str) -> bool:
    return number[0] in "1278"


def _foreign(number: str) -> bool:
    return number[0] in "XYZ"


def _indian(number: str) -> bool:
    return number[0] not in "01"


def _egyptian(number: str) -> bool:
    return number[0] in "23" and check.date_in(number[1:7]) and (int(number[7:9]) <= 35 or number[7:9] == "88")


def _sri_lankan(number: str) -> bool:
    return number[-1] in "VX" and 1 <= int(number[2:5]) % 500 <= 366


FORMS: Final = (
    # Americas
    Form("US", "99-9{7}", 0.2, 0.25, "us.ein"),
    Form("US", "9{3}-99-9{4}", 0.1, 0.3, "us.itin"),
    Form("CA", "9{3}_9{3}_9{3}", 0.25, 0.3, "ca.sin"),
    Form("BR", "9{3}.9{3}.9{3}-99", 0.7, 0.95, "br.cpf"),
    Form("BR", "9{11}|9{9}-99|9{3} 9{3} 9{3} 99", 0.2, 0.5, "br.cpf"),
    Form("BR", "99.9{3}.9{3}/9{4}-99", 0.5, 0.6, "br.cnpj"),
    Form("BR", "99.9{3}.9{3}-9|99.9{3}.9{3}-A", 0.35),
    Form("AR", "99-9{8}-9", 0.35, 0.75, "ar.cuit"),
    Form("AR", "9{11}", 0.2, 0.3, "ar.cuit"),
    Form("AR", "99.9{3}.9{3}|9.9{3}.9{3}", 0.2),
    Form("CL", "99.9{3}.9{3}-9|9.9{3}.9{3}-9|99.9{3}.9{3}-A|9.9{3}.9{3}-A", 0.5, 0.9, "cl.rut"),
    Form("CL", "9{7}-9|9{8}-9|9{7}-A|9{8}-A", 0.25, 0.5, "cl.rut"),
    Form("MX", "A{4}9{6}A{7}9|A{4}9{6}A{6}99", 0.7, 0.95, "mx.curp", _date(4, "ymd")),
    Form("MX", "A{4}_9{6}_A{3}|A{4}_9{6}_AA9|A{4}_9{6}_9AA|A{4}_9{6}_99A|A{4}_9{6}_A99|A{4}_9{6}_A9A|A{4}_9{6}_9A9"
         "|A{4}_9{6}_9{3}", 0.5, 0.75, "mx.rfc", _date(4, "ymd")),
    Form("CO", "9.9{3}.9{3}.9{3}|9{3}.9{3}.9{3}-9", 0.25, 0.5, "co.nit"),
    Form("PE", "9{8}-9|9{11}", 0.2, 0.3, "pe.ruc"),
    Form("UY", "9.9{3}.9{3}-9", 0.4),
    Form("EC", "9{10}|9{9}-9", 0.2, 0.3, "ec.ci"),
    Form("DO", "9{3}-9{7}-9", 0.4, 0.85, "do.cedula"),
    Form("VE", "A-9{8}-9|A-9{8}|A9{9}", 0.2, 0.3, "ve.rif"),
    # Britain and Ireland
    Form("GB", "AA_99_99_99_A", 0.7, fits=_nino),
    Form("GB", "AA_99_99_99|AA_99_99_99_A|AA 9{6} A|AA9{6}A", 0.2),
    Form("GB", "AA9{6}A|AA 9{6} A|AA9{6} A|AA 9{6}A|AA 99 99 99A|AA99 9999 A|AA-9{6}-A", 0.7, fits=_nino),
    Form("GB", "9{10}|9{5} 9{5}", 0.2, 0.25, "gb.utr"),
    Form("IE", "9{7} ?A|9{7} ?AA", 0.35, 0.65, "ie.pps"),
    # German-speaking countries
    Form("DE", "9{11}|99 9{3} 9{3} 9{3}|9{2}/9{3}/9{3}/9{3}", 0.2, 0.5, "de.idnr"),
    Form("DE", "99_9{6}_A_9{3}|99 9{6} A 9{3}|99 9{6} A9{3}", 0.35, 0.75, check.sv, _date(2, "dmy")),
    Form("DE", "9{2}/9{3}/9{5}|9{3}/9{3}/9{5}|9{3}/9{4}/9{4}|9{5}/9{5}", 0.25, 0.3, "de.stnr"),
    Form("DE", "A9A9A9A99|AAA9AAAA99|A9{8}9|A99AAAA999|AAA9A99A9|AA99A9A999", 0.15),
    Form("AT", "9{4}_9{6}|9{10}", 0.2, 0.4, "at.vnr"),
    Form("AT", "99-9{3}/9{4}", 0.3, 0.5, "at.tin"),
    Form("CH", "9{3}.9{4}.9{4}.99|9{3} 9{4} 9{4} 99|9{13}", 0.75, 0.95, "ch.ssn", _swiss),
    Form("LU", "9{13}|9{4} 99 99 9{5}", 0.2, 0.7, check.luxembourg),
    # Romance countries
    Form("FR", "9 99 99 99 9{3} 9{3}|9 99 99 99 9{3} 9{3} 99", 0.7, 0.95, "fr.nir", _french),
    Form("FR", "9 99 99 9A 9{3} 9{3} 99|9{6}A9{8}|9 99 99 99 9{3} 9{3}/99|9 99 99 99 9{3} 9{3}-99",
         0.6, 0.95, "fr.nir"),
    Form("FR", "9{15}|9{13} 99", 0.2, 0.75, "fr.nir"),
    Form("FR", "9{13}|99 99 9{3} 9{3} 9{3}", 0.2, 0.4, "fr.nif"),
    Form("ES", "9{8}-?A|9{8} A|99.9{3}.9{3}-A|99.9{3}.9{3} A|99.9{3}.9{3}A", 0.3, 0.8, "es.dni"),
    Form("ES", "A-?9{7}-?A|A 9{7} A|A9{7} A", 0.3, 0.8, "es.nie", _foreign),
    Form("ES", "99_9{8}_99|99/9{8}/99|99/9{10}|99 9{10}|9{12}", 0.2, 0.4, check.spanish_social),
    Form("IT", "A{6}99A99A9{3}A|A{6} 99A99 A9{3}A|A{3} A{3} 99A99 A9{3}A", 0.6, 0.95, "it.codicefiscale"),
    Form("IT", "AA9{5}AA", 0.2),
    Form("PT", "9{9}|9{3} 9{3} 9{3}", 0.2, 0.3, "pt.nif"),
    Form("PT", "9{8} 9 AA9|9{8}-9-AA9|9{9}AA9|9{8} 9AA9", 0.4, 0.85, "pt.cc"),
    Form("PT", "9{11}", 0.2),
    Form("RO", "9{13}", 0.2, 0.7, "ro.cnp"),
    # Low Countries
    Form("NL", "9{9}|9{3}_9{3}_9{3}|9{4}.99.9{3}|9{4} 99 9{3}", 0.2, 0.3, "nl.bsn"),
    Form("BE", "99.99.99-9{3}.99|99.99.99-9{3}-99|99.99.99.9{3}.99", 0.75, 0.95, "be.nn"),
    Form("BE", "9{11}|9{6}-9{3}-99|9{6} 9{3} 99|99 99 99 9{3} 99", 0.2, _BIRTH_FIRST, "be.nn"),
    # Northern countries
    Form("SE", "9{6}-9{4}|9{8}-9{4}|9{6}+9{4}", 0.35, 0.85, "se.personnummer"),
    Form("SE", "9{10}|9{12}", 0.2, 0.4, "se.personnummer"),
    Form("NO", "9{11}|9{6} 9{5}", 0.2, 0.65, "no.fodselsnummer"),
    Form("DK", "9{6}-9{4}", 0.45, 0.7, "dk.cpr", _danish),
    Form("DK", "9{10}|9{6} 9{4}", 0.2, 0.3, "dk.cpr", _danish),
    Form("FI", "9{6}-9{3}A|9{6}-9{4}|9{6}A9{3}A|9{6}A9{4}|9{6}+9{3}A|9{6}+9{4}", 0.35, 0.85, _finnish),
    Form("IS", "9{6}-9{4}|9{10}|9{6} 9{4}", 0.2, 0.4, check.icelandic),
    # Baltic countries, Poland, Czechia, Slovakia, Hungary
    Form("EE LT", "9{11}", 0.2, _BIRTH_FIRST, "ee.ik"),
    Form("LV", "9{6}-9{5}", 0.45, 0.7, "lv.pvn"),
    Form("PL", "9{11}|9{6} 9{5}|99 99 99 9{5}", 0.2, _BIRTH_FIRST, "pl.pesel"),
    Form("PL", "9{3}-9{3}-99-99|9{3}-99-99-9{3}", 0.4, 0.7, "pl.nip"),
    Form("PL", "9{10}", 0.15, 0.25, "pl.nip"),
    Form("PL", "A{3} ?9{6}", 0.2),
    Form("CZ SK", "9{6}/9{3}|9{6}/9{4}", 0.4, 0.8, "cz.rc", _czech),
    Form("CZ SK", "9{10}", 0.2, 0.35, "cz.rc"),
    Form("HU", "9{3}_9{3}_9{3}", 0.2, 0.3, check.pension),
    Form("HU", "9{10}", 0.2, 0.3, check.hungarian_tax),
    Form("HU", "9 9{6} 9{4}|9-9{6}-9{4}", 0.4, fits=_date(1, "ymd")),
    Form("HU", "9{6}AA", 0.2),
    # The Balkans, Greece, Turkey
    Form("BG", "9{10}", 0.2, 0.45, "bg.egn"),
    Form("GR", "9{11}", 0.2, 0.5, "gr.amka"),
    Form("GR", "9{9}", 0.15, 0.25, "gr.vat"),
    Form("HR", "9{11}", 0.2, 0.35, "hr.oib"),
    Form("SI RS", "9{13}|9{7} 9{6}", 0.2, 0.7, "si.emso"),
    Form("AL", "A9{8}A", 0.25, 0.3, "al.nipt"),
    Form("TR", "9{11}|9{3} 9{3} 9{3} 99", 0.2, 0.45, "tr.tckimlik"),
    # Russia and its neighbours
    Form("RU", "9{3}-9{3}-9{3} 99|9{3}-9{3}-9{3}-99", 0.6, 0.95, check.snils),
    Form("RU", "9{11}", 0.15, 0.3, check.snils),
    Form("RU", "9{12}|9{10}", 0.2, 0.4, "ru.inn"),
    Form("UA", "9{10}", 0.2, 0.3, "ua.rntrc"),
    Form("KZ", "9{12}", 0.2, fits=_date(0, "ymd")),
    # Asia
    Form("IN", "A{5}9{4}A", 0.55, fits=_pan),
    Form("IN", "9{4}_9{4}_9{4}", 0.3, 0.6, "in_.aadhaar", _indian),
    Form("IN", "A{3}9{7}", 0.2, 0.3, "in_.epic"),
    Form("CN", "9{18}|9{17}A|9{6} 9{8} 9{4}|9{6} 9{8} 9{3}A", 0.35, 0.9, "cn.ric", _date(8, "ymd")),
    Form("KR", "9{6}-9{7}", 0.75, fits=_rrn),
    Form("KR", "9{13}|9{6} 9{7}", 0.25, fits=_rrn),
    Form("JP", "9{4}_9{4}_9{4}", 0.2, 0.35, "jp.in_"),
    Form("TW", "A9{9}", 0.2, 0.6, check.taiwan, lambda number: number[1] in "1289ABCD"),
    Form("HK", "A9{7}|AA9{7}|A9{6}A|AA9{6}A|A9{6}-9|A9{6}-A|A9{6}(9)|AA9{6}(9)|A9{6}(A)",
         0.25, 0.5, check.hong_kong, _tidy_hong_kong),
    Form("SG", "A9{7}A", 0.3, 0.85, check.singapore, lambda number: number[0] in "STFGM"),
    Form("MY", "9{6}-99-9{4}", 0.6, 0.8, "my.nric", _date(0, "ymd")),
    Form("MY", "9{12}", 0.2, 0.35, "my.nric"),
    Form("TH", "9-9{4}-9{5}-99-9|9 9{4} 9{5} 99 9", 0.6, 0.95, "th.pin"),
    Form("TH", "9{13}", 0.2, 0.45, "th.pin"),
    Form("ID", "9{16}|99.99.99.9{6}.9{4}", 0.2, 0.45, "id.nik"),
    Form("ID", "99.9{3}.9{3}.9-9{3}.9{3}", 0.6, 0.8, "id.npwp"),
    Form("PH", "99-9{7}-9|9{4}-9{7}-9|9{4}-9{4}-9{4}-9{4}", 0.25),
    Form("VN", "9{12}|9{9}", 0.15),
    Form("PK", "9{5}-9{7}-9", 0.65, 0.75, "pk.cnic"),
    Form("LK", "9{9}A", 0.3, fits=_sri_lankan),
    Form("AE", "9{3}-9{4}-9{7}-9|9{15}|9{3} 9{4} 9{7} 9", 0.55, 0.95, check.emirates, _emirates),
    Form("SA", "9{10}", 0.15, 0.25, check.luhn),
    Form("IL", "9{9}|9{8}-9", 0.2, 0.3, "il.idnr"),
    # Africa
    Form("ZA", "9{13}|9{6} 9{4} 99 9|9{6} 9{4} 9{3}", 0.2, 0.6, "za.idnr"),
    Form("EG", "9{14}", 0.45, fits=_egyptian),
    Form("NG", "9{11}", 0.15),
    Form("KE", "A9{9}A", 0.25, 0.3, "ke.pin"),
    Form("MU", "A9{12}9|A9{12}A", 0.3, 0.7, "mu.nid"),
    # Oceania
    Form("AU", "9{3}_9{3}_9{3}", 0.2, 0.3, "au.tfn"),
    Form("AU", "99 9{3} 9{3} 9{3}", 0.3, 0.6, "au.abn"),
    Form("NZ", "9{2}-9{3}-9{3}|9{3}-9{3}-9{3}|9{8}", 0.2, 0.3, "nz.ird"),
)  # fmt: skip
"""Score by shape, and with right check digits. Those under one half need a word beside them."""

_FORMS: Final = by_shape(FORMS)
_ANNOUNCED: Final = 0.55
_ROUND: Final = 7
_FEWEST: Final = min(Page(shape).loose for shape in _FORMS.all)
_DISTINCT: Final = min(Page(shape).loose for shape in _FORMS.distinct)


def _vague(piece: Piece) -> bool:
    """Whether a number of no known form could be an identifier when it is called one."""
    digits = sum(map(str.isdigit, piece.text))
    if piece.text.endswith("000") and len(piece.text) <= _ROUND:
        return False
    return piece.alone and 6 <= digits <= 14 and len(piece.text) - digits <= 5 and "/" not in piece.text


def _nationals(page: Page) -> Iterator[Span]:
    for piece in pieces(page):
        if piece.dated:
            continue
        score = raised(page, _FORMS, cues.NATIONAL, piece)
        if not score and _vague(piece) and nearby.leading(page, cues.NATIONAL, piece.start, piece.end):
            score = _ANNOUNCED
        if score:
            yield Span("NATIONAL_ID", piece.start, piece.end, score)


def _may_have_number(page: Page) -> bool:
    if page.digits < _FEWEST or page.loose < _FEWEST:
        return False
    return page.loose >= _DISTINCT or nearby.says(page, cues.NATIONAL | cues.IDENTITY)


NATIONAL: Final = Detector("national-ids", ("NATIONAL_ID",), _may_have_number, _nationals)
