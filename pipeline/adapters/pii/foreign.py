"""Signs of another language in few words, where counting letters cannot tell yet.

What decides are the words in lower case, because names belong to no language: the function words of other languages
(spaCy's lists), without those that are English words too, and words that no English text would use.
"""

import re
from importlib import import_module
from typing import Any, Final

from pipeline.adapters.pii.ordinary import ordinary

__all__ = ["UNKNOWN", "ForeignWords"]

UNKNOWN: Final = "und"
"""The code for a language that is not English, and that nothing names (ISO 639-2: undetermined)."""
_LISTS: Final = (
    "de", "fr", "es", "it", "pt", "nl", "pl", "sv", "da", "nb", "fi", "hr", "ro", "cs", "hu", "tr", "ca", "id", "sk",
    "sl", "sq",
)  # fmt: skip
_ASKED: Final = {
    "de": "bitte frag frage fragen ruf rufe anrufen schreib schreibe schreiben sag sage gib zeig schick schicke "
    "schicken wer heißt heiße danke hallo",
    "fr": "appelle appelez demande demandez écris écrivez envoie envoyez dis donne bonjour merci",
    "es": "pregunta pregúntale llama llamo escribe escríbele dile envía busca habla hola gracias",
    "it": "chiedi chiama chiamo scrivi invia cerca parla dimmi ciao grazie",
    "pt": "pergunta pergunte ligue chame escreva envie fale obrigado olá",
    "nl": "vraag schrijf stuur zoek zeg heet bedankt hallo",
    "pl": "zapytaj spytaj zadzwoń napisz wyślij proszę dziękuję cześć nazywam",
    "sv": "fråga skriv heter vem skicka tack",
}
"""Words with which a request begins; a list of function words has none of them."""
_REQUESTS: Final = frozenset(" ".join(_ASKED.values()).split())
_LOANS: Final = (
    "la el le de en et al vs via per mi mon ha hi ok mr ms dr st van von merci hola ciao los las ai boa lima tom "
    "jim ben sam tim dan kim ned sue jane andre"
)
"""In English sentences often enough: parts of names, loans and abbreviations. They weigh as unknown words."""
_PAST: Final = (
    "met went got said ran told sent gave took came knew made paid bought sold kept left felt found thought brought "
    "had wrote spoke drove ate fell grew held led lost read rode rose sang sat saw shot sang slept spent stood swam "
    "taught threw wore won women men children people its im dont cant ive didnt doesnt isnt wont whats thats "
    "youre id ill app apps ya yes hello thanks thank hey please pls an am was so hat son ring bell "
    "car cars store todo ad ads oh til till land pan ham hay dies yo um tack usa tow ore sub fan gross ale duke etc sen"
)
"""What the list of ordinary words lacks: irregular forms, apostrophes left out, words that are names too."""
_PARTICLES: Final = (
    "de del della der den des di da do dos du la le las los el al bin ibn ben van von vom zu zur ten ter y e "
    "dei dalla dello delle degli rue rua via ul trg"
)
_OF_NAMES: Final = frozenset(_PARTICLES.split())
_WORD: Final = re.compile(r"(?<!\S)[('“„«¿¡]*([^\W\d_]+(?:['’-][^\W\d_]+)*)[.,;:!?)'”“»…]*(?!\S)")
_FEW: Final = 3
"""Unknown words below which a text may be a name in lower case, or slang."""


class ForeignWords:
    """Tells a language by its small words. A call takes some tens of microseconds."""

    def __init__(self) -> None:
        self._english = frozenset({*_stop_words("en"), *_PAST.split()})
        self._lists = {code: {*_stop_words(code), *_ASKED.get(code, "").split()} for code in _LISTS}
        words = {word for listed in self._lists.values() for word in listed if len(word) > 1 or not word.isascii()}
        self._foreign = frozenset(word for word in words - set(_LOANS.split()) if not self._is_english(word))

    def language(self, text: str) -> str | None:
        """The language that most foreign words of `text` are of, `und` when no list knows them; None when English."""
        first, running = _words(text.lower() if text.isupper() else text)
        first -= set() if running else self._foreign - _REQUESTS
        numbers = any(map(str.isdigit, text))  # among them a word that no list has may be a street or a firm
        telling = (running | first) & self._foreign
        words = running | telling
        if telling:
            language = max(_LISTS, key=lambda code: (len(self._lists[code] & telling), len(self._lists[code] & words)))
            english = self._english_of(words - self._lists[language])
            if numbers:
                words = english | words & self._lists[language]
            return language if len(words) > 2 * len(english) else None
        if numbers or text.isupper():
            return None
        strange = words - self._english_of(words)
        return UNKNOWN if len(strange) >= _FEW and 3 * len(strange) > 2 * len(words) else None

    def _english_of(self, words: set[str]) -> set[str]:
        return {word for word in words if self._is_english(word)}

    def _is_english(self, word: str) -> bool:
        return word in self._english or ordinary(word) or re.split("['’]", word)[0] in self._english


def _words(text: str) -> tuple[set[str], set[str]]:
    """The word that begins `text`, if more follow; and those in lower case that are part of no name."""
    found = _WORD.findall(text)
    pairs = zip(found, [*found, ""][1:], strict=True)
    running = {word for word, after in pairs if word.islower() and not (word in _OF_NAMES and after[:1].isupper())}
    first = {word.lower() for word in found[:1] if word.istitle() and found[1:]}
    return first, {word for word in running if len(word) > 1 or not word.isascii()}


def _stop_words(language: str) -> set[str]:
    lists: Any = import_module(f"spacy.lang.{language}.stop_words")
    return {str(word) for word in lists.STOP_WORDS}
