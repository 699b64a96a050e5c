"""In which language a text is, and which installed pipeline knows its names.

A detector of names that reads a language it never learnt finds little and says nothing of it. So each text is asked
for its language first, by `py3langid` (naive Bayes over byte n-grams; Lui and Baldwin 2012). Letters that belong to
one script alone decide by themselves. Only what is long enough and clear counts; what is short is asked for words of
another language (see `foreign`), and without such a word it is the first configured.

At import this module loads neither py3langid nor spaCy; `LanguageGuess` does, in the scan process.
"""

import importlib
import importlib.util
import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from importlib.metadata import version
from typing import Any, Final

from pipeline.adapters.pii.foreign import ForeignWords
from pipeline.adapters.pii.labels import LABELS, MODEL

__all__ = ["LABELS_OF_ALL", "LanguageGuess", "model_for", "without_pipeline"]

MODELS: Final[dict[str, tuple[str, ...]]] = {
    "en": (MODEL, "en_core_web_sm"),
    "zh": ("zh_core_web_sm",),
    **{
        language: (f"{language}_core_news_sm",)
        for language in (
            "ca", "da", "de", "el", "es", "fi", "fr", "hr", "it", "ja", "ko", "lt", "mk", "nb", "nl", "pl", "pt", "ro",
            "ru", "sl", "sv", "uk",
        )
    },
    "no": ("nb_core_news_sm",),
}  # fmt: skip
"""By language the packages that may hold its pipeline, best first. Their licences differ: who runs Stepwell chooses."""
FALLBACK: Final = "xx_ent_wiki_sm"
"""Knows people, places and organisations of many European languages; worse than a pipeline of the language alone."""

LABELS_OF_ALL: Final = {
    **LABELS,
    "PER": "PERSON",
    "PRS": "PERSON",
    "persName": "PERSON",
    "placeName": "LOCATION",
    "geogName": "LOCATION",
    "GPE_LOC": "LOCATION",
    "GPE_ORG": "LOCATION",
    "orgName": "ORG",
    "ORGANIZATION": "ORG",
    "NAT_REL_POL": "NRP",
    "PS": "PERSON",
    "LC": "LOCATION",
    "OG": "ORG",
}
"""What the labels of the pipelines above mean in our words. Labels of time, works and quantities are left out."""

ENOUGH: Final = 40
"""Letters below which a text of Latin letters is too short to tell."""
SURE: Final = 0.75
_SAMPLE: Final = 1000
_PLAIN: Final = re.compile(r"\b[^\W\d_]+\b")
_FOREIGN: Final = 6
"""Letters of another script below which they are an ornament."""
_PLAUSIBLE: Final = frozenset(
    {
        "ar", "bg", "bn", "ca", "cs", "da", "de", "el", "en", "es", "et", "fa", "fi", "fr", "he", "hi", "hr", "hu",
        "id", "it", "ja", "ko", "lt", "lv", "mk", "nl", "no", "pl", "pt", "ro", "ru", "sk", "sl", "sq", "sr", "sv",
        "sw", "th", "tl", "tr", "uk", "ur", "vi", "zh",
    }
)  # fmt: skip
"""Languages in which a prompt is likely to be. The fewer, the rarer a short English text is taken for Occitan."""
_OF_SCRIPT: Final = {
    "GREEK": "el",
    "HEBREW": "he",
    "THAI": "th",
    "HANGUL": "ko",
    "HIRAGANA": "ja",
    "KATAKANA": "ja",
    "GEORGIAN": "ka",
    "ARMENIAN": "hy",
    "TAMIL": "ta",
    "TELUGU": "te",
    "BENGALI": "bn",
}
"""Scripts that stand for one language; a text in another script than Latin, and in none of these, is asked about."""


def model_for(language: str) -> str | None:
    """The package that finds names in `language`: its own, or the one for many languages; None when none is here."""
    for package in (*MODELS.get(language, ()), FALLBACK):
        if importlib.util.find_spec(package) is not None:
            return package
    return None


def without_pipeline(languages: Sequence[str]) -> tuple[str, ...]:
    """Those of the configured languages for which no pipeline is installed: their names are not looked for."""
    return tuple(language for language in languages if model_for(language) is None)


@lru_cache(maxsize=4096)
def _script(character: str) -> str:
    return unicodedata.name(character, "").split(" ", 1)[0]


class LanguageGuess:
    """Tells languages. Loading takes about a second and 50 MiB, a guess some 30 to 100 µs.

    Args:
        configured: languages that are told besides the plausible ones.
    """

    def __init__(self, configured: Sequence[str] = ()) -> None:
        langid: Any = importlib.import_module("py3langid.langid")
        whole = langid.LanguageIdentifier.from_model_file(langid.MODEL_FILE)
        whole.set_languages((_PLAUSIBLE | set(configured)) & set(whole.nb_classes))
        self._known = langid.LanguageIdentifier(  # anew, so that the table of all languages goes
            whole.nb_ptc.copy(), whole.nb_pc, whole.nb_classes, whole.tk_nextmove, whole.tk_output,
            norm_probs=True, tk_row=whole.tk_row,
        )  # fmt: skip
        self._foreign = ForeignWords()
        self.version = f"py3langid-{version('py3langid')}"

    def language(self, text: str) -> str | None:
        """The two-letter code of the language of `text`; None when it is too short or not clear."""
        sample = text[:_SAMPLE]
        if not sample.isascii():
            foreign = Counter(map(_script, filter(str.isalpha, sample)))
            latin = foreign.pop("LATIN", 0)
            if foreign.total() >= _FOREIGN and 2 * foreign.total() >= latin and not _only_names(sample):
                return self._of_script(foreign, sample)
        running = _running(sample)
        told = self._guess(running) if sum(map(str.isalpha, running)) >= ENOUGH else None
        return told or self._foreign.language(sample)

    def _of_script(self, foreign: Counter[str], sample: str) -> str | None:
        if foreign["HIRAGANA"] + foreign["KATAKANA"]:
            return "ja"
        script = foreign.most_common(1)[0][0]
        return _OF_SCRIPT.get(script) or str(self._known.classify(sample)[0])

    def _guess(self, sample: str) -> str | None:
        language, sure = self._known.classify(sample)
        return str(language) if sure >= SURE else None


def _only_names(sample: str) -> bool:
    """Whether Latin letters say all but the names: a sentence is not Greek for the Greek who is named in it."""
    running = [word for word in _PLAIN.findall(sample) if not word[0].isupper()]
    latin = sum(len(word) for word in running if _script(word[0]) == "LATIN")
    return latin >= _FOREIGN and 4 * (sum(map(len, running)) - latin) < latin


def _running(sample: str) -> str:
    """Each word in lower case once: names belong to no language, and repeating a word does not make it clearer."""
    words = _PLAIN.findall(sample.lower() if sample.isupper() else sample)
    return " ".join(dict.fromkeys(word for word in words if word[0].islower()))
