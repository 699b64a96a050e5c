"""Personal data replaced by tokens that mean the same person for a whole conversation, and nothing to anyone else.

A token is `<PERSON_K7QM2>`: its kind, and five characters of a keyed digest of tenant, conversation, kind and the value
in its normal form. So turn 9 needs no memory of turn 1 to give the same token, and another tenant or conversation has
another one. What a value looked like is kept apart from whom it means: "JOHN SMITH" after "John Smith" is
`<PERSON_K7QM2_2>`, and so is the surname alone, so that each comes back as it stood there.

Tokens depend on nothing that follows: texts that are added to a conversation leave the tokens before them as they are.
"""

import hmac
import json
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from hashlib import sha256
from types import MappingProxyType
from typing import Final, Literal, NamedTuple

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from pipeline.contracts import Request
from pipeline.disclosure.restore import TOKEN, Issued
from pipeline.disclosure.surrogates import surrogate

__all__ = [
    "Hidden",
    "Pseudonyms",
    "Style",
    "conversation_of",
    "mask_of",
    "remembered",
    "session_conversation",
    "word_of",
]

Style = Literal["typed", "format"]
"""A token, or a stand-in of the same form for places where a schema asks for one."""

_ALPHABET: Final = "23456789BCDFGHJKMNPQRSTVWXYZ"
"""No vowels, so that no words come out; nothing that looks like another."""
_CODE: Final = 5
_CROWD: Final = 8
"""A first or last name that more people have than this is not looked up."""
_LONGEST_CODE: Final = 13
_TRIES: Final = 16
_QUOTED: Final = "quoted"
"""The type of a place that holds no personal data, but a token."""

_WORDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "CREDIT_CARD": "CARD",
        "MEDICAL_ID": "MEDICAL",
        "US_SSN": "SSN",
        "NATIONAL_ID": "ID",
        "DRIVER_LICENSE": "LICENCE",
        "CRYPTO_WALLET": "WALLET",
        "COORDINATES": "POSITION",
        "DATE_OF_BIRTH": "DATE",
        "BANK_ACCOUNT": "ACCOUNT",
        "VEHICLE_ID": "VEHICLE",
        "DEVICE_ID": "DEVICE",
        "LOCATION": "PLACE",
        "NRP": "GROUP",
        "URL_CREDENTIAL": "SECRET",
    }
)
_NUMBERS: Final = frozenset({"CARD", "PHONE", "SSN"})
_CODES: Final = frozenset({"ID", "IBAN", "PASSPORT", "MEDICAL", "LICENCE", "ACCOUNT", "VEHICLE", "DEVICE", "MAC"})
_EXACT: Final = frozenset({"SECRET", "WALLET"})
_POSSESSIVE: Final = re.compile(r"['’]s$")
_POINTS: Final = ".,;:!?\"'’()[]<>*_"
_TITLES: Final = frozenset(
    (
        "mr",
        "mrs",
        "ms",
        "miss",
        "dr",
        "prof",
        "sir",
        "herr",
        "frau",
        "monsieur",
        "madame",
        "señor",
        "señora",
        "sr",
        "sra",
    )
)


class Hidden(NamedTuple):
    """`text[start:end]` is of `type` and is not to be seen: replaced for good (`mask`), or by what can be restored."""

    type: str
    start: int
    end: int
    mask: bool = False
    style: Style = "typed"


def word_of(kind: str) -> str:
    """The short word for an entity type in tokens and masks, at most 12 capital letters."""
    return _WORDS.get(kind) or re.sub(r"[^A-Z]", "", kind.upper())[:12] or "DATA"


def mask_of(kind: str) -> str:
    """What stands in place of masked data of a type, for instance `[PERSON]`. It says nothing about the value."""
    return f"[{word_of(kind)}]"


# ---------------------------------------------------------------- conversations


def conversation_of(request: Request) -> str:
    """What makes this request one conversation with others: the session that the caller names, or its first words.

    A chat sends its history again, so turn 9 begins with the first user message of turn 1.
    """
    if request.session is not None:
        return session_conversation(request.session, request.user)
    messages = request.conversation()
    first = next((message for message in messages if message.role == "user"), messages[0])
    said = first.model_dump_json(exclude={"role"}, exclude_none=True)
    return "m:" + sha256(json.dumps([request.user, said]).encode()).hexdigest()


def session_conversation(session: str, user: str | None = None) -> str:
    """The conversation of a named session; two users of one session name have each their own."""
    return "s:" + json.dumps([user, session])


def remembered(conversation: str) -> bool:
    """Whether the caller named the conversation. One that is known by its first words may be shared by strangers."""
    return conversation.startswith("s:")


