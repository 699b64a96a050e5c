"""Ordinary English words for what surrounds names: nouns, verbs and adjectives of the stock pipeline's own tables.

A word counts when the tables of the lemmatizer know it and the pipeline met it in training; names of people and places
are taken out.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from pydoc_data import topics
from random import Random
from typing import Final

import spacy.util
from faker.providers.company import Provider as Phrases
from faker.providers.job.en_US import Provider as Jobs
from faker.providers.lorem.en_US import Provider as Common
from spacy.lookups import Lookups

from pipeline.adapters.pii.labels import MODEL
from pipeline.adapters.pii.training.lists import listed
from pipeline.adapters.pii.training.pools import LOCALES, listed_names, pools, world_cities

__all__ = ["COMMON", "JOBS", "Words", "catch_phrase", "ordinary", "prose", "words"]

_ABSTRACT: Final = listed("abstract")
COMMON: Final = tuple(Common.word_list)
JOBS: Final = tuple(Jobs.jobs)


@dataclass(frozen=True, slots=True)
class Words:
    """Lower-case words by kind, each sorted."""

    noun: tuple[str, ...]
    nouns: tuple[str, ...]
    adj: tuple[str, ...]
    adv: tuple[str, ...]
    verb: tuple[str, ...]
    verbs: tuple[str, ...]
    verbed: tuple[str, ...]
    verbing: tuple[str, ...]
    mass: tuple[str, ...]


def _folder() -> Path:
    return next(Path(spacy.util.get_package_path(MODEL)).glob(f"{MODEL}-*"))


@lru_cache(maxsize=1)
def _index() -> dict[str, set[str]]:
    index: dict[str, set[str]] = Lookups().from_disk(_folder() / "lemmatizer" / "lookups").get_table("lemma_index")
    return index


@lru_cache(maxsize=1)
def words() -> Words:
    """The vocabulary, read from the stock pipeline's folder."""
    met = set(json.loads((_folder() / "vocab" / "strings.json").read_text(encoding="utf-8")))
    index, taken = _index(), _names()

    def known(kind: str) -> list[str]:
        return sorted(w for w in index[kind] if w.isalpha() and len(w) > 2 and w in met and w not in taken)

    def formed(stems: Iterable[str], ending: str) -> tuple[str, ...]:
        return tuple(
            form for stem in stems if (form := stem.removesuffix("e" if ending != "s" else "") + ending) in met
        )

    nouns, verbs = [noun for noun in known("noun") if f"{noun}s" in met], known("verb")  # a plural: seldom a name
    return Words(
        tuple(nouns), formed(nouns, "s"), tuple(known("adj")), tuple(known("adv")),
        tuple(verbs), formed(verbs, "s"), formed(verbs, "ed"), formed(verbs, "ing"),
        tuple(noun for noun in known("noun") if noun.endswith(_ABSTRACT)),
    )  # fmt: skip


@lru_cache(maxsize=1)
def _names() -> frozenset[str]:
    """Every given name, surname and town that Faker knows in the locales used, in lower case."""
    known = {name for locale in LOCALES for name in listed_names(locale)}
    known |= {name for pool in pools(0) for name in (*pool.first, *pool.last, *pool.cities)} | set(world_cities())
    return frozenset(word for name in known for word in (name.lower(), *name.lower().split()))


def ordinary() -> tuple[str, ...]:
    """Words that alone are hardly anybody's name: what `pipeline.adapters.pii.ordinary` keeps in its file."""
    every = words()
    abstract = {word for word in _index()["noun"] if word.isalpha() and word.endswith(_ABSTRACT)} - _names()
    known = {word for kind in Words.__slots__ for word in getattr(every, kind)}
    return tuple(sorted(known | abstract | {word.lower() for word in COMMON} - _names()))


def catch_phrase(chance: Random) -> str:
    """A phrase of business English."""
    groups: tuple[tuple[str, ...], ...] = chance.choice((Phrases.bsWords, Phrases.catch_phrase_words))  # type: ignore[arg-type]
    return " ".join(map(chance.choice, groups))


@lru_cache(maxsize=1)
def prose() -> tuple[str, ...]:
    """Paragraphs of the Python language's reference, which speaks of no person. It differs between versions."""
    paragraphs = (
        " ".join(part.split()) for topic in sorted(topics.topics) for part in topics.topics[topic].split("\n\n")
    )
    return tuple(dict.fromkeys(text[:400] for text in paragraphs if len(text) > 60 and text.count(" ") > 8))
