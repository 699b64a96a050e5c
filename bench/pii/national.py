"""National and tax ids of many countries, drawn by their public form until python-stdnum takes them."""

import random
import re
import string
from collections.abc import Iterator
from importlib import import_module
from typing import Final

from bench.pii.made import placed
from bench.pii.rows import Row

__all__ = ["FORMS", "drawn", "national"]

FORMS: Final[dict[str, tuple[str, str, str]]] = {
    "AR": ("ar.cuit", "20-########-#", "CUIT"),
    "AU": ("au.tfn", "### ### ###", "tax file number"),
    "AT": ("at.vnr", "####{dd}{mm}{yy}", "Sozialversicherungsnummer"),
    "BE": ("be.nn", "{yy}.{mm}.{dd}-###.##", "rijksregisternummer"),
    "BG": ("bg.egn", "{yy}{mm}{dd}####", "ЕГН"),
    "BR": ("br.cpf", "###.###.###-##", "CPF"),
    "CA": ("ca.sin", "### ### ###", "SIN"),
    "CH": ("ch.ssn", "756.####.####.##", "AHV-Nummer"),
    "CL": ("cl.rut", "##.###.###-#", "RUT"),
    "CN": ("cn.ric", "110101{yyyy}{mm}{dd}####", "身份证"),
    "CZ": ("cz.rc", "{yy}{mm}{dd}/####", "rodné číslo"),
    "DE": ("de.idnr", "###########", "Steuer-ID"),
    "DK": ("dk.cpr", "{dd}{mm}{yy}-####", "CPR-nummer"),
    "EE": ("ee.ik", "3{yy}{mm}{dd}####", "isikukood"),
    "ES": ("es.dni", "########@", "DNI"),
    "FI": ("fi.hetu", "{dd}{mm}{yy}-###@", "henkilötunnus"),
    "FR": ("fr.nir", "1{yy}{mm}75########", "numéro de sécurité sociale"),
    "GR": ("gr.amka", "{dd}{mm}{yy}#####", "ΑΜΚΑ"),
    "HR": ("hr.oib", "###########", "OIB"),
    "IE": ("ie.pps", "#######@A", "PPS number"),
    "IL": ("il.idnr", "#########", "teudat zehut"),
    "IN": ("in_.aadhaar", "#### #### ####", "Aadhaar"),
    "IS": ("is_.kennitala", "{dd}{mm}{yy}-###9", "kennitala"),
    "IT": ("it.codicefiscale", "@@@@@@{yy}A{dd}H501@", "codice fiscale"),
    "KR": ("kr.rrn", "{yy}{mm}{dd}-1######", "주민등록번호"),
    "LT": ("lt.asmens", "3{yy}{mm}{dd}####", "asmens kodas"),
    "LV": ("lv.pvn", "{dd}{mm}{yy}-1####", "personas kods"),
    "MX": ("mx.curp", "@@@@{yy}{mm}{dd}HDF@@@##", "CURP"),
    "NL": ("nl.bsn", "#########", "BSN"),
    "NO": ("no.fodselsnummer", "{dd}{mm}{yy}#####", "fødselsnummer"),
    "PL": ("pl.pesel", "{yy}{mm}{dd}#####", "PESEL"),
    "PT": ("pt.nif", "2## ### ###", "NIF"),
    "RO": ("ro.cnp", "1{yy}{mm}{dd}12####", "CNP"),
    "SE": ("se.personnummer", "{yy}{mm}{dd}-####", "personnummer"),
    "SI": ("si.emso", "{dd}{mm}9{yy}50####", "EMŠO"),
    "SK": ("sk.rc", "{yy}{mm}{dd}/####", "rodné číslo"),
    "TH": ("th.pin", "#-####-#####-##-#", "เลขประจำตัวประชาชน"),
    "TR": ("tr.tckimlik", "###########", "T.C. kimlik no"),
    "UA": ("ua.rntrc", "##########", "РНОКПП"),
    "US (ITIN)": ("us.itin", "9##-7#-####", "ITIN"),
    "ZA": ("za.idnr", "{yy}{mm}{dd}####08#", "ID number"),
}
"""By country: the validator in `stdnum`, the form (# digit, @ letter, parts of a date), and what people call it."""
_SAID: Final = ("{cue}: {}", "my {cue} is {}", "{cue} {}", "Please update the file, {cue} {}, thank you.")
_PART: Final = re.compile(r"\{\w+\}|#|@")
_TRIES: Final = 20_000


def drawn(country: str, draw: random.Random) -> str:
    """A value that the country's validator takes.

    Raises:
        ValueError: none was found, so the form above is wrong.
    """
    validator, form, _ = FORMS[country]
    valid = import_module(f"stdnum.{validator}").is_valid
    for _ in range(_TRIES):
        date = {
            "{yyyy}": str(draw.randint(1950, 1999)),
            "{yy}": f"{draw.randint(50, 99):02d}",
            "{mm}": f"{draw.randint(1, 12):02d}",
            "{dd}": f"{draw.randint(1, 28):02d}",
        }
        value = _PART.sub(lambda part, date=date: date.get(part[0]) or _sign(part[0], draw), form)
        if valid(value):
            return value
    raise ValueError(f"{validator} takes nothing of the form {form}")


def _sign(part: str, draw: random.Random) -> str:
    return draw.choice(string.digits if part == "#" else string.ascii_uppercase)


def national(number: int, seed: int) -> Iterator[tuple[str, Row]]:
    """Country and sentence, `number` for each country."""
    for country in FORMS:
        draw = random.Random(f"{seed} {country}")
        for _ in range(number):
            said = draw.choice(_SAID).replace("{cue}", FORMS[country][2])
            yield country, placed("NATIONAL_ID", drawn(country, draw), draw, said)
