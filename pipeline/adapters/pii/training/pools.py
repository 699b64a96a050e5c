"""Given names, surnames, cities and streets of many countries, from Faker's lists, and made-up ones beside them.

A pool is drawn once per locale with its own generator, so that the same seed gives the same pools. Locales whose lists
are not in Latin letters are left out or transliterated: the pipeline reads Latin text.
"""

import random
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from faker import Faker
from faker.providers.geo import Provider as Geography

from pipeline.adapters.pii.training.lists import listed

__all__ = ["LOCALES", "Pool", "listed_names", "made_up_surname", "made_up_word", "pools", "world_cities"]

LOCALES: Final = {
    "en_US": 14, "en_GB": 6, "en_IE": 3, "en_IN": 5, "en_NZ": 2, "en_PK": 4, "en_NG": 3, "de_DE": 5, "de_CH": 1,
    "fr_FR": 4, "it_IT": 4, "es_ES": 3, "es_MX": 3, "pt_BR": 3, "pt_PT": 2, "nl_NL": 4, "nl_BE": 3, "pl_PL": 5,
    "cs_CZ": 4, "sk_SK": 1, "hu_HU": 5, "ro_RO": 2, "hr_HR": 4, "sl_SI": 4, "sv_SE": 3, "no_NO": 3, "da_DK": 4,
    "fi_FI": 4, "is_IS": 3, "et_EE": 1, "lt_LT": 1, "lv_LV": 1, "tr_TR": 2, "id_ID": 2, "vi_VN": 3, "yo_NG": 2,
    "ig_NG": 2, "zu_ZA": 1, "tw_GH": 2, "az_AZ": 1, "sq_AL": 1, "fil_PH": 1, "ru_RU": 5, "uk_UA": 1, "el_GR": 2,
    "bg_BG": 1, "ja_JP": 4, "zh_CN": 4, "zh_TW": 2, "ha_NG": 1,
}  # fmt: skip
"""How often each locale is drawn, among 100 and some."""

_ROMANISED: Final = {"ja_JP", "zh_CN", "zh_TW"}
_UNSTEADY: Final = {"it_IT"}
"""Faker draws their towns from a set, in another order in every process."""
_DRAWS: Final = 260
_LATIN: Final = str.maketrans(
    {
        "а": "a", "б": "b", "в": "v", "г": "g", "д": "d", "е": "e", "ё": "yo", "ж": "zh", "з": "z", "и": "i", "й": "y",
        "к": "k", "л": "l", "м": "m", "н": "n", "о": "o", "п": "p", "р": "r", "с": "s", "т": "t", "у": "u", "ф": "f",
        "х": "kh", "ц": "ts", "ч": "ch", "ш": "sh", "щ": "shch", "ъ": "", "ы": "y", "ь": "", "э": "e", "ю": "yu",
        "я": "ya", "і": "i", "ї": "yi", "є": "ye", "ґ": "g", "α": "a", "β": "v", "γ": "g", "δ": "d", "ε": "e",
        "ζ": "z", "η": "i", "θ": "th", "ι": "i", "κ": "k", "λ": "l", "μ": "m", "ν": "n", "ξ": "x", "ο": "o", "π": "p",
        "ρ": "r", "σ": "s", "ς": "s", "τ": "t", "υ": "y", "φ": "f", "χ": "ch", "ψ": "ps", "ω": "o",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Pool:
    """What one locale has to offer. Cities and streets may be empty."""

    locale: str
    first: tuple[str, ...]
    last: tuple[str, ...]
    cities: tuple[str, ...]
    streets: tuple[str, ...]


def latin(text: str) -> str:
    """`text` in Latin letters where it is Cyrillic or Greek, otherwise as it is."""
    if text.isascii() or not any("Ͱ" <= letter <= "ӿ" for letter in text):
        return text
    bare = "".join(sign for sign in unicodedata.normalize("NFKD", text) if not unicodedata.combining(sign))
    return " ".join(word.lower().translate(_LATIN).capitalize() for word in bare.split())


@lru_cache(maxsize=2)
def pools(seed: int) -> tuple[Pool, ...]:
    """The pools of all locales, in the order of `LOCALES`."""
    return tuple(_pool(locale, seed) for locale in LOCALES)


def _pool(locale: str, seed: int) -> Pool:
    fake = Faker(locale)
    fake.seed_instance(seed)
    if locale in _ROMANISED:
        names = [fake.romanized_name().title().split() for _ in range(_DRAWS)]
        return Pool(locale, _unique(n[0] for n in names), _unique(n[-1] for n in names), (), ())
    first = _unique(_drawn(fake, "first_name_female") + _drawn(fake, "first_name_male"))
    last = _unique(_drawn(fake, "last_name"))
    cities = () if locale in _UNSTEADY else _unique(_drawn(fake, "city"))
    return Pool(locale, first, last, cities, _unique(_drawn(fake, "street_name")))


def listed_names(locale: str) -> frozenset[str]:
    """All given names and surnames in Faker's lists for a locale, in Latin letters."""
    provider = next(one for one in Faker(locale).get_providers() if ".person" in type(one).__module__)
    lists = (getattr(provider, name) for name in dir(provider) if name.startswith(("first_name", "last_name")))
    return frozenset(latin(word) for names in lists if not callable(names) for word in names if isinstance(word, str))


def _drawn(fake: Faker, method: str) -> list[str]:
    return [latin(str(getattr(fake, method)())) for _ in range(_DRAWS)]


def _unique(words: Iterable[str]) -> tuple[str, ...]:
    kept = dict.fromkeys(word for word in words if word)
    return tuple(word for word in kept if all(_readable(letter) for letter in word))


def _readable(letter: str) -> bool:
    return letter.isascii() or "LATIN" in unicodedata.name(letter, "")


@lru_cache(maxsize=1)
def world_cities() -> tuple[str, ...]:
    """Cities of the whole world, in Latin letters."""
    return _unique([place[2] for place in Geography.land_coords])


_ONSETS: Final = listed("onsets")
_VOWELS: Final = listed("vowels")
_CODAS: Final = listed("codas")
_ENDINGS: Final = listed("endings")


def made_up_word(chance: random.Random, syllables: int = 2) -> str:
    """A word of so many syllables that could be a name somewhere."""
    word = "".join(chance.choice(_ONSETS) + chance.choice(_VOWELS) + chance.choice(_CODAS) for _ in range(syllables))
    return word.capitalize()


def made_up_surname(chance: random.Random) -> str:
    """A word with an ending that surnames have."""
    return made_up_word(chance, chance.choice((1, 1, 2))) + chance.choice(_ENDINGS)
