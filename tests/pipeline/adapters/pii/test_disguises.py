"""Data that is spread out, regrouped, spelled or coded is found where it stands; what only looks so holds nothing."""

import random
from collections.abc import Callable

import pytest
from faker import Faker
from stdnum import luhn

from pipeline.adapters.pii import PatternScanner, Span

SCANNER = PatternScanner()
SEED = 20


def card(dice: random.Random) -> str:
    body = dice.choice(["4", "51", "6011"])
    body += "".join(dice.choices("0123456789", k=15 - len(body)))
    number = body + luhn.calc_check_digit(body)
    return " ".join(number[at : at + 4] for at in range(0, 16, 4))


def iban(dice: random.Random) -> str:
    fake = Faker("de_DE")
    fake.seed_instance(dice.random())
    number = fake.iban()
    return number if dice.random() < 0.5 else " ".join(number[at : at + 4] for at in range(0, len(number), 4))


def email(dice: random.Random) -> str:
    host = dice.choice(["mail.example.org", "acme.co.uk"])
    return f"{dice.choice(['odalys', 'piotr.k', 'anna_lee'])}{dice.randint(1, 99)}@{host}"


def phone(dice: random.Random) -> str:
    return f"+49 {dice.choice(['30', '89'])} {dice.randint(2_000_000, 8_999_999)}"


def ssn(dice: random.Random) -> str:
    return f"{dice.randint(1, 665):03d}-{dice.randint(1, 99):02d}-{dice.randint(1, 9999):04d}"


def ip(dice: random.Random) -> str:
    return f"203.0.{dice.randint(2, 250)}.{dice.randint(1, 254)}"


KINDS: dict[str, Callable[[random.Random], str]] = {
    "CREDIT_CARD": card, "IBAN": iban, "EMAIL": email, "PHONE": phone, "US_SSN": ssn, "IP": ip,
}  # fmt: skip
DISGUISES: dict[str, Callable[[str], str]] = {
    "spaced": " ".join,
    "zero width": "\u200b".join,
    "soft hyphens": "\u00ad".join,
    "full width": lambda text: "".join(chr(ord(sign) + 0xFEE0) if "!" <= sign <= "~" else sign for sign in text),
    "mathematical": lambda text: "".join(chr(0x1D7CE + int(sign)) if sign.isdigit() else sign for sign in text),
    "arabic": lambda text: "".join(chr(0x660 + int(sign)) if sign.isdigit() else sign for sign in text),
    "no-break": lambda text: text.replace("-", "\u2011").replace(" ", "\u00a0"),
    "homoglyphs": lambda text: text.translate(str.maketrans("aeopcxyisTAEBKMHOPC", "аеорсхуіѕТАЕВКМНОРС")),
    "struck through": lambda text: "".join(f"{sign}\u0336" for sign in text),
    "in brackets": lambda text: text.replace("@", " [at] ").replace(".", " [dot] "),
    "in words": lambda text: text.replace("@", " at ").replace(".", " dot "),
    "shouted": lambda text: text.replace("@", " (AT) ").replace(".", " (DOT) "),
    "defanged": lambda text: text.replace("@", "[@]").replace(".", "[.]"),
    "entities": lambda text: text.replace("@", "&#64;").replace(".", "&#x2e;"),
    "percent": lambda text: text.replace("@", "%40"),
    "slashes": lambda text: text.replace(" ", "/").replace("-", "/") if "@" not in text else text,
    "underscores": lambda text: text.replace(" ", "_"),
}
SENTENCES = ("Please note {} for the record.", "my data: {}", "{}", "I wrote {} down, thanks")


def found(text: str) -> list[Span]:
    return [span for span in SCANNER.scan_text(text) if span.score >= 0.5]


def covers(span: Span, start: int, end: int) -> bool:
    return 2 * (min(span.end, end) - max(span.start, start)) >= end - start


@pytest.mark.parametrize("disguise", DISGUISES)
@pytest.mark.parametrize("kind", KINDS)
def test_a_disguise_hides_next_to_nothing(kind: str, disguise: str) -> None:
    dice, hits = random.Random(SEED), 0
    for turn in range(40):
        shown = DISGUISES[disguise](KINDS[kind](dice))
        text = SENTENCES[turn % len(SENTENCES)].format(shown)
        start = text.index(shown)
        hits += any(span.type == kind and covers(span, start, start + len(shown)) for span in found(text))
    assert hits >= 38


@pytest.mark.parametrize(
    "text",
    [
        "1 0 0 1 1 0 1 0 1 1 0 1 0 0 1 0 1",
        "scores: 3 4 2 5 5 1 2 3 4 5 3 2 1 4 5",
        "A B C D E F G H I J K L M N O P",
        "1 , 2 , 3 , 4 , 5 , 6 , 7 , 8",
        "W e   l i k e   t e a",
        "meet me at the dot on the map",
        "he works at acme.com today",
        "look at this dot com bubble",
        "f(at) is the value [dot] product",
        "x @ w.T + b",
        "12/03/1985 to 04/05/2001 and 2024-11-22 12:30:45.123",
        "100%25 of 50%40 is 20",
        "1.2.3.4.5.6.7.8.9",
        "a.b.c.d.e.f.g.h.i.j",
    ],
)
def test_tables_lists_and_sentences_hold_nothing(text: str) -> None:
    assert found(text) == []


def test_a_finding_in_spread_out_text_stands_where_the_text_does() -> None:
    text = "mail to j o e @ e x a m p l e . o r g please"
    (span,) = found(text)
    assert text[span.start : span.end] == "j o e @ e x a m p l e . o r g"