# ---------------------------------------------------------------- tokens


class Pseudonyms:
    """Replaces personal data in the texts of one request, in the order of the conversation.

    Args:
        secret: key that no provider knows; not empty.
        tenant: whose request it is.
        conversation: `conversation_of` it.
        known: tokens of earlier turns with what they stand for, where they are remembered.
    """

    def __init__(self, secret: bytes, tenant: str, conversation: str, known: Mapping[str, str] | None = None) -> None:
        if not secret:
            raise ValueError("pseudonyms need a secret")
        self._key = HKDF(SHA256(), 32, salt=None, info=b"stepwell pseudonyms\0" + tenant.encode()).derive(secret)
        self._conversation = conversation
        self._known = dict(known or {})
        self._issued: dict[str, str] = {}
        self._replaced: Counter[str] = Counter()
        self._masked: Counter[str] = Counter()
        self._tokens: dict[tuple[str, str], str] = {}
        self._bases: dict[tuple[str, str], str] = {}
        self._owners: dict[str, str] = {}
        self._forms: Counter[str] = Counter()
        self._people: dict[str, set[str]] = {}
        self._literals: set[str] = set()
        self._texts: list[str] = []
        self._made: dict[tuple[str, str], str] = {}
        for token, value in self._known.items():
            self._remember(token, value)

    @property
    def issued(self) -> Mapping[str, str]:
        """Token -> what stood there, of all that `replace` put in or found of earlier turns."""
        return MappingProxyType(self._issued)

    @property
    def replaced(self) -> Mapping[str, int]:
        """How many places of each type a token or stand-in has."""
        return MappingProxyType(self._replaced)

    @property
    def masked(self) -> Mapping[str, int]:
        """How many places of each type are masked."""
        return MappingProxyType(self._masked)

    def replace(self, text: str, places: Iterable[Hidden] = ()) -> str:
        """Take the next text of the conversation; return what may be seen of it.

        A token that stands in the text already comes back as it stood there: it is remembered of an earlier turn, or is
        replaced like a value, or is none of ours. Call this for texts without personal data too, for that reason.

        Args:
            text: a text unit.
            places: what is to be hidden in it. Of places that overlap, the later one has what the earlier one left.
        """
        hidden = sorted(places, key=lambda place: place.start)
        self._texts.append(text)
        pieces, position = list[str](), 0
        for place in sorted([*hidden, *self._quoted(text, hidden)], key=lambda place: place.start):
            rest = place._replace(start=max(place.start, position))
            if rest.start >= rest.end:
                continue
            pieces.append(text[position : rest.start])
            pieces.append(self._instead(text, rest, bare=_bare(text, rest)))
            position = rest.end
        pieces.append(text[position:])
        return "".join(pieces)

    def _instead(self, text: str, place: Hidden, *, bare: bool) -> str:
        value = text[place.start : place.end]
        word = word_of(place.type)
        if place.type == _QUOTED:
            return self._quotation(value)
        if place.mask:
            self._masked[place.type] += 1
            return self._constant(word, value) if place.style == "format" and bare else mask_of(place.type)
        self._replaced[place.type] += 1
        made = self._stand_in(word, value) if place.style == "format" and bare else None
        return made or self._token(word, value)

    # ------------------------------------------------------------ typed

    def _token(self, word: str, value: str) -> str:
        token = self._tokens.get((word, value))
        if token is None:
            token = self._next_form(self._base(word, _normal(word, value)), value)
            self._tokens[word, value] = token
        self._issued[token] = value
        return token

    def _next_form(self, base: str, value: str) -> str:
        """The first token of this base that means no other text."""
        while True:
            self._forms[base] += 1
            number = self._forms[base]
            token = f"<{base}>" if number == 1 else f"<{base}_{number}>"
            if self._known.get(token, value) == value and token not in self._issued and token not in self._literals:
                return token

    def _base(self, word: str, normal: str) -> str:
        """Kind and code of a value; of a name that is part of one longer name before it, those of the longer."""
        base = self._bases.get((word, normal))
        if base is None:
            longer = self._longer(normal) if word == "PERSON" else None
            base = self._bases[word, longer] if longer is not None else self._new_base(word, normal)
            self._bases[word, normal] = base
            self._meet(word, normal)
        return base

    def _new_base(self, word: str, normal: str) -> str:
        """The shortest code that no other value of the request has."""
        code, base = _code(self._digest(word, normal)), ""
        for length in range(_CODE, _LONGEST_CODE + 1):
            base = f"{word}_{code[:length]}"
            if self._owners.setdefault(base, normal) == normal:
                break
        return base

    def _digest(self, word: str, normal: str, attempt: int = 0) -> bytes:
        parts = [self._conversation, word, normal, attempt]
        return hmac.digest(self._key, json.dumps(parts).encode(), sha256)

    def _meet(self, word: str, normal: str) -> None:
        names = normal.split()
        if word == "PERSON" and len(names) > 1:
            for name in names:
                self._people.setdefault(name, set()).add(normal)

    def _longer(self, normal: str) -> str | None:
        """The one person met before of whose name `normal` is a part."""
        names = normal.split()
        candidates = self._people.get(names[0], set()) if len(names) == 1 else set()
        if not candidates or len(candidates) > _CROWD:
            return None
        bases = {self._bases["PERSON", candidate] for candidate in candidates}
        return next(iter(candidates)) if len(bases) == 1 else None

    def _remember(self, token: str, value: str) -> None:
        """Take a token of an earlier turn for what it was, so that a truncated history gives the same ones."""
        if not TOKEN.fullmatch(token):
            return
        word, code, *form = token[1:-1].split("_")
        base, normal = f"{word}_{code}", _normal(word, value)
        self._tokens[word, value] = token
        if not form:
            self._owners[base] = normal
            self._bases[word, normal] = base
            self._meet(word, normal)

    # ------------------------------------------------------------ what stands there already

    def _quoted(self, text: str, hidden: list[Hidden]) -> Iterator[Hidden]:
        """Places outside of `hidden` that look like tokens, or are stand-ins that were issued."""
        places = [match.span() for match in TOKEN.finditer(text)] if "<" in text else []
        if self._made:
            places += [(edit.start, edit.end) for edit in Issued(dict.fromkeys(self._made.values(), "")).found(text)]
        taken = iter(hidden)
        next_one = next(taken, None)
        for start, end in sorted(places):
            while next_one is not None and next_one.end <= start:
                next_one = next(taken, None)
            if next_one is None or next_one.start >= end:
                yield Hidden(_QUOTED, start, end)

    def _quotation(self, literal: str) -> str:
        if literal in self._known:
            self._issued[literal] = self._known[literal]
            return literal
        if literal not in self._issued:
            self._literals.add(literal)
            return literal
        if not TOKEN.fullmatch(literal):
            return self._token("DATA", literal)
        word, code = literal[1:-1].split("_")[:2]
        token = self._tokens.get((word, literal)) or self._next_form(f"{word}_{code}", literal)
        self._tokens[word, literal] = token
        self._issued[token] = literal
        return token

    # ------------------------------------------------------------ format

    def _stand_in(self, word: str, value: str) -> str | None:
        """A stand-in that occurs in no text so far; None where its kind has no form, or none is free."""
        made = self._made.get((word, value))
        for attempt in range(_TRIES if made is None else 0):
            made = surrogate(word, value, self._digest(f"{word} form", _normal(word, value), attempt))
            if made is None or self._is_free(made):
                break
            made = None
        if made is not None:
            self._made[word, value] = made
            self._issued[made] = value
        return made

    def _is_free(self, made: str) -> bool:
        near = any(made in other or other in made for other in self._made.values())
        return not near and not any(made in text for text in self._texts)

    def _constant(self, word: str, value: str) -> str:
        """A stand-in that depends on the shape alone."""
        return surrogate(word, value, bytes(32)) or f"[{word}]"


