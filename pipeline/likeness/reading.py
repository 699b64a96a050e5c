"""What the guard reads of one question: its words as they count, and its numbers. Read once, compared often."""

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from pipeline.likeness.case import Cased, cased, flags
from pipeline.likeness.frames import unframed
from pipeline.likeness.instructions import gives_orders
from pipeline.likeness.symbols import layout, signs
from pipeline.likeness.token import Token
from pipeline.likeness.words import FUNCTION, NUMBERS, ORDINALS, UNITS, listed

__all__ = ["LONGEST", "Reading", "read"]

LONGEST: Final = 400
"""Words beyond which a question is only ever the same as itself."""

_WORD: Final = re.compile(
    r"(?:(?<![\w.,)-])[-−](?=\d))?\d+(?:[.,:/-]\d+)*(?:st|nd|rd|th)?(?![^\W\d_])|[^\W_]+(?:\.[^\W_]\b)*|['’](?:s|d|m|re|ve|ll)\b|[^\w\s.,;:!?\"'’()\[\]-]"
)
_NOT: Final = re.compile(r"(?<=[a-z])n['’]t\b", re.IGNORECASE)
_SHORT: Final = {"can't": "can not", "won't": "will not", "shan't": "shall not", "cannot": "can not", "ain't": "is not"}
_SPELT: Final = re.compile(r"\b(?:can't|won't|shan't|cannot|ain't)\b", re.IGNORECASE)
_AFTER_ASKING: Final = frozenset(listed("what who where when how that it there he she why which here"))
_QUOTED: Final = re.compile(r"[\"“«]([^\"”»]{1,120})[\"”»]")
_DIGITS: Final = re.compile(r"^[-−]?\d[\d.,:/-]*(?:st|nd|rd|th)?$")


@dataclass(frozen=True, slots=True)
class Reading:
    """One question as the guard sees it. `plain` decides identity; `tokens` are its words without courtesies.

    `hidden` are characters that nobody sees; `mixed`: a word has letters of two alphabets; `orders`: it speaks to the
    memory or the model instead of asking; `signs` and `layout` are those of formulas and code, `flags` of commands;
    `cased` are words that say something by large letters.
    """

    plain: str
    tokens: tuple[Token, ...]
    hidden: str
    mixed: bool
    scripts: frozenset[str]
    quoted: tuple[str, ...]
    orders: bool
    signs: str
    layout: tuple[int, ...]
    flags: tuple[str, ...]
    cased: Cased


def read(text: str) -> Reading:
    """Read a question. Never raises."""
    plain = " ".join(text.split())
    folded = unicodedata.normalize("NFKC", plain)
    hidden = "" if plain.isascii() else "".join(each for each in plain if unicodedata.category(each) in _UNSEEN)
    if hidden:
        folded = "".join(each for each in folded if unicodedata.category(each) not in _UNSEEN)
    folded = _NOT.sub(" not", _SPELT.sub(lambda found: _SHORT[found.group().lower()], folded.replace("’", "'")))
    words = _WORD.findall(folded)[: LONGEST + 1]
    shouted = folded.isupper()
    tokens = []
    for place, word in enumerate(words):
        small = word.casefold()
        abbreviated = len(word) > 1 and word.isupper() and small in FUNCTION and not shouted
        tokens.append(_token(word if abbreviated else small, place > 0 and word[:1].isupper() and not shouted))
    scripts = frozenset({"LATIN"}) if folded.isascii() else _scripts(folded)
    mixed = not folded.isascii() and any(len(_scripts(word) & _LOOKALIKE) > 1 for word in words)
    quoted = tuple(found.casefold() for found in _QUOTED.findall(folded)) if '"' in folded or "“" in folded else ()
    asked = unframed(_settled(tokens))
    return Reading(
        plain, asked, hidden, mixed, scripts, quoted, gives_orders(folded), signs(plain), layout(text),
        flags(folded), () if shouted else cased(words),
    )  # fmt: skip


_UNSEEN: Final = frozenset({"Cf", "Cc", "Co", "Cn", "Cs"})
_LOOKALIKE: Final = frozenset({"LATIN", "CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE", "COPTIC", "LISU"})


@lru_cache(maxsize=4096)
def _script(character: str) -> str:
    return unicodedata.name(character, "?").split(" ", 1)[0] if character.isalpha() else ""


def _scripts(text: str) -> frozenset[str]:
    return frozenset(filter(None, map(_script, text)))


@lru_cache(maxsize=8192)
def _token(word: str, name: bool) -> Token:
    number = _number(word)
    return Token(word, _stem(word) if number is None else number, number, name)


def _stem(word: str) -> str:
    """Without the ending of the plural. No more: an ending is often the whole difference."""
    word = UNITS.get(word, word)
    if len(word) > 3 and word.endswith("ies"):
        return word[:-3] + "y"
    if len(word) > 4 and word.endswith(("ches", "shes", "sses", "xes", "zes")):
        return word[:-2]
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")) else word


def _number(word: str) -> str | None:
    """The number that a word stands for, in one spelling; ordinals are no cardinals."""
    if _DIGITS.match(word):
        ordinal = word[-2:].isalpha()
        plain = word[:-2] if ordinal else word
        if re.fullmatch(r"\d{1,3}(,\d{3})+(\.\d+)?", plain):
            plain = plain.replace(",", "")
        if plain.replace(".", "", 1).isdigit():
            plain = plain.lstrip("0") or "0"
            plain = plain.rstrip("0").rstrip(".") if "." in plain else plain
            plain = "0" + plain if plain.startswith(".") else plain
        return plain + ("th" if ordinal else "")
    if word in NUMBERS:
        return f"{NUMBERS[word]:g}" if NUMBERS[word] < 1_000_000 else str(NUMBERS[word])
    if word in ORDINALS:
        return f"{ORDINALS[word]}th"
    return word if any(each.isdigit() for each in word) else None


def _settled(tokens: list[Token]) -> tuple[Token, ...]:
    """Short forms written out (`what's` is `what is`), numbers in words put together (`twenty one` is 21)."""
    out: list[Token] = []
    for token in tokens:
        before = out[-1] if out else None
        if token.word[:1] == "'" and before is not None:
            written = _written_out(token.word, before.word)
            out.append(_token(written, False))
        elif before is not None and _continues(before, token):
            number = _joined(before, token)
            out[-1] = Token(f"{before.word} {token.word}", number, number)
        else:
            out.append(token)
    return tuple(out)


def _written_out(short: str, before: str) -> str:
    if short == "'s":
        return "is" if before in _AFTER_ASKING else "'s"
    return {"'re": "are", "'ve": "have", "'ll": "will", "'m": "am", "'d": "would"}.get(short, short)


def _continues(before: Token, token: Token) -> bool:
    tens = NUMBERS.get(before.word, 0)
    if tens in range(20, 100, 10):
        return 0 < NUMBERS.get(token.word, 0) < 10 or 0 < ORDINALS.get(token.word, 0) < 10
    return token.word in {"hundred", "thousand", "million", "billion"} and before.number is not None


def _joined(before: Token, token: Token) -> str:
    if token.word in ORDINALS:
        return f"{int(NUMBERS[before.word]) + ORDINALS[token.word]}th"
    if NUMBERS[token.word] < 10:
        return str(int(NUMBERS[before.word] + NUMBERS[token.word]))
    try:
        return f"{float(before.number or 0) * NUMBERS[token.word]:.15g}"
    except ValueError:
        return f"{before.number} {token.word}"
