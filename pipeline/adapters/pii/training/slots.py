"""What fills the slots of templates: people, places, addresses, organisations, and things that are none of these.

Every filler is a list of pieces, each with the label that a model learns for it or none. Nothing here comes from a
labelled data set: names are Faker's or made up, brands and titles are words of the language.
"""

from collections.abc import Callable
from functools import partial
from random import Random
from typing import Final

from faker.providers.address.en_US import Provider as Addresses

from pipeline.adapters.pii.training.lists import listed
from pipeline.adapters.pii.training.pools import LOCALES, Pool, made_up_surname, made_up_word, pools, world_cities
from pipeline.adapters.pii.training.words import COMMON, JOBS, Words, catch_phrase, words

__all__ = ["PERSON", "STREET", "Piece", "Slots"]

Piece = tuple[str, str | None]
"""A text and its label; None where it is nobody's name."""

PERSON: Final = "PERSON"
STREET: Final = "ADDRESS"
_PLACE: Final = "GPE"

_MONTHS: Final = listed("months")
_DAYS: Final = listed("days")
_TITLES: Final = listed("titles")
_JOBS: Final = listed("jobs")
_NATIONS: Final = listed("nations")
_BRANDS: Final = listed("brands")
_FIELDS: Final = listed("fields")
_FORMS: Final = listed("forms")
_PRODUCTS: Final = listed("products")
_WORDS: Final = listed("words")
_SUFFIXES: Final = listed("suffixes")
_FOREIGN: Final = listed("foreign")
_TAILS: Final = listed("tails")
_UNITS: Final = listed("units")
_STATES: Final = tuple(Addresses.states_abbr)
_COUNTRIES: Final = tuple(name for name in Addresses.countries if "(" not in name and len(name) < 34)
_HEADINGS: Final = (
    ("noun",),
    ("nouns",),
    ("adj", "noun"),
    ("noun", "nouns"),
    ("adj", "nouns"),
    ("verbing", "nouns"),
    ("verb", "noun"),
    ("adv", "verbed", "noun"),
)
_LETTERS: Final = "ABCDEFGHIJKLMNOPRSTVW"


