"""The language of a text is told where it is clear, and a language without names is never passed over in silence."""

import importlib.util
import subprocess
import sys

import pytest

from pipeline.adapters.pii import languages
from pipeline.adapters.pii.languages import LanguageGuess, model_for, without_pipeline

CLEAR = {
    "en": "Please write back to me before the weekend, since I have to tell the others what we are going to do.",
    "fr": "Pouvez-vous me répondre avant la fin de la semaine, parce que je dois prévenir les autres ?",
    "de": "Bitte antworten Sie mir noch vor dem Wochenende, weil ich den anderen Bescheid geben muss.",
    "es": "Por favor, contésteme antes del fin de semana, porque tengo que avisar a los demás.",
    "it": "Per favore, rispondimi prima della fine della settimana, perché devo avvisare gli altri.",
    "pt": "Por favor, responda antes do fim de semana, porque preciso de avisar os outros.",
    "nl": "Wil je me voor het weekend antwoorden, omdat ik het de anderen nog moet vertellen?",
    "pl": "Proszę odpisać mi przed weekendem, ponieważ muszę zawiadomić pozostałych.",
    "sv": "Kan du svara mig före helgen, eftersom jag måste säga till de andra?",
    "ru": "Ответьте, пожалуйста, до выходных.",
    "el": "Απαντήστε μου πριν από το Σαββατοκύριακο.",
    "ja": "週末までにお返事をください。",
    "zh": "请在周末之前给我回信。",
    "ko": "주말 전에 답장해 주세요.",
    "ar": "أرجو الرد قبل نهاية الأسبوع",
    "he": "נא להשיב לפני סוף השבוע",
}
UNCLEAR = (
    "", "ok", "merci", "1 2 3 4 5", "(((" * 300, "a." * 300, "x = 1", "SELECT id FROM t WHERE n = 5",
    '{"id": 1, "sku": "abc", "total": 12.5}', "🎉" * 50,
)  # fmt: skip


@pytest.fixture(scope="module")
def guess() -> LanguageGuess:
    return LanguageGuess()


@pytest.mark.parametrize("language", CLEAR)
def test_a_sentence_is_told(guess: LanguageGuess, language: str) -> None:
    assert guess.language(CLEAR[language]) == language


@pytest.mark.parametrize("text", UNCLEAR)
def test_what_is_short_or_no_language_is_not_told(guess: LanguageGuess, text: str) -> None:
    assert guess.language(text) is None


def test_names_and_streets_of_another_country_do_not_make_a_text_foreign(guess: LanguageGuess) -> None:
    text = "Please send the parcel to Przemysław Wiśniewski, ulica Marszałkowska 12, Warszawa, or call him when "
    text += "you are there; he will come down and open the door."
    assert guess.language(text) == "en"


@pytest.mark.parametrize("name", ["Οδυσσέας Μπραντβόλντος", "Одалис Брандвольдова"])
def test_a_name_in_letters_of_its_own_does_not_make_a_sentence_foreign(guess: LanguageGuess, name: str) -> None:
    assert guess.language(f"my guest is {name}") is None
    assert guess.language(name) is not None


def test_a_word_in_other_letters_does_not_make_a_foreign_sentence_english(guess: LanguageGuess) -> None:
    assert guess.language(CLEAR["el"] + " " + CLEAR["ru"] + " ok email") is not None
    assert guess.language("Απαντήστε μου στο email πριν από το Σαββατοκύριακο") == "el"


def test_capitals_do_not_hide_a_language(guess: LanguageGuess) -> None:
    assert guess.language(CLEAR["fr"].upper()) == "fr"


@pytest.mark.parametrize("text", ["\ud800" * 100, "\x00" * 100, "ﷺ" * 50, "𝒜" * 60])
def test_no_text_is_trouble(guess: LanguageGuess, text: str) -> None:
    guess.language(text)


def test_a_configured_language_is_told_although_it_is_rare() -> None:
    assert (
        LanguageGuess(["is"]).language("Vinsamlegast svaraðu mér fyrir helgi, því ég þarf að láta hina vita.") == "is"
    )


def test_english_is_there_and_a_language_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name if name == languages.MODELS["en"][0] else None)
    assert without_pipeline(["en", "fr", "de", "tlh"]) == ("fr", "de", "tlh")


def test_the_pipeline_for_many_languages_stands_in_for_one_that_is_not_installed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: name if name in {"xx_ent_wiki_sm", "fr_core_news_sm"} else None
    )
    assert [model_for(language) for language in ("fr", "de", "tlh")] == ["fr_core_news_sm", *["xx_ent_wiki_sm"] * 2]
    assert without_pipeline(["fr", "de", "tlh"]) == ()


def test_asking_what_is_installed_loads_neither_spacy_nor_py3langid() -> None:
    code = (
        "import sys; from pipeline.adapters.pii.languages import without_pipeline; without_pipeline(['en', 'fr']);"
        "print([name for name in ('spacy', 'py3langid', 'numpy') if name in sys.modules])"
    )
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
    )


def test_names_and_repeated_sentences_do_not_decide(guess: LanguageGuess) -> None:
    assert guess.language("John Smith met Odalys Quintero in Berlin. " * 1200) is None


@pytest.mark.parametrize(("text", "language"), [("Frag mal Günther Österreicher.", "de"), ("Ask Günther", None)])
def test_small_words_tell_what_is_too_short_for_its_letters(
    guess: LanguageGuess, text: str, language: str | None
) -> None:
    assert guess.language(text) == language