def _bare(text: str, place: Hidden) -> bool:
    """Whether no letter or digit goes on at either end, so that a stand-in is found again as what it is."""
    before, after = text[max(0, place.start - 2) : place.start], text[place.end : place.end + 1]
    return not (re.search(r"\w$|\d[.,]$", before) or re.match(r"\w", after))


def _code(digest: bytes) -> str:
    number, made = int.from_bytes(digest[:8]), list[str]()
    for _ in range(_LONGEST_CODE):
        number, place = divmod(number, len(_ALPHABET))
        made.append(_ALPHABET[place])
    return "".join(made)


def _normal(word: str, value: str) -> str:
    """The form in which two ways to write the same value are equal."""
    if word in _EXACT:
        return value
    folded = unicodedata.normalize("NFKC", value).casefold()
    if word in _NUMBERS:
        kept = "".join(str(unicodedata.digit(character)) for character in folded if character.isdigit())
    elif word in _CODES:
        kept = "".join(character for character in folded if character.isalnum())
    elif word == "PERSON":
        names = [_POSSESSIVE.sub("", name.strip(_POINTS)).strip(_POINTS) for name in folded.split()]
        kept = " ".join([name for name in names if name and name not in _TITLES] or names)
    else:
        kept = " ".join(folded.split())
    return kept or folded