class Slots:
    """Fills slots by chance, with the pools of one seed.

    Args:
        chance: where every choice comes from.
        seed: of the pools.
    """

    def __init__(self, chance: Random, seed: int = 0) -> None:
        self._chance = chance
        self._pools = pools(seed)
        self._words = words()
        self._mark = ""
        self._weights = list(LOCALES.values())
        self._fillers: dict[str, Callable[[], list[Piece]]] = {
            "name": lambda: [(self.full(), PERSON)],
            "first": lambda: [(self.first(self.pool()), PERSON)],
            "last": lambda: [(self.last(self.pool()), PERSON)],
            "any": lambda: [(self.anyone(), PERSON)],
            "city": lambda: [(self.city(), _PLACE)],
            "country": lambda: [(chance.choice(_COUNTRIES), _PLACE)],
            "place": lambda: [(self.city() if chance.random() < 0.5 else chance.choice(_COUNTRIES), _PLACE)],
            "region": lambda: [(chance.choice(_STATES), _PLACE)],
            "street": lambda: [(self.street(), STREET)],
            "way": lambda: [(self._street_name(), STREET)],
            "unit": lambda: [(self.unit(), STREET)],
            "zip": lambda: [(self.postcode(), STREET)],
            "address": lambda: self.address(chance.choice(("\n", "\n", "\n ", "\n    ", ", ", " "))),
            "address_line": lambda: self.address(chance.choice((", ", ", ", " "))),
            "org": lambda: [(self.organisation(), "ORG")],
            "nat": lambda: [(chance.choice(_NATIONS), "NORP")],
            "song": lambda: [(self.title(), "WORK_OF_ART")],
            "product": lambda: [(chance.choice(_PRODUCTS), "PRODUCT")],
        }
        self._plain: dict[str, Callable[[], str]] = {
            "title": lambda: chance.choice(_TITLES),
            "initial": lambda: f"{chance.choice(_LETTERS)}.",
            "job": lambda: chance.choice(chance.choice((_JOBS, JOBS))),
            "catch": lambda: catch_phrase(chance),
            "words": lambda: " ".join(chance.choice(COMMON) for _ in range(chance.randint(2, 7))),
            "mark": lambda: self._mark,
            "heading": lambda: " ".join(self.word(kind).title() for kind in chance.choice(_HEADINGS)),
            "day": lambda: chance.choice(_DAYS),
            "month": lambda: chance.choice(_MONTHS),
            "year": lambda: str(chance.randint(1880, 2029)),
            "num": lambda: str(chance.choice((2, 3, 4, 5, 7, 9, 12, 15, 20, 34, 48, 50, 66, 71, 100, 250))),
            "date": self.date,
            "time": lambda: f"{chance.randint(0, 23)}:{chance.randint(0, 59):02}",
            "money": lambda: chance.choice(("$", "€", "£", "USD ", "EUR ")) + str(chance.randint(5, 9000)),
            "phone": self.phone,
            "email": self.email,
            "id": self.identifier,
        } | {kind: partial(self.word, kind) for kind in Words.__slots__}

    def begin(self) -> None:
        """Begin a text: what stays the same within one, is drawn anew."""
        sign = self._chance.choice("*>-|#:.=~+?!•·/%")
        self._mark = sign * self._chance.choice((1, 1, 2, 3)) + self._chance.choice(("", " ", " ", "  "))

    def fill(self, slot: str) -> list[Piece]:
        """The pieces that stand for `slot`.

        Raises:
            KeyError: there is no such slot.
        """
        kind = slot.lower()
        pieces: list[Piece] = [(self._plain[kind](), None)] if kind in self._plain else self._fillers[kind]()
        if slot == kind:
            return pieces
        return [(text.upper() if slot.isupper() else text[:1].upper() + text[1:], label) for text, label in pieces]

    def word(self, kind: str) -> str:
        """A word of that kind."""
        choices: tuple[str, ...] = getattr(self._words, kind)
        return self._chance.choice(choices)

    # ------------------------------------------------------------ people

    def pool(self) -> Pool:
        """A country's lists, English-speaking ones more often."""
        return self._chance.choices(self._pools, self._weights)[0]

    def first(self, pool: Pool) -> str:
        """A given name; sometimes one that nobody bears, so that the surroundings count."""
        return made_up_word(self._chance) if self._chance.random() < 0.12 else self._chance.choice(pool.first)

    def last(self, pool: Pool) -> str:
        """A surname, sometimes made up, sometimes double."""
        draw = self._chance.random()
        if draw < 0.15:
            return made_up_surname(self._chance)
        one = self._chance.choice(pool.last)
        if draw < 0.20:
            return one + self._chance.choice(("-", "-", " ")) + self._chance.choice(pool.last)
        if draw < 0.23:
            return self._chance.choice(("van ", "de ", "von ", "Van ", "De ", "O'", "Mc", "al-", "El ", "St. ")) + one
        return one

    def full(self) -> str:
        """A whole name, in one of the ways it is written."""
        chance, pool = self._chance, self.pool()
        first, last = self.first(pool), self.last(pool if chance.random() < 0.9 else self.pool())
        draw, letter = chance.random(), chance.choice(_LETTERS)
        if draw < 0.62:
            return f"{first} {last}"
        if draw < 0.76:
            return f"{first} {letter}{chance.choice(('.', '.', ''))} {last}"
        if draw < 0.82:
            return f"{first} {self.first(pool)} {last}"
        if draw < 0.86:
            return f"{letter}. {last}"
        if draw < 0.89:
            return f"{letter}. {chance.choice(_LETTERS)}. {last}"
        if draw < 0.91:
            return f"{last} {first}"
        if draw < 0.93:
            return f"{first} {last} {chance.choice(('Jr.', 'Jr', 'III', 'Sr.'))}"
        return first if draw < 0.96 else last

    def anyone(self) -> str:
        """A whole name, a given name or a surname."""
        draw = self._chance.random()
        if draw < 0.5:
            return self.full()
        return self.first(self.pool()) if draw < 0.83 else self.last(self.pool())

    # ------------------------------------------------------------ places

    def city(self) -> str:
        """A town."""
        draw, cities = self._chance.random(), self.pool().cities
        if draw < 0.45 or not cities:
            return self._chance.choice(world_cities())
        if draw < 0.5:
            return made_up_word(self._chance, 2) + self._chance.choice(("ville", "burg", "ovo", "ham", "by", "o", "a"))
        return self._chance.choice(cities)

    def street(self) -> str:
        """A street with its number, sometimes with the number of a flat."""
        chance = self._chance
        if chance.random() < 0.07:
            return self._box()
        name, number = self._street_name(), self._number()
        draw = chance.random()
        if draw < 0.45:
            line = f"{number} {name}"
        elif draw < 0.62:
            line = f"{number} {name} {chance.randint(1, 220)}"
        elif draw < 0.92:
            line = f"{name} {number}"
        else:
            line = f"{name}, {number}"
        return line if chance.random() < 0.66 else line + chance.choice((" ", ", ", "\n", "\n ")) + self.unit()

    def _number(self) -> str:
        number = str(self._chance.choice((self._chance.randint(1, 99), self._chance.randint(1, 9999))))
        return number + self._chance.choice(("", "", "", "", "", "", "a", "B", "/2", "-3"))

    def _street_name(self) -> str:
        chance, streets = self._chance, self.pool().streets
        draw = chance.random()
        if draw < 0.42 and streets:
            return chance.choice(streets)
        word = chance.choice((self.last, self.first))(self.pool())
        if draw < 0.66:
            return f"{chance.choice(('', '', '', 'N ', 'West ', 'Old '))}{word} {chance.choice(_SUFFIXES)}"
        if draw < 0.86:
            return word + chance.choice(_TAILS)
        return f"{chance.choice(_FOREIGN)} {word}"

    def _box(self) -> str:
        chance = self._chance
        number = chance.randint(1, 9999)
        if chance.random() < 0.5:
            return chance.choice(
                (f"PO Box {number}", f"P.O. Box {number}", f"Postfach {number}", f"Unit {number} Box {number}")
            )
        where = chance.choice(("APO AA", "APO AE", "FPO AP", "DPO AE", "FPO AE"))
        base = chance.choice(
            (
                f"PSC {number:04}, Box {number}",
                f"{chance.choice(('USS', 'USNS', 'USCGC', 'USNV'))} {self.last(self.pool())}",
                f"Unit {number} Box {number}",
            )
        )
        return f"{base}\n{where} {chance.randint(9000, 99999):05}"

    def unit(self) -> str:
        """The number of a flat, floor or office."""
        return self._chance.choice(_UNITS[:7] if self._chance.random() < 0.6 else _UNITS).format(
            self._chance.choice((self._chance.randint(1, 60), self._chance.randint(100, 999)))
        )

    def postcode(self) -> str:
        """A postal code of some country."""
        chance = self._chance
        number = chance.randint(1000, 99999)
        letter = chance.choice(_LETTERS)
        return chance.choice(
            (f"{number:05}", f"{number:05}", f"{number:05}", f"{number:05}-{chance.randint(1000, 9999)}",
             str(number)[:4],
             f"{letter}{chance.randint(1, 20)} {chance.randint(1, 9)}{letter}{chance.choice(_LETTERS)}",
             f"{letter}{chance.randint(1, 9)}{letter} 4{letter}1", f"{number % 100:02}-{number % 1000:03}")
        )  # fmt: skip

    def address(self, between: str) -> list[Piece]:
        """A postal address, its parts joined by `between`: street, flat, town, state, code, country, most of them."""
        chance = self._chance
        gap: Piece = (between, None)
        small: Piece = (chance.choice((" ", " ", ", ", "\n, ")), None)
        pieces: list[Piece] = [(self.street(), STREET)]
        if chance.random() < 0.3:
            pieces += [gap, (self.unit(), STREET)]
        code: Piece = (self.postcode(), STREET)
        town: Piece = (self.city(), _PLACE)
        draw = chance.random()
        if draw < 0.3:
            pieces += [gap, code, (" ", None), town]
        elif draw < 0.65:
            pieces += [gap, town, small, (chance.choice(_STATES), _PLACE), (chance.choice((" ", between)), None), code]
        elif draw < 0.9:
            pieces += [gap, town]
        if chance.random() < 0.45:
            pieces += [gap, (chance.choice(_COUNTRIES), _PLACE)]
            if draw > 0.65 and chance.random() < 0.6:
                pieces += [(" ", None), code]
        return pieces

    # ------------------------------------------------------------ things

    def organisation(self) -> str:
        """A firm, school, paper or team."""
        chance = self._chance
        draw = chance.random()
        if draw < 0.35:
            return chance.choice(_BRANDS)
        pool = self.pool()
        if draw < 0.5:
            return f"{self.last(pool)} {chance.choice(_FORMS)}"
        if draw < 0.65:
            return f"{self.last(pool)} {chance.choice(_FIELDS)}"
        if draw < 0.72:
            return f"{self.last(pool)}, {self.last(pool)} & {self.last(pool)}"
        if draw < 0.78:
            joint = chance.choice((" & ", " and ", "-", f", {self.last(pool)} and "))
            return f"{self.last(pool)}{joint}{self.last(pool)}"
        if draw < 0.9:
            made = made_up_word(chance, 2) + chance.choice(
                ("ify", "ly", "soft", "tech", "ra", "ware", "io", "Hub", "Net")
            )
            return made if chance.random() < 0.6 else f"{made} {chance.choice(_FIELDS)}"
        words = [self.word(kind).title() for kind in chance.choice(_HEADINGS)]
        return " ".join([*words, chance.choice(_FIELDS)]) if draw < 0.97 else " ".join(words)

    def title(self) -> str:
        """The name of a song, book or film; some hold a given name, which then is nobody's."""
        chance = self._chance
        words = [
            chance.choice(_WORDS) if chance.random() < 0.5 else self.word("noun").title()
            for _ in range(chance.choice((1, 2, 2, 3)))
        ]
        return chance.choice(("", "", "The ", "My ", "A ")) + chance.choice((" ", " ", " of the ", " and ")).join(words)

    def date(self) -> str:
        """A day, in one of the ways it is written."""
        chance = self._chance
        day, month, year = chance.randint(1, 28), chance.randint(1, 12), chance.randint(1940, 2027)
        name = _MONTHS[month - 1]
        return chance.choice(
            (f"{day}/{month}/{year}", f"{year}-{month:02}-{day:02}", f"{day} {name} {year}", f"{name} {day}, {year}",
             f"{name[:3]} {day}", f"{day}. {month}. {year}", f"{name} {year}", f"the {day}th of {name}")
        )  # fmt: skip

    def phone(self) -> str:
        """Digits as a telephone number is written."""
        shape = self._chance.choice(
            ("+## ### #######", "(###) ###-####", "###-###-####", "0#### ######", "+1-###-###-####")
        )
        return self._digits(shape)

    def _digits(self, shape: str) -> str:
        return "".join(str(self._chance.randint(0, 9)) if sign == "#" else sign for sign in shape)

    def email(self) -> str:
        """A mail address made of a name."""
        pool = self.pool()
        local = "".join(
            sign for sign in f"{self.first(pool)}.{self.last(pool)}".lower() if sign.isascii() and sign != " "
        )
        return f"{local}@{self._chance.choice(('example.com', 'example.org', 'mail.example'))}"

    def identifier(self) -> str:
        """A number with or without letters, as orders, tickets and cards have."""
        letter = self._chance.choice(_LETTERS)
        return self._digits(
            self._chance.choice(
                (f"#######{letter}", f"{letter}{letter}-#####", "########", f"{letter}#######", "#### #### #### ####")
            )
        )
